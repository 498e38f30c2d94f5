"""The command `3t strategy check`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from threet.cli.options import config_option
from threet.settings import Settings, default_config_path, load_settings

Ranges = dict[str, tuple[float, float]]


@click.group(name="strategy")
def command() -> None:
    """For those who write a strategy."""


@command.command()
@config_option
@click.argument("strategy")
@click.option("--candles", type=click.Path(path_type=Path), help="A folder of candle files, instead of a seeded market.")
@click.option("--bars", default=600, show_default=True, help="Candles of each symbol that are played.")
@click.option("--seed", default=1, show_default=True, help="Of the drawn parameters, and of the seeded market.")
@click.option("--range", "given", multiple=True, metavar="NAME=LOW:HIGH", help="A parameter's range, before config.yml's.")
@click.option("--digest", is_flag=True, hidden=True, help="Print the verdict as JSON; how the check asks its second process.")
def check(config: Path | None, strategy: str, candles: Path | None, bars: int, seed: int, given: tuple[str, ...], digest: bool) -> None:
    """Prove that STRATEGY (a file, or a name of ours) looks at the past alone, always decides alike, and stays in its parameters."""
    from threet.adapters.strategy_files import StrategyFileError
    from threet.cli.strategy import checking

    settings = _settings(config)
    try:
        asked = checking.Asked(strategy, candles, bars, seed, settings, dict(_range(text) for text in given))
        verdict = checking.verdict(asked)
    except (StrategyFileError, ValueError) as error:
        raise click.ClickException(str(error)) from None
    if digest:
        click.echo(json.dumps({"digest": verdict.digest}))
        return
    problems = [*verdict.problems, *checking.other_process(asked, verdict)]
    for problem in problems:
        click.echo(f"✗ {problem}", err=True)
    what = f"{verdict.decisions} decisions, {verdict.trades} trades, {verdict.parameter_sets} parameter sets"
    if problems:
        raise click.ClickException(f"{strategy}: not sound ({what})")
    click.echo(f"✓ {strategy}: no look-ahead, deterministic (another process decides alike), inside its parameters: {what}")


def _settings(config: Path | None) -> Settings | None:
    """None where there is no config.yml: a strategy can be checked anywhere."""
    path = config or default_config_path()
    return load_settings(path) if config or path.exists() else None


def _range(text: str) -> tuple[str, tuple[float, float]]:
    name, _, limits = text.partition("=")
    low, colon, high = limits.partition(":")
    try:
        return name, (float(low), float(high if colon else low))
    except ValueError:
        raise click.BadParameter(f"expected NAME=LOW:HIGH, was {text!r}", param_hint="--range") from None
