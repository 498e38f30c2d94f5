"""A journal of another format is refused by name, with the way on; a damaged base is told, and the ticks behind it are still read."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pytest

from threet_providence.journal import JournalError, frame, read_segment
from threet_providence.steps import BaseRecord, Step, TickRecord

NOTHING = BaseRecord(
    tick=7, seed=1, interval_ms=60_000, market_ms=0, ids={}, products=(), next_number={}, born_ms={}, ancestors=(), runs=(), markets={}
)


def framed(magic: bytes, payload: bytes) -> bytes:
    return struct.pack("<4sII", magic, len(payload), zlib.crc32(payload)) + payload


def written(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "journal-0-of-1-000000000007.3tj"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (framed(b"3TJ2", b"whatever"), "a record of format 3TJ2 at byte 0"),
        (framed(b"3TJ1", b'{"format":99}\n'), "was 99; start the release that wrote it"),
    ],
)
def test_a_segment_of_another_format_is_refused_by_name_with_the_way_on(tmp_path: Path, data: bytes, found: str) -> None:
    path = written(tmp_path, data)
    with pytest.raises(JournalError) as refused:
        read_segment(path)
    assert str(path) in str(refused.value)
    assert found in str(refused.value)
    assert "move the folder" in str(refused.value)
    assert path.read_bytes() == data


@pytest.mark.parametrize(
    ("data", "damage"),
    [
        (b"3TJ2" + b"\0" * 60, "a torn or damaged record at byte 0"),
        (b"", "no record"),
        (b"other" * 20, "a torn or damaged record at byte 0"),
        (framed(b"3TJ1", b"[" * 100_000), "RecursionError"),
        (framed(b"3TJ1", b'{"format":1,"format":2}\n'), "expected each key once"),
        (framed(b"3TJ1", b'{"format":1,"type":"tick","tick":1e999,"steps":[]}\n'), "OverflowError"),
    ],
)
def test_a_segment_without_a_readable_base_says_why(tmp_path: Path, data: bytes, damage: str) -> None:
    segment = read_segment(written(tmp_path, data))
    assert (segment.tick, segment.base, segment.ticks) == (7, None, ())
    assert damage in (segment.damage or "")


def test_a_tick_comes_back_as_it_was(tmp_path: Path) -> None:
    bar = (60_000.0, 1.0, 0.1 + 0.2, 5e-324, 1e300, 0.0)
    odd = 'a\n"b\u00e9\0'
    prices = Step(kind="prices", ids=(("prices", "1-0"),), market_ms=5, marks={odd: 0.1 + 0.2, "B/USDC:USDC": 1e-300})
    candles = Step(kind="candles", ids=(("candles", "2-0"), ("candles", "2-1")), candles={"B/USDC:USDC": (bar, bar), odd: (), "C": (bar,)})
    record = TickRecord(8, (prices, candles, Step(kind="products", products=(odd,)), prices))
    segment = read_segment(written(tmp_path, frame(NOTHING) + frame(record)))
    assert segment.damage is None
    assert [step.kind for step in segment.ticks[0].steps] == ["prices", "candles", "products", "prices"]
    for ours, was in zip(segment.ticks[0].steps, record.steps, strict=True):
        assert (ours.ids, ours.market_ms, ours.products) == (was.ids, was.market_ms, was.products)
        assert list(ours.marks.items()) == list(was.marks.items())
        assert list(ours.candles.items()) == list(was.candles.items())


def test_the_ticks_behind_a_damaged_base_are_read(tmp_path: Path) -> None:
    base = frame(NOTHING)
    ticks = [TickRecord(tick, ()) for tick in (8, 9)]
    whole = base + b"".join(map(frame, ticks))
    assert read_segment(written(tmp_path, whole)).ticks == tuple(ticks)
    for at in range(len(base)):
        harmed = bytearray(whole)
        harmed[at] ^= 2
        segment = read_segment(written(tmp_path, bytes(harmed)))
        assert segment.base is None
        assert segment.ticks == tuple(ticks)
