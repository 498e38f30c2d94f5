"""From the files of a shard to a running engine: snapshots, checked by replay, then the journal's tail, then the latest prices."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path

from threet.engine.engine import Engine
from threet.engine.population import shard_of
from threet.engine.runs import ACTIVE, ENDED, RunImage, is_canonical
from threet.engine.voms import Voms
from threet_providence import snapshots, tails
from threet_providence.files import Folders, archive_name, named, run_name, sync_folder
from threet_providence.journal import JournalError, Segment, cut, other_layouts, read_segment, segment_paths
from threet_providence.loading import Loaded, load_all, read_image
from threet_providence.quarantine import Quarantined, cut_file, keep_segment, move_beside, put_aside
from threet_providence.replay import Replay, ReplayedRun
from threet_providence.rewriting import SPARE
from threet_providence.snapshots import SnapshotError
from threet_providence.tails import tail_of


@dataclass(slots=True)
class Resumption:
    """What was found. ``to_save``: ended runs whose last file is not written yet; ``with_spare``: files beside which a spare lies;
    ``notes``: what a person should read."""

    resumed: int = 0
    ticks_replayed: int = 0
    ids: dict[str, str] = field(default_factory=dict)
    is_cold: bool = True  # nothing was ever consumed
    quarantined: list[Quarantined] = field(default_factory=list)
    to_save: list[RunImage] = field(default_factory=list)
    with_spare: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Resume:
    """One attempt, under the shard's lock. ``now`` stamps what goes into the quarantine."""

    def __init__(self, folders: Folders, shard: int, shards: int, engine: Engine, now: Callable[[], datetime]) -> None:
        self._folders, self._shard, self._shards = folders, shard, shards
        self._engine, self._now = engine, now
        self._found = Resumption()
        self._settled: set[str] = set()
        self._lost_journal: str | None = None  # the name of one that nothing leads on from
        self._finished: set[str] = set()  # that have, or had, a final file
        self._segments: list[Segment] = []
        self._names: list[str] = []  # of all that lies beside the runs' files

    def run(self) -> Resumption:
        """Raises JournalError where the journal or a file cannot be gone on with; nothing was changed then."""
        with _no_collections():
            self._names = os.listdir(self._folders.root)
            self._refuse_other_layouts()
            segments = [read_segment(path) for path in segment_paths(self._folders.root, self._shard, self._shards, self._names)]
            read = self._read()
            self._sweep_temporaries()
            self._segments = segments
            led = self._leading(segments)
            strategies = {s.name: s for s in self._engine.strategies}
            replay = Replay(self._engine.market, strategies, self._snapshots(read), self._settled, self._engine.ancestors)
            for number, segment in enumerate(led):
                self._take(segment, replay, first=number == 0)
            self._check_ends(led, replay)
            self._hand_over(replay)
            self._sort_spares()
        return self._found

    def _refuse_other_layouts(self) -> None:
        others = other_layouts(self._folders.root, self._shards, self._names)
        if others:
            raise JournalError(
                f"{others[0]}: expected journals of {self._shards} shards, found another number; "
                "set providence.shards back to it: its journal holds the latest trades of the runs"
            )

    def _sweep_temporaries(self) -> None:
        """What a kill left half written; other shards may be writing theirs."""
        folders = {folder: os.listdir(folder) for folder in (self._folders.ending, self._folders.ended)} | {self._folders.root: self._names}
        for folder, names in folders.items():
            halves = named(names, ".run_", ".tmp") + (named(names, ".run_", SPARE) if folder == self._folders.ending else [])
            for name in halves:
                if self._is_mine(_id_of(name[1:]), name):
                    (folder / name).unlink()

    def _sort_spares(self) -> None:
        """Those of runs that go on are kept."""
        for name in named(self._names, ".run_", SPARE):
            file = name[1 : -len(SPARE)]
            if _id_of(file) in self._engine.runs.slot_of and file == run_name(_id_of(file)):
                self._found.with_spare.append(file)
            elif self._is_mine(_id_of(file), name):
                (self._folders.root / name).unlink()

    def _leading(self, segments: Sequence[Segment]) -> list[Segment]:
        """Those that lead somewhere: one whose base is lost leads on from the one before it, and is put aside where there is none."""
        led: list[Segment] = []
        for segment in segments:
            if segment.base is not None:
                if segment.damage is not None:
                    self._found.notes.append(f"{segment.path.name}: {segment.damage}; {self._cut(segment)}")
                led.append(segment)
                continue
            kept = keep_segment(self._folders.quarantine, segment.path, f"its base: {segment.damage}", self._now(), move=not led)
            self._found.notes.append(f"{segment.path.name}: its base cannot be read: {segment.damage}; kept as {kept.name}")
            if led:
                led.append(segment)
            else:
                self._lost_journal = self._lost_journal or segment.path.name
        return led

    def _cut(self, segment: Segment) -> str:
        return f"cut {cut(segment, self._folders.quarantine)} bytes after the last good record, kept in {self._folders.quarantine.name}/"

    def _read(self) -> dict[str, Loaded | SnapshotError | OSError]:
        """Every run's file, by id. Files of a newer release are refused before anything is changed."""
        paths, ends = self._mine(self._folders.root, self._names), self._mine(self._folders.ending, os.listdir(self._folders.ending))
        self._finished = {*ends, *map(_id_of, named(os.listdir(self._folders.ended), "run_", ""))}
        read = dict(zip(paths, load_all(list(paths.values())), strict=True))
        for path, found in (*zip(paths.values(), read.values(), strict=True), *((path, read_image(path)) for path in ends.values())):
            if isinstance(found, snapshots.NewerFormat):
                raise JournalError(f"{path}: {found}. Nothing was changed")
        return read

    def _mine(self, folder: Path, names: Iterable[str]) -> dict[str, str]:
        """The run files of this shard, by id."""
        by_id = {name[4:-5]: name for name in named(names, "run_", ".json")}
        all_mine = self._shards == 1 and all(map(is_canonical, by_id))
        return {run_id: f"{folder}/{name}" for run_id, name in by_id.items() if all_mine or self._is_mine(run_id, name)}

    def _snapshots(self, read: Mapping[str, Loaded | SnapshotError | OSError]) -> dict[str, ReplayedRun]:
        runs = {}
        tails_there = set(map(_id_of, named(self._names, "run_", ".tail")))
        for run_id, found in read.items():
            if self._is_finished(run_id) and self._is_sound_end(run_id):
                self._drop_superseded(run_id, found)
                continue
            try:
                image, voms = _loaded(found)
                if image.spec.id != run_id:
                    raise SnapshotError(f"expected run {run_id}, found {image.spec.id}")
                if run_id in tails_there:
                    image = self._followed(self._folders.run(run_id), image, voms)
                runs[run_id] = ReplayedRun(image, voms)
            except (SnapshotError, OSError) as error:
                self._quarantine(run_id, str(error), self._folders.run(run_id))
        self._clear_lone_tails(tails_there)
        return runs

    def _drop_superseded(self, run_id: str, found: Loaded | SnapshotError | OSError) -> None:
        """Its final file is in ending/ or ended/, whole: a kill came between the two. What is damaged is put aside all the same."""
        path = self._folders.run(run_id)
        if isinstance(found, Exception):
            put_aside(self._folders.quarantine, Quarantined(run_id, "", "", f"{found}; its final file is whole"), path, self._now())
            self._found.notes.append(f"{path.name}: {found}; put aside, its final file is whole")
        else:
            for folder in {final.parent for final in self._final_files(run_id)}:
                sync_folder(folder)  # whoever was killed may not have come to it, and a power cut would leave neither
            path.unlink()

    def _clear_lone_tails(self, run_ids: Iterable[str]) -> None:
        """Tails whose file is gone: by a kill in the middle of a run's end, or else by what nobody knows."""
        for run_id in sorted(run_ids):
            tail = tail_of(self._folders.run(run_id))
            if self._folders.run(run_id).exists() or not tail.exists() or not self._is_mine(run_id, tail.name):
                continue
            if self._is_finished(run_id):
                tail.unlink()
                continue
            move_beside(self._folders.quarantine, tail)
            self._found.notes.append(f"{tail.name}: expected {run_name(run_id)} beside it, found no file; put aside")

    def _followed(self, path: Path, image: RunImage, voms: Voms) -> RunImage:
        """What a kill left of half a record is kept apart, as the journal's: what stood there is read from the journal."""
        followed = tails.follow(path, image, voms)
        if followed.damage is not None:
            tail = tail_of(path)
            cut_bytes = cut_file(tail, followed.good_bytes, self._folders.quarantine)
            self._found.notes.append(f"{tail.name}: {followed.damage}; cut {cut_bytes} bytes, kept in {self._folders.quarantine.name}/")
        return followed.image

    def _is_sound_end(self, run_id: str) -> bool:
        """Puts final files aside that are damaged: the run's own file and the journal lead to its end again."""
        sound = False
        for path in self._final_files(run_id):
            try:
                sound = snapshots.load(path)[0].spec.id == run_id or sound
            except (SnapshotError, OSError) as error:
                symbol, strategy = self._known.get(run_id) or snapshots.named_in(path)
                put_aside(self._folders.quarantine, Quarantined(run_id, symbol, strategy, str(error)), path, self._now())
                self._found.notes.append(f"{path.name}: {error}; put aside, its end is written again")
        return sound

    def _is_mine(self, run_id: str, name: str) -> bool:
        try:
            return shard_of(run_id, self._shards) == self._shard
        except ValueError:
            self._found.notes.append(f"{name}: expected run_<UUID>.json; left alone")
            return False

    def _is_finished(self, run_id: str) -> bool:
        return run_id in self._finished and bool(self._final_files(run_id))

    def _final_files(self, run_id: str) -> list[Path]:
        """In ``ended/`` also as releases before the archives left it."""
        ending, ended, name = self._folders.ending, self._folders.ended, run_name(run_id)
        return [path for path in (ending / name, ended / archive_name(run_id), ended / name) if path.exists()]

    def _take(self, segment: Segment, replay: Replay, first: bool) -> None:
        if first:
            self._quarantine_stale(replay, segment, "the journal between its snapshot and tick {} is missing")
        elif replay.tick != segment.tick:
            self._quarantine_stale(replay, segment, "the journal up to tick {} was damaged after its snapshot")
        if segment.base is not None:
            replay.take_base(segment.base)
        for record in segment.ticks:
            for step in record.steps:
                self._settled.update(spec.id for spec in step.changes.started if self._is_finished(spec.id))
            replay.take_tick(record)
        self._found.ticks_replayed += len(segment.ticks)

    def _quarantine_stale(self, replay: Replay, segment: Segment, reason: str) -> None:
        """What runs did between their snapshot and the segment is in no other: only those that did nothing may go on."""
        suspects = [run_id for run_id, run in replay.runs.items() if run.image.tick < segment.tick]
        changed = {run.run_id: run.changed_tick for run in segment.base.runs} if segment.base and suspects else {}
        stale = [run_id for run_id in suspects if replay.runs[run_id].image.tick < changed.get(run_id, segment.tick)]
        self._quarantine_all(replay, stale, reason.format(segment.tick))

    def _quarantine_all(self, replay: Replay, run_ids: list[str], reason: str) -> None:
        for run_id in run_ids:
            self._quarantine(run_id, reason, self._folders.run(run_id))
            del replay.runs[run_id]

    def _check_ends(self, segments: list[Segment], replay: Replay) -> None:
        """No run may be missing from what the newest base names, nor be ahead of the journal."""
        if not segments:
            if self._lost_journal:
                reason = f"what it did since its snapshot stood in {self._lost_journal}, which cannot be read"
                self._quarantine_all(replay, list(replay.runs), reason)
            if replay.runs:
                raise JournalError(
                    f"{self._folders.root}: expected a journal beside {len(replay.runs)} run files, found none: "
                    "their latest trades cannot be known; "
                    "restore it from a backup, or move the run files away to begin anew"
                )
            return
        newest = next(segment.base for segment in reversed(segments) if segment.base)
        for run_id in (run.run_id for run in newest.runs if run.run_id not in replay.runs):
            if run_id not in self._settled and not self._is_finished(run_id):
                self._quarantine(run_id, f"expected {run_name(run_id)}, found no file", None)
        ahead = [run_id for run_id, run in replay.runs.items() if run.image.tick > replay.tick]
        for run_id in ahead:
            reason = f"its snapshot is of tick {replay.runs[run_id].image.tick}, the journal ends at {replay.tick}"
            self._quarantine(run_id, reason, self._folders.run(run_id))
            del replay.runs[run_id]

    def _hand_over(self, replay: Replay) -> None:
        engine = self._engine
        engine.tick, engine.market_ms = replay.tick, replay.market_ms
        engine.products, engine.next_number, engine.born_ms = replay.products, replay.next_number, replay.born_ms
        self._found.ids, self._found.is_cold = replay.ids, not replay.ids
        # The settings must still have its strategy, with the parameters that it was drawn with.
        needed = {strategy.name: {parameter.name for parameter in strategy.parameters} for strategy in engine.strategies}
        going_on = []
        for run in replay.runs.values():
            image, spec = run.image, run.image.spec
            if image.status == ACTIVE and not (spec.strategy in needed and needed[spec.strategy] <= spec.parameters.keys()):
                run.image = image._replace(status=ENDED, exit_reason="strategy changed", ended_ms=replay.market_ms, votes=False)
            if run.image.status != ACTIVE:
                self._found.to_save.append(run.now(replay.tick))
                continue
            going_on.append(run)
        images = [run.image for run in going_on]
        slots = engine.load(images, [run.voms for run in going_on])
        engine.runs.dirty[slots], engine.runs.changed_tick[slots] = [run.changed for run in going_on], [image.tick for image in images]
        self._found.resumed = len(going_on)

    @cached_property
    def _known(self) -> dict[str, tuple[str, str]]:
        """Symbol and strategy by the run's id, as the journal says them."""
        bases = {run.run_id: (run.symbol, run.strategy) for segment in self._segments if segment.base for run in segment.base.runs}
        records = (record for segment in self._segments for record in segment.ticks)
        return bases | {spec.id: (spec.symbol, spec.strategy) for r in records for step in r.steps for spec in step.changes.started}

    def _quarantine(self, run_id: str, reason: str, path: Path | None) -> None:
        file = path if path is not None and path.exists() else None
        symbol, strategy = self._known.get(run_id) or snapshots.named_in(file)
        found = Quarantined(run_id, symbol, strategy, reason)
        put_aside(self._folders.quarantine, found, file, self._now())
        tail = tail_of(self._folders.run(run_id))
        if tail.exists():
            move_beside(self._folders.quarantine, tail)
        self._settled.add(run_id)
        self._found.quarantined.append(found)


def _id_of(name: str) -> str:
    """Of a run's file, its tail or its archive."""
    return name.removeprefix("run_").split(".")[0]


def _loaded(found: Loaded | SnapshotError | OSError) -> Loaded:
    if isinstance(found, Exception):
        raise found
    return found


@contextmanager
def _no_collections() -> Iterator[None]:
    """Millions of new objects, of which none is garbage: Python would look through all of them again and again."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        # The two move all that is there to the oldest generation, unseen: else the next collection would look through it as new.
        gc.freeze()
        gc.unfreeze()
        if was:
            gc.enable()
