"""The venue's memory on disk: an append-only file of events, fsynced before an answer leaves, and a snapshot written now and then.

Files in the state folder: `events.jsonl` (every event since the last rotation, `events.1.jsonl` the ones before), `snapshot.json`
(the folded state up to its `seq`), `clock.json` (market time, reserved ahead so that it never goes back). The events of one flush belong
together: the last one carries `end`, and what follows the last `end` of a file was never answered and does not count.
"""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import IO, Any

from threet.simulator.state import Event, State, dump, load

ROTATE_BYTES = 64 * 1024 * 1024
_END = b',"end":true}\n'


class StateFolderError(Exception):
    """The state folder cannot be used; the text names the file and the cure."""


class Journal:
    """Owns the state folder of one simulator process."""

    def __init__(self, folder: Path) -> None:
        """Takes the folder's lock and reads the state back. Raises StateFolderError."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._lock = _take_lock(folder / "lock")
        self.state = read_state(folder)
        self._snapshot_seq = -1
        self._file = _open_events(folder / "events.jsonl")
        self._pending: list[Event] = []

    def commit(self, kind: str, **values: Any) -> Event:
        """Folds an event into the state; it is on disk after the next `flush`."""
        event: Event = {"seq": self.state.seq + 1, "kind": kind, **values}
        self.state.apply(event)
        self._pending.append(event)
        return event

    def flush(self) -> None:
        """Writes and fsyncs what was committed. Called before an answer that depends on it leaves the process."""
        if not self._pending:
            return
        self._pending[-1] = {**self._pending[-1], "end": True}
        self._file.write(b"".join(json.dumps(event, separators=(",", ":")).encode() + b"\n" for event in self._pending))
        self._pending.clear()
        self._file.flush()
        os.fsync(self._file.fileno())

    def snapshot(self) -> None:
        """Writes the folded state and starts a new event file once the old one is large; does nothing if nothing changed."""
        self.flush()
        if self._snapshot_seq == self.state.seq:
            return
        _replace(self._folder / "snapshot.json", dump(self.state), sync=True)
        self._snapshot_seq = self.state.seq
        if self._file.tell() > ROTATE_BYTES:
            self._file.close()
            os.replace(self._folder / "events.jsonl", self._folder / "events.1.jsonl")
            self._file = _open_events(self._folder / "events.jsonl")

    def save_clock(self, clock: dict[str, Any]) -> None:
        """Market time survives a kill of the process; after a loss of power it may be a second older."""
        _replace(self._folder / "clock.json", clock, sync=False)

    def load_clock(self) -> dict[str, Any] | None:
        """What `save_clock` wrote last, None in a new folder."""
        path = self._folder / "clock.json"
        return json.loads(path.read_text()) if path.exists() else None

    def close(self) -> None:
        """Snapshot, then let the folder go."""
        self.snapshot()
        self._file.close()
        self._lock.close()


def read_state(folder: Path) -> State:
    """The state as of the last event on disk; works on a dead simulator's folder too. Raises StateFolderError."""
    path = folder / "snapshot.json"
    try:
        state = load(json.loads(path.read_text())) if path.exists() else State()
    except (ValueError, KeyError, TypeError) as error:
        raise StateFolderError(
            f"{path}: cannot be read ({error!r}); move it away to start from events.jsonl, or use a new folder"
        ) from error
    for name in ("events.1.jsonl", "events.jsonl"):
        _fold(folder / name, state)
    return state


def _fold(path: Path, state: State) -> None:
    """Applies the events that the state has not seen, up to the last one that ends a flush."""
    if not path.exists():
        return
    lines = path.read_bytes().split(b"\n")
    held: list[Event] = []
    for number, line in enumerate(lines[:-1], start=1):
        try:
            event = json.loads(line)
        except ValueError as error:
            raise StateFolderError(f"{path}: line {number}: found no JSON ({error}); use a new folder or cut the file there") from error
        held.append(event)
        if not event.pop("end", False):
            continue
        for each in held:
            if each["seq"] > state.seq:
                state.apply(each)
        held.clear()


def _open_events(path: Path) -> IO[bytes]:
    """Opens for appending, behind the last event that ends a flush."""
    file = path.open("ab")
    content = path.read_bytes()
    last = content.rfind(_END)
    whole = last + len(_END) if last >= 0 else 0
    if whole != len(content):
        file.truncate(whole)
    return file


def _take_lock(path: Path) -> IO[str]:
    file = path.open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.seek(0)
        holder = file.read().strip() or "unknown"
        file.close()
        raise StateFolderError(f"{path}: held by process {holder}; stop it or give another --state folder") from error
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


def _replace(path: Path, content: dict[str, Any], sync: bool) -> None:
    temporary = path.with_suffix(".tmp")
    with temporary.open("w") as file:
        json.dump(content, file, separators=(",", ":"))
        if sync:
            file.flush()
            os.fsync(file.fileno())
    os.replace(temporary, path)
    if sync:
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
