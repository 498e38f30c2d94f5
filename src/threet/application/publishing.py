"""What publishing means to the use cases: a passenger, whose failure is reported and never undoes what was committed."""

from __future__ import annotations

from typing import Protocol

from threet.application.facts import AccountSnapshot


class PublishFailed(Exception):
    """What was to be published did not arrive, or nobody knows. The next round publishes again."""


class BalancePublisher(Protocol):
    def publish_balance(self, snapshot: AccountSnapshot, snapshot_id: int) -> None:
        """``snapshot_id`` is the committed row. Raises PublishFailed."""
        ...
