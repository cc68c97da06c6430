"""The files in `deploy/clients` keep real clients on the proxy; the configurations that they replace lead round it.

The registry's own address plays `registry.example.com`, `localhost` with its port plays another name of it, and the
proxy sits on a port of its own. Every refused image is pulled by the trap of the same client, so a refusal here is the
work of the file and not of a registry out of reach.
"""

import itertools
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import pytest
from ruamel.yaml import YAML

from certs.authority import Authority
from deploy.stack import clients, docker_trust, notary_client
from deploy.stack.clients import ContainersFiles, Pull
from deploy.stack.commands import run
from deploy.stack.containerd import Containerd
from deploy.stack.images import Image, image, push
from deploy.stack.notary import Notary
from deploy.stack.people import Person
from deploy.stack.ports import free_port
from deploy.stack.programs import program
from deploy.stack.proxy import Proxy
from deploy.stack.proxy import proxy as run_proxy
from deploy.stack.registry import Registry
from tests.stack.configuration import configuration

_SHIPPED: Final = Path(__file__).parents[2] / "deploy" / "clients"
_CERTS_D: Final = _SHIPPED / "containerd" / "certs.d"
_CONTAINERS: Final = _SHIPPED / "containers"
_LIBRARY_PULLS: Final = {"podman": clients.podman_pull, "buildah": clients.buildah_pull, "skopeo": clients.skopeo_pull}

Puller = Callable[[str], Pull]


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
        """The repository under the registry's name, as people write it."""
        return f"{self.registry.host}/{self.repository}"

    @property
    def other_host(self) -> str:
        """Another name of the registry."""
        return self.registry.host.replace("127.0.0.1", "localhost")

    def fill(self, template: str) -> str:
        """Put this place into the placeholders of a shipped file."""
        for placeholder, value in {
            "https://proxy.example.com": self.proxy.url,
            "proxy.example.com": self.proxy.host,
            "registry-internal.example.com": self.other_host,
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


@pytest.fixture(scope="module")
def place(
    scratch: Path,
    authority: Authority,
    registry: Registry,
    notary: Notary,
    owner: Person,
    signers: dict[str, Person],
    anchor: str,
) -> Iterator[Place]:
    """A proxy that wants alice, and a repository where somebody moved the tag that she signed."""
    repository, alice, content = "shop/fallback", signers["alice"], image("fallback signed")
    gun = f"{registry.host}/{repository}"
    push(registry, repository, content, "1.0")
    docker_trust.add_signer(owner, gun, alice.name, alice.public_key)
    notary_client.sign_as(alice, gun, "1.0", content.digest, content.length)
    push(registry, repository, image("fallback moved"), "1.0")
    settings = configuration(registry, notary, [anchor], signers)
    settings["repositories"] = {"**": {"signed_by": {"any_of": ["alice"]}}}
    with run_proxy(scratch / "fallback", settings) as proxy:
        yield Place(registry, proxy, authority, repository, content)


_TAGS: Final = itertools.count()


@pytest.fixture
def unsigned(place: Place) -> tuple[str, Image]:
    """A tag that nobody signed and no client has seen, and its image."""
    tag = f"unsigned-{next(_TAGS)}"
    return tag, push(place.registry, place.repository, image(f"fallback {tag}"), tag)


def _certs_d(directory: Path, hosts: dict[str, str]) -> Path:
    for host, content in hosts.items():
        (directory / "certs.d" / host).mkdir(parents=True)
        (directory / "certs.d" / host / "hosts.toml").write_text(content)
    return directory / "certs.d"


def _shipped_certs_d(place: Place, directory: Path) -> Path:
    shipped = {file.parent.name: file.read_text() for file in _CERTS_D.glob("*/hosts.toml")}
    return _certs_d(directory, {place.fill(host): place.fill(content) for host, content in shipped.items()})


def _shipped_registries(place: Place) -> str:
    return place.fill((_CONTAINERS / "registries.conf").read_text())


def _shipped_files(place: Place) -> ContainersFiles:
    return ContainersFiles(_shipped_registries(place), place.fill((_CONTAINERS / "policy.json").read_text()))


@pytest.fixture(params=["ctr", *_LIBRARY_PULLS])
def pull(request: pytest.FixtureRequest, place: Place, tmp_path: Path) -> Puller:
    """One real client after another, each with the file that ships for it."""
    if request.param == "ctr":
        containerd: Containerd = request.getfixturevalue("containerd")
        return partial(clients.ctr_pull, containerd, hosts=_shipped_certs_d(place, tmp_path))
    return partial(_LIBRARY_PULLS[request.param], tmp_path, files=_shipped_files(place))


def test_shipped_file_leads_to_what_was_signed(place: Place, pull: Puller) -> None:
    """With the shipped file, the registry's name gives what alice signed and not what the tag was moved to."""
    pulled = pull(f"{place.name}:1.0")
    assert pulled.digest == place.signed.digest, pulled.output


def test_shipped_file_leaves_a_refused_image_unpulled(place: Place, pull: Puller, unsigned: tuple[str, Image]) -> None:
    """With the shipped file, an unsigned image under the registry's name is refused, and that is the end of it."""
    tag, _ = unsigned
    pulled = pull(f"{place.name}:{tag}")
    assert not pulled.ok
    assert "[tag_not_signed]" in pulled.output


def test_shipped_file_closes_other_names(place: Place, pull: Puller, unsigned: tuple[str, Image]) -> None:
    """With the shipped file, another name of the registry is blocked or leads to the proxy too."""
    tag, _ = unsigned
    pulled = pull(f"{place.other_host}/{place.repository}:{tag}")
    assert not pulled.ok
    assert "[tag_not_signed]" in pulled.output or f"registry {place.other_host} is blocked" in pulled.output


def test_default_directory_serves_what_was_signed(place: Place, containerd: Containerd, tmp_path: Path) -> None:
    """A name without a directory of its own gets the signed image through `_default`."""
    reference = f"{place.other_host}/{place.repository}:1.0"
    pulled = clients.ctr_pull(containerd, reference, hosts=_shipped_certs_d(place, tmp_path))
    assert pulled.digest == place.signed.digest, pulled.output


_MIRROR: Final = '[host."https://proxy.example.com"]\n  capabilities = ["pull", "resolve"]\n'


@pytest.mark.parametrize(
    "hosts",
    [
        pytest.param('server = "http://registry.example.com"\n' + _MIRROR, id="server-is-the-registry"),
        pytest.param(_MIRROR, id="no-server"),
    ],
)
def test_trap_of_containerd_mirror(
    place: Place, containerd: Containerd, tmp_path: Path, unsigned: tuple[str, Image], hosts: str
) -> None:
    """With the proxy as a mirror, even beside `_default`, containerd is refused and pulls from the registry."""
    tag, content = unsigned
    certs_d = _shipped_certs_d(place, tmp_path)
    (certs_d / place.registry.host / "hosts.toml").write_text(place.fill(hosts))
    pulled = clients.ctr_pull(containerd, f"{place.name}:{tag}", hosts=certs_d)
    assert pulled.digest == content.digest, pulled.output
    assert place.refusals_of(tag)


@pytest.mark.parametrize(
    "hosts",
    [
        pytest.param('server = "https://proxy.example.com"\n', id="no-host-table"),
        pytest.param('server = "https://proxy.example.com\n' + _MIRROR, id="typing-mistake"),
        pytest.param(
            'server = "http://registry.example.com"\n[host."https://proxy.example.com"]\n  capabilities = ["pull"]\n',
            id="mirror-that-may-not-resolve",
        ),
    ],
)
def test_trap_of_containerd_that_never_asks(
    place: Place, containerd: Containerd, tmp_path: Path, unsigned: tuple[str, Image], hosts: str
) -> None:
    """A broken hosts.toml, or a mirror that may not resolve tags, sends containerd past the proxy for the tag."""
    tag, content = unsigned
    certs_d = _shipped_certs_d(place, tmp_path)
    (certs_d / place.registry.host / "hosts.toml").write_text(place.fill(hosts))
    pulled = clients.ctr_pull(containerd, f"{place.name}:{tag}", hosts=certs_d)
    assert pulled.digest == content.digest, pulled.output
    assert not place.refusals_of(tag)


def test_trap_of_containerd_without_default(
    place: Place, containerd: Containerd, tmp_path: Path, unsigned: tuple[str, Image]
) -> None:
    """Without `_default`, another name of the registry is a way round the file for its first name."""
    tag, content = unsigned
    certs_d = _shipped_certs_d(place, tmp_path)
    (certs_d / "_default" / "hosts.toml").unlink()
    pulled = clients.ctr_pull(containerd, f"{place.other_host}/{place.repository}:{tag}", hosts=certs_d)
    assert pulled.digest == content.digest, pulled.output


@pytest.mark.parametrize("client", _LIBRARY_PULLS)
def test_trap_of_registry_mirror(place: Place, tmp_path: Path, unsigned: tuple[str, Image], client: str) -> None:
    """With the proxy as a `[[registry.mirror]]`, its refusal is passed over and the registry gives the image."""
    tag, content = unsigned
    registries = place.fill(
        'unqualified-search-registries = []\n[[registry]]\nlocation = "registry.example.com"\n'
        '[[registry.mirror]]\nlocation = "proxy.example.com"\n'
    )
    pulled = _LIBRARY_PULLS[client](tmp_path, f"{place.name}:{tag}", files=ContainersFiles(registries))
    assert pulled.digest == content.digest, pulled.output
    assert place.refusals_of(tag)


@pytest.mark.parametrize("client", _LIBRARY_PULLS)
def test_trap_of_a_name_that_is_not_blocked(
    place: Place, tmp_path: Path, unsigned: tuple[str, Image], client: str
) -> None:
    """Without `blocked`, another name of the registry is a way round the rewritten one."""
    tag, content = unsigned
    registries = _shipped_registries(place).replace("blocked = true", "blocked = false")
    pulled = _LIBRARY_PULLS[client](
        tmp_path, f"{place.other_host}/{place.repository}:{tag}", files=ContainersFiles(registries)
    )
    assert pulled.digest == content.digest, pulled.output


@pytest.mark.parametrize("client", _LIBRARY_PULLS)
def test_policy_is_a_list_of_names(place: Place, tmp_path: Path, unsigned: tuple[str, Image], client: str) -> None:
    """The shipped policy.json rejects a name that nobody thought of blocking, whatever the registry would give."""
    tag, _ = unsigned
    unblocked = _shipped_registries(place).replace("blocked = true", "blocked = false")
    files = replace(_shipped_files(place), registries=unblocked)
    pulled = _LIBRARY_PULLS[client](tmp_path, f"{place.other_host}/{place.repository}:{tag}", files=files)
    assert not pulled.ok
    assert "rejected by policy" in pulled.output


def test_trap_of_a_mirror_for_digests(place: Place, tmp_path: Path, unsigned: tuple[str, Image]) -> None:
    """With `mirror-by-digest-only`, the proxy is not even asked about a tag."""
    tag, content = unsigned
    registries = place.fill(
        '[[registry]]\nlocation = "registry.example.com"\nmirror-by-digest-only = true\n'
        '[[registry.mirror]]\nlocation = "proxy.example.com"\n'
    )
    pulled = clients.podman_pull(tmp_path, f"{place.name}:{tag}", files=ContainersFiles(registries))
    assert pulled.digest == content.digest, pulled.output
    assert not place.refusals_of(tag)


@pytest.mark.parametrize("client", ["ctr", "skopeo"])
def test_closed_network_disarms_the_trap(
    request: pytest.FixtureRequest, place: Place, tmp_path: Path, unsigned: tuple[str, Image], client: str
) -> None:
    """Where only the proxy reaches the registry, even a mirror entry serves what was signed and nothing else."""
    tag, _ = unsigned
    closed = f"127.0.0.1:{free_port()}"
    if client == "ctr":
        certs_d = _certs_d(tmp_path, {closed: f'server = "http://{closed}"\n' + place.fill(_MIRROR)})
        pull: Puller = partial(clients.ctr_pull, request.getfixturevalue("containerd"), hosts=certs_d)
    else:
        mirror = f'[[registry.mirror]]\nlocation = "{place.proxy.host}"\n'
        files = ContainersFiles(f'[[registry]]\nlocation = "{closed}"\n{mirror}')
        pull = partial(clients.skopeo_pull, tmp_path, files=files)
    assert pull(f"{closed}/{place.repository}:1.0").digest == place.signed.digest
    refused = pull(f"{closed}/{place.repository}:{tag}")
    assert not refused.ok
    assert place.refusals_of(tag)


def test_short_name_ends_at_the_refusal(place: Place, tmp_path: Path, unsigned: tuple[str, Image]) -> None:
    """With the shipped file, a short name means the registry's name, and a refusal is the end of it."""
    tag, _ = unsigned
    pulled = clients.podman_pull(tmp_path, f"{place.repository}:{tag}", files=_shipped_files(place))
    assert not pulled.ok
    assert "[tag_not_signed]" in pulled.output


def test_trap_of_short_names(place: Place, tmp_path: Path, unsigned: tuple[str, Image]) -> None:
    """With a second registry to search, a short name that the proxy refuses is pulled from there."""
    tag, content = unsigned
    registries = place.fill('unqualified-search-registries = ["proxy.example.com", "registry.example.com"]\n')
    pulled = clients.podman_pull(tmp_path, f"{place.repository}:{tag}", files=ContainersFiles(registries))
    assert pulled.digest == content.digest, pulled.output
    assert place.refusals_of(tag)


def test_containerd_takes_its_lines(tmp_path: Path) -> None:
    """The lines for containerd's own file are ones that it knows: it repeats them in its merged configuration."""
    file = _SHIPPED / "containerd" / "config.toml"
    merged = tomllib.loads(run([program("containerd"), f"--config={file}", "config", "dump"], home=tmp_path).must())
    assert merged["plugins"]["io.containerd.grpc.v1.cri"]["registry"]["config_path"] == "/etc/containerd/certs.d"


@pytest.mark.parametrize(
    "flag",
    [
        pytest.param("--registry-mirror=https://mirror.example.com", id="mirror"),
        pytest.param("--insecure-registry=10.0.0.0/8", id="insecure"),
    ],
)
def test_dockerd_refuses_the_flags_that_its_file_closes(tmp_path: Path, flag: str) -> None:
    """With the shipped daemon.json, a mirror or an unchecked registry in dockerd's flags keeps it from starting."""
    file = _SHIPPED / "docker" / "daemon.json"
    # It reads its file before it minds the log level, which ends it at once if the file let the flag pass.
    outcome = run([program("dockerd"), f"--config-file={file}", "--log-level=none-such", flag], home=tmp_path)
    assert not outcome.ok
    assert "specified both as a flag and in the configuration file" in outcome.output


def test_no_file_has_a_mirror_to_fall_back_from() -> None:
    """The file for BuildKit has no mirror, and the one for k3s no endpoint but the proxy."""
    buildkit = tomllib.loads((_SHIPPED / "buildkit" / "buildkitd.toml").read_text())
    assert buildkit["registry"].keys() == {"registry.example.com"}
    assert "mirrors" not in buildkit["registry"]["registry.example.com"]
    k3s = YAML(typ="safe").load(_SHIPPED / "k3s" / "registries.yaml")
    assert k3s["mirrors"].keys() == {"registry.example.com", "*"}
    assert {each for mirror in k3s["mirrors"].values() for each in mirror["endpoint"]} == {"https://proxy.example.com"}
