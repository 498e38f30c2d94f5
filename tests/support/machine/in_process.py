"""The simulator inside the test's own process, on a clock that only the test moves: the same server and the same bytes, but no socket.

A request is handed to aiohttp's own parser, and what the server writes is parsed as HTTP again; a connection that it aborts looks to the
client as one that broke. What takes time (a slow answer, a client's time-out) moves the clock; what a client no longer waits for
is done later, when the clock gets there.
"""

from __future__ import annotations

import asyncio
import http.client
import io
import json
import math
import selectors
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import requests
from aiohttp import web
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from tests.support.clocks import ManualClock

from threet.simulator.options import SimulatorOptions
from threet.simulator.server import make_app
from threet.simulator.venue import Venue

URL = "http://simulator.in-process"
LATENCY_SECONDS = 0.002
"""On the way there and on the way back: an answer is never of the moment of its question."""


class _Selector(selectors.SelectSelector):
    """Waits by moving the clock."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise AssertionError("the in-process simulator waits for something that no time brings")
        self._clock.pass_by(math.ceil(timeout * 1_000_000))
        return super().select(0)


class ManualLoop(asyncio.SelectorEventLoop):
    def __init__(self, clock: ManualClock) -> None:
        super().__init__(_Selector(clock))
        self._clock = clock

    def time(self) -> float:
        return self._clock.monotonic()

    def let_pass(self, seconds: float) -> None:
        """Everything that falls due meanwhile is done at its time."""
        self.run_until_complete(asyncio.sleep(seconds))


class _Wire(asyncio.Transport):
    """The server's side of a connection that holds one answer."""

    def __init__(self, answered: asyncio.Event) -> None:
        super().__init__()
        self.written = bytearray()
        self._answered = answered
        self._closed = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 1) if name in ("peername", "sockname") else default

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data
        head, _, body = bytes(self.written).partition(b"\r\n\r\n")
        length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), None)
        if length is not None and len(body) >= length:
            self._answered.set()

    def is_closing(self) -> bool:
        return self._closed

    def close(self) -> None:
        self._closed = True
        self._answered.set()

    abort = close


class _Received:
    """What http.client reads an answer from."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, *_: object) -> io.BytesIO:
        return io.BytesIO(self._data)


class InProcessSimulator:
    """Has what tests/support/simulator.py's process has, as far as a test of the cycle asks for it."""

    def __init__(self, folder: Path, clock: ManualClock, seed: int = 3) -> None:
        self.url = URL
        self.clock = clock
        self.loop = ManualLoop(clock)
        self.venue = Venue(SimulatorOptions(folder, seed=seed, start=clock.now(), speed=1.0), clock.wall_ms)
        self.exchange = self.venue.exchange
        self.exchange.clock.pause()
        self._runner = web.AppRunner(make_app(self.venue), access_log=None)
        self.loop.run_until_complete(self._runner.setup())

    def close(self) -> None:
        self.loop.run_until_complete(self._runner.cleanup())
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()
        self.venue.close()

    def let_pass(self, seconds: float) -> None:
        self.loop.let_pass(seconds)
        self.venue.tick()

    def ask(self, method: str, path: str, body: bytes, headers: Mapping[str, str], timeout: float) -> tuple[int, bytes] | None:
        """Status and body; None where the connection broke. Raises TimeoutError after ``timeout`` seconds of the clock."""
        return self.loop.run_until_complete(self._ask(method, path, body, headers, timeout))

    async def _ask(self, method: str, path: str, body: bytes, headers: Mapping[str, str], patience: float) -> tuple[int, bytes] | None:
        given = {**headers, "Host": "simulator.in-process", "Content-Length": str(len(body)), "Accept-Encoding": "identity"}
        head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        answered = asyncio.Event()
        wire = _Wire(answered)
        assert self._runner.server is not None
        connection = self._runner.server()
        connection.connection_made(wire)
        await asyncio.sleep(LATENCY_SECONDS)
        connection.data_received(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body)
        try:
            await asyncio.wait_for(answered.wait(), patience)
        finally:
            if not answered.is_set():  # the client hangs up; what it asked for goes on
                wire._closed = True
        await asyncio.sleep(LATENCY_SECONDS)
        connection.connection_lost(None)
        if not wire.written:
            return None
        answer = http.client.HTTPResponse(_Received(bytes(wire.written)))  # type: ignore[arg-type]
        answer.begin()
        return answer.status, answer.read()

    # What a test asks and changes

    def info(self, body: dict[str, Any], source: str = "test") -> Any:
        """The venue's own answer to a reading request; None where there was none."""
        try:
            found = self.ask("POST", "/info", json.dumps(body).encode(), {"User-Agent": source}, 1.0)
        except TimeoutError:
            return None
        return json.loads(found[1]) if found is not None and found[0] == 200 else None

    def account(self, address: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ledger()["accounts"][address.lower()]
        return found

    def ledger(self) -> dict[str, Any]:
        return self._control("GET", "/sim/ledger", {})

    def actions(self, kind: str | None = None) -> list[dict[str, Any]]:
        return [action for action in self.exchange.state.actions if kind is None or action["type"] == kind]

    def fund(self, address: str, usd: str = "10000") -> None:
        self._control("POST", "/sim/accounts", {"address": address, "deposit_usd": usd})

    def approve_agent(self, master: str, agent: str) -> None:
        self._control("POST", "/sim/agents", {"master": master, "agent": agent})

    def transfer(self, address: str, usd: str) -> None:
        self._control("POST", "/sim/transfer", {"address": address, "amount_usd": usd})

    def set_price(self, coin: str, price: str) -> None:
        self._control("POST", "/sim/market", {"action": "set_price", "coin": coin, "price": price})

    def fault(self, kind: str, **values: Any) -> int:
        return int(self._control("POST", "/sim/faults", {"action": "set", "kind": kind, **values})["id"])

    def clear_faults(self) -> None:
        self._control("POST", "/sim/faults", {"action": "clear"})

    def mark(self, coin: str) -> str:
        return str(self.exchange.mark(coin))

    def _control(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        found = self.ask(method, path, json.dumps(body).encode(), {"Content-Type": "application/json"}, 1.0)
        assert found is not None
        status, answer = found
        assert status == 200, answer
        told: dict[str, Any] = json.loads(answer)
        return told


class InProcessTransport(BaseAdapter):
    """Mounted on ccxt's session in the place of the one with sockets. ``around`` is told of each signed request and sends it."""

    def __init__(self, simulator: InProcessSimulator, around: Callable[[dict[str, Any], Callable[[], Any]], Any]) -> None:
        super().__init__()
        self._simulator, self._around = simulator, around

    def send(self, request: requests.PreparedRequest, stream: bool = False, timeout: Any = None, *_: Any, **__: Any) -> requests.Response:
        assert request.url is not None
        path = request.url.removeprefix(URL)
        body = request.body.encode() if isinstance(request.body, str) else bytes(request.body or b"")
        if path != "/exchange":
            return self._answer(request, path, body, timeout)
        sent: requests.Response = self._around(json.loads(body), lambda: self._answer(request, path, body, timeout))
        return sent

    def close(self) -> None:
        """Nothing is open."""

    def _answer(self, request: requests.PreparedRequest, path: str, body: bytes, timeout: Any) -> requests.Response:
        patience = timeout[1] if isinstance(timeout, tuple) else timeout
        headers = {name: str(value) for name, value in request.headers.items() if name.lower() in ("user-agent", "content-type")}
        try:
            found = self._simulator.ask(str(request.method), path, body, headers, float(patience))
        except TimeoutError as error:
            raise requests.exceptions.ReadTimeout(f"no answer within {patience} s", request=request) from error
        if found is None:
            broken = http.client.RemoteDisconnected("Remote end closed connection without response")
            raise requests.exceptions.ConnectionError(broken, request=request)
        answer = requests.Response()
        answer.status_code, answer._content = found
        answer.headers = CaseInsensitiveDict({"Content-Type": "application/json"})
        answer.url, answer.request, answer.encoding, answer.reason = request.url or "", request, "utf-8", http.client.responses[found[0]]
        return answer
