"""From one number of shards to another: the first manager of the new number hands the runs of the old shards to the new ones.

Each old shard is resumed as its own manager would have resumed it; its runs' files are brought up to its journal's end, and each new
shard's journal begins with a base that names the runs whose ids fall to it. ``adoption.json`` is the one moment of it: before that file
is there the old journals hold, and a start after a kill begins again; from then on the new ones hold, and a start goes on with the rest.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import gcd

import numpy as np

from threet.engine.descent import Ancestors
from threet.engine.engine import Engine
from threet.engine.market import SymbolMarket
from threet.engine.population import shard_of
from threet_providence.files import Folders, run_name, sync_folder, write_whole
from threet_providence.journal import JournalError, frame, other_layouts, segment_name, segment_paths, shards_of_segment
from threet_providence.quarantine import Quarantined
from threet_providence.resume import Resume
from threet_providence.snapshots import to_bytes
from threet_providence.steps import BaseRecord, BaseRun
from threet_providence.tails import tail_of

MARKER = "adoption.json"
_NEW = ".new"


@dataclass(slots=True)
class Adopted:
    """What a person should read, and the runs that could not be resumed."""

    notes: list[str] = field(default_factory=list)
    quarantined: list[Quarantined] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Source:
    """An old shard at its journal's end."""

    shard: int
    engine: Engine
    ids: dict[str, str]

    def runs(self) -> Iterator[BaseRun]:
        columns = self.engine.runs
        for slot in np.flatnonzero(columns.active).tolist():
            spec = columns.spec(slot)
            changed = self.engine.tick if columns.dirty[slot] else int(columns.changed_tick[slot])
            yield BaseRun(spec.id, spec.symbol, spec.strategy, changed)


class Adoption:
    """``engine_of`` gives an empty engine for a shard of a number of shards. To be run under the lock ``adopting``."""

    def __init__(self, folders: Folders, shards: int, engine_of: Callable[[int, int], Engine], now: Callable[[], datetime]) -> None:
        self._folders, self._shards, self._engine_of, self._now = folders, shards, engine_of, now
        self._done = Adopted()

    def run(self) -> Adopted:
        """Does nothing where the journals are of this number of shards. Raises JournalError where they cannot be gone on with."""
        root = self._folders.root
        if (root / MARKER).exists():
            self._finish()
        for path in root.glob(f"journal-*.3tj{_NEW}"):
            path.unlink()
        found = {shards_of_segment(path) for path in other_layouts(root, self._shards)}
        if not found:
            return self._done
        ours = [path for shard in range(self._shards) for path in segment_paths(root, shard, self._shards)]
        if len(found) > 1 or ours or 0 in found:
            numbers = ", ".join(str(number or "unknown") for number in sorted(found | ({self._shards} if ours else set())))
            raise JournalError(
                f"{root}: expected journals of one number of shards, found {numbers}: which of them hold the latest trades "
                "cannot be known; restore the folder from a backup"
            )
        self._adopt(found.pop())
        return self._done

    def _adopt(self, old: int) -> None:
        sources = [self._resumed(shard, old) for shard in range(old)]
        bases = {shard: self._base(shard, [s for s in sources if _share_runs(s.shard, old, shard, self._shards)]) for shard in self._all()}
        names = [segment_name(shard, self._shards, base.tick) for shard, base in bases.items()]
        for name, base in zip(names, bases.values(), strict=True):
            write_whole(self._folders.root / f"{name}{_NEW}", frame(base))
        sync_folder(self._folders.root)
        write_whole(self._folders.root / MARKER, json.dumps({"from": old, "to": self._shards, "segments": names}).encode())
        sync_folder(self._folders.root)
        self._finish()
        total = sum(len(base.runs) for base in bases.values())
        self._done.notes.append(f"{total} runs of {old} shards were handed to {self._shards} shards")

    def _all(self) -> range:
        return range(self._shards)

    def _resumed(self, shard: int, shards: int) -> _Source:
        """Brings the files up to the journal's end: what changed since a run's snapshot, and what ended."""
        engine = self._engine_of(shard, shards)
        found = Resume(self._folders, shard, shards, engine, self._now).run()
        self._done.notes += found.notes
        self._done.quarantined += found.quarantined
        written = [engine.image(slot) for slot in np.flatnonzero(engine.runs.dirty & engine.runs.active).tolist()]
        for image in written:
            write_whole(self._folders.run(image.spec.id), to_bytes(image))
        for image in found.to_save:
            write_whole(self._folders.ending / run_name(image.spec.id), to_bytes(image))
        sync_folder(self._folders.ending)
        for image in found.to_save:
            self._folders.run(image.spec.id).unlink(missing_ok=True)
        sync_folder(self._folders.root)
        for image in (*written, *found.to_save):
            tail_of(self._folders.run(image.spec.id)).unlink(missing_ok=True)  # the whole files hold all of it
        return _Source(shard, engine, found.ids)

    def _base(self, shard: int, sources: Sequence[_Source]) -> BaseRecord:
        """Where old shards had read the streams differently far, the new one goes on from the newest place."""
        engines = [source.engine for source in sources]
        rules = engines[0].rules
        ancestors = Ancestors(rules.population.descent.best)
        ancestors.load(one for engine in engines for one in engine.ancestors.all())
        if len({tuple(sorted(source.ids.items())) for source in sources}) > 1:
            names = ", ".join(str(source.shard) for source in sources)
            self._done.notes.append(f"shard {shard} begins where the one of the old shards {names} was that had read the most")
        return BaseRecord(
            tick=max(engine.tick for engine in engines),
            seed=rules.population.seed,
            interval_ms=rules.interval_ms,
            market_ms=max(engine.market_ms for engine in engines),
            ids={stream: max((s.ids[stream] for s in sources if stream in s.ids), key=_place) for stream in _keys(s.ids for s in sources)},
            products=tuple(sorted({symbol for engine in engines for symbol in engine.products})),
            next_number={k: max(e.next_number.get(k, 0) for e in engines) for k in _keys(e.next_number for e in engines)},
            born_ms={k: min(e.born_ms[k] for e in engines if k in e.born_ms) for k in _keys(e.born_ms for e in engines)},
            ancestors=ancestors.all(),
            runs=tuple(run for source in sources for run in source.runs() if shard_of(run.run_id, self._shards) == shard),
            markets=_markets(sources),
        )

    def _finish(self) -> None:
        """From the marker on: may be cut off anywhere and done again."""
        root = self._folders.root
        names, shards = self._told()
        for name in names:
            if (root / f"{name}{_NEW}").exists():
                os.replace(root / f"{name}{_NEW}", root / name)
        sync_folder(root)
        for path in other_layouts(root, shards):
            path.unlink()
        sync_folder(root)
        (root / MARKER).unlink()
        sync_folder(root)

    def _told(self) -> tuple[list[str], int]:
        path = self._folders.root / MARKER
        try:
            told = json.loads(path.read_bytes())
            return [str(name) for name in told["segments"]], int(told["to"])
        except (ValueError, KeyError, TypeError) as error:
            raise JournalError(f"{path}: {type(error).__name__}: {error}; restore the folder from a backup") from error


def _share_runs(old_shard: int, old: int, new_shard: int, new: int) -> bool:
    """Whether an id can fall to both: from 2 to 4, each new shard's runs come from one old shard, to the bit as they were there."""
    return (old_shard - new_shard) % gcd(old, new) == 0


def _markets(sources: Sequence[_Source]) -> dict[str, SymbolMarket]:
    """Per symbol the window that ends last, and the mark of the shard that had read the most prices."""
    by_prices = sorted(sources, key=lambda source: _place(source.ids.get("prices", "0-0")))
    markets: dict[str, SymbolMarket] = {}
    for source in by_prices:
        for symbol in source.engine.market.names:
            saved, before = source.engine.market.saved(symbol), markets.get(symbol)
            window = saved if before is None or _last_open(saved) >= _last_open(before) else before
            mark = before.mark if before is not None and np.isnan(saved.mark) else saved.mark
            markets[symbol] = SymbolMarket(candles=window.candles, mark=mark)
    return markets


def _last_open(saved: SymbolMarket) -> float:
    return float(saved.candles[-1, 0]) if len(saved.candles) else -1.0


def _place(entry_id: str) -> tuple[int, int]:
    """A stream's id in its order: text would put 10 before 9."""
    time_ms, _, number = entry_id.partition("-")
    return int(time_ms), int(number or 0)


def _keys(mappings: Iterator[dict[str, str]] | Iterator[dict[str, int]]) -> list[str]:
    return sorted({key for mapping in mappings for key in mapping})
