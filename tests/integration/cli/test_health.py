"""A part is well only if it is itself that answers."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from threet.cli.demo.health import http_ok
from threet.cli.demo.process import LogFile

PASSWORD = "3t:right"


class Locked(BaseHTTPRequestHandler):
    """/open answers everybody, the rest only who knows the password."""

    def do_GET(self) -> None:
        wanted = "Basic " + base64.b64encode(PASSWORD.encode()).decode()
        self.send_response(200 if self.path == "/open" or self.headers["Authorization"] == wanted else 401)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Locked) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_server_of_somebody_else_on_the_port_is_not_ours(address: str, tmp_path: Path) -> None:
    log = LogFile(tmp_path / "log", 1000)
    assert http_ok(f"{address}/open")(log) is None, "an open page tells nothing of whose it is"
    assert http_ok(f"{address}/tasks", PASSWORD)(log) is None
    assert "401" in (http_ok(f"{address}/tasks", "3t:another")(log) or "")
