"""The tree of delegations: loaded level by level, and a defect spoils only its own branch (dialect 3.8; L2, S7)."""

from collections.abc import Callable
from typing import Final

import pytest

from proxy.errors import Expired, MetadataCorrupt, Rollback, ThresholdNotMet, TrustError
from proxy.limits import DELEGATION_DEPTH, DELEGATIONS_BYTES, ROLES
from proxy.names import RoleName, Tag
from proxy.tuf.collection import Collection, Role, Unpublished, Unusable
from proxy.tuf.delegations import DelegationTree, Wanted
from proxy.tuf.floors import Floors
from proxy.tuf.metadata import Delegation, FileMeta, RoleKeys, Snapshot, Targets
from tests.support.certificates import certificate, signed_with_sha1, x509_key
from tests.support.keys import Key, ecdsa_key, rsa_key
from tests.support.notary_simulator import NotarySimulator
from tests.support.reading import read, remembered
from tests.support.signed_roles import EXPIRED, NOW

GUN: Final = "example.com/shop/api"
ALICE, DEEP, BOB = RoleName("targets/alice"), RoleName("targets/alice/deep"), RoleName("targets/bob")


@pytest.fixture
def sim() -> NotarySimulator:
    """A published repository: alice with a role below her, and bob."""
    sim = NotarySimulator(GUN)
    for role in (ALICE, BOB, DEEP):
        sim.delegate(role)
        sim.sign("1.4", role=role)
        sim[role].version = 5
    sim.publish()
    return sim


def _usable(collection: Collection) -> set[str]:
    return {str(role.name) for role in collection.usable()}


def _defect(collection: Collection, name: RoleName) -> TrustError:
    role = collection.roles[name]
    assert isinstance(role, Unusable)
    return role.error


# --- what is loaded -----------------------------------------------------------------------------


def test_every_published_delegation_is_loaded(sim: NotarySimulator) -> None:
    """With its keys, its signers, its version and expiry."""
    alice = read(sim).roles[ALICE]
    assert isinstance(alice, Role)
    assert (alice.name, alice.version, alice.expires.year, alice.threshold) == ("targets/alice", 5, 2100, 1)
    assert list(alice.keys) == [sim.key(ALICE).key_id]
    assert alice.signed_by == {sim.key(ALICE).public_key_id}
    assert alice.targets.keys() == {"1.4"}
    assert _usable(read(sim)) == {"targets", ALICE, BOB, DEEP}


def test_a_delegation_that_was_never_published_is_known(sim: NotarySimulator) -> None:
    """Nothing is signed by it, and nothing is wrong with it."""
    sim.delegate("targets/ci", threshold=2, paths=["v"], published=False)
    sim.publish()
    ci = read(sim).roles[RoleName("targets/ci")]
    assert isinstance(ci, Unpublished)
    assert (ci.name, ci.threshold, ci.paths, list(ci.keys)) == ("targets/ci", 2, ("v",), [sim.key("targets/ci").key_id])


def test_a_file_that_nobody_declares_is_not_loaded(sim: NotarySimulator) -> None:
    """The snapshot alone makes no role (dialect 5, row 22)."""
    sim.targets.delegations.pop()
    sim.publish()
    assert _usable(read(sim)) == {"targets", ALICE, DEEP}
    assert BOB not in read(sim).roles


@pytest.mark.parametrize(
    ("above", "below", "effective"),
    [
        pytest.param([""], [""], ("",), id="all of all"),
        pytest.param(["v"], ["v1", "v2"], ("v1", "v2"), id="narrower"),
        pytest.param(["v1"], ["v"], (), id="wider is cut, not clipped"),
        pytest.param(["v", "x"], ["x1", "y", "v"], ("x1", "v"), id="only what lies within"),
        pytest.param([], [""], (), id="of nothing"),
        pytest.param([""], [], (), id="nothing"),
    ],
)
def test_paths_of_a_role_lie_within_those_of_the_roles_above_it(
    sim: NotarySimulator, above: list[str], below: list[str], effective: tuple[str, ...]
) -> None:
    """What a parent may not speak of, it cannot delegate (dialect 5, row 69)."""
    sim.targets.delegations[0].paths = above
    sim.delegations[ALICE].delegations[0].paths = below
    sim.publish()
    deep = read(sim).roles[DEEP]
    assert isinstance(deep, Role)
    assert deep.paths == effective


# --- defects spoil their own branch -------------------------------------------------------------


def _with_key(key: Key) -> Callable[[NotarySimulator], None]:
    def change(sim: NotarySimulator) -> None:
        sim.targets.delegations[0].keys = sim[ALICE].signers = [key]

    return change


def _set(**fields: object) -> Callable[[NotarySimulator], None]:
    def change(sim: NotarySimulator) -> None:
        for name, value in fields.items():
            setattr(sim[ALICE], name, value)

    return change


def _twice(sim: NotarySimulator) -> None:
    declared = sim.targets.delegations[0]
    sim.targets.delegations.append(type(declared)(ALICE, declared.keys, 1, [""]))


SHORT, RSA = rsa_key("short", 1024), rsa_key("rsa")
DEFECTS: Final = [
    pytest.param(_set(expires=EXPIRED), Expired, id="expired"),
    pytest.param(_set(signers=[]), ThresholdNotMet, id="not signed"),
    pytest.param(_set(signers=[ecdsa_key("stranger")]), ThresholdNotMet, id="signed by a stranger"),
    pytest.param(_set(kind="Root"), MetadataCorrupt, id="another kind of file"),
    pytest.param(_set(version=0), MetadataCorrupt, id="no version"),
    pytest.param(_set(on_the_wire=[lambda _: b"<html>"]), MetadataCorrupt, id="no metadata"),
    pytest.param(_with_key(SHORT), ThresholdNotMet, id="short RSA key"),
    pytest.param(_with_key(x509_key(SHORT, certificate(GUN, SHORT))), MetadataCorrupt, id="short RSA certificate"),
    pytest.param(
        _with_key(x509_key(RSA, signed_with_sha1(certificate(GUN, RSA)))), MetadataCorrupt, id="SHA-1 certificate"
    ),
    pytest.param(_twice, MetadataCorrupt, id="declared twice"),
]


@pytest.mark.parametrize(("change", "error"), DEFECTS)
def test_a_defect_spoils_a_role_and_those_below_it(
    sim: NotarySimulator, change: Callable[[NotarySimulator], None], error: type[TrustError]
) -> None:
    """The rest of the collection goes on (L2)."""
    change(sim)
    sim.publish()
    collection = read(sim)
    assert type(_defect(collection, ALICE)) is error
    assert DEEP not in collection.roles
    assert _usable(collection) == {"targets", BOB}


def test_an_unusable_role_keeps_what_it_is_declared_with(sim: NotarySimulator) -> None:
    """For whoever has to mend it."""
    sim.targets.delegations[0].threshold, sim.targets.delegations[0].paths = 2, ["v"]
    sim.publish()
    alice = read(sim).roles[ALICE]
    assert isinstance(alice, Unusable)
    assert (alice.name, alice.threshold, alice.paths, list(alice.keys)) == (ALICE, 2, ("v",), [sim.key(ALICE).key_id])


@pytest.mark.parametrize("why", ["an expired certificate", "a certificate for somebody else"])
def test_a_delegation_may_have_a_certificate_that_a_root_may_not(sim: NotarySimulator, why: str) -> None:
    """Of delegated certificates only the key is used (dialect 2.8)."""
    key = ecdsa_key("certified")
    leaf = certificate(GUN, key, not_after=NOW.replace(year=2021)) if "expired" in why else certificate("x", key)
    _with_key(x509_key(key, leaf))(sim)
    sim.publish()
    alice = read(sim).roles[ALICE]
    assert isinstance(alice, Role)
    assert alice.signed_by == {key.public_key_id}


def test_a_certificate_that_cannot_be_read_spoils_nothing_else(sim: NotarySimulator) -> None:
    """Whoever delegates to strange bytes gets a role that nobody can sign for."""
    strange = Key(
        "ecdsa-x509", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", ecdsa_key("x").private
    )
    _with_key(strange)(sim)
    sim.publish()
    assert isinstance(_defect(read(sim), ALICE), ThresholdNotMet)


def test_a_damaged_entry_of_the_snapshot_spoils_its_delegation(sim: NotarySimulator) -> None:
    """The reason is the snapshot's."""
    sim.snapshot.before_signing.append(lambda fields: fields["meta"][ALICE].update(hashes={}))
    sim.publish()
    defect = _defect(read(sim), ALICE)
    assert isinstance(defect, MetadataCorrupt)
    assert defect.why == "the sha256 of targets/alice is missing"


# --- going back and being withheld --------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "note"), [pytest.param(4, "", id="lower version"), pytest.param(5, "x", id="same version, other bytes")]
)
def test_a_delegation_that_goes_back_is_unusable(sim: NotarySimulator, version: int, note: str) -> None:
    """The others go on."""
    stored = remembered(sim)
    sim[ALICE].version = version
    sim[ALICE].fields = {"note": note}
    sim.bump("snapshot", "timestamp")
    sim.publish()
    collection = read(sim, stored)
    assert isinstance(_defect(collection, ALICE), Rollback)
    assert _usable(collection) == {"targets", BOB}


def test_a_delegation_that_was_published_may_not_be_withheld(sim: NotarySimulator) -> None:
    """Else Notary could make a signature vanish without the signer (S7)."""
    stored = remembered(sim)
    sim[ALICE].published = False
    sim.bump("snapshot", "timestamp")
    sim.publish()
    collection = read(sim, stored)
    defect = _defect(collection, ALICE)
    assert isinstance(defect, Rollback)
    assert "withheld" in defect.why
    assert isinstance(read(sim).roles[ALICE], Unpublished), "on first contact nothing is known of it"


def test_a_delegation_that_is_no_longer_declared_may_go(sim: NotarySimulator) -> None:
    """The holder of the targets key took it away; its floor goes with it."""
    stored = remembered(sim)
    sim.targets.delegations.pop()
    del sim.delegations[BOB]
    sim.bump("targets", "snapshot", "timestamp")
    sim.publish()
    collection = read(sim, stored)
    assert BOB not in collection.roles
    assert BOB not in collection.files


@pytest.mark.parametrize("role", [ALICE, DEEP])
def test_the_floor_of_an_unusable_role_is_kept(sim: NotarySimulator, role: RoleName) -> None:
    """An expired file in between must not open the way back to an older one, there or below."""
    sim[role].version = 9
    sim.publish()
    stored = remembered(sim)
    sim[ALICE].version, sim[ALICE].expires = 10, EXPIRED
    sim.bump("snapshot", "timestamp")
    sim.publish()
    between = read(sim, stored)
    assert isinstance(_defect(between, ALICE), Expired)
    assert between.files[role] == stored.files[role]
    sim[ALICE].version, sim[ALICE].expires = 11, "2100-01-01T00:00:00Z"
    sim[role].version = 8
    sim.bump("snapshot", "timestamp")
    sim.publish()
    assert isinstance(_defect(read(sim, between.stored()), role), Rollback)


# --- limits -------------------------------------------------------------------------------------


def test_more_roles_than_are_allowed_spoil_the_role_that_declares_them(sim: NotarySimulator) -> None:
    """A signer who floods the tree loses her own voice (S15)."""
    for number in range(ROLES - 3):
        sim.delegate(f"targets/alice/n{number}", published=False)
    sim.publish()
    defect = _defect(read(sim), ALICE)
    assert isinstance(defect, MetadataCorrupt)
    assert defect.why == f"there are more than {ROLES} roles"


def test_as_many_roles_as_are_allowed_are_loaded(sim: NotarySimulator) -> None:
    """`targets` counts, and so do roles without a file."""
    for number in range(ROLES - 4):
        sim.delegate(f"targets/alice/n{number}", published=False)
    sim.publish()
    assert len(read(sim).roles) == ROLES


def test_targets_that_declare_more_roles_than_are_allowed_are_refused(sim: NotarySimulator) -> None:
    """Then nothing is left to go on with."""
    for number in range(ROLES):
        sim.delegate(f"targets/n{number}", published=False)
    sim.publish()
    with pytest.raises(MetadataCorrupt):
        read(sim)


def test_delegations_are_followed_to_a_depth_and_no_further(sim: NotarySimulator) -> None:
    """The last allowed level is usable, the one below it is not (S15)."""
    name = "targets"
    for _ in range(DELEGATION_DEPTH + 1):
        name += "/d"
        sim.delegate(name)
    sim.publish()
    collection = read(sim)
    assert isinstance(collection.roles[RoleName("targets" + "/d" * DELEGATION_DEPTH)], Role)
    assert isinstance(_defect(collection, RoleName(name)), MetadataCorrupt)


def _tree(lengths: dict[str, int]) -> tuple[DelegationTree, list[Wanted]]:
    """A tree in which `targets` declares delegations whose files have these lengths."""
    metas = {RoleName(name): FileMeta(length, {"sha256": bytes(32)}) for name, length in lengths.items()}
    tree = DelegationTree(Snapshot(1, NOW, metas, {}), Floors({}), NOW, {})
    declared = tuple(Delegation(name, RoleKeys({}, 1), ("",), repeated=False) for name in metas)
    role = Role(RoleName("targets"), 1, NOW, 1, {}, frozenset(), ("",), {})
    return tree, tree.plant(role, Targets(1, NOW, {}, declared, ()), b"")


def test_delegations_together_have_a_limit_too() -> None:
    """Sixty-three files of the largest size would fill the memory (S15)."""
    half = DELEGATIONS_BYTES // 2
    tree, wanted = _tree({"targets/a": half, "targets/b": half, "targets/c": 1})
    assert [each.name for each in wanted] == ["targets/a", "targets/b"]
    spoiled = tree.roles[RoleName("targets/c")]
    assert isinstance(spoiled, Unusable)
    assert isinstance(spoiled.error, MetadataCorrupt)


# --- bytes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff"])
def test_a_file_is_held_against_its_hash_whoever_brings_it(data: bytes) -> None:
    """The tree itself looks, so that nobody before it can forget to."""
    tree, wanted = _tree({"targets/a": len(data)})
    assert tree.load(wanted[0], data) == []
    spoiled = tree.roles[RoleName("targets/a")]
    assert isinstance(spoiled, Unusable)
    assert isinstance(spoiled.error, MetadataCorrupt)
    assert "sha256" in spoiled.error.why


def test_a_defect_that_is_kept_holds_on_to_no_file() -> None:
    """A collection is kept for long, and the frames that an error went through hold whole files."""
    tree, wanted = _tree({"targets/a": 1})
    tree.load(wanted[0], b"x")
    spoiled = tree.roles[RoleName("targets/a")]
    assert isinstance(spoiled, Unusable)
    assert (spoiled.error.__traceback__, spoiled.error.__context__) == (None, None)


def test_tags_are_those_that_the_file_names(sim: NotarySimulator) -> None:
    """Digest and length as signed."""
    signed = sim.sign("2.0", b"manifest", role=ALICE)
    sim.publish()
    alice = read(sim).roles[ALICE]
    assert isinstance(alice, Role)
    target = alice.target(Tag("2.0"))
    assert target
    assert (target.digest, target.length) == (signed, 8)


@pytest.mark.parametrize(
    ("spoil", "claims"),
    [
        pytest.param(_set(expires=EXPIRED), {Tag("1.4")}, id="expired"),
        pytest.param(_set(signers=[ecdsa_key("mallory")]), {Tag("1.4")}, id="not signed by its key"),
        pytest.param(_set(version=4), {Tag("1.4")}, id="went back"),
        pytest.param(_set(kind="Root"), set[Tag](), id="another kind of file"),
    ],
)
def test_what_an_unusable_role_claims_is_kept_for_the_explanation(
    sim: NotarySimulator, spoil: Callable[[NotarySimulator], None], claims: set[Tag]
) -> None:
    """It proves nothing, but whoever asks for it learns what is broken; without a readable file there is none."""
    stored = remembered(sim)
    sim.bump()
    spoil(sim)
    sim.publish()
    alice = read(sim, stored).roles[ALICE]
    assert isinstance(alice, Unusable)
    assert alice.claims.keys() == claims
