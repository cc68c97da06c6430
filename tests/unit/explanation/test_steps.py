"""Every refusal has something to run next, as it stands."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

import pytest

from proxy import errors
from proxy.errors import Refusal
from proxy.explanation import as_json, tell
from proxy.explanation.commands import typed
from proxy.names import ROOT, Reference
from proxy.policy.signers import Released
from proxy.refusals import TABLE, row_of
from proxy.store.protocol import Remembered
from proxy.tuf.collection import Stored
from tests.support.certificates import certificate, x509_key
from tests.support.collections import NOW
from tests.support.notary_simulator import NotarySimulator
from tests.support.resolving import REPOSITORY, bench
from tests.unit.explanation.bare import BY_DIGEST, known, read
from tests.unit.explanation.rare_situations import OLD_OR_NEW, STRANGER, rotated
from tests.unit.explanation.situations import GUN, HOUR, IS, OTHER, OWNED, TAG, entry

# Refusals that are about a request, a write or a blob: nobody can ask about those by a reference.
ELSEWHERE: Final = {
    errors.BlobNotAdmitted,
    errors.NameInvalid,
    errors.TagInvalid,
    errors.DigestInvalid,
    errors.PathUnknown,
    errors.MethodNotAllowed,
    errors.PushRefused,
    errors.DeleteRefused,
    errors.PusherHead,
    errors.NotAcceptable,
    errors.Internal,
}


REFUSALS: Final[list[Refusal]] = [
    errors.NoRule(),
    errors.Blocked("digest sha256:7..", "leaked"),
    errors.NoTrustData("root"),
    errors.TagNotSigned("1.4", unreleased=False),
    errors.SignerMissing("1.4", ("alice",), 1, ("qa",)),
    errors.SignersDisagree("1.4", (IS, OTHER)),
    errors.DigestNotSigned(IS, "1.4", NOW),
    *(errors.Expired(role, NOW) for role in ("root", "timestamp", "snapshot", "targets", "targets/alice")),
    errors.ThresholdNotMet("targets", 0, 1),
    errors.RootNotTrusted("it is not pinned"),
    errors.RootRotationBroken("0 of 1 signatures"),
    errors.Rollback("targets", "from version 2 to 1"),
    errors.MetadataCorrupt("targets", "it is no JSON"),
    errors.SignedLengthWrong(("alice",), 1, 2),
    errors.ManifestAmbiguous("schema 1"),
    errors.ManifestMissing(IS),
    errors.ContentMismatch(IS, OTHER),
    errors.RegistryUnreachable("refused"),
    errors.RegistryTimedOut("no answer"),
    errors.RegistryLoop("registry.url leads back to the proxy itself"),
    errors.NotaryUnreachable("refused"),
    errors.TrustStoreUnavailable("locked"),
    errors.DeadlineExceeded(10),
    errors.Undecided("the clock is behind"),
]


def test_every_refusal_is_among_them() -> None:
    """Whatever can be refused when somebody asks about a reference has its steps tested below."""
    assert {type(each) for each in REFUSALS} == TABLE.keys() - ELSEWHERE


@pytest.mark.parametrize("reference", [pytest.param(TAG, id="tag"), pytest.param(BY_DIGEST, id="digest")])
@pytest.mark.parametrize("refusal", [pytest.param(each, id=f"{row_of(each).code}-{each}"[:40]) for each in REFUSALS])
def test_every_refusal_has_a_next_command(refusal: Refusal, reference: Reference) -> None:
    """Nobody is left without something to run, complete with the configuration, even without evidence."""
    story = tell(known(refusal, reference=reference))
    own = [step.words for step in story.steps if step.words[:1] == ("tagwarden",)]
    assert own
    assert all(words[-2:] == ("-c", "a b.yaml") for words in own)
    assert story.conclusion.code == row_of(refusal).code
    assert as_json(story)["steps"]


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        pytest.param(("notary", "-d", "~/.docker/trust"), "notary -d ~/.docker/trust", id="home"),
        pytest.param(("a", "~/x; rm -rf"), "a '~/x; rm -rf'", id="no-home"),
        pytest.param(("a", "b c"), "a 'b c'", id="blank"),
    ],
)
def test_commands_can_be_pasted(words: tuple[str, ...], shown: str) -> None:
    """What is printed is what a shell runs, and nothing more."""
    assert typed(words) == shown


def test_rollback_leads_to_what_is_remembered() -> None:
    """Every hop works then: what helps is what was seen before, and forgetting is never pasted by accident."""
    story = tell(known(errors.Rollback("timestamp", "from version 2 to 1"), reference=TAG))
    commands = [step.words for step in story.steps if step.words]
    assert commands[0][:3] == ("tagwarden", "trust", "show")
    assert not any("forget" in words for words in commands)
    told = [step.purpose for step in story.steps if not step.words]
    assert any("docs/runbooks.md, TagwardenRollbackSeen" in each for each in told)
    assert "tagwarden trust forget" in told[-1]


@pytest.mark.parametrize("is_carried", [pytest.param(False, id="server"), pytest.param(True, id="directory")])
@pytest.mark.parametrize("reference", [pytest.param(TAG, id="tag"), pytest.param(BY_DIGEST, id="digest")])
def test_what_is_gone_is_not_signed_anew(reference: Reference, *, is_carried: bool) -> None:
    """Signing into a Notary that was emptied, or taken over, would begin the collection anew there."""
    asked = known(errors.NoTrustData("root"), replace(OWNED, is_carried=is_carried), reference=reference)
    story = tell(replace(asked, remembered=Remembered(Stored({}), 1, NOW)))
    commands = [step.words for step in story.steps if step.words]
    assert commands == [("tagwarden", "trust", "show", GUN, "-c", "a b.yaml")]
    assert "tagwarden trust forget" in story.steps[-1].purpose


def test_what_was_not_brought_along_is_not_signed_there() -> None:
    """The doctor knows repositories under the configured name alone, so of another one it is not asked."""
    asked = known(errors.NoTrustData("root"), replace(OWNED, is_carried=True))
    assert [step.words[1] for step in tell(asked).steps if step.words] == ["doctor", "verify"]
    asked = replace(asked, name="docker.io")
    assert [step.words[1] for step in tell(asked).steps if step.words] == ["verify"]


async def test_pinning_the_old_root_as_well_lets_a_rotation_through() -> None:
    """What is told of a rotation whose old pin was taken away too early is what helps."""
    async with bench(entry(Released(), pins=OLD_OR_NEW)) as desk:
        desk.sim.publish()
        await desk.resolver.evidence_for(REPOSITORY)
        desk.clock.pass_by(HOUR)
        desk.sim.bump()
        rotated(desk.sim)
        desk.sim.publish()
        found = await desk.resolver.evidence_for(REPOSITORY)
        assert found.collection.root.version > 1


def test_a_remembered_root_that_no_pin_would_mend() -> None:
    """Nobody is told to pin what has run out: then the collection has to be forgotten."""
    late = x509_key(STRANGER, certificate(GUN, STRANGER, not_after=NOW - timedelta(days=1)))
    before, served = NotarySimulator(GUN), NotarySimulator(GUN)
    before.root.roles["root"].keys[:] = before.root.signers[:] = [late]
    for sim in (before, served):
        sim.publish()
    remembered = Remembered(Stored({ROOT: before.current["root"]}), 1, NOW)
    asked = known(errors.RootNotTrusted("no"), entry(Released()), remembered=remembered)
    told = read(replace(asked, served_root=served.current["root"]))
    assert "tagwarden trust forget" in told
    assert "pin the old root as well" not in told


@pytest.mark.parametrize(
    ("why", "follows"),
    [
        pytest.param("the disk is full", [], id="disk"),
        pytest.param("its file is damaged", [("tagwarden", "trust", "list", "-c", "a b.yaml")], id="file-damaged"),
        pytest.param("its database is damaged", [("tagwarden", "trust", "list", "-c", "a b.yaml")], id="rows-damaged"),
    ],
)
def test_store_that_is_unavailable(why: str, follows: list[tuple[str, ...]]) -> None:
    """The doctor says what is wrong with it; of a part that is damaged the list has the rest."""
    story = tell(known(errors.TrustStoreUnavailable(why), reference=TAG))
    first, *others = [step.words for step in story.steps]
    assert first == ("tagwarden", "doctor", "-c", "a b.yaml")
    assert others == follows
    assert "trust store" in story.steps[0].purpose
