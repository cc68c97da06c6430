"""Runs as a process of its own: `tagwarden` with everything imported, which forks itself for each start.

What is forked then does what Python does with the installed script, and is a process like any other: it has a process
id, directory, environment, arguments and standard streams of its own, and ends as it likes. It imports nothing of
`deploy`, whose place is not on the path of what is run.
"""

import ctypes
import gc
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import struct
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NoReturn

import proxy
from proxy.tls import client_context

STATUS: Final = struct.Struct("i")
"""How the process id, and at the end the exit code as `subprocess` has it, are told."""

REQUEST_BYTES: Final = 1 << 17
STREAMS: Final = 3

_LEFT_OUT: Final = ("proxy.__main__", "proxy.store.env", "proxy.store.versions.")  # they run, or are read, by path
_LATER: Final = ("alembic.command", "rich.progress")  # what functions import
_KEPT: Final[list[object]] = []  # the system's authorities: whoever wants them shares what somebody has
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_NAME: Final = 15


def main() -> None:
    """Answer each message on the socket whose descriptor is the argument with a process, until that is closed."""
    _import_all()
    libc = ctypes.CDLL(None)
    requests = socket.socket(fileno=int(sys.argv[1]))
    wakes, wake = os.pipe()
    os.set_blocking(wakes, False)
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    _KEPT.append(client_context("registry", None))
    gc.collect()
    gc.freeze()
    running: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([requests.fileno(), wakes], [], [])
        if wakes in ready:
            os.read(wakes, 1 << 12)
            _bury(running)
            continue
        message, descriptors, _, _ = socket.recv_fds(requests, REQUEST_BYTES, STREAMS + 1)
        if not message:
            return
        *streams, told = descriptors
        mother, pid = os.getpid(), os.fork()  # noqa: TID251  (there are no threads here)
        if not pid:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
            libc.prctl(_PR_SET_NAME, b"tagwarden")
            if os.getppid() != mother:
                os._exit(1)
            for stream, descriptor in enumerate(streams):
                os.dup2(descriptor, stream)
            for descriptor in (*descriptors, *running.values(), wakes, wake, requests.detach()):
                os.close(descriptor)
            _become(json.loads(message))
        running[pid] = told
        for stream in streams:
            os.close(stream)
        os.write(told, STATUS.pack(pid))


def _import_all() -> None:
    for module in pkgutil.walk_packages(proxy.__path__, "proxy."):
        if not module.name.startswith(_LEFT_OUT):
            import_module(module.name)
    for name in _LATER:
        import_module(name)


def _bury(running: dict[int, int]) -> None:
    """Tell of each that has ended."""
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        told = running.pop(pid)
        try:
            os.write(told, STATUS.pack(os.waitstatus_to_exitcode(status)))
        except BrokenPipeError:
            pass  # nobody wants to know any more
        finally:
            os.close(told)


def _become(request: dict[str, Any]) -> NoReturn:
    """Run the script that was asked for, as `python SCRIPT ARGUMENTS` would."""
    if request["own_session"]:
        os.setsid()
    os.chdir(request["directory"])
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    script = request["command"][0]
    sys.argv = list(request["command"])
    sys.path.insert(0, str(Path(script).parent))
    runpy.run_path(script, run_name="__main__")
    sys.exit(0)


if __name__ == "__main__":
    main()
