"""A figure says truthfully whether its goal is met."""

from __future__ import annotations

import json

import pytest
from benchmarks.measure import Figure


@pytest.mark.parametrize(
    ("ours", "reference", "goal", "is_minimum", "met"),
    [
        (12.0, 10.0, 1.2, False, True),
        (12.1, 10.0, 1.2, False, False),
        (30.0, 10.0, 3.0, True, True),
        (29.9, 10.0, 3.0, True, False),
        (100.0, None, 100.0, False, True),
        (100.1, None, 100.0, False, False),
    ],
)
def test_the_goal_speaks_of_the_ratio_where_there_is_a_reference(
    ours: float, reference: float | None, goal: float, is_minimum: bool, met: bool
) -> None:
    assert Figure("x", ours, reference, "ns", goal, is_minimum).met is met


def test_a_line_is_one_json_object_with_the_agreed_keys() -> None:
    line = Figure("x", 3.0, None, "MB", 4.0).line()
    assert "\n" not in line
    assert json.loads(line) == {"name": "x", "ours": 3.0, "reference": None, "ratio": None, "unit": "MB", "goal": 4.0, "met": True}
