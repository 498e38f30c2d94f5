"""The end of a show: what counts as a success, from facts alone."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from tests.unit.cli.pictures import BTC, ETH, NOW, decision, entry

from threet.application.store import DecisionRecord
from threet.cli.demo.facts import by_coin, target_of
from threet.cli.demo.summary import ShowFacts, SymbolFacts, as_line, failures
from threet.cli.demo.tally import Tally
from threet.domain.values import symbol

BTC_FACTS = SymbolFacts(Decimal("0.5"), None, True, Decimal("0.5"), Decimal("0.5"), Decimal("0.8"), 1, Decimal("0.01"))
ETH_FACTS = SymbolFacts(Decimal(0), None, True, Decimal(0), Decimal(0), Decimal(3), 0, Decimal("0.1"))
GOOD = ShowFacts(4, 3, 0, 20, 18, 96, -12.5, Decimal("10001.25"), {BTC: BTC_FACTS, ETH: ETH_FACTS})


def with_btc(**changes: object) -> ShowFacts:
    return replace(GOOD, symbols={BTC: replace(BTC_FACTS, **changes), ETH: ETH_FACTS})  # type: ignore[arg-type]


def test_a_good_show_lacks_nothing() -> None:
    assert failures(GOOD) == []


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (replace(GOOD, unresolved=1), "1 orders have no known end"),
        (with_btc(max_abs_target=Decimal(0)), "a target other than zero in at least 2 symbols, was in 1"),
        (with_btc(reductions=0), "expected at least one position to be reduced"),
        (with_btc(ledger=Decimal("0.511")), "ledger holds 0.511, target 0.5: 0.011 apart, tolerated 0.01"),
        (with_btc(ledger=Decimal("-0.5")), "ledger holds -0.5, target 0.5"),
        (with_btc(target=None, why_no_target="hold: price"), "the last decision has no target: hold: price"),
        (with_btc(tolerance=None), "lacks a price or the market's rules"),
        (with_btc(target=None, why_no_target="x", is_listed=False), "the last decision has no target: x"),
    ],
)
def test_each_condition_alone_makes_a_failure(facts: ShowFacts, words: str) -> None:
    (line,) = failures(facts)
    assert words in line


@pytest.mark.parametrize("ledger", ["0.49", "0.51"])
def test_exactly_the_tolerance_apart_is_a_success(ledger: str) -> None:
    assert failures(with_btc(ledger=Decimal(ledger))) == []


def test_a_symbol_that_the_venue_does_not_list_fails_nothing_while_nothing_is_held() -> None:
    unlisted = SymbolFacts(None, "hold: not listed", False, Decimal(0), Decimal(0), Decimal(0), 0, None)
    assert failures(replace(GOOD, symbols={**GOOD.symbols, "NEW/USDC:USDC": unlisted})) == []


def test_the_platforms_own_view_is_no_proof() -> None:
    assert failures(with_btc(actual=Decimal("0.5"), ledger=Decimal(0))) != []


def test_the_line_has_exactly_the_promised_keys() -> None:
    line = json.loads(json.dumps(as_line(GOOD)))
    assert list(line) == [
        "fills",
        "orders",
        "unresolved",
        "decisions",
        "consensus_cycles",
        "runs",
        "live_pnl",
        "account_value",
        "symbols",
    ]
    assert line["symbols"][BTC] == {"target": 0.5, "actual": 0.5, "ledger": 0.5, "max_abs_target": 0.8, "reductions": 1}
    assert line["account_value"] == 10001.25


def test_what_is_unknown_is_null_and_not_zero() -> None:
    line = as_line(replace(with_btc(target=None, actual=None), account_value=None))
    assert (line["account_value"], line["symbols"][BTC]["target"], line["symbols"][BTC]["actual"]) == (None, None, None)


def record(**target: object) -> DecisionRecord:
    return decision(targets={BTC: {**entry(), "target": {"reason": None, **target}}})


@pytest.mark.parametrize(
    ("target", "held", "wanted"),
    [
        ({"kind": "Target", "contracts": "-0.5"}, "0", "-0.5"),
        ({"kind": "Flatten", "contracts": None}, "2", "0"),
        ({"kind": "ReduceOnly", "contracts": "0.5"}, "2", "0.5"),
        ({"kind": "ReduceOnly", "contracts": "0.5"}, "0.2", "0.2"),
        ({"kind": "ReduceOnly", "contracts": "0.5"}, "-1", "0"),
    ],
)
def test_each_kind_of_target_has_its_contracts(target: dict[str, object], held: str, wanted: str) -> None:
    assert target_of(record(**target), BTC, Decimal(held)) == (Decimal(wanted), None)


def test_a_hold_has_no_target() -> None:
    assert target_of(record(kind="Hold", contracts=None, reason="price"), BTC, Decimal(1)) == (None, "hold: price")
    assert target_of(None, BTC, Decimal(1)) == (None, "it was not part of a decision")


def test_coins_find_their_symbols_whatever_their_case() -> None:
    names = {symbol("KPEPE/USDC:USDC"), BTC}
    assert by_coin("kPEPE", names) == "KPEPE/USDC:USDC"
    assert by_coin("XRP", names) == "XRP"


class Decisions:
    """A store of decisions that counts how many were asked for."""

    def __init__(self, count: int) -> None:
        self.all = [decision(cycle_id=n, at=NOW + timedelta(seconds=n)) for n in range(1, count + 1)]
        self.asked: list[int] = []

    def decisions(self, limit: int) -> list[DecisionRecord]:
        self.asked.append(limit)
        return list(reversed(self.all))[:limit]


def test_every_decision_is_counted_once_however_seldom_one_looks() -> None:
    store, tally = Decisions(100), Tally(NOW + timedelta(seconds=11))
    tally.read(store)  # type: ignore[arg-type]
    assert tally.decisions == 90
    store.all.append(decision(cycle_id=101, at=NOW + timedelta(seconds=101)))
    tally.read(store)  # type: ignore[arg-type]
    tally.read(store)  # type: ignore[arg-type]
    assert tally.decisions == 91
    assert store.asked[-2:] == [2, 2]


def test_the_largest_target_is_kept_by_its_size_and_consensus_means_all_symbols() -> None:
    tally = Tally(NOW)
    tally.add(
        [
            decision(1, NOW, {BTC: entry("-0.9"), ETH: entry("1")}),
            decision(2, NOW, {BTC: entry("0.4"), ETH: entry(None, None, kind="Hold")}),
            decision(3, NOW, {}),
        ]
    )
    assert tally.max_abs_target == {BTC: Decimal("0.9"), ETH: Decimal(1)}
    assert (tally.decisions, tally.consensus_cycles) == (3, 1)
