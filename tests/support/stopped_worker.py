"""One reconcile cycle in a process of its own that stops itself (SIGSTOP) between the commit of its first intent and the send.

``python -m tests.support.stopped_worker FOLDER SIMULATOR_URL DATABASE_URL POINT``: with ``unsigned`` before the request is made, with
``signed`` when it is signed and only its bytes are left to send. Revived, it goes on with the real code and prints its result as JSON.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from tests.support.cycle import Desk
from tests.support.databases import open_engine
from tests.support.simulator import SimulatorProcess

from threet.adapters.venue.connection import Connection
from threet.application.facts import OrderAnswer, OrderRequest


def stop() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


class StopsBeforeSubmit:
    def __init__(self, real: Any) -> None:
        self._real = real

    def submit(self, request: OrderRequest) -> OrderAnswer:
        stop()
        answer: OrderAnswer = self._real.submit(request)
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def stop_before_sending_orders(connection: Connection) -> None:
    real = connection.send

    def send(client: Any, signed: dict[str, Any], what: str, *, urgent: bool) -> Any:
        if signed["action"]["type"] == "order":
            stop()
        return real(client, signed, what, urgent=urgent)

    connection.send = send  # type: ignore[assignment,method-assign]


def main(folder: Path, simulator_url: str, database_url: str, point: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    simulator = SimulatorProcess(folder)
    simulator.url = simulator_url
    tables = folder / "tables"
    tables.mkdir()
    desk = Desk(folder, simulator, lambda settings: open_engine(tables, database_url))
    if point == "signed":
        stop_before_sending_orders(desk.venue.connection)
    result = desk.cycle(trading=StopsBeforeSubmit(desk.trading) if point == "unsigned" else desk.trading)
    print(json.dumps({"status": result.status, "reason": result.reason, "sent": [one.client_order_id for one in result.sent]}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4])
