"""When `3t flatten` may say that the account is flat, and what it says before."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.unit.cli.pictures import BTC, ETH, NOW, decision, entry, order, picture, view

from threet.cli.flattening import progress
from threet.domain.values import OrderState, Unknown, symbol

MARGIN = timedelta(seconds=2)
ASKED = NOW - timedelta(seconds=30)
EXPIRED = order(expires_at=NOW - MARGIN - timedelta(milliseconds=1))
FLAT = {BTC: entry("0", "0"), ETH: entry("0", "0")}


def flat(**changes: Any) -> Any:
    values = {"last_orders": [EXPIRED], "decision": decision(targets=FLAT), **changes}
    return picture(**values)


def test_flat_is_said_of_a_later_decision_with_every_order_ended_and_expired() -> None:
    assert progress(flat(), ASKED, MARGIN).done
    assert progress(flat(last_orders=[]), ASKED, MARGIN).done


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"decision": decision(at=ASKED, targets=FLAT)}, "waiting for the next cycle"),
        ({"decision": None}, "waiting for the next cycle"),
        ({"decision": Unknown("database away")}, "database away"),
        ({"decision": decision()}, "BTC/USDC:USDC 0.5"),
        ({"decision": decision(targets={BTC: entry(actual=None), ETH: entry("0", "0")})}, "unknown"),
        ({"unresolved": [order(OrderState.UNKNOWN)]}, "1 orders have no known end"),
        ({"unresolved": Unknown("database away")}, "database away"),
        ({"last_orders": Unknown("database away")}, "database away"),
        ({"last_orders": [order(expires_at=NOW - MARGIN)]}, "may not have expired by the venue's clock by 0.0 s"),
        ({"last_orders": [EXPIRED, order(expires_at=NOW)]}, "may not have expired by the venue's clock by 2.0 s"),
    ],
)
def test_and_of_nothing_less(changes: dict[str, Any], words: str) -> None:
    told = progress(flat(**changes), ASKED, MARGIN)
    assert not told.done
    assert words in told.line


def test_it_is_the_oldest_source_whose_time_counts() -> None:
    early = entry("0", "0")
    early["sources"]["b"]["as_of"] = (NOW - timedelta(seconds=9)).isoformat()
    assert not progress(flat(decision=decision(targets={**FLAT, ETH: early})), ASKED, MARGIN).done


def test_what_is_in_no_product_is_named_and_not_waited_for() -> None:
    other = symbol("OLD/USDC:USDC")
    symbols = [view(BTC), view(ETH), view(other, is_product=False)]
    told = progress(flat(symbols=symbols, decision=decision(targets={**FLAT, other: entry("1", "1")})), ASKED, MARGIN)
    assert told.done
    assert "left alone: OLD/USDC:USDC" in told.line
