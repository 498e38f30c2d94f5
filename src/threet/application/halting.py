"""What a person can command: halt, resume, flatten, adopt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from threet.application.facts import AccountSnapshot
from threet.application.ports import HaltFile
from threet.application.store import CycleStore
from threet.domain.symbol_state import SymbolState
from threet.domain.values import Symbol, Unknown


class Controls:
    """Each command may be given again without harm. ``retries``: of an adoption that a cycle overtook."""

    def __init__(self, store: CycleStore, halt: HaltFile, account: str, retries: int) -> None:
        self._store = store
        self._halt = halt
        self._account = account
        self._retries = retries

    def halt(self, who: str, reason: str) -> None:
        """The file first: it stops the next send even where the database is away, which then raises."""
        self._halt.halt(who, reason)
        self._store.set_halt(True, f"{reason} (by {who})")

    def resume(self, *, new_peak: bool = False) -> bool:
        """Clears the halt and a wanted flatten, and begins with a new peak where a loss had stopped the platform, or with ``new_peak``.

        True where the old peak was forgotten. The file goes last, so that a failure leaves it halted.
        """
        forgot = self._store.take_back_risk(always=new_peak)
        self._store.set_flatten(None)
        self._store.set_halt(False, "")
        self._halt.resume()
        return forgot

    def flatten(self, who: str, reason: str) -> None:
        """Halts what adds risk, then asks the cycle to close everything that consensus allows."""
        self.halt(who, reason)
        self._store.set_flatten(f"{reason} (by {who})")

    def adopt(self) -> int:
        """Accepts what the account holds now as ours: the baseline of later changes. The engine's locks are opened.

        Returns the number of positions. Raises ValueError while the local snapshot is not readable, or where cycles kept coming between.
        """
        for _ in range(1 + self._retries):
            known = self._store.symbol_states()
            snapshot = self._store.snapshot(self._account)
            if isinstance(snapshot, Unknown):
                raise ValueError(f"nothing to adopt yet: {snapshot.reason}")
            if not self._store.save_symbol_states(_adopted(known, snapshot.value), read=known):
                self._store.adopt(self._account)
                return sum(position.contracts != 0 for position in snapshot.value.positions)
        raise ValueError("cycles changed the same symbols again and again meanwhile; give the command again")


def _adopted(known: Mapping[Symbol, SymbolState], taken: AccountSnapshot) -> list[SymbolState]:
    return [
        replace(
            known.get(name, SymbolState(name)),
            agreed_contracts=taken.contracts(name),
            agreed_at=taken.exchange_time,
            lock_reason=None,
            locked_at=None,
            lock_sources=None,
            agreeing_rounds=0,
            needs_person=False,
            astray_contracts=Decimal(0),
        )
        for name in sorted(set(known) | {position.symbol for position in taken.positions})
    ]
