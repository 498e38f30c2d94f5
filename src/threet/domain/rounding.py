"""Sizes and prices on the venue's grid. Rounding never makes an order larger than was asked."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, Decimal

from threet.domain.values import MarketRules, Side


def round_to_lot(contracts: Decimal, lot: Decimal) -> Decimal:
    """``contracts`` (signed) rounded toward zero to a multiple of ``lot``."""
    return (contracts / lot).to_integral_value(rounding=ROUND_DOWN) * lot


def round_price(price: Decimal, rules: MarketRules, side: Side) -> Decimal:
    """A limit price on the grid: at most the significant digits and decimals of ``rules``, integers always allowed.

    A buy is rounded up and a sell down, by less than a tick, so that the order stays marketable.
    """
    rounding = ROUND_CEILING if side is Side.BUY else ROUND_FLOOR
    digits_before_point = price.adjusted() + 1
    decimals = max(0, min(rules.price_decimals, rules.price_significant_digits - digits_before_point))
    return price.quantize(Decimal(1).scaleb(-decimals), rounding=rounding)


def limit_price(mark: Decimal, side: Side, slippage_bps: Decimal, rules: MarketRules) -> Decimal:
    """The worst price that an IOC order around ``mark`` accepts."""
    return round_price(mark * (1 + side.sign * slippage_bps / 10_000), rules, side)
