"""Pushes as users do it, and pulls of what was pushed: docker, containerd, podman, buildah and skopeo.

Each client logs in where there is a login, and goes over plain HTTP, or over https to whom one authority vouches for.
"""

import io
import json
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

from deploy.stack import clients
from deploy.stack.clients import Pull, containers_environment
from deploy.stack.commands import Outcome, run
from deploy.stack.containerd import Containerd
from deploy.stack.docker_daemon import DockerDaemon
from deploy.stack.images import Image, image, multi_arch
from deploy.stack.programs import program
from deploy.stack.sockets import short_directory
from deploy.stack.web import Login

_TAG: Final = "org.opencontainers.image.ref.name"
_NAME: Final = "io.containerd.image.name"


@dataclass(frozen=True)
class Host:
    """Where to push: `name` is `host:port`, `authority` the directory of the `ca.crt` that vouches for it.

    Without an authority it speaks plain HTTP, without a login everybody may write.
    """

    name: str
    login: Login | None = None
    authority: Path | None = None


@dataclass(frozen=True)
class Push:
    """How a push ended: what the client printed, and the digest that it says is there now (none if it failed)."""

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


class Pusher(Protocol):
    """A client that makes images, pushes them and pulls them; `name` is `host:port/repository:tag`."""

    def push(self, text: str, name: str) -> Push:
        """Make an image with a text in it, and push it."""

    def pull(self, name: str) -> Pull:
        """Pull an image, with nothing of it on this machine."""


@runtime_checkable
class IndexPusher(Pusher, Protocol):
    """One that makes and pushes an index in one go; docker has to push and sign the children first."""

    def push_index(self, text: str, name: str) -> Push:
        """Make an index for two platforms, and push it with its images."""


@dataclass(frozen=True)
class Docker:
    """`docker push`."""

    daemon: DockerDaemon
    host: Host

    def log_in(self) -> None:
        """Let dockerd trust the authority, and do `docker login`.

        Raises:
            CommandFailed: The registry did not accept it.
        """
        if self.host.authority:
            trusted = self.daemon.directory / "etc" / "certs.d" / self.host.name
            trusted.mkdir(parents=True, exist_ok=True)
            (trusted / "ca.crt").write_bytes((self.host.authority / "ca.crt").read_bytes())
        if self.host.login:
            self.daemon.log_in(self.host.name, self.host.login)

    def push(self, text: str, name: str) -> Push:
        """Log in, `docker import` an image and push it."""
        self.log_in()
        self.daemon.import_image(name, text)
        outcome = self.daemon.docker("push", name)
        words = outcome.output.split()
        return Push(outcome, words[words.index("digest:") + 1] if outcome.ok else None)

    def push_list(self, name: str, children: Mapping[str, str]) -> Push:
        """Make a manifest list of images that can be pulled, by architecture, and push it.

        The client asks for the images itself, past the daemon and its authorities.
        """
        self.daemon.docker("manifest", "create", "--insecure", name, *children.values()).must()
        for architecture, child in children.items():
            self.daemon.docker("manifest", "annotate", "--arch", architecture, name, child).must()
        outcome = self.daemon.docker("manifest", "push", "--insecure", name)
        return Push(outcome, outcome.output.split()[-1] if outcome.ok else None)

    def pull(self, name: str) -> Pull:
        """Remove the image, if it is here, and pull it."""
        self.daemon.docker("image", "rm", "--force", name).must()
        return clients.docker_pull(self.daemon, name)


@dataclass(frozen=True)
class Ctr:
    """`ctr images push`: the pusher that BuildKit and nerdctl have too."""

    containerd: Containerd
    host: Host

    def push(self, text: str, name: str) -> Push:
        """Import an image and push it."""
        return self._push(image(text, kind="oci"), name)

    def push_index(self, text: str, name: str) -> Push:
        """Import an index with its images and push all of it."""
        return self._push(multi_arch(text, kind="oci"), name)

    def pull(self, name: str) -> Pull:
        """Remove the image, if it is here, with its content, and pull it."""
        self._images("remove", "--sync", name).must()
        return clients.ctr_pull(self.containerd, name, login=self.host.login, authority=self.host.authority)

    def _push(self, content: Image, name: str) -> Push:
        archive = self.containerd.directory / "archive.tar"
        archive.write_bytes(oci_archive(content, {_NAME: name}))
        self._images("import", "--no-unpack", "--all-platforms", str(archive)).must()
        transport = f"--tlscacert={self.host.authority / 'ca.crt'}" if self.host.authority else "--plain-http"
        login = self.host.login
        credentials = [f"--user={login.username}:{login.password}"] if login else []
        outcome = self._images("push", transport, *credentials, name)
        return Push(outcome, content.digest if outcome.ok else None)

    def _images(self, *arguments: str) -> Outcome:
        command = [program("ctr"), f"--address={self.containerd.address}", "images", *arguments]
        return run(command, home=self.containerd.directory)


@dataclass(frozen=True)
class Skopeo:
    """`skopeo copy` from an archive: it stores no images."""

    directory: Path
    host: Host

    def push(self, text: str, name: str) -> Push:
        """Copy an image into the registry."""
        return self._push(image(text, kind="oci"), name)

    def push_index(self, text: str, name: str) -> Push:
        """Copy an index with its images into the registry."""
        return self._push(multi_arch(text, kind="oci"), name)

    def pull(self, name: str) -> Pull:
        """Copy the image, or the index with its images, to a directory."""
        here, host = _empty(self.directory), self.host
        return clients.skopeo_pull(here, name, login=host.login, every_platform=True, authority=host.authority)

    def delete(self, name: str) -> Outcome:
        """`skopeo delete`, which reads the manifest before it deletes it."""
        with _session("skopeo", self.directory, self.host) as skopeo:
            return skopeo.run("delete", skopeo.transport, f"docker://{name}")

    def manifest(self, name: str) -> bytes:
        """`skopeo inspect --raw`: the manifest as it is, whose digest and length are what gets signed."""
        with _session("skopeo", self.directory, self.host) as skopeo:
            return skopeo.run("inspect", "--raw", skopeo.transport, f"docker://{name}").must().encode()

    def _push(self, content: Image, name: str) -> Push:
        with _session("skopeo", self.directory, self.host) as skopeo:
            archive = skopeo.archive(content)
            transport = skopeo.transport.replace("--", "--dest-")
            return skopeo.pushed("copy", "--all", transport, archive, f"docker://{name}")


@dataclass(frozen=True)
class Podman:
    """`podman push` and `podman manifest push`."""

    directory: Path
    host: Host

    def push(self, text: str, name: str) -> Push:
        """Import an image and push it."""
        with _session("podman", self.directory, self.host) as podman:
            podman.run("import", podman.archive_of_file(text), name).must()
            return podman.pushed("push", podman.transport, name)

    def push_index(self, text: str, name: str) -> Push:
        """Make a list of two images and push all of it."""
        with _session("podman", self.directory, self.host) as podman:
            return podman.push_list(text, name)

    def pull(self, name: str) -> Pull:
        """Pull into empty storage."""
        here, host = _empty(self.directory), self.host
        return clients.podman_pull(here, name, login=host.login, authority=host.authority)


@dataclass(frozen=True)
class Buildah:
    """`buildah push` and `buildah manifest push`."""

    directory: Path
    host: Host

    def push(self, text: str, name: str) -> Push:
        """Build an image from scratch and push it."""
        with _session("buildah", self.directory, self.host) as buildah:
            container = buildah.run("from", "scratch").must().strip()
            buildah.run("add", container, buildah.archive_of_file(text)).must()
            buildah.run("commit", container, name).must()
            return buildah.pushed("push", buildah.transport, name)

    def push_index(self, text: str, name: str) -> Push:
        """Make a list of two images and push all of it."""
        with _session("buildah", self.directory, self.host) as buildah:
            return buildah.push_list(text, name)

    def pull(self, name: str) -> Pull:
        """Pull into empty storage."""
        here, host = _empty(self.directory), self.host
        return clients.buildah_pull(here, name, login=host.login, authority=host.authority)


@dataclass(frozen=True)
class _Session:
    """podman, buildah or skopeo with storage, settings and logins of its own."""

    command: tuple[str, ...]
    directory: Path
    environment: Mapping[str, str]
    transport: str

    def run(self, *arguments: str, typed: bytes = b"") -> Outcome:
        command = [*self.command, *arguments]
        return run(command, home=self.directory, environment=self.environment, typed=typed)

    def pushed(self, *arguments: str) -> Push:
        """Run a command that knows `--digestfile`."""
        verb, *rest = arguments
        digest = self.directory / "digest"
        outcome = self.run(verb, f"--digestfile={digest}", *rest)
        return Push(outcome, digest.read_text().strip() if outcome.ok else None)

    def push_list(self, text: str, name: str) -> Push:
        self.run("manifest", "create", name).must()
        for child in multi_arch(text, kind="oci").children:
            self.run("manifest", "add", f"--arch={child.architecture}", name, self.archive(child)).must()
        digest = self.directory / "digest"
        pushed = ("manifest", "push", "--all", f"--digestfile={digest}", self.transport, name, f"docker://{name}")
        outcome = self.run(*pushed)
        return Push(outcome, digest.read_text().strip() if outcome.ok else None)

    def archive(self, content: Image) -> str:
        """Write an OCI archive, and return how these programs name it."""
        file = self.directory / f"{content.architecture}.tar"
        file.write_bytes(oci_archive(content, {_TAG: "made"}))
        return f"oci-archive:{file}:made"

    def archive_of_file(self, text: str) -> str:
        file = self.directory / "files.tar"
        file.write_bytes(_archive({"content": text.encode()}))
        return str(file)


@contextmanager
def _session(name: str, parent: Path, host: Host) -> Iterator[_Session]:
    directory = _empty(parent)
    transport = f"--cert-dir={host.authority}" if host.authority else "--tls-verify=false"
    with short_directory() as run_directory:
        storage = (f"--root={directory}/root", f"--runroot={run_directory}/run", "--storage-driver=vfs")
        flags = {
            "skopeo": (f"--tmpdir={directory}",),
            "podman": (f"--tmpdir={directory}/libpod", "--cgroup-manager=cgroupfs", *storage),
            "buildah": storage,
        }[name]
        session = _Session((program(name), *flags), directory, containers_environment(directory), transport)
        if host.login:
            typed = host.login.password.encode()
            user = f"--username={host.login.username}"
            session.run("login", transport, user, "--password-stdin", host.name, typed=typed).must()
        yield session


def _empty(parent: Path) -> Path:
    return Path(tempfile.mkdtemp(dir=parent))


def oci_archive(content: Image, annotations: Mapping[str, str]) -> bytes:
    """An OCI layout as a tar archive; the annotations say under which name programs find the image."""
    top = {"schemaVersion": 2, "manifests": [{**content.manifest.descriptor, "annotations": annotations}]}
    files = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}', "index.json": json.dumps(top).encode()}
    for each in (content, *content.children):
        for blob in (each.manifest, *each.blobs):
            files[f"blobs/sha256/{blob.digest.removeprefix('sha256:')}"] = blob.content
    return _archive(files)


def _archive(files: Mapping[str, bytes]) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return target.getvalue()
