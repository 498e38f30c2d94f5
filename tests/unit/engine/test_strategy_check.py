"""The check of a strategy, shown to catch what it is for: each offender is planted here."""

from __future__ import annotations

import random

import numpy as np
import pytest
from tests.support.market_steps import walk

from threet.engine.strategy import Parameter
from threet.engine.strategy_check import check

CANDLES = {"A": np.array(walk("A", 200, 1)), "B": np.array(walk("B", 200, 1))}
RANGES = {"bars": (2.0, 10.0)}


class Sound:
    """Long above the close of ``bars`` bars ago, short below."""

    name, parameters, state = "sound", (Parameter("bars", low=2, high=50, whole=True),), ("last",)

    def accepts(self, parameters):
        return True

    def bars_needed(self, highest):
        return int(highest["bars"])

    def signal(self, bars, rows, parameters, state, direction):
        back = -parameters[:, 0].astype(int)
        return np.sign(bars.close[rows, -1] - bars.close[rows, back])

    def decide(self, bars, rows, parameters, state, direction):
        return self.signal(bars, rows, parameters, state, direction).astype(np.int64), bars.close[rows, -1:]


class LooksAtTheNextRow(Sound):
    def signal(self, bars, rows, parameters, state, direction):
        return np.sign(bars.close[(rows + 1) % len(bars.close), -1] - bars.close[rows, -1])


class LooksAtTheWholeCall(Sound):
    def signal(self, bars, rows, parameters, state, direction):
        return np.sign(bars.close[rows, -1] - bars.close.mean())


class LooksFurtherBack(Sound):
    def signal(self, bars, rows, parameters, state, direction):
        return np.sign(bars.close[rows, -1] - bars.close[rows, 0])


class Remembers(Sound):
    def __init__(self):
        self.seen = 0.0

    def signal(self, bars, rows, parameters, state, direction):
        before, self.seen = self.seen, float(bars.close[rows[0], -1])
        return np.sign(bars.close[rows, -1] - before)


class Draws(Sound):
    def signal(self, bars, rows, parameters, state, direction):
        return np.array([random.choice([-1, 1]) for _ in rows])


class GoesTwice(Sound):
    def signal(self, bars, rows, parameters, state, direction):
        return 2 * super().signal(bars, rows, parameters, state, direction)


class KeepsNothingFinite(Sound):
    def decide(self, bars, rows, parameters, state, direction):
        return super().decide(bars, rows, parameters, state, direction)[0], np.full((len(rows), 1), np.nan)


class WritesItsArguments(Sound):
    def signal(self, bars, rows, parameters, state, direction):
        parameters[:, 0] = 3
        return super().signal(bars, rows, parameters, state, direction)


class Raises(Sound):
    def signal(self, bars, rows, parameters, state, direction):
        return np.sign(bars.close[rows, 99])


class NeverTrades(Sound):
    def signal(self, bars, rows, parameters, state, direction):
        return np.zeros(len(rows))


class AcceptsNothing(Sound):
    def accepts(self, parameters):
        return False


def test_a_sound_strategy_passes_with_the_same_digest_each_time():
    first, second = check(Sound, CANDLES, RANGES, 1), check(Sound, CANDLES, RANGES, 1)
    assert first.problems == ()
    assert first.digest == second.digest != check(Sound, CANDLES, RANGES, 2).digest
    assert first.trades > 0


@pytest.mark.parametrize(
    ("offender", "words"),
    [
        (LooksAtTheNextRow, "looks ahead"),
        (LooksAtTheWholeCall, "looks ahead"),
        (LooksFurtherBack, "further than bars_needed"),
        (Remembers, "keeps something between calls"),
        (Draws, "keeps something between calls, or it draws"),
        (GoesTwice, "directions out of -1, 0 and 1"),
        (KeepsNothingFinite, "finite state"),
        (WritesItsArguments, "read only"),
        (Raises, "IndexError"),
        (NeverTrades, "at least one trade"),
        (AcceptsNothing, "accepts()"),
    ],
)
def test_an_offender_is_caught_and_told_what_it_did(offender, words):
    problems = check(offender, CANDLES, RANGES, 1).problems
    assert any(words in problem for problem in problems), problems


def test_a_market_that_is_too_short_is_named():
    verdict = check(Sound, {"A": CANDLES["A"][:15]}, RANGES, 1)
    assert "A: expected at least 19 candles, found 15" in verdict.problems


def test_the_first_difference_is_told_with_its_candle_and_its_parameters():
    (problem, *_) = check(LooksAtTheNextRow, {"A": CANDLES["A"]}, RANGES, 1).problems
    assert problem.startswith("A: asked for all bars at once")
    assert "First at the candle of" in problem
    assert "direction" in problem
