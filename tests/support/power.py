"""A small ext4 disk of its own whose power can be cut, and the moments at which it is.

FS_IOC_SHUTDOWN without a flush of the log (as xfstests cut the power): from then on nothing more reaches the disk, what did not is lost,
and every call that would write fails. The disk is mounted again, which replays the file system's journal. A loop device keeps the order
of what ext4 sends: a drive that loses what it said to have flushed is not what is tested here.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import gc
import os
import random
import re
import struct
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import RLock, Thread
from typing import Any

import pytest
from tests.support.needs import missing

from threet_providence import rewriting

GONE = (errno.EIO, errno.EROFS, errno.ESHUTDOWN)
"""What a disk without power answers."""
_SHUTDOWN, _NO_LOG_FLUSH = 0x8004587D, 2
_LOOP_MAJOR = 7
_OPEN, _SYNC, _TRUNCATE, _RANGE = os.open, os.fsync, os.ftruncate, ctypes.CDLL(None).sync_file_range
_RANGE.argtypes = [ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint]
_WRITE_AND_WAIT = 7


class Disk:
    """Mounted at ``folder``; ext4 with blocks of 4 KB as on a large disk, and nothing committed but where somebody asks for it."""

    def __init__(self, image: Path, folder: Path) -> None:
        self._image, self.folder = image, folder
        self.is_cut = False

    def make(self) -> None:
        with self._image.open("wb") as file:
            file.truncate(48 << 20)
        _run("mkfs.ext4", "-q", "-F", "-b", "4096", "-E", "nodiscard", str(self._image))
        self.folder.mkdir()
        self.mount()

    def mount(self) -> None:
        _run("mount", "-o", "loop,commit=900", str(self._image), str(self.folder))
        self.is_cut = False

    def cut(self) -> None:
        self.is_cut = True
        handle = _OPEN(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            assert os.major(os.fstat(handle).st_dev) == _LOOP_MAJOR, "never the disk of the machine"
            fcntl.ioctl(handle, _SHUTDOWN, struct.pack("I", _NO_LOG_FLUSH))
        finally:
            os.close(handle)

    def restore(self) -> None:
        """Power again, after a cut."""
        self.unmount()
        self.mount()

    def unmount(self) -> None:
        """The loop device goes with it."""
        try:
            _run("umount", str(self.folder))
        except AssertionError:
            gc.collect()  # a file that is open yet, of a process that is forgotten
            _run("umount", str(self.folder))
        # A container that starts meanwhile may hold a copy of the mount: who mounts the image then gets the disk that was cut.
        deadline = time.monotonic() + 60
        while _run("losetup", "--associated", str(self._image)).strip():
            assert time.monotonic() < deadline, f"{self._image} is held by somebody"
            time.sleep(0.01)

    def write_data(self, chance: random.Random) -> None:
        """Some pages of some files go to the disk, as the kernel sends them when it likes; names and sizes stay behind."""
        for folder, _, names in os.walk(self.folder):
            for name in names:
                if chance.random() < 0.5:
                    _send(f"{folder}/{name}", chance.choice((0, 0, 4096)), chance.choice((0, 4096, 8192)))

    def commit(self) -> None:
        """Names and sizes go to the disk, as every few seconds; what is in the files stays behind where nobody asked for it."""
        handle = _OPEN(self.folder / "kernel", os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            _TRUNCATE(handle, 1 - os.fstat(handle).st_size)  # changes it each time, so that there is something to commit
            _SYNC(handle)
        finally:
            os.close(handle)


def _send(path: str, first: int, count: int) -> None:
    """``count`` 0: all behind ``first``."""
    try:
        handle = _OPEN(path, os.O_RDONLY)
    except FileNotFoundError:
        return
    try:
        _RANGE(handle, first, count, _WRITE_AND_WAIT)
    finally:
        os.close(handle)


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr.strip()}"
    return done.stdout


@contextmanager
def small_disk(folder: Path) -> Iterator[Disk]:
    """Skips where the machine has no such thing; where CI is true, it may only lack the loop devices."""
    if os.geteuid() != 0:
        missing("only root can mount a disk whose power can be cut")
    if not Path("/dev/loop-control").exists():
        pytest.skip("this machine has no loop devices (/dev/loop-control), and so no disk whose power can be cut")
    disk = Disk(folder / "disk.img", folder / "disk")
    try:
        disk.make()
    except FileNotFoundError as error:
        missing(f"{error.filename} is not installed, which makes a disk whose power can be cut")
    except AssertionError as error:
        missing(f"this machine lets nobody mount a disk whose power can be cut: {error}")
    try:
        yield disk
    finally:
        if os.path.ismount(disk.folder):
            subprocess.run(["umount", "-l", str(disk.folder)], check=True)


@dataclass(frozen=True, slots=True)
class Moment:
    """The ``number``-th of the calls of one kind; ``when``: before, during or after it."""

    kind: str
    number: int
    when: str


class Power:
    """Stands around each call by which a file comes to be on the disk, and cuts the power at one of them.

    A call's kind is its name and what it is done to: ``fsync saved_runs/*.json.spare``. ``left_out``: an offender's calls, by a pattern of
    their kind, which are not done at all. ``where``: the kinds at which the power is cut. Between the calls the kernel writes what it
    likes, as ``chance`` has it. ``done`` counts those that returned while there was power. Nobody hears what a call answers that is under
    way at the cut: ext4 says 0 to some of which it drops all.
    """

    def __init__(self, disk: Disk, chance: random.Random, left_out: str = "", where: str = "") -> None:
        self.disk, self._chance = disk, chance
        self._where = re.compile(where or ".*")
        self._left_out = re.compile(left_out) if left_out else None
        self._lock = RLock()
        self.done = Counter[str]()
        self._seen = Counter[str]()
        self._most = Counter[str]()
        self._moment: Moment | None = None
        self._is_armed = False

    def install(self, patch: pytest.MonkeyPatch) -> None:
        for module, name, path_of in (
            (os, "fsync", _path_of),
            (os, "fdatasync", _path_of),
            (os, "ftruncate", _path_of),
            (os, "write", _path_of),
            (os, "replace", lambda _, target: os.fspath(target)),
            (os, "unlink", os.fspath),
            (rewriting, "exchange", lambda _, target: target),
        ):
            patch.setattr(module, name, self._around(name, getattr(module, name), path_of))

    @contextmanager
    def life(self) -> Iterator[None]:
        """Until the power is cut, at the latest at the end. The disk has power again afterwards."""
        self._seen.clear()
        self._moment = self._drawn()
        self._is_armed = True
        try:
            yield
        except OSError as error:
            if not (self.disk.is_cut and error.errno in GONE):
                raise
        finally:
            self._is_armed = False
        if not self.disk.is_cut:
            self._cut()

    def _drawn(self) -> Moment | None:
        """Now and then none, at the first time too: such a life goes on to its end and shows how many calls there are."""
        kinds = sorted(filter(self._where.fullmatch, self._most))
        if not kinds or self._chance.random() < 0.1:
            return None
        kind = self._chance.choice(kinds)
        return Moment(kind, self._chance.randint(1, self._most[kind]), self._chance.choice(("before", "during", "after")))

    def _around(self, name: str, call: Callable[..., Any], path_of: Callable[..., str]) -> Callable[..., Any]:
        def called(*args: Any, **named: Any) -> Any:
            if not self._is_armed:
                return call(*args, **named)
            path = path_of(*args)
            if not path.startswith(str(self.disk.folder)):
                return call(*args, **named)
            kind = f"{name} {_sort(path)}"
            cut = self._turn(kind)
            try:
                is_left_out = self._left_out and self._left_out.fullmatch(kind)
                answer = None if is_left_out else call(*args, **named)
                self.done[kind] += not self.disk.is_cut
            finally:
                cut()
            if self.disk.is_cut:
                raise OSError(errno.EIO, "the power was cut", path)
            return answer

        return called

    def _turn(self, kind: str) -> Callable[[], None]:
        """What is to be done after the call."""
        with self._lock:
            self._seen[kind] += 1
            self._most[kind] = max(self._most[kind], self._seen[kind])
            if self.disk.is_cut or self._moment is None:
                return _nothing
            if (kind, self._seen[kind]) != (self._moment.kind, self._moment.number):
                if self._chance.random() < 0.01:
                    self._kernel()
                return _nothing
            if self._moment.when == "after":
                return self._cut
            if self._moment.when == "before":
                self._cut()
                return _nothing
            meanwhile = Thread(target=self._cut)
            meanwhile.start()
            return meanwhile.join

    def _cut(self) -> None:
        with self._lock:
            if not self.disk.is_cut:
                self._kernel()
                self.disk.cut()

    def _kernel(self) -> None:
        does = self._chance.choice(("data", "data", "names", "data, then names", "nothing"))
        if "data" in does:
            self.disk.write_data(self._chance)
        if "names" in does:
            self.disk.commit()


def _nothing() -> None:
    return


def _path_of(handle: int, *_rest: object) -> str:
    return os.readlink(f"/proc/self/fd/{handle}")


def _sort(path: str) -> str:
    """The folder and how the name ends, or the folder itself: what all files of one sort have in common."""
    folder, name = os.path.split(path)
    ending = name.lstrip(".").partition(".")[2]
    return f"{os.path.basename(folder)}/*.{ending}" if ending else name
