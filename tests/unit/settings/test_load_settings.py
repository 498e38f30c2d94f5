"""config.yml: all problems in one message, each with file, key, found, expected."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from tests.support.settings import REMOVED, ROOT, raw_config, settings_with, write_config

from threet.domain.values import symbol
from threet.settings import SettingsError, build_id, default_config_path, load_settings
from threet.settings.examples import EXAMPLE_PUBLIC_KEYS

OWN_KEYS = {f"observers.nodes.{number}.public_key": f"{number}" * 64 for number in range(3)}
LIVE: dict[str, Any] = {"exchange.mode": "live", "exchange.base_url": None, **OWN_KEYS}


def problems(folder: Path, changes: dict[str, Any]) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as raised:
        settings_with(folder, changes)
    return raised.value.problems


def only(folder: Path, changes: dict[str, Any]) -> str:
    """The one problem, without the file's name, which every problem has."""
    (line,) = problems(folder, changes)
    assert f"({folder}/config.yml: " in line
    return line.replace(f"{folder}/", "")


def test_the_projects_own_file_is_good() -> None:
    settings = load_settings(ROOT / "config.yml")
    assert settings.exchange.mode == "simulator"
    assert settings.reconciliation.risk_pos_percentage == Decimal(20)


def test_settings_are_frozen() -> None:
    settings = load_settings(ROOT / "config.yml")
    with pytest.raises(ValidationError):
        settings.exchange.mode = "live"  # type: ignore[misc]


@pytest.mark.parametrize("value", [250, 0, -1, 100.01])
def test_a_percentage_out_of_range_is_told_in_words(tmp_path: Path, value: float) -> None:
    line = only(tmp_path, {"reconciliation.risk_pos_percentage": value})
    assert line == f"expected a percentage in (0, 100], was {value} (config.yml: reconciliation.risk_pos_percentage)"


def test_a_whole_percentage_is_good(tmp_path: Path) -> None:
    assert settings_with(tmp_path, {"reconciliation.risk_pos_percentage": 100}).reconciliation.risk_pos_percentage == 100


def test_what_sizes_trades_is_exact(tmp_path: Path) -> None:
    settings = settings_with(tmp_path, {"symbol_defaults.max_notional_usd": 0.1, "reconciliation.order_slippage_bps": 12.7})
    assert settings.symbol_defaults.max_notional_usd == Decimal("0.1")
    assert settings.reconciliation.order_slippage_bps == Decimal("12.7")


def test_a_misspelt_key_names_the_one_that_was_meant(tmp_path: Path) -> None:
    found = problems(tmp_path, {"reconciliation.risk_pos_percentage": REMOVED, "reconciliation.risk_pos_percentge": 20})
    assert [line.replace(f"{tmp_path}/", "") for line in found] == [
        "expected a value, the key is missing (config.yml: reconciliation.risk_pos_percentage)",
        "unknown key; did you mean risk_pos_percentage? (config.yml: reconciliation.risk_pos_percentge)",
    ]


def test_an_unknown_key_that_resembles_none_gets_the_known_ones(tmp_path: Path) -> None:
    assert "known here: max_gross_exposure_percent, max_net_exposure_percent" in only(tmp_path, {"limits.zzz": 1})


def test_an_unknown_section_is_refused(tmp_path: Path) -> None:
    assert "did you mean exchange?" in only(tmp_path, {"exchanges": {}})


def test_a_misspelt_key_of_a_symbol_is_refused(tmp_path: Path) -> None:
    line = only(tmp_path, {"symbols": {"BTC/USDC:USDC": {"levrage": 2}}})
    assert line == "unknown key; did you mean leverage? (config.yml: symbols.BTC/USDC:USDC.levrage)"


def test_a_misspelt_key_in_a_list_is_refused(tmp_path: Path) -> None:
    assert "did you mean url? (config.yml: observers.nodes[1].urls)" in only(tmp_path, {"observers.nodes.1.urls": "http://a"})


def every_key(values: Any, path: str = "") -> list[str]:
    if not isinstance(values, dict) or path in ("symbols", "providence.strategies"):
        return [path]
    return [key for name, inner in values.items() for key in every_key(inner, f"{path}.{name}" if path else name)]


def test_no_key_has_a_default(tmp_path: Path) -> None:
    keys = every_key(raw_config())
    assert len(keys) > 100
    found = problems(tmp_path, dict.fromkeys(keys, REMOVED))
    expected = [f"expected a value, the key is missing ({tmp_path}/config.yml: {key})" for key in keys]
    assert sorted(found) == sorted(expected)


def test_all_problems_come_at_once(tmp_path: Path) -> None:
    found = problems(tmp_path, {"exchange.mode": "lve", "redis.url": "http://x", "providence.max_loss_percent": [6, 2], "workers": None})
    assert len(found) == 4


def test_a_slip_in_one_section_does_not_hide_contradictions_between_the_others(tmp_path: Path) -> None:
    found = problems(tmp_path, {"limits.zzz": 1, "observers.quorum": 9, "freshness.max_price_age_seconds": 0.1, "workers.autoscale_max": 1})
    assert sorted(line.split(": ")[-1].rstrip(")") for line in found) == [
        "freshness.max_price_age_seconds",
        "limits.zzz",
        "observers.quorum",
        "workers.autoscale_min",
    ]


def test_a_section_with_a_slip_is_not_asked_for_contradictions(tmp_path: Path) -> None:
    assert "observers.interval_seconds" in only(tmp_path, {"observers.interval_seconds": REMOVED})


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("exchange.mode", "demo", "expected 'simulator', 'testnet' or 'live', was 'demo'"),
        ("exchange.mode", None, "'live', was null"),
        ("schedule.update_prices_seconds", "2", "expected a number of seconds above 0, was '2'"),
        ("schedule.update_prices_seconds", True, "expected a number of seconds above 0, was True"),
        ("schedule.update_prices_seconds", float("nan"), "expected a number of seconds above 0, was nan"),
        ("database.pool_size", 2.5, "expected a whole number above 0, was 2.5"),
        ("symbol_defaults.leverage", 0, "expected a whole leverage in 1 to 50, was 0"),
        ("symbol_defaults.no_trade_band_percent", 101, "expected a percentage in (0, 100], was 101"),
        ("symbol_defaults.can_go_long", 1, "expected true or false, was 1"),
        ("symbol_defaults.stop_loss_percent", 0, "expected a percentage in (0, 100], was 0"),
        ("limits.max_order_usd", 0, "expected an amount of USD above 0, was 0"),
        ("limits.drawdown_readings", 0, "expected a whole number above 0, was 0"),
        ("providence.max_loss_percent", [6, 2], "expected a range [low, high] with low <= high, was [6.0, 2.0]"),
        ("providence.max_loss_percent", [6], "expected a range [low, high], was [6]"),
        ("providence.max_loss_percent", 6, "expected a range [low, high], was 6"),
        ("providence.duration_market_seconds", [0, 5], "expected a range [low, high] above 0"),
        ("observers.nodes.0.public_key", "12", "expected an Ed25519 public key of 64 hex digits, was '12'"),
        ("observers.nodes", {"a": 1}, "expected a list"),
        ("redis", None, "expected a section with keys, was null"),
        ("redis.url", "redis://:secret@host:6379/0", "without a password"),
        ("database.url", "postgresql://x", "expected mysql+pymysql://USER@HOST/DATABASE"),
        ("database.url", "mysql+pymysql://u:secret@h/3t", "without a password"),
        ("redis.url", "rediss://host:6380/0?ssl_cert_reqs=none", "?ssl_ca_certs=/FILE"),
        ("redis.url", "redis://host:6379/0?ssl_ca_certs=/ca.pem", "redis://HOST:PORT/NUMBER or rediss://"),
        ("database.url", "mysql+pymysql://u@h/3t?ssl_ca=/ca.pem&ssl_check_hostname=false", "?ssl_ca=/FILE"),
        ("symbols", {"BTC": {}}, "expected a symbol of the form BASE/QUOTE:SETTLE, was 'BTC'"),
        ("telemetry.metrics_port", 70000, "expected a port in 1 to 65535"),
        ("providence.candle_interval", "7m", "was '7m'"),
    ],
)
def test_each_kind_says_what_it_expects(tmp_path: Path, key: str, value: Any, expected: str) -> None:
    line = only(tmp_path, {key: value})
    assert expected in line
    assert "secret" not in line


@pytest.mark.parametrize(
    ("section", "url", "file"),
    [
        ("database", "mysql+pymysql://u@h:3306/3t?ssl_ca=/3t/config/ca.pem", Path("/3t/config/ca.pem")),
        ("database", "mysql+pymysql://u@h:3306/3t", None),
        ("redis", "rediss://h:6380/0?ssl_ca_certs=/3t/config/ca.pem", Path("/3t/config/ca.pem")),
        ("redis", "rediss://h:6380/0", None),
    ],
)
def test_a_server_is_held_against_the_authority_in_its_address(tmp_path: Path, section: str, url: str, file: Path | None) -> None:
    assert getattr(settings_with(tmp_path, {f"{section}.url": url}), section).ca_file == file


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"freshness.max_price_age_seconds": 9.9}, "freshness.max_price_age_seconds"),
        ({"freshness.max_balance_age_seconds": 7.9}, "freshness.max_balance_age_seconds"),
        ({"freshness.max_position_age_seconds": 7.9}, "freshness.max_position_age_seconds"),
        ({"freshness.max_observation_age_seconds": 7.9}, "freshness.max_observation_age_seconds"),
        ({"freshness.max_heartbeat_age_seconds": 1.9}, "freshness.max_heartbeat_age_seconds"),
        ({"freshness.max_service_age_seconds": 29.9}, "freshness.max_service_age_seconds"),
        ({"freshness.max_canary_age_seconds": 29.9}, "freshness.max_canary_age_seconds"),
        ({"freshness.max_decision_age_seconds": 23.9}, "freshness.max_decision_age_seconds"),
        ({"observers.answer_timeout_seconds": 3}, "observers.answer_timeout_seconds"),
        ({"providence.poll_seconds": 3}, "providence.poll_seconds"),
        ({"providence.last_snapshots_timeout_seconds": 2.9}, "providence.last_snapshots_timeout_seconds"),
        ({"retention.batch_rows": 20_001}, "retention.batch_rows"),
        ({"reconciliation.order_min_life_seconds": 5.1}, "reconciliation.order_min_life_seconds"),
        ({"freshness.max_service_age_seconds": 1801, "retention.services_hours": 1}, "retention.services_hours"),
        ({"observers.quorum": 4}, "observers.quorum"),
        ({"observers.nodes.1.name": "a"}, "observers.nodes"),
        ({"observers.nodes.1.url": "http://127.0.0.1:8911"}, "observers.nodes"),
        (
            {
                "observers.nodes.1.public_key": next(iter(sorted(EXAMPLE_PUBLIC_KEYS))),
                "observers.nodes.2.public_key": next(iter(sorted(EXAMPLE_PUBLIC_KEYS))),
            },
            "observers.nodes",
        ),
        ({"reconciliation.lease_seconds": 9.9}, "reconciliation.lease_seconds"),
        ({"limits.soft_drawdown_percent": 25}, "limits.soft_drawdown_percent"),
        ({"providence.vote_exit_return_percent": 0.05}, "providence.vote_exit_return_percent"),
        ({"providence.strategies": {}}, "providence.strategies"),
        ({"providence.shards": 25}, "providence.runs_per_symbol"),
        ({"providence.shards": 4, "providence.symbol_weights": {"A/USDC:USDC": 0.1}}, "providence.symbol_weights.A/USDC:USDC"),
        (
            {"providence.warmup_bars": 39, "providence.strategies.breakout": REMOVED, "providence.strategies.entropy": REMOVED},
            "providence.strategies.trend.parameters.slow_bars",
        ),
        ({"exchange.request_shares_percent.observer": 7.3}, "exchange.request_shares_percent"),
        ({"exchange.requests_burst_seconds": 17.8}, "exchange.request_shares_percent"),
        ({"exchange.requests_per_minute": 2400, "schedule.update_prices_seconds": 1.7}, "exchange.request_shares_percent.celery_worker"),
        ({"exchange.requests_per_minute": 2400, "observers.marks_refresh_seconds": 9.3}, "exchange.request_shares_percent.observer"),
        (
            {"exchange.requests_per_minute": 2400, "schedule.reconcile_positions_seconds": 5.7},
            "exchange.request_shares_percent.celery_worker_reconcile",
        ),
        ({**LIVE, "schedule.reconcile_positions_seconds": 11.6}, "exchange.request_shares_percent.celery_worker_reconcile"),
        ({**LIVE, "exchange.requests_burst_seconds": 16.8}, "exchange.requests_burst_seconds"),
        ({**LIVE, "exchange.signer_reserve_percent": 11}, "exchange.requests_burst_seconds"),
        ({"workers.autoscale_min": 101}, "workers.autoscale_min"),
        ({"exchange.base_url": None}, "exchange.base_url"),
        ({**LIVE, "exchange.base_url": "http://127.0.0.1:1"}, "exchange.base_url"),
        ({**LIVE, "exchange.mode": "testnet", "exchange.base_url": "http://127.0.0.1:1"}, "exchange.base_url"),
        ({**LIVE, "observers.quorum": 1}, "observers.quorum"),
        ({**LIVE, "observers.nodes.2": REMOVED, "observers.nodes.2.public_key": REMOVED}, "observers.nodes"),
        ({**LIVE, "observers.nodes.1.public_key": next(iter(EXAMPLE_PUBLIC_KEYS))}, "observers.nodes[1].public_key"),
    ],
)
def test_contradictions_are_refused(tmp_path: Path, changes: dict[str, Any], key: str) -> None:
    ordered = dict(sorted(changes.items(), key=lambda item: (item[1] is REMOVED, -len(item[0]))))
    assert only(tmp_path, ordered).endswith(f"(config.yml: {key})")


@pytest.mark.parametrize(
    "changes",
    [
        LIVE,
        {"freshness.max_price_age_seconds": 10},
        {"exchange.requests_per_minute": 2400, "schedule.update_prices_seconds": 1.8},
        {"exchange.request_shares_percent.observer": 7.2, "exchange.requests_burst_seconds": 17},
        {"exchange.requests_burst_seconds": 17.6},
        {"exchange.requests_per_minute": 2400, "observers.marks_refresh_seconds": 9.4},
        {"exchange.requests_per_minute": 2400, "schedule.reconcile_positions_seconds": 5.8},
        {**LIVE, "schedule.reconcile_positions_seconds": 11.7},
        {**LIVE, "exchange.requests_burst_seconds": 16.9},
        {"freshness.max_observation_age_seconds": 8},
        {"observers.quorum": 3},
        {"reconciliation.lease_seconds": 10},
        {"providence.vote_exit_return_percent": 0.049},
        {"providence.warmup_bars": 60},
        {"providence.shards": 24},
        {"providence.shards": 4, "providence.symbol_weights": {"A/USDC:USDC": 0.17}},
        {"workers.autoscale_min": 100},
        {"observers.quorum": 1},
        {"freshness.max_canary_age_seconds": 30},
        {"freshness.max_decision_age_seconds": 24},
        {"observers.answer_timeout_seconds": 2.9},
        {"providence.poll_seconds": 2.9},
        {"providence.last_snapshots_timeout_seconds": 3},
        {"retention.batch_rows": 20_000},
        {"reconciliation.order_min_life_seconds": 5},
        {"limits.soft_drawdown_percent": 24.9},
        {"freshness.max_service_age_seconds": 1800, "retention.services_hours": 1},
    ],
)
def test_the_other_side_of_each_boundary_is_good(tmp_path: Path, changes: dict[str, Any]) -> None:
    settings_with(tmp_path, changes)


def test_contradictions_come_all_at_once(tmp_path: Path) -> None:
    assert len(problems(tmp_path, {"observers.quorum": 4, "workers.autoscale_min": 101, "exchange.base_url": None})) == 3


def test_a_symbol_trades_by_the_defaults_and_what_is_said_of_it(tmp_path: Path) -> None:
    override = {"BTC/USDC:USDC": {"leverage": 7, "max_notional_usd": 1.5}}
    settings = settings_with(tmp_path, {"symbols": override})
    special = settings.for_symbol(symbol("BTC/USDC:USDC"))
    assert (special.leverage, special.max_notional_usd) == (7, Decimal("1.5"))
    assert special.no_trade_band_percent == settings.symbol_defaults.no_trade_band_percent
    assert settings.for_symbol(symbol("ETH/USDC:USDC")) == settings.symbol_defaults


def test_null_takes_back_a_stop_for_one_symbol(tmp_path: Path) -> None:
    told = {"symbol_defaults.stop_loss_percent": 5, "symbols": {"BTC/USDC:USDC": {"stop_loss_percent": None, "leverage": None}}}
    settings = settings_with(tmp_path, told)
    assert settings.for_symbol(symbol("BTC/USDC:USDC")).stop_loss_percent is None
    assert settings.for_symbol(symbol("ETH/USDC:USDC")).stop_loss_percent == 5
    assert settings.for_symbol(symbol("BTC/USDC:USDC")).leverage == settings.symbol_defaults.leverage


def test_a_wrong_value_of_a_symbol_is_refused(tmp_path: Path) -> None:
    line = only(tmp_path, {"symbols": {"BTC/USDC:USDC": {"no_trade_band_percent": 250}}})
    assert line == "expected a percentage in (0, 100], was 250 (config.yml: symbols.BTC/USDC:USDC.no_trade_band_percent)"


def test_the_hash_is_that_of_the_values_and_not_of_the_text(tmp_path: Path) -> None:
    here = settings_with(tmp_path, {})
    again = tmp_path / "again"
    again.mkdir()
    path = write_config(again, {})
    path.write_text("# a comment\n" + path.read_text())
    assert load_settings(path).config_hash == here.config_hash
    assert len(here.config_hash) == 64
    assert settings_with(tmp_path, {"schedule.canary_seconds": 16}).config_hash != here.config_hash


def test_paths_are_relative_to_the_files_folder(tmp_path: Path) -> None:
    settings = settings_with(tmp_path, {"state.folder": "somewhere"})
    assert settings.state_folder == tmp_path / "somewhere"
    assert settings.path("/absolute") == Path("/absolute")


def test_a_missing_file_names_itself_and_the_cure(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.yml is missing: .*--config or THREET_CONFIG"):
        load_settings(tmp_path / "none.yml")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(tmp_path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: [1\nc: 2\n", "line 3"),
        ("a: 1\na: 2\n", "line 2: not valid YAML: the key 'a' stands here twice"),
        ("exchange:\n  id: x\n  id: y\n", "line 3: not valid YAML: the key 'id' stands here twice"),
        ("", "expected sections with keys, was an empty file"),
        ("- 1\n", "expected sections with keys, was a list"),
        ("a: !!python/object/apply:os.system ['true']\n", "not valid YAML"),
    ],
)
def test_broken_yaml_names_the_line(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "config.yml"
    path.write_text(text)
    with pytest.raises(SettingsError) as raised:
        load_settings(path)
    assert expected in str(raised.value)
    assert str(path) in str(raised.value)


def test_bytes_that_are_no_text_are_told(tmp_path: Path) -> None:
    path = tmp_path / "config.yml"
    path.write_bytes(b"a: \xff\xfe\n")
    with pytest.raises(SettingsError, match="not UTF-8"):
        load_settings(path)


def test_where_the_file_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert default_config_path({}) == Path("config.yml")
    assert default_config_path({"THREET_CONFIG": "/etc/3t.yml"}) == Path("/etc/3t.yml")
    monkeypatch.delenv("THREET_BUILD_ID", raising=False)
    assert build_id() == "dev"
    monkeypatch.setenv("THREET_BUILD_ID", "1.2.3")
    assert build_id() == "1.2.3"
