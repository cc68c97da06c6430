"""Endless data: the attacker answers with more than anybody could read, or never comes to an end."""

from itertools import pairwise
from typing import Final

import pytest

from proxy import limits
from proxy.errors import MetadataCorrupt, Refusal, RootRotationBroken
from proxy.names import Gun
from proxy.tuf.collection import Stored
from proxy.tuf.messages import Fetch, Fetched, Missing, Reply, TooLarge
from proxy.tuf.pins import Pins
from proxy.tuf.update import update
from tests.attacks.shop import GOOD, GUN, SIGNERS, answer, defect, digest_of, memory, shop
from tests.support.certificates import root_key
from tests.support.keys import ecdsa_key
from tests.support.notary_simulator import NotarySimulator
from tests.support.reading import Reader, read
from tests.support.signed_roles import NOW
from tests.support.swizzler.edits import key_table, with_field
from tests.support.swizzler.rotations import rotate
from tests.support.swizzler.swizzle import Apply

_LIMITS: Final = {
    "timestamp": limits.TIMESTAMP_BYTES,
    "root": limits.ROOT_BYTES,
    "snapshot": limits.SNAPSHOT_BYTES,
    "targets": limits.TARGETS_BYTES,
}


def _wishes(sim: NotarySimulator, stored: Stored | None) -> list[Fetch]:
    """Everything that an update asks for, with the limits that it sets."""
    asked: list[Fetch] = []
    workflow = update(Gun(GUN), Pins.tofu(), stored, NOW)
    replies: tuple[Reply, ...] = ()
    try:
        wishes = next(workflow)
        while True:
            asked.extend(wishes)
            answers = [sim.answer(wish.name) for wish in wishes]
            replies = tuple(Fetched(each.body) if each.status == 200 else Missing() for each in answers)
            wishes = workflow.send(replies)
    except (StopIteration, Refusal):
        return asked


def test_every_request_has_a_limit() -> None:
    """Files without a description are limited by their kind, all others by the length that describes them."""
    sim = shop()
    wishes = _wishes(sim, None)
    assert wishes
    for wish in wishes:
        if wish.name in _LIMITS:
            assert wish.limit == _LIMITS[wish.name]
        else:
            assert wish.limit == len(sim.archive[wish.name])


@pytest.mark.parametrize("role", ["timestamp", "root"])
def test_a_file_over_its_limit_is_refused(role: str) -> None:
    """A timestamp or root that does not end within its limit is refused, not read on."""
    sim = shop()
    sim[role].on_the_wire.append(lambda data: data + b" " * _LIMITS[role])
    sim.publish()
    assert answer(sim, None) is MetadataCorrupt


@pytest.mark.parametrize("role", ["snapshot", "targets", *SIGNERS])
def test_a_listed_file_that_does_not_end_is_refused(role: str) -> None:
    """A file longer than its description is cut off and refused; of a delegation, it costs that role only."""
    sim = shop()
    sim.bump("timestamp", "snapshot", "targets", *SIGNERS)
    sim.publish()
    sim.serve(role, sim.current[role] + b" " * 10_000)
    if role in SIGNERS:
        assert defect(read(sim, memory()), role) is MetadataCorrupt
    else:
        assert answer(sim, memory()) is MetadataCorrupt


@pytest.mark.parametrize("role", ["snapshot", "targets", "root", "targets/alice"])
def test_a_description_beyond_all_measure_is_not_followed(role: str) -> None:
    """A file that is described as a terabyte is never asked for."""
    sim = shop()
    describer = sim.timestamp if role == "snapshot" else sim.snapshot
    describer.before_signing.append(lambda fields: fields["meta"][role].update(length=1 << 40))
    sim.bump()
    sim.publish()
    reader = Reader(sim)
    if role == "targets/alice":
        assert defect(reader.read(memory()), role) is MetadataCorrupt
    else:
        with pytest.raises(MetadataCorrupt):
            reader.read(memory())
    assert not [name for name in reader.requests if name.startswith(f"{role}.")]


def test_a_server_that_never_agrees_with_itself_is_asked_twice() -> None:
    """Where listed files are never the listed ones, the update starts over once and then refuses."""
    sim = shop()
    sim.bump()
    sim.publish()
    sim.serve("snapshot", sim.current["snapshot"].replace(b"Snapshot", b"Snapshos"))
    reader = Reader(sim)
    with pytest.raises(MetadataCorrupt):
        reader.read(memory())
    assert len(reader.requests) == 4


def test_an_endless_chain_of_roots_is_not_walked() -> None:
    """A root thousands of versions ahead, which the remembered one did not sign, is refused without a walk."""
    sim = shop()
    rotate(sim, [root_key(GUN, "far")], [root_key(GUN, "far")])
    sim.bump()
    sim.root.version = 1_000_000
    sim.publish()
    reader = Reader(sim)
    with pytest.raises(RootRotationBroken):
        reader.read(memory())
    assert len(reader.requests) <= 4


def test_a_long_chain_of_roots_is_walked_to_its_limit_only() -> None:
    """However many versions are served, no more are fetched than the limit allows, twice at most."""
    sim = shop()
    keys = [root_key(GUN), *(root_key(GUN, f"link {number}") for number in range(limits.ROOT_ROTATIONS + 3))]
    for old, new in pairwise(keys):
        rotate(sim, [new], [old, new])
        sim.bump()
        sim.publish()
    reader = Reader(sim)
    with pytest.raises(RootRotationBroken):
        reader.read(memory())
    assert len(reader.requests) <= 2 * (limits.ROOT_ROTATIONS + 8)


def test_an_endless_tree_of_delegations_ends() -> None:
    """Delegations that go deeper and deeper are followed to a bounded depth; what is above stays good."""
    sim = shop()
    name = "targets/alice"
    for _ in range(limits.DELEGATION_DEPTH + 8):
        name += "/d"
        sim.delegate(name)
    sim.bump()
    sim.publish()
    reader = Reader(sim)
    collection = reader.read(memory())
    assert len(collection.roles) <= limits.ROLES
    assert max(role.count("/") for role in collection.roles) <= limits.DELEGATION_DEPTH + 1
    assert answer(sim, memory()) == digest_of(GOOD)


def test_a_crowd_of_delegations_is_refused() -> None:
    """A file that declares more roles than there may be is refused whole, before any of them is fetched."""
    sim = shop()
    for number in range(limits.ROLES + 1):
        sim.delegate(f"targets/crowd-{number}", [ecdsa_key("crowd")])
    sim.bump()
    sim.publish()
    reader = Reader(sim)
    with pytest.raises(MetadataCorrupt):
        reader.read(memory())
    assert not [name for name in reader.requests if "crowd" in name]


def _nested(depth: int) -> object:
    value: object = 0
    for _ in range(depth):
        value = {"n": value}
    return value


@pytest.mark.parametrize(
    "burden",
    [
        pytest.param(with_field("note", _nested(200)), id="deep nesting"),
        pytest.param(with_field("note", 10**4000), id="a number of 4000 digits"),
        pytest.param(
            key_table(lambda table: table.update({f"{each:064x}": ecdsa_key("x").as_json() for each in range(5000)})),
            id="thousands of keys",
        ),
    ],
)
def test_a_file_that_is_hard_to_read_is_refused(burden: Apply) -> None:
    """What would cost the reader more than the writer is refused, in a file that is validly signed."""
    sim = shop()
    burden(sim, "targets")
    sim.bump()
    sim.publish()
    assert answer(sim, memory()) is MetadataCorrupt


def test_a_swarm_of_signatures_is_refused() -> None:
    """More signatures than anybody needs are not verified one by one."""
    sim = shop()
    sim.timestamp.after_signing.append(
        lambda envelope: setattr(envelope, "signatures", envelope.signatures * (limits.SIGNATURES + 1))
    )
    sim.bump("timestamp")
    sim.publish("timestamp")
    assert answer(sim, memory()) is MetadataCorrupt


def test_a_reply_over_the_limit_is_told_apart_from_a_missing_one() -> None:
    """Too large is corrupt, whether or not the same file was good before."""
    workflow = update(Gun(GUN), Pins.tofu(), memory(), NOW)
    assert [wish.name for wish in next(workflow)] == ["timestamp"]
    with pytest.raises(MetadataCorrupt):
        workflow.send((TooLarge(),))
