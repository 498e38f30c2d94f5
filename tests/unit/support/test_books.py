"""The check that tests/compose puts every trade to finds the wrong ones."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from tests.support.books import Decided, traded, wrong_trades

ID = "0xab"


def _fill(before: str, size: str, side: str) -> dict[str, Any]:
    return {"coin": "BTC", "startPosition": before, "sz": size, "side": side, "cloid": ID.upper().replace("X", "x")}


def _order(side: str, contracts: str, target: str | None, kind: str = "Target") -> Decided:
    return Decided("BTC/USDC:USDC", side, Decimal(contracts), kind, None if target is None else Decimal(target))


@pytest.mark.parametrize(
    ("fill", "order"),
    [
        pytest.param(_fill("0", "2", "B"), _order("buy", "2", "2"), id="to the target"),
        pytest.param(_fill("0", "1", "B"), _order("buy", "2", "2"), id="part of the way"),
        pytest.param(_fill("3", "3", "A"), _order("sell", "3", "-2"), id="a flip goes to zero first"),
        pytest.param(_fill("-3", "3", "B"), _order("buy", "3", "0", "Flatten"), id="flattened"),
    ],
)
def test_a_trade_toward_its_target_is_right(fill: dict[str, Any], order: Decided) -> None:
    assert wrong_trades(traded([fill]), {ID: order}) == []


@pytest.mark.parametrize(
    ("fill", "order", "why"),
    [
        pytest.param(_fill("0", "2", "B"), None, "no decision", id="nobody decided it"),
        pytest.param(_fill("0", "2", "A"), _order("buy", "2", "2"), "decided buy", id="the other side"),
        pytest.param(_fill("0", "3", "B"), _order("buy", "2", "5"), "decided 2", id="more than was decided"),
        pytest.param(_fill("1", "2", "B"), _order("buy", "2", "2"), "Target 2", id="beyond the target"),
        pytest.param(_fill("2", "1", "B"), _order("buy", "1", "1"), "Target 1", id="away from the target"),
        pytest.param(_fill("0", "1", "B"), _order("buy", "1", None, "Hold"), "on Hold", id="on a hold"),
    ],
)
def test_a_wrong_trade_is_named(fill: dict[str, Any], order: Decided | None, why: str) -> None:
    (found,) = wrong_trades(traded([fill]), {} if order is None else {ID: order})
    assert found.startswith(ID)
    assert why in found


def test_the_executions_of_one_order_are_one_trade() -> None:
    newest_first = [_fill("1.5", "0.5", "B"), _fill("0", "1.5", "B")]
    (trade,) = traded(newest_first).values()
    assert (trade.before, trade.after) == (Decimal(0), Decimal(2))
