"""`/sim/...`: the simulator's own API for tests and the supervisor, never under the venue's paths."""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from aiohttp import web

from threet.simulator.coins import spec_for
from threet.simulator.faults import Faults
from threet.simulator.ledger import MAX_ROWS, ledger
from threet.simulator.limits import RequestLimits
from threet.simulator.venue import Venue

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Control:
    """Handlers over one venue. A wrong request is answered with 400 and {"error": what was found, what is expected}."""

    def __init__(self, venue: Venue, faults: Faults, limits: RequestLimits) -> None:
        self._venue = venue
        self._exchange = venue.exchange
        self._faults = faults
        self._limits = limits

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/sim/health", self._reading(lambda request: self._health())),
            web.get("/sim/ledger", self._reading(self._ledger)),
            web.get("/sim/market", self._reading(lambda request: self._market())),
            web.get("/sim/faults", self._reading(lambda request: {"faults": self._faults.describe()})),
            web.get("/sim/limits", self._reading(lambda request: self._limits.describe())),
            web.post("/sim/accounts", self._changing(self._add_account)),
            web.post("/sim/agents", self._changing(self._add_agent)),
            web.post("/sim/transfer", self._changing(self._transfer)),
            web.post("/sim/market", self._changing(self._change_market)),
            web.post("/sim/faults", self._changing(self._change_faults)),
        ]

    def _reading(self, read: Callable[[web.Request], dict[str, Any]]) -> Handler:
        async def handler(request: web.Request) -> web.StreamResponse:
            try:
                return web.json_response(read(request))
            except ValueError as error:
                return web.json_response({"error": str(error)}, status=400)

        return handler

    def _changing(self, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Handler:
        async def handler(request: web.Request) -> web.StreamResponse:
            try:
                body = await request.json()
                answer = change(body)
            except (ValueError, KeyError, TypeError, AttributeError, InvalidOperation) as error:
                return web.json_response({"error": f"{error!r}" if isinstance(error, KeyError) else str(error)}, status=400)
            finally:
                self._exchange.journal.flush()
            return web.json_response(answer)

        return handler

    def _health(self) -> dict[str, Any]:
        return {
            "status": "ok",
            "pid": os.getpid(),
            "market_ms": self._exchange.clock.now_ms(),
            "wall_ms": self._exchange.wall_ms(),
            "coins": len(self._exchange.market.listings),
            "accounts": len(self._exchange.state.accounts),
        }

    def _ledger(self, request: web.Request) -> dict[str, Any]:
        exchange = self._exchange
        now = exchange.clock.now_ms()
        marks = {coin: exchange.market.mark(coin, now) for coin in exchange.market.listings}
        books = ledger(exchange.state, marks, int(request.query.get("limit", MAX_ROWS)))
        return {"market_ms": now, "wall_ms": exchange.wall_ms(), "marks": {coin: str(mark) for coin, mark in marks.items()}, **books}

    def _market(self) -> dict[str, Any]:
        exchange, clock = self._exchange, self._exchange.clock
        now = clock.now_ms()
        coins = [
            {
                "name": coin,
                "sz_decimals": listing.spec.sz_decimals,
                "max_leverage": listing.spec.max_leverage,
                "mark": str(exchange.market.mark(coin, now)),
            }
            for coin, listing in exchange.market.listings.items()
        ]
        return {
            "market_ms": now,
            "wall_ms": exchange.wall_ms(),
            "speed": clock.speed,
            "paused": clock.paused,
            "ended": clock.ended,
            "end_ms": clock.end_ms,
            "history_start_ms": exchange.market.history_start_ms,
            "base_interval": self._venue.base_interval,
            "left_out": list(self._venue.left_out),
            "coins": coins,
            "spot": [
                {"name": name, "token": listing.spec.token, "sz_decimals": listing.spec.sz_decimals, "mark": str(exchange.mark(name))}
                for name, listing in exchange.market.spot.items()
            ],
        }

    def _add_account(self, body: dict[str, Any]) -> dict[str, Any]:
        address, deposit = address_of(body["address"]), usd_of(body.get("deposit_usd", "0"))
        master = body.get("master")
        self._exchange.create_account(address, address_of(master) if master is not None else None)
        if deposit:
            self._exchange.deposit(address, deposit)
        return {"address": address, "cash": str(self._exchange.state.accounts[address].cash)}

    def _add_agent(self, body: dict[str, Any]) -> dict[str, Any]:
        master, agent = address_of(body["master"]), address_of(body["agent"])
        self._exchange.create_account(master)
        self._exchange.journal.commit("agent", master=master, agent=agent)
        return {"master": master, "agent": agent}

    def _transfer(self, body: dict[str, Any]) -> dict[str, Any]:
        address = address_of(body["address"])
        if address not in self._exchange.state.accounts:
            raise ValueError(f"address: found {address}, expected one of the accounts {sorted(self._exchange.state.accounts)}")
        self._exchange.deposit(address, usd_of(body["amount_usd"]))
        return {"address": address, "cash": str(self._exchange.state.accounts[address].cash)}

    def _change_market(self, body: dict[str, Any]) -> dict[str, Any]:
        action = body.get("action")
        if action == "pause":
            self._exchange.clock.pause()
        elif action == "resume":
            self._exchange.clock.resume()
        elif action == "set_speed":
            self._exchange.clock.set_speed(float(body["speed"]))
        elif action == "set_price":
            self._venue.set_price(body["coin"], usd_of(body["price"]))
        elif action == "list_coin":
            self._venue.list_coin(spec_for(str(body["coin"]), usd_of(body["price"])))
        elif action == "list_spot":
            self._venue.list_spot(str(body["token"]), usd_of(body["price"]))
        else:
            raise ValueError(f"action: found {action!r}, expected pause, resume, set_speed, set_price, list_coin or list_spot")
        self._venue.save_clock()
        return self._market()

    def _change_faults(self, body: dict[str, Any]) -> dict[str, Any]:
        action = body.get("action", "set")
        if action == "set":
            return self._faults.set(body).describe()
        if action == "clear":
            return {"cleared": self._faults.clear(body.get("id"))}
        if action == "list":
            return {"faults": self._faults.describe()}
        raise ValueError(f"action: found {action!r}, expected set, list or clear")


def address_of(text: object) -> str:
    """Lower case. Raises ValueError."""
    raw = str(text).lower()
    if len(raw) != 42 or not raw.startswith("0x") or not all(letter in "0123456789abcdef" for letter in raw[2:]):
        raise ValueError(f"address: found {text!r}, expected 0x and 40 hex digits")
    return raw


def usd_of(value: object) -> Decimal:
    """A number or a decimal string as Decimal. Raises ValueError."""
    try:
        amount = Decimal(json.dumps(value) if isinstance(value, int | float) else str(value))
    except InvalidOperation as error:
        raise ValueError(f"found {value!r}, expected a decimal number") from error
    if not amount.is_finite():
        raise ValueError(f"found {value!r}, expected a finite number")
    return amount
