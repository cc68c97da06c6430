"""The check of a proposal is a real one: whatever is wrong with the file, it finds what that would refuse."""

from dataclasses import replace

import pytest

from proxy.config.settings import Settings
from proxy.policy.entries import Entry, Policy
from proxy.policy.patterns import RepositoryPattern
from proxy.policy.signers import AllOf, AnyOf, SignedBy, Signer, SignerKey
from proxy.proposal.judging import judge
from proxy.tuf.pins import Pins, RootPin
from tests.support.collections import signers
from tests.support.signed_roles import NOW
from tests.unit.proposal.site import Site


@pytest.fixture
def site() -> Site:
    """A repository with two tags, one by alice and qa, one by alice alone."""
    made = Site()
    made.repository("shop/api", {"1.0": ["alice", "qa"], "2.0": ["alice"]})
    return made


def _judged(site: Site, **changes: object) -> list[str]:
    """What a policy with this one entry would refuse."""
    proposal = site.propose()
    settings: Settings = proposal.settings
    [entry] = settings.policy.entries
    policy = replace(settings.policy, entries=(replace(entry, **changes),))  # type: ignore[arg-type]  # any field
    return [str(misfit) for misfit in judge(policy, proposal.gathered, NOW)]


def _with_keys(name: str, *public_key_ids: str) -> Signer:
    return Signer(name, tuple(map(SignerKey, public_key_ids)))


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        pytest.param(AnyOf(signers("alice")), [], id="right"),
        pytest.param(AllOf(signers("alice", "qa")), ["shop/api:2.0 [signer_missing]"], id="too-strong"),
        pytest.param(
            AnyOf((_with_keys("alice", "0" * 64),)),
            ["shop/api:1.0 [signer_missing]", "shop/api:2.0 [signer_missing]"],
            id="wrong-key",
        ),
    ],
)
def test_rules_that_ask_for_too_much(site: Site, rule: SignedBy, found: list[str]) -> None:
    """Each tag that would be refused is named with the code of its refusal."""
    assert _judged(site, signed_by=rule) == found


def test_roots_that_do_not_fit(site: Site) -> None:
    """A pin that is not the repository's own refuses all of it."""
    pins = Pins((RootPin("wrong", frozenset({"0" * 64})),))
    assert _judged(site, pins=pins) == ["shop/api [root_not_trusted]"]


def test_a_repository_without_an_entry(site: Site) -> None:
    """Nothing matches, so everything would be refused."""
    assert _judged(site, pattern=RepositoryPattern("shop/web")) == ["shop/api [no_rule]"]


def test_trust_data_of_another_name(site: Site) -> None:
    """What was read is not what the entry would read."""
    assert _judged(site, gun_template="{name}/mirror/{repository}") == ["shop/api [another gun]"]


def test_a_rule_that_changes_what_is_served() -> None:
    """Docker's own rule serves one digest, and a rule that names signers would serve another."""
    site = Site()
    simulator = site.repository("shop/api", {"1.0": ["alice"]}, releases=False)
    simulator.sign("1.0", b"another image")
    site.add("shop/api", simulator, ["1.0"])
    assert _judged(site, signed_by=AnyOf(signers("alice"))) == ["shop/api:1.0 [another digest]"]


def test_what_is_signed_and_not_released_is_told_apart() -> None:
    """It is refused today, too, by whoever holds to Docker's own rule."""
    site = Site()
    simulator = site.repository("shop/api", {"1.0": ["alice"]})
    simulator.sign("2.0", role="targets/alice")
    simulator.sign("0.9")
    site.add("shop/api", simulator, [])
    proposal = site.propose()
    policy: Policy = proposal.settings.policy
    entries: tuple[Entry, ...] = tuple(replace(each, signed_by=AnyOf(signers("alice"))) for each in policy.entries)
    found = judge(replace(policy, entries=entries), proposal.gathered, NOW)
    assert [(str(each), each.released) for each in found] == [
        ("shop/api:0.9 [tag_not_signed]", False),
        ("shop/api:2.0 [signer_missing]", False),
    ]


def test_repositories_without_trust_data_have_nothing_to_judge(site: Site) -> None:
    """They are told of elsewhere."""
    site.without("shop/new", ["1.0"])
    assert _judged(site, signed_by=AnyOf(signers("alice"))) == []
