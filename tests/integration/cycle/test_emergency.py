"""`3t flatten --emergency` beside a cycle: it needs the venue, the key and a disk alone, and the cycle knows of it afterwards."""

from __future__ import annotations

import os
import signal
import socket
import stat
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.integration.cycle.test_cycle import until
from tests.integration.cycle.test_time import Changed
from tests.support.cycle import BTC, ETH, MASTER, Desk
from tests.support.emergency import run, start, texts, wait_for_intents, write_secrets

from threet.adapters.emergency_files import EmergencyFile
from threet.application.emergency import EmergencyFlatten, EmergencyTerms
from threet.application.facts import OrderRequest
from threet.domain.errors import VenueBusy, VenueSilent
from threet.domain.rounding import limit_price
from threet.domain.values import MarketRules, OrderState, Side


@pytest.fixture(autouse=True)
def secrets(tmp_path: Path) -> Path:
    return write_secrets(tmp_path)


@pytest.fixture
def holding(desk: Desk) -> Desk:
    """Long in one symbol, short in another."""
    desk.vote({BTC: 8, ETH: -8})
    assert desk.cycle().status == "traded"
    assert desk.held(BTC) > 0 > desk.held(ETH)
    return desk


def is_flat(desk: Desk) -> bool:
    return not desk.simulator.account(MASTER.address)["positions"]


def seconds_to_flat(text: str) -> float:
    return float(text.partition("Flat after ")[2].partition(" s")[0])


def order_at_mark(desk: Desk, **changes: Any) -> OrderRequest:
    """One that opens 0.01 BTC, as the cycle would send it."""
    mark, rules = desk.market.prices([BTC])[BTC].mark, desk.market.rules([BTC])[BTC]
    assert isinstance(rules, MarketRules)
    values: dict[str, Any] = {
        "client_order_id": "0x" + "7" * 32,
        "symbol": BTC,
        "side": Side.BUY,
        "contracts": Decimal("0.01"),
        "limit_price": limit_price(mark, Side.BUY, Decimal(50), rules),
        "reduce_only": False,
        "expires_at": desk.market.exchange_time() + timedelta(seconds=float(desk.settings.reconciliation.order_expires_seconds)),
    }
    return OrderRequest(**{**values, **changes})


def test_it_closes_everything_and_the_next_cycle_has_its_orders(holding, tmp_path):
    done = run(tmp_path, "fire")
    assert done.returncode == 0, done.stdout + done.stderr
    assert is_flat(holding)
    assert seconds_to_flat(done.stdout) >= holding.settings.reconciliation.order_expires_seconds
    assert "fire" in holding.halt.reason()
    assert holding.cycle().status == "blocked"  # and yet it settles and reads
    closing = [order for order in holding.store.orders(10) if "flatten --emergency: fire" in order.reason]
    assert {order.symbol for order in closing} == {BTC, ETH}
    assert all(order.reduce_only and order.state is OrderState.FILLED and order.average_price for order in closing)
    assert texts(holding) == []
    holding.controls.resume()
    holding.cycle()
    assert all(state.lock_reason is None for state in holding.store.symbol_states().values())
    assert holding.held(BTC) > 0 > holding.held(ETH)  # the votes still stand
    nonces = [action["nonce"] for action in holding.simulator.actions()]
    assert nonces == sorted(set(nonces))  # of the signer, of the emergency beside it, and of the signer again


@pytest.mark.faults
def test_an_order_of_the_cycle_that_executes_late_is_closed_too_before_flat_is_said(desk, tmp_path):
    request = order_at_mark(desk)
    desk.simulator.fault("slow", count=1, seconds=1.5, match={"path": "exchange", "type": "order"})
    desk.trading._client.timeout = 300  # milliseconds: the signer has given up, and its turn back, long before it executes
    sender = threading.Thread(target=lambda: _silently(desk, request))
    sender.start()
    done = run(tmp_path)
    sender.join(10)
    assert done.returncode == 0, done.stdout + done.stderr
    assert is_flat(desk)
    sent = [order["r"] for action in desk.orders_at_the_venue() for order in action["action"]["orders"]]
    assert sent == [False, True]


def _silently(desk: Desk, request: OrderRequest) -> None:
    with suppress(VenueSilent):
        desk.trading.submit(request)


@pytest.mark.faults
def test_while_it_runs_the_signer_sends_nothing_and_a_second_one_is_refused(holding, tmp_path):
    holding.simulator.fault("slow", seconds=1, match={"path": "exchange", "type": "order"})
    first = start(tmp_path)
    try:
        wait_for_intents(holding)
        with pytest.raises(VenueBusy, match=rf"process {first.pid} \(an emergency\) has the signer's turn"):
            holding.trading.submit(order_at_mark(holding))
        second = run(tmp_path)
        assert second.returncode == 1
        assert f"process {first.pid} signs already" in second.stdout + second.stderr
        text, _ = first.communicate(timeout=60)
    finally:
        first.kill()
    assert first.returncode == 0, text
    assert is_flat(holding)


@pytest.mark.faults
def test_a_signer_that_hangs_in_the_middle_of_a_request_loses_its_turn(holding, tmp_path):
    with holding.trading._nonces.turn():
        done = run(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "taken away from process" in done.stdout
    assert is_flat(holding)


@pytest.mark.faults
@pytest.mark.parametrize("kind", ["lost_answer", "no_answer", "http_500"])
def test_an_order_without_an_answer_is_looked_up_and_the_rest_is_closed(holding, tmp_path, kind):
    holding.simulator.fault(kind, count=2, seconds=0.1, match={"path": "exchange", "type": "order"})
    done = run(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert is_flat(holding)
    holding.cycle()
    time.sleep(0.3)
    holding.cycle()
    assert holding.store.unsettled_orders() == []
    ids = [order["c"] for action in holding.orders_at_the_venue() for order in action["action"]["orders"]]
    assert len(ids) == len(set(ids))


def test_killed_between_intent_and_answer_the_order_is_settled_and_another_one_closes_the_rest(holding, tmp_path):
    holding.simulator.fault("slow", seconds=1, count=1, match={"path": "exchange", "type": "order"})
    first = start(tmp_path)
    wait_for_intents(holding)
    first.send_signal(signal.SIGKILL)
    first.communicate(timeout=20)
    again = run(tmp_path)
    assert again.returncode == 0, again.stdout + again.stderr
    assert is_flat(holding)
    holding.cycle()
    time.sleep(0.3)
    holding.cycle()
    assert holding.store.unsettled_orders() == []
    assert texts(holding) == []
    assert all(state.lock_reason is None for state in holding.store.symbol_states().values())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
def test_started_by_root_it_leaves_nothing_that_the_worker_cannot_use(holding, tmp_path):
    folder = holding.settings.state_folder
    for path in [folder, *folder.iterdir()]:
        os.chown(path, 65534, 65534)
    for path in folder.parents:
        if path.owner() == "root" and not path.stat().st_mode & stat.S_IXOTH:
            path.chmod(path.stat().st_mode | stat.S_IXOTH)  # pytest's folders are the tester's alone
    done = run(tmp_path, "fire")
    assert done.returncode == 0, done.stdout
    assert is_flat(holding)
    assert not [path for path in folder.rglob("*") if path.stat().st_uid != 65534]


def test_what_cannot_be_read_blocks_the_cycle_until_a_person_has_looked(holding):
    folder = holding.settings.state_folder / "emergency"
    folder.mkdir()
    (folder / "20260101T000000Z-1.jsonl").write_text('{"intent":{}}\n')
    result = holding.cycle()
    assert (result.status, result.sent) == ("blocked", [])
    assert "20260101T000000Z-1.jsonl, line 1" in result.reason


def test_where_nothing_can_be_written_down_nothing_is_sent_and_it_says_so(holding, tmp_path):
    (holding.settings.state_folder / "emergency").write_text("a file where the folder should be")
    before = len(holding.orders_at_the_venue())
    failed = run(tmp_path)
    assert failed.returncode == 1
    assert "NOT flat" in failed.stderr
    assert len(holding.orders_at_the_venue()) == before
    assert holding.halt.is_halted()


def test_without_the_key_it_names_what_is_missing_and_where_to_run_it_and_has_halted(holding, tmp_path):
    path = tmp_path / "secrets.yml"
    path.write_text("\n".join(line for line in path.read_text().splitlines() if "privateKey" not in line))
    refused = run(tmp_path)
    assert refused.returncode == 1
    assert "exchange.privateKey" in refused.stderr
    assert "celery_worker_reconcile" in refused.stderr
    assert holding.halt.is_halted()


def test_dust_that_has_grown_is_no_dust(desk):
    """What was too small to close is left alone as it is; a late order of the cycle may open the same symbol behind it."""
    desk.trading.ensure_leverage(BTC, 3)
    desk.trading.submit(order_at_mark(desk))
    coarse = {BTC: replace(desk.market.rules([BTC])[BTC], lot=Decimal("0.1"))}
    journal = EmergencyFile(desk.settings.state_folder, "drill", {})
    terms = EmergencyTerms("drill", "drill", Decimal(50), timedelta(seconds=2), timedelta(seconds=0.2))
    market = Changed(desk.market, rules=lambda names: coarse)
    flatten = EmergencyFlatten(market, desk.account, desk.trading, journal, terms, lambda now: None)
    flatten.round()
    assert len(flatten.dust) == 1
    desk.trading.submit(order_at_mark(desk, client_order_id="0x" + "8" * 32, contracts=Decimal("0.2")))
    rounds = [flatten.round()]
    until(lambda: rounds[-1].flat, lambda: rounds.append(flatten.round()))
    journal.close()
    assert desk.held(BTC) == Decimal("0.01")
    assert flatten.dust == ["BTC/USDC:USDC 0.01: less than a lot"]


@pytest.mark.faults
def test_with_the_venue_away_it_says_so_and_ends_in_time(holding, tmp_path):
    holding.simulator.fault("http_500", match={"source": "3t-emergency"})
    failed = run(tmp_path, "--timeout", "2")
    assert failed.returncode == 1
    assert "NOT flat after" in failed.stderr
    assert "clearinghouseState" in failed.stderr


@pytest.mark.faults
@pytest.mark.parametrize(
    ("away", "how"),
    [
        (("database",), "refused"),
        (("redis",), "refused"),
        (("observers",), "refused"),
        (("database", "redis", "observers"), "refused"),
        (("database", "redis", "observers"), "silent"),
    ],
)
def test_drill(holding, tmp_path, away, how, record_property):
    """Each part alone and all together: nobody listens there, or somebody takes the connection and never answers."""
    with ExitStack() as stack:
        change = {name: f"127.0.0.1:{_deaf(stack) if how == 'silent' else 9}" for name in away}
        _point_at(tmp_path / "config.yml", change)
        for observer in holding.observers:
            observer.deaf = "observers" in away
        holding.prices.deaf = "redis" in away
        if "database" not in away:  # the way through the cycle is barred
            holding.controls.flatten("test", "drill")
            assert holding.cycle().status == "held"
            assert not is_flat(holding)
        done = run(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert is_flat(holding)
    record_property("seconds_to_flat", seconds_to_flat(done.stdout))
    holding.cycle()
    assert holding.store.unsettled_orders() == []


def _point_at(config: Path, places: dict[str, str]) -> None:
    values = yaml.safe_load(config.read_text())
    if "database" in places:
        values["database"]["url"] = f"mysql+pymysql://threet@{places['database']}/3t"
    if "redis" in places:
        values["redis"]["url"] = f"redis://{places['redis']}/0"
    if "observers" in places:
        for number, node in enumerate(values["observers"]["nodes"]):
            node["url"] = f"http://{places['observers']}/{number}"
    config.write_text(yaml.safe_dump(values))


def _deaf(stack: ExitStack) -> int:
    """A port that takes connections and says nothing."""
    listener = stack.enter_context(socket.socket())
    listener.bind(("127.0.0.1", 0))
    listener.listen(50)
    return int(listener.getsockname()[1])
