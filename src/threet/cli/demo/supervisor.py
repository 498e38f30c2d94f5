"""The supervisor: makes the files, starts the parts, watches and shows them, ends the show and stops everything."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from threet.cli.demo.fleet import Fleet, StartFailed, State
from threet.cli.demo.folder import StateFolder
from threet.cli.demo.free_ports import PortClaims
from threet.cli.demo.page import Moment
from threet.cli.demo.plan import make_plan
from threet.cli.demo.screen import Screen
from threet.cli.demo.settings_files import Market, Ports, make_keys, preferred_ports, split_password, write_secrets, write_settings
from threet.domain.values import Unknown
from threet.settings import Secrets, Settings, load_settings

if TYPE_CHECKING:
    from threet.cli.demo.watching import Watcher
    from threet.cli.status.picture import Picture

_TICK_SECONDS = 0.1
_SHOW_EVERY_SECONDS = 1.0
_LOGS_EVERY_SECONDS = 5.0
_START_SECONDS = 120.0
_SAME_SIGNAL_SECONDS = 1.0


class Interrupted(Exception):
    """Ctrl-C, SIGTERM, or nobody there to press Ctrl-C any more: a terminal's end is not always told to all of its processes."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the person asked for. ``seconds`` is None for a show without an end."""

    project_config: Path
    market: Market
    seconds: float | None
    state: Path


class Supervisor:
    """One show, from the first file to the last process."""

    def __init__(self, wish: Wish, screen: Screen) -> None:
        self._wish = wish
        self._screen = screen
        self._folder = StateFolder(wish.state.absolute())
        self._began = time.monotonic()
        self._began_at = datetime.now(UTC)
        self._has_filled = False
        self._interrupted = threading.Event()
        self._signalled_at = 0.0
        self._fleet: Fleet | None = None
        self._next_show = 0.0
        self._next_logs = 0.0
        self._phase = "starting"
        self._end: float | None = None

    def run(self) -> tuple[dict[str, Any] | None, list[str]]:
        """Returns the summary and what it lacks; None where the show has no end of its own and a person ended it.

        Raises StartFailed, FolderInUse, OtherMarket, NoRedis, NoFreePort or SettingsError where it cannot begin, and Interrupted where
        a show with an end was interrupted.
        """
        self._folder.make()
        with ExitStack() as stack:
            stack.enter_context(self._folder.locked())
            self._folder.belongs_to(str(self._wish.market))
            stack.enter_context(_Signals(self._on_signal))
            settings, secrets, ports = self._write_files(stack.enter_context(PortClaims()))
            fleet = Fleet(
                make_plan(self._folder, settings, secrets, ports, self._wish.project_config.absolute().parent),
                self._folder.logs,
                settings.retention.log_files_mb * 1_000_000,
                self._screen.say,
            )
            self._fleet = fleet
            stack.callback(self._stop, fleet)
            stack.enter_context(self._screen)
            try:
                return self._show(fleet, settings, secrets, ports)
            except Interrupted:
                if self._wish.seconds is not None:
                    raise
                return None, []

    def _write_files(self, claims: PortClaims) -> tuple[Settings, Secrets, Ports]:
        project = load_settings(self._wish.project_config)
        names = [node.name for node in project.observers.nodes]
        chosen = claims.choose(preferred_ports(project), self._screen.say)
        ports = Ports(chosen["redis"], chosen["simulator"], chosen["flower"], {name: chosen[f"observer_{name}"] for name in names})
        keys = make_keys(self._folder, names)
        given = os.environ.get("DATABASE_URL") or None
        url, password = split_password(given) if given else (None, None)
        settings = write_settings(self._wish.project_config, self._folder, self._wish.market, ports, keys, url)
        return settings, write_secrets(self._folder, settings, password), ports

    def _show(self, fleet: Fleet, settings: Settings, secrets: Secrets, ports: Ports) -> tuple[dict[str, Any] | None, list[str]]:
        hints = self._hints(settings, ports)
        self._tick(fleet, None, hints)  # what needs nothing starts while we import the rest
        from threet.cli.demo.watching import Watcher, prepare_database

        prepare_database(settings, secrets)
        watcher = Watcher(settings, secrets, datetime.now(UTC))
        if not self._until(fleet, None, hints, fleet.all_well_once, time.monotonic() + _START_SECONDS):
            late = [f"{view.name}: {view.state} {view.detail}" for view in fleet.views() if view.state is not State.WELL]
            raise StartFailed(f"not up after {_START_SECONDS:.0f} s: {'; '.join(late)}; see {self._folder.logs}")
        control_market(settings, "resume")
        watcher.start()
        self._phase = "running"
        self._screen.say(f"all parts are up after {time.monotonic() - self._began:.0f} s")
        if self._wish.seconds is None:
            self._until(fleet, watcher, hints, lambda: False, None)
        self._end = time.monotonic() + (self._wish.seconds or 0.0)
        self._until(fleet, watcher, hints, lambda: time.monotonic() >= (self._end or 0.0), None)
        return self._close(fleet, watcher, settings, hints)

    def _close(self, fleet: Fleet, watcher: Watcher, settings: Settings, hints: list[str]) -> tuple[dict[str, Any], list[str]]:
        """Prices and Providence stop; at most three more cycles bring the account to the last targets."""
        from threet.cli.demo.closing import CLOSING_CYCLES, Closing
        from threet.cli.demo.summary import as_line, failures

        self._phase = "closing"
        control_market(settings, "pause")
        fleet.stop(["providence"])
        closing = Closing(watcher, settings)
        self._screen.say(f"prices and Providence have stopped; at most {CLOSING_CYCLES} more cycles")
        self._until(fleet, watcher, hints, closing.is_over, time.monotonic() + closing.longest_seconds)
        fleet.stop(["celery_beat", "celery_worker_reconcile", "celery_worker"])
        facts = closing.facts()
        return as_line(facts), failures(facts)

    def _until(self, fleet: Fleet, watcher: Watcher | None, hints: list[str], condition: Callable[[], bool], end: float | None) -> bool:
        """Whether the condition came true before ``end``."""
        while not condition():
            self._tick(fleet, watcher, hints)
            if end is not None and time.monotonic() >= end:
                return False
            time.sleep(_TICK_SECONDS)
        return True

    def _tick(self, fleet: Fleet, watcher: Watcher | None, hints: list[str]) -> None:
        if self._interrupted.is_set() or self._screen.is_gone():
            raise Interrupted
        fleet.tick()
        now = time.monotonic()
        if now >= self._next_logs:
            self._next_logs = now + _LOGS_EVERY_SECONDS
            fleet.keep_logs_small()
        if now >= self._next_show:
            self._next_show = now + _SHOW_EVERY_SECONDS
            picture, problems = watcher.latest() if watcher is not None else (None, [])
            self._greet_first_fill(picture)
            remaining = None if self._end is None else self._end - now
            self._screen.show(Moment(now - self._began, remaining, self._phase, fleet.views(), picture, problems, hints))

    def _greet_first_fill(self, picture: Picture | None) -> None:
        if self._has_filled or picture is None or isinstance(picture.last_orders, Unknown):
            return
        filled = [order for order in picture.last_orders if order.filled_contracts > 0 and order.created_at > self._began_at]
        if filled:
            self._has_filled = True
            self._screen.say(f"first fill {(filled[-1].created_at - self._began_at).total_seconds():.0f} s after the command")

    def _stop(self, fleet: Fleet) -> None:
        self._phase = "stopping"
        self._screen.say("stopping all parts")
        fleet.stop()
        fleet.watch.stop()

    def _on_signal(self) -> None:
        """The first one ends the show; another one later than a moment ends it at once. A terminal and make may both send the first."""
        now = time.monotonic()
        if self._interrupted.is_set() and now - self._signalled_at > _SAME_SIGNAL_SECONDS and self._fleet is not None:
            self._fleet.hurry = True
        elif not self._interrupted.is_set():
            self._signalled_at = now
            self._interrupted.set()

    def _hints(self, settings: Settings, ports: Ports) -> list[str]:
        config = self._folder.config
        return [
            f"logs: {self._folder.logs}",
            f"Flower: http://127.0.0.1:{ports.flower} (user 3t, password in {self._folder.flower_password})",
            f"another terminal: {_short(Path(sys.argv[0]))} status --config {_short(config)}   (also: halt, resume, flatten)",
        ]


def _short(path: Path) -> str:
    """As a person would type it here."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def control_market(settings: Settings, action: str) -> None:
    """``pause`` or ``resume`` of the simulator's prices. Raises OSError."""
    request = urllib.request.Request(
        f"{settings.exchange.base_url}/sim/market",
        data=json.dumps({"action": action}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=5):
        pass


class _Signals:
    """While entered, Ctrl-C, SIGTERM and SIGHUP call ``then``."""

    def __init__(self, then: Callable[[], None]) -> None:
        self._then = then
        self._before: dict[int, Any] = {}

    def __enter__(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self._before[number] = signal.signal(number, self._caught)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _caught(self, number: int, frame: FrameType | None) -> None:
        self._then()
