"""One signer at a time over real processes, and nonces that only rise whatever becomes of them (D7)."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.support import children

from threet.adapters.clock import SystemClock
from threet.adapters.venue.nonces import NonceFile, SignerLocked

SIGNER = """
import sys
from pathlib import Path
from threet.adapters.clock import SystemClock
from threet.adapters.venue.nonces import NonceFile
emergency = 1.0 if sys.argv[2] == "emergency" else None
nonces = NonceFile(Path(sys.argv[1]), SystemClock(), emergency_after=emergency)
print("ready", flush=True)
for line in sys.stdin:
    try:
        with nonces.turn():
            print(nonces.next(), flush=True)
            if line.strip() == "hang":
                sys.stdin.readline()
    except Exception as error:
        print(type(error).__name__, flush=True)
"""


class Signer:
    """A process that draws a nonce at each line it is given."""

    def __init__(self, path: Path, kind: str = "signer") -> None:
        self.process = children.start(
            [sys.executable, "-c", SIGNER, str(path), kind], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._asked, self._told = self.process.stdin, self.process.stdout
        assert self.read() == "ready"

    def ask(self, word: str = "next") -> str:
        self.tell(word)
        return self.read()

    def tell(self, word: str) -> None:
        self._asked.write(f"{word}\n")

    def read(self) -> str:
        return str(self._told.readline()).strip()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)
        self._asked.close()
        self._told.close()


@pytest.fixture
def signers(tmp_path: Path) -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def started(stack: ExitStack, path: Path, kind: str = "signer") -> Signer:
    made = Signer(path, kind)
    stack.callback(made.kill)
    return made


def test_a_second_signer_is_refused_until_the_first_is_killed_and_nonces_rise_over_it(signers: ExitStack, tmp_path: Path) -> None:
    path, drawn = tmp_path / "nonce", []
    for _ in range(3):
        signer = Signer(path)
        with pytest.raises(SignerLocked, match=f"process {signer.process.pid} signs already"):
            NonceFile(path, SystemClock())
        drawn += [int(signer.ask()) for _ in range(20)]
        signer.kill()
    assert drawn == sorted(set(drawn))
    assert len(drawn) == 60


def test_signer_and_emergency_never_draw_the_same_nonce(signers: ExitStack, tmp_path: Path) -> None:
    path = tmp_path / "nonce"
    signer = started(signers, path)
    drawn = [int(signer.ask()) for _ in range(5)]
    emergency = Signer(path, "emergency")
    drawn += [int(emergency.ask()) for _ in range(5)]
    assert signer.ask() == "TurnTaken"
    emergency.kill()
    drawn += [int(signer.ask()) for _ in range(5)]
    assert drawn == sorted(set(drawn))


def test_a_signer_stopped_in_its_turn_is_robbed_of_it_and_draws_above_when_it_is_revived(signers: ExitStack, tmp_path: Path) -> None:
    path = tmp_path / "nonce"
    signer = started(signers, path)
    drawn = [int(signer.ask("hang"))]
    signer.process.send_signal(signal.SIGSTOP)
    emergency = Signer(path, "emergency")
    drawn += [int(emergency.ask()) for _ in range(5)]
    signer.process.send_signal(signal.SIGCONT)
    signer.tell("go on")
    assert signer.ask() == "TurnTaken"
    emergency.kill()
    drawn.append(int(signer.ask()))
    assert drawn == sorted(set(drawn))
