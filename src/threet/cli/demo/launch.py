"""Becomes another program after asking the kernel to end it with its parent: ``python launch.py PARENT_PID PROGRAM ARGUMENTS...``

A supervisor that was killed cannot stop its children, so the kernel does. The request survives ``execv``. It is made here and not
in a ``preexec_fn``, which is not safe in a parent that has threads.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(parent_pid: int, argv: list[str]) -> None:
    """Never returns: execs ``argv``, or ends with 127 where the parent is gone already or the kernel refuses."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        sys.stderr.write(f"prctl(PR_SET_PDEATHSIG) failed: {os.strerror(ctypes.get_errno())}\n")
        os._exit(127)
    if os.getppid() != parent_pid:  # it died between fork and prctl: nobody is left to send the signal
        os._exit(127)
    os.execvp(argv[0], argv)  # becoming the part is the purpose


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
