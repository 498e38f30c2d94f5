"""The certificates of a platform on several hosts: what config.yml asks for must be there, and each store gets its own."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from threet.settings import Settings
from threet.settings.errors import problem

FOLDER = "cluster"
CA = "ca.pem"
CA_INSIDE = Path("/3t/config") / CA
"""Where every container finds it: beside config.yml, since it is no secret."""

_CURE = "make the certificates with scripts/cluster_certificates.sh, or bring ca.pem from the host that has the stores (docs/scale-out.md)"


def has_tls(settings: Settings, store: str) -> bool:
    """Whether config.yml reaches this store with a certificate of our own authority."""
    return (settings.database if store == "mariadb" else settings.redis).ca_file is not None


def problems(project: Path, settings: Settings, services: Collection[str]) -> Iterator[str]:
    """What is missing or elsewhere than in the containers."""
    for key, server in (("database.url", settings.database), ("redis.url", settings.redis)):
        if server.ca_file not in (None, CA_INSIDE):
            yield problem(
                project / "config.yml", key, f"expected {CA_INSIDE}, where the containers find the authority, was {server.ca_file}"
            )
    for name in sorted(_needed(settings, services)):
        if not (project / FOLDER / name).is_file():
            yield f"{project}/{FOLDER}/{name} is missing: {_CURE}"


def _needed(settings: Settings, services: Collection[str]) -> set[str]:
    with_tls = [store for store in ("mariadb", "redis") if has_tls(settings, store)]
    own = {f"{store}.{kind}" for store in with_tls if store in services for kind in ("pem", "key")}
    return own | ({CA} if with_tls else set())


def authority(project: Path, settings: Settings) -> dict[str, str]:
    """The authority's certificate, where a store is reached with one of its own."""
    return _texts(project, [name for name in _needed(settings, ()) if name == CA])


def certificates_of(service: str, project: Path, settings: Settings) -> dict[str, str]:
    """Of a store: its certificate and key. Grafana, which reads no config.yml, gets the authority's."""
    if service == "grafana" and has_tls(settings, "mariadb"):
        return _texts(project, [CA])
    return _texts(project, sorted(_needed(settings, [service]) - {CA}))


def redis_lines(settings: Settings) -> str:
    """A port of its own for TLS. The plain one stays inside the network of the data stores, for the health check."""
    if not has_tls(settings, "redis"):
        return ""
    return "tls-port 6380\ntls-cert-file /run/secrets/redis.pem\ntls-key-file /run/secrets/redis.key\ntls-auth-clients no\n"


def _texts(project: Path, names: Collection[str]) -> dict[str, str]:
    return {name: (project / FOLDER / name).read_text(encoding="ascii") for name in names}
