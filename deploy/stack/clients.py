"""Pulls as users do it: with docker, containerd, podman, buildah and skopeo.

Each pulls over plain HTTP unless it is given the directory of a `ca.crt`: then over https from whom that vouches for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.stack.commands import Outcome, run
from deploy.stack.containerd import Containerd
from deploy.stack.docker_daemon import DockerDaemon
from deploy.stack.programs import program
from deploy.stack.sockets import short_directory
from deploy.stack.web import Login


@dataclass(frozen=True)
class ContainersFiles:
    """What podman, buildah and skopeo find in `~/.config/containers`, which hides the files of the system."""

    registries: str = "unqualified-search-registries = []\n"
    policy: str = '{"default": [{"type": "insecureAcceptAnything"}]}\n'


_PLAIN: Final = ContainersFiles()


@dataclass(frozen=True)
class Pull:
    """How a pull ended: what the client printed, and the digest that it says it has (none if it failed)."""

    outcome: Outcome
    digest: str | None

    @property
    def ok(self) -> bool:
        """Whether the image arrived."""
        return self.outcome.ok

    @property
    def output(self) -> str:
        """What a person saw."""
        return self.outcome.output


def docker_pull(docker: DockerDaemon, reference: str) -> Pull:
    """`docker pull`; for a login use `DockerDaemon.log_in` before."""
    outcome = docker.docker("pull", reference)
    return Pull(outcome, _after(outcome, "Digest:"))


def docker_build(docker: DockerDaemon, reference: str) -> Outcome:
    """`docker build` of nothing but a base image, by the BuildKit inside dockerd, which pulls by itself."""
    return docker.docker("build", "--progress=plain", "-", typed=f"FROM {reference}\n".encode())


def ctr_pull(
    containerd: Containerd,
    reference: str,
    *,
    login: Login | None = None,
    hosts: Path | None = None,
    authority: Path | None = None,
) -> Pull:
    """`ctr images pull`, which asks as kubelet's containerd does; `hosts` is a `certs.d` to follow."""
    base = [program("ctr"), f"--address={containerd.address}", "images"]
    credentials = [f"--user={login.username}:{login.password}"] if login else []
    followed = [f"--hosts-dir={hosts.absolute()}"] if hosts else []
    transport = f"--tlscacert={authority / 'ca.crt'}" if authority else "--plain-http"
    outcome = run(
        [*base, "pull", transport, "--snapshotter=native", *credentials, *followed, reference],
        home=containerd.directory,
    )
    if not outcome.ok:
        return Pull(outcome, None)
    listed = run([*base, "list", f"name=={reference}"], home=containerd.directory)
    return Pull(outcome, _digest_in(listed))


def skopeo_pull(
    directory: Path,
    reference: str,
    *,
    login: Login | None = None,
    every_platform: bool = False,
    files: ContainersFiles = _PLAIN,
    authority: Path | None = None,
) -> Pull:
    """`skopeo copy` to a directory of files; with `every_platform`, an index with all its children."""
    directory = directory.absolute()
    environment = containers_environment(directory, files)
    digest_file = directory / "digest"
    digest_file.unlink(missing_ok=True)
    outcome = run(
        [
            program("skopeo"),
            f"--tmpdir={directory}",
            "copy",
            f"--src-cert-dir={authority}" if authority else "--src-tls-verify=false",
            f"--digestfile={digest_file}",
            *(["--all"] if every_platform else []),
            *([f"--src-creds={login.username}:{login.password}"] if login else []),
            f"docker://{reference}",
            f"dir:{directory / 'image'}",
        ],
        home=directory,
        environment=environment,
    )
    return Pull(outcome, digest_file.read_text().strip() if outcome.ok else None)


def podman_pull(
    directory: Path,
    reference: str,
    *,
    login: Login | None = None,
    files: ContainersFiles = _PLAIN,
    authority: Path | None = None,
) -> Pull:
    """`podman pull` into storage of its own."""
    options = (f"--tmpdir={directory.absolute()}/libpod", "--cgroup-manager=cgroupfs")
    return _pull_into_storage([program("podman"), *options], directory, reference, login, files, authority)


def buildah_pull(
    directory: Path,
    reference: str,
    *,
    login: Login | None = None,
    files: ContainersFiles = _PLAIN,
    authority: Path | None = None,
) -> Pull:
    """`buildah pull` into storage of its own."""
    return _pull_into_storage([program("buildah")], directory, reference, login, files, authority)


def _pull_into_storage(
    command: Sequence[str],
    directory: Path,
    reference: str,
    login: Login | None,
    files: ContainersFiles,
    authority: Path | None,
) -> Pull:
    directory = directory.absolute()
    environment = containers_environment(directory, files)
    credentials = [f"--creds={login.username}:{login.password}"] if login else []
    with short_directory() as run_directory:
        storage = [f"--root={directory}/root", f"--runroot={run_directory}/run", "--storage-driver=vfs"]
        base = [*command, *storage]
        transport = f"--cert-dir={authority}" if authority else "--tls-verify=false"
        pulled = [*base, "pull", transport, *credentials, reference]
        outcome = run(pulled, home=directory, environment=environment)
        if not outcome.ok:
            return Pull(outcome, None)
        listed = run([*base, "images", "--digests", "--no-trunc", reference], home=directory, environment=environment)
    return Pull(outcome, _digest_in(listed))


def containers_environment(directory: Path, files: ContainersFiles = _PLAIN) -> dict[str, str]:
    """Let podman, buildah and skopeo find these files and this directory, and nothing of the system or of a login."""
    containers = directory / ".config" / "containers"  # podman asks for its variable, skopeo reads this alone
    containers.mkdir(parents=True, exist_ok=True)
    (containers / "registries.conf").write_text(files.registries)
    (containers / "policy.json").write_text(files.policy)
    (directory / "auth.json").write_text("{}")
    return {
        "CONTAINERS_REGISTRIES_CONF": str(containers / "registries.conf"),
        "REGISTRY_AUTH_FILE": str(directory / "auth.json"),
        "XDG_RUNTIME_DIR": str(directory),
        "TMPDIR": str(directory),
    }


def _digest_in(listed: Outcome) -> str | None:
    return next((word for word in listed.output.split() if word.startswith("sha256:")), None)


def _after(outcome: Outcome, word: str) -> str | None:
    lines = (line.strip() for line in outcome.output.splitlines())
    return next((line.removeprefix(word).strip() for line in lines if line.startswith(word)), None)
