"""The unified names of the venue's coins, by this node's own rules."""

from __future__ import annotations

_RENAMED = {"XBT": "BTC", "BCHSV": "BSV"}
"""Two coins that the unified names call otherwise; the venue lists neither today."""


def unified_name(coin: str) -> str:
    """``BTC`` is ``BTC/USDC:USDC``, ``kPEPE`` (a thousand PEPE) ``KPEPE/USDC:USDC``, ``xyz:GOLD`` ``XYZ-GOLD/USDC:USDC``."""
    base = coin.upper()
    base = _RENAMED.get(base, base).replace(":", "-")
    return f"{base}/USDC:USDC"
