"""containerd pulls for kubelet through the proxy, by the calls that kubelet makes, and says in the pod's event why not.

The registry's own address plays `registry.example.com`, and the proxy sits on a port of its own. Every refused image is
pulled by a trap, so a refusal here is the work of the shipped file and not of a registry out of reach.
"""

import itertools
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from certs.authority import Authority
from deploy.stack import docker_trust, notary_client
from deploy.stack.containerd import Containerd
from deploy.stack.containerd import containerd as run_containerd
from deploy.stack.cri import CriImage, cri_pull, image_status, remove_image
from deploy.stack.images import Image, image, push
from deploy.stack.notary import Notary
from deploy.stack.people import Person
from deploy.stack.proxy import Proxy
from deploy.stack.proxy import proxy as run_proxy
from deploy.stack.registry import Registry
from deploy.stack.registry import registry as run_registry
from deploy.stack.web import Login
from tests.stack.configuration import configuration, wait_for
from tests.support.token_server import User, token_server

_SHIPPED: Final = Path(__file__).parents[2] / "deploy" / "clients" / "containerd"
_LOGIN: Final = Login("kubelet", "secret of the pod")
_TAGS: Final = itertools.count()

Signers = dict[str, Person]


@dataclass(frozen=True)
class Place:
    """One repository behind one proxy: `signed` is tag 1.0, which was moved to other content after it was signed."""

    registry: Registry
    proxy: Proxy
    authority: Authority
    repository: str
    signed: Image

    @property
    def name(self) -> str:
        """The repository under the registry's name, as it stands in a pod."""
        return f"{self.registry.host}/{self.repository}"

    @property
    def through_proxy(self) -> str:
        """The repository under the proxy's own address."""
        return f"{self.proxy.host}/{self.repository}"

    def fill(self, template: str) -> str:
        """Put this place into the placeholders of a shipped file."""
        for placeholder, value in {
            "https://proxy.example.com": self.proxy.url,
            "registry.example.com": self.registry.host,
            "/etc/containerd/proxy-ca.pem": str(self.authority.certificate_file.absolute()),
        }.items():
            template = template.replace(placeholder, value)
        assert "example.com" not in template
        return template

    def refusals_of(self, tag: str) -> int:
        """How often the proxy refused this tag."""
        return sum(
            event["decision"] == "refused" and event["path"].endswith(f"/{tag}") for event in self.proxy.events()
        )

    def sign(self, owner: Person, alice: Person, tag: str, content: Image) -> None:
        """Push an image, and let alice sign it."""
        push(self.registry, self.repository, content, tag)
        docker_trust.add_signer(owner, self.name, alice.name, alice.public_key)
        notary_client.sign_as(alice, self.name, tag, content.digest, content.length)


def settle(place: Place, owner: Person, alice: Person) -> Place:
    """Let alice sign tag 1.0, and somebody move it."""
    place.sign(owner, alice, "1.0", place.signed)
    push(place.registry, place.repository, image("cri moved"), "1.0")
    return place


@pytest.fixture(scope="module")
def place(
    scratch: Path,
    authority: Authority,
    registry: Registry,
    notary: Notary,
    owner: Person,
    signers: Signers,
    anchor: str,
) -> Iterator[Place]:
    """A proxy that wants alice, and asks Notary again after a second."""
    settings = configuration(registry, notary, [anchor], signers)
    settings["repositories"] = {"**": {"signed_by": {"any_of": ["alice"]}, "fresh_for": "1s"}}
    with run_proxy(scratch / "cri-proxy", settings) as proxy:
        place = Place(registry, proxy, authority, "shop/cri", image("cri signed"))
        yield settle(place, owner, signers["alice"])


@contextmanager
def guarded(kind: str, directory: Path) -> Iterator[Registry]:
    """A registry that asks for a password itself, or sends clients to a token server that does."""
    if kind == "htpasswd":
        with run_registry(directory / "registry", login=_LOGIN) as registry:
            yield registry
    else:
        user = User(_LOGIN, {"*": "pull,push"})
        with (
            token_server(directory / "tokens", (user,)) as tokens,
            run_registry(directory / "registry", login=tokens.auth("registry.example.com", _LOGIN)) as registry,
        ):
            yield registry


@pytest.fixture(scope="module", params=["htpasswd", "token"])
def private(
    request: pytest.FixtureRequest,
    scratch: Path,
    authority: Authority,
    notary: Notary,
    owner: Person,
    signers: Signers,
    anchor: str,
) -> Iterator[Place]:
    """The same behind a registry that wants to know who pulls."""
    directory = scratch / f"cri-{request.param}"
    with guarded(request.param, directory) as registry:
        settings = configuration(registry, notary, [anchor], signers)
        settings["repositories"] = {"**": {"signed_by": {"any_of": ["alice"]}}}
        with run_proxy(directory / "proxy", settings) as proxy:
            place = Place(registry, proxy, authority, "shop/cri", image("cri private"))
            yield settle(place, owner, signers["alice"])


def shipped_lines(certs_d: Path) -> str:
    """The lines for containerd's own file, which is read here after others, with our directory in them."""
    lines = (_SHIPPED / "config.toml").read_text().replace("version = 2\n", "")
    return lines.replace("/etc/containerd/certs.d", str(certs_d))


@pytest.fixture(scope="module")
def directory_of_hosts(scratch: Path) -> Path:
    """Where the node looks for `hosts.toml` at each pull."""
    return scratch / "node" / "certs.d"


@pytest.fixture(scope="module")
def node(scratch: Path, directory_of_hosts: Path) -> Iterator[Containerd]:
    """A containerd as on a node of a cluster, with the shipped lines in its configuration."""
    with run_containerd(scratch / "node", cri=shipped_lines(directory_of_hosts)) as running:
        yield running


@pytest.fixture
def certs_d(directory_of_hosts: Path) -> Path:
    """The node's `certs.d`, empty again for each test."""
    shutil.rmtree(directory_of_hosts, ignore_errors=True)
    directory_of_hosts.mkdir(parents=True)
    return directory_of_hosts


@pytest.fixture
def unsigned(place: Place) -> tuple[str, Image]:
    """A tag that nobody signed and no client has seen, and its image."""
    tag = f"unsigned-{next(_TAGS)}"
    return tag, push(place.registry, place.repository, image(f"cri {tag}"), tag)


def follow(certs_d: Path, host: str, content: str) -> None:
    """Write the `hosts.toml` of one host."""
    (certs_d / host).mkdir(exist_ok=True)
    (certs_d / host / "hosts.toml").write_text(content)


def ship(place: Place, certs_d: Path) -> None:
    """Write the shipped `hosts.toml` of every host."""
    for file in _SHIPPED.glob("certs.d/*/hosts.toml"):
        follow(certs_d, place.fill(file.parent.name), place.fill(file.read_text()))


@pytest.mark.usefixtures("certs_d")
def test_signed_tag_arrives_by_its_signed_digest(place: Place, node: Containerd) -> None:
    """A pod with a signed tag gets what was signed, under its tag and its digest, although the tag was moved."""
    reference = f"{place.through_proxy}:1.0"
    pulled = cri_pull(node, reference)
    assert pulled.digest == place.signed.digest, pulled.output
    config, *_ = place.signed.blobs
    expected = CriImage(config.digest, (reference,), (f"{place.through_proxy}@{place.signed.digest}",))
    assert image_status(node, reference) == expected
    remove_image(node, reference)
    assert image_status(node, reference) is None


@pytest.mark.usefixtures("certs_d")
def test_unsigned_tag_is_refused_in_the_event_of_the_pod(
    place: Place, node: Containerd, unsigned: tuple[str, Image]
) -> None:
    """The error that kubelet puts into the pod's event has the proxy's whole sentence: what, why, and what to do."""
    tag, _ = unsigned
    reference = f"{place.through_proxy}:{tag}"
    refused = cri_pull(node, reference)
    sentence = place.proxy.request("GET", f"/v2/{place.repository}/manifests/{tag}").reason
    assert sentence.startswith("Forbidden: ")
    assert sentence.endswith("[tag_not_signed]")
    assert refused.output == (
        f'rpc error: code = Unknown desc = failed to pull and unpack image "{reference}": '
        f'failed to resolve reference "{reference}": '
        f"pulling from host {place.proxy.host} failed with status code [manifests {tag}]: 403 {sentence}"
    )
    assert image_status(node, reference) is None


@pytest.mark.usefixtures("certs_d")
def test_digest_beside_a_tag_is_what_counts(place: Place, node: Containerd, unsigned: tuple[str, Image]) -> None:
    """With tag and digest only the digest is asked for: a signed one is served beside any tag, another is refused."""
    tag, content = unsigned
    pulled = cri_pull(node, f"{place.through_proxy}:{tag}@{place.signed.digest}")
    assert pulled.digest == place.signed.digest, pulled.output
    refused = cri_pull(node, f"{place.through_proxy}:1.0@{content.digest}")
    assert not refused.ok
    assert "[digest_not_signed]" in refused.output


@pytest.mark.usefixtures("certs_d")
def test_pull_policy_always_meets_a_revocation(place: Place, node: Containerd, owner: Person, signers: Signers) -> None:
    """A node that has the image already is refused at its next pull, once the signature is taken back."""
    place.sign(owner, signers["alice"], "withdrawn", image("cri withdrawn"))
    reference = f"{place.through_proxy}:withdrawn"
    pulled = wait_for(lambda: cri_pull(node, reference), lambda pull: pull.ok)
    assert pulled.ok, pulled.output
    notary_client.remove_target(
        signers["alice"], place.name, "withdrawn", roles=("targets/alice", notary_client.RELEASES)
    )
    refused = wait_for(lambda: cri_pull(node, reference), lambda pull: not pull.ok)
    assert "[tag_not_signed]" in refused.output
    assert image_status(node, reference) is not None


def test_pull_secret_is_the_registrys_own(private: Place, node: Containerd, certs_d: Path) -> None:
    """Where the registry wants to know who pulls, the pod's secret says it, and only then the signature counts."""
    push(private.registry, private.repository, image("cri private unsigned"), "2.0")
    for tag in ("1.0", "2.0"):
        for login in (None, Login(_LOGIN.username, "wrong")):
            stranger = cri_pull(node, f"{private.through_proxy}:{tag}", login=login)
            assert not stranger.ok
            assert "sign" not in stranger.output
    pulled = cri_pull(node, f"{private.through_proxy}:1.0", login=_LOGIN)
    assert pulled.digest == private.signed.digest, pulled.output
    refused = cri_pull(node, f"{private.through_proxy}:2.0", login=_LOGIN)
    assert "[tag_not_signed]" in refused.output
    assert not list(certs_d.iterdir())


def test_pull_secret_follows_the_shipped_file(private: Place, node: Containerd, certs_d: Path) -> None:
    """Under the registry's name, the pod's secret reaches the proxy of another name, as long as it names no server."""
    ship(private, certs_d)
    reference = f"{private.name}:1.0"
    pulled = cri_pull(node, reference, login=_LOGIN)
    assert pulled.digest == private.signed.digest, pulled.output
    kept = cri_pull(node, reference, login=_LOGIN, server=private.registry.url)
    assert not kept.ok
    assert "nauthorized" in kept.output or "authorization failed" in kept.output


def test_shipped_file_leads_to_what_was_signed(
    place: Place, node: Containerd, certs_d: Path, unsigned: tuple[str, Image]
) -> None:
    """With the shipped files, the registry's name gives what alice signed, and nothing for a tag that nobody signed."""
    ship(place, certs_d)
    pulled = cri_pull(node, f"{place.name}:1.0")
    assert pulled.digest == place.signed.digest, pulled.output
    tag, _ = unsigned
    refused = cri_pull(node, f"{place.name}:{tag}")
    assert not refused.ok
    assert "[tag_not_signed]" in refused.output


def test_shipped_default_closes_other_names(
    place: Place, node: Containerd, certs_d: Path, unsigned: tuple[str, Image]
) -> None:
    """With the shipped `_default`, another name of the registry leads to the proxy too; without it, round the proxy."""
    tag, content = unsigned
    reference = f"{place.registry.host.replace('127.0.0.1', 'localhost')}/{place.repository}:{tag}"
    ship(place, certs_d)
    refused = cri_pull(node, reference)
    assert not refused.ok
    assert "[tag_not_signed]" in refused.output
    (certs_d / "_default" / "hosts.toml").unlink()
    pulled = cri_pull(node, reference)
    assert pulled.digest == content.digest, pulled.output


_MIRROR: Final = '[host."https://proxy.example.com"]\n  capabilities = ["pull", "resolve"]\n'


@pytest.mark.parametrize(
    ("hosts", "asked"),
    [
        pytest.param('server = "http://registry.example.com"\n' + _MIRROR, True, id="server-is-the-registry"),
        pytest.param(_MIRROR, True, id="no-server"),
        pytest.param('server = "https://proxy.example.com"\n', False, id="no-host-table"),
        pytest.param('server = "https://proxy.example.com\n' + _MIRROR, False, id="typing-mistake"),
        pytest.param(
            'server = "http://registry.example.com"\n[host."https://proxy.example.com"]\n  capabilities = ["pull"]\n',
            False,
            id="mirror-that-may-not-resolve",
        ),
    ],
)
def test_trap_leads_round_the_proxy(
    place: Place, node: Containerd, certs_d: Path, unsigned: tuple[str, Image], hosts: str, *, asked: bool
) -> None:
    """With the proxy as a mirror, or a broken hosts.toml, the unsigned image is pulled from the registry."""
    tag, content = unsigned
    ship(place, certs_d)
    follow(certs_d, place.registry.host, place.fill(hosts))
    pulled = cri_pull(node, f"{place.name}:{tag}")
    assert pulled.digest == content.digest, pulled.output
    assert bool(place.refusals_of(tag)) is asked


def test_trap_of_hosts_that_are_not_read(
    place: Place, certs_d: Path, tmp_path: Path, unsigned: tuple[str, Image]
) -> None:
    """Without the shipped lines in containerd's own file nobody reads the shipped `certs.d`."""
    tag, content = unsigned
    ship(place, certs_d)
    with run_containerd(tmp_path / "unaware", cri="") as unaware:
        pulled = cri_pull(unaware, f"{place.name}:{tag}")
    assert pulled.digest == content.digest, pulled.output
    assert not place.refusals_of(tag)


def test_mirrors_beside_the_shipped_lines_end_all_pulls(place: Place, certs_d: Path, tmp_path: Path) -> None:
    """With `mirrors` of older days beside the shipped lines containerd does not serve kubelet at all."""
    ship(place, certs_d)
    mirrors = f'[plugins."io.containerd.grpc.v1.cri".registry.mirrors."x"]\nendpoint = ["{place.registry.url}"]\n'
    with run_containerd(tmp_path / "both", cri=shipped_lines(certs_d) + mirrors) as both:
        assert not cri_pull(both, f"{place.name}:1.0").ok
        log = both.daemon.log.read_text()
    assert "`mirrors` cannot be set when `config_path` is provided" in log
