"""A worker follows a host whose address changes, and one that was unknown for a moment, at once."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import pytest

LOOK_UP = """
import sys
import eventlet
eventlet.monkey_patch()
import socket, dns.resolver
from eventlet.support import greendns
from threet_workers import host_names

reset = dns.resolver.Resolver.reset
def at_the_tests_server(self):
    reset(self)
    self.port = int(sys.argv[1])
dns.resolver.Resolver.reset = at_the_tests_server
if sys.argv[3] == "ours":
    host_names.install()
greendns.resolver._filename = sys.argv[2]
for line in sys.stdin:
    try:
        print({found[4][0] for found in socket.getaddrinfo("observer_b", 80, socket.AF_INET, socket.SOCK_STREAM)}.pop(), flush=True)
    except socket.gaierror:
        print("unknown", flush=True)
"""


class NameServer:
    """Answers for one host, and lets everybody keep each answer for ten minutes; ``address`` None: there is no such host."""

    def __init__(self) -> None:
        self.address: str | None = None
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            asked, sender = self._socket.recvfrom(4096)
            if not asked:
                return
            self._socket.sendto(self._answer(dns.message.from_wire(asked)).to_wire(), sender)

    def _answer(self, question: dns.message.Message) -> dns.message.Message:
        answer = dns.message.make_response(question)
        answer.flags |= dns.flags.RA
        asked = question.question[0]
        if self.address is None:
            answer.set_rcode(dns.rcode.NXDOMAIN)
            answer.authority.append(dns.rrset.from_text(".", 600, "IN", "SOA", "a.example. b.example. 1 1800 900 604800 600"))
        elif asked.rdtype == dns.rdatatype.A:
            answer.answer.append(dns.rrset.from_text(asked.name, 600, "IN", "A", self.address))
        return answer

    def close(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join(10)
        self._socket.close()


@pytest.fixture
def server() -> Iterator[NameServer]:
    made = NameServer()
    yield made
    made.close()


@contextmanager
def worker(server: NameServer, resolv_conf: str, whose: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-W", "ignore", "-c", LOOK_UP, str(server.port), resolv_conf, whose]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def seen(server: NameServer, resolv_conf: str, whose: str) -> list[str]:
    """What one process finds while the host is unknown, is there, and has moved."""
    found = []
    with worker(server, resolv_conf, whose) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for server.address in (None, "127.0.0.2", "127.0.0.3", None, "127.0.0.4"):
            process.stdin.write("\n")
            process.stdin.flush()
            found.append(process.stdout.readline().strip())
    return found


@pytest.fixture
def resolv_conf(tmp_path):
    path = tmp_path / "resolv.conf"
    path.write_text("nameserver 127.0.0.1\n")
    return str(path)


def test_a_worker_follows_every_change_at_once(server, resolv_conf):
    assert seen(server, resolv_conf, "ours") == ["unknown", "127.0.0.2", "127.0.0.3", "unknown", "127.0.0.4"]


def test_eventlets_own_resolver_does_not_so_that_ours_is_still_needed(server, resolv_conf):
    assert seen(server, resolv_conf, "eventlet") == ["unknown"] * 5
