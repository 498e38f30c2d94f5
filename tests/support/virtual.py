"""Code that blocks, and code that awaits, on one loop by a test's clock: all in one thread, in an order that depends on nothing else.

So the same start gives the same run. Code that blocks runs by ``beside`` and waits by ``wait``, as workers do on their greenlets.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy.util import await_only, greenlet_spawn
from sqlalchemy.util.concurrency import in_greenlet
from tests.support.machine.in_process import ManualLoop

T = TypeVar("T")

START = datetime(2026, 1, 5, tzinfo=UTC)


class VirtualLoop(ManualLoop):
    """An event loop whose waits set the clock forward instead of waiting."""

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Its result, asked for by code that blocks: beside the loop, or from outside of it, which lets the loop go on until then."""
        if in_greenlet():
            result: T = await_only(work)
            return result
        return self.run_until_complete(work)


async def beside(work: Callable[..., T], *arguments: Any) -> T:
    """Runs code that blocks; while it waits, the rest of the loop goes on."""
    return await greenlet_spawn(work, *arguments)
