"""`3t flatten --emergency`: run where the key is, when the cycle cannot close. It asks neither database nor Redis nor observers."""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import click

from threet.application.emergency import EmergencyFlatten, EmergencyTerms
from threet.settings import Secrets, Settings, SettingsError

_WHERE = "run it where the key is: docker compose exec celery_worker_reconcile 3t flatten --emergency, or name its file with --secrets"


@dataclass(frozen=True, slots=True)
class Patience:
    """In seconds: all in all, and between two looks."""

    timeout: float
    refresh: float


def flatten_at_once(settings: Settings, read_secrets: Callable[[], Secrets], who: str, reason: str, timeout_seconds: float | None) -> None:
    """Halts, closes, and returns once the account is flat for certain. Raises ClickException with what is left."""
    started = time.monotonic()
    halted = _halt(settings, who, reason)
    patience = Patience(settings.cli.flatten_wait_seconds if timeout_seconds is None else timeout_seconds, settings.cli.refresh_seconds)
    try:
        _close_all(settings, read_secrets(), who, reason, started, patience)
    except OSError as error:
        raise click.ClickException(f"NOT flat: what is sent must be written down first, and the disk does not take it ({error})") from None
    finally:
        if not halted:
            click.echo("warning: NOT halted: the cycle will open positions again; stop the reconcile worker", err=True)


def _halt(settings: Settings, who: str, reason: str) -> bool:
    """The file, so that the cycle opens nothing behind this. Closing goes on where it cannot be written."""
    from threet.adapters.files import FileHalt

    file = FileHalt(settings.state_folder)
    try:
        with _as_owner_of(settings.state_folder):
            file.halt(who, f"flatten --emergency: {reason}")
    except OSError as error:
        click.echo(f"warning: the halt file could not be written ({error})", err=True)
        return False
    click.echo(f"halted: {file.reason()}")
    return True


def _close_all(settings: Settings, secrets: Secrets, who: str, reason: str, started: float, patience: Patience) -> None:
    from threet.adapters.clock import VenueClock
    from threet.adapters.emergency_files import EmergencyFile
    from threet.adapters.files import NONCE
    from threet.adapters.venue import CcxtAccount, CcxtMarketData, CcxtTrading, NonceUnreadable, SignerLocked, Venue

    try:
        wallet, key = secrets.require("exchange.walletAddress"), secrets.require("exchange.privateKey")
    except SettingsError as error:
        raise click.ClickException(f"nothing was closed: {error}; {_WHERE}") from None
    with _as_owner_of(settings.state_folder):
        clock, chosen = VenueClock(), settings.reconciliation
        venue = Venue(settings, clock, "3t-emergency")
        patient = float(settings.exchange.request_timeout_seconds)  # a signer that works has its answer by then
        try:
            trading = CcxtTrading(settings, clock, wallet, key, settings.state_folder / NONCE, venue, emergency_after=patient)
        except (SignerLocked, NonceUnreadable) as error:
            raise click.ClickException(f"nothing was closed: {error}") from None
        if trading.took_from is not None:
            click.echo(f"the signer did not give its turn back in {patient:g} s, so it was taken away from {trading.took_from}")
        epoch = str(uuid.uuid4())
        try:
            journal = EmergencyFile(
                settings.state_folder, f"{clock.now():%Y%m%dT%H%M%SZ}-{epoch[:8]}", {"by": who, "why": reason, "account": wallet}
            )
            terms = EmergencyTerms(
                epoch=epoch,
                reason=f"flatten --emergency: {reason} (by {who})",
                slippage_bps=chosen.order_slippage_bps,
                order_expires=timedelta(seconds=float(chosen.order_expires_seconds)),
                expiry_margin=timedelta(seconds=float(chosen.expiry_margin_seconds)),
            )
            account, market = CcxtAccount(settings, clock, wallet, venue), CcxtMarketData(settings, clock, venue)
            _until_flat(EmergencyFlatten(market, account, trading, journal, terms, clock.keep_time), started, patience)
        finally:
            trading.close()


@contextlib.contextmanager
def _as_owner_of(folder: Path) -> Iterator[None]:
    """The worker, who is that owner, could neither lock nor move away what root writes there: it would never sign again."""
    user, group = os.geteuid(), os.getegid()
    owner = folder.stat() if user == 0 and folder.exists() else None
    if owner is None or owner.st_uid == 0:
        yield
        return
    with contextlib.suppress(PermissionError):  # a root without rights, who writes nothing there anyway
        os.setegid(owner.st_gid)
        os.seteuid(owner.st_uid)
    try:
        yield
    finally:
        os.seteuid(user)
        os.setegid(group)


def _until_flat(flatten: EmergencyFlatten, started: float, patience: Patience) -> None:
    echo_new, closed_at = _Once(click.echo), None
    while True:
        round_ = flatten.round()
        seconds = time.monotonic() - started
        for line in round_.said:
            click.echo(line)
        if round_.closed and closed_at is None:
            closed_at = seconds
            click.echo(f"nothing is held any more after {seconds:.1f} s")
        if round_.flat:
            for dust in flatten.dust:
                click.echo(f"dust, which the venue does not close: {dust}")
            click.echo(f"Flat after {seconds:.1f} s: no order is without an end, and the venue's clock is past the last expiry.")
            click.echo("It stays halted until `3t resume`; the next cycle reads what was sent here from the state folder.")
            return
        echo_new(f"not yet: {round_.waits_for}")
        if seconds >= patience.timeout:
            raise click.ClickException(
                f"NOT flat after {seconds:.0f} s: {round_.waits_for}. Give the command again, or close at the venue by hand"
            )
        time.sleep(max(patience.refresh, round_.wait_seconds))


class _Once:
    """Says the same thing twice in a row only once; numbers that count down are the same thing."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._last = ""

    def __call__(self, text: str) -> None:
        kind = "".join(letter for letter in text if not letter.isdigit())
        if kind != self._last:
            self._say(text)
        self._last = kind
