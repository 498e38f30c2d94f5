"""Keeps a set of parts running: started once what they need is well, watched, started again with a growing pause when they die.

``Fleet`` is moved by ``tick``, called a few times a second by the thread that owns it.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from threet.cli.demo.health import CannotTell, Check
from threet.cli.demo.process import Child, Command, LogFile
from threet.cli.demo.watch import Watch

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 15.0
_SOUND_SECONDS = 30.0
_FIRST_START_TRIES = 3
_LOG_LINES_SHOWN = 8
_EXITED = "died with exit code"


class State(StrEnum):
    WAITING = "waiting"
    STARTING = "starting"
    WELL = "well"
    ILL = "ill"
    DIED = "died"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the platform. ``ready`` says when its start is over, ``well`` how it is after that.

    One that lives and is not well for ``ill_seconds``, while all that it needs is well, hangs: it is killed and started again.
    """

    name: str
    command: Command
    needs: tuple[str, ...]
    ready: Check
    well: Check
    start_seconds: float = 45.0
    stop_seconds: float = 8.0
    ill_seconds: float = 90.0


@dataclass(frozen=True, slots=True)
class PartView:
    """How a part is, for a screen. ``since_seconds`` is how long it has been in this state."""

    name: str
    state: State
    detail: str
    pid: int | None
    starts: int
    since_seconds: float


class StartFailed(Exception):
    """A part could not be started at all; the message holds the end of its log."""


@dataclass
class _Running:
    part: Part
    log: LogFile
    state: State = State.WAITING
    detail: str = ""
    child: Child | None = None
    starts: int = 0
    deaths_in_a_row: int = 0
    was_ever_well: bool = False
    changed_at: float = 0.0
    started_at: float = 0.0
    hanging_since: float | None = None
    again_at: float = 0.0


@dataclass
class Fleet:
    """``parts`` in the order of a screen. ``say`` gets one line for everything that a person should hear."""

    parts: Sequence[Part]
    logs: Path
    log_bytes: int
    say: Callable[[str], None]
    watch: Watch = field(default_factory=Watch)
    hurry: bool = False
    """Set from a signal handler: what stops now is killed without waiting."""
    _running: dict[str, _Running] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for part in self.parts:
            self._running[part.name] = _Running(part, LogFile(self.logs / f"{part.name}.log", self.log_bytes), changed_at=time.monotonic())
        unknown = {need for part in self.parts for need in part.needs} - set(self._running)
        if unknown:
            raise ValueError(f"parts need {sorted(unknown)}, which are no parts")
        self.watch.start()

    def tick(self) -> None:
        """One look at every part. Raises StartFailed where one cannot be brought up the first time."""
        now = time.monotonic()
        for one in self._running.values():
            self._look_at(one, now)
        self.watch.ask(
            {
                name: (one.child.pid, one.part.ready if one.state is State.STARTING else one.part.well, one.log)
                for name, one in self._running.items()
                if one.child is not None and one.state in (State.STARTING, State.WELL, State.ILL)
            },
            often=any(one.state is State.STARTING for one in self._running.values()),
        )

    def all_well_once(self) -> bool:
        return all(one.was_ever_well for one in self._running.values())

    def views(self) -> list[PartView]:
        now = time.monotonic()
        return [
            PartView(name, one.state, one.detail, one.child.pid if one.child else None, one.starts, now - one.changed_at)
            for name, one in self._running.items()
        ]

    def keep_logs_small(self) -> None:
        for one in self._running.values():
            one.log.keep_small()

    def stop(self, names: Iterable[str] | None = None) -> None:
        """Stops these parts (default: all), those that need others first; one that does not end in time is killed. Safe to call twice."""
        left = set(self._running if names is None else names)
        while left:
            wave = {name for name in left if not any(name in self._running[other].part.needs for other in left - {name})}
            self._stop_wave([self._running[name] for name in wave])
            left -= wave

    def kill(self) -> None:
        """Ends everything at once, gracelessly."""
        for one in self._running.values():
            if one.child is not None:
                one.child.kill()
            self._enter(one, State.STOPPED, "")

    def _look_at(self, one: _Running, now: float) -> None:
        if one.state is State.STOPPED:
            return
        if one.child is not None and (code := one.child.exit_code()) is not None:
            self._died(one, _how(code), now)
        elif one.state is State.WAITING or (one.state is State.DIED and now >= one.again_at):
            if all(self._running[need].state in (State.WELL, State.ILL) for need in one.part.needs):
                self._start(one, now)
        elif one.state in (State.STARTING, State.WELL, State.ILL):
            self._hear(one, now)

    def _start(self, one: _Running, now: float) -> None:
        self.watch.forget(one.part.name)
        one.child = Child(one.part.command, one.log)
        one.starts += 1
        one.started_at = now
        self._enter(one, State.STARTING, "")

    def _hear(self, one: _Running, now: float) -> None:
        if one.child is None:
            return
        answered, wrong = self.watch.answer(one.part.name, one.child.pid)
        if answered and wrong is None:
            if one.state is State.STARTING:
                self.say(f"{one.part.name} is up" + (" again" if one.was_ever_well else f" after {now - one.started_at:.1f} s"))
            one.was_ever_well = True
            if now - one.started_at > _SOUND_SECONDS:
                one.deaths_in_a_row = 0
            self._enter(one, State.WELL, "")
        elif one.state is State.STARTING:
            one.detail = wrong or "just started"
            if now - one.started_at > one.part.start_seconds:
                one.child.kill()
                self._died(one, f"was not up within {one.part.start_seconds:.0f} s ({one.detail}) and was killed", now)
        elif answered:
            self._enter(one, State.ILL, wrong or "")
            self._kill_if_it_hangs(one, isinstance(wrong, CannotTell), now)

    def _kill_if_it_hangs(self, one: _Running, nobody_can_tell: bool, now: float) -> None:
        """Counts only the time in which the part could have been well."""
        helpless = any(self._running[need].state is not State.WELL for need in one.part.needs)
        if nobody_can_tell or helpless or one.child is None:
            one.hanging_since = None
            return
        one.hanging_since = one.hanging_since or now
        if now - one.hanging_since > one.part.ill_seconds:
            one.child.kill()
            self._died(one, f"was not well for {one.part.ill_seconds:g} s ({one.detail}) and was killed", now)

    def _died(self, one: _Running, how: str, now: float) -> None:
        if one.child is not None:
            one.child.kill()  # what it left behind in its group
        one.child = None
        one.deaths_in_a_row += 1
        if not one.was_ever_well and one.deaths_in_a_row >= _FIRST_START_TRIES:
            lines = "\n".join(f"    {line}" for line in one.log.tail(_LOG_LINES_SHOWN))
            raise StartFailed(f"{one.part.name} {how}, {one.deaths_in_a_row} times in a row. The end of {one.log.path}:\n{lines}")
        pause = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2 ** (one.deaths_in_a_row - 1))
        one.again_at = now + pause
        last = (
            "".join(f"; it last wrote: {line.strip()}" for line in one.log.tail(1)) if _EXITED in how else ""
        )  # a killed one knew no reason
        self.say(f"{one.part.name} {how}; it is started again in {pause:g} s (log: {one.log.path}){last}")
        self._enter(one, State.DIED, how)

    def _stop_wave(self, wave: Sequence[_Running]) -> None:
        began = time.monotonic()
        for one in wave:
            self._enter(one, State.STOPPED, "")
            if one.child is not None:
                one.child.terminate()
        for one in wave:
            if one.child is None:
                continue
            while one.child.exit_code() is None and time.monotonic() - began < one.part.stop_seconds and not self.hurry:
                time.sleep(0.02)
            if one.child.exit_code() is None:
                self.say(f"{one.part.name} did not stop within {one.part.stop_seconds:g} s and is killed")
            one.child.kill()
            one.child = None

    def _enter(self, one: _Running, state: State, detail: str) -> None:
        if one.state is not state:
            one.changed_at = time.monotonic()
            one.hanging_since = None
        one.state, one.detail = state, detail


def _how(code: int) -> str:
    if code < 0:
        return f"died of {signal.Signals(-code).name}"
    return f"{_EXITED} {code}"
