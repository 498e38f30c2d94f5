"""Servers of this project asked without a socket, on a virtual clock: the whole aiohttp application, its time-outs, its lost answers."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import requests
from aiohttp import StreamReader, web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_parser import RawRequestMessage
from aiohttp.http_writer import HttpVersion11
from multidict import CIMultiDict, CIMultiDictProxy
from requests.adapters import BaseAdapter
from tests.support.virtual import VirtualLoop
from yarl import URL

Headers = Mapping[str, str]
LATENCY_SECONDS = 0.005
"""On the way there and on the way back: what is told of a moment is known later than what happens in it."""


class HungUp(ConnectionError):
    """The server closed the connection instead of answering."""


class Door:
    """The way into one application. ``asked`` counts the requests by their caller (User-Agent) and type."""

    def __init__(self, loop: VirtualLoop, app: web.Application) -> None:
        self.loop = loop
        self._app = app
        app.freeze()
        self.asked: Counter[tuple[str, str]] = Counter()

    async def ask(self, method: str, path: str, headers: Headers, body: bytes, seconds: float) -> tuple[int, bytes]:
        """Status and body. Raises TimeoutError, after which the server goes on with it all the same, or HungUp."""
        self.asked[headers.get("User-Agent", ""), _type_of(body)] += 1
        work = self.loop.create_task(self._handle(method, path, headers, body))
        work.add_done_callback(lambda done: done.cancelled() or done.exception())  # perhaps nobody waits for it any more
        return await asyncio.wait_for(asyncio.shield(work), seconds)

    async def _handle(self, method: str, path: str, headers: Headers, body: bytes) -> tuple[int, bytes]:
        hung_up: list[bool] = []
        transport = SimpleNamespace(abort=lambda: hung_up.append(True), get_extra_info=lambda *_: None)
        protocol: Any = SimpleNamespace(transport=transport, ssl_context=None, peername=("127.0.0.1", 1), sockname=None)
        told = CIMultiDictProxy(CIMultiDict(headers))
        message = RawRequestMessage(method, path, HttpVersion11, told, (), False, None, False, False, URL(path))
        nothing: Any = None
        await asyncio.sleep(LATENCY_SECONDS)
        request = web.Request(message, _stream(self.loop, body), protocol, nothing, nothing, self.loop)
        answer = await self._app._handle(request)
        await asyncio.sleep(LATENCY_SECONDS)
        if hung_up:
            raise HungUp("the connection was closed without an answer")
        assert isinstance(answer, web.Response)
        assert isinstance(answer.body, bytes | None)
        return answer.status, answer.body or b""


class RequestsDoor(BaseAdapter):
    """What a ``requests`` session mounts: blocking callers, as ccxt is one."""

    def __init__(self, door: Door) -> None:
        super().__init__()
        self._door = door

    def send(
        self, request: requests.PreparedRequest, stream: Any = False, timeout: Any = None, *rest: Any, **named: Any
    ) -> requests.Response:
        seconds = timeout[1] if isinstance(timeout, tuple) else timeout
        body = request.body.encode() if isinstance(request.body, str) else request.body or b""
        headers = {name: str(value) for name, value in request.headers.items()}
        try:
            status, text = self._door.loop.wait(self._door.ask(str(request.method), request.path_url, headers, body, seconds))
        except TimeoutError as error:
            raise requests.exceptions.ReadTimeout(f"no answer within {seconds:g} s") from error
        except HungUp as error:
            raise requests.exceptions.ConnectionError(str(error)) from error
        answer = requests.Response()
        answer.status_code, answer._content, answer.url, answer.request = status, text, str(request.url), request
        answer.reason = ""
        return answer

    def close(self) -> None:
        """Nothing is open."""


class SessionDoor:
    """As much of an ``aiohttp.ClientSession`` as an observer's reader uses."""

    def __init__(self, door: Door, user_agent: str, seconds: float) -> None:
        self._door, self._headers, self._seconds = door, {"User-Agent": user_agent}, seconds

    def post(self, url: str, *, json: Any, allow_redirects: bool) -> _Asked:
        return _Asked(self._door, URL(url).path, self._headers, json, self._seconds)


class _Asked:
    def __init__(self, door: Door, path: str, headers: Headers, body: Any, seconds: float) -> None:
        self._door, self._path, self._headers, self._body, self._seconds = door, path, headers, json.dumps(body).encode(), seconds

    async def __aenter__(self) -> SimpleNamespace:
        status, body = await self._door.ask("POST", self._path, self._headers, self._body, self._seconds)
        return SimpleNamespace(status=status, content=_stream(self._door.loop, body))

    async def __aexit__(self, *unused: object) -> None:
        pass


def _stream(loop: VirtualLoop, body: bytes) -> StreamReader:
    whole = StreamReader(BaseProtocol(loop), 2**22, loop=loop)
    whole.feed_data(body)
    whole.feed_eof()
    return whole


def _type_of(body: bytes) -> str:
    """``order``, ``clearinghouseState``: what a request to the venue is about."""
    told = json.loads(body) if body else {}
    action = told.get("action")
    return str(action["type"] if isinstance(action, dict) else told.get("type", ""))
