"""dockerd with directories, socket and containerd of its own, on the machine's network; it needs root."""

import io
import os
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.stack.commands import Outcome, run
from deploy.stack.containerd import Containerd, containerd, require_root
from deploy.stack.daemons import Daemon, running
from deploy.stack.programs import program
from deploy.stack.sockets import short_directory
from deploy.stack.web import Login

# dockerd writes a key to /etc/docker and no option moves it: in its own mount namespace that is our directory.
_IN_OWN_ETC: Final = (
    'mkdir -p /etc/docker && mount --bind "$0" /etc/docker && '
    '{ ! [ -e "$0/hosts" ] || mount --bind "$0/hosts" /etc/hosts; } && exec "$@"'
)


@dataclass(frozen=True)
class DockerDaemon:
    """A running dockerd; `host` is what `DOCKER_HOST` takes."""

    host: str
    directory: Path
    daemon: Daemon
    containerd: Containerd

    def docker(self, *arguments: str, typed: bytes = b"") -> Outcome:
        """Run Debian's docker client on this daemon; its builds are BuildKit's."""
        client = str(self.directory / "client")
        environment = {"DOCKER_HOST": self.host, "DOCKER_CONFIG": client, "DOCKER_BUILDKIT": "1"}
        return run([program("docker"), *arguments], home=self.directory, environment=environment, typed=typed)

    def log_in(self, host: str, login: Login) -> None:
        """Do `docker login`.

        Raises:
            CommandFailed: The registry did not accept it.
        """
        typed = login.password.encode()
        self.docker("login", "--username", login.username, "--password-stdin", host, typed=typed).must()

    def import_image(self, reference: str, content: str) -> None:
        """Make an image with `docker import`: one file `/content`, enough to be pushed and signed."""
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            entry = tarfile.TarInfo("content")
            entry.size = len(content.encode())
            tar.addfile(entry, io.BytesIO(content.encode()))
        self.docker("import", "-", reference, typed=archive.getvalue()).must()


@contextmanager
def docker_daemon(
    directory: Path, *, settings: str = "{}\n", hosts: str | None = None, ca_file: Path | None = None
) -> Iterator[DockerDaemon]:
    """Run dockerd, and a containerd for it, for as long as the block lasts.

    It shares the machine's network, so it pulls from loopback ports, but sets up no bridge and no firewall.

    Args:
        directory: Its configuration, images and log.
        settings: Its `daemon.json`.
        hosts: What it reads in place of the machine's `/etc/hosts`.
        ca_file: Whom it trusts in place of those whom the machine trusts.

    Raises:
        DaemonFailed: One of them did not start.
        ProgramMissing: One of them is not installed.
        RootNeeded: We are not root.
    """
    require_root("dockerd")
    directory = directory.absolute()
    etc, client = directory / "etc", directory / "client"
    for each in (etc, client):
        each.mkdir(parents=True, exist_ok=True)
    configuration = etc / "daemon.json"
    configuration.write_text(settings)
    if hosts is not None:
        (etc / "hosts").write_text(hosts)
    trusted = {"SSL_CERT_FILE": str(ca_file.absolute())} if ca_file else {}
    program("runc")
    program("iptables")
    with short_directory() as run_directory, containerd(directory / "containerd") as below:
        host = f"unix://{run_directory}/docker.sock"
        command = [
            program("dockerd"),
            f"--config-file={configuration}",
            f"--data-root={directory}/data",
            f"--exec-root={run_directory}/exec",
            f"--host={host}",
            f"--pidfile={run_directory}/docker.pid",
            f"--containerd={below.address}",
            "--iptables=false",
            "--ip6tables=false",
            "--ip-forward=false",
            "--bridge=none",
            "--storage-driver=vfs",
        ]
        environment = {"DOCKER_HOST": host, "DOCKER_CONFIG": str(client)}

        def ready() -> bool:
            return run([program("docker"), "version"], home=directory, environment=environment).ok

        with running(
            ["/bin/sh", "-c", _IN_OWN_ETC, str(etc), *command],
            name="dockerd",
            directory=directory,
            answers=ready,
            environment={"PATH": os.environ["PATH"], **trusted},
            own_mounts=True,
        ) as daemon:
            yield DockerDaemon(host, directory, daemon, below)
