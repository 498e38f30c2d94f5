"""``docs/faults.md`` out of the matrix's cases, in a trader's words; a reason that has no such words stops it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tests.support.fault_matrix import CHANGES, FAULTS, OBSERVERS, Case, Fault

_WORDS = (
    (r"venue's clock could not be read", "the exchange's clock cannot be read"),
    (r"clock skew", "the exchange's clock and ours differ"),
    (r"fills could not be read: frontendOpenOrders", "open orders cannot be read"),
    (r"fills could not be read", "our fills cannot be read, or contradict our orders"),
    (r"no known end yet", "an order's end is not known yet"),
    (r"dissent", "the sources disagree"),
    (r"quorum", "too few observers can be believed"),
    (r"no local position: local: (observed|exchange time)", "our own reading of the account is too old"),
    (r"no local position: local: .* older than our last fill", "our own reading must first be later than our last order"),
    (r"market rules", "the markets' rules are not known"),
    (r"price: ", "the price is too old"),
    (r"transfers could not be read", "transfers cannot be read, so that nothing may grow"),
    (r"open orders|orders of others|not ours", "open orders cannot be read, so that nothing may grow"),
    (r"account value", "the sources do not agree on the account's value"),
    (r"locked", "a position changed that our fills do not explain"),
    (r"exposure: ", "what another symbol holds is not known"),
    (r"^traded", "not all of it could be sent"),
)

_HEAD = """\
# When the exchange fails

Every fault that the [simulated exchange](simulator.md) has, at every request that a decision needs, with none, one or two of the three
observers meeting it as well. In each case the votes turn from one symbol to another, so that the platform has to close one position,
cancel its stop and open the other while the fault is on (two cycles; for what concerns a single order also one).

This page is made by the test that checks it (`make faults-page`; `tests/integration/cycle/test_fault_matrix.py`), in one process on a
clock of its own, with a cycle every {cycle} s and the other limits of `config.yml`. Each case ends by comparing the exchange's books with
ours: **in none was an order sent twice or without a recorded intent, no position went beyond its cap or through zero, and every fill was
found.**

- **trades on**: both positions were as the votes want them before the fault ended.
- **waits**: nothing was sent, for the reason given. **in part**: what could be sent safely was.
- **back in 1**: so many cycles after the fault's end everything was in order: all sources agreed on every symbol, every order had its
  end, nothing was locked, and the positions were those that the votes want. The worst is **{worst}** ({seconds:.0f} s).
- **not asked**: without consensus nothing is sent, so that nothing met the fault there.

| fault | cases | traded on | waited, or traded in part | back after at most |
|---|---|---|---|---|
"""


def page(cases: Sequence[Case]) -> str:
    """The whole text. Raises ValueError for a reason that has no words yet."""
    cycle = CHANGES["schedule"]["reconcile_positions_seconds"]
    told = [_HEAD.format(cycle=cycle, worst=_cycles(max(case.back for case in cases)), seconds=max(case.seconds for case in cases))]
    by_fault = {fault.title: [case for case in cases if case.fault == fault] for fault in FAULTS}
    for title, mine in by_fault.items():
        on = sum(case.untouched for case in mine)
        told.append(
            f"| [{title}](#{_anchor(title)}) | {len(mine)} | {on} | {len(mine) - on} | {_cycles(max(case.back for case in mine))} |\n"
        )
    for fault in FAULTS:
        told.extend(_section(fault, by_fault[fault.title]))
    return "".join(told)


def _section(fault: Fault, cases: Sequence[Case]) -> Iterator[str]:
    yield f"\n## {fault.title}\n\n| at | no observer besides | one observer too | two observers too |\n|---|---|---|---|\n"
    rows: dict[str, dict[str, str]] = {}
    for case in cases:
        name = case.step.title + (", for one cycle" if len(case.step.lengths) > 1 and case.cycles == 1 else "")
        rows.setdefault(name, {})[case.observers] = _cell(case)
    alike: dict[tuple[str, ...], list[str]] = {}
    for name, cells in rows.items():
        alike.setdefault(tuple(cells[observers] for observers in OBSERVERS), []).append(name)
    yield from (f"| {'; '.join(names)} | {' | '.join(cells)} |\n" for cells, names in alike.items())


def _cell(case: Case) -> str:
    back = f", back in {case.back}"
    if case.untouched:
        return "trades on" + (back if case.back > 1 else "")
    kept = [said for said in case.said if not said.startswith("traded") and "at its target" not in said]
    why = words(kept[0] if kept else "no known end yet" if case.unresolved else case.said[-1])
    if case.hits == 0:
        return f"not asked: {why}{back}"
    return (f"in part: {why}" if case.sent else f"waits: {why}") + back


def words(said: str) -> str:
    """The first of the reasons of a cycle, in plain words. Raises ValueError."""
    for pattern, plain in _WORDS:
        if re.search(pattern, said):
            return plain
    raise ValueError(f"tests/support/fault_page.py: expected plain words for every reason, there are none for {said!r}")


def _cycles(count: int) -> str:
    return f"{count} cycle{'s' if count > 1 else ''}"


def _anchor(title: str) -> str:
    return re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")
