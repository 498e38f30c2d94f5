"""The tool that turns Unknown into nothing: what it finds, and that it tells a place that tests know from one that they do not."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.mutation.places import Mutant, NoZero, mutants_of
from tests.mutation.run import Untestable, all_mutants, stages_of, try_out
from tests.mutation.zeros import SPECIAL
from tests.support.settings import ROOT

PLANTED = """
def price(prices: dict[str, float], name: str) -> float | Unknown:
    if name not in prices:
        return Unknown("never published")
    return prices[name] if prices[name] > 0 else Unknown("not above 0")


def half(view: float | Unknown) -> float | Unknown:
    if isinstance(view, Unknown):
        return view
    return view / 2
"""
USED = f"""
class Unknown:
    def __init__(self, reason: str) -> None:
        self.reason = reason

{PLANTED}"""
CAREFUL = """
from planted.prices import Unknown, half, price

def test_all():
    assert isinstance(price({}, "A"), Unknown)
    assert isinstance(price({"A": 0.0}, "A"), Unknown)
    assert isinstance(half(Unknown("a")), Unknown)
    assert price({"A": 2.0}, "A") == 2.0
"""
CARELESS = """
from planted.prices import half, price

def test_all():
    assert half(price({"A": 2.0}, "A")) == 1.0
"""


def test_every_place_is_found_with_its_mutants():
    found = [(one.function, one.line, one.how, one.shown) for one in mutants_of("planted/prices.py", PLANTED, {"float": "0.0"}, {})]
    assert sorted(found) == [
        ("half", 10, "zero", "view"),
        ("price", 4, "skipped", "Unknown('never published')"),
        ("price", 4, "zero", "Unknown('never published')"),
        ("price", 5, "skipped", "Unknown('not above 0')"),
        ("price", 5, "zero", "Unknown('not above 0')"),
    ]


def test_a_mutant_differs_in_its_place_alone():
    sources = {(one.line, one.how): one.source for one in mutants_of("planted/prices.py", PLANTED, {"float": "0.0"}, {})}
    assert sources[(4, "zero")] == PLANTED.replace('Unknown("never published")', "0.0")
    assert sources[(4, "skipped")] == PLANTED.replace("if name not in prices:", "if False:")
    assert sources[(5, "skipped")] == PLANTED.replace('prices[name] if prices[name] > 0 else Unknown("not above 0")', "prices[name]")
    assert sources[(10, "zero")] == PLANTED.replace("return view\n", "return (0.0 if isinstance(view, Unknown) else view)\n")


def test_a_place_without_a_known_nothing_is_no_place_that_is_left_out():
    with pytest.raises(NoZero, match="price: expected a known nothing for float"):
        mutants_of("planted/prices.py", PLANTED, {}, {})


def test_each_place_of_the_project_has_its_mutants_and_its_tests():
    mutants = all_mutants()
    assert len(mutants) > 90
    for one in mutants:
        for stage in stages_of(one.module):
            assert all((ROOT / path).exists() for path in stage if path.startswith("tests/")), stage
    with pytest.raises(Untestable):
        stages_of("threet/new_layer/one.py")
    named = {f"{one.module} {one.function}" for one in mutants}
    assert set(SPECIAL) <= named, "an entry for a place that is no more"


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    package = tmp_path / "src" / "planted"  # not beside the tests, whose folder pytest puts before the copy
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "prices.py").write_text(USED)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = faults\n")
    (tmp_path / "test_careful.py").write_text(CAREFUL)
    (tmp_path / "test_careless.py").write_text(CARELESS)
    (tmp_path / "test_broken.py").write_text(CAREFUL.replace("== 2.0", "== 3.0"))
    return tmp_path


def outcome(planted: Path, mutant: Mutant, *tests: str) -> str | None:
    return try_out(mutant, planted / "src" / "planted", [(test,) for test in tests], planted).killed_by


@pytest.mark.faults
@pytest.mark.timeout(300)
def test_a_place_that_no_test_covers_survives_and_one_that_a_test_covers_names_it(planted: Path):
    """The planted offender: the careless tests pass whatever the place yields."""
    first, *_ = mutants_of("planted/prices.py", USED, {"float": "0.0"}, {})
    assert outcome(planted, first, "test_careless.py") is None
    assert outcome(planted, first, "test_careful.py") == "test_careful.py::test_all"
    assert outcome(planted, first, "test_careless.py", "test_careful.py") == "test_careful.py::test_all"
    with pytest.raises(Untestable, match="fails without a mutant"):
        outcome(planted, first, "test_broken.py")
    with pytest.raises(Untestable, match="pytest ended with 4"):
        outcome(planted, first, "test_nowhere.py")


@pytest.mark.faults
@pytest.mark.timeout(600)
def test_a_sample_of_the_mutants_is_killed():
    """All of them in ``make proof``; here some of those that unit tests meet within seconds."""
    package = ROOT / "src" / "threet"
    sample = [one for one in all_mutants() if one.module.startswith("threet/domain/")][::9]
    assert len(sample) >= 4
    survived = [one.name for one in sample if try_out(one, package, stages_of(one.module)[:1]).killed_by is None]
    assert survived == []
