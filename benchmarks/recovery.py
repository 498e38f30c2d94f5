"""How soon everything is in order again after a fault of the exchange: the fault matrix of the tests, on its own clock."""

from __future__ import annotations

from sqlalchemy import Engine
from tests.support.databases import open_engine
from tests.support.fault_matrix import FAULTS, Case, Fault, Matrix

from benchmarks.files import folder
from benchmarks.measure import Figure, named
from threet.adapters.sql import create_schema
from threet.settings import Settings


def recovery_cycles_max() -> Figure:
    """Over every fault, request and number of observers; in cycles after the fault's end. The clock is the matrix's own."""
    cases = [case for fault in FAULTS for case in _cases(fault)]
    if wrong := [case for case in cases if case.wrong]:
        raise ValueError(f"expected cases that go right, was {wrong[0]}")
    worst = max(cases, key=lambda case: (case.back, case.seconds))
    slow = sum(case.back == worst.back for case in cases)
    note = f"{len(cases)} cases, {slow} of them as slow as {worst.fault.title} at {worst.step.title}: {worst.seconds:g} s"
    return Figure("recovery_cycles_max", worst.back, None, "cycles", 2.0, note=note)


def _cases(fault: Fault) -> list[Case]:
    with folder() as root:

        def database(settings: Settings) -> Engine:
            engine = open_engine(root, f"sqlite:///{root}/3t.db")
            create_schema(engine)
            return engine

        return list(Matrix(root, database, fault).run())


FIGURES = named(recovery_cycles_max)
