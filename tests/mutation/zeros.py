"""What a mutant says instead of Unknown: a known nothing of each kind. NOTHING is a module that the mutated copy gets."""

from __future__ import annotations

NOTHING = '''
"""A known nothing of each kind, for mutants. ``around``: the names where it stands, for a time that makes it fresh there."""

from datetime import UTC, datetime
from decimal import Decimal

from threet.application.facts import AccountSnapshot, Observation, Votes
from threet.domain.caps import Caps, Exposure
from threet.domain.sources import SourceReading
from threet.domain.values import Known, MarketRules
from threet.domain.votes import Vote


def now(around):
    given = around["inputs"].now if "inputs" in around else around.get("now")
    return given if isinstance(given, datetime) else datetime.now(UTC)


def known(around, value):
    return Known(value, now(around), "mutant")


def nought(around):
    return known(around, Decimal(0))


def reading(around):
    view = around.get("view")
    account = around.get("account") or (view.value.account if isinstance(view, Known) else "")
    return known(around, SourceReading(account, True, now(around), now(around), {}, Decimal(0)))


def observation(around):
    node = around.get("self")
    name, account = (node.name, node._account) if node is not None else (around["name"], "")
    return known(around, Observation(name, 1, now(around), now(around), account, True, {}, Decimal(0), {}))


def snapshot(around):
    return known(around, AccountSnapshot(around["account"], Decimal(0), Decimal(0), Decimal(0), (), now(around), now(around)))


def votes(around):
    return Votes({}, now(around), now(around))


def vote(around):
    told = around.get("told")
    return Vote(told.symbol if isinstance(told, Vote) else around.get("name", ""), 0, 0, 0, 0, True)


def rules(name):
    return MarketRules(name, Decimal(1), 0, 5, Decimal(0), 1)


def caps():
    return Caps({}, Decimal(0), Decimal(0), Decimal(0), 0)


def exposure():
    return Exposure(Decimal(0), Decimal(0))
'''

_FROM = '__import__("threet.nothing", fromlist=["known"]).'

ZEROS = {
    "Known[Decimal]": f"{_FROM}nought(locals())",
    "SourceView": f"{_FROM}reading(locals())",
    "Known[SourceReading]": f"{_FROM}reading(locals())",
    "Known[Mapping[Symbol, Vote | Unknown]]": f"{_FROM}known(locals(), {{}})",
    "Known[AccountSnapshot]": f"{_FROM}snapshot(locals())",
    "Votes": f"{_FROM}votes(locals())",
    "Vote": f"{_FROM}vote(locals())",
    "ForeignOrders": f"{_FROM}known(locals(), ())",
    "Transfers": f"{_FROM}known(locals(), ())",
    "Mapping[Symbol, Decimal]": "{}",
    "Mapping[Symbol, Exposure]": "{}",
    "Mapping[Symbol, Known[Price]]": "{}",
    "Mapping[str, Known[datetime]]": "{}",
    "Mapping[str, float]": "{}",
    "Mapping[str, int]": "dict.fromkeys(queues, 0)",
    "Caps": f"{_FROM}caps()",
    "Exposure": f"{_FROM}exposure()",
    "Sequence[CandleRow]": "[]",
    "float": "0.0",
    "Aged": "Aged(__import__('decimal').Decimal(0), 0.0)",
    "T": "[]",
}
"""By the annotation of what the function returns."""

SPECIAL = {
    "threet/adapters/observers.py HttpObserver.observe": f"{_FROM}observation(locals())",
    "threet/adapters/run_files.py read_run_file": "RunFile.__new__(RunFile)",
    "threet/adapters/venue/catalogue.py Catalogue.coin_of": "''",
    "threet/adapters/venue/catalogue.py _usable": "Listing(symbol, '', 0, 0, 1)",
    "threet/application/gathering.py Gatherer._read_prices": f"{_FROM}nought(locals())",
    "threet/application/gathering.py Gatherer._read_rules": f"{_FROM}rules(name)",
    "threet/application/gathering.py ask_together": f"{_FROM}observation({{'name': name}})",
    "threet/application/reconcile.py ReconcileCycle._read_venue_clock": (
        "_VenueClock(datetime.fromtimestamp(0).astimezone(), self._clock, 0)"
    ),
    "threet/application/settlement.py Settler._look_up": "None",
    "threet/cli/status/newest.py _hash_of": "'0'",
    "threet/cli/status/reading.py Reader._halt_file": "None",
    "threet/domain/decision.py _next_state": f"{_FROM}nought(locals())",
    "threet/domain/target_of.py known_market": f"{_FROM}rules(name)",
}
"""By module and function, where that annotation does not say it."""
