"""Started with a config.yml, the simulator takes every tunable from there: its own defaults are for a start by flags alone."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from tests.support.settings import write_config

from threet.simulator.__main__ import _options, _parser
from threet.simulator.options import SimulatorOptions

PLACES = {"state_folder", "host", "port", "start", "accounts", "agents"}
"""What says where and who, not how."""

OTHER_THAN_BY_FLAGS = {
    "seed": 99,
    "speed": 99,
    "candles": "candles",
    "history_bars": 99,
    "half_spread_bps": 9,
    "book_levels": 9,
    "book_level_usd": 99,
    "book_level_step_bps": 9,
    "book_refill_seconds": 99,
    "tick_seconds": 99,
    "taker_fee_bps": 9,
    "maker_fee_bps": 9,
}


def test_no_tunable_keeps_its_own_default_where_a_config_is_given(tmp_path: Path) -> None:
    config = write_config(tmp_path, {f"simulator.{key}": value for key, value in OTHER_THAN_BY_FLAGS.items()})
    given = _options(_parser().parse_args(["--config", str(config), "--state", str(tmp_path)]))
    by_flags = SimulatorOptions(tmp_path)
    kept = {field.name for field in fields(SimulatorOptions) if getattr(given, field.name) == getattr(by_flags, field.name)}
    assert kept <= PLACES
