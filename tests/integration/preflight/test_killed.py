"""Killed at any step, a hand-over leaves each file whole, old or new, and the next one completes it."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

from tests.support import children

from threet.cli.preflight.placing import place

OLD = {"database.password": "old" * 5000, "gone.password": "x", "set_names": "database.password"}
NEW = {"database.password": "new" * 5000, "redis.password": "new", "set_names": "database.password\nredis.password"}

# Ends itself by SIGKILL just before the n-th time that the folder is touched.
KILLED = """
import json, os, signal, sys
from pathlib import Path
from threet.cli.preflight.placing import place
folder, files, left = sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3])
def hook(event, arguments):
    global left
    # A descriptor's own mode changes before its file has its name; opening to read changes nothing, but is a step as well.
    if event in ("open", "os.rename", "os.remove", "os.chmod") and (isinstance(arguments[0], int) or str(arguments[0]).startswith(folder)):
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
sys.addaudithook(hook)
place(Path(folder), files)
"""


def test_killed_at_every_step_each_file_is_whole(tmp_path: Path) -> None:
    for step in range(200):
        folder = tmp_path / str(step)
        place(folder, OLD)
        ended = children.run([sys.executable, "-c", KILLED, str(folder), json.dumps(NEW), str(step)], timeout=60)
        if ended.returncode == 0:
            break
        assert ended.returncode == -signal.SIGKILL, ended.stderr
        found = {path.name: path.read_text() for path in folder.iterdir() if not path.name.startswith(".")}
        assert set(found) <= {*OLD, *NEW}
        assert set(found) >= {*OLD} & {*NEW}
        for name, content in found.items():
            assert content in (OLD.get(name), NEW.get(name))
        place(folder, NEW)
        assert {path.name: path.read_text() for path in folder.iterdir()} == NEW
    assert 10 < step < 199, "it was not killed at every step"
