"""The venue's core: accounts, fills, order states and what happens by itself as time goes on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from threet.simulator.account import ZERO, Margin, funding_payment, margin, trade
from threet.simulator.book import BASIS_POINT, Book
from threet.simulator.clock import MarketClock
from threet.simulator.coins import CoinSpec
from threet.simulator.journal import Journal
from threet.simulator.market import HOUR_MS, Market
from threet.simulator.orders import Order, to_record
from threet.simulator.state import Account, State
from threet.simulator.tokens import EMPTY, USDC, spot_fee
from threet.simulator.wire import decimal_text, round_price, round_usd, usd_text

DEFAULT_LEVERAGE = 20


@dataclass(frozen=True, slots=True)
class Fees:
    """Fractions of the notional."""

    taker: Decimal
    maker: Decimal


class Exchange:
    """Holds the parts together. All changes go through the journal; there is no await in here, so each call is atomic."""

    def __init__(self, journal: Journal, market: Market, clock: MarketClock, book: Book, fees: Fees) -> None:
        self.journal = journal
        self.market = market
        self.clock = clock
        self.book = book
        self.fees = fees
        self.started_wall_ms = clock.wall_ms()

    @property
    def state(self) -> State:
        return self.journal.state

    def wall_ms(self) -> int:
        return self.clock.wall_ms()

    def mark(self, coin: str) -> Decimal:
        """The mark price now."""
        return self.market.mark(coin, self.clock.now_ms())

    def spec(self, coin: str) -> CoinSpec:
        return self.market.listing(coin).spec

    # Accounts

    def create_account(self, address: str, master: str | None = None) -> Account:
        """The account, made where it does not exist."""
        if address not in self.state.accounts:
            self.journal.commit("account", address=address, master=master)
        return self.state.accounts[address]

    def transfer(self, address: str, usd: Decimal, delta: dict[str, Any]) -> None:
        """Books a deposit (usd > 0) or withdrawal; `delta` is what `userNonFundingLedgerUpdates` shows."""
        wall = self.wall_ms()
        entry = {"time": wall, "hash": _hash("transfer", self.state.seq + 1), "delta": delta}
        self.journal.commit("transfer", address=address, usd=str(round_usd(usd)), entry=entry, wall_ms=wall)

    def deposit(self, address: str, usd: Decimal) -> None:
        """Money in from outside, or out where negative."""
        kind = "deposit" if usd >= 0 else "withdraw"
        delta: dict[str, Any] = {"type": kind, "usdc": usd_text(abs(usd))}
        if kind == "withdraw":
            delta |= {"nonce": self.wall_ms(), "fee": "0.0"}
        self.transfer(address, usd, delta)

    def class_transfer(self, address: str, usd: Decimal) -> None:
        """Moves USDC between an account's spot side and its perpetuals: usd > 0 to the perpetuals."""
        wall = self.wall_ms()
        delta = {"type": "accountClassTransfer", "usdc": usd_text(abs(usd)), "toPerp": usd > 0}
        entry = {"time": wall, "hash": _hash("transfer", self.state.seq + 1), "delta": delta}
        self.journal.commit("class_transfer", address=address, usd=str(round_usd(usd)), entry=entry, wall_ms=wall)

    def leverage(self, account: Account, coin: str) -> int:
        """What the account has set, else 20 or the coin's maximum if that is less."""
        chosen = account.leverages.get(coin)
        return chosen[0] if chosen else min(DEFAULT_LEVERAGE, self.spec(coin).max_leverage)

    def margin(self, account: Account) -> Margin:
        """The account's figures at the marks of now."""
        now = self.clock.now_ms()
        coins = list(account.positions)
        return margin(
            account.cash,
            account.positions,
            {coin: self.market.mark(coin, now) for coin in coins},
            {coin: self.spec(coin) for coin in coins},
            {coin: self.leverage(account, coin) for coin in coins},
        )

    def order_margin(self, account: Account) -> Decimal:
        """USD that resting orders hold back."""
        held = ZERO
        for order in self.state.orders_of(account.address):
            if not order.reduce_only and not order.waits_for_trigger and not self.spec(order.coin).is_spot:
                held += order.size * order.limit_px / self.leverage(account, order.coin)
        return held

    # Orders

    def save_order(self, order: Order) -> Order:
        self.journal.commit("order", order=to_record(order), wall_ms=self.wall_ms())
        return order

    def finish(self, order: Order, status: str) -> Order:
        """Gives a live order its last state."""
        return self.save_order(replace(order, status=status, status_ms=self.wall_ms()))

    def fill(self, order: Order, size: Decimal, price: Decimal, crossed: bool, builder_rate: Decimal = ZERO) -> Order:
        """Books a fill and returns what is left of the order (its state is the caller's to set)."""
        account = self.state.accounts[order.user]
        if self.spec(order.coin).is_spot:
            self._book_spot_fill(account, order, size, price, crossed, builder_rate)
            return replace(order, size=order.size - size)
        extra: dict[str, Any] = {}
        if builder_rate > 0:
            extra["builderFee"] = usd_text(size * price * builder_rate)
        self._book_fill(account, order.coin, order.sign * size, price, crossed, order.oid, order.cloid, extra)
        return replace(order, size=order.size - size)

    def _book_fill(
        self,
        account: Account,
        coin: str,
        signed: Decimal,
        price: Decimal,
        crossed: bool,
        oid: int,
        cloid: str | None,
        extra: dict[str, Any],
    ) -> None:
        held = account.positions.get(coin)
        traded = trade(held, signed, price)
        fee = round_usd(abs(signed) * price * (self.fees.taker if crossed else self.fees.maker))
        tid = self.state.last_tid + 1
        fill = {
            "coin": coin,
            "px": decimal_text(price),
            "sz": decimal_text(abs(signed)),
            "side": "B" if signed > 0 else "A",
            "time": self.wall_ms(),
            "startPosition": decimal_text(held.contracts if held else ZERO),
            "dir": traded.direction,
            "closedPnl": usd_text(traded.closed_pnl_usd),
            "hash": _hash("fill", tid),
            "oid": oid,
            "crossed": crossed,
            "fee": usd_text(fee),
            "tid": tid,
            "cloid": cloid,
            "feeToken": "USDC",
            "twapId": None,
            **extra,
        }
        self.journal.commit("fill", address=account.address, fill=fill, market_ms=self.clock.now_ms())

    def _book_spot_fill(self, account: Account, order: Order, size: Decimal, price: Decimal, crossed: bool, builder_rate: Decimal) -> None:
        """A buyer pays the fee in the token, a seller in USDC; a builder is paid by sellers only."""
        spec = self.spec(order.coin)
        held = account.tokens.get(spec.token, EMPTY)
        rate = self.fees.taker if crossed else self.fees.maker
        fee = spot_fee(spec, order.is_buy, size, price, rate)
        tid = self.state.last_tid + 1
        fill = {
            "coin": order.coin,
            "px": decimal_text(price),
            "sz": decimal_text(size),
            "side": "B" if order.is_buy else "A",
            "time": self.wall_ms(),
            "startPosition": decimal_text(held.total),
            "dir": "Buy" if order.is_buy else "Sell",
            "closedPnl": "0.0" if order.is_buy else usd_text(size * price - held.cost_of(size)),
            "hash": _hash("fill", tid),
            "oid": order.oid,
            "crossed": crossed,
            "fee": decimal_text(fee),
            "tid": tid,
            "cloid": order.cloid,
            "feeToken": spec.token if order.is_buy else USDC,
            "twapId": None,
        }
        if builder_rate > 0 and not order.is_buy:
            fill["builderFee"] = usd_text(size * price * builder_rate)
        self.journal.commit("spot_fill", address=account.address, token=spec.token, fill=fill, market_ms=self.clock.now_ms())

    # What happens by itself

    def settle_funding(self) -> None:
        """Pays every full hour of market time that has passed since the last one."""
        hour_now = self.clock.now_ms() // HOUR_MS * HOUR_MS
        until = self.state.funded_until_ms
        if until is None:
            self.journal.commit("funded", market_ms=hour_now)
            return
        for hour in range(until + HOUR_MS, hour_now + 1, HOUR_MS):
            for account in self.state.accounts.values():
                for coin in list(account.positions):
                    self._pay_funding(account, coin, hour)
            self.journal.commit("funded", market_ms=hour)

    def _pay_funding(self, account: Account, coin: str, hour_ms: int) -> None:
        position = account.positions[coin]
        rate = self.market.funding_rate(coin, hour_ms)
        paid = funding_payment(position, self.market.mark(coin, hour_ms), rate)
        wall = self.wall_ms()
        delta = {
            "type": "funding",
            "coin": coin,
            "usdc": usd_text(-paid),
            "szi": decimal_text(position.contracts),
            "fundingRate": decimal_text(rate),
            "nSamples": None,
        }
        entry = {"time": wall, "hash": "0x" + "0" * 64, "delta": delta}
        self.journal.commit("funding", address=account.address, coin=coin, paid=str(paid), entry=entry, market_ms=hour_ms)

    def liquidate(self) -> None:
        """Closes all positions of each account whose value is below its maintenance margin."""
        for account in self.state.accounts.values():
            if not account.positions:
                continue
            figures = self.margin(account)
            if figures.account_value < figures.maintenance_used:
                self._liquidate(account)

    def _liquidate(self, account: Account) -> None:
        for order in self.state.orders_of(account.address):
            if not self.spec(order.coin).is_spot:
                self.finish(order, "liquidatedCanceled")
        shape = self.book.shape
        worst = (shape.half_spread_bps + (shape.levels - 1) * shape.level_step_bps) * BASIS_POINT
        for coin, position in list(account.positions.items()):
            mark = self.mark(coin)
            away = 1 - worst if position.contracts > 0 else 1 + worst
            price = round_price(mark * away, self.spec(coin).sz_decimals)
            extra = {"liquidation": {"liquidatedUser": account.address, "markPx": decimal_text(mark), "method": "market"}}
            oid = self._liquidation_order(account, coin, position.contracts, price)
            self._book_fill(account, coin, -position.contracts, price, True, oid, None, extra)
        if account.cash < 0:
            self.transfer(account.address, -account.cash, {"type": "insuranceFund", "usdc": usd_text(-account.cash)})

    def _liquidation_order(self, account: Account, coin: str, held: Decimal, price: Decimal) -> int:
        oid, wall, size = self.state.last_oid + 1, self.wall_ms(), abs(held)
        self.save_order(Order(oid, account.address, coin, held < 0, price, ZERO, size, True, "Ioc", wall, "filled", wall))
        return oid

    def run_dead_man_switches(self) -> None:
        """Cancels what `scheduleCancel` named a time for, once that wall time is there."""
        now = self.wall_ms()
        for account in self.state.accounts.values():
            if account.cancel_at_ms is not None and now >= account.cancel_at_ms:
                for order in self.state.orders_of(account.address):
                    self.finish(order, "scheduledCancel")
                self.journal.commit("cancel_at", address=account.address, at_ms=None)


def _hash(kind: str, number: int) -> str:
    return "0x" + hashlib.sha256(f"{kind}:{number}".encode()).hexdigest()
