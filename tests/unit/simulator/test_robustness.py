"""Whatever a signed action holds, it is refused or done: the server never breaks, and the books stay whole."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.properties import examples

from threet.simulator import actions, info
from threet.simulator.placing import BadRequest

pytestmark = pytest.mark.hypothesis  # which pytest cannot see by itself: the properties are made inside the tests

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=8), st.sampled_from(["0.1", "100000"])
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3), max_leaves=6
)
order = st.fixed_dictionaries(
    {
        "a": st.sampled_from([0, 1, 99, "0", True]) | values,
        "b": st.booleans() | values,
        "p": values,
        "s": values,
        "r": st.booleans() | values,
    },
    optional={"t": st.sampled_from([{"limit": {"tif": "Ioc"}}, {"limit": {}}, {"trigger": {}}]) | values, "c": values},
)
bodies = {
    "order": st.fixed_dictionaries({"orders": st.lists(order, max_size=2) | values}, optional={"grouping": values, "builder": values}),
    "cancel": st.fixed_dictionaries({"cancels": st.lists(st.fixed_dictionaries({"a": values, "o": values}), max_size=2) | values}),
    "cancelByCloid": st.fixed_dictionaries(
        {"cancels": st.lists(st.fixed_dictionaries({"asset": values, "cloid": values}), max_size=2) | values}
    ),
    "batchModify": st.fixed_dictionaries(
        {"modifies": st.lists(st.fixed_dictionaries({"oid": values, "order": order}), max_size=2) | values}
    ),
    "updateLeverage": st.fixed_dictionaries({"asset": values, "isCross": values, "leverage": values}),
    "scheduleCancel": st.fixed_dictionaries({"time": values}),
    "approveAgent": st.fixed_dictionaries({"agentAddress": values}),
    "withdraw3": st.fixed_dictionaries({"amount": values, "time": values}),
    "usdSend": st.fixed_dictionaries({"amount": values, "destination": values}),
    "subAccountTransfer": st.fixed_dictionaries({"subAccountUser": values, "isDeposit": values, "usd": values}),
    "nonsense": st.just({}),
}
requests = st.one_of(*[body.map(lambda content, kind=kind: {"type": kind, **content}) for kind, body in bodies.items()])  # type: ignore[misc]


def test_any_action_is_answered_or_not_understood(desk: Any) -> None:
    nonce = iter(range(desk.wall.ms, desk.wall.ms + 10**6))

    @settings(max_examples=examples(3))
    @given(requests)
    def check(action: dict[str, Any]) -> None:
        before = desk.account.cash
        signed = actions.Signed(action, next(nonce), {}, None, None)
        try:
            answer = actions.handle(desk.exchange, signed, desk.account.address)
        except BadRequest:
            assert desk.account.cash == before
            return
        assert answer["status"] in ("ok", "err")
        assert desk.value() is not None

    check()


def test_any_question_is_answered_or_not_understood(desk: Any) -> None:
    kinds = st.sampled_from(sorted(info._HANDLERS))
    keys = {
        "user": values,
        "coin": st.sampled_from(["BTC", "NO"]) | values,
        "oid": values,
        "startTime": values,
        "endTime": values,
        "req": values,
    }
    questions = st.builds(lambda kind, rest: {"type": kind, **rest}, kinds, st.fixed_dictionaries({}, optional=keys))

    @settings(max_examples=examples(3))
    @given(questions | values)
    def check(body: Any) -> None:
        try:
            info.answer(desk.exchange, body)
        except BadRequest:
            return

    check()
