"""Whether the venue's patience lasts: what each process asks in quiet times against its share, in the venue's request weights.

Tests count what a cycle, a round of prices and a reading really ask against the numbers here.
"""

from __future__ import annotations

from collections.abc import Iterator

from threet.settings.schema import Settings

_LIGHT, _HEAVY = 2, 20
"""A clock, an order book, an account's state; any list."""
PRICES_WEIGHT = _LIGHT + _HEAVY
"""The market's clock and the marks."""
CYCLE_WEIGHT = _LIGHT + 3 * _HEAVY
"""Of a reconcile cycle with nothing to do: the venue's clock; fills, open orders, transfers."""
RULES_WEIGHT = _HEAVY
"""In one cycle of each ``rules_refresh_seconds`` besides."""

Finding = tuple[str, str]


def request_shares(settings: Settings) -> Iterator[Finding]:
    """All processes may stand behind one address: what they may ask in one minute, their bursts included, is what the venue grants it."""
    exchange, nodes = settings.exchange, len(settings.observers.nodes)
    shares = exchange.request_shares_percent
    burst = 1 + exchange.requests_burst_seconds / 60
    total = float(shares.celery_worker + shares.celery_worker_reconcile) * burst + float(shares.observer) * nodes
    if total > 100:
        yield (
            "exchange.request_shares_percent",
            f"expected at most 100 all in all: (celery_worker + celery_worker_reconcile) x {burst:.3g} for "
            f"requests_burst_seconds = {exchange.requests_burst_seconds:g}, and observer x {nodes} observers, was {total:.1f}",
        )
    for name, needed in _steady_weights(settings):
        given = exchange.share_per_minute(name)
        if needed > given:
            yield (
                f"exchange.request_shares_percent.{name}",
                f"expected a share for the {needed:.0f} a minute that its intervals ask for, was {given:.0f}: raise it, or ask less often",
            )
    yield from _whole_cycle(settings)


def _whole_cycle(settings: Settings) -> Iterator[Finding]:
    """A cycle asks all at once. What its bucket does not hold would be Unknown in every cycle, and nothing would ever grow."""
    exchange = settings.exchange
    ours = 1 - float(exchange.signer_reserve_percent) / 100
    per_second = exchange.share_per_minute("celery_worker_reconcile") / 60
    asked = CYCLE_WEIGHT + RULES_WEIGHT
    if per_second * exchange.requests_burst_seconds * ours < asked:
        yield (
            "exchange.requests_burst_seconds",
            f"expected at least {asked / per_second / ours:.1f}, so that the share of celery_worker_reconcile, less "
            f"signer_reserve_percent, holds the {asked} that a cycle asks at once, "
            f"was {exchange.requests_burst_seconds:g}: raise it, or the share",
        )


def _steady_weights(settings: Settings) -> Iterator[tuple[str, float]]:
    """What each process asks in a quiet minute, without candles and orders."""
    schedule, observers = settings.schedule, settings.observers
    worker = (
        PRICES_WEIGHT / schedule.update_prices_seconds + _LIGHT / schedule.update_candles_seconds + _LIGHT / schedule.update_balance_seconds
    )
    yield "celery_worker", worker * 60
    cycles = CYCLE_WEIGHT / schedule.reconcile_positions_seconds + RULES_WEIGHT / settings.exchange.rules_refresh_seconds
    yield "celery_worker_reconcile", cycles * 60
    lists = _HEAVY / observers.marks_refresh_seconds + _HEAVY / observers.sub_accounts_refresh_seconds
    yield "observer", (_LIGHT / observers.interval_seconds + lists) * 60
