"""The venue's answers as keys, types and number formats, written down by hand from what ccxt has recorded of it.

A shape is a type, a pattern of a string, a dict of shapes (a key with `?` may be missing), a list with one shape for every item,
or a tuple of alternatives. Whole numbers are numbers on the wire: ccxt's recorder put some of them into quotes, and left others.
"""

from __future__ import annotations

import re
from typing import Any

# Every number has a fraction and no needless zeros: "60.0", "0.02".
NUM = re.compile(r"(?!-0\.0$)-?(0|[1-9]\d*)\.(0|\d*[1-9])")
USD = re.compile(r"(?!-0\.0$)-?(0|[1-9]\d*)\.(0|\d{0,5}[1-9])")
HASH = re.compile(r"0x[0-9a-f]{64}")
CLOID = re.compile(r"0x[0-9a-f]{32}")
DAY = re.compile(r"\d{4}-\d\d-\d\d")

SUMMARY = {"accountValue": USD, "totalNtlPos": USD, "totalRawUsd": USD, "totalMarginUsed": USD}
POSITION = {
    "coin": str,
    "szi": NUM,
    "leverage": (
        {"type": re.compile("cross"), "value": int},
        {"type": re.compile("isolated"), "value": int, "rawUsd": USD},
    ),
    "entryPx": NUM,
    "positionValue": USD,
    "unrealizedPnl": USD,
    "returnOnEquity": NUM,
    "liquidationPx": (NUM, None),
    "marginUsed": USD,
    "maxLeverage": int,
    "cumFunding": {"allTime": USD, "sinceOpen": USD, "sinceChange": USD},
}
CLEARINGHOUSE_STATE = {
    "marginSummary": SUMMARY,
    "crossMarginSummary": SUMMARY,
    "crossMaintenanceMarginUsed": USD,
    "withdrawable": USD,
    "assetPositions": [{"type": re.compile("oneWay"), "position": POSITION}],
    "time": int,
}
ORDER = {
    "coin": str,
    "side": re.compile("A|B"),
    "limitPx": NUM,
    "sz": NUM,
    "oid": int,
    "timestamp": int,
    "triggerCondition": re.compile(r"N/A|Price (above|below) [\d.]+"),
    "isTrigger": bool,
    "triggerPx": NUM,
    "children": [],
    "isPositionTpsl": bool,
    "reduceOnly": bool,
    "orderType": re.compile("Limit|Stop (Market|Limit)|Take Profit (Market|Limit)"),
    "origSz": NUM,
    "tif": (re.compile("Gtc|Ioc|Alo"), None),
    "cloid": (CLOID, None),
}
ORDER_WITH_STATUS = {"order": ORDER, "status": str, "statusTimestamp": int}
FILL = {
    "coin": str,
    "px": NUM,
    "sz": NUM,
    "side": re.compile("A|B"),
    "time": int,
    "startPosition": NUM,
    "dir": re.compile("(Open|Close) (Long|Short)|Long > Short|Short > Long|Buy|Sell"),
    "closedPnl": USD,
    "hash": HASH,
    "oid": int,
    "crossed": bool,
    "fee": NUM,  # of a spot buy: in the token
    "tid": int,
    "feeToken": re.compile("[A-Z0-9]+"),
    "twapId": None,
    "cloid?": CLOID,
    "builderFee?": USD,
    "liquidation?": {"liquidatedUser": str, "markPx": NUM, "method": re.compile("market")},
}
CANDLE = {"t": int, "T": int, "s": str, "i": str, "o": NUM, "c": NUM, "h": NUM, "l": NUM, "v": NUM, "n": int}
LEVEL = {"px": NUM, "sz": NUM, "n": int}
CONTEXT = {
    "funding": NUM,
    "openInterest": NUM,
    "prevDayPx": NUM,
    "dayNtlVlm": NUM,
    "premium": NUM,
    "oraclePx": NUM,
    "markPx": NUM,
    "midPx": NUM,
    "impactPxs": [NUM],
    "dayBaseVlm?": NUM,
}
COIN = {"name": str, "szDecimals": int, "maxLeverage": int, "marginTableId?": int}
FUNDING = {
    "time": int,
    "hash": HASH,
    "delta": {"type": re.compile("funding"), "coin": str, "usdc": USD, "szi": NUM, "fundingRate": NUM, "nSamples": None},
}
UPDATES: tuple[dict[str, Any], ...] = (
    {"type": re.compile("deposit"), "usdc": USD},
    {"type": re.compile("withdraw"), "usdc": USD, "nonce": int, "fee": USD},
    {"type": re.compile("accountClassTransfer"), "usdc": USD, "toPerp": bool},
)
TRANSFER = {"time": int, "hash": HASH, "delta": UPDATES}
BALANCE = {"coin": str, "token": int, "total": NUM, "hold": NUM, "entryNtl": USD}
FEES = {
    "dailyUserVlm": [{"date": DAY, "userCross": NUM, "userAdd": NUM, "exchange": NUM}],
    "feeSchedule": {"cross": NUM, "add": NUM, "tiers": {"vip": [], "mm": []}, "referralDiscount": NUM},
    "userCrossRate": NUM,
    "userAddRate": NUM,
    "activeReferralDiscount": NUM,
}
FILLED = {"filled": {"totalSz": NUM, "avgPx": NUM, "oid": int, "cloid?": CLOID}}
RESTING = {"resting": {"oid": int, "cloid?": CLOID}}
BRIEF_ORDER = {
    "coin": str,
    "limitPx": NUM,
    "oid": int,
    "side": re.compile("A|B"),
    "sz": NUM,
    "timestamp": int,
    "origSz": NUM,
    "cloid?": CLOID,
}
META = {"universe": [COIN], "marginTables": list, "collateralToken": int}


def placed(*statuses: Any) -> dict[str, Any]:
    """The answer to an order action with these statuses, one by one."""
    one = {str(place): status for place, status in enumerate(statuses)}
    return {"status": re.compile("ok"), "response": {"type": re.compile("order"), "data": {"statuses": one}}}


DEFAULT = {"status": re.compile("ok"), "response": {"type": re.compile("default")}}


def mismatches(shape: Any, value: Any, path: str = "answer") -> list[str]:
    """Where a value is not of a shape, in words; empty where it is."""
    if isinstance(shape, tuple):
        tried = [mismatches(each, value, path) for each in shape]
        return [] if any(not found for found in tried) else tried[0]
    if isinstance(shape, dict):
        return _dict_mismatches(shape, value, path)
    if isinstance(shape, list):
        if not isinstance(value, list):
            return [f"{path}: expected a list, found {value!r}"]
        return [text for place, item in enumerate(value) for text in mismatches(shape[0], item, f"{path}[{place}]")] if shape else []
    if isinstance(shape, re.Pattern):
        fits = isinstance(value, str) and shape.fullmatch(value) is not None
        return [] if fits else [f"{path}: expected a string like {shape.pattern}, found {value!r}"]
    if shape is None:
        return [] if value is None else [f"{path}: expected null, found {value!r}"]
    return [] if type(value) is shape else [f"{path}: expected {shape.__name__}, found {value!r}"]


def _dict_mismatches(shape: dict[str, Any], value: Any, path: str) -> list[str]:
    if isinstance(value, list):  # a list whose items differ
        value = {str(place): item for place, item in enumerate(value)}
    if not isinstance(value, dict):
        return [f"{path}: expected an object, found {value!r}"]
    known = {key.removesuffix("?"): wanted for key, wanted in shape.items()}
    found = [f"{path}: unexpected key {key}" for key in value if key not in known]
    found += [f"{path}: missing key {key}" for key in shape if not key.endswith("?") and key not in value]
    for key, item in value.items():
        if key in known:
            found += mismatches(known[key], item, f"{path}.{key}")
    return found
