"""`3t status` names every problem with what to do, hides nothing that is unknown, and is silent where all is well."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from rich.console import Console
from tests.unit.cli.pictures import BTC, ETH, NOW, SETTINGS, decision, entry, order, picture, service, view

from threet.application.store import Control
from threet.cli.status.document import as_document
from threet.cli.status.picture import ObserverView, Picture
from threet.cli.status.problems import find_problems
from threet.cli.status.render import print_status
from threet.domain.symbol_state import SymbolState
from threet.domain.values import OrderState, Unknown

AWAY = ObserverView("b", "http://127.0.0.1:2", False, "connection refused")
LOCKED = SymbolState(BTC, lock_reason="changed by 1 without us")
ASTRAY = SymbolState(BTC, agreed_contracts=Decimal(0), astray_contracts=Decimal(-2))
BY_ANN = SymbolState(BTC, manual_reason="lunch", manual_by="ann@desk", manual_until=datetime(2026, 6, 1, 13, tzinfo=UTC))


def told(shown: Picture) -> str:
    return "\n".join(f"{problem.what} => {problem.cure}" for problem in find_problems(shown, SETTINGS))


def test_a_healthy_platform_has_no_problem() -> None:
    assert told(picture()) == ""
    assert told(picture(newest_config_hash=SETTINGS.config_hash)) == ""


def test_an_edit_is_told_once_where_it_was_handed_over_and_nothing_was_restarted() -> None:
    old = [service(same_config=False, config_hash="f" * 64)]
    problems = find_problems(picture(services=old, newest_config_hash=SETTINGS.config_hash), SETTINGS)
    assert [problem.what.split(":")[0] for problem in problems] == ["config.yml was edited"]


def test_a_service_that_left_says_nothing_of_the_config() -> None:
    gone = service("providence/9", fresh=False, left=True, same_config=False, config_hash="f" * 64)
    assert told(picture(services=[service(), gone], newest_config_hash=SETTINGS.config_hash)) == ""
    document = as_document(picture(newest_config_hash="e" * 64), [])
    assert (document["config_hash"], document["newest_config_hash"]) == (SETTINGS.config_hash, "e" * 64)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"halt_file": "ann at noon: lunch"}, "halted: ann at noon: lunch => nothing that adds risk is sent; `3t resume`"),
        ({"halt_file": Unknown("cannot look")}, "cannot look => nothing is sent while nobody can tell"),
        ({"control": Control(True, "lunch", None, None)}, "halted in the database, without a halt file here: lunch"),
        ({"control": Control(True, "x", "close it", None), "halt_file": "x"}, "flattening: close it"),
        ({"control": Unknown("the database cannot be read: away")}, "the database cannot be read: away => nothing is traded meanwhile"),
        ({"canary_ages": Unknown("refused"), "waiting": Unknown("refused")}, "Redis cannot be read: refused => no task runs meanwhile"),
        (
            {"services": [service(fresh=False, age_seconds=90.0)]},
            "celery_worker/market@host was last heard of 90 s ago (limit 60 s), and no other celery_worker runs => look into its log",
        ),
        (
            {"services": [service(), service("celery_worker_reconcile/b", same_config=False, config_hash="f" * 64)]},
            "celery_worker_reconcile/b runs config ffffffffffff",
        ),
        (
            {"services": [service(same_config=False, config_hash="f" * 64)]},
            "all services run config ffffffffffff, contract 1; this command reads config",
        ),
        (
            {"newest_config_hash": "e" * 64},
            f"config.yml was edited: the services run the one before ({SETTINGS.config_hash[:12]}, now it is eeeeeeeeeeee) => ",
        ),
        (
            {
                "newest_config_hash": "e" * 64,
                "services": [service(), service("providence/0", same_config=False, config_hash="e" * 64)],
            },
            f"not every service runs it. {SETTINGS.config_hash[:12]} (one before): celery_worker/market@host; "
            "eeeeeeeeeeee (as it is now): providence/0 => nothing is traded while they differ: `make restart` applies it",
        ),
        (
            {"newest_config_hash": Unknown("unknown key (config.yml: exchange.x)")},
            "config.yml as it is now would be refused: unknown key (config.yml: exchange.x) => mend it",
        ),
        ({"free_disk_mb": 3.4}, "has 3 MB left => what cannot be written down is not traded"),
        ({"free_disk_mb": Unknown("cannot be told: gone")}, "cannot be told: gone"),
        ({"canary_ages": Unknown("invalid username-password pair")}, "=> redis.password of secrets.yml is not that of the server"),
        ({"canary_ages": {"market": 1.0, "account": 1.0}}, "queue reconcile: no canary has run yet; 0 tasks wait"),
        ({"canary_ages": {"market": 36.0, "account": 1.0, "reconcile": 1.0}}, "queue market: the last canary ran 36 s ago (limit 35 s)"),
        ({"heartbeat_age": 31.0}, "Providence: the last heartbeat is 31 s old (limit 30 s)"),
        ({"heartbeat_age": Unknown("1 of 2 shards")}, "Providence: 1 of 2 shards => is it running?"),
        ({"decision": None}, "no reconcile cycle has run yet"),
        ({"decision": decision(at=NOW - timedelta(seconds=36))}, "the last cycle was 36 s ago (limit 35 s)"),
        (
            {"decision": decision(status="blocked", reason="clock skew: 9 s")},
            "nothing: clock skew: 9 s => set this machine's clock",
        ),
        (
            {"unresolved": [order(OrderState.UNKNOWN)]},
            "(buy 0.5 BTC/USDC:USDC) has no known end after 3 s => it is never sent again",
        ),
        ({"symbols": [view(state=LOCKED)]}, "BTC/USDC:USDC: locked: changed by 1 without us"),
        ({"symbols": [view(state=replace(LOCKED, needs_person=True))]}, "a person must look and `3t unlock` it"),
        ({"symbols": [view(state=replace(LOCKED, lock_sources="a 1, local 0"))]}, "without us; the sources said: a 1, local 0 => only red"),
        ({"symbols": [view(state=ASTRAY)]}, "BTC/USDC:USDC: the sources agree on 0, the fills make it 2 => the limits count with both"),
        ({"symbols": [view(state=BY_ANN)]}, "BTC/USDC:USDC: locked by ann@desk until 2026-06-01 13:00:00 UTC: lunch => only reducing"),
        ({"symbols": [view(decided=entry(alert="on hold for 700 s"))]}, "BTC/USDC:USDC: on hold for 700 s => look at the position"),
    ],
)
def test_each_problem_is_told_with_its_cure(change: dict[str, object], words: str) -> None:
    assert words in told(picture(**change))


@pytest.mark.parametrize(
    ("reason", "cure"),
    [
        ("market rules: NEW/USDC:USDC is not listed", "the venue does not list it"),
        ("votes: warming up, or its candles are stale", "its indicators need closed candles"),
        ("votes: shard 0 has no fresh heartbeat", "see Providence above"),
        ("votes: 23 of 47 runs are quarantined", "read quarantine/*.reason.json in its saved runs"),
        ("price: 30.0 s old, limit 10 s", "the market worker does not publish"),
        ("no consensus: dissent: local 1, b 2", "see the sources of this symbol"),
    ],
)
def test_each_hold_is_told_with_its_cure(reason: str, cure: str) -> None:
    held = entry(None, kind="Hold", reason=reason)
    assert f"BTC/USDC:USDC, ETH/USDC:USDC: holds: {reason} => {cure}" in told(picture(symbols=[view(BTC, held), view(ETH, held)])).replace(
        "wait: ", ""
    )


def test_one_observer_away_trading_goes_on_two_away_it_does_not() -> None:
    nodes = picture().observers
    one = told(picture(observers=[nodes[0], AWAY, nodes[2]]))
    two = told(picture(observers=[nodes[0], AWAY, replace(AWAY, name="c")]))
    assert one == "observer b: connection refused => 2 of 3 work, quorum 2: trading goes on with 2; start observer b again"
    assert "1 of 3 work, quorum 2: below the quorum: nothing is traded until 2 of them agree; start observer c again" in two


def without(name: str, reason: str) -> dict[str, object]:
    made = entry()
    made["sources"][name] = {"contracts": None, "as_of": None, "reason": reason}
    return made


def test_an_observer_that_answers_but_does_not_count_is_told() -> None:
    lying = without("b", "b: signature does not fit")
    assert "observer b: its last report did not count: b: signature does not fit" in told(
        picture(symbols=[view(BTC, lying), view(ETH, lying)])
    )


def test_an_observer_that_was_asked_too_soon_after_a_fill_is_no_problem() -> None:
    late = without("b", "b: 0.4 s older than our last fill or settlement of BTC/USDC:USDC allows")
    assert told(picture(symbols=[view(BTC, late)])) == ""


def test_canary_and_cycle_limits_hold_on_both_sides() -> None:
    at_limit = {"market": 35.0, "account": 35.0, "reconcile": 35.0}
    assert told(picture(canary_ages=at_limit, decision=decision(at=NOW - timedelta(seconds=35)), heartbeat_age=30.0)) == ""


def test_a_host_that_has_left_is_shown_and_no_problem() -> None:
    gone = service("celery_worker/market@3f2a9c", fresh=False, left=True, age_seconds=900.0, same_config=False, config_hash="f" * 64)
    shown = picture(services=[service(), gone])
    assert told(shown) == ""
    assert "celery_worker/market@3f2a9c  900 s       left" in shown_text(shown)
    assert as_document(shown, [])["services"]["celery_worker/market@3f2a9c"]["left"] is True


def test_json_keeps_decimals_exact_and_says_what_is_unknown() -> None:
    away = picture(heartbeat_age=Unknown("away"), halt_file=Unknown("cannot look"))
    shown = json.loads(json.dumps(as_document(away, find_problems(away, SETTINGS))))
    assert shown["account_value"] == {"value": "10000.5", "age_seconds": 1.0}
    assert shown["providence"]["heartbeat_age_seconds"] == {"unknown": "away"}
    assert shown["symbols"][BTC]["target"] == {"kind": "Target", "contracts": "0.5", "reason": None}
    assert shown["symbols"][BTC]["actual"] == "0.5"
    assert (shown["symbols"][BTC]["actual_age_seconds"], shown["symbols"][BTC]["decided_age_seconds"]) == (1.0, 2.0)
    assert list(shown["symbols"][BTC]["sources"]) == ["local", "a", "b", "c"]
    assert shown["last_orders"][0]["state"] == "FILLED"
    assert shown["halted"]["value"] is None
    assert shown["at"] == "2026-06-01T12:00:00+00:00"
    assert [problem["what"] for problem in shown["problems"]] == ["cannot look", "Providence: away"]


@pytest.mark.parametrize(
    ("file", "row", "halted"),
    [
        (None, Control(False, "", None, None), False),
        ("by ann", Control(False, "", None, None), True),
        (None, Control(True, "by bob", None, None), True),
        ("by ann", Unknown("away"), True),
        (None, Unknown("away"), None),
        (Unknown("away"), Control(False, "", None, None), None),
    ],
)
def test_halted_is_never_guessed(file: object, row: object, halted: bool | None) -> None:
    assert as_document(picture(halt_file=file, control=row), [])["halted"]["value"] is halted


def shown_text(shown: Picture) -> str:
    buffer = io.StringIO()
    print_status(Console(file=buffer, width=200), shown, find_problems(shown, SETTINGS))
    return buffer.getvalue()


@pytest.mark.parametrize(("age", "shown"), [(-0.1, "0.0 s"), (-2.0, "-2.0 s"), (9.94, "9.9 s")])
def test_what_was_written_while_it_looked_has_no_age_below_zero_but_a_clock_that_is_wrong_is_seen(age: float, shown: str) -> None:
    (line,) = (line for line in shown_text(picture(heartbeat_age=age)).splitlines() if line.startswith("providence "))
    assert f" {shown} " in line


def test_the_tables_show_each_sources_view() -> None:
    text = shown_text(picture(symbols=[view(BTC, without("b", "away"))]))
    assert "local a c +0.5, b ?" in text
    assert "No problems." not in text
    assert "No problems." in shown_text(picture())


def test_what_is_held_now_and_what_the_sources_said_then_have_their_ages() -> None:
    names, ages = shown_text(picture()).split("Symbols")[1].splitlines()[1:3]
    columns = ("votes", "target", "actual", "sources", "consensus", "what happens")
    assert [ages[names.index(column) :][:9].strip() for column in columns] == ["2.0 s ago", "2.0 s ago", "1.0 s ago", *["2.0 s ago"] * 3]


def test_without_a_decision_or_a_snapshot_no_age_is_made_up() -> None:
    bare = picture(decision=None, account_value=Unknown("away"), symbols=[replace(view(), decided=None)])
    assert "ago" not in shown_text(bare).split("Symbols")[1].split("Last orders")[0]
    symbol = as_document(bare, [])["symbols"][BTC]
    assert (symbol["actual_age_seconds"], symbol["decided_age_seconds"]) == ({"unknown": "away"}, None)


def test_a_picture_of_nothing_but_unknowns_can_be_shown() -> None:
    nothing = Unknown("[red]away[/red]")
    shown = picture(
        halt_file=nothing,
        control=nothing,
        services=nothing,
        canary_ages=nothing,
        waiting=nothing,
        heartbeat_age=nothing,
        runs=nothing,
        account_value=nothing,
        unresolved=nothing,
        last_orders=nothing,
        decision=nothing,
        symbols=[replace(view(), price=nothing, actual=nothing, decided=None)],
    )
    text = shown_text(shown)
    assert "unknown ([red]away[/red])" in text
    assert "10,000" not in text
    assert str(Decimal(0)) not in text.split("Symbols")[1].split("Last orders")[0]


def test_the_document_shows_both_locks_with_who_and_why() -> None:
    state = replace(BY_ANN, lock_reason="changed", lock_sources="a 1, local 0", unlocked="bob: seen")
    shown = as_document(picture(symbols=[view(state=state)]), [])["symbols"][BTC]
    assert shown["locked"] == "changed; by ann@desk until 2026-06-01 13:00:00 UTC: lunch"
    assert shown["lock"]["person"] == {"reason": "lunch", "by": "ann@desk", "until": "2026-06-01T13:00:00+00:00"}
    assert (shown["lock"]["engine"]["sources"], shown["lock"]["unlocked"]) == ("a 1, local 0", "bob: seen")
    assert as_document(picture(symbols=[view()]), [])["symbols"][BTC]["lock"] is None


@pytest.mark.parametrize(("trigger_price", "is_told"), [(Decimal(95), False), (None, True)])
def test_a_stop_that_rests_is_no_problem_and_another_order_past_its_expiry_is(trigger_price: Decimal | None, is_told: bool) -> None:
    old = order(OrderState.ACCEPTED, "0", expires_at=NOW - timedelta(days=3), trigger_price=trigger_price)
    told = [problem.what for problem in find_problems(picture(unresolved=[old]), SETTINGS)]
    assert any("has no known end" in what for what in told) is is_told


def test_what_is_of_other_origin_is_counted_and_reported() -> None:
    stranger = view("XRP/USDC:USDC", entry(foreign_orders=["7: +3", "8: -1 reduce-only"]), is_product=False)
    shown = picture(symbols=[view(), stranger])
    assert as_document(shown, [])["other_origin"] == {"positions": {"XRP/USDC:USDC": "0.5"}, "orders": 2}
    assert "XRP/USDC:USDC: 2 open orders of other origin: 7: +3, 8: -1 reduce-only => counted in every limit" in told(shown)
    assert as_document(picture(symbols=[replace(view(), decided=None)]), [])["other_origin"]["orders"] is None


def test_every_rejected_report_is_shown_with_its_reason_and_what_it_was_for() -> None:
    stale = {"contracts": None, "as_of": None, "reason": "a: exchange time 31.0 s ago, limit 15 s"}
    late = {"contracts": None, "as_of": None, "reason": "b: 0.4 s older than our last fill or settlement of BTC/USDC:USDC allows"}
    sources = entry()["sources"]
    shown = picture(
        symbols=[view(BTC, entry(sources={**sources, "a": stale, "b": late})), view(ETH, entry(sources={**sources, "a": stale}))]
    )
    assert as_document(shown, [])["rejected_reports"] == [
        {"source": "a", "reason": stale["reason"], "symbols": None},
        {"source": "b", "reason": late["reason"], "symbols": [BTC]},
    ]
    console = Console(file=io.StringIO(), width=200)
    print_status(console, shown, [])
    written = console.file.getvalue()  # type: ignore[attr-defined]
    assert "Reports that did not count" in written
    assert "all symbols" in written
    assert stale["reason"] in written
    assert late["reason"] in written
    assert as_document(picture(), [])["rejected_reports"] == []
