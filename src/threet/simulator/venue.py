"""Puts a venue together out of its options and its state folder, and lets its time go on."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from threet.simulator import placing
from threet.simulator.bars import MINUTE_MS
from threet.simulator.book import Book
from threet.simulator.clock import MarketClock, WallMs, system_wall_ms
from threet.simulator.coins import DEFAULT_COINS, CoinSpec, spec_for
from threet.simulator.exchange import Exchange, Fees
from threet.simulator.journal import Journal, StateFolderError
from threet.simulator.market import Market
from threet.simulator.options import SimulatorOptions
from threet.simulator.replay import INTERVAL_MS, Replay, load_replay
from threet.simulator.seeded import SeededSource
from threet.simulator.spot import spot_spec
from threet.simulator.tokens import USDC

log = logging.getLogger(__name__)

CLOCK_RESERVE_SECONDS = 2.0  # wall; how far ahead of itself the saved market time is
SNAPSHOT_EVENTS = 5_000
LOWEST_PRICE, HIGHEST_PRICE = Decimal("0.0001"), Decimal(10_000_000)


class Venue:
    """One running exchange. Not thread-safe: everything happens on one event loop."""

    def __init__(self, options: SimulatorOptions, wall_ms: WallMs = system_wall_ms) -> None:
        """Loads the market, then the state. Raises StateFolderError or ValueError with the cure."""
        self.options = options
        self._wall_ms = wall_ms
        replay = load_replay(options.candles_folder) if options.candles_folder else None
        self.left_out = replay.left_out if replay else ()
        self.base_interval = replay.interval if replay else "1m"
        self._journal = Journal(options.state_folder)
        saved = self._saved_clock(replay)
        market = _market(options, replay, saved["history_start_ms"])
        clock = MarketClock(wall_ms, saved["market_ms"], saved["speed"], replay.end_ms if replay else None)
        fees = Fees(options.taker_fee, options.maker_fee)
        self.exchange = Exchange(self._journal, market, clock, Book(options.book), fees)
        self._restore()
        self._last_market_ms = clock.now_ms()
        self._last_save_ms = 0
        self._snapshot_seq = self.exchange.state.seq
        self.tick()

    def list_coin(self, spec: CoinSpec) -> None:
        """Lists a new coin with a seeded market of its own. Raises ValueError."""
        _check_price(spec.base_price)
        self._list(spec)
        self._journal.commit("listed", spec={**asdict(spec), "base_price": str(spec.base_price)})
        self.set_price(spec.name, spec.base_price)

    def list_spot(self, token: str, price: Decimal) -> None:
        """Lists a token against USDC, with a seeded market of its own. Raises ValueError."""
        taken = [USDC, *(listing.spec.token for listing in self.exchange.market.spot.values())]
        if not token.isalnum() or token in taken:
            raise ValueError(f"token: found {token!r}, expected letters and digits, and none of {taken}")
        self.list_coin(spot_spec(token, len(self.exchange.market.spot), price))

    def set_price(self, coin: str, price: Decimal) -> None:
        """Scales a coin's prices from now on. Raises ValueError."""
        market = self.exchange.market
        if market.find(coin) is None:
            raise ValueError(f"coin: found {coin!r}, expected one of {[*market.listings, *market.spot]}")
        _check_price(price)
        now = self.exchange.clock.now_ms()
        factor = market.set_price(coin, price, now)
        self._journal.commit("shift", coin=coin, market_ms=now, factor=factor)
        self.tick()

    def tick(self) -> None:
        """What the passing of time does: resting orders, funding, liquidations, dead man's switches; then the clock is saved."""
        exchange = self.exchange
        now = exchange.clock.now_ms()
        if exchange.state.open_orders:
            placing.run_resting(exchange, self._last_market_ms, now)
            exchange.run_dead_man_switches()
        exchange.settle_funding()
        exchange.liquidate()
        self._last_market_ms = now
        self._journal.flush()
        if exchange.state.seq - self._snapshot_seq >= SNAPSHOT_EVENTS:
            self._journal.snapshot()
            self._snapshot_seq = exchange.state.seq
        if abs(exchange.wall_ms() - self._last_save_ms) >= CLOCK_RESERVE_SECONDS * 250:
            self.save_clock()

    def save_clock(self) -> None:
        """Writes market time a little ahead, so that after a kill it goes on and never back."""
        clock = self.exchange.clock
        ahead = 0 if clock.paused else int(CLOCK_RESERVE_SECONDS * 1000 * clock.speed)
        reserved = clock.now_ms() + ahead
        self._write_clock(reserved)
        clock.reserved_ms = reserved

    async def run(self, stop: asyncio.Event) -> None:
        """Ticks until told to stop."""
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), self.options.tick_seconds)
            self.tick()

    def close(self) -> None:
        """Saves everything; market time exactly, since nobody will see it again before the next start."""
        self._write_clock(self.exchange.clock.now_ms())
        self._journal.close()

    def _write_clock(self, market_ms: int) -> None:
        clock = self.exchange.clock
        self._last_save_ms = self.exchange.wall_ms()
        record = {
            "market_ms": market_ms,
            "speed": clock.speed,
            "history_start_ms": self.exchange.market.history_start_ms,
            "market": _market_name(self.options),
        }
        self._journal.save_clock(record)

    def _saved_clock(self, replay: Replay | None) -> dict[str, Any]:
        """Where market time goes on: the saved place, or the start. The speed is that of this start, and a pause has ended."""
        saved = self._journal.load_clock()
        if saved is None:
            return {**_first_start(self.options, replay, self._wall_ms()), "speed": self.options.speed}
        if saved["market"] != _market_name(self.options):
            raise StateFolderError(
                f"{self.options.state_folder}/clock.json: found the market {saved['market']!r}, "
                f"expected {_market_name(self.options)!r} as this start asks for; use a new --state folder for another market"
            )
        return {**saved, "speed": self.options.speed}

    def _restore(self) -> None:
        for event in self.exchange.state.listed:
            self._list(CoinSpec(**{**event["spec"], "base_price": Decimal(event["spec"]["base_price"])}))
        for event in self.exchange.state.shifts:
            self.exchange.market.restore_shift(event["coin"], event["market_ms"], event["factor"])
        for address, usd in self.options.accounts:
            if address not in self.exchange.state.accounts:
                self.exchange.create_account(address)
                self.exchange.deposit(address, usd)
        for master, agent in self.options.agents:
            if self.exchange.state.agents.get(agent) != master:
                self._journal.commit("agent", master=master, agent=agent)

    def _list(self, spec: CoinSpec) -> None:
        self.exchange.market.add(spec, SeededSource(self.options.seed, spec.name, float(spec.base_price)))


def _check_price(price: Decimal) -> None:
    """A price needs room for its movements above the smallest tick of six decimals."""
    if not LOWEST_PRICE <= price <= HIGHEST_PRICE:
        raise ValueError(f"price: found {price}, expected {LOWEST_PRICE} to {HIGHEST_PRICE} USD")


def _market(options: SimulatorOptions, replay: Replay | None, history_start_ms: int) -> Market:
    market = Market(history_start_ms)
    if replay is None:
        for spec in DEFAULT_COINS:
            market.add(spec, SeededSource(options.seed, spec.name, float(spec.base_price)))
        return market
    if replay.left_out:
        log.warning("left out, because they have no %s candles: %s", replay.interval, ", ".join(replay.left_out))
    known = [spec.name for spec in DEFAULT_COINS]
    order = sorted(replay.sources, key=lambda coin: (known.index(coin) if coin in known else len(known), coin))
    for coin in order:
        source = replay.sources[coin]
        first = source.rows(source.first_index, source.first_index + 1)[0]
        market.add(spec_for(coin, Decimal(repr(float(first[0])))), source)
    log.info("replaying %s candles of %s", replay.interval, ", ".join(order))
    return market


def _first_start(options: SimulatorOptions, replay: Replay | None, wall_ms: int) -> dict[str, int]:
    step = INTERVAL_MS[replay.interval] if replay else MINUTE_MS
    history = options.history_bars * step
    asked = round(options.start.timestamp() * 1000) if options.start else None
    if replay is None:
        begin = asked if asked is not None else wall_ms
        return {"market_ms": begin, "history_start_ms": begin // step * step - history}
    earliest = replay.first_ms + history
    begin = asked if asked is not None else earliest
    if not replay.first_ms <= begin < replay.end_ms:
        raise ValueError(
            f"start: found {begin} ms with {options.history_bars} bars of history, expected a market time "
            f"between {replay.first_ms} and {replay.end_ms} ms; give another --start, fewer history bars or longer candle files"
        )
    return {"market_ms": begin, "history_start_ms": max(replay.first_ms, begin // step * step - history)}


def _market_name(options: SimulatorOptions) -> str:
    return f"candles {options.candles_folder.name}" if options.candles_folder else f"seed {options.seed}"
