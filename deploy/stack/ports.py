"""Free loopback ports, reserved so that test workers and demos that run side by side never take the same one."""

import secrets
import socket
from typing import Final

# Below the ports that the kernel gives to outgoing connections, so that none of these takes one in between.
_LOWEST: Final = 18_000
_COUNT: Final = 14_000
_ATTEMPTS: Final = 200


def free_port() -> int:
    """Return a TCP port on 127.0.0.1 that nobody listens on, reserved for the life of this Python process.

    The reservation is a name in the abstract socket namespace, which vanishes by itself when the process ends.

    Raises:
        RuntimeError: Two hundred attempts found none.
    """
    for _ in range(_ATTEMPTS):
        port = _LOWEST + secrets.randbelow(_COUNT)
        if _listening_works(port) and _reserve(port):
            return port
    msg = f"no free port on 127.0.0.1 from {_LOWEST} to {_LOWEST + _COUNT - 1}: stop what is listening there"
    raise RuntimeError(msg)


def _listening_works(port: int) -> bool:
    with socket.socket() as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _reserve(port: int) -> bool:
    reservation = socket.socket(socket.AF_UNIX)
    try:
        reservation.bind(f"\0tagwarden-port-{port}")
    except OSError:
        reservation.close()
        return False
    reservation.detach()  # stays open until this process ends
    return True
