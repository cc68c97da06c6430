"""What is in trust data, limited to what was asked for."""

from typing import Final

import pytest

from proxy.inspection.signatures import inspect, public_root_ids
from proxy.names import Digest, Tag
from proxy.tuf.pins import Pins
from tests.support.certificates import root_key
from tests.support.collections import digest, of, says
from tests.support.notary_simulator import NotarySimulator
from tests.support.reading import read

COLLECTION: Final = of(
    says("targets/alice", {"1.0": "one", "2.0": "two", "2.1": "two"}),
    says("targets/releases", {"1.0": "one", "2.0": "two", "2.1": "two", "10.0": "ten"}),
)


@pytest.mark.parametrize(
    ("only", "tags"),
    [
        pytest.param(None, ["1.0", "2.0", "2.1", "10.0"], id="everything"),
        pytest.param(Tag("2.0"), ["2.0"], id="a tag"),
        pytest.param(Tag("3.0"), [], id="an unsigned tag"),
        pytest.param(digest("two"), ["2.0", "2.1"], id="a digest"),
        pytest.param(digest("three"), [], id="an unsigned digest"),
    ],
)
def test_only_what_was_asked_for_is_shown(only: Tag | Digest | None, tags: list[str]) -> None:
    """A tag shows its pair, a digest all tags that have it; the keys are shown in any case."""
    shown = inspect("shop/api", COLLECTION, only)
    assert [row["SignedTag"] for row in shown["SignedTags"]] == tags
    assert [signer["Name"] for signer in shown["Signers"]] == ["alice"]


def test_signers_of_a_pair() -> None:
    """Whoever has the same tag with the same digest, else the owner of the repository."""
    rows = {row["SignedTag"]: row["Signers"] for row in inspect("shop/api", COLLECTION, None)["SignedTags"]}
    assert rows == {"1.0": ["alice"], "2.0": ["alice"], "2.1": ["alice"], "10.0": ["Repo Admin"]}


def test_the_id_of_a_root_and_the_id_to_pin() -> None:
    """What docker shows is the id of a certificate; what `roots` wants is that of the key in it."""
    sim = NotarySimulator("registry.example.com/shop/api")
    sim.publish()
    shown = root_key(sim.gun)
    [(key_id, public_key_id)] = public_root_ids(read(sim, pins=Pins.tofu())).items()
    assert key_id == shown.key_id
    assert public_key_id == sim.key("root").key_id
