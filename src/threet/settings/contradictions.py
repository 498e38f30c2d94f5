"""What no single key can tell: values that are each fine and together are not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from threet.settings.schema import Settings

Finding = tuple[str, str]
"""Key path, and what was expected and found."""


def contradictions(settings: Settings) -> Iterator[Finding]:
    """Every pair of values that cannot both be meant."""
    yield from _freshness(settings)
    yield from _mode(settings)
    yield from _observers(settings)
    yield from _orders(settings)
    yield from _providence(settings)
    if settings.workers.autoscale_min > settings.workers.autoscale_max:
        yield (
            "workers.autoscale_min",
            f"expected at most workers.autoscale_max = {settings.workers.autoscale_max}, was {settings.workers.autoscale_min}",
        )


def _freshness(settings: Settings) -> Iterator[Finding]:
    ages, schedule = settings.freshness, settings.schedule
    published = settings.providence.publish_interval_seconds
    pairs = (
        ("max_price_age_seconds", ages.max_price_age_seconds, "schedule.update_prices_seconds", schedule.update_prices_seconds),
        ("max_balance_age_seconds", ages.max_balance_age_seconds, "schedule.update_balance_seconds", schedule.update_balance_seconds),
        ("max_position_age_seconds", ages.max_position_age_seconds, "schedule.update_balance_seconds", schedule.update_balance_seconds),
        (
            "max_observation_age_seconds",
            ages.max_observation_age_seconds,
            "observers.interval_seconds",
            settings.observers.interval_seconds,
        ),
        ("max_heartbeat_age_seconds", ages.max_heartbeat_age_seconds, "providence.publish_interval_seconds", published),
        ("max_service_age_seconds", ages.max_service_age_seconds, "schedule.canary_seconds", schedule.canary_seconds),
    )
    for name, limit, interval_name, interval in pairs:
        if limit < 2 * interval:
            yield f"freshness.{name}", f"expected at least twice {interval_name} = {interval:g}, so {2 * interval:g} or more, was {limit:g}"


def _mode(settings: Settings) -> Iterator[Finding]:
    mode, url = settings.exchange.mode, settings.exchange.base_url
    if mode == "simulator" and url is None:
        yield "exchange.base_url", "expected the simulator's address in mode simulator, was null"
    if mode != "simulator" and url is not None:
        yield "exchange.base_url", f"expected null in mode {mode} (the venue's own address is used), was {url!r}"
    if mode == "live" and settings.observers.quorum < 2:
        yield "observers.quorum", f"expected 2 or more in mode live, was {settings.observers.quorum}"
    if mode == "live" and len(settings.observers.nodes) < 3:
        yield (
            "observers.nodes",
            f"expected 3 observers or more in mode live, so that trading survives the loss of one, was {len(settings.observers.nodes)}",
        )


def _observers(settings: Settings) -> Iterator[Finding]:
    nodes = settings.observers.nodes
    if settings.observers.quorum > len(nodes):
        yield "observers.quorum", f"expected at most the number of observers, {len(nodes)}, was {settings.observers.quorum}"
    for key, values in (
        ("name", [node.name for node in nodes]),
        ("url", [node.url for node in nodes]),
        ("public_key", [node.public_key for node in nodes]),
    ):
        for value in _repeated(values):
            yield "observers.nodes", f"expected a {key} of its own for each observer, {value!r} stands more than once"


def _repeated(values: Iterable[str]) -> list[str]:
    return [value for value, times in Counter(values).items() if times > 1]


def _orders(settings: Settings) -> Iterator[Finding]:
    rules = settings.reconciliation
    least = rules.order_expires_seconds + rules.lease_margin_seconds
    if rules.lease_seconds < least:
        yield (
            "reconciliation.lease_seconds",
            f"expected at least order_expires_seconds + lease_margin_seconds = {least:g}, was {rules.lease_seconds:g}",
        )


def _providence(settings: Settings) -> Iterator[Finding]:
    providence = settings.providence
    if providence.vote_exit_return_percent >= providence.vote_enter_return_percent:
        yield (
            "providence.vote_exit_return_percent",
            f"expected below vote_enter_return_percent = {providence.vote_enter_return_percent:g}, "
            f"was {providence.vote_exit_return_percent:g}",
        )
    if not providence.strategies:
        yield "providence.strategies", "expected one strategy or more, was an empty section"
    for strategy, values in providence.strategies.items():
        for parameter, (_, high) in values.parameters.items():
            if parameter.endswith("_bars") and high > providence.warmup_bars:
                yield (
                    f"providence.strategies.{strategy}.parameters.{parameter}",
                    f"expected at most providence.warmup_bars = {providence.warmup_bars}, since indicators see no more bars, was {high:g}",
                )
