"""Processes that play a worker: short scripts that say what a test wants over the line that they inherit."""

import subprocess
import sys
from collections.abc import Callable
from typing import BinaryIO, Final

_OPENING: Final = "import os, signal, socket, sys, time\nline = socket.socket(fileno=int(sys.argv[1]))\n"
SERVES: Final = 'line.sendall(b\'{"say": "serving"}\\n\')\n'
_LISTENS: Final = "while line.recv(65536): pass\n"

TALKS: Final = """
heard_so_far = b""
def heard(word):
    global heard_so_far
    while word not in heard_so_far:
        heard_so_far += line.recv(65536)
def say(word):
    line.sendall(word + b"\\n")
"""

POLITE: Final = SERVES + _LISTENS
CRASHES: Final = SERVES + "os.kill(os.getpid(), signal.SIGKILL)\n"
CANNOT: Final = "sys.exit(2)\n"
RUBBISH: Final = SERVES + "line.sendall(b'rubbish\\n')\ntime.sleep(60)\n"
ANOTHER: Final = SERVES + 'line.sendall(b\'{"say": "asked", "of": [[9, "a/b", 1]]}\\n\')\ntime.sleep(60)\n'
ASKS: Final = SERVES + 'line.sendall(b\'{"say": "asked", "of": [[0, "a/b", 1]]}\\n\')\n' + _LISTENS
SILENT: Final = SERVES + "time.sleep(60)\n"
NEVER_BEGINS: Final = "time.sleep(60)\n"
ENDS_UNHEARD: Final = _LISTENS
HANGS_UP: Final = SERVES + "line.close()\ntime.sleep(60)\n"
RELAYS: Final = TALKS + SERVES
LISTENS: Final = _LISTENS
_GREETED: Final = (
    TALKS
    + """
heard(b"greeted")
assert b"doubted" in heard_so_far[:heard_so_far.index(b"greeted")]
"""
    + SERVES
)
GREETED: Final = _GREETED + _LISTENS
GREETED_AND_CRASHES: Final = _GREETED + "os.kill(os.getpid(), signal.SIGKILL)\n"
STAYS: Final = SERVES + _LISTENS + "time.sleep(60)\n"


def playing(*scripts: str) -> Callable[[int, BinaryIO, tuple[int, ...]], "subprocess.Popen[bytes]"]:
    """Start one script after the other in the place of workers; the last one goes on."""
    left = list(scripts)

    def spawn(_number: int, settings: BinaryIO, inherited: tuple[int, ...]) -> "subprocess.Popen[bytes]":
        script, line = _OPENING + (left.pop(0) if len(left) > 1 else left[0]), inherited[0]
        command = [sys.executable, "-I", "-S", "-c", script, str(line)]
        return subprocess.Popen(command, stdin=settings, pass_fds=(line,))

    return spawn
