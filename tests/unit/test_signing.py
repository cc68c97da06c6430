"""What signers are told to type: for whom, in which order, and what the shell makes of it."""

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from proxy.names import RELEASES, TARGETS, Gun, RoleName, Tag
from proxy.policy.signers import AllOf, AnyOf, AtLeast, FirstOf, Released, SignedBy
from proxy.signing import Lacking, Server, Step, Subject, docker, in_turn, lacking, steps, text
from proxy.tuf.collection import Collection, Role
from tests.support.collections import GUN, NOW, entry, of, says, signers, target, unpublished

ALICE: Final = RoleName("targets/alice")
BOB: Final = RoleName("targets/bob")
SUBJECT: Final = Subject(GUN, str(GUN), Tag("1.4"), target("new"), is_index=False)
SERVER: Final = Server("https://notary:4443", Path("/etc/tagwarden/notary ca.crt"), wants_login=False)
NOTARY: Final = "notary -s https://notary:4443 --tlscacert '/etc/tagwarden/notary ca.crt' -d ~/.docker/trust"

HAS_SIGNED: Final = says("targets/alice", {"1.4": "new"})
SIGNED_OLD: Final = says("targets/alice", {"1.4": "old"})
SILENT: Final = says("targets/bob")


def _lacking(signed_by: SignedBy, *roles: Role) -> Lacking:
    return lacking(entry(signed_by), SUBJECT, of(*roles), NOW)


@pytest.mark.parametrize(
    ("signed_by", "roles", "expected"),
    [
        pytest.param(AnyOf(signers("alice", "bob")), (HAS_SIGNED, SILENT), Lacking(0, ()), id="any-of-has"),
        pytest.param(AnyOf(signers("alice", "bob")), (SIGNED_OLD, SILENT), Lacking(1, (ALICE, BOB)), id="any-of-none"),
        pytest.param(AllOf(signers("alice", "bob")), (HAS_SIGNED, SILENT), Lacking(1, (BOB,)), id="all-of-one"),
        pytest.param(
            AtLeast(2, signers("alice", "bob", "ci")),
            (HAS_SIGNED, SILENT),
            Lacking(1, (BOB, RoleName("targets/ci"))),
            id="at-least",
        ),
        pytest.param(
            AtLeast(2, signers("alice", "bob")),
            (HAS_SIGNED, says("targets/bob", {"1.4": "new"}, keys=["alice"])),
            Lacking(1, (BOB,)),
            id="one-key-votes-once",
        ),
        pytest.param(FirstOf(signers("alice", "bob")), (SIGNED_OLD, SILENT), Lacking(1, (ALICE,)), id="first-decides"),
        pytest.param(FirstOf(signers("bob", "alice")), (HAS_SIGNED, SILENT), Lacking(0, ()), id="first-with-a-vote"),
        pytest.param(FirstOf(signers("bob", "ci")), (SILENT,), Lacking(1, (BOB, RoleName("targets/ci"))), id="first"),
        pytest.param(Released(), (HAS_SIGNED,), Lacking(1, (TARGETS,)), id="released-by-targets"),
        pytest.param(Released(), (says("targets", {"1.4": "new"}),), Lacking(0, ()), id="is-released"),
        pytest.param(
            AnyOf(signers("alice")),
            (HAS_SIGNED, says("targets/releases", {"1.4": "old"})),
            Lacking(1, (RELEASES,)),
            id="signed-and-not-released",
        ),
    ],
)
def test_whom_a_rule_lacks(signed_by: SignedBy, roles: tuple[Role, ...], expected: Lacking) -> None:
    """Those who may give a vote that is missing for the digest that the registry has; nobody where it is enough."""
    assert _lacking(signed_by, *roles) == expected


@pytest.mark.parametrize(
    ("signed_by", "expected"),
    [
        pytest.param(AllOf(signers("alice", "bob")), Lacking(2, (ALICE, BOB)), id="signers"),
        pytest.param(Released(), Lacking(1, (TARGETS,)), id="released"),
    ],
)
def test_where_there_is_nothing_yet_everybody_is_lacking(signed_by: SignedBy, expected: Lacking) -> None:
    """A repository that was never signed has no votes."""
    assert lacking(entry(signed_by), SUBJECT, None, NOW) == expected


def test_a_release_that_is_ignored_is_not_lacking() -> None:
    """`released: ignored` asks for the signers alone."""
    collection = of(HAS_SIGNED, unpublished("targets/releases"))
    assert lacking(entry(AnyOf(signers("alice")), released_required=False), SUBJECT, collection, NOW).roles == ()


def _plan(collection: Collection | None, *groups: tuple[RoleName, ...], server: Server = SERVER) -> list[Step]:
    return steps(SUBJECT, server, groups or ((ALICE,),), collection)


def test_a_signer_signs_into_their_own_role() -> None:
    """Digest and length are the registry's; every word that a shell could misread is quoted, the home is not."""
    [step] = _plan(of(SIGNED_OLD))
    said = f"addhash {GUN} 1.4 527 --sha256 {SUBJECT.target.digest.hex} --roles targets/alice"
    assert step.commands == (f"{NOTARY} {said}", f"{NOTARY} publish {GUN}")
    assert step.notes == ()


def test_what_is_released_is_signed_along() -> None:
    """Where `targets/releases` is declared, nothing counts that it does not name, and a note says so."""
    [step] = _plan(of(SIGNED_OLD, says("targets/releases", keys=["alice"])))
    assert step.commands[0].endswith("--roles targets/alice,targets/releases")
    assert "signed along" in step.notes[0]


def test_who_may_not_release_leaves_it_to_somebody_else() -> None:
    """The keys of a signer are not always let into `targets/releases`; a last step asks who is."""
    own, release = _plan(of(SIGNED_OLD, says("targets/releases", keys=["carol"])))
    assert own.commands[0].endswith("--roles targets/alice")
    assert release.who.startswith("Somebody who may sign targets/releases")
    assert release.commands[0].endswith("--roles targets/releases")


def test_one_person_signs_for_several_roles_at_once() -> None:
    """Roles that were named together are one command; those that are lacking are one each."""
    collection = of(SIGNED_OLD, SILENT)
    assert [step.commands[0].split()[-1] for step in _plan(collection, (ALICE, BOB))] == ["targets/alice,targets/bob"]
    assert len(_plan(collection, (ALICE,), (BOB,))) == 2


def test_where_some_of_several_will_do_each_is_a_choice() -> None:
    """Who can sign at once comes first; whoever has to be let in is let in by their own choice and by no other."""
    collection = of(SILENT)
    chosen = in_turn([(ALICE,), (BOB,)], collection)
    assert chosen == [(BOB,), (ALICE,)]
    first, delegation, second = steps(SUBJECT, SERVER, chosen, collection, wanted=1)
    assert first.who.startswith("Choice 1 of 2. Whoever has the private key of targets/bob")
    assert delegation.who == "Choice 2 of 2. The owner of the collection, once"
    assert second.who.startswith("Choice 2 of 2. Whoever has the private key of targets/alice")
    assert not any("alice" in line for line in first.commands)


def test_a_new_collection_is_made_before_any_choice() -> None:
    """It is the same for all of them, so it is said once."""
    made, *choices = steps(SUBJECT, SERVER, [(ALICE,), (BOB,)], None, wanted=1)
    assert made.who == "The owner of the root key, once"
    assert [step.who[:14] for step in choices] == [
        "Choice 1 of 2.",
        "Choice 1 of 2.",
        "Choice 2 of 2.",
        "Choice 2 of 2.",
    ]


def test_a_choice_that_cannot_release_says_who_can() -> None:
    """That another choice can is of no use to whoever does not choose it."""
    collection = of(SIGNED_OLD, SILENT, says("targets/releases", keys=["alice"]))
    planned = steps(SUBJECT, SERVER, [(ALICE,), (BOB,)], collection, wanted=1)
    assert [step.who[:14] for step in planned] == ["Choice 1 of 2.", "Choice 2 of 2.", "Choice 2 of 2."]
    assert "Somebody who may sign targets/releases" in planned[-1].who


def test_a_new_signer_is_let_in_first() -> None:
    """The owner delegates to the key, and to `targets/releases` where that is declared."""
    plain, _ = _plan(of(SILENT))
    assert plain.commands == (f"{NOTARY} delegation add {GUN} targets/alice alice.pub --all-paths --publish",)
    both, signed = _plan(of(SILENT, says("targets/releases")))
    assert [shlex.split(line)[10] for line in both.commands] == ["targets/alice", "targets/releases"]
    assert signed.commands[0].endswith("targets/alice,targets/releases")


def test_a_new_collection_is_made_first() -> None:
    """Root and targets keys are made, the server gets the snapshot key, the signer is let in and signs."""
    made, delegated, signed = _plan(None)
    assert made.commands == (
        f"{NOTARY} init {GUN} --publish",
        f"{NOTARY} key rotate {GUN} snapshot --server-managed",
    )
    assert len(delegated.commands) == 2
    assert signed.commands[0].endswith("targets/alice,targets/releases")


def test_a_new_collection_without_signers_signs_into_targets() -> None:
    """`signed_by: released` needs no delegation."""
    made, signed = _plan(None, (TARGETS,))
    assert made.who == "The owner of the root key, once"
    assert signed.commands[0].endswith("--roles targets")


def test_a_signer_whose_paths_exclude_the_tag_is_told() -> None:
    """What they sign would not count."""
    [step] = _plan(of(says("targets/alice", paths=("release-",))))
    assert 'tags that begin with "release-"' in " ".join(step.notes)


def test_what_trust_data_says_cannot_become_a_command() -> None:
    """Prefixes of paths are any text that the owner of a collection signed: it stays within its comment."""
    collection = of(says("targets/alice", paths=("\nreboot\r\x1b[2J",)))
    planned = _plan(collection)
    lines = "\n".join(text(SUBJECT, planned, collection)).splitlines()
    assert all(line.startswith(("#", "notary ")) for line in lines)
    assert all(line.isprintable() for line in lines)


def test_a_login_is_announced() -> None:
    """Where the proxy has a login for Notary, everybody who publishes needs one of their own."""
    planned = _plan(None, server=replace(SERVER, wants_login=True))
    assert len(planned) == 3
    assert all("NOTARY_AUTH" in step.notes[-1] for step in planned)
    assert not any("NOTARY_AUTH" in note for step in _plan(None) for note in step.notes)


def test_a_signer_without_paths_is_told() -> None:
    """What they sign would count for no tag at all."""
    [step] = _plan(of(says("targets/alice", paths=())))
    assert step.notes == ("targets/alice does not count for this tag: it has no paths.",)


def test_the_text_is_a_shell_script() -> None:
    """Whatever is no comment is a command that a shell splits as it was meant."""
    collection = of(SIGNED_OLD)
    planned = _plan(collection)
    lines = [*text(SUBJECT, planned, collection), *docker(SUBJECT, SERVER, [ALICE], collection)]
    commands = [line for line in lines if not line.startswith("#")]
    assert commands == list(planned[0].commands)
    assert shlex.split(commands[0])[4] == "/etc/tagwarden/notary ca.crt"
    assert lines[0].endswith(f"{SUBJECT.target.digest}, 527 bytes.")
    assert any("targets/alice names another" in line for line in lines)


def test_the_way_of_docker_trust() -> None:
    """The same for docker trust: comments, because it is another way and not a further step."""
    lines = docker(SUBJECT, SERVER, [ALICE], of(SILENT))
    assert all(line.startswith("# ") for line in lines)
    assert "#   export DOCKER_CONTENT_TRUST_SERVER=https://notary:4443" in lines
    assert any("~/.docker/tls/notary:4443/ca.crt" in line for line in lines)
    assert f"#   docker trust signer add --key alice.pub alice {GUN}" in lines
    assert lines[-1] == f"#   docker trust sign --local {GUN}:1.4"


@pytest.mark.parametrize(
    ("subject", "why"),
    [
        pytest.param(replace(SUBJECT, is_index=True), "it names an index", id="index"),
        pytest.param(replace(SUBJECT, gun=Gun("docker.io/library/api")), "it would write to", id="other-gun"),
    ],
)
def test_where_docker_trust_cannot_sign(subject: Subject, why: str) -> None:
    """It pushes one image under its own name, so a sentence says why there are no commands."""
    [line] = docker(subject, SERVER, [ALICE], of(SIGNED_OLD))
    assert why in line
