"""What a person can do about the locks of one symbol: put one on for a time, and open every one that is there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from threet.application.store import CycleStore
from threet.domain.symbol_state import SymbolState, locked_by_person, unlocked_by_person
from threet.domain.values import Symbol


class NotChanged(Exception):
    """Nothing was changed; the text says why."""


class Locks:
    """Each command may be given again. ``retries``: of a change that a cycle overtook."""

    def __init__(self, store: CycleStore, retries: int) -> None:
        self._store = store
        self._retries = retries

    def lock(self, name: str, *, seconds: float, who: str, why: str) -> SymbolState:
        """Locks for ``seconds`` from now, by the database's clock, in the place of an earlier lock of a person. Raises NotChanged."""
        until = self._store.now() + timedelta(seconds=seconds)
        return self._change(name, lambda state: locked_by_person(state, who=who, why=why, until=until))

    def unlock(self, name: str, *, who: str, why: str) -> SymbolState | None:
        """The state as it was before, or None where nothing was locked or astray. Raises NotChanged."""
        now = self._store.now()
        before = self._store.symbol_states().get(self._known(name))
        if before is None or not (before.locked or before.astray_contracts):
            return None
        self._change(name, lambda state: unlocked_by_person(state, who=who, why=why, now=now))
        return before

    def _change(self, name: str, change: Callable[[SymbolState], SymbolState]) -> SymbolState:
        symbol = self._known(name)
        for _ in range(1 + self._retries):
            read = self._store.symbol_states()
            changed = change(read.get(symbol, SymbolState(symbol)))
            if not self._store.save_symbol_states([changed], read=read):
                return changed
        raise NotChanged(f"cycles changed {symbol} again and again meanwhile; give the command again")

    def _known(self, name: str) -> Symbol:
        """A misspelt symbol would be locked without any effect."""
        known = {product.symbol for product in self._store.products()} | set(self._store.symbol_states())
        if Symbol(name) not in known:
            raise NotChanged(f"expected one of {', '.join(sorted(known)) or 'no symbols at all'}, was {name}")
        return Symbol(name)
