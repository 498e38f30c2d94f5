"""What one address may ask and one account may do, in the venue's own weights."""

from __future__ import annotations

import pytest

from threet.simulator.limits import RequestLimits, weight_of_action, weight_of_answer, weight_of_info


class Hand:
    """A wall clock that the test moves."""

    ms = 1_000_000

    def __call__(self) -> int:
        return self.ms


def test_a_minute_of_one_address_holds_its_weight_and_no_more() -> None:
    now = Hand()
    limits = RequestLimits(now, 60, None)
    assert [limits.admits("a", 20) for _ in range(4)] == [True, True, True, False]
    assert limits.admits("b", 20)
    now.ms += 59_999
    assert not limits.admits("a", 1)
    now.ms += 1
    assert [limits.admits("a", 20) for _ in range(4)] == [True, True, True, False]
    assert limits.describe() == {"weight_per_minute": 60, "peak_weight": 60, "refused": {"weight": 3}}


def test_a_long_answer_is_charged_afterwards() -> None:
    limits = RequestLimits(Hand(), 60, None)
    limits.charge("a", weight_of_answer("userFillsByTime", [{}] * 1000))
    assert limits.admits("a", 10)
    assert not limits.admits("a", 1)


def test_without_a_limit_it_counts_and_refuses_nothing() -> None:
    limits = RequestLimits(Hand(), None, None)
    assert all(limits.admits("a", 1000) for _ in range(100))
    assert all(limits.admits_action("u", 10**9, 0, cancels=False) for _ in range(100))
    assert limits.describe()["refused"] == {}


@pytest.mark.parametrize(
    ("kind", "weight"), [("clearinghouseState", 2), ("l2Book", 2), ("exchangeStatus", 2), ("metaAndAssetCtxs", 20), ("userRole", 60)]
)
def test_requests_weigh_what_the_venue_says(kind: str, weight: float) -> None:
    assert weight_of_info(kind) == weight


def test_actions_weigh_one_and_one_more_for_forty_of_a_batch() -> None:
    assert weight_of_action({"type": "order", "orders": [{}]}) == 1
    assert weight_of_action({"type": "order", "orders": [{}] * 40}) == 2
    assert weight_of_action({"type": "updateLeverage"}) == 1


def test_an_account_that_used_up_its_actions_has_one_in_ten_seconds() -> None:
    now = Hand()
    limits = RequestLimits(now, None, 5)
    assert limits.admits_action("u", 6, 2, cancels=False)
    assert not limits.admits_action("u", 7, 2, cancels=False)
    assert limits.admits_action("u", 7, 2, cancels=True)
    assert not limits.admits_action("u", 14, 2, cancels=True)
    now.ms += 10_000
    assert limits.admits_action("u", 8, 2, cancels=False)
    assert not limits.admits_action("u", 9, 2, cancels=False)
