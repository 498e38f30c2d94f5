"""``python -m threet.observer --config config.yml --secrets secrets.yml --name a``: runs one observer node until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from threet.observer.reader import Reader
from threet.observer.report import Signer
from threet.observer.sequence import SequenceFile, SequenceUnusable
from threet.observer.server import make_app
from threet.settings import (
    ObserverNodeSettings,
    Secrets,
    Settings,
    SettingsError,
    default_config_path,
    default_secrets_path,
    load_secrets,
    load_settings,
)

VENUES = {"live": "https://api.hyperliquid.xyz", "testnet": "https://api.hyperliquid-testnet.xyz"}

log = logging.getLogger("threet.observer")


def main(arguments: list[str] | None = None) -> int:
    """0 after a signal to stop, 2 where it cannot start; the reason is on the standard error."""
    chosen = _parse(arguments)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        settings = load_settings(chosen.config)
        secrets = load_secrets(chosen.secrets or default_secrets_path(chosen.config), settings)
        node = _node(settings, chosen.name, chosen.config)
        signer = _signer(node, secrets)
        folder = chosen.state or settings.state_folder
        sequence = SequenceFile(folder / f"observer_{node.name}.sequence", lambda: time.time_ns() // 1_000_000)
    except (SettingsError, SequenceUnusable) as error:
        sys.stderr.write(f"observer {chosen.name}: {error}\n")
        return 2
    port = chosen.port if chosen.port is not None else urlsplit(node.url).port or 80
    try:
        asyncio.run(serve(settings, signer, sequence, chosen.host, port))
    except OSError as error:
        sys.stderr.write(f"observer {node.name}: {chosen.host}:{port}: {error}; free the port or name another with --port\n")
        return 2
    finally:
        sequence.close()
    return 0


async def serve(settings: Settings, signer: Signer, sequence: SequenceFile, host: str, port: int) -> None:
    """Polls and answers until a signal. Raises OSError where the port cannot be had."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    exchange, observers = settings.exchange, settings.observers
    timeout = aiohttp.ClientTimeout(total=min(exchange.request_timeout_seconds, observers.request_timeout_seconds))
    headers = {"User-Agent": f"3t-observer-{signer.name}"}
    async with aiohttp.ClientSession(timeout=timeout, headers=headers, connector=aiohttp.TCPConnector(limit=1)) as session:
        venue = exchange.base_url or VENUES[exchange.mode]
        refresh = observers.sub_accounts_refresh_seconds, observers.marks_refresh_seconds
        reader = Reader(session, venue, signer.account, observers.interval_seconds, *refresh, lambda: datetime.now(UTC))
        runner = web.AppRunner(make_app(reader, signer, sequence, observers.answer_timeout_seconds), access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, host, port, shutdown_timeout=observers.answer_timeout_seconds)
        try:
            await site.start()
            sys.stdout.write(f"observer {signer.name} ready http://{host}:{runner.addresses[0][1]}\n")
            sys.stdout.flush()
            await _until(stopping, reader)
        finally:
            await runner.cleanup()


async def _until(stopping: asyncio.Event, reader: Reader) -> None:
    """Polls until asked to stop; an error that polling does not know ends the process, so that somebody starts it anew."""
    polling, asked = asyncio.create_task(reader.poll()), asyncio.create_task(stopping.wait())
    try:
        done, _ = await asyncio.wait({polling, asked}, return_when=asyncio.FIRST_COMPLETED)
        if polling in done:
            polling.result()
    finally:
        for task in (polling, asked):
            task.cancel()
        await asyncio.gather(polling, asked, return_exceptions=True)


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="threet.observer", description="Reads an account from the exchange, signs what it saw, serves it."
    )
    parser.add_argument("--config", type=Path, default=default_config_path(), help="config.yml")
    parser.add_argument("--secrets", type=Path, help="secrets.yml")
    parser.add_argument("--name", required=True, help="which of observers.nodes this is")
    parser.add_argument("--port", type=int, help="instead of the one in its url; 0: any free one")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--state", type=Path, help="folder of its sequence file, instead of state.folder")
    return parser.parse_args(arguments)


def _node(settings: Settings, name: str, config: Path) -> ObserverNodeSettings:
    for node in settings.observers.nodes:
        if node.name == name:
            return node
    names = ", ".join(node.name for node in settings.observers.nodes)
    raise SettingsError([f"expected --name to be one of {names}, was {name!r} ({config}: observers.nodes)"])


def _signer(node: ObserverNodeSettings, secrets: Secrets) -> Signer:
    """Raises SettingsError where a secret is missing, or is not the one that the public key in config.yml belongs to."""
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(secrets.require(f"observers.{node.name}.private_key").removeprefix("0x")))
    found = key.public_key().public_bytes_raw().hex()
    if found != node.public_key.lower():
        raise SettingsError(
            [f"expected the public key of observers.{node.name}.private_key, {found}, was {node.public_key} (observers.nodes)"]
        )
    return Signer(node.name, secrets.require("exchange.walletAddress"), key)


if __name__ == "__main__":
    sys.exit(main())
