"""update_balance: the secrets first, then one transaction, then the stream, never before the commit."""

from __future__ import annotations

from itertools import combinations

import pytest
from tests.unit.workers.fakes import NOON, FakeAccount, FakeClock, FakePublisher, FakeSnapshots

from threet.application.housekeeping import Housekeeping
from threet.application.update_balance import UpdateBalance

NAMES = ("apiKey", "walletAddress", "privateKey")
SUBSETS = [subset for count in (1, 2, 3) for subset in combinations(NAMES, count)]


def _update(publisher: FakePublisher, account: FakeAccount | None = None, error: Exception | None = None, missing=()) -> UpdateBalance:
    account = account or FakeAccount()
    names = {f"exchange.{name}" for name in NAMES if name not in missing}
    return UpdateBalance(lambda: account, FakeSnapshots(publisher.events, error), publisher, names.__contains__)


def test_the_snapshot_is_committed_before_it_is_published_with_its_id():
    publisher = FakePublisher()
    result = _update(publisher)()
    assert publisher.events == ["commit", "publish"]
    assert publisher.balances[0][1] == result.snapshot_id == 42
    assert (str(result.account_value), result.positions, result.published) == ("10000.5", 1, True)


@pytest.mark.parametrize("missing", SUBSETS)
def test_exactly_the_missing_secrets_are_named_and_nothing_is_asked(missing):
    account = FakeAccount()
    with pytest.raises(ValueError, match="missing secrets") as caught:
        _update(FakePublisher(), account, missing=missing)()
    assert [name for name in NAMES if name in str(caught.value)] == [name for name in NAMES if name in missing]
    assert account.reads == 0


def test_a_failed_publication_is_logged_and_harmless(caplog):
    publisher = FakePublisher(fails=True)
    assert not _update(publisher)().published
    assert "saved as snapshot 42, redis is away" in caplog.text


def test_nothing_is_published_that_was_not_committed():
    publisher = FakePublisher()
    with pytest.raises(OSError, match="disk"):
        _update(publisher, error=OSError("disk"))()
    assert publisher.events == []


def test_housekeeping_prunes_as_of_now_and_says_what_it_deleted():
    asked = []

    def prune(now):
        asked.append(now)
        return {"decisions": 3}

    assert Housekeeping(prune, FakeClock())().deleted == {"decisions": 3}
    assert asked == [NOON]
