"""A Providence manager that ends itself with SIGKILL at a named point: ``kill_points.py POINT:NUMBER:WHEN --config ...``.

The code that runs is the real one; at the NUMBER-th passage of the point it dies: ``before`` the step, ``after`` it, or with ``half`` of
it done.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any

POINTS = {
    "journal": ("before", "half", "after"),
    "fsync": ("before", "after"),
    "snapshot": ("before", "half"),
    "rename": ("before", "after"),
}
POINTS["publish"] = ("before", "after")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class KillPoint:
    """Counts the passages of one point, in whatever thread."""

    def __init__(self, number: int, when: str) -> None:
        self._left, self._when, self._lock = number, when, Lock()

    def around(self, step: Callable[..., Any], half: Callable[..., None] | None = None) -> Callable[..., Any]:
        def stepping(*arguments: Any, **named: Any) -> Any:
            with self._lock:
                self._left -= 1
                now = self._left == 0
            if now and self._when == "half" and half is not None:
                half(*arguments, **named)
            if now and self._when != "after":
                die()
            done = step(*arguments, **named)
            if now:
                die()
            return done

        return stepping


def half_a_record(journal: Any, record: Any) -> None:
    """A part of it reached the disk."""
    from threet_providence.journal import frame

    data = frame(record)
    os.write(journal._file.fileno(), data[: len(data) // 2])


def half_a_file(files: Any, name: str, content: bytes) -> None:
    """As much of it over the spare, where there is one."""
    with Path(files._spare(name)).open("r+b" if name in files._spares else "wb") as file:
        file.write(content[: len(content) // 2])


def arm(plan: str) -> None:
    from threet_providence import journal, publisher, rewriting

    point, number, when = plan.split(":")
    kill = KillPoint(int(number), when)
    if point == "journal":
        journal.Journal.append = kill.around(journal.Journal.append, half_a_record)  # type: ignore[method-assign]
    elif point == "fsync":
        os.fsync = kill.around(os.fsync)
        os.fdatasync = kill.around(os.fdatasync)
    elif point == "snapshot":
        rewriting.Rewriter.write = kill.around(rewriting.Rewriter.write, half_a_file)  # type: ignore[method-assign]
    elif point == "rename":
        os.replace = kill.around(os.replace)
        rewriting.exchange = kill.around(rewriting.exchange)
    elif point == "publish":
        publisher.ShownAlive.publish = kill.around(publisher.ShownAlive.publish)  # type: ignore[method-assign]
    elif point != "none":
        raise ValueError(f"expected one of {', '.join(POINTS)} or none, was {point}")


if __name__ == "__main__":
    sys.path.pop(0)  # this folder, whose platform.py and redis.py are none of the libraries
    arm(sys.argv.pop(1))
    from threet_providence.main import run

    run()
