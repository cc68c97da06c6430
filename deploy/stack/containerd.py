"""containerd with directories and sockets of its own; it needs root."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.stack.commands import run
from deploy.stack.daemons import Daemon, running
from deploy.stack.programs import program
from deploy.stack.sockets import short_directory

_WITHOUT_CRI: Final = 'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n'
_PLAIN_FILES: Final = '[plugins."io.containerd.grpc.v1.cri".containerd]\nsnapshotter = "native"\n'


class RootNeeded(RuntimeError):
    """A daemon that only root can start."""


@dataclass(frozen=True)
class Containerd:
    """A running containerd; `address` is its socket."""

    address: Path
    directory: Path
    daemon: Daemon


@contextmanager
def containerd(directory: Path, *, cri: str | None = None) -> Iterator[Containerd]:
    """Run containerd for as long as the block lasts.

    Args:
        directory: Its configuration, content and log.
        cri: Serve the calls of kubelet too, with these tables for the CRI plugin, as they stand in `config.toml`.

    Raises:
        DaemonFailed: It did not start.
        ProgramMissing: It is not installed.
        RootNeeded: We are not root.
    """
    require_root("containerd")
    command, client = program("containerd"), program("ctr")
    directory = directory.absolute()
    directory.mkdir(parents=True, exist_ok=True)
    with short_directory() as run_directory:
        address = run_directory / "containerd.sock"
        configuration = directory / "containerd.toml"
        configuration.write_text(
            "version = 2\n"
            f'root = "{directory}/root"\n'
            f'state = "{run_directory}/state"\n'
            f"{_WITHOUT_CRI if cri is None else ''}"
            f'[grpc]\naddress = "{address}"\n'
            f'[ttrpc]\naddress = "{address}.ttrpc"\n'
            f'[plugins."io.containerd.internal.v1.opt"]\npath = "{directory}/opt"\n'
            f"{'' if cri is None else _PLAIN_FILES + cri}"
        )

        def ready() -> bool:
            return address.exists() and run([client, f"--address={address}", "version"], home=directory).ok

        with running(
            [command, "--config", str(configuration)],
            name="containerd",
            directory=directory,
            answers=ready,
            environment={"PATH": os.environ["PATH"]},
            own_mounts=True,
        ) as daemon:
            yield Containerd(address, directory, daemon)


def require_root(name: str) -> None:
    """Raise `RootNeeded` unless we are root."""
    if os.geteuid() != 0:
        msg = f"{name} needs root: run this command again as root, for example with sudo"
        raise RootNeeded(msg)
