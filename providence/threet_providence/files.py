"""Where things lie under ``saved_runs/``, and how a file comes to be there whole or not at all."""

from __future__ import annotations

import errno
import gzip
import os
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Folders:
    """The folders of one shard. Several shards may share the root: files name run ids and shards."""

    root: Path

    @property
    def ending(self) -> Path:
        """Finished runs whose row was not published yet."""
        return self.root / "ending"

    @property
    def ended(self) -> Path:
        return self.root / "ended"

    @property
    def quarantine(self) -> Path:
        return self.root / "quarantine"

    def make(self) -> None:
        for folder in (self.root, self.ending, self.ended, self.quarantine):
            folder.mkdir(parents=True, exist_ok=True)

    def run(self, run_id: str) -> Path:
        return self.root / run_name(run_id)


def named(names: Iterable[str], begin: str, end: str) -> list[str]:
    """Those of a folder's names that begin and end so, sorted: where ten thousand lie, each glob is felt."""
    return sorted([name for name in names if name.startswith(begin) and name.endswith(end)])


def run_name(run_id: str) -> str:
    return f"run_{run_id}.json"


def archive_name(run_id: str) -> str:
    return f"{run_name(run_id)}.gz"


def compressed(content: bytes) -> bytes:
    """As an archive holds it: the same content gives the same bytes."""
    return gzip.compress(content, mtime=0)


def read_plain(path: Path) -> bytes:
    """The content of a file that may be an archive. Raises OSError, also where an archive is damaged."""
    data = path.read_bytes()
    if path.suffix != ".gz":
        return data
    try:
        return gzip.decompress(data)
    except (EOFError, zlib.error) as error:
        raise gzip.BadGzipFile(str(error)) from error


def is_full(error: OSError) -> bool:
    """Whether the disk, or its owner's share of it, has no room: what was to be written can be written later."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def write_whole(path: Path, content: bytes) -> None:
    """Temporary file, fsync, rename. The folder is synced by the caller, once for all files of a round."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)  # a full disk needs the room
        raise


def sync_folder(folder: Path) -> None:
    """Makes renames and removals in ``folder`` durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
