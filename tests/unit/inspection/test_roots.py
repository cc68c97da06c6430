"""Root keys by key: which may be pinned, what to call them, and what speaks against them."""

from collections.abc import Iterable
from typing import Final

import pytest

from proxy.errors import NotaryUnreachable, NoTrustData, RootNotTrusted
from proxy.inspection.naming import Names
from proxy.inspection.roots import RootKey, Roots, gather
from proxy.inspection.words import some
from proxy.names import Repository
from proxy.policy.entries import Blocklist, Entry, Policy
from proxy.policy.patterns import RepositoryPattern
from proxy.tuf.pins import Pins, RootPin
from tests.support.certificates import EXPIRED, FAR_OFF, certificate, fingerprint, root_key, x509_key
from tests.support.keys import Key, ecdsa_key
from tests.support.notary_office import Office, signed
from tests.support.notary_simulator import NotarySimulator
from tests.support.resolving import NAME, HeldClock, entry

OWNER: Final = ecdsa_key("owner")
OTHER: Final = ecdsa_key("other")
ESCAPE: Final = "\x1b[2J\u202e"


def rooted(repository: str, *roots: Key) -> NotarySimulator:
    """A repository's trust data, signed by these root keys."""
    sim = signed(repository)
    sim.root.roles["root"].keys = sim.root.signers = list(roots)
    sim.publish()
    return sim


def owned(repository: str, key: Key = OWNER) -> NotarySimulator:
    """A repository whose root key has a certificate for it."""
    return rooted(repository, x509_key(key, certificate(f"{NAME}/{repository}", key)))


async def found(
    sims: Iterable[NotarySimulator],
    *entries: Entry,
    taken: Iterable[str] = (),
    blocked: Blocklist | None = None,
    also: Iterable[str] = (),
) -> Roots:
    """What is found of these, and of repositories that Notary does not have."""
    notary = Office({sim.gun: sim for sim in sims})
    repositories = [Repository(gun.removeprefix(f"{NAME}/")) for gun in notary.sims]
    repositories += map(Repository, also)
    policy = Policy(NAME, entries or (entry(),), (), blocked=blocked or Blocklist())
    steps: list[None] = []
    roots = await gather(
        repositories, policy, frozenset(taken), {"corp": notary.fetch}, HeldClock(), lambda: steps.append(None)
    )
    assert len(steps) == len(repositories)
    return roots


def one(roots: Roots) -> RootKey:
    """The only key."""
    [key] = roots.keys
    return key


async def test_one_key_of_many_repositories_is_one_entry() -> None:
    """Its public key id is the same everywhere; ids and fingerprints of its certificates are not."""
    sims = [owned(each) for each in ("shop/web", "shop/api")]
    key = one(await found(sims))
    assert (key.public_key_id, key.name, key.pinned_as, key.warnings) == (OWNER.key_id, "shop-root", (), ())
    assert [use.repository for use in key.uses] == ["shop/api", "shop/web"]
    for use, sim in zip(key.uses, reversed(sims), strict=True):
        [listed] = sim.root.roles["root"].keys
        assert (use.gun, use.notary, use.made_out_to) == (sim.gun, "corp", sim.gun)
        assert use.key_id == listed.key_id
        assert use.key_id != key.public_key_id
        assert use.fingerprint.replace(":", "").lower() == fingerprint(listed)
        assert use.valid_until == FAR_OFF


async def test_the_key_of_most_repositories_comes_first() -> None:
    """Others follow, each with a name of its own."""
    roots = await found([owned("shop/api", OTHER), owned("shop/web"), owned("tools")])
    assert [(key.public_key_id, key.name) for key in roots.keys] == [
        (OWNER.key_id, "root-1"),
        (OTHER.key_id, "shop-api-root"),
    ]


async def test_a_failure_is_in_nobodys_way() -> None:
    """What can be read is found, and every repository that cannot is told with its reason."""
    away = owned("shop/away")
    away.fault("root", 500)
    roots = await found([owned("shop/api"), away], also=["shop/nothing"])
    assert [use.repository for use in one(roots).uses] == ["shop/api"]
    assert {name: type(refusal) for name, refusal in roots.refusals.items()} == {
        "shop/away": NotaryUnreachable,
        "shop/nothing": NoTrustData,
    }


async def test_a_key_that_is_pinned_keeps_its_name() -> None:
    """It is told which roots pin it, whichever way they do."""
    [listed] = (sim := owned("shop/api")).root.roles["root"].keys
    by_key = RootPin("corp-2024", frozenset({OWNER.key_id}))
    by_certificate = RootPin("corp-2026", certificates=frozenset({fingerprint(listed)}))
    stranger = RootPin("stranger", frozenset({OTHER.key_id}))
    key = one(await found([sim], entry(pins=Pins((stranger, by_key, by_certificate)))))
    assert (key.name, key.pinned_as) == ("corp-2024", ("corp-2024", "corp-2026"))
    assert key.uses[0].named


async def test_a_key_may_be_pinned_for_others_alone() -> None:
    """A root of the configuration that this repository's entry does not name is no anchor there yet."""
    pinned = entry(pattern=RepositoryPattern("shop/**"), pins=Pins((RootPin("corp", frozenset({OWNER.key_id})),)))
    key = one(await found([owned("shop/api"), owned("tools")], entry(), pinned))
    assert key.pinned_as == ("corp",)
    assert {use.repository: use.named for use in key.uses} == {"shop/api": True, "tools": False}


async def test_a_wildcard_name_is_shown_with_a_warning() -> None:
    """Such a root is never trusted on first use, but somebody may know it and want it (difference S3)."""
    wild = x509_key(OWNER, certificate(f"{NAME}*", OWNER))
    roots = await found([rooted("shop/api", wild)])
    [warning] = one(roots).warnings
    assert warning.startswith(f"its certificate is made out to '{NAME}*'")
    assert "allow_wildcard_name" in warning
    assert roots.refusals == {}


async def test_a_wildcard_name_excuses_nothing_else() -> None:
    """A root of that kind that does not verify is refused all the same."""
    sim = rooted("shop/api", x509_key(OWNER, certificate("*", OWNER)))
    sim.root.signers = [x509_key(OTHER, certificate("*", OTHER))]
    sim.publish()
    roots = await found([sim])
    assert roots.keys == ()
    [refusal] = roots.refusals.values()
    assert isinstance(refusal, RootNotTrusted)
    assert "wildcard" in refusal.why


async def test_a_certificate_that_has_run_out_is_warned_of() -> None:
    """Beside a key that still counts it is shown; alone it anchors nothing."""
    gun = f"{NAME}/shop/api"
    past = x509_key(OTHER, certificate(gun, OTHER, not_after=EXPIRED))
    both = await found([rooted("shop/api", x509_key(OWNER, certificate(gun, OWNER)), past)])
    warnings = {key.public_key_id: key.warnings for key in both.keys}
    assert {key.public_key_id: key.fit for key in both.keys} == {OWNER.key_id: True, OTHER.key_id: False}
    assert warnings[OWNER.key_id] == ()
    assert warnings[OTHER.key_id] == ("its certificate has run out, so it counts for nothing, in shop/api",)
    assert both.warnings == (
        "shop/api has several root keys: ask who signs there which of them are theirs, and pin those alone",
    )
    alone = await found([rooted("shop/api", past)])
    assert alone.keys == ()
    assert "valid until 2021-01-01" in str(alone.refusals[Repository("shop/api")])


async def test_a_blocked_key_is_warned_of() -> None:
    """Nobody should pin what the configuration blocks; its reason is shown without what a terminal would obey."""
    key = one(await found([owned("shop/api")], blocked=Blocklist(keys={OWNER.key_id: f"laptop stolen{ESCAPE}"})))
    assert not key.fit
    [warning] = key.warnings
    assert warning.startswith("it is blocked ('laptop stolen\\x1b")
    assert warning.isascii()
    assert warning.isprintable()


async def test_what_a_certificate_says_is_data() -> None:
    """Names from Notary never reach a terminal as they are."""
    leaf = certificate(f"{NAME}/{ESCAPE}*", OWNER)
    sim = rooted("shop/api", x509_key(OWNER, certificate(f"{NAME}/shop/api", OWNER)), x509_key(OTHER, leaf))
    [warning] = [warning for key in (await found([sim])).keys for warning in key.warnings]
    assert "\\x1b[2J\\u202e" in warning
    assert warning.isascii()
    assert warning.isprintable()


@pytest.mark.parametrize(
    ("repositories", "taken", "name"),
    [
        pytest.param(["shop/api"], [], "shop-api-root", id="one"),
        pytest.param(["shop/api", "shop/web/x"], [], "shop-root", id="a common beginning"),
        pytest.param(["a/b", "a/b-c/d", "a/b/z"], [], "a-root", id="whole segments only"),
        pytest.param(["shop/api", "shop"], [], "shop-root", id="one within another"),
        pytest.param(["shop", "tools"], [], "root-1", id="nothing in common"),
        pytest.param(["shop", "tools"], ["root-1", "root-2"], "root-3", id="numbers that are taken"),
        pytest.param(["shop"], ["shop-root", "shop-root-2"], "shop-root-3", id="a name that is taken"),
    ],
)
def test_names_for_roots(repositories: list[str], taken: list[str], name: str) -> None:
    """What the repositories of a key have in common is its name; none is given twice."""
    names = Names(taken)
    assert names.name([Repository(each) for each in repositories]) == name
    assert names.name([Repository(each) for each in repositories]) not in {*taken, name}


def test_hundreds_are_not_all_named() -> None:
    """The first few and a number say enough."""
    names = [f"r{number}" for number in range(100)]
    assert some(names[:5]) == "r0, r1, r2, r3, r4"
    assert some(names) == "r0, r1, r2 and 97 more"


async def test_the_simulators_own_root_is_found_too() -> None:
    """What `root_key` makes is what Notary makes."""
    key = one(await found([signed("shop/api")]))
    assert key.uses[0].key_id == root_key(f"{NAME}/shop/api").key_id
