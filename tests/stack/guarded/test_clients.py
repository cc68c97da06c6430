"""Real clients with real credentials: they log in through the proxy and see what they would see without it."""

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.stack import clients
from deploy.stack.clients import Pull
from deploy.stack.commands import Outcome
from deploy.stack.containerd import Containerd
from deploy.stack.docker_daemon import DockerDaemon
from deploy.stack.images import image
from deploy.stack.proxy import Proxy
from deploy.stack.registry import Registry
from deploy.stack.web import Login
from tests.stack.guarded.people import OWNER, READER

Puller = Callable[[str, Login | None], Pull]


def log_in(docker: DockerDaemon, host: str, login: Login) -> Outcome:
    """`docker login`, however it ends."""
    typed = login.password.encode()
    return docker.docker("login", "--username", login.username, "--password-stdin", host, typed=typed)


def log_out(docker: DockerDaemon, host: str) -> None:
    """`docker logout`."""
    docker.docker("logout", host).must()


@pytest.fixture(params=["docker", "ctr", "skopeo", "podman"])
def pull(request: pytest.FixtureRequest, tmp_path: Path) -> Puller:
    """One real client after another."""
    match request.param:
        case "docker":
            docker: DockerDaemon = request.getfixturevalue("docker_daemon")

            def with_docker(reference: str, login: Login | None) -> Pull:
                host = reference.partition("/")[0]
                if login is None:
                    log_out(docker, host)
                else:
                    docker.log_in(host, login)
                return clients.docker_pull(docker, reference)

            return with_docker
        case "ctr":
            containerd: Containerd = request.getfixturevalue("containerd")
            return lambda reference, login: clients.ctr_pull(containerd, reference, login=login)
        case "skopeo":
            return lambda reference, login: clients.skopeo_pull(tmp_path, reference, login=login)
        case _:
            places = (tmp_path / str(number) for number in itertools.count())
            return lambda reference, login: clients.podman_pull(next(places), reference, login=login)


def test_who_may_pull_pulls_what_is_signed(before_tokens: Proxy, pull: Puller) -> None:
    """The client finds the token server by the registry's own challenge, and goes there itself."""
    pulled = pull(f"{before_tokens.host}/open/app:1.0", READER)
    assert pulled.digest == image("open/app").digest, pulled.output


@pytest.mark.parametrize("login", [pytest.param(READER, id="reader"), pytest.param(None, id="nobody")])
def test_who_may_not_sees_what_the_registry_shows(
    guarded: Registry, before_tokens: Proxy, pull: Puller, login: Login | None
) -> None:
    """The screen is the same as without the proxy, but for the address."""
    direct, proxied = (pull(f"{host}/closed/app:1.0", login) for host in (guarded.host, before_tokens.host))
    assert not direct.ok
    assert not proxied.ok
    assert _essence(proxied.output, before_tokens.host) == _essence(direct.output, guarded.host)
    assert "[" not in proxied.output.rpartition("denied")[2], "nothing of a decision is shown"


@pytest.mark.parametrize("kind", ["tokens", "password"])
def test_docker_login_works_through_the_proxy(
    docker_daemon: DockerDaemon, request: pytest.FixtureRequest, kind: str
) -> None:
    """With the right password docker says so; with a wrong one it says what it says to the registry itself."""
    names = {"tokens": ("guarded", "before_tokens"), "password": ("passworded", "before_password")}[kind]
    registry, proxy = (request.getfixturevalue(name) for name in names)
    right = log_in(docker_daemon, proxy.host, OWNER)
    assert right.ok, right.output
    assert "Login Succeeded" in right.output
    wrong = Login(OWNER.username, "guess")
    direct, proxied = (log_in(docker_daemon, host, wrong) for host in (registry.host, proxy.host))
    assert not proxied.ok
    assert _essence(proxied.output, proxy.host) == _essence(direct.output, registry.host)
    assert "401" in proxied.output or "unauthorized" in proxied.output
    pulled = clients.docker_pull(docker_daemon, f"{proxy.host}/open/app:1.0")
    assert pulled.ok, "the right password is still known"


def _essence(output: str, host: str) -> list[str]:
    """What a screen says, without the address and the time, each line once."""
    lines = (line.partition("level=")[2] or line for line in output.replace(host, "HOST").splitlines())
    return sorted({line.strip() for line in lines if line.strip()})
