"""What must be right before a container starts: everything that is wrong with config.yml and secrets.yml, in one message."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from threet.cli.preflight import cluster
from threet.settings import Secrets, Settings, SettingsError, load_settings
from threet.settings.errors import problem
from threet.settings.load_secrets import examine_secrets, has_its_form
from threet.settings.secrets import may_have
from threet.settings.yaml_file import read_mapping

_CURE = "copy secrets.example.yml to secrets.yml, fill it in, chmod 600 secrets.yml (in mode simulator it works as it is)"
_LAST = "Nothing was handed over and nothing new starts. Mend the above, then start again."


def checked(project: Path, services: Collection[str]) -> tuple[Settings, Secrets]:
    """Both files, good for these services. Raises SettingsError with every problem of both."""
    config, file = project / "config.yml", project / "secrets.yml"
    settings, problems = _config(config)
    mode = settings.exchange.mode if settings else _mode_of(config)
    secrets = None
    if file.exists():
        secrets, found = examine_secrets(file, mode)
        problems += found
    else:
        problems.append(f"{file} is missing: {_CURE}")
    if secrets is not None:
        problems += [*_missing(file, secrets, services, mode, settings), *_unfit(file, secrets), *_strangers(file, secrets, settings)]
    problems += _of_the_containers(project, settings, services)
    if problems or settings is None or secrets is None:
        # The names that a person knows: the container's name of the project's folder would only confuse.
        raise SettingsError([*(text.replace(f"{project}/", "") for text in problems), _LAST])
    return settings, secrets


def _config(path: Path) -> tuple[Settings | None, list[str]]:
    try:
        return load_settings(path), []
    except SettingsError as error:
        return None, list(error.problems)


def _mode_of(config: Path) -> str:
    """The mode of a file that is not good otherwise, so that the secrets are still judged by it."""
    try:
        exchange = read_mapping(config, "").get("exchange")
    except SettingsError:
        return "simulator"
    return str(exchange.get("mode", "simulator")) if isinstance(exchange, dict) else "simulator"


def _missing(file: Path, secrets: Secrets, services: Collection[str], mode: str, settings: Settings | None) -> Iterator[str]:
    needed: dict[str, list[str]] = {}
    for service in services:
        for name in _needed_by(service, mode, settings):
            needed.setdefault(name, []).append(service)
    for name, by in sorted(needed.items()):
        if secrets.find(name) is None:
            yield problem(file, name, f"expected a value, was missing; needed by {', '.join(sorted(by))}; set it in secrets.yml")


def _needed_by(service: str, mode: str, settings: Settings | None) -> tuple[str, ...]:
    try:
        names = may_have(service)
    except ValueError:
        return ()  # named elsewhere
    if not service.startswith("observer_"):
        return names
    known = {f"observer_{node.name}" for node in settings.observers.nodes} if settings else {service}
    if mode == "simulator" and service in known:
        return names
    return tuple(name for name in names if not name.startswith("observers."))  # outside the simulator it may run on another host


def _unfit(file: Path, secrets: Secrets) -> Iterator[str]:
    """A file with one value is read without the blanks around it, and by programs that read one line."""
    for name, value in secrets.values().items():
        text = value.get_secret_value()
        if text != text.strip() or any(unicodedata.category(letter) in ("Cc", "Cs") for letter in text):
            yield problem(file, name, "expected a text in one line, with no blank at its ends and no control character; choose another")


def _strangers(file: Path, secrets: Secrets, settings: Settings | None) -> Iterator[str]:
    """Keys that do not belong to what is known of them: each report, or each order, would be refused later on."""
    for node in settings.observers.nodes if settings else ():
        name = f"observers.{node.name}.private_key"
        found = _derived(_public_key, secrets, name)
        if found not in (None, node.public_key):
            yield problem(file, name, f"expected the key of the public_key of observer {node.name} in config.yml, was that of {found}")
    agent, found = secrets.find("exchange.apiKey"), _derived(_address, secrets, "exchange.privateKey")
    if agent and found and agent.lower() != found.lower():
        yield problem(file, "exchange.apiKey", f"expected the address that exchange.privateKey belongs to, {found}, was another")


def _derived(derive: Callable[[str], str], secrets: Secrets, name: str) -> str | None:
    """None without a key that looks like one, which is told elsewhere."""
    text = secrets.find(name)
    return derive(text) if text is not None and has_its_form(name, text) else None


def _public_key(seed_hex: str) -> str:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed_hex)).public_key().public_bytes_raw().hex()


def _address(private_key: str) -> str:
    from eth_account import Account

    return str(Account.from_key(private_key).address)


def _of_the_containers(project: Path, settings: Settings | None, services: Collection[str]) -> Iterator[str]:
    """What only the platform in containers asks for."""
    if settings is not None and not settings.database.url.startswith("mysql"):
        yield problem(project / "config.yml", "database.url", "expected mysql+pymysql://USER@HOST/3t: containers share no SQLite file")
    if settings is not None:
        yield from cluster.problems(project, settings, services)
    if not (project / "init.sql").is_file():
        yield f"{project}/init.sql is missing: it comes with the project"
    for service in services:
        try:
            may_have(service)
        except ValueError as error:
            yield f"docker-compose.yml: secrets for a service that nobody knows: {error}"
