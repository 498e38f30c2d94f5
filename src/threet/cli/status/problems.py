"""From the picture to what is wrong and what to do about it. Pure: the same picture, the same words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from threet.application.store import DecisionRecord
from threet.cli.status.picture import Picture, Problem, SymbolView
from threet.domain.symbol_state import SymbolState
from threet.domain.values import OrderState, Unknown
from threet.settings import Settings


def find_problems(picture: Picture, settings: Settings) -> list[Problem]:
    """Everything that keeps the platform from trading as it should, what stops all first."""
    return [
        *_halted(picture),
        *_disk(picture, settings),
        *_unreadable(picture, settings),
        *_edited_config(picture),
        *_services(picture, settings),
        *_queues(picture, settings),
        *_observers(picture, settings),
        *_votes(picture, settings),
        *_cycle(picture, settings),
        *_orders(picture),
        *_symbols(picture),
    ]


def _halted(picture: Picture) -> Iterator[Problem]:
    resume = "nothing that adds risk is sent; `3t resume` goes on, `3t flatten` closes everything"
    control = picture.control
    if not isinstance(control, Unknown) and control.flatten_reason is not None:
        yield Problem(f"flattening: {control.flatten_reason}", "everything is being closed and stays closed until `3t resume`")
    elif isinstance(picture.halt_file, Unknown):
        yield Problem(picture.halt_file.reason, "nothing is sent while nobody can tell; make the state folder readable")
    elif picture.halt_file is not None:
        yield Problem(f"halted: {picture.halt_file}", resume)
    elif not isinstance(control, Unknown) and control.halted:
        yield Problem(f"halted in the database, without a halt file here: {control.halt_reason}", resume)


def _disk(picture: Picture, settings: Settings) -> Iterator[Problem]:
    if isinstance(picture.free_disk_mb, Unknown):
        yield Problem(picture.free_disk_mb.reason, "state.folder in config.yml: it must exist and be readable")
    elif picture.free_disk_mb < settings.cli.least_free_disk_mb:
        yield Problem(
            f"the disk of {settings.state_folder} has {picture.free_disk_mb:.0f} MB left",
            "what cannot be written down is not traded: free some space; the parts go on by themselves",
        )


def _unreadable(picture: Picture, settings: Settings) -> Iterator[Problem]:
    if isinstance(picture.control, Unknown):
        yield Problem(picture.control.reason, f"nothing is traded meanwhile; is it running at {settings.database.url}?")
    if isinstance(picture.canary_ages, Unknown):
        reason, cure = picture.canary_ages.reason, f"no task runs meanwhile; is it running at {settings.redis.url}?"
        if "password" in reason:
            cure = f"redis.password of secrets.yml is not that of the server at {settings.redis.url}"
        yield Problem(f"Redis cannot be read: {reason}", cure)


def _edited_config(picture: Picture) -> Iterator[Problem]:
    """Whether the services run config.yml as it is now."""
    newest = picture.newest_config_hash
    if isinstance(newest, Unknown):
        yield Problem(f"config.yml as it is now would be refused: {newest.reason}", "mend it; the services go on with the one before")
    views = () if isinstance(picture.services, Unknown) else [view for view in picture.services if view.fresh]
    if not isinstance(newest, str) or all(view.config_hash == newest for view in views):
        return
    running = sorted({view.config_hash for view in views})
    if len(running) == 1:
        yield Problem(
            f"config.yml was edited: the services run the one before ({running[0][:12]}, now it is {newest[:12]})",
            "`make restart` applies it; until then they trade by theirs",
        )
        return
    told = "; ".join(f"{_config_name(found, newest)}: {', '.join(v.name for v in views if v.config_hash == found)}" for found in running)
    yield Problem(
        f"config.yml was edited: not every service runs it. {told}", "nothing is traded while they differ: `make restart` applies it"
    )


def _config_name(found: str, newest: str) -> str:
    return f"{found[:12]} {'(as it is now)' if found == newest else '(one before)'}"


def _is_told(picture: Picture, running: str) -> bool:
    """Whether the edit of config.yml already says what there is to say of services that all run this one."""
    return isinstance(picture.newest_config_hash, str) and picture.newest_config_hash != running


def _services(picture: Picture, settings: Settings) -> Iterator[Problem]:
    views = () if isinstance(picture.services, Unknown) else picture.services
    agree = len({(view.config_hash, view.contract_version) for view in views if view.fresh}) <= 1
    for service in views:
        if service.left:
            continue
        if not service.fresh:
            limit = settings.freshness.max_service_age_seconds
            yield Problem(
                f"{service.name} was last heard of {service.age_seconds:.0f} s ago (limit {limit:g} s), and no other {service.role} runs",
                "look into its log and start it again",
            )
        elif not service.same_config and not agree:
            yield Problem(
                f"{service.name} runs config {service.config_hash[:12]}, contract {service.contract_version}; "
                f"this command reads config {picture.config_hash[:12]}",
                "nothing is traded while services differ: start it again with the same config.yml",
            )
    other = next((view for view in views if view.fresh and not view.same_config), None)
    if agree and other is not None and not _is_told(picture, other.config_hash):
        yield Problem(
            f"all services run config {other.config_hash[:12]}, contract {other.contract_version}; "
            f"this command reads config {picture.config_hash[:12]}",
            "they trade by theirs: name it with --config; or, where theirs is the old one, start them again",
        )


def _queues(picture: Picture, settings: Settings) -> Iterator[Problem]:
    if isinstance(picture.canary_ages, Unknown):
        return
    limit = settings.freshness.max_canary_age_seconds
    for queue in ("market", "account", "reconcile"):
        age = picture.canary_ages.get(queue)
        waiting = "" if isinstance(picture.waiting, Unknown) else f"; {picture.waiting.get(queue, 0)} tasks wait"
        if age is None:
            yield Problem(f"queue {queue}: no canary has run yet{waiting}", "is its worker running, and beat? Look into their logs")
        elif age > limit:
            yield Problem(
                f"queue {queue}: the last canary ran {age:.0f} s ago (limit {limit:g} s){waiting}",
                "its worker does not work, or beat is away: start them again",
            )


def _observers(picture: Picture, settings: Settings) -> Iterator[Problem]:
    views = _last_views(picture)
    useless = {o.name: o.detail for o in picture.observers if not o.answers}
    for name, reason in views.items():
        useless.setdefault(name, f"its last report did not count: {reason}")
    working, quorum = len(picture.observers) - len(useless), settings.observers.quorum
    effect = f"trading goes on with {working}" if working >= quorum else f"below the quorum: nothing is traded until {quorum} of them agree"
    for name, reason in sorted(useless.items()):
        count = f"{working} of {len(picture.observers)} work, quorum {quorum}"
        yield Problem(f"observer {name}: {reason}", f"{count}: {effect}; start observer {name} again")


def _last_views(picture: Picture) -> dict[str, str]:
    """Observers whose report the last decision could use for no symbol at all, and why."""
    decided = [view.decided for view in picture.symbols if view.decided]
    names = {name for entry in decided for name in entry["sources"]} - {"local"}
    return {
        name: next(entry["sources"][name]["reason"] for entry in decided if name in entry["sources"])
        for name in names
        if all(entry["sources"].get(name, {}).get("contracts") is None for entry in decided)
        and all(_is_settling(entry["sources"].get(name, {})) is False for entry in decided)
    }


def _is_settling(view: Mapping[str, Any]) -> bool:
    """Whether the source was only asked too soon after a fill: the normal course of things."""
    return "older than our last fill" in (view.get("reason") or "")


def _votes(picture: Picture, settings: Settings) -> Iterator[Problem]:
    limit = settings.freshness.max_heartbeat_age_seconds
    cure = "is it running? Look into its log; without fresh votes every symbol holds what it has"
    if isinstance(picture.control, Unknown):
        return
    if isinstance(picture.heartbeat_age, Unknown):
        yield Problem(f"Providence: {picture.heartbeat_age.reason}", cure)
    elif picture.heartbeat_age > limit:
        yield Problem(f"Providence: the last heartbeat is {picture.heartbeat_age:.0f} s old (limit {limit:g} s)", cure)


def _cycle(picture: Picture, settings: Settings) -> Iterator[Problem]:
    decision = picture.decision
    if isinstance(decision, Unknown):
        return
    if decision is None:
        yield Problem("no reconcile cycle has run yet", "it starts within one interval once beat and the reconcile worker run")
        return
    age = (picture.at - decision.at).total_seconds()
    limit = settings.freshness.max_decision_age_seconds
    if age > limit:
        yield Problem(
            f"the last cycle was {age:.0f} s ago (limit {limit:g} s)",
            "the reconcile worker or beat is away or stuck: see above; where it is heard of, its log says why",
        )
    if decision.status == "blocked" and not decision.reason.startswith("halted"):
        yield Problem(f"the last cycle could send nothing: {decision.reason}", _cure_of(decision))


def _cure_of(decision: DecisionRecord) -> str:
    if "clock skew" in decision.reason:
        return "set this machine's clock (NTP)"
    if "config" in decision.reason or "contract" in decision.reason:
        return "start the named service again with the same config.yml"
    return "it is tried again in every cycle; is the exchange reachable?"


def _orders(picture: Picture) -> Iterator[Problem]:
    for order in () if isinstance(picture.unresolved, Unknown) else picture.unresolved:
        age = (picture.at - order.created_at).total_seconds()
        if order.rests:
            continue
        if order.state is OrderState.UNKNOWN or picture.at > order.expires_at:
            yield Problem(
                f"order {order.client_order_id} ({order.side} {order.contracts} {order.symbol}) has no known end after {age:.0f} s",
                "it is never sent again; it ends when the venue is asked and answers, and until then nothing opens in this symbol",
            )


def _symbols(picture: Picture) -> Iterator[Problem]:
    by_reason: dict[tuple[str, str], list[str]] = {}
    for view in picture.symbols:
        for problem in _symbol(view):
            by_reason.setdefault((problem.what, problem.cure), []).append(view.symbol)
    for (what, cure), names in by_reason.items():
        yield Problem(f"{', '.join(names)}: {what}", cure)


def _symbol(view: SymbolView) -> Iterator[Problem]:
    if view.state is not None:
        yield from _locks(view.state)
    decided = view.decided
    if decided is None:
        return
    if decided["alert"]:
        yield Problem(decided["alert"], "look at the position; `3t flatten` closes it, if the sources agree")
    others = decided.get("foreign_orders") or []
    if others:
        yield Problem(
            f"{len(others)} open order{'s' if len(others) > 1 else ''} of other origin: {', '.join(others)}",
            "counted in every limit as if executed, and never touched: cancel at the venue what nobody needs",
        )
    target = decided["target"]
    if target["kind"] == "Hold":
        yield Problem(f"holds: {target['reason']}", _cure_of_hold(target["reason"] or ""))


def _locks(state: SymbolState) -> Iterator[Problem]:
    if state.lock_reason is not None:
        who = "it opens by itself once the sources agree for some rounds"
        if state.needs_person:
            who = "a person must look and `3t unlock` it, or `3t adopt` all"
        said = "" if state.lock_sources is None else f"; the sources said: {state.lock_sources}"
        yield Problem(f"locked: {state.lock_reason}{said}", f"only reducing orders are sent there; {who}")
    if state.manual_reason is not None:
        until = "" if state.manual_until is None else f" until {state.manual_until:%Y-%m-%d %H:%M:%S} UTC"
        yield Problem(
            f"locked by {state.manual_by}{until}: {state.manual_reason}",
            "only reducing orders are sent there; it opens by itself then, or by `3t unlock`",
        )
    if state.astray_contracts != 0:
        yield Problem(
            f"the sources agree on {state.agreed_contracts}, the fills make it {state.by_fills}",
            "the limits count with both: look at the venue, then `3t unlock` it, or `3t adopt` all",
        )


def _cure_of_hold(reason: str) -> str:
    cures = {
        "market rules": "the venue does not list it: mend or remove its row in `products`; it blocks nothing else",
        "not in products": "add it to `products` if it shall be traded, or close it by hand",
        "`3t adopt`": "compare the positions with what you expect, then `3t adopt`",
        "warming up": "wait: its indicators need closed candles; if it lasts, look into the market worker's log",
        "are quarantined": "read quarantine/*.reason.json in its saved runs; once you have, move them away and start Providence again",
        "votes": "see Providence above; nothing is changed meanwhile",
        "price": "the market worker does not publish: look into its log",
        "older than our last fill": "wait: the next cycle looks again",
        "no known end": "wait: it is looked up in every cycle",
        "no consensus": "see the sources of this symbol; nothing is sent there until they agree",
    }
    return next((cure for words, cure in cures.items() if words in reason), "nothing is changed there meanwhile")
