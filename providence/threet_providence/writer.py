"""The snapshot writer: in the background, only what changed; then the journal's older segments are not needed any more."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import TimeoutError as AnswerLate
from queue import Empty, Queue, SimpleQueue
from threading import Event

from threet.engine.runs import RunImage
from threet_providence.calm import Calm, Deadline, collect
from threet_providence.files import Folders, archive_name, compressed, is_full, run_name, sync_folder, write_whole
from threet_providence.journal import base_tick, segment_paths
from threet_providence.messages import Message, Round, RoundRequest
from threet_providence.outages import Outage
from threet_providence.quarantine import move_beside
from threet_providence.rewriting import Rewriter
from threet_providence.snapshots import to_bytes
from threet_providence.tails import LONG_BYTES, Tails

log = logging.getLogger("providence.writer")


_TOGETHER = 64
"""Files that are written, then synced, then placed: the disk does for many what it would do for each."""
_AT_ONCE, _MANY = 8, 1_000
"""So many wait for the disk at once. In a round of fewer files one at a time: a tick that comes meanwhile meets one there and not eight."""


class SnapshotWriter:
    """``published`` receives the ids of ended runs whose row is committed: their files are archived.

    ``poll_seconds``: how soon it notices ``stop`` while the strategy loop does not answer.
    """

    def __init__(
        self,
        folders: Folders,
        shard: int,
        shards: int,
        inbox: Queue[Message],
        interval_seconds: float,
        stop: Event,
        poll_seconds: float,
        calm: Calm | None = None,
    ) -> None:
        self.published: SimpleQueue[str] = SimpleQueue()
        self._folders, self._shard, self._shards = folders, shard, shards
        self._inbox, self._interval, self._stop = inbox, interval_seconds, stop
        self._poll, self._calm = poll_seconds, calm or Calm()
        self._to_archive: set[str] = set()
        self._tails = Tails(folders)
        self._files, self._ends = Rewriter(folders.root, LONG_BYTES), Rewriter(folders.ending, LONG_BYTES)
        self._disk = Outage(log, "room on the disk")

    def take_over(self, files_with_spare: Sequence[str]) -> None:
        """As an earlier process left them, by ``Resumption.with_spare``."""
        self._files.take_over(files_with_spare)

    def run(self) -> None:
        while not self._stop.wait(self._interval):
            if self._is_calm():
                collect()
                self.write_round()

    def _is_calm(self) -> bool:
        """Behind a tick, for the strategy loop makes the images; where none comes there is next to nothing to write. False at the end."""
        patience = Deadline(self._interval)
        while not self._calm.wait_for_next_pause(min(self._poll, patience.left())):
            if self._stop.is_set():
                return False
            if not patience.left():
                break
        return True

    def write_round(self) -> None:
        """One round; the strategy loop makes the images between two ticks and goes on at once."""
        request = RoundRequest()
        self._inbox.put(request)
        while True:
            try:
                work = request.answer.result(timeout=self._poll)
            except AnswerLate:
                if self._stop.is_set() and not request.answer.done():
                    return
                continue
            while not self._written(work):
                if self._stop.wait(self._interval):
                    return  # the journal holds everything
            return

    def _written(self, work: Round) -> bool:
        """False where the disk is full: all of the round is written again, the older segments stay until then."""
        try:
            self.write(work)
        except OSError as error:
            if not is_full(error):
                raise
            self._disk.began(str(error))
            for files in (self._files, self._ends):
                files.spare_room()
            return False
        self._disk.ended()
        return True

    def write(self, work: Round) -> None:
        patience = Deadline(self._interval)
        self._write_each(self._files, work.images, self._save, patience)
        self._write_each(self._ends, work.ended, self._save_ended, patience)
        sync_folder(self._folders.ending)
        self._ends.forget_all()
        for image in work.ended:
            self._folders.run(image.spec.id).unlink(missing_ok=True)
            self._tails.end(image.spec.id)
        sync_folder(self._folders.root)
        self._files.settle()
        self._files.forget(run_name(image.spec.id) for image in work.ended)
        self._tails.drop_superseded()
        self._drop_older_segments(work.tick)
        self.archive()
        log.debug("snapshots of tick %d: %d changed, %d ended", work.tick, len(work.images), len(work.ended))

    def _write_each(self, files: Rewriter, images: Sequence[RunImage], save: Callable[[RunImage], None], patience: Deadline) -> None:
        at_once = _AT_ONCE if len(images) >= _MANY else 1

        def give_way() -> None:
            self._give_way(patience)

        for image in images:
            give_way()
            save(image)
            if len(files) == _TOGETHER:
                files.place(at_once, give_way)
        files.place(at_once, give_way)

    def _save(self, image: RunImage) -> None:
        if not self._tails.append(image):
            content = to_bytes(image)
            self._files.write(run_name(image.spec.id), content)
            self._tails.begin(image, len(content))

    def _save_ended(self, image: RunImage) -> None:
        self._ends.write(run_name(image.spec.id), to_bytes(image))

    def _give_way(self, patience: Deadline) -> None:
        """At the end of the process nobody goes first any more, whatever was said before."""
        while not self._calm.wait_for_pause(min(self._poll, patience.left())) and patience.left() and not self._stop.is_set():
            pass

    def _drop_older_segments(self, tick: int) -> None:
        """Every run's file now holds all up to ``tick``, or did not change since it was written.

        The newest of the older segments stays: where the base of the one behind it is ever damaged, it leads there as well.
        """
        older = [path for path in segment_paths(self._folders.root, self._shard, self._shards) if base_tick(path) < tick]
        for path in older[:-1]:
            path.unlink()

    def archive(self) -> None:
        """Ended runs whose last file is written and whose row is committed go to ``ended/``, compressed; only ``3t prune`` removes them."""
        while True:
            try:
                self._to_archive.add(self.published.get_nowait())
            except Empty:
                break
        there = [run_id for run_id in self._to_archive if (self._folders.ending / run_name(run_id)).exists()]
        for run_id in there:
            archive, content = (
                self._folders.ended / archive_name(run_id),
                compressed((self._folders.ending / run_name(run_id)).read_bytes()),
            )
            if archive.exists() and archive.read_bytes() != content:
                move_beside(self._folders.quarantine, archive)  # a kill came between the two copies, and then harm to this one
            write_whole(archive, content)
        if there:
            sync_folder(self._folders.ended)  # before the only other copy goes
        for run_id in there:
            (self._folders.ending / run_name(run_id)).unlink()
            self._to_archive.discard(run_id)
