"""What `3t run show` draws: the price while the run lived, its trades on it, and its equity at each price."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from threet.adapters.market_feed import CandleRow
from threet.adapters.run_files import RunEntry, RunFile
from threet.adapters.sql.run_list import ListedRun
from threet.domain.values import Unknown
from threet.engine.voms import Voms


@dataclass(frozen=True, slots=True)
class Curve:
    """Values at rising times (market time in ms)."""

    times: tuple[float, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class RunPicture:
    """``price_of`` says where the prices come from; ``directions`` is what the run held from each of its trades on."""

    run: ListedRun
    file: RunFile
    market_time: datetime | None
    price: Curve
    equity: Curve
    trades: tuple[RunEntry, ...]
    directions: Curve
    price_of: str


def make_picture(
    run: ListedRun, file: RunFile, market_time: datetime | None, candles: Sequence[CandleRow] | Unknown, interval_ms: int
) -> RunPicture:
    """Without candles the prices are those of the run's own trades."""
    end_ms = _end_ms(run, file, market_time)
    price, price_of = _prices(file, candles, interval_ms, end_ms)
    return RunPicture(
        run=run,
        file=file,
        market_time=market_time,
        price=price,
        equity=_equity(file, price),
        trades=tuple(entry for entry in file.entries if entry.kind == "trade"),
        directions=_directions(file),
        price_of=price_of,
    )


def _end_ms(run: ListedRun, file: RunFile, market_time: datetime | None) -> float:
    last = max([file.started_ms, *(entry.time_ms for entry in file.entries)])
    until = run.ended_at or market_time
    return max(last, until.timestamp() * 1000) if until else last


def _prices(file: RunFile, candles: Sequence[CandleRow] | Unknown, interval_ms: int, end_ms: float) -> tuple[Curve, str]:
    traded = {float(entry.time_ms): entry.price for entry in file.entries if entry.kind == "trade"}
    closes: dict[float, float] = {}
    if not isinstance(candles, Unknown):
        closes = {row[0] + interval_ms: row[4] for row in candles if file.started_ms <= row[0] + interval_ms <= end_ms}
    points = {**({} if closes else traded), **closes, end_ms: file.last_price}
    if not closes:
        why = candles.reason if isinstance(candles, Unknown) else "their candles are in Redis no more"
        price_of = f"price at its own trades ({why})"
    else:
        price_of = "price: closes of the candles"
    times = sorted(points)
    return Curve(tuple(times), tuple(points[at] for at in times)), price_of


def _equity(file: RunFile, price: Curve) -> Curve:
    """The start balance and the live PnL at each trade and at each price, by the accounting that Providence itself uses."""
    voms = Voms(start_balance=file.start_balance, leverage=file.leverage, fee_rate=file.fee_rate)
    marks = sorted({*price.times, *(float(entry.time_ms) for entry in file.entries)})
    values, done = [], 0
    for at in marks:
        while done < len(file.entries) and file.entries[done].time_ms <= at:
            _book(voms, file.entries[done])
            done += 1
        held = bisect_right(price.times, at) - 1
        if held >= 0:
            voms.update_price(price.values[held])
        elif done:
            voms.update_price(file.entries[done - 1].price)
        values.append(file.start_balance + voms.live_pnl)
    return Curve((float(file.started_ms), *marks), (file.start_balance, *values))


def _book(voms: Voms, entry: RunEntry) -> None:
    if entry.kind == "trade":
        voms.add_trade(entry.price, entry.size)
    else:
        voms.add_funding(entry.price, entry.size)


def _directions(file: RunFile) -> Curve:
    times, values, size = [float(file.started_ms)], [0.0], 0.0
    for entry in file.entries:
        if entry.kind == "trade":
            size += entry.size
            times.append(float(entry.time_ms))
            values.append(float((size > 0) - (size < 0)))
    return Curve(tuple(times), tuple(values))
