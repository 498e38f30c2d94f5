"""Use case: the account's balance and one complete position snapshot, into the database, then into the stream."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from threet.application.ports import AccountData, SnapshotStore
from threet.application.publishing import BalancePublisher, PublishFailed

NEEDED_SECRETS = ("apiKey", "walletAddress", "privateKey")
log = logging.getLogger(__name__)


class MissingSecrets(ValueError):
    """Names exactly the secrets that are needed and not set."""


@dataclass(frozen=True, slots=True)
class BalanceUpdated:
    snapshot_id: int
    account_value: Decimal
    positions: int
    published: bool


class UpdateBalance:
    """Raises MissingSecrets, a ValueError that names exactly the missing ones, or VenueError, or what the database raises.

    ``account`` is called after the check, so that a missing address is named by the check. ``is_set`` answers for
    ``exchange.NAME`` whether a secret is set anywhere, without this process holding it.
    """

    def __init__(
        self,
        account: Callable[[], AccountData],
        store: SnapshotStore,
        publisher: BalancePublisher,
        is_set: Callable[[str], bool],
    ) -> None:
        self._account = account
        self._store = store
        self._publisher = publisher
        self._is_set = is_set

    def __call__(self) -> BalanceUpdated:
        self._check_secrets()
        snapshot = self._account().snapshot()
        snapshot_id = self._store.save(snapshot)
        published = True
        try:
            self._publisher.publish_balance(snapshot, snapshot_id)
        except PublishFailed as error:  # harmless: the row is committed, and the next round publishes
            log.warning("balance: saved as snapshot %d, %s", snapshot_id, error)
            published = False
        return BalanceUpdated(snapshot_id, snapshot.account_value, len(snapshot.positions), published)

    def _check_secrets(self) -> None:
        missing = [name for name in NEEDED_SECRETS if not self._is_set(f"exchange.{name}")]
        if missing:
            raise MissingSecrets(f"missing secrets: {', '.join(missing)} (secrets.yml: exchange); set them and start the services again")
