"""Host names are looked up anew for each connection, as processes without eventlet do.

Symptom: an observer comes back after a restart or a cut, answers everybody, and this worker has "no answer (gaierror)" of it, or finds
the signature of another one, for up to ten minutes.
Cause: eventlet's resolver keeps answers, those too that a name is unknown, for as long as the name server allows; Docker's allows 600 s,
and gives a container that comes back whichever address is free.
"""

from __future__ import annotations

from typing import Any

from eventlet.support import greendns


class Uncached(greendns.ResolverProxy):  # type: ignore[misc]  # eventlet ships no types
    """Reads resolv.conf again as well: it may name another server by now."""

    def query(self, *args: Any, **options: Any) -> Any:
        self.clear()
        return super().query(*args, **options)


def install() -> None:
    """May be called again."""
    greendns.resolver = Uncached(hosts_resolver=greendns.HostsResolver())
