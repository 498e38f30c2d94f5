"""Each request that ccxt has recorded of this venue is made again by the unmodified class: the same body goes out, and it is accepted."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import ccxt
import pytest
from tests.contracts.venue_protocol import recording as rec
from tests.contracts.venue_protocol.conftest import stock_ccxt
from tests.contracts.venue_protocol.recording import KINDS, Recording
from tests.contracts.venue_protocol.recordings import COUNTS, RECORDED
from tests.support.simulator import SimulatorProcess, Wallet, make_wallet

TOKENS = {"PURR": "0.019", "UBTC": "105000", "HPENGU": "0.02"}
LISTED = {"HYPE": "29", "MEME": "0.045", "kPEPE": "0.01", "ADA": "0.5"}
OWNED = (rec.VAULT, rec.OTHER_VAULT, rec.RECEIVER)

HEX = re.compile(r"0x[0-9a-f]{1,64}")
STANDS: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys((rec.OID, rec.OTHER_OID, rec.NOW, rec.LATER, rec.NONCE), lambda value: type(value) is int),
    "<hex>": lambda value: isinstance(value, str) and HEX.fullmatch(value) is not None,
    "<27 or 28>": lambda value: value in (27, 28),
}


def as_recorded(sent: Any, expected: Any, coins: dict[int, str]) -> Any:
    """What was sent, with the words of `recordings` in place of the values that differ with each call."""
    if isinstance(sent, dict) and isinstance(expected, dict):
        named = {key: coins.get(value) if key in ("a", "asset") and type(value) is int else value for key, value in sent.items()}
        return {key: as_recorded(value, expected.get(key), coins) for key, value in named.items()}
    if isinstance(sent, list) and isinstance(expected, list) and len(sent) == len(expected):
        return [as_recorded(*pair, coins) for pair in zip(sent, expected, strict=True)]
    stands = STANDS.get(expected) if isinstance(expected, str) else None
    return expected if stands is not None and stands(sent) else sent


class Stage:
    """The simulator with the recordings' coins and accounts: each sub-account and vault is the owner's, each user has an agent."""

    def __init__(self, process: SimulatorProcess) -> None:
        self.process = process
        for coin, price in LISTED.items():
            process.list_coin(coin, price)
        for token, price in TOKENS.items():
            process.post("/sim/market", {"action": "list_spot", "token": token, "price": price})
        market = process.market()
        self.coins = {number: str(each["name"]) for number, each in enumerate(market["coins"])}
        self.coins |= {number: str(each["name"]) for number, each in enumerate(market["spot"], start=10_000)}
        self.owner = self._ccxt(make_wallet(7001))
        for address in OWNED:
            process.post("/sim/accounts", {"address": address, "master": self.owner.walletAddress, "deposit_usd": 100_000})
        self.users_order = self._live(rec.USER, rec.ETH, None)
        self._live(rec.OWNER, rec.SOL, rec.OTHER_CLOID)
        process.post("/sim/accounts", {"address": rec.OWNERS_SUB, "master": rec.OWNER, "deposit_usd": 1000})

    def exchange_for(self, row: Recording) -> Any:
        """The owner where the owner's accounts are named, else somebody new."""
        named = json.dumps([row.args, row.options]).lower()
        exchange = self.owner if any(address[2:] in named for address in OWNED) else self._ccxt(make_wallet(8000 + RECORDED.index(row)))
        exchange.options.pop("vaultAddress", None)
        exchange.options.pop("subAccountAddress", None)
        exchange.options.update(row.options)
        return exchange

    def prepare(self, row: Recording, exchange: Any) -> dict[str, int]:
        """Sets the marks, brings about what has to be there before, and returns what the words for orders stand for."""
        for coin, price in row.marks.items():
            self.process.set_price(coin, price)
        mark = float(self.process.mark("SOL"))
        if row.needs in ("long", "short"):
            exchange.create_order(rec.SOL, "market", "buy" if row.needs == "long" else "sell", 3.34, mark)
        if row.needs.endswith("spot side"):
            exchange.transfer("USDC", 100, "swap", "spot")
        if row.needs == "order on the spot side":
            return {rec.OID: int(exchange.create_order(rec.PURR, "limit", "buy", 1000, 0.015)["id"])}
        if row.needs == "client order id":
            exchange.create_order(rec.SOL, "limit", "buy", 1, mark * 0.8, {"clientOrderId": rec.OTHER_CLOID})
        if row.needs == "order of the user":
            return {rec.OID: self.users_order}
        if not row.needs.startswith("order"):
            return {}
        vault = {"vaultAddress": rec.VAULT} if row.needs.endswith("vault") else {}
        first = exchange.create_order(rec.SOL, "limit", "buy", 1, mark * 0.8, dict(vault))
        other = (rec.ADA, 100, 0.4) if row.needs.endswith("coins") else (rec.SOL, 1, mark * 0.8)
        second = exchange.create_order(other[0], "limit", "buy", other[1], other[2], dict(vault))
        return {rec.OID: int(first["id"]), rec.OTHER_OID: int(second["id"])}

    def _live(self, address: str, symbol: str, cloid: str | None) -> int:
        """Gives an address that nobody here has the key of a position and a resting order, through an agent."""
        agent = make_wallet(int(address[2:8], 16))
        self.process.fund(address, "10000")
        self.process.approve_agent(address, agent.address)
        exchange = stock_ccxt(self.process, agent, address)
        mark = float(self.process.mark(symbol.partition("/")[0]))
        exchange.create_order(symbol, "market", "buy", 1, mark)
        resting = exchange.create_order(symbol, "limit", "buy", 1, mark * 0.7, {"clientOrderId": cloid} if cloid else {})
        return int(resting["id"])

    def _ccxt(self, wallet: Wallet) -> Any:
        self.process.fund(wallet.address, "100000")
        exchange = stock_ccxt(self.process, wallet)
        exchange.load_markets()
        return exchange


@pytest.fixture(scope="module")
def stage(process: SimulatorProcess) -> Stage:
    return Stage(process)


def call(exchange: Any, row: Recording, orders: dict[str, int]) -> Any:
    """Makes the recorded call."""
    name = re.sub("(?<=[a-z])([A-Z]+)", lambda found: "_" + found.group(1).lower(), row.method)
    args = json.loads(json.dumps(row.args))
    for word, oid in orders.items():
        args = json.loads(json.dumps(args).replace(json.dumps(word), json.dumps(str(oid))))
    return getattr(exchange, name)(*args)


def check_sent(exchange: Any, row: Recording, coins: dict[int, str]) -> None:
    """The body that went out last is the recorded one: keys, types and values; where it is signed, the order of the keys too."""
    expected = row.sends or row.body
    sent = as_recorded(json.loads(exchange.last_request_body), expected, coins)
    unordered = "action" not in expected
    assert json.dumps(sent, sort_keys=unordered) == json.dumps(expected, sort_keys=unordered)


def send_recorded(exchange: Any, row: Recording, coins: dict[int, str]) -> Any:
    """The recorded body itself, where the installed ccxt would send another one."""
    if "action" not in row.body:
        return exchange.publicPostInfo(row.body)
    numbers = {name: number for number, name in coins.items()}
    action = json.loads(json.dumps(row.body["action"]))
    for each in action.get("orders", []):
        each["a"] = numbers[each["a"]]
    nonce = exchange.incrementing_nonce()
    return exchange.privatePostExchange({"action": action, "nonce": nonce, "signature": exchange.sign_l1_action(action, nonce)})


def check_accepted(process: SimulatorProcess, exchange: Any, row: Recording) -> None:
    """It was understood and done: no error, neither for the whole request nor for one of its orders; what is read is there."""
    answer = json.loads(exchange.last_http_response)
    if "action" in json.loads(exchange.last_request_body):
        assert answer["status"] == "ok"
        assert "error" not in json.dumps(answer)
        assert process.actions()[-1]["outcome"] == "ok"
    else:
        assert answer == [] if row.empty else answer
        assert answer != {"status": "unknownOid"}


@pytest.mark.parametrize("row", [row for row in RECORDED if not row.refused], ids=lambda row: row.name)
def test_a_recorded_request_goes_out_again_and_is_accepted(stage: Stage, row: Recording) -> None:
    exchange = stage.exchange_for(row)
    orders = stage.prepare(row, exchange)
    call(exchange, row, orders)
    check_sent(exchange, row, stage.coins)
    check_accepted(stage.process, exchange, row)
    if row.sends is not None:
        send_recorded(exchange, row, stage.coins)
        check_accepted(stage.process, exchange, row)


def test_the_dead_mans_switch_is_set_to_the_recorded_time(stage: Stage) -> None:
    row = next(row for row in RECORDED if row.kind == "scheduleCancel")
    exchange = stage.exchange_for(row)
    call(exchange, row, {})
    sent = json.loads(exchange.last_request_body)
    assert sent["action"]["time"] == sent["nonce"] + 1


def test_a_twap_order_is_refused_aloud(stage: Stage) -> None:
    with pytest.raises(ccxt.ExchangeError, match="Failed to deserialize"):
        stage.owner.create_twap_order(rec.SOL, "buy", 1, 600_000)


@pytest.mark.parametrize("row", [row for row in RECORDED if row.refused], ids=lambda row: row.name)
def test_a_recorded_request_of_what_is_not_simulated_is_refused_aloud(stage: Stage, row: Recording) -> None:
    exchange = stage.exchange_for(row)
    before = stage.process.account(exchange.walletAddress)["cash"]
    with pytest.raises(ccxt.ExchangeError, match="Failed to deserialize"):
        call(exchange, row, {})
    check_sent(exchange, row, stage.coins)
    assert stage.process.actions()[-1]["outcome"] == "malformed"
    assert stage.process.account(exchange.walletAddress)["cash"] == before


def test_every_recorded_request_is_in_the_table() -> None:
    assert Counter(row.method for row in RECORDED) == COUNTS
    assert len({row.name for row in RECORDED}) == len(RECORDED) == 92


def test_each_recorded_request_is_of_a_kind_or_says_why_not() -> None:
    assert [row.name for row in RECORDED if (row.kind in KINDS) == bool(row.outside)] == []
    assert [row.name for row in RECORDED if row.refused and not row.outside] == [], "requests of these kinds must be accepted"


def test_every_kind_was_recorded() -> None:
    assert {row.kind for row in RECORDED if row.kind} == set(KINDS)


@pytest.mark.parametrize(
    "changed",
    [
        {"type": "l2Book", "coin": "BTC"},
        {"type": "l2Book"},
        {"type": "l2Book", "coin": "ETH", "more": 1},
        {"type": "l2Book", "coin": 1},
    ],
)
def test_another_body_is_not_taken_for_the_recorded_one(stage: Stage, changed: dict[str, Any]) -> None:
    stage.owner.last_request_body = json.dumps(changed)
    row = next(row for row in RECORDED if row.name == "fetchOrderBook: ETH")
    with pytest.raises(AssertionError):
        check_sent(stage.owner, row, stage.coins)
