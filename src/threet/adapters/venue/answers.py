"""What the venue says of orders and fills, as our records."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from threet.adapters.venue.errors import text_error
from threet.adapters.venue.reading import decimal_field, field, garbled, id_field, int_field, list_field, text_field, time_field
from threet.application.facts import Fill, OpenOrder, OrderAnswer, OrderRequest
from threet.domain.values import OrderState, Side, Symbol

SymbolOf = Callable[[str], Symbol]

NO_MATCH = "Order could not immediately match against any resting orders."
_LIVE = frozenset({"open", "triggered"})


def submit_answer(response: dict[str, Any], request: OrderRequest) -> OrderAnswer:
    """The answer to one order. Raises VenueRefused where its error text says that nothing happened, VenueSilent where nobody knows."""
    what = f"order {request.client_order_id}"
    statuses = list_field(field(response, "data", what), "statuses", what)
    if len(statuses) != 1 or not isinstance(statuses[0], dict):
        raise garbled(what, "one status", statuses)
    status = statuses[0]
    if "error" in status:
        text = str(status["error"])
        if NO_MATCH in text:
            return OrderAnswer(OrderState.REJECTED, None, Decimal(0), None, text)
        raise text_error(text, what)
    if "resting" in status:
        return OrderAnswer(OrderState.ACCEPTED, id_field(status["resting"], "oid", what), Decimal(0), None, "resting")
    filled = field(status, "filled", what)
    size, price = decimal_field(filled, "totalSz", what), decimal_field(filled, "avgPx", what)
    if not 0 < size <= request.contracts or price <= 0:
        raise garbled(what, f"a fill above 0 and at most {request.contracts} at a price above 0", filled)
    state = OrderState.FILLED if size == request.contracts else OrderState.CANCELLED
    return OrderAnswer(
        state, id_field(filled, "oid", what), size, price, "filled" if state is OrderState.FILLED else "partly filled, rest cancelled"
    )


def cancel_answer(response: dict[str, Any], client_order_id: str) -> None:
    """Raises VenueRefused where there was nothing to cancel, VenueSilent where nobody knows."""
    what = f"cancel {client_order_id}"
    statuses = list_field(field(response, "data", what), "statuses", what)
    if statuses == ["success"]:
        return
    if len(statuses) == 1 and isinstance(statuses[0], dict) and "error" in statuses[0]:
        raise text_error(str(statuses[0]["error"]), what)
    raise garbled(what, "one status", statuses)


def order_status(answer: Any, client_order_id: str, symbol: Symbol, symbol_of: SymbolOf) -> OrderAnswer | None:
    """The answer to a look-up; None where the venue says that it never saw the id. The average price is the fills' to tell."""
    what = f"orderStatus {client_order_id}"
    kind = text_field(answer, "status", what)
    if kind == "unknownOid":
        return None
    if kind != "order":
        raise garbled(what, "status order or unknownOid", answer)
    outer = field(answer, "order", what)
    order, status = field(outer, "order", what), text_field(outer, "status", what)
    if text_field(order, "cloid", what).lower() != client_order_id.lower() or symbol_of(text_field(order, "coin", what)) != symbol:
        raise garbled(what, f"an order of {symbol} with this id", order)
    asked, left = decimal_field(order, "origSz", what), decimal_field(order, "sz", what)
    if not 0 <= left <= asked:
        raise garbled(what, "0 <= sz <= origSz", order)
    state = _state(status, what)
    done = asked if state is OrderState.FILLED else asked - left
    if state is OrderState.REJECTED and done > 0:
        state = OrderState.CANCELLED
    return OrderAnswer(state, id_field(order, "oid", what), done, None, status)


def _state(status: str, what: str) -> OrderState:
    """The venue has some twenty words for the end of an order; all but a few end in what they mean."""
    if status in _LIVE:
        return OrderState.ACCEPTED
    if status == "filled":
        return OrderState.FILLED
    if status == "scheduledCancel" or status.lower().endswith("canceled"):
        return OrderState.CANCELLED
    if status.lower().endswith("rejected"):
        return OrderState.REJECTED
    raise garbled(what, "a known status", status)


def parse_open_order(entry: Any, symbol_of: SymbolOf) -> OpenOrder:
    what = "frontendOpenOrders"
    cloid = entry.get("cloid")
    return OpenOrder(
        exchange_order_id=id_field(entry, "oid", what),
        client_order_id=None if cloid is None else str(cloid),
        symbol=symbol_of(text_field(entry, "coin", what)),
        side=_side(entry, what),
        remaining_contracts=_size(entry, what),
        reduce_only=field(entry, "reduceOnly", what) is True,
    )


def parse_fill(entry: Any, account: str, symbol_of: SymbolOf) -> Fill:
    """``side`` B is a buy. A fill with ``liquidation`` is a liquidation of ours only where it names our account."""
    what = "userFillsByTime"
    contracts, price = _size(entry, what), decimal_field(entry, "px", what)
    if contracts == 0 or price <= 0:
        raise garbled(what, "a size and a price above 0", entry)
    cloid = entry.get("cloid")
    liquidated = (entry.get("liquidation") or {}).get("liquidatedUser")
    return Fill(
        fill_id=str(int_field(entry, "tid", what)),
        exchange_order_id=id_field(entry, "oid", what),
        client_order_id=None if cloid is None else str(cloid),
        symbol=symbol_of(text_field(entry, "coin", what)),
        side=_side(entry, what),
        contracts=contracts,
        price=price,
        fee=decimal_field(entry, "fee", what),
        closed_pnl=decimal_field(entry, "closedPnl", what),
        exchange_time=time_field(entry, "time", what),
        is_liquidation=str(liquidated).lower() == account.lower(),
    )


def _size(entry: Any, what: str) -> Decimal:
    """Never below 0, which would turn its side around; a stop of a whole position has none of its own."""
    size = decimal_field(entry, "sz", what)
    if size < 0:
        raise garbled(f"{what}.sz", "0 or more", size)
    return size


def _side(entry: Any, what: str) -> Side:
    letter = text_field(entry, "side", what)
    if letter not in ("A", "B"):
        raise garbled(f"{what}.side", "A or B", letter)
    return Side.BUY if letter == "B" else Side.SELL
