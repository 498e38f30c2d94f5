"""Every fault of the simulator at every request of a cycle, with none, one and two observers hurt as well (D21); the page of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import pytest
from sqlalchemy import Engine
from tests.support.databases import empty, open_engine
from tests.support.fault_matrix import FAULTS, OBSERVERS, STEPS, Case, Fault, Matrix, Step
from tests.support.fault_page import page, words

from threet.adapters.sql import create_schema
from threet.application.facts import OrderAnswer, OrderRequest
from threet.application.ports import Trading
from threet.domain.errors import VenueSilent
from threet.settings import Settings
from threet.simulator.faults import KINDS

PAGE = Path(__file__).parents[3] / "docs" / "faults.md"
BY_TYPE = {step.type: step for step in STEPS if step.source != "3t-worker"}
LOST = next(fault for fault in FAULTS if fault.kind == "lost_answer")
FOR_AN_ORDER = ("orderStatus", "updateLeverage", "order", "cancelByCloid")
MOST_CYCLES_BACK = 2


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Fault], Sequence[Case]]:
    """The cases of one fault on SQLite, made once."""

    @cache
    def cases(fault: Fault) -> Sequence[Case]:
        return tuple(Matrix(tmp_path_factory.mktemp("matrix"), on_sqlite, fault).run())

    return cases


def on_sqlite(settings: Settings) -> Engine:
    folder = settings.state_folder
    folder.mkdir(parents=True, exist_ok=True)
    engine = open_engine(folder, f"sqlite:///{folder}/3t.db")
    create_schema(engine)
    return engine


def check(case: Case) -> None:
    what = f"{case.fault.title}, {case.step.title}, {case.observers} observers, {case.cycles} cycles: {case}"
    assert case.wrong == (), what
    assert case.back <= MOST_CYCLES_BACK, what
    assert (case.observer_hits > 0) == (case.observers != "none"), what
    if case.hits == 0:  # what is sent, or asked for an order's sake, is there only where the observers let something be sent
        assert case.step.type in FOR_AN_ORDER, what
        assert case.observers != "none", what
        assert case.step.type != "order" or case.sent == 0, what


def test_every_kind_of_fault_is_in_the_matrix():
    assert {fault.kind for fault in FAULTS} == set(KINDS)


def test_every_request_of_a_cycle_is_in_the_matrix(tmp_path):
    undisturbed = Matrix(tmp_path, on_sqlite, FAULTS[0])
    with undisturbed.world:
        undisturbed.learn()
        asked = {who for who in undisturbed.world.simulator.door.asked if not who[0].startswith(("3t-tests", "3t-observer"))}
    assert asked == {(step.source, step.type) for step in STEPS}


def test_a_lost_answer_at_an_order_and_at_the_observers(tmp_path):
    cases = list(Matrix(tmp_path, on_sqlite, LOST).run([BY_TYPE["order"]]))
    assert {case.observers for case in cases} == set(OBSERVERS)
    for case in cases:
        check(case)


class Resending:
    """An offender: sends an order again where nobody knows what became of it."""

    def __init__(self, real: Trading) -> None:
        self._real = real
        self.cancel, self.ensure_leverage = real.cancel, real.ensure_leverage

    def submit(self, request: OrderRequest) -> OrderAnswer:
        try:
            return self._real.submit(request)
        except VenueSilent:
            return self._real.submit(request)


def test_the_matrix_finds_an_order_that_is_sent_twice(tmp_path):
    offending = Matrix(tmp_path, on_sqlite, LOST)
    offending.world.trading = Resending
    first = next(offending.run([BY_TYPE["order"]]))
    assert any("was sent 2 times" in wrong for wrong in first.wrong), first


def test_a_reason_without_plain_words_is_not_shown():
    with pytest.raises(ValueError, match="no such reason"):
        words("held: no such reason")


@pytest.mark.faults
@pytest.mark.timeout(600)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.title)
def test_fault(matrix, fault):
    cases = matrix(fault)
    assert {(case.step, case.observers, case.cycles) for case in cases} == {
        (step, observers, cycles) for step in STEPS for observers in OBSERVERS for cycles in step.lengths
    }
    for case in cases:
        check(case)


@pytest.mark.faults
@pytest.mark.timeout(900)
def test_the_page_says_what_the_matrix_gives(matrix):
    """`make faults-page` writes it."""
    told = page([case for fault in FAULTS for case in matrix(fault)])
    if "THREET_FAULTS_PAGE" in os.environ:
        PAGE.write_text(told)
    assert PAGE.read_text() == told, "docs/faults.md is not what the matrix gives; look at why, then `make faults-page`"


AT_LENGTH = "THREET_WHOLE_MATRIX" in os.environ
"""`make proof`: every fault at every request on MariaDB too."""
MARIADB_STEPS: Sequence[Step] = STEPS if AT_LENGTH else tuple(BY_TYPE[kind] for kind in ("userFillsByTime", "orderStatus", "order"))
MARIADB_FAULTS = FAULTS if AT_LENGTH else [fault for fault in FAULTS if fault.kind in ("lost_answer", "empty_list")]


@pytest.mark.faults
@pytest.mark.timeout(600)
@pytest.mark.parametrize("fault", MARIADB_FAULTS, ids=lambda fault: fault.title)
def test_on_mariadb_it_is_as_on_sqlite(tmp_path, mariadb_engine, fault):
    """The same steps on both, from the beginning: what came before is part of what a cycle asks for."""
    empty(mariadb_engine)
    here, there = (
        list(Matrix(tmp_path / name, make_engine, fault).run(MARIADB_STEPS))
        for name, make_engine in (("mariadb", lambda _: mariadb_engine), ("sqlite", on_sqlite))
    )
    for case, other in zip(here, there, strict=True):
        check(case)
        assert case == other
