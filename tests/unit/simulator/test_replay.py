"""Replaying candle files: which are chosen, how they are read, what is refused."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from threet.simulator.replay import load_replay

HEADER = "timestamp,open,high,low,close,volume\n"
T0 = datetime(2025, 6, 1, tzinfo=UTC)


def _write(path: Path, rows: int, minutes: int = 1, start: datetime = T0, skip: tuple[int, ...] = (), price: float = 100.0) -> None:
    lines = [HEADER]
    for number in range(rows):
        if number not in skip:
            at = start + timedelta(minutes=minutes * number)
            value = price + number
            lines.append(f"{at.isoformat(sep=' ')},{value},{value + 2},{value - 1},{value + 1},{number + 1}\n")
    text = "".join(lines)
    if path.suffix == ".gz":
        with gzip.open(path, "wt") as file:
            file.write(text)
    else:
        path.write_text(text)


def test_the_finest_interval_is_played_and_markets_without_it_are_named(tmp_path: Path) -> None:
    _write(tmp_path / "BTC-USDT-1m.csv.gz", 20)
    _write(tmp_path / "BTC-USDT-5m.csv", 20, minutes=5)
    _write(tmp_path / "ETH-USDT-1m.csv", 20)
    _write(tmp_path / "XRP-USDT-5m.csv", 20, minutes=5)
    replay = load_replay(tmp_path)
    assert replay.interval == "1m"
    assert sorted(replay.sources) == ["BTC", "ETH"]
    assert replay.left_out == ("XRP",)


def test_it_plays_the_time_that_all_markets_share(tmp_path: Path) -> None:
    _write(tmp_path / "BTC-USDT-1m.csv", 60)
    _write(tmp_path / "ETH-USDT-1m.csv", 60, start=T0 + timedelta(minutes=10))
    replay = load_replay(tmp_path)
    begin = round(T0.timestamp() * 1000)
    assert (replay.first_ms, replay.end_ms) == (begin + 600_000, begin + 3_600_000)


def test_a_missing_candle_is_a_flat_one_without_volume(tmp_path: Path) -> None:
    _write(tmp_path / "BTC-USDT-1m.csv", 10, skip=(4,))
    source = load_replay(tmp_path).sources["BTC"]
    assert source.rows(source.first_index + 4, source.first_index + 5).tolist() == [[104.0, 104.0, 104.0, 104.0, 0.0]]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "found no candle files"),
        ("time,open\n", "expected \\['timestamp'"),
        (HEADER, "found no candles after the header"),
        (HEADER + "2025-06-01 00:00:30+00:00,1,1,1,1,1\n", "multiple of the file's interval"),
        (HEADER + "2025-06-01 00:00:00,1,1,1,1,1\n", "without a time zone"),
        (HEADER + "2025-06-01 00:01:00+00:00,1,1,1,1,1\n2025-06-01 00:00:00+00:00,1,1,1,1,1\n", "out of order"),
    ],
)
def test_a_folder_that_cannot_be_played_is_refused_by_name(tmp_path: Path, content: str | None, expected: str) -> None:
    if content is not None:
        (tmp_path / "BTC-USDT-1m.csv").write_text(content)
    with pytest.raises(ValueError, match=expected):
        load_replay(tmp_path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    data = tmp_path / "candles"
    data.mkdir()
    _write(data / "BTC-USDT-1m.csv", 200)
    return data


def test_a_replay_starts_after_its_history_and_serves_it(make_desk: Callable[..., Any], folder: Path) -> None:
    desk = make_desk(candles_folder=folder, history_bars=100)
    now = desk.exchange.clock.now_ms()
    assert now == round(T0.timestamp() * 1000) + 100 * 60_000
    candles = desk.exchange.market.candles("BTC", "1m", 0, now * 2, now)
    assert [candle["o"] for candle in candles[:2]] == ["100.0", "101.0"]
    assert len(candles) == 101  # the last one has just begun


def test_coarser_candles_are_aggregated_from_the_finest(make_desk: Callable[..., Any], folder: Path) -> None:
    desk = make_desk(candles_folder=folder, history_bars=100)
    now = desk.exchange.clock.now_ms()
    candles = desk.exchange.market.candles("BTC", "5m", 0, now - 1, now)
    assert len(candles) == 20
    assert {key: candles[1][key] for key in "ohlcv"} == {"o": "105.0", "h": "111.0", "l": "104.0", "c": "110.0", "v": "40.0"}
    assert candles[1]["T"] == candles[1]["t"] + 299_999


def test_an_interval_finer_than_the_data_gives_no_candles(make_desk: Callable[..., Any], tmp_path: Path) -> None:
    data = tmp_path / "five"
    data.mkdir()
    _write(data / "BTC-USDT-5m.csv", 200, minutes=5)
    desk = make_desk(candles_folder=data, history_bars=10)
    now = desk.exchange.clock.now_ms()
    assert desk.exchange.market.candles("BTC", "1m", 0, now, now) == []


def test_at_the_end_of_the_data_the_market_stands_still(make_desk: Callable[..., Any], folder: Path) -> None:
    desk = make_desk(candles_folder=folder, history_bars=199, speed=60.0)
    desk.advance(10)
    assert desk.exchange.clock.ended
    assert desk.exchange.clock.now_ms() == round(T0.timestamp() * 1000) + 200 * 60_000
    assert desk.exchange.mark("BTC") == Decimal(300)


def test_a_start_without_enough_data_is_refused(make_desk: Callable[..., Any], folder: Path) -> None:
    with pytest.raises(ValueError, match="fewer history bars or longer candle files"):
        make_desk(candles_folder=folder, history_bars=200)


def test_a_state_folder_of_another_market_is_refused(make_desk: Callable[..., Any], folder: Path) -> None:
    make_desk("same", candles_folder=folder, history_bars=100).venue.close()
    with pytest.raises(Exception, match="use a new --state folder for another market"):
        make_desk("same")
