"""Proves of a strategy what the engine relies on: no look-ahead, the same answer to the same question, and answers that fit.

A run's history is played bar by bar with nothing but the past in sight; then all bars are asked at once, in another order, and with
older bars in front. A strategy that peeks at other rows, keeps something between calls, draws or looks back further than it says
answers differently somewhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from threet.engine.bars import Bars
from threet.engine.strategy import Strategy
from threet.engine.types import Floats, Ints

Make = Callable[[], Strategy]
"""Gives a fresh strategy each time."""

_DRAWS = 24
_MOST_TRIES = 1_000
_OLDER_BARS = 7


@dataclass(frozen=True, slots=True)
class Played:
    """A history, decided bar by bar: shapes (bars, runs) and (bars, runs, numbers), each as it was *before* and after the decision."""

    windows: Floats  # (bars, window, columns of a candle)
    direction: Ints
    state: Floats
    wanted: Ints
    new_state: Floats


@dataclass(frozen=True, slots=True)
class Verdict:
    """``problems`` is empty where all is proven; ``digest`` is over all decisions, to be compared with another process's."""

    problems: tuple[str, ...]
    decisions: int
    trades: int
    parameter_sets: int
    digest: str


class Unfit(Exception):
    """An answer that the engine cannot take; the message says what was expected and found."""


def check(make: Make, candles: Mapping[str, Floats], ranges: Mapping[str, tuple[float, float]], seed: int) -> Verdict:
    """``candles``: per symbol an array (bars, 6) of closed candles without a gap; ``ranges``: of each parameter, inside its own."""
    problems, decisions, trades, digest = [], 0, 0, hashlib.sha256()
    try:
        strategy = make()
        parameters = draw(strategy, ranges, seed)
        window = strategy.bars_needed({p.name: ranges[p.name][1] for p in strategy.parameters})
        for symbol, rows in candles.items():
            if len(rows) < window + _OLDER_BARS + 2:
                problems.append(f"{symbol}: expected at least {window + _OLDER_BARS + 2} candles, found {len(rows)}")
                continue
            played = _play(make, rows[_OLDER_BARS:], window, parameters)
            problems += [f"{symbol}: {text}" for text in _differences(make, rows, played, parameters)]
            decisions += played.wanted.size
            trades += int((played.wanted != played.direction).sum())
            digest.update(np.ascontiguousarray(played.wanted).tobytes() + np.ascontiguousarray(played.new_state).tobytes())
    except Unfit as unfit:
        return Verdict((str(unfit),), decisions, trades, 0, "")
    if not problems and not trades:
        problems.append(f"expected at least one trade in {decisions} decisions, found none: nothing was proven")
    return Verdict(tuple(problems), decisions, trades, len(parameters), digest.hexdigest())


def draw(strategy: Strategy, ranges: Mapping[str, tuple[float, float]], seed: int) -> Floats:
    """Parameter sets that the strategy accepts: all corners of the ranges that fit, then draws. Raises Unfit where none is found."""
    generator = np.random.default_rng(seed)
    low = np.array([ranges[p.name][0] for p in strategy.parameters])
    high = np.array([ranges[p.name][1] for p in strategy.parameters])
    whole = np.array([p.whole for p in strategy.parameters], dtype=np.bool_)
    corners = [np.where([(n >> i) & 1 for i in range(len(low))], high, low) for n in range(1 << len(low))][:_DRAWS]
    found: list[Floats] = []
    for attempt in range(len(corners) + _MOST_TRIES):
        values = corners[attempt] if attempt < len(corners) else low + (high - low) * generator.random(len(low))
        values = np.where(whole, np.floor(values), values)
        if strategy.accepts(dict(zip((p.name for p in strategy.parameters), values.tolist(), strict=True))):
            found.append(values)
        if len(found) == 2 * _DRAWS:
            break
    if not found:
        raise Unfit(f"expected ranges that accepts() agrees to, found none in {_MOST_TRIES} draws from {dict(ranges)}")
    return np.array(found)


def _play(make: Make, rows: Floats, window: int, parameters: Floats) -> Played:
    """Bar by bar, with a fresh strategy each time, so that nothing but the arguments can carry over."""
    windows = np.lib.stride_tricks.sliding_window_view(rows, window, axis=0).transpose(0, 2, 1)
    runs, width = len(parameters), len(make().state)
    direction, state = np.zeros(runs, dtype=np.int64), np.zeros((runs, width))
    before, states, wanted, new_states = [], [], [], []
    for one in windows:
        answer, new = ask(make(), one[None], np.zeros(runs, dtype=np.int64), parameters, state, direction)
        before.append(direction)
        states.append(state)
        wanted.append(answer)
        new_states.append(new)
        direction, state = answer, new
    return Played(windows, np.array(before), np.array(states), np.array(wanted), np.array(new_states))


def ask(strategy: Strategy, windows: Floats, rows: Ints, parameters: Floats, state: Floats, direction: Ints) -> tuple[Ints, Floats]:
    """One call of ``decide``, with arguments that refuse to be written. Raises Unfit for an answer that the engine cannot take."""
    columns = [_read_only(windows[:, :, column]) for column in range(1, 6)]
    try:
        wanted, new = strategy.decide(Bars.of(*columns), _read_only(rows), _read_only(parameters), _read_only(state), _read_only(direction))
    except Exception as error:  # somebody else's code: whatever it raises is what is to be told
        raise Unfit(
            f"decide() raised {type(error).__name__}: {error}; expected arguments to be read only and every draw to work"
        ) from error
    wanted, new = np.asarray(wanted), np.asarray(new)
    if wanted.shape != rows.shape or not np.isin(wanted, (-1, 0, 1)).all():
        raise Unfit(f"expected {len(rows)} directions out of -1, 0 and 1, found {wanted.shape} of {np.unique(wanted)[:5].tolist()}")
    if new.shape != state.shape or not np.isfinite(new).all():
        raise Unfit(f"expected finite state of shape {state.shape}, found {new.shape}")
    return wanted.astype(np.int64), new.astype(np.float64)


def _read_only(values: np.ndarray) -> np.ndarray:
    copy = np.array(values)
    copy.flags.writeable = False
    return copy


def _differences(make: Make, rows: Floats, played: Played, parameters: Floats) -> list[str]:
    bars, runs = played.wanted.shape
    order = np.random.default_rng(bars).permutation(bars * runs)
    bar, run = order // runs, order % runs
    longer = np.lib.stride_tricks.sliding_window_view(rows, played.windows.shape[1] + _OLDER_BARS, axis=0).transpose(0, 2, 1)[-bars:]
    found = []
    for words, windows in (
        ("asked for all bars at once it decides otherwise than with the past alone: it looks ahead, or at other rows", played.windows),
        ("with older bars in front it decides otherwise: it looks back further than bars_needed() says", longer),
    ):
        answer = ask(make(), windows, bar, parameters[run], played.state[bar, run], played.direction[bar, run])
        found += _first(words, answer, played, bar, run, parameters)
    strategy = make()
    backwards = [
        ask(strategy, played.windows[b][None], np.zeros(runs, dtype=np.int64), parameters, played.state[b], played.direction[b])
        for b in reversed(range(bars))
    ]
    answer = np.concatenate([a for a, _ in reversed(backwards)]), np.concatenate([s for _, s in reversed(backwards)])
    every = np.arange(bars * runs)
    words = "asked in another order it decides otherwise: it keeps something between calls, or it draws"
    return found + _first(words, answer, played, every // runs, every % runs, parameters)


def _first(words: str, answer: tuple[Ints, Floats], played: Played, bar: Ints, run: Ints, parameters: Floats) -> list[str]:
    """The first difference, in words."""
    wanted, state = answer
    expected, expected_state = played.wanted[bar, run], played.new_state[bar, run]
    differs = np.flatnonzero((wanted != expected) | (state != expected_state).any(axis=1))
    if not len(differs):
        return []
    at = differs[np.argmin(bar[differs])]
    moment = int(played.windows[bar[at], -1, 0])
    told = f"direction {wanted[at]}, expected {expected[at]}" if wanted[at] != expected[at] else "another state"
    return [f"{words}. First at the candle of {moment} ms with {parameters[run[at]].tolist()}: {told} ({len(differs)} of {len(wanted)})"]
