"""Borrowed root: whoever holds the root of a sandbox serves trust data for what is in production."""

from pathlib import Path
from typing import Final

import pytest

from proxy.config import load
from proxy.errors import RootNotTrusted
from proxy.names import Repository
from proxy.proposal import writing
from tests.support.certificates import certificate, x509_key
from tests.support.keys import Key, ecdsa_key
from tests.support.notary_simulator import NotarySimulator
from tests.support.reading import read
from tests.support.signed_roles import NOW
from tests.unit.proposal.site import NAME, Site

_OWNER, _TINKERER = ecdsa_key("owner"), ecdsa_key("tinkerer")
_SITE: Final = {"prod/api": _OWNER, "prod/web": _OWNER, "prod/lab": _TINKERER, "sandbox/toy": _TINKERER}


def _rooted(name: str, owner: Key) -> NotarySimulator:
    """The trust data of a repository with this root key, and a certificate for that repository."""
    sim = NotarySimulator(f"{NAME}/{name}")
    sim.root.roles["root"].keys = sim.root.signers = [x509_key(owner, certificate(sim.gun, owner))]
    sim.sign("1.0")
    sim.publish()
    return sim


@pytest.mark.parametrize(
    ("name", "thief"),
    [
        pytest.param("prod/api", _TINKERER, id="another-namespace"),
        pytest.param("prod/lab", _OWNER, id="within-a-namespace"),
        pytest.param("sandbox/toy", _OWNER, id="the-other-way-round"),
    ],
)
def test_a_proposed_configuration_lets_no_root_sign_for_another(name: str, thief: Key, tmp_path: Path) -> None:
    """Each repository is anchored by the roots that it has today, and by none that only others have."""
    site = Site()
    for repository, owner in _SITE.items():
        site.add(repository, _rooted(repository, owner), ["1.0"])
    written = writing.write(site.propose(), tmp_path)
    assert written.misfits == ()
    pins = load(tmp_path / "config.yaml", {}, NOW).policy.entry_for(Repository(name)).pins
    assert read(_rooted(name, _SITE[name]), pins=pins).tags()
    with pytest.raises(RootNotTrusted):
        read(_rooted(name, thief), pins=pins)
