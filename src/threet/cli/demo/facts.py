"""Reads what the summary needs: the platform's database, and the simulator's own ledger."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from threet.adapters.sql.run_totals import RunTotals
from threet.application.records import inputs_from_json
from threet.application.store import CycleStore, DecisionRecord, OrderRecord
from threet.cli.demo.summary import ShowFacts, SymbolFacts
from threet.cli.demo.tally import Tally
from threet.domain.agreement import find_agreements
from threet.domain.corrections import desired_contracts
from threet.domain.inputs import CycleInputs
from threet.domain.target_of import band_contracts
from threet.domain.targets import ReduceOnly
from threet.domain.values import Known, MarketRules, Symbol, Unknown

_ALL_ORDERS = 1_000_000
_TIMEOUT_SECONDS = 5.0


def read_facts(store: CycleStore, account: str, tally: Tally, runs: RunTotals, simulator_url: str) -> ShowFacts:
    """Raises OSError where the simulator does not answer, and what the store raises."""
    tally.read(store)
    orders = [order for order in store.orders(_ALL_ORDERS) if order.created_at >= tally.started_at]
    snapshot = store.snapshot(account)
    ledger = read_ledger(simulator_url, account)
    inputs = inputs_from_json(tally.last.inputs) if tally.last is not None and tally.last.inputs else None
    names = {product.symbol for product in store.products()} | {Symbol(name) for name in (tally.last.targets if tally.last else {})}
    names |= {by_coin(coin, names) for coin in ledger}
    actual = {name: snapshot.value.contracts(name) if isinstance(snapshot, Known) else None for name in names}
    held = {by_coin(coin, names): contracts for coin, contracts in ledger.items()}
    return ShowFacts(
        fills=len(store.fills_after(tally.started_at)),
        orders=len(orders),
        unresolved=len(store.unsettled_orders()),
        decisions=tally.decisions,
        consensus_cycles=tally.consensus_cycles,
        runs=runs.active,
        live_pnl=runs.live_pnl,
        account_value=snapshot.value.account_value if isinstance(snapshot, Known) else None,
        symbols={name: _symbol_facts(name, tally, inputs, actual[name], held.get(name, Decimal(0)), orders) for name in names},
    )


def _symbol_facts(
    name: Symbol, tally: Tally, inputs: CycleInputs | None, actual: Decimal | None, ledger: Decimal, orders: list[OrderRecord]
) -> SymbolFacts:
    target, why_not = target_of(tally.last, name, ledger)
    rules = inputs.rules.get(name) if inputs is not None else None
    return SymbolFacts(
        target=target,
        why_no_target=why_not,
        is_listed=isinstance(rules, MarketRules),
        actual=actual,
        ledger=ledger,
        max_abs_target=tally.max_abs_target.get(name, Decimal(0)),
        reductions=sum(order.symbol == name and order.reduce_only and order.filled_contracts > 0 for order in orders),
        tolerance=tolerance(inputs, name),
    )


def target_of(decision: DecisionRecord | None, name: str, held: Decimal) -> tuple[Decimal | None, str | None]:
    """The signed contracts that the decision wants, or None and why it wants none."""
    entry: Mapping[str, Any] | None = decision.targets.get(name) if decision is not None else None
    if entry is None:
        return None, "it was not part of a decision" + (f": {decision.reason}" if decision is not None else "")
    target = entry["target"]
    if target["kind"] == "Hold":
        return None, f"hold: {target['reason']}"
    if target["kind"] == "Flatten":
        return Decimal(0), None
    contracts = Decimal(target["contracts"])
    return (desired_contracts(ReduceOnly(contracts, ""), held) if target["kind"] == "ReduceOnly" else contracts), None


def tolerance(inputs: CycleInputs | None, name: Symbol) -> Decimal | None:
    """The larger of lot, minimum notional and no-trade band, in contracts; None where the decision lacked what it needs."""
    if inputs is None or name not in inputs.products:
        return None
    rules, price, value = inputs.rules.get(name), inputs.prices.get(name), find_agreements(inputs).account_value
    if rules is None or price is None or isinstance(rules, Unknown) or isinstance(price, Unknown) or isinstance(value, Unknown):
        return None
    return max(rules.lot, rules.minimum_notional_usd / price.value, band_contracts(inputs, name, value.value, price.value))


def by_coin(coin: str, names: set[Symbol]) -> Symbol:
    """The symbol that trades the simulator's ``coin``; one that no product knows keeps the coin's name."""
    return next((name for name in names if name.split("/")[0].lower() == coin.lower()), Symbol(coin))


def read_ledger(simulator_url: str, account: str) -> dict[str, Decimal]:
    """Signed contracts per coin, from the simulator's own books. Raises OSError, or KeyError where it does not know the account."""
    with urllib.request.urlopen(f"{simulator_url}/sim/ledger?limit=1", timeout=_TIMEOUT_SECONDS) as answer:
        books = json.load(answer)
    return {coin: Decimal(held["contracts"]) for coin, held in books["accounts"][account.lower()]["positions"].items()}
