"""A decision that was recorded is computed again from its inputs, byte for byte; what was changed in the record is seen."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
from tests.support.cycle import BTC, ETH

from threet.application.records import hash_of
from threet.application.replaying import NotReplayable, replay


@pytest.fixture
def records(desk):
    desk.vote({BTC: 8, ETH: -8})
    for _ in range(3):
        desk.cycle()
    desk.vote({BTC: -4, ETH: 0})
    desk.cycle()
    return desk.store.decisions(10)


def test_every_decision_follows_from_its_recorded_inputs(desk, records):
    assert sum(len(record.plan) for record in records) >= 3
    for record in records:
        assert replay(record).is_equal
        assert desk.store.decision(record.cycle_id) == record


def test_a_plan_that_does_not_follow_is_shown(records):
    record = next(record for record in records if record.plan)
    plan = [{**order, "contracts": "99"} for order in record.plan]
    replayed = replay(replace(record, plan=plan))
    assert not replayed.is_equal
    assert '"contracts": "99"' in replayed.recorded
    assert '"contracts": "99"' not in replayed.computed


def test_inputs_that_were_changed_are_refused_and_with_their_hash_decide_otherwise(records):
    record = next(record for record in records if record.plan)
    inputs = copy.deepcopy(dict(record.inputs))
    inputs["terms"]["risk_pos_percentage"] = "1"
    with pytest.raises(NotReplayable, match="their hash differs"):
        replay(replace(record, inputs=inputs))
    assert not replay(replace(record, inputs=inputs, inputs_hash=hash_of(inputs))).is_equal


def test_a_cycle_that_read_nothing_says_so(records):
    with pytest.raises(NotReplayable, match="read nothing"):
        replay(replace(records[0], inputs={}, inputs_hash=hash_of({})))


def test_a_cycle_that_is_not_kept_is_none(desk):
    assert desk.store.decision(123456) is None
