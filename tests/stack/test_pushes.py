"""Real clients push through the proxy, real tools sign there, and real clients pull what was signed."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pytest

from certs.authority import Authority
from deploy.stack import docker_trust, notary_client
from deploy.stack.containerd import Containerd
from deploy.stack.docker_daemon import DockerDaemon
from deploy.stack.images import image, push
from deploy.stack.notary import Notary
from deploy.stack.notary import notary as run_notary
from deploy.stack.people import Person
from deploy.stack.pushers import Ctr, Docker, IndexPusher, Skopeo
from deploy.stack.registry import Registry
from deploy.stack.registry import registry as run_registry
from deploy.stack.web import Login
from tests.stack.configuration import wait_for
from tests.stack.pushing import INDEX_PUSHERS, PUSHERS, REPOSITORY, Place, Trust, place, pusher
from tests.support.token_server import TokenServer, User, token_server

_WRITER: Final = Login("writer", "writer's secret")
_PROXY: Final = Login("proxy", "proxy's secret")
_USERS: Final = (User(_WRITER, {"*": "pull,push,delete,*"}, catalog=True), User(_PROXY, {"*": "pull"}))


@dataclass(frozen=True)
class Guarded:
    """A registry, the login that it asks for, and where its images are signed."""

    registry: Registry
    login: Login | None
    trust: Trust


@pytest.fixture(scope="module")
def tokens(scratch: Path) -> Iterator[TokenServer]:
    """Who gives tokens for the registry."""
    with token_server(scratch / "push-tokens", _USERS) as server:
        yield server


@pytest.fixture(scope="module")
def guarded_trust(scratch: Path, authority: Authority, owner: Person, anchor: str) -> Iterator[Trust]:
    """A Notary that wants tokens, from the owner and from the proxy too."""
    directory = scratch / "push-notary"
    with (
        token_server(directory / "tokens", _USERS, authority=authority) as server,
        run_notary(directory, authority, tokens=server.auth("notary.example.com")) as notary,
    ):
        second = Person.settle("owner", directory / "owner", notary)
        key = notary_client.root_key_file(owner, anchor)
        kept = notary_client.root_key_file(second, anchor)
        kept.parent.mkdir(parents=True)
        kept.write_bytes(key.read_bytes())
        yield Trust(notary, second, anchor, _PROXY)


@pytest.fixture(scope="module")
def guarded(
    scratch: Path, tokens: TokenServer, notary: Notary, owner: Person, anchor: str, guarded_trust: Trust
) -> Iterator[dict[str, Guarded]]:
    """One registry for everybody, one with passwords, and one with tokens, whose Notary wants tokens too."""
    trust = Trust(notary, owner, anchor)
    auth = tokens.auth("registry.example.com", _WRITER)
    directory = scratch / "push-registries"
    with (
        run_registry(directory / "open") as anybody,
        run_registry(directory / "htpasswd", login=_WRITER) as htpasswd,
        run_registry(directory / "tokens", login=auth) as with_tokens,
    ):
        yield {
            "open": Guarded(anybody, None, trust),
            "htpasswd": Guarded(htpasswd, _WRITER, trust),
            "tokens": Guarded(with_tokens, _WRITER, guarded_trust),
        }


@pytest.fixture(scope="module", params=["http", "https"])
def transport(request: pytest.FixtureRequest) -> str:
    """How clients reach the proxy."""
    return str(request.param)


@pytest.fixture(scope="module", params=["open", "htpasswd", "tokens"])
def here(
    request: pytest.FixtureRequest,
    scratch: Path,
    authority: Authority,
    guarded: dict[str, Guarded],
    transport: str,
) -> Iterator[Place]:
    """A proxy over one registry after another."""
    chosen = guarded[request.param]
    directory = scratch / f"push-{transport}-{request.param}"
    tls = authority if transport == "https" else None
    with place(directory, chosen.registry, chosen.trust, login=chosen.login, authority=tls) as running:
        yield running


@pytest.mark.parametrize("name", PUSHERS)
def test_image_is_pushed_signed_and_pulled(request: pytest.FixtureRequest, here: Place, name: str) -> None:
    """What a client pushes is refused until it is signed, and then pulled as it was pushed."""
    client = pusher(request, name, here.host)
    pushed = client.push("hello", here.name(name))
    assert pushed.ok, pushed.output
    assert here.ask(name).status == 403
    here.sign(name, pushed.digest)
    pulled = client.pull(here.name(name))
    assert pulled.digest == pushed.digest, pulled.output


@pytest.mark.parametrize("name", INDEX_PUSHERS)
def test_index_is_pushed_signed_and_pulled(request: pytest.FixtureRequest, here: Place, name: str) -> None:
    """An index goes in with its images, one signature lets all of it out."""
    client = pusher(request, name, here.host)
    assert isinstance(client, IndexPusher)
    tag = f"{name}-index"
    pushed = client.push_index("hello", here.name(tag))
    assert pushed.ok, pushed.output
    here.sign(tag, pushed.digest)
    pulled = client.pull(here.name(tag))
    assert pulled.digest == pushed.digest, pulled.output


@pytest.mark.parametrize("transport", ["http"], indirect=True)
@pytest.mark.parametrize("here", ["tokens"], indirect=True)
def test_docker_reads_the_images_of_its_list(here: Place, docker_daemon: DockerDaemon) -> None:
    """`docker manifest create` reads the images through the proxy: they are signed first, then the list."""
    docker = Docker(docker_daemon, here.host)
    children = {architecture: here.name(f"listed-{architecture}") for architecture in ("amd64", "arm64")}
    for architecture, child in children.items():
        here.sign(f"listed-{architecture}", docker.push(f"for {architecture}", child).digest)
    pushed = docker.push_list(here.name("listed"), children)
    assert pushed.ok, pushed.output
    here.sign("listed", pushed.digest)
    pulled = docker.pull(here.name("listed"))
    assert pulled.digest == pushed.digest, pulled.output


@pytest.mark.parametrize("transport", ["http"], indirect=True)
@pytest.mark.parametrize("here", ["htpasswd"], indirect=True)
def test_push_over_a_signed_tag_waits_for_its_signature(here: Place, tmp_path: Path) -> None:
    """A push that moves a signed tag changes nothing for those who pull, until the new image is signed too."""
    skopeo, name = Skopeo(tmp_path, here.host), here.name("moving")
    first = skopeo.push("first", name)
    here.sign("moving", first.digest)
    second = skopeo.push("second", name)
    assert second.ok, second.output
    assert skopeo.pull(name).digest == first.digest
    here.sign("moving", second.digest)
    pulled = wait_for(lambda: skopeo.pull(name), lambda pull: pull.digest == second.digest)
    assert pulled.digest == second.digest, pulled.output


@pytest.mark.parametrize("transport", ["http"], indirect=True)
@pytest.mark.parametrize("here", ["open"], indirect=True)
def test_containerd_puts_a_moved_tag_back(here: Place, containerd: Containerd) -> None:
    """The tag that containerd asks for before it pushes is never said to be there: so its push puts it back."""
    ctr, name = Ctr(containerd, here.host), here.name("restored")
    pushed = ctr.push("good", name)
    here.sign("restored", pushed.digest)
    push(here.registry, REPOSITORY, image("evil"), "restored")
    assert ctr.push("good", name).ok
    assert here.registry.get_manifest(REPOSITORY, "restored").headers["Docker-Content-Digest"] == pushed.digest


@pytest.mark.parametrize("transport", ["https"], indirect=True)
@pytest.mark.parametrize("here", ["open"], indirect=True)
@pytest.mark.parametrize("name", PUSHERS)
def test_client_of_another_authority_pushes_nothing(
    request: pytest.FixtureRequest, here: Place, tmp_path: Path, name: str
) -> None:
    """Over https no client gives an image to a proxy for whom its authority does not vouch."""
    other = Authority.open(tmp_path / "other")
    other.key_file.unlink()
    stranger = replace(here.host, authority=other.directory)
    pushed = pusher(request, name, stranger).push("hello", here.name(name, "shop/strangers"))
    assert not pushed.ok
    assert "certificate signed by unknown authority" in pushed.output
    assert here.registry.get_manifest("shop/strangers", name).status == 404


def test_docker_trust_pushes_and_signs(here: Place, docker_daemon: DockerDaemon) -> None:
    """`docker trust sign` pushes an image through the proxy and signs it, all in one; docker then pulls it."""
    docker = Docker(docker_daemon, here.host)
    docker.log_in()
    docker_daemon.import_image(here.name("trusted"), "trusted")
    printed = docker_trust.sign(replace(here.alice, docker_host=docker_daemon.host), here.name("trusted"))
    assert "Successfully signed" in printed
    here.signed("trusted")
    pulled = docker.pull(here.name("trusted"))
    assert f"digest: {pulled.digest}" in printed, pulled.output
