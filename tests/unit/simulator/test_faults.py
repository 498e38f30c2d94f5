"""Faults: which calls they meet, how often, and what they make of an answer."""

from __future__ import annotations

from typing import Any

import pytest

from threet.simulator.faults import Call, Fault, Faults, distort

ALICE = "0x" + "aa" * 20


def _call(**values: Any) -> Call:
    return Call(**{"path": "info", "type": "clearinghouseState", "user": ALICE, "coin": None, "source": "observer-a/1", **values})


def _faults() -> Faults:
    return Faults(lambda: {ALICE: {"assetPositions": [], "time": 1}})


def test_a_fault_with_a_count_ends_by_itself() -> None:
    faults = _faults()
    faults.set({"kind": "http_500", "count": 2})
    assert [len(faults.hitting(_call())) for _ in range(4)] == [1, 1, 0, 0]
    assert faults.describe() == []


def test_a_rate_is_drawn_from_its_seed() -> None:
    def draw(seed: int) -> list[int]:
        faults = _faults()
        faults.set({"kind": "slow", "rate": 0.3, "seed": seed})
        return [len(faults.hitting(_call())) for _ in range(200)]

    assert draw(1) == draw(1) != draw(2)
    assert 30 < sum(draw(1)) < 90


@pytest.mark.parametrize(
    ("match", "hit"),
    [
        ({}, True),
        ({"path": "info"}, True),
        ({"path": "exchange"}, False),
        ({"type": "clearinghouseState"}, True),
        ({"type": "userFills"}, False),
        ({"user": ALICE.upper().replace("0X", "0x")}, True),
        ({"user": "0x" + "bb" * 20}, False),
        ({"source": "OBSERVER-A"}, True),
        ({"source": "observer-b"}, False),
        ({"coin": "BTC"}, False),
    ],
)
def test_a_fault_meets_the_calls_that_its_match_describes(match: dict[str, str], hit: bool) -> None:
    faults = _faults()
    faults.set({"kind": "slow", "match": match})
    assert bool(faults.hitting(_call())) is hit


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        ({"kind": "explode"}, "kind: found 'explode'"),
        ({"kind": "slow", "match": {"colour": "red"}}, "match: found \\['colour'\\]"),
        ({"kind": "slow", "seconds": 1e6}, "seconds: found"),
        ({"kind": "slow", "rate": 0}, "rate: found"),
        ({"kind": "slow", "count": 0}, "count: found"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(wanted: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        _faults().set(wanted)


def _one(kind: str, **values: Any) -> Fault:
    return _faults().set({"kind": kind, **values})


STATE = {"assetPositions": [{"position": {"coin": "BTC", "szi": "0.5"}}, {"position": {"coin": "ETH", "szi": "-1.0"}}], "time": 5_000}


def test_wrong_sign_turns_every_position_and_leaves_the_original() -> None:
    seen = distort(_one("wrong_sign"), _call(), STATE)
    assert [item["position"]["szi"] for item in seen["assetPositions"]] == ["-0.5", "1.0"]
    assert STATE["assetPositions"][0]["position"]["szi"] == "0.5"  # type: ignore[index]


def test_empty_and_partial_lists_lose_items_and_keep_the_rest_of_the_answer() -> None:
    assert distort(_one("empty_list"), _call(), STATE) == {"assetPositions": [], "time": 5_000}
    for seed in range(20):
        assert len(distort(_one("partial_list", seed=seed), _call(), STATE)["assetPositions"]) < 2
    rows = list(range(40))
    assert 0 < len(distort(_one("partial_list"), _call(type="userFills"), rows)) < 40


def test_a_shortened_universe_keeps_its_contexts_in_step() -> None:
    answer = [{"universe": [{"name": str(n)} for n in range(10)], "collateralToken": 0}, [{"markPx": str(n)} for n in range(10)]]
    meta, contexts = distort(_one("partial_list"), _call(type="metaAndAssetCtxs"), answer)
    assert [each["name"] for each in meta["universe"]] == [each["markPx"] for each in contexts]
    assert len(contexts) < 10


def test_stale_positions_are_those_of_the_moment_the_fault_was_set() -> None:
    assert distort(_one("stale_positions"), _call(), STATE) == {"assetPositions": [], "time": 1}
    assert distort(_one("stale_positions"), _call(type="userFills"), [1]) == [1]


def test_a_skewed_clock_moves_every_time_in_the_answer() -> None:
    fault = _one("skewed_clock", seconds=-2.5)
    assert distort(fault, _call(), STATE)["time"] == 2_500
    assert distort(fault, _call(type="userFills"), [{"time": 10_000, "px": "1.0"}]) == [{"time": 7_500, "px": "1.0"}]
