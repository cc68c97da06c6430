"""An entry of `repositories` as it is loaded, and the signers and notaries that it names."""

from proxy.policy.entries import Entry
from proxy.policy.signers import Signer
from tests.unit.config.site import Site, compose

ALICE, CI, QA = (Signer(name, None) for name in ("alice", "ci", "qa"))
TWO_NOTARIES = "{corp: {url: 'https://notary', roots: [corp]}, other: {url: 'https://other', roots: [corp]}}"


def entry(site: Site, own: str, **sections: str) -> Entry:
    """The entry shop/** that has these keys."""
    return site.load(compose(repositories=f"{{'shop/**': {own}}}", **sections)).policy.entries[0]
