"""Files that are written again and again: each version goes into what is left of the one before the last."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from threet_providence.files import sync_folder, write_whole

SPARE = ".spare"
"""Behind the name of a file, and a dot before it: what the next version is written over."""
_FLAGS = os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


class Rewriter:
    """As ``write_whole`` and ``sync_folder``, for many files of one folder at once.

    ``write`` each of them, ``place`` them, sync the folder and ``settle``. Where each version is a new file, the file system makes an inode
    and finds blocks for it, and gives those of the old one back; ext4 does not take inodes again that went a moment ago and steps over
    them one by one, which for ten thousand files a round was most of the time (decision 016). So a version and the one that it replaces
    change places; once that is on the disk, the old one is the spare that the next version is written over.

    ``most_bytes``: of a file that has a spare. A longer one is seldom written anew (``tails``) and would take its room twice.
    """

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder, self._most = folder, most_bytes
        self._written: dict[str, int] = {}  # with the handle of the open file
        self._placed: set[str] = set()
        self._spares: set[str] = set()

    def __len__(self) -> int:
        """How many wait to be placed."""
        return len(self._written)

    def take_over(self, names: Iterable[str]) -> None:
        """Files whose spares an earlier process left."""
        sync_folder(self._folder)  # that one may have been killed before it did
        self._spares.update(names)

    def write(self, name: str, content: bytes) -> None:
        """The next version of a file, which ``place`` puts there. Raises OSError; what is there is untouched."""
        has_spare = name in self._spares
        if not has_spare or len(content) > self._most:
            self.forget((name,))
        if len(content) > self._most:
            write_whole(self._folder / name, content)
            return
        self._spares.discard(name)
        self._written[name] = handle = _opened(self._spare(name), has_spare)
        try:
            _fill(handle, content)
        except OSError:
            self.forget((name,))  # a full disk needs the room
            raise

    def place(self, at_once: int, before_each: Callable[[], None]) -> None:
        """Each is synced, ``at_once`` together, then takes its place. Raises OSError: then some did, and each file is whole."""

        def sync(handles: Sequence[int]) -> None:
            for handle in handles:
                before_each()
                os.fsync(handle)

        try:
            handles = list(self._written.values())
            if at_once == 1:
                sync(handles)
            else:
                with ThreadPoolExecutor(at_once, thread_name_prefix="snapshot-file") as pool:
                    list(pool.map(sync, [handles[first::at_once] for first in range(at_once)]))
            for name in list(self._written):
                before_each()
                if exchange(self._spare(name), f"{self._folder}/{name}"):
                    self._placed.add(name)
                else:  # there is none yet, or the file system cannot
                    os.replace(self._spare(name), f"{self._folder}/{name}")
                os.close(self._written.pop(name))
        finally:
            self.forget(list(self._written))

    def settle(self) -> None:
        """The folder was synced: each name leads to its new version on the disk as well."""
        self._spares |= self._placed
        self._placed.clear()

    def forget(self, names: Iterable[str]) -> None:
        """Nothing of them is kept or waits to be placed."""
        for name in names:
            if (handle := self._written.pop(name, None)) is not None:
                os.close(handle)
            self._placed.discard(name)
            self._spares.discard(name)
            _remove(self._spare(name))

    def forget_all(self) -> None:
        self.forget({*self._written, *self._placed, *self._spares})

    def spare_room(self) -> None:
        """Nothing is kept from now on: the disk is too small for each file twice."""
        self.forget_all()
        self._most = 0

    def _spare(self, name: str) -> str:
        return f"{self._folder}/.{name}{SPARE}"


def exchange(one: str, other: str) -> bool:
    """Two files change places in one step, renameat2(2). False where it is not possible: nothing was done then."""
    try:
        rename = _LIBRARY.renameat2
    except AttributeError:  # not Linux
        return False
    return bool(rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0)


_LIBRARY = ctypes.CDLL(None)


def _opened(path: str, is_spare: bool) -> int:
    """A spare, to be written over; else a new file. What has a second name, as in a copy by hard links, is never written over."""
    if is_spare:
        try:
            handle = os.open(path, _FLAGS)
        except OSError:  # gone, or not ours to write into, as what root once wrote: the folder is
            pass
        else:
            if os.fstat(handle).st_nlink == 1:
                return handle
            os.close(handle)
        _remove(path)
    return os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o666)


def _fill(handle: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(handle, left) :]
    os.ftruncate(handle, len(content))


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
