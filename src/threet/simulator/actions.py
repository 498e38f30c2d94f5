"""`POST /exchange`: who signed, may the nonce be used, is it in time, then the action itself. Each request is logged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from threet.simulator import placing, spot
from threet.simulator.account import ZERO
from threet.simulator.exchange import Exchange
from threet.simulator.placing import BadRequest, Status
from threet.simulator.signing import UnreadableSignature, recover_signer
from threet.simulator.state import KEPT_NONCES, Account
from threet.simulator.tokens import USDC
from threet.simulator.wire import decimal_text, usd_text

DAY_MS = 86_400_000
NONCE_OLDEST_MS = 2 * DAY_MS
NONCE_NEWEST_MS = DAY_MS

Answer = dict[str, Any]


class ActionRefused(Exception):
    """The whole request is refused; the text is the venue's `response`."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A request to `/exchange` in its parts."""

    action: dict[str, Any]
    nonce: int
    signature: dict[str, Any]
    vault: str | None
    expires_after_ms: int | None

    @property
    def kind(self) -> str:
        return str(self.action["type"])


def parse_signed(body: Any) -> Signed:
    """Reads a request. Raises BadRequest."""
    if not isinstance(body, dict) or not isinstance(body.get("action"), dict) or "type" not in body["action"]:
        raise BadRequest("expected {action: {type, ...}, nonce, signature}")
    nonce, signature, expires, vault = body.get("nonce"), body.get("signature"), body.get("expiresAfter"), body.get("vaultAddress")
    if not isinstance(nonce, int) or not isinstance(signature, dict):
        raise BadRequest("nonce: expected an integer; signature: expected {r, s, v}")
    if expires is not None and not isinstance(expires, int):
        raise BadRequest("expiresAfter: expected an integer")
    return Signed(body["action"], nonce, signature, _address(vault) if vault is not None else None, expires)


def signer_of(request: Signed) -> str | None:
    """The address that signed, None where the signature cannot be read at all."""
    try:
        return recover_signer(request.action, request.nonce, request.signature, request.vault, request.expires_after_ms)
    except UnreadableSignature:
        return None


def user_of(exchange: Exchange, request: Signed, signer: str | None) -> str | None:
    """The account the request acts for, None if the signer is nobody here."""
    master = exchange.state.master_of(signer) if signer is not None else None
    if master is None or request.vault is None:
        return master
    vault = exchange.state.accounts.get(request.vault)
    return request.vault if vault is not None and vault.master == master else None


def handle(exchange: Exchange, request: Signed, signer: str | None) -> Answer:
    """Executes a request and logs it with its outcome. Raises BadRequest before anything has happened."""
    user = user_of(exchange, request, signer)
    try:
        answer = _execute(exchange, request, signer, user)
    except ActionRefused as refusal:
        answer = {"status": "err", "response": str(refusal)}
    except BadRequest as refusal:
        _log(exchange, request, signer, user, "malformed", str(refusal))
        raise
    _log(exchange, request, signer, user, answer["status"], answer["response"])
    return answer


def _log(exchange: Exchange, request: Signed, signer: str | None, user: str | None, outcome: str, answer: Any) -> None:
    exchange.journal.commit(
        "action",
        wall_ms=exchange.wall_ms(),
        signer=signer,
        user=user,
        type=request.kind,
        action=request.action,
        nonce=request.nonce,
        expires_after=request.expires_after_ms,
        vault=request.vault,
        outcome=outcome,
        answer=answer,
    )


def _execute(exchange: Exchange, request: Signed, signer: str | None, user: str | None) -> Answer:
    if user is None or signer is None:
        raise ActionRefused(f"User or API Wallet {signer or '0x' + '0' * 40} does not exist.")
    _use_nonce(exchange, signer, request.nonce)
    now = exchange.wall_ms()
    if request.expires_after_ms is not None and now > request.expires_after_ms:
        raise ActionRefused(f"Action expired: expiresAfter {request.expires_after_ms} is before the block time {now}")
    perform = _ACTIONS.get(request.kind)
    if perform is None:
        raise BadRequest(f"action type: found {request.kind!r}, expected one of {sorted(_ACTIONS)}")
    try:
        return perform(exchange, exchange.state.accounts[user], request.action)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise BadRequest(f"{request.kind}: {error!r}") from error


def _use_nonce(exchange: Exchange, signer: str, nonce: int) -> None:
    """The venue keeps the 100 highest nonces of a signer: a new one must be unused, above the lowest, and near the time."""
    now = exchange.wall_ms()
    used = exchange.state.nonces.get(signer, [])
    if nonce in used:
        raise ActionRefused(f"Invalid nonce: duplicate nonce {nonce}")
    if len(used) >= KEPT_NONCES and nonce < used[0]:
        raise ActionRefused(f"Invalid nonce: nonce too low {nonce} < {used[0]}")
    if not now - NONCE_OLDEST_MS < nonce < now + NONCE_NEWEST_MS:
        raise ActionRefused(f"Invalid nonce: nonce {nonce} is too far from the block time {now}")
    exchange.journal.commit("nonce", signer=signer, nonce=nonce)


def _order(exchange: Exchange, account: Account, action: Mapping[str, Any]) -> Answer:
    wanted = [placing.parse_order(wire) for wire in action["orders"]]
    builder = action.get("builder")
    rate = Decimal(int(builder["f"])) / 100_000 if builder else ZERO
    statuses: list[Status] = []
    parent: int | None = None
    for number, order in enumerate(wanted):
        child = action.get("grouping") == "normalTpsl" and number > 0
        if child and isinstance(statuses[0], dict) and "error" in statuses[0]:
            statuses.append(dict(statuses[0]))  # a stop without its order is not placed
            continue
        statuses.append(placing.place(exchange, account, order, parent if child else None, rate))
        if number == 0:
            parent = exchange.state.last_oid
    return _statuses("order", statuses)


def _cancel(exchange: Exchange, account: Account, action: Mapping[str, Any]) -> Answer:
    cancels = [(item["a"], exchange.state.order(item["o"])) for item in action["cancels"]]
    return _statuses("cancel", [placing.cancel(exchange, account, asset, order) for asset, order in cancels])


def _cancel_by_cloid(exchange: Exchange, account: Account, action: Mapping[str, Any]) -> Answer:
    statuses = []
    for item in action["cancels"]:
        oid = exchange.state.by_cloid.get((account.address, item["cloid"].lower()))
        order = exchange.state.order(oid) if oid is not None else None
        statuses.append(placing.cancel(exchange, account, item["asset"], order))
    return _statuses("cancel", statuses)


def _modify(exchange: Exchange, account: Account, action: Mapping[str, Any]) -> Answer:
    return _modify_each(exchange, account, [action])


def _batch_modify(exchange: Exchange, account: Account, action: Mapping[str, Any]) -> Answer:
    return _modify_each(exchange, account, action["modifies"])


def _modify_each(exchange: Exchange, account: Account, modifies: list[Any] | list[Mapping[str, Any]]) -> Answer:
    """A modification is a cancel and a new order, as on the venue: the new one has a new oid."""
    statuses: list[Status] = []
    parsed = [(item["oid"], placing.parse_order(item["order"])) for item in modifies]  # nothing is done if one is malformed
    for oid, wanted in parsed:
        if isinstance(oid, str):
            oid = exchange.state.by_cloid.get((account.address, oid.lower()))
        order = exchange.state.order(oid) if oid is not None else None
        ended = placing.cancel(exchange, account, wanted.asset, order)
        statuses.append(
            placing.place(exchange, account, wanted) if ended == "success" else {"error": "Cannot modify canceled or filled order"}
        )
    return _statuses("order", statuses)


def _update_leverage(exchange: Exchange, account: Account, action: Mapping[str, Any]) -> Answer:
    listing = exchange.market.by_asset(action["asset"])
    leverage = action["leverage"]
    if listing is None or listing.spec.is_spot:
        raise ActionRefused(f"Unknown asset. asset={action['asset']}")
    if not isinstance(leverage, int) or not 1 <= leverage <= listing.spec.max_leverage:
        raise ActionRefused("Invalid leverage value")
    coin = listing.spec.name
    before = account.leverages.get(coin)
    exchange.journal.commit("leverage", address=account.address, coin=coin, value=leverage, cross=bool(action["isCross"]))
    figures = exchange.margin(account)
    if coin in account.positions and figures.initial_used > figures.account_value:
        old = before or (min(20, listing.spec.max_leverage), True)
        exchange.journal.commit("leverage", address=account.address, coin=coin, value=old[0], cross=old[1])
        raise ActionRefused("Insufficient margin to update leverage")
    return _default()


def _schedule_cancel(exchange: Exchange, account: Account, action: Mapping[str, Any]) -> Answer:
    exchange.journal.commit("cancel_at", address=account.address, at_ms=_time(action.get("time")))
    return _default()


def _time(value: object) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise BadRequest(f"time: found {value!r}, expected milliseconds as an integer")


def _answer_only(exchange: Exchange, account: Account, action: Mapping[str, Any]) -> Answer:
    """setReferrer, approveBuilderFee, noop: answered and logged, without an effect here."""
    return _default()


def _approve_agent(exchange: Exchange, account: Account, action: Mapping[str, Any]) -> Answer:
    exchange.journal.commit("agent", master=account.address, agent=_address(action["agentAddress"]))
    return _default()


def _withdraw(exchange: Exchange, account: Account, action: Mapping[str, Any]) -> Answer:
    amount = _free_amount(exchange, account, action)
    delta = {"type": "withdraw", "usdc": usd_text(amount), "nonce": action["time"], "fee": "0.0"}
    exchange.transfer(account.address, -amount, delta)
    return _default()


def _usd_send(exchange: Exchange, account: Account, action: Mapping[str, Any]) -> Answer:
    amount = _free_amount(exchange, account, action)
    target = exchange.create_account(_address(action["destination"]))
    delta = {"type": "internalTransfer", "usdc": usd_text(amount), "user": account.address, "destination": target.address, "fee": "0.0"}
    exchange.transfer(account.address, -amount, delta)
    exchange.transfer(target.address, amount, delta)
    return _default()


def _sub_account_transfer(exchange: Exchange, account: Account, action: Mapping[str, Any]) -> Answer:
    sub = exchange.state.accounts.get(_address(action["subAccountUser"]))
    if sub is None or sub.master != account.address:
        raise ActionRefused("Sub-account does not exist.")
    if not isinstance(action["usd"], int):
        raise BadRequest(f"usd: found {action['usd']!r}, expected whole micro-dollars")
    amount = Decimal(action["usd"]) / 1_000_000
    giver, taker = (account, sub) if action["isDeposit"] else (sub, account)
    if amount <= 0 or amount > exchange.margin(giver).free - exchange.order_margin(giver):
        raise ActionRefused("Insufficient balance for withdrawal")
    delta = {"type": "subAccountTransfer", "usdc": usd_text(amount), "user": giver.address, "destination": taker.address}
    exchange.transfer(giver.address, -amount, delta)
    exchange.transfer(taker.address, amount, delta)
    return _default()


def _usd_class_transfer(exchange: Exchange, account: Account, action: Mapping[str, Any]) -> Answer:
    amount, to_perp = placing.plain_number(action["amount"]), action["toPerp"]
    if not isinstance(to_perp, bool):
        raise BadRequest(f"toPerp: found {to_perp!r}, expected true or false")
    there = spot.free(exchange, account, USDC) if to_perp else exchange.margin(account).free - exchange.order_margin(account)
    if not 0 < amount <= there:
        raise ActionRefused(f"Insufficient balance for transfer. Requested {decimal_text(amount)}.")
    exchange.class_transfer(account.address, amount if to_perp else -amount)
    return _default()


def _free_amount(exchange: Exchange, account: Account, action: Mapping[str, Any]) -> Decimal:
    amount = placing.plain_number(action["amount"])
    if amount <= 0 or amount > exchange.margin(account).free - exchange.order_margin(account):
        raise ActionRefused(f"Insufficient balance for withdrawal. Requested {decimal_text(amount)}.")
    return amount


def _address(text: object) -> str:
    """Lower case with 0x. Raises BadRequest."""
    raw = str(text).lower().removeprefix("0x")
    if len(raw) != 40 or not all(letter in "0123456789abcdef" for letter in raw):
        raise BadRequest(f"address: found {text!r}, expected 0x and 40 hex digits")
    return "0x" + raw


def _statuses(kind: str, statuses: list[Status]) -> Answer:
    return {"status": "ok", "response": {"type": kind, "data": {"statuses": statuses}}}


def _default() -> Answer:
    return {"status": "ok", "response": {"type": "default"}}


_ACTIONS: Mapping[str, Callable[[Exchange, Account, Mapping[str, Any]], Answer]] = {
    "order": _order,
    "cancel": _cancel,
    "cancelByCloid": _cancel_by_cloid,
    "modify": _modify,
    "batchModify": _batch_modify,
    "updateLeverage": _update_leverage,
    "scheduleCancel": _schedule_cancel,
    "setReferrer": _answer_only,
    "approveBuilderFee": _answer_only,
    "noop": _answer_only,
    "approveAgent": _approve_agent,
    "withdraw3": _withdraw,
    "usdSend": _usd_send,
    "usdClassTransfer": _usd_class_transfer,
    "subAccountTransfer": _sub_account_transfer,
}
