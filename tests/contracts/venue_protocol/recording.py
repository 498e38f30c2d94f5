"""How a recorded request is written down: the call, what it sends, and which kind it is of.

In a body an asset stands by its coin's name, and OID, LATER, NOW, NONCE and SIGNED stand for what differs with each call.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

# Stand for values that are made when the call is made; a body shows them as these words.
OID, OTHER_OID, LATER, NOW, NONCE = "<order number>", "<other order number>", "<milliseconds, later>", "<milliseconds>", "<nonce>"
SIGNED = {"r": "<hex>", "s": "<hex>", "v": "<27 or 28>"}

KINDS = (
    "markets",
    "balance",
    "positions",
    "tickers",
    "candles",
    "order book",
    "orders placed",
    "orders cancelled",
    "open orders",
    "order status",
    "fills",
    "funding",
    "leverage",
    "scheduleCancel",
)

BTC, ETH, SOL, MEME, HYPE, KPEPE = (f"{coin}/USDC:USDC" for coin in ("BTC", "ETH", "SOL", "MEME", "HYPE", "KPEPE"))
ADA, PURR = "ADA/USDC:USDC", "PURR/USDC"
BTC_PAIR, PENGU_PAIR = "@1", "@2"  # recorded as @142 and @184: here a pair's number is its place, like a coin's
USER = "0x15f43D1f2DeE81424aFd891943262aa90F22cc2A"
OWNER, OWNERS_SUB = "0x3B3741c0EFf9C6b556Ec813e70589161F416662A", "0x3B3741c0EFf9C6b556Ec813e70589161F416661B"
VAULT, OTHER_VAULT, RECEIVER = (
    "0xeba57e1d6bd242ba5f41b61ff1d30b481a535b58",
    "0xcb4d9044aab9e5aa3965b470ebff554cc8820c7b",
    "0xc751489d24a33172541ea451bc253d7a9e98c781",
)
CLOID, OTHER_CLOID = "0x1234567890abcdef1234567890abcdef", "0x1234567890abcdef1234567890abcded"
BUILDER = {"b": "0x6530512a6c89c7cfcebc3ba7fcd9ada5f30827a6", "f": 10}


@dataclass(frozen=True, slots=True)
class Recording:
    """One recorded request."""

    method: str  # ccxt's, in its own spelling
    about: str
    args: tuple[Any, ...]
    body: dict[str, Any]
    kind: str = ""  # one of KINDS, or none
    outside: str = ""  # why it is of none of the kinds
    marks: dict[str, str] = field(default_factory=dict)  # where the coins stand, so that the recorded prices make sense
    needs: str = ""  # what is there before
    options: dict[str, Any] = field(default_factory=dict)  # of ccxt
    sends: dict[str, Any] | None = None  # what the installed ccxt sends where that is not `body`; then `body` is sent as it is, too
    refused: bool = False  # the simulator does not know it, and says so
    empty: str = ""  # why there is nothing in the answer

    @property
    def name(self) -> str:
        return f"{self.method}: {self.about}"


GTC, IOC, ALO = ({"limit": {"tif": tif}} for tif in ("Gtc", "Ioc", "Alo"))


def stop(trigger_price: str, tpsl: str, market: bool = True) -> dict[str, Any]:
    return {"trigger": {"isMarket": market, "triggerPx": trigger_price, "tpsl": tpsl}}


def order(coin: str, side: str, price: str, size: str, how: dict[str, Any], reduce_only: bool = False, **more: str) -> dict[str, Any]:
    return {"a": coin, "b": side == "buy", "p": price, "s": size, "r": reduce_only, "t": how, **more}


def placed(*orders: dict[str, Any], grouping: str = "na", **vault: str) -> dict[str, Any]:
    action = {"type": "order", "orders": list(orders), "grouping": grouping, "builder": BUILDER}
    return {"action": action, "nonce": NONCE, "signature": SIGNED, **vault}


def modified(order: dict[str, Any], **vault: str) -> dict[str, Any]:
    action = {"type": "batchModify", "modifies": [{"oid": OID, "order": order}]}
    return {"action": action, "nonce": NONCE, "signature": SIGNED, **vault}


def cancelled(kind: str, *cancels: dict[str, Any]) -> dict[str, Any]:
    return {"nonce": NONCE, "action": {"type": kind, "cancels": list(cancels)}, "signature": SIGNED}


def leverage(coin: str, *, cross: bool = True, vault: str = "") -> dict[str, Any]:
    action = {"type": "updateLeverage", "asset": coin, "isCross": cross, "leverage": 5}
    return {"action": action, "nonce": NONCE, "signature": SIGNED, **({"vaultAddress": vault} if vault else {})}


def signed(action: dict[str, Any]) -> dict[str, Any]:
    return {"action": action, "nonce": NONCE, "signature": SIGNED}
