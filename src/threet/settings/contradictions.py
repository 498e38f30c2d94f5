"""What no single key can tell: values that are each fine and together are not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator

from threet.settings.budget import request_shares
from threet.settings.examples import EXAMPLE_PUBLIC_KEYS
from threet.settings.schema import Settings

Finding = tuple[str, str]
"""Key path, and what was expected and found."""


def contradictions(settings: Settings, sound: Collection[str]) -> Iterator[Finding]:
    """Every pair of values that cannot both be meant. Only the ``sound`` sections are looked at: others may lack any key."""
    for sections, look in _RULES:
        if all(section in sound for section in sections):
            yield from look(settings)


def _fresh_market(settings: Settings) -> Iterator[Finding]:
    ages, schedule = settings.freshness, settings.schedule
    balance, balance_seconds = "schedule.update_balance_seconds", schedule.update_balance_seconds
    yield from _twice("max_price_age_seconds", ages.max_price_age_seconds, "schedule.update_prices_seconds", schedule.update_prices_seconds)
    yield from _twice("max_balance_age_seconds", ages.max_balance_age_seconds, balance, balance_seconds)
    yield from _twice("max_position_age_seconds", ages.max_position_age_seconds, balance, balance_seconds)
    yield from _twice("max_service_age_seconds", ages.max_service_age_seconds, "schedule.canary_seconds", schedule.canary_seconds)
    yield from _twice("max_canary_age_seconds", ages.max_canary_age_seconds, "schedule.canary_seconds", schedule.canary_seconds)
    cycle, cycle_seconds = "schedule.reconcile_positions_seconds", schedule.reconcile_positions_seconds
    yield from _twice("max_decision_age_seconds", ages.max_decision_age_seconds, cycle, cycle_seconds)


def _fresh_observations(settings: Settings) -> Iterator[Finding]:
    limit, interval = settings.freshness.max_observation_age_seconds, settings.observers.interval_seconds
    yield from _twice("max_observation_age_seconds", limit, "observers.interval_seconds", interval)


def _fresh_heartbeats(settings: Settings) -> Iterator[Finding]:
    limit, interval = settings.freshness.max_heartbeat_age_seconds, settings.providence.publish_interval_seconds
    yield from _twice("max_heartbeat_age_seconds", limit, "providence.publish_interval_seconds", interval)


def _twice(name: str, limit: float, interval_name: str, interval: float) -> Iterator[Finding]:
    if limit < 2 * interval:
        yield f"freshness.{name}", f"expected at least twice {interval_name} = {interval:g}, so {2 * interval:g} or more, was {limit:g}"


def _workers(settings: Settings) -> Iterator[Finding]:
    low, high = settings.workers.autoscale_min, settings.workers.autoscale_max
    if low > high:
        yield "workers.autoscale_min", f"expected at most workers.autoscale_max = {high}, was {low}"


def _mode(settings: Settings) -> Iterator[Finding]:
    mode, url = settings.exchange.mode, settings.exchange.base_url
    if mode == "simulator" and url is None:
        yield "exchange.base_url", "expected the simulator's address in mode simulator, was null"
    if mode != "simulator" and url is not None:
        yield "exchange.base_url", f"expected null in mode {mode} (the venue's own address is used), was {url!r}"


def _live_observers(settings: Settings) -> Iterator[Finding]:
    mode = settings.exchange.mode
    if mode == "live" and settings.observers.quorum < 2:
        yield "observers.quorum", f"expected 2 or more in mode live, was {settings.observers.quorum}"
    if mode == "live" and len(settings.observers.nodes) < 3:
        yield (
            "observers.nodes",
            f"expected 3 observers or more in mode live, so that trading survives the loss of one, was {len(settings.observers.nodes)}",
        )


def _example_keys(settings: Settings) -> Iterator[Finding]:
    """The public keys of secrets.example.yml belong to private keys that everybody can read."""
    mode = settings.exchange.mode
    for index, node in enumerate(settings.observers.nodes):
        if mode != "simulator" and node.public_key in EXAMPLE_PUBLIC_KEYS:
            yield f"observers.nodes[{index}].public_key", f"expected a key of your own in mode {mode}, was the example's"


def _observers(settings: Settings) -> Iterator[Finding]:
    nodes = settings.observers.nodes
    answer, patience = settings.observers.answer_timeout_seconds, settings.observers.request_timeout_seconds
    if answer >= patience:
        yield (
            "observers.answer_timeout_seconds",
            f"expected below request_timeout_seconds = {patience:g}, after which the caller hears nothing, was {answer:g}",
        )
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
    if rules.order_min_life_seconds > rules.order_expires_seconds:
        yield (
            "reconciliation.order_min_life_seconds",
            f"expected at most order_expires_seconds = {rules.order_expires_seconds:g}, or nothing is ever sent, "
            f"was {rules.order_min_life_seconds:g}",
        )
    least = rules.order_expires_seconds + rules.lease_margin_seconds
    if rules.lease_seconds < least:
        yield (
            "reconciliation.lease_seconds",
            f"expected at least order_expires_seconds + lease_margin_seconds = {least:g}, was {rules.lease_seconds:g}",
        )


def _drawdown(settings: Settings) -> Iterator[Finding]:
    limits = settings.limits
    if limits.soft_drawdown_percent >= limits.terminal_drawdown_percent:
        yield (
            "limits.soft_drawdown_percent",
            f"expected below terminal_drawdown_percent = {limits.terminal_drawdown_percent}, was {limits.soft_drawdown_percent}",
        )


def _providence(settings: Settings) -> Iterator[Finding]:
    providence = settings.providence
    if providence.vote_exit_return_percent >= providence.vote_enter_return_percent:
        yield (
            "providence.vote_exit_return_percent",
            f"expected below vote_enter_return_percent = {providence.vote_enter_return_percent:g}, "
            f"was {providence.vote_exit_return_percent:g}",
        )
    if providence.last_snapshots_timeout_seconds < providence.stop_timeout_seconds:
        yield (
            "providence.last_snapshots_timeout_seconds",
            f"expected at least stop_timeout_seconds = {providence.stop_timeout_seconds:g}, "
            f"was {providence.last_snapshots_timeout_seconds:g}",
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


def _population(settings: Settings) -> Iterator[Finding]:
    """A shard without runs of a symbol never has votes for it."""
    providence = settings.providence
    shares = {"runs_per_symbol": 1.0, **{f"symbol_weights.{symbol}": weight for symbol, weight in providence.symbol_weights.items()}}
    for key, weight in shares.items():
        runs = round(providence.runs_per_symbol * weight)
        if runs < providence.shards:
            yield f"providence.{key}", f"expected a run of each symbol for each of providence.shards = {providence.shards}, was {runs} runs"


def _feed(settings: Settings) -> Iterator[Finding]:
    """Redis answers a waiting read only when the wait is over: by then the connection must not have been given up."""
    wait, limit = settings.providence.poll_seconds, settings.redis.socket_timeout_seconds
    if wait >= limit:
        yield "providence.poll_seconds", f"expected below redis.socket_timeout_seconds = {limit:g}, was {wait:g}"


def _retention(settings: Settings) -> Iterator[Finding]:
    batch, total = settings.retention.batch_rows, settings.retention.round_rows
    if batch > total:
        yield "retention.batch_rows", f"expected at most retention.round_rows = {total}, was {batch}"


def _gone_services(settings: Settings) -> Iterator[Finding]:
    """One that has stopped is told before its row goes."""
    limit, hours = settings.freshness.max_service_age_seconds, settings.retention.services_hours
    if hours * 3600 < 2 * limit:
        least = f"at least twice freshness.max_service_age_seconds = {limit:g}"
        yield "retention.services_hours", f"expected {least}, so {2 * limit / 3600:.1f} hours or more, was {hours}"


_RULES: tuple[tuple[tuple[str, ...], Callable[[Settings], Iterator[Finding]]], ...] = (
    (("freshness", "schedule"), _fresh_market),
    (("freshness", "observers"), _fresh_observations),
    (("freshness", "providence"), _fresh_heartbeats),
    (("exchange",), _mode),
    (("exchange", "observers", "schedule"), request_shares),
    (("exchange", "observers"), _live_observers),
    (("exchange", "observers"), _example_keys),
    (("observers",), _observers),
    (("reconciliation",), _orders),
    (("limits",), _drawdown),
    (("providence",), _providence),
    (("providence",), _population),
    (("providence", "redis"), _feed),
    (("retention",), _retention),
    (("freshness", "retention"), _gone_services),
    (("workers",), _workers),
)
"""Which sections a look needs."""
