"""`3t strategy check`: the example of the documentation passes as it stands, offenders end with exit code 1 and a reason."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.support.settings import ROOT, write_config

from threet.adapters.strategy_files import StrategyFileError, known_strategies, load_strategy
from threet.cli.main import main

RANGES = ["--range", "back_bars=5:30", "--range", "threshold_bps=0:20", "--bars", "150"]


def _example() -> str:
    found = re.search(r"```python\n(.*?)```", (ROOT / "docs" / "strategies.md").read_text(), re.DOTALL)
    assert found is not None
    return found.group(1)


@pytest.fixture
def momentum(tmp_path: Path) -> Path:
    path = tmp_path / "momentum.py"
    path.write_text(_example())
    return path


def _check(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["strategy", "check", *arguments])
    return result.exit_code, result.output


def test_the_example_of_the_documentation_is_short_and_passes(momentum: Path) -> None:
    assert len(_example().splitlines()) < 40
    code, output = _check(str(momentum), *RANGES)
    assert code == 0, output
    assert "no look-ahead, deterministic (another process decides alike)" in output


def test_one_that_depends_on_the_order_of_a_set_is_caught_by_the_other_process(momentum: Path) -> None:
    momentum.write_text(_example().replace("wanted = np.where(", "wanted = (-1) ** (hash('momentum') % 2) * np.where(", 1))
    outputs = [_check(str(momentum), *RANGES, "--seed", str(seed)) for seed in range(1, 7)]
    assert any(code == 1 and "another process decides otherwise" in output for code, output in outputs)


def test_one_that_looks_at_other_rows_is_refused_with_the_candle(momentum: Path) -> None:
    momentum.write_text(_example().replace("change_bps =", "before = bars.close.mean()\n        change_bps =", 1))
    code, output = _check(str(momentum), *RANGES)
    assert code == 1
    assert "looks ahead" in output


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "expected STRATEGY = YourClass()"),
        ("import nothing_like_this", "ModuleNotFoundError"),
        ("STRATEGY = 3", "missing: name, parameters"),
        (None, "expected a Python file, found none"),
    ],
)
def test_a_file_without_a_strategy_is_named(tmp_path: Path, text: str | None, words: str) -> None:
    path = tmp_path / "mine.py"
    if text is not None:
        path.write_text(text)
    code, output = _check(str(path))
    assert code == 1
    assert str(path) in output
    assert words in output


def test_a_range_outside_of_the_parameters_own_is_refused(momentum: Path) -> None:
    code, output = _check(str(momentum), "--range", "back_bars=0:30", "--range", "threshold_bps=0:20")
    assert code == 1
    assert "back_bars: expected a range inside [1, 500], was [0.0, 30.0]" in output


def test_the_ranges_of_the_config_are_taken_where_it_names_the_strategy(tmp_path: Path) -> None:
    config = write_config(tmp_path, {"providence.strategies.trend.parameters.slow_bars": [0.5, 40]})
    code, output = _check("trend", "--config", str(config), "--bars", "150")
    assert code == 1
    assert "slow_bars: expected a range inside [2, 1000], was [0.5, 40.0]" in output


def test_the_own_folder_adds_to_ours_and_may_not_take_their_names(momentum: Path) -> None:
    assert sorted(known_strategies(momentum.parent)) == ["breakout", "entropy", "momentum", "trend"]
    taken = momentum.rename(momentum.with_name("trend.py"))
    with pytest.raises(StrategyFileError, match="expected a name of its own"):
        known_strategies(taken.parent)
    with pytest.raises(StrategyFileError, match="expected the name 'trend', as the file's, found 'momentum'"):
        load_strategy(taken)
