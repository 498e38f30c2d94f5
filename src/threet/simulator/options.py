"""What a simulator is started with: the `simulator` section of config.yml, and the flags that go before it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from threet.simulator.book import BookShape


@dataclass(frozen=True, slots=True)
class SimulatorOptions:
    """Defaults serve a start by flags alone; a platform's config.yml names every value."""

    state_folder: Path
    host: str = "127.0.0.1"
    port: int = 0  # 0: any free one
    seed: int = 1
    speed: float = 1.0  # market seconds per wall second
    candles_folder: Path | None = None  # None: the seeded market
    start: datetime | None = None  # market time of the first start, UTC; None: now, or after the history of a replay
    history_bars: int = 1500
    tick_seconds: float = 0.25
    taker_fee: Decimal = Decimal("0.00045")
    maker_fee: Decimal = Decimal("0.00015")
    book_levels: int = 20
    book_usd_per_level: Decimal = Decimal(20_000)
    half_spread_bps: Decimal = Decimal("0.5")
    level_step_bps: Decimal = Decimal("0.5")
    refill_seconds: float = 2.0
    weight_per_minute: int | None = None  # what one internet address may ask; None: any
    free_actions: int | None = None  # of an account that has traded nothing; None: any
    accounts: tuple[tuple[str, Decimal], ...] = ()  # (address, USD), made where they are not in the state
    agents: tuple[tuple[str, str], ...] = ()  # (master, agent)

    @property
    def book(self) -> BookShape:
        return BookShape(self.book_levels, self.book_usd_per_level, self.half_spread_bps, self.level_step_bps, self.refill_seconds)
