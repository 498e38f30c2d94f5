"""The symbols as a trader reads them: numbers whole and in line, whatever the width of the terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal

from rich.table import Table
from rich.text import Text

from threet.cli.status.picture import Picture, SymbolView
from threet.cli.status.render import is_blocked, symbol_cells
from threet.domain.values import Unknown

_WIDE = 100
"""Columns of a terminal that has room for more than the bare numbers."""

_LEFT = ("market", "consensus", "what happens")


def markets_table(picture: Picture, width: int) -> Table:
    """A line for each symbol. Where the terminal is narrow, columns are left out and the last one is cut, but never a number."""
    wide = width >= _WIDE
    heads = ("market", "price", "votes", "target", "holds", *(("worth USD",) if wide else ()), "consensus", "what happens")
    rows = [_cells(view, name, wide, is_blocked(picture)) for view, name in zip(picture.symbols, names(picture.symbols), strict=True)]
    table = Table(box=None, pad_edge=False, expand=True)
    for number, head in enumerate(heads):
        is_last = head == heads[-1]
        needed = max((len(head), *(row[number].cell_len for row in rows)))
        table.add_column(
            head,
            justify="left" if head in _LEFT else "right",
            no_wrap=True,
            overflow="ellipsis",
            min_width=None if is_last else needed,
            ratio=1 if is_last else None,
        )
    for row in rows:
        table.add_row(*row)
    return table


def names(views: Sequence[SymbolView]) -> list[str]:
    """``BTC`` for ``BTC/USDC:USDC``, unless another symbol would be called the same."""
    bases = Counter(view.symbol.split("/")[0] for view in views)
    return [base if bases[base := view.symbol.split("/")[0]] == 1 else view.symbol for view in views]


def _cells(view: SymbolView, name: str, wide: bool, blocked: bool) -> list[Text]:
    price, votes, target, actual, _, consensus, result = symbol_cells(view, blocked)
    if not wide:
        votes = Text(votes.plain.split(" ")[0], style=votes.style)
    worth = [_worth(view)] if wide else []
    return [
        Text(name, style="bold"),
        price,
        votes,
        target,
        Text(actual.plain, style=actual.style or _side(view)),
        *worth,
        consensus,
        result,
    ]


def _side(view: SymbolView) -> str:
    if isinstance(view.actual, Unknown) or view.actual == 0:
        return ""
    return "green" if view.actual > 0 else "red"


def _worth(view: SymbolView) -> Text:
    if isinstance(view.actual, Unknown) or (isinstance(view.price, Unknown) and view.actual != 0):
        return Text("unknown", style="bold yellow")
    value = Decimal(0) if isinstance(view.price, Unknown) else view.actual * view.price.value
    return Text("0" if value == 0 else f"{value:+,.0f}", style=_side(view))
