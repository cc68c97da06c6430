"""With the shipped `_default/hosts.toml` every name leads to the proxy; `listen.ns_allowed` says which of them count.

containerd says whom it was asked for by `?ns=`. A name that is allowed has trust data of its own; any other gets what
is signed for the proxy's own name.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from deploy.stack import docker_trust, notary_client
from deploy.stack.clients import Pull, ctr_pull
from deploy.stack.containerd import Containerd
from deploy.stack.containerd import containerd as run_containerd
from deploy.stack.cri import cri_pull
from deploy.stack.images import Image, image, push
from deploy.stack.notary import Notary
from deploy.stack.people import Person
from deploy.stack.proxy import Proxy
from deploy.stack.proxy import proxy as run_proxy
from deploy.stack.registry import Registry
from tests.stack.configuration import configuration

_SHIPPED: Final = Path(__file__).parents[2] / "deploy" / "clients" / "containerd"
_REPOSITORY: Final = "shop/names"

Puller = Callable[[str], Pull]


@dataclass(frozen=True)
class Place:
    """A proxy for which `docker.io` counts, and two images of tag 1.0: one signed for its own name, one for that."""

    proxy: Proxy
    certs_d: Path
    own: Image
    mirrored: Image


@pytest.fixture(scope="module")
def place(
    scratch: Path, registry: Registry, notary: Notary, owner: Person, signers: dict[str, Person], anchor: str
) -> Iterator[Place]:
    """Everything is in one repository of one registry; tag 2.0 is signed for the proxy's own name alone."""
    alice, own, mirrored = signers["alice"], image("names own"), image("names mirrored")
    push(registry, _REPOSITORY, own, "1.0", "2.0")
    push(registry, _REPOSITORY, mirrored)
    for host, content, tags in ((registry.host, own, ("1.0", "2.0")), ("docker.io", mirrored, ("1.0",))):
        gun = f"{host}/{_REPOSITORY}"
        docker_trust.add_signer(owner, gun, alice.name, alice.public_key)
        for tag in tags:
            notary_client.sign_as(alice, gun, tag, content.digest, content.length)
    settings = configuration(registry, notary, [anchor], signers)
    settings["registry"]["blobs"] = "admitted"
    settings["repositories"] = {"**": {"signed_by": {"any_of": ["alice"]}}}
    settings["listen"] = {"ns_allowed": ["docker.io"]}
    with run_proxy(scratch / "names-proxy", settings) as proxy:
        certs_d = scratch / "names-certs.d"
        (certs_d / "_default").mkdir(parents=True)
        shipped = (
            (_SHIPPED / "certs.d" / "_default" / "hosts.toml")
            .read_text()
            .replace("https://proxy.example.com", proxy.url)
        )
        shipped = shipped.replace("/etc/containerd/proxy-ca.pem", str(notary.ca_file.absolute()))
        assert "example.com" not in shipped
        (certs_d / "_default" / "hosts.toml").write_text(shipped)
        yield Place(proxy, certs_d, own, mirrored)


@pytest.fixture(scope="module")
def node(scratch: Path, place: Place) -> Iterator[Containerd]:
    """A containerd as on a node of a cluster, with the shipped files."""
    lines = (_SHIPPED / "config.toml").read_text().replace("version = 2\n", "")
    with run_containerd(
        scratch / "names-node", cri=lines.replace("/etc/containerd/certs.d", str(place.certs_d))
    ) as running:
        yield running


@pytest.fixture(params=["ctr", "kubelet"])
def pull(request: pytest.FixtureRequest, place: Place, node: Containerd) -> Puller:
    """One containerd, asked by its own client, and as kubelet asks it."""
    if request.param == "ctr":
        return lambda reference: ctr_pull(node, reference, hosts=place.certs_d)
    return lambda reference: cri_pull(node, reference)


def test_allowed_name_has_signatures_of_its_own(place: Place, pull: Puller) -> None:
    """Under an allowed name a tag and a digest are what was signed for that name."""
    assert pull(f"docker.io/{_REPOSITORY}:1.0").digest == place.mirrored.digest
    assert pull(f"docker.io/{_REPOSITORY}@{place.mirrored.digest}").digest == place.mirrored.digest


def test_signature_for_the_own_name_is_none_for_an_allowed_one(place: Place, pull: Puller) -> None:
    """Under an allowed name nothing is served that was signed for the proxy's own name alone, by tag or by digest."""
    by_tag = pull(f"docker.io/{_REPOSITORY}:2.0")
    assert not by_tag.ok
    assert f"(gun docker.io/{_REPOSITORY})" in by_tag.output
    assert "[tag_not_signed]" in by_tag.output
    by_digest = pull(f"docker.io/{_REPOSITORY}@{place.own.digest}")
    assert not by_digest.ok
    assert "[digest_not_signed]" in by_digest.output


def test_other_name_is_the_proxys_own(place: Place, pull: Puller) -> None:
    """A name that is not allowed means the proxy's own: its signatures count, and those for allowed names do not."""
    assert pull(f"quay.io/{_REPOSITORY}:1.0").digest == place.own.digest
    assert pull(f"quay.io/{_REPOSITORY}:2.0").digest == place.own.digest
    refused = pull(f"quay.io/{_REPOSITORY}@{place.mirrored.digest}")
    assert not refused.ok
    assert "[digest_not_signed]" in refused.output
