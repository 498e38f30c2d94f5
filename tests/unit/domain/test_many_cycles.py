"""Many decisions one after the other over an account whose orders end in every way: what must hold at each send (I4, I5)."""

from dataclasses import replace
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.properties import examples
from tests.unit.domain.test_decision import BTC, ETH, NOW, SYMBOL_TERMS, TERMS, inputs, reading, vote

from threet.domain.caps import CapExceeded, Caps, Pending, check_caps
from threet.domain.decision import decide
from threet.domain.symbol_state import SymbolState
from threet.domain.values import Known, Symbol, Unknown

COINS = {BTC: "BTC", ETH: "ETH"}
PRODUCTS = {name: replace(SYMBOL_TERMS, max_notional_usd=Decimal(1_500), no_trade_band_percent=Decimal(0)) for name in COINS}
TIGHT = replace(TERMS, max_gross_exposure_percent=Decimal(20))
FILLED = {"filled": Decimal(1), "half": Decimal("0.5"), "nothing": Decimal(0)}
ENDS = [*FILLED, "unknown and filled", "unknown and nothing"]

cycles = st.lists(
    st.tuples(
        st.dictionaries(st.sampled_from([BTC, ETH]), st.integers(-6, 6), min_size=2),
        st.tuples(st.integers(30_000, 90_000), st.integers(1_000, 4_000)),
        st.lists(st.sampled_from(ENDS), min_size=2, max_size=2),
        st.booleans(),
    ),
    min_size=1,
    max_size=8,
)


def reach(name: Symbol, contracts: Decimal, pending: list[Pending]) -> Decimal:
    """The largest size that a symbol can get to, whatever of the pending orders is executed."""
    opening = [order.signed_contracts for order in pending if order.symbol == name and not order.reduce_only]
    bought, sold = (sum((n for n in opening if n * sign > 0), Decimal(0)) for sign in (1, -1))
    return max(abs(contracts + bought), abs(contracts + sold))


@settings(max_examples=examples(1.5))
@given(cycles)
def test_whatever_becomes_of_the_orders_no_send_leads_beyond_a_cap_nor_repeats_a_name(given_cycles):
    held = dict.fromkeys(COINS, Decimal(0))
    unsettled: list[tuple[Pending, bool]] = []
    names: set[str] = set()
    for number, (votes, (btc, eth), ends, settles) in enumerate(given_cycles, start=1):
        if settles:
            for order, executed in unsettled:
                held[order.symbol] += order.signed_contracts if executed else 0
            unsettled = []
        prices = {BTC: Decimal(btc), ETH: Decimal(eth)}
        local = reading(**{COINS[name]: str(size) for name, size in held.items()})
        made = inputs(
            local=local,
            votes={name: vote(name, n) for name, n in votes.items()},
            states=[SymbolState(name, size, NOW) for name, size in held.items()],
            prices={name: Known(price, NOW, "redis") for name, price in prices.items()},
            pending=tuple(order for order, _ in unsettled),
            products=PRODUCTS,
            cycle_id=number,
            terms=TIGHT,
        )
        decision = decide(made)
        before = dict(held)
        in_flight = [order for order, _ in unsettled]
        waiting = {order.symbol for order in in_flight}
        for planned, end in zip(decision.plan, ends, strict=False):
            correction = planned.correction
            name: Symbol = correction.symbol
            assert name not in waiting, "an order whose end is not known blocks its symbol"
            assert not isinstance(decision.exposures, Unknown)
            assert isinstance(decision.caps, Caps)
            try:
                check_caps(correction, decision.exposures, in_flight, decision.caps)
            except CapExceeded:
                continue
            assert planned.client_order_id not in names
            names.add(planned.client_order_id)
            sent = Pending(name, correction.signed_contracts, correction.reduce_only)
            in_flight.append(sent)
            if correction.reduce_only:
                assert abs(before[name] + correction.signed_contracts) < abs(before[name])
                assert before[name] * (before[name] + correction.signed_contracts) >= 0
            else:
                notionals = {symbol: reach(symbol, before[symbol], in_flight) * prices[symbol] for symbol in COINS}
                assert notionals[name] <= 1_500
                assert sum(notionals.values()) <= 2_000
            if end.startswith("unknown"):
                unsettled.append((sent, end.endswith("filled")))
            else:
                held[name] += FILLED[end] * correction.signed_contracts
