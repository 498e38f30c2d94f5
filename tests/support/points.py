"""Named points of a cycle at which a test lets it die.

The points are not written into the cycle. They are found where nothing can pass beside them: at the driver's COMMIT of a transaction that
writes, at the request that carries a signed action, and at the durable write of a nonce. A commit that the cycle gets tomorrow is a point
by itself. A point is ``commit save_decision 1``: what is done, in which method of the store, for which action, the how manyth time.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Engine, event

from threet.adapters.sql.transactions import WRITES


class Points:
    """Who inherits says what happens at each of them; points of other threads than the cycle's (the observers') are none."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self.method = "update_balance"
        self._writes = threading.local()

    def reached(self, point: str) -> None:
        """Each kind of these notes it in its own way, as with the next."""
        raise NotImplementedError

    def pass_or_die(self, when: str, point: str) -> None:
        """``when``: before or after what is done there."""
        raise NotImplementedError

    def around(self, name: str, step: Callable[[], Any]) -> Any:
        if threading.current_thread() is not threading.main_thread():
            return step()
        self.seen[name] += 1
        point = f"{name} {self.seen[name]}"
        self.reached(point)
        self.pass_or_die("before", point)
        done = step()
        self.pass_or_die("after", point)
        return done

    def arm_commits(self, engine: Engine) -> None:
        dialect: Any = engine.dialect
        commit = dialect.do_commit

        @event.listens_for(engine, "commit")
        def about_to(connection: Connection) -> None:
            self._writes.now = bool(connection.get_execution_options().get(WRITES))

        def committing(connection: Any) -> None:
            if self._writes.now:
                self.around(f"commit {self.method}", lambda: commit(connection))
            else:
                commit(connection)

        dialect.do_commit = committing

    def arm_session(self, session: Any) -> None:
        """``session``: the one of requests that signed actions go through."""
        request = session.request

        def requesting(method: str, url: str, *arguments: Any, **named: Any) -> Any:
            if not url.endswith("/exchange"):
                return request(method, url, *arguments, **named)
            action = json.loads(named["data"])["action"]["type"]
            return self.around(f"send {action}", lambda: request(method, url, *arguments, **named))

        session.request = requesting

    def named(self, store: Any) -> Any:
        """``store``; each call says which method it is."""
        return _NamedStore(store, self)


class _NamedStore:
    def __init__(self, real: Any, points: Points) -> None:
        self._real, self._points = real, points

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        if not callable(found):
            return found

        def named(*arguments: Any, **options: Any) -> Any:
            self._points.method = name
            return found(*arguments, **options)

        return named
