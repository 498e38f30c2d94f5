"""config.yml becomes the engine's rules; what is wrong with the strategies is said all at once."""

import pytest
from tests.support.settings import REMOVED, settings_with

from threet.engine.descent import DescentRules
from threet.settings import SettingsError
from threet_providence.freshness import CandleAges
from threet_providence.rules import engine_rules, interval_ms

TREND = "providence.strategies.trend.parameters"


def test_units_are_those_of_the_names(tmp_path):
    rules = engine_rules(
        settings_with(
            tmp_path,
            {
                "providence.taker_fee_bps": 4.5,
                "providence.vote_enter_return_percent": 0.05,
                "providence.max_loss_percent": [2, 6],
                "providence.duration_market_seconds": [60, 120],
                "symbol_defaults.half_spread_bps": 1,
                "symbol_defaults.slippage_bps": 2,
                "symbols": {"SOL/USDC:USDC": {"slippage_bps": 4}},
                "providence.runs_per_symbol": 24,
                "providence.symbol_weights": {"SOL/USDC:USDC": 0.5},
                "providence.descend_percent": 30,
                "providence.mutation_percent": 7,
                "providence.ancestors_per_symbol": 9,
            },
        ),
        shard=0,
    )
    assert rules.population.fee_rate == pytest.approx(0.00045)
    assert rules.votes.enter_return == pytest.approx(0.0005)
    assert list(rules.population.max_loss) == pytest.approx([0.02, 0.06])
    assert list(rules.population.duration_ms) == [60_000, 120_000]
    assert rules.population.descent == DescentRules(share=0.3, mutation=0.07, best=9)
    assert [rules.population.runs_here(f"{name}/USDC:USDC") for name in ("BTC", "SOL")] == [24, 12]
    assert rules.fill_cost("BTC/USDC:USDC") == pytest.approx(0.0003)
    assert rules.fill_cost("SOL/USDC:USDC") == pytest.approx(0.0005)


@pytest.mark.parametrize(("text", "ms"), [("1m", 60_000), ("15m", 900_000), ("4h", 14_400_000), ("1d", 86_400_000)])
def test_intervals(text, ms):
    assert interval_ms(text) == ms


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (
            {"providence.strategies": {"momentum": {"weight": 1, "parameters": {}}}},
            "strategies.momentum: expected one of breakout, entropy, trend",
        ),
        ({f"{TREND}.band_bps": REMOVED}, f"{TREND}.band_bps: expected a range"),
        ({f"{TREND}.band_bbs": [0, 1]}, f"{TREND}.band_bbs: expected one of band_bps, fast_bars, slow_bars"),
        ({f"{TREND}.fast_bars": [0, 4]}, "fast_bars: expected a range inside [1, 1000], found [0.0, 4.0]"),
    ],
)
def test_a_strategy_that_cannot_be_drawn_is_refused_by_its_key(tmp_path, changes, problem):
    with pytest.raises(SettingsError) as refused:
        engine_rules(settings_with(tmp_path, changes), shard=0)
    assert problem in str(refused.value)


def test_a_due_candle_may_be_missing_for_so_long_and_no_longer():
    now = [0.0]
    ages = CandleAges(lambda: now[0], interval_ms=60_000, patience_seconds=10)
    assert ages.is_fresh("A", behind_ms=10**9), "just begun"
    now[0] = 10.0
    assert ages.is_fresh("A", behind_ms=60_000)
    now[0] = 10.1
    assert not ages.is_fresh("A", behind_ms=60_000)
    assert ages.is_fresh("A", behind_ms=59_999), "none is due"
    ages.arrived(["A"])
    assert ages.is_fresh("A", behind_ms=60_000)
