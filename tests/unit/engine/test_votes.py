"""The rule of voting as a truth table, both sides of each boundary."""

import numpy as np
import pytest

from threet.engine.votes import VoteRules, risen, votes

RULES = VoteRules(min_age_ms=600_000, min_trades=1, enter_return=0.0005, exit_return=-0.0005)


@pytest.mark.parametrize(
    ("before", "now", "after"),
    [
        (False, 0.0006, True),
        (False, 0.0005, False),  # at the limit is not above it
        (False, 0.0, False),
        (True, 0.0, True),  # between the limits it stays as it was
        (True, -0.0005, True),  # at the limit is not below it
        (True, -0.0006, False),
        (False, -0.0006, False),
    ],
)
def test_the_return_must_rise_above_one_limit_and_stays_until_it_falls_below_the_other(before, now, after):
    assert risen(np.array([before]), np.array([now]), RULES).tolist() == [after]


@pytest.mark.parametrize(
    ("up", "age_ms", "trades", "vote"),
    [
        (True, 600_001, 1, True),
        (True, 600_000, 1, False),  # as old as the limit is not older
        (True, 600_001, 0, False),
        (False, 600_001, 1, False),
        (True, 700_000, 5, True),
    ],
)
def test_a_run_votes_when_it_has_risen_and_is_old_enough_and_has_closed_enough(up, age_ms, trades, vote):
    assert votes(np.array([up]), np.array([age_ms]), np.array([trades]), RULES).tolist() == [vote]
