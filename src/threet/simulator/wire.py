"""How the venue writes numbers: decimal strings that always have a fraction, micro-dollars as the smallest amount."""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal

MICRO_USD = Decimal("0.000001")
PERP_PRICE_DECIMALS = 6
SIGNIFICANT_DIGITS = 5


def decimal_text(value: Decimal) -> str:
    """`Decimal("60") -> "60.0"`, `Decimal("0.0200") -> "0.02"`: the form of every number in the venue's answers."""
    text = format(value.normalize(), "f")
    if text == "-0":
        text = "0"
    return text if "." in text else text + ".0"


def usd_text(value: Decimal) -> str:
    """A dollar amount, rounded to the micro-dollar that the venue books in."""
    return decimal_text(round_usd(value))


def round_usd(value: Decimal) -> Decimal:
    """Rounded half-even to a micro-dollar."""
    return value.quantize(MICRO_USD, rounding=ROUND_HALF_EVEN)


def price_decimals(price: Decimal, sz_decimals: int) -> int:
    """How many decimals a price may have: five significant digits, at most `6 - sz_decimals` decimals, never below zero."""
    if price <= 0:
        return 0
    allowed = SIGNIFICANT_DIGITS - 1 - price.adjusted()
    return max(0, min(PERP_PRICE_DECIMALS - sz_decimals, allowed))


def round_price(price: Decimal, sz_decimals: int, rounding: str = ROUND_HALF_EVEN) -> Decimal:
    """The nearest valid price in the direction of `rounding` (a constant of the decimal module)."""
    step = Decimal(1).scaleb(-price_decimals(price, sz_decimals))
    return price.quantize(step, rounding=rounding)


def is_valid_price(price: Decimal, sz_decimals: int) -> bool:
    """Integers are always valid; others need five significant digits and `6 - sz_decimals` decimals at most."""
    if price <= 0:
        return False
    if price == price.to_integral_value():
        return True
    return price == round_price(price, sz_decimals)


def is_valid_size(size: Decimal, sz_decimals: int) -> bool:
    """True when the size is a whole number of lots of `10 ** -sz_decimals`."""
    return size == round_size(size, sz_decimals)


def round_size(size: Decimal, sz_decimals: int) -> Decimal:
    """Rounded toward zero to the lot."""
    return size.quantize(Decimal(1).scaleb(-sz_decimals), rounding=ROUND_DOWN)
