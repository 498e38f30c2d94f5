"""Runs in an interpreter of its own: loads the libraries, then watches what our modules do while they are imported.

Prints ``module: event what`` for each deed. Reading code (and looking whether it is there) is what an import is, so it is no deed.
"""

from __future__ import annotations

import argparse
import importlib
import runpy
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

CODE = (".py", ".pyc", ".so")
DEEDS = (
    "socket.bind", "socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto",
    "subprocess.Popen", "os.system", "os.fork", "os.exec", "os.posix_spawn", "os.mkdir", "os.remove", "os.rename", "os.rmdir",
    "os.putenv", "os.unsetenv", "os.chdir", "shutil.", "sqlite3.connect", "_thread.start_new_thread", "signal.",
)  # fmt: skip

current = ""
seen: list[str] = []


def watch(event: str, arguments: tuple[object, ...]) -> None:
    if not current:
        return
    if event == "open":
        path, mode, _ = arguments
        reads_code = isinstance(path, str | bytes) and str(path).endswith(CODE) and (mode is None or str(mode) in {"r", "rb"})
        if not reads_code:
            seen.append(f"{current}: open {path} {mode}")
    elif event.startswith(DEEDS):
        seen.append(f"{current}: {event} {arguments}"[:300])


def watch_threads() -> None:
    """Python 3.11 reports no event when a thread starts."""
    import threading

    start = threading.Thread.start

    def start_and_tell(self: threading.Thread) -> None:
        if current:
            seen.append(f"{current}: starts thread {self.name}")
        start(self)

    threading.Thread.start = start_and_tell  # type: ignore[method-assign]


@contextmanager
def watching(name: str) -> Iterator[None]:
    global current
    current = name
    try:
        yield
    except ImportError as error:
        seen.append(f"{name}: cannot be imported: {error}")
    finally:
        current = ""


def main() -> None:
    parser = argparse.ArgumentParser()
    for option in ("--libraries", "--modules", "--scripts"):
        parser.add_argument(option, nargs="*", default=[])
    options = parser.parse_args()
    for library in options.libraries:
        with suppress(ImportError):  # "from x import y": y may be no module; what is missing is told when our own module wants it
            importlib.import_module(library)
    sys.addaudithook(watch)
    watch_threads()
    for module in options.modules:
        with watching(module):
            importlib.import_module(module)
    for script in options.scripts:
        with watching(script):
            runpy.run_path(script, run_name="imported")
    for line in seen:
        sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()
