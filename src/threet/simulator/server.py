"""The HTTP server: the venue's two paths with their faults, and the control API."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

from aiohttp import web

from threet.simulator import account_views, actions, info
from threet.simulator.control import Control
from threet.simulator.faults import Call, Fault, Faults, distort
from threet.simulator.limits import TOO_MANY_ACTIONS, RequestLimits, weight_of_action, weight_of_answer, weight_of_info
from threet.simulator.placing import BadRequest
from threet.simulator.venue import Venue

log = logging.getLogger(__name__)

_BLOCKING = {"http_429": (429, "null"), "http_500": (500, "null")}


class VenueApi:
    """`POST /info` and `POST /exchange` over one venue."""

    def __init__(self, venue: Venue, limits: RequestLimits) -> None:
        self._exchange = venue.exchange
        self._limits = limits
        self.faults = Faults(self._freeze)

    async def info(self, request: web.Request) -> web.StreamResponse:
        body = await _json(request)
        kind = str(body.get("type")) if isinstance(body, dict) else ""
        if not self._limits.admits(_address(request), weight_of_info(kind)):
            return _too_many()
        call = Call("info", kind, info.user_of(body), _coin(body), request.headers.get("User-Agent", ""))
        faults = self.faults.hitting(call)
        if blocked := await self._delay(request, faults):
            return blocked
        answer = info.answer(self._exchange, body)
        self._limits.charge(_address(request), weight_of_answer(kind, answer))
        for fault in faults:
            answer = distort(fault, call, answer)
        return _lose(request, faults) or _answer(answer)

    async def exchange(self, request: web.Request) -> web.StreamResponse:
        signed = actions.parse_signed(await _json(request))
        if not self._limits.admits(_address(request), weight_of_action(signed.action)):
            return _too_many()
        signer = actions.signer_of(signed)
        user = actions.user_of(self._exchange, signed, signer)
        call = Call("exchange", signed.kind, user, self._action_coin(signed.action), request.headers.get("User-Agent", ""))
        faults = self.faults.hitting(call)
        if blocked := await self._delay(request, faults):
            return blocked
        if not self._may_act(user, signed.kind):
            return _answer({"status": "err", "response": f"{TOO_MANY_ACTIONS} (simulated)"})
        try:
            answer = actions.handle(self._exchange, signed, signer)
        finally:
            self._exchange.journal.flush()
        return _lose(request, faults) or _answer(answer)

    async def _delay(self, request: web.Request, faults: list[Fault]) -> web.StreamResponse | None:
        """Waits, refuses or hangs up before anything is done, where a fault says so."""
        for fault in faults:
            if fault.kind in ("slow", "no_answer"):
                await asyncio.sleep(fault.seconds)
            if fault.kind == "no_answer":
                return _hang_up(request)
            if fault.kind in _BLOCKING:
                status, text = _BLOCKING[fault.kind]
                return web.Response(status=status, text=text, content_type="application/json")
        return None

    def _may_act(self, user: str | None, kind: str) -> bool:
        account = self._exchange.state.accounts.get(user or "")
        used, volume = (account.action_count, account.totals["volume"]) if account is not None else (0, 0)
        return self._limits.admits_action(user or "", used, int(volume), cancels=kind.startswith("cancel"))

    def _freeze(self) -> dict[str, Any]:
        return {user: account_views.clearinghouse_state(self._exchange, user) for user in self._exchange.state.accounts}

    def _action_coin(self, action: dict[str, Any]) -> str | None:
        items = action.get("orders") or action.get("cancels") or [action]
        first = items[0] if isinstance(items, list) and isinstance(items[0], dict) else {}
        listing = self._exchange.market.by_asset(first.get("a", first.get("asset")))
        return listing.spec.name if listing else None


def make_app(venue: Venue) -> web.Application:
    """The whole server over a venue."""
    limits = RequestLimits(venue.exchange.wall_ms, venue.options.weight_per_minute, venue.options.free_actions)
    api = VenueApi(venue, limits)
    app = web.Application(middlewares=[_refuse_malformed])
    app.add_routes([web.post("/info", api.info), web.post("/exchange", api.exchange), *Control(venue, api.faults, limits).routes()])
    return app


@web.middleware
async def _refuse_malformed(request: web.Request, handler: Any) -> web.StreamResponse:
    try:
        response: web.StreamResponse = await handler(request)
        return response
    except BadRequest as refusal:
        log.warning("%s: %s", request.path, refusal)
        return web.Response(status=422, text=f"Failed to deserialize the JSON body into the target type: {refusal}")


async def _json(request: web.Request) -> Any:
    try:
        return json.loads(await request.read())
    except ValueError as error:
        raise BadRequest(f"body: {error}") from error


def _address(request: web.Request) -> str:
    return request.remote or ""


def _too_many() -> web.Response:
    status, text = _BLOCKING["http_429"]
    return web.Response(status=status, text=text, content_type="application/json")


def _answer(value: Any) -> web.Response:
    return web.Response(text=json.dumps(value, separators=(",", ":")), content_type="application/json")


def _lose(request: web.Request, faults: list[Fault]) -> web.StreamResponse | None:
    return _hang_up(request) if any(fault.kind == "lost_answer" for fault in faults) else None


def _hang_up(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _coin(body: Any) -> str | None:
    if not isinstance(body, dict):
        return None
    request = body.get("req")
    coin = (request if isinstance(request, dict) else body).get("coin")
    return coin if isinstance(coin, str) else None
