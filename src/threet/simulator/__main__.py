"""`python -m threet.simulator`: serves the venue until SIGTERM or SIGINT, then saves and exits 0."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from aiohttp import web

from threet.settings import SettingsError, load_secrets, load_settings
from threet.simulator.account_views import FREE_ACTIONS
from threet.simulator.book import BASIS_POINT
from threet.simulator.control import address_of, usd_of
from threet.simulator.journal import StateFolderError
from threet.simulator.options import SimulatorOptions
from threet.simulator.server import make_app
from threet.simulator.venue import Venue

log = logging.getLogger("threet.simulator")


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit status: 0 after a stop on request, 1 where the disk refused, 2 where it could not start."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    flags = _parser().parse_args(arguments)
    try:
        if flags.config and (mode := load_settings(flags.config).exchange.mode) != "simulator":
            return asyncio.run(_stand_by(mode, flags.host, flags.port or 0))
        options = _options(flags)
        venue = Venue(options)
    except (StateFolderError, SettingsError, ValueError) as error:
        sys.stderr.write(f"simulator: {error}\n")
        return 2
    except OSError as error:
        return _disk_refused(error, 2)
    try:
        return asyncio.run(_serve(venue, options))
    except OSError as error:
        return _disk_refused(error, 1)


async def _stand_by(mode: str, host: str, port: int) -> int:
    """Where a real venue is traded there is nothing to simulate: says so to who asks for its health, and waits for the stop."""
    log.info("exchange.mode is %s: nothing is simulated, no account is served", mode)
    stop = _stop_event()

    async def health(_: web.Request) -> web.Response:
        return web.json_response({"status": "standing by", "mode": mode})

    app = web.Application()
    app.router.add_get("/sim/health", health)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    sys.stdout.write(f"simulator stands by http://{host}:{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await stop.wait()
    await runner.cleanup()
    return 0


def _stop_event() -> asyncio.Event:
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    return stop


def _disk_refused(error: OSError, status: int) -> int:
    """One line instead of a chain of tracebacks. What was answered is on the disk already."""
    where = error.filename or "the folder of --state"
    sys.stderr.write(
        f"simulator: {where} cannot be written: {error.strerror}; free some space or mend it, then start again: nothing is lost\n"
    )
    return status


async def _serve(venue: Venue, options: SimulatorOptions) -> int:
    stop = _stop_event()
    runner = web.AppRunner(make_app(venue), access_log=None, shutdown_timeout=options.tick_seconds)
    await runner.setup()
    site = web.TCPSite(runner, options.host, options.port)
    try:
        await site.start()
    except OSError as error:
        sys.stderr.write(f"simulator: cannot listen on {options.host}:{options.port}: {error.strerror}; give another --port\n")
        venue.close()
        return 2
    host, port = runner.addresses[0][:2]
    sys.stdout.write(f"simulator ready http://{host}:{port}\n")
    sys.stdout.flush()
    try:
        await venue.run(stop)
    finally:
        await runner.cleanup()
        venue.close()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m threet.simulator", description="A simulated exchange that speaks Hyperliquid's protocol."
    )
    parser.add_argument("--config", type=Path, help="config.yml, whose simulator section the flags go before")
    parser.add_argument("--state", type=Path, required=True, help="folder that the account lives in")
    parser.add_argument("--secrets", type=Path, help="secrets whose account and agent wallet are made where they do not exist")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--port", type=int, help="0: any free one")
    parser.add_argument("--candles", type=Path, help="folder of MARKET-1m.csv(.gz) files to replay")
    parser.add_argument("--speed", type=float, help="market seconds per wall second")
    parser.add_argument("--start", type=_moment, help="market time of the first start, ISO 8601")
    parser.add_argument("--seed", type=int, help="of the seeded market")
    parser.add_argument("--history-bars", type=int, dest="history_bars", help="candles served from before the start")
    parser.add_argument("--weight-per-minute", type=int, dest="weight_per_minute", help="request weight that one internet address may ask")
    parser.add_argument("--free-actions", type=int, dest="free_actions", help="signed actions of an account that has traded nothing")
    parser.add_argument("--account", action="append", default=[], metavar="ADDRESS[=USD]", help="made and funded where it does not exist")
    parser.add_argument("--agent", action="append", default=[], metavar="MASTER=AGENT", help="an agent wallet of an account")
    return parser


def _options(flags: argparse.Namespace) -> SimulatorOptions:
    """Raises ValueError for a flag that makes no sense."""
    values, deposit = _from_config(flags.config) if flags.config else ({}, None)
    given = {
        "port": flags.port,
        "candles_folder": flags.candles,
        "speed": flags.speed,
        "start": flags.start,
        "seed": flags.seed,
        "history_bars": flags.history_bars,
        "weight_per_minute": flags.weight_per_minute,
        "free_actions": flags.free_actions,
    }
    values |= {name: value for name, value in given.items() if value is not None}
    accounts, agents = _from_secrets(flags) if flags.secrets else ([], [])
    values["accounts"] = tuple(_account(text, deposit) for text in [*accounts, *flags.account])
    values["agents"] = tuple(_pair(text) for text in [*agents, *flags.agent])
    options = SimulatorOptions(state_folder=flags.state, host=flags.host, **values)
    if options.speed <= 0:
        raise ValueError(f"--speed: found {options.speed}, expected a number above zero")
    return options


def _from_config(path: Path) -> tuple[dict[str, Any], Decimal]:
    """The simulator section as options, and the deposit of an account that names none. Raises SettingsError."""
    settings = load_settings(path)
    section = settings.simulator
    values = {
        "seed": section.seed,
        "weight_per_minute": settings.exchange.requests_per_minute,
        "free_actions": FREE_ACTIONS,
        "speed": float(section.speed),
        "candles_folder": (path.parent / section.candles) if section.candles is not None else None,
        "history_bars": section.history_bars,
        "half_spread_bps": section.half_spread_bps,
        "level_step_bps": section.book_level_step_bps,
        "refill_seconds": float(section.book_refill_seconds),
        "tick_seconds": float(section.tick_seconds),
        "book_levels": section.book_levels,
        "book_usd_per_level": section.book_level_usd,
        "taker_fee": section.taker_fee_bps * BASIS_POINT,
        "maker_fee": section.maker_fee_bps * BASIS_POINT,
    }
    return values, section.deposit_usd


def _from_secrets(flags: argparse.Namespace) -> tuple[list[str], list[str]]:
    """The account and its agent wallet, as the two flags give them. Raises SettingsError."""
    if not flags.config:
        raise ValueError("--secrets needs --config, which says how much is deposited")
    secrets = load_secrets(flags.secrets, load_settings(flags.config))
    master, agent = secrets.require("exchange.walletAddress"), secrets.require("exchange.apiKey")
    return [master], [] if agent.lower() == master.lower() else [f"{master}={agent}"]


def _account(text: str, deposit: Decimal | None) -> tuple[str, Decimal]:
    address, equals, usd = text.partition("=")
    if not equals and deposit is None:
        raise ValueError(f"--account: found {text!r}, expected ADDRESS=USD (ADDRESS alone needs --config with its simulator.deposit_usd)")
    return address_of(address), usd_of(usd) if equals or deposit is None else deposit


def _pair(text: str) -> tuple[str, str]:
    master, _, agent = text.partition("=")
    return address_of(master), address_of(agent)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


if __name__ == "__main__":
    sys.exit(main())
