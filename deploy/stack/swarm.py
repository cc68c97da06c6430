"""A swarm of one dockerd, which runs containers; its processes, mounts and network end with it. It needs root."""

import json
import os
import secrets
import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from deploy.stack.commands import Outcome, run
from deploy.stack.containerd import require_root
from deploy.stack.daemons import Daemon, running
from deploy.stack.programs import program
from deploy.stack.relays import ports_reach_out
from deploy.stack.sockets import short_directory

_CGROUPS: Final = Path("/sys/fs/cgroup")
_IN_OWN_HOUSE: Final = (
    'ip link set lo up && mkdir -p /etc/docker && mount --bind "$0" /etc/docker && exec "$@"'  # see docker_daemon
)


@dataclass(frozen=True)
class Task:
    """One attempt to run a service: its image as it was asked for, its state, and what went wrong.

    Attempts that went alike are equal, whatever their `id`.
    """

    image: str
    state: str
    error: str
    id: str = field(default="", compare=False)


@dataclass(frozen=True)
class Swarm:
    """A running swarm; `host` is what `DOCKER_HOST` takes.

    `dockerd` is the process id of dockerd itself, the first in its namespaces; all containers are in `cgroup`.
    """

    host: str
    directory: Path
    daemon: Daemon
    dockerd: int
    cgroup: str

    def docker(self, *arguments: str) -> Outcome:
        """Run Debian's docker client on this swarm."""
        environment = {"DOCKER_HOST": self.host, "DOCKER_CONFIG": str(self.directory / "client")}
        return run([program("docker"), *arguments], home=self.directory, environment=environment)

    def tasks(self, service: str) -> list[Task]:
        """The tasks of a service, the newest first."""
        listed = self.docker("service", "ps", "--no-trunc", "--format={{json .}}", service).must()
        rows = [json.loads(line) for line in listed.splitlines()]
        return [Task(row["Image"], row["CurrentState"].split()[0], row["Error"], row["ID"]) for row in rows]


@contextmanager
def swarm(directory: Path, *, reachable: Sequence[int] = ()) -> Iterator[Swarm]:
    """Run a swarm for as long as the block lasts.

    Its network is its own and has no way out, but for the `reachable` loopback ports of the machine; so the fixed
    ports of a swarm are in nobody's way. Containers share that network (`--network host`).

    Args:
        directory: Its configuration, images and log.
        reachable: Ports on 127.0.0.1, the same there as here.

    Raises:
        DaemonFailed: It did not start.
        ProgramMissing: A part of it is not installed.
        RootNeeded: We are not root.
    """
    require_root("dockerd")
    directory = directory.absolute()
    etc, client = directory / "etc", directory / "client"
    for each in (etc, client):
        each.mkdir(parents=True, exist_ok=True)
    settings = etc / "daemon.json"
    settings.write_text("{}\n")
    for name in ("containerd", "runc", "iptables", "ip"):
        program(name)
    with ExitStack() as stack:
        run_directory = stack.enter_context(short_directory())
        cgroup = stack.enter_context(_cgroup())
        host = f"unix://{run_directory}/docker.sock"
        command = [
            program("dockerd"),
            f"--config-file={settings}",
            f"--data-root={directory}/data",
            f"--exec-root={run_directory}/exec",
            f"--host={host}",
            f"--pidfile={run_directory}/docker.pid",
            f"--cgroup-parent=/{cgroup}",
            "--exec-opt=native.cgroupdriver=cgroupfs",
            "--iptables=false",
            "--ip6tables=false",
            "--ip-forward=false",
            "--bridge=none",
            "--storage-driver=vfs",
        ]
        environment = {"DOCKER_HOST": host, "DOCKER_CONFIG": str(client)}

        def ready() -> bool:
            return run([program("docker"), "version"], home=directory, environment=environment).ok

        daemon = stack.enter_context(
            running(
                [*_house(), "/bin/sh", "-c", _IN_OWN_HOUSE, str(etc), *command],
                name="dockerd",
                directory=directory,
                answers=ready,
                environment={"PATH": os.environ["PATH"]},
            )
        )
        dockerd = _child(daemon.pid)
        stack.callback(os.kill, dockerd, signal.SIGTERM)
        stack.enter_context(ports_reach_out(dockerd, reachable))
        started = Swarm(host, directory, daemon, dockerd, cgroup)
        started.docker("swarm", "init", "--advertise-addr=127.0.0.1", "--listen-addr=127.0.0.1:2377").must()
        try:
            yield started
        finally:
            started.docker("swarm", "leave", "--force").must()  # this ends its containers too


def _house() -> list[str]:
    """Namespaces of its own; should we be killed, the kernel ends the first process in them, and so all of them."""
    death = [program("setpriv"), "--pdeathsig", "KILL", "--"]
    namespaces = ["--mount", "--propagation=private", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
    return [*death, program("unshare"), *namespaces, "--"]


def _child(pid: int) -> int:
    [child] = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(child)


@contextmanager
def _cgroup() -> Iterator[str]:
    """A name for the control group above all containers; Docker would leave it behind."""
    name = f"tagwarden-{secrets.token_hex(6)}"
    try:
        yield name
    finally:
        for top in [*_CGROUPS.glob(name), *_CGROUPS.glob(f"*/{name}")]:
            for below in sorted((path for path in top.rglob("*") if path.is_dir()), reverse=True):
                below.rmdir()
            top.rmdir()
