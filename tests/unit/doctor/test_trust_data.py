"""What Notary serves is held against the pins, the signers and the dates that are wanted of it."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from proxy.clock import Clock
from proxy.config.settings import Settings
from proxy.doctor import repositories
from proxy.doctor.findings import Hop, Name
from proxy.names import Repository
from tests.support.certificates import certificate, root_key, x509_key
from tests.support.keys import ecdsa_key
from tests.support.notary_simulator import NotarySimulator
from tests.support.signed_roles import NOW, Declared
from tests.unit.doctor.material import NAME, SOON, HeldClock, Notary, examined, seen, settings, signed, written
from tests.unit.doctor.reading import read

GUN = f"{NAME}/shop/app"


def with_root(sim: NotarySimulator, name: str, *, not_after: datetime = NOW + timedelta(days=3650)) -> NotarySimulator:
    """The collection with the same root key in another certificate."""
    key = ecdsa_key("root")
    sim.root.signers = [x509_key(key, certificate(name, key, not_after=not_after))]
    sim.root.roles["root"] = Declared(sim.root.signers)
    return sim


async def test_all_is_right(tmp_path: Path) -> None:
    """A collection that meets everything gives no trouble."""
    assert await examined(settings(tmp_path), signed("shop/app")) == {}


async def test_root_is_not_pinned(tmp_path: Path) -> None:
    """Of a root that is not pinned the key and the command are said, once for all repositories with that key."""
    pins = f"{{corp: {{public_key_ids: ['{'ab' * 32}']}}}}"
    looked_at = "shop/app shop/web"
    found = await examined(settings(tmp_path, roots=pins), *map(signed, looked_at.split()), looked_at=looked_at)
    assert list(found) == ["root-not-pinned"]
    assert found["root-not-pinned"].startswith("failed shop/app and shop/web: not pinned: ")
    assert ecdsa_key("root").key_id in found["root-not-pinned"]
    assert found["root-not-pinned"].endswith("tagwarden pin shop/app")


async def test_audit_is_less_grave(tmp_path: Path) -> None:
    """Where nothing is refused yet, the same is a warning."""
    pins = f"{{corp: {{public_key_ids: ['{'ab' * 32}']}}}}"
    audit = "{'shop/**': {mode: audit, until: '2100-01-01T00:00:00Z', reason: trial}}"
    found = await examined(settings(tmp_path, roots=pins, rollout=audit), signed("shop/app"))
    assert found["root-not-pinned"].startswith("warning shop/app: not pinned")


async def test_disabled_is_left_alone(tmp_path: Path) -> None:
    """What is switched off is not asked about."""
    off = "{'shop/**': {mode: disabled, until: '2100-01-01T00:00:00Z', reason: trial}}"
    assert await examined(settings(tmp_path, rollout=off)) == {}


@pytest.mark.parametrize(
    ("rollout", "line"),
    [
        pytest.param("{}", "ok shop/app: enforce", id="enforce"),
        pytest.param("{'shop/**': protect}", "ok shop/app: protect", id="protect"),
        pytest.param(
            "{'shop/**': {mode: audit, until: '2100-01-01T00:00:00Z', reason: trial}}",
            "warning shop/app: audit until 2100-01-01, so whatever the registry has is served",
            id="audit",
        ),
        pytest.param(
            "{'shop/**': {mode: audit, until: '2020-01-01T00:00:00Z', reason: trial}}",
            "ok shop/app: enforce",
            id="audit-that-is-over",
        ),
        pytest.param(
            "{'shop/**': {mode: disabled, until: '2100-01-01T00:00:00Z', reason: trial}}",
            "not checked shop/app: disabled until 2100-01-01, so whatever the registry has is served, and",
            id="disabled",
        ),
    ],
)
async def test_the_mode_of_what_was_named(tmp_path: Path, rollout: str, line: str) -> None:
    """Whoever asks about a repository has to hear whether anything is refused there."""
    configured = settings(tmp_path, rollout=rollout)
    hop, named = Hop("repositories"), [Repository("shop/app")]
    await repositories.examine(hop, configured, named, frozenset(), HeldClock(), named, reader=None)
    read(hop.findings)
    mode = next(each for each in hop.findings if each.name is Name.MODE)
    assert f"{mode.level} {mode.sentence}".startswith(line)
    unnamed = Hop("repositories")
    await repositories.examine(unnamed, configured, named, frozenset(), HeldClock(), reader=None)
    assert (Name.MODE in {each.name for each in unnamed.findings}) is ("disabled" in line)


async def test_root_of_another_gun(tmp_path: Path) -> None:
    """A collection whose root is for another GUN was copied there, or is not the one that was meant."""
    found = await examined(settings(tmp_path), with_root(signed("shop/app"), f"{NAME}/shop/other"))
    assert list(found) == ["root-other-gun"]
    assert f"is for '{NAME}/shop/other', and not for {GUN}" in found["root-other-gun"]


async def test_root_has_a_wildcard_name(tmp_path: Path) -> None:
    """A wildcard name is pointed out, with the key that allows it."""
    found = await examined(settings(tmp_path), with_root(signed("shop/app"), f"{NAME}/shop/*"))
    assert list(found) == ["root-wildcard-name"]
    assert "allow_wildcard_name: true" in found["root-wildcard-name"]


async def test_wildcard_name_that_is_allowed(tmp_path: Path) -> None:
    """Where the pins allow the wildcard name, everything else of the collection is looked at as usual."""
    pins = f"{{corp: {{public_key_ids: ['{ecdsa_key('root').key_id}'], allow_wildcard_name: true}}}}"
    sim = with_root(signed("shop/app"), f"{NAME}/shop/*")
    sim.targets.expires = written(NOW + SOON)
    found = await examined(settings(tmp_path, roots=pins), sim)
    assert list(found) == ["role-expiry"]


@pytest.mark.parametrize(
    ("not_after", "words"),
    [
        pytest.param(NOW + SOON, "warning shop/app: the root's certificate runs out on", id="soon"),
        pytest.param(NOW - SOON, "failed shop/app: the root's certificate ran out on", id="past"),
    ],
)
async def test_root_certificate_runs_out(tmp_path: Path, not_after: datetime, words: str) -> None:
    """The end of a root's certificate is said before and after it."""
    found = await examined(settings(tmp_path), with_root(signed("shop/app"), GUN, not_after=not_after))
    assert list(found) == ["root-certificate-dates"]
    assert found["root-certificate-dates"].startswith(words)


async def test_too_few_pinned_keys_signed(tmp_path: Path) -> None:
    """Of a root that two keys have to sign, the one that is not pinned is named."""
    sim = signed("shop/app")
    sim.root.signers = [root_key(GUN), root_key(GUN, "second")]
    sim.root.roles["root"] = Declared(sim.root.signers, 2)
    found = await examined(settings(tmp_path), sim)
    assert list(found) == ["root-not-pinned"]
    assert ecdsa_key("second").key_id in found["root-not-pinned"]


async def test_nothing_was_signed(tmp_path: Path) -> None:
    """A repository without trust data is said to have none."""
    found = await examined(settings(tmp_path))
    assert list(found) == ["trust-data-missing"]
    assert found["trust-data-missing"].startswith("warning shop/app: nothing was ever signed")


def _in_a_directory(tmp_path: Path) -> Settings:
    (tmp_path / "export").mkdir()
    return settings(tmp_path, notaries=f"{{corp: {{dir: '{tmp_path}/export', roots: [corp]}}}}")


async def test_nothing_was_brought_along(tmp_path: Path) -> None:
    """What an export does not have may well be signed: nobody can say that it never was."""
    found = await examined(_in_a_directory(tmp_path))
    assert found == {
        "trust-data-missing": f"warning shop/app: the directory of Notary corp has nothing under {NAME}/...: "
        "bring an export that has it, or say in rollout how long it may go unsigned; "
        "only if Notary has nothing of it either, have it signed there first"
    }


async def test_snapshot_expired_in_a_directory(tmp_path: Path) -> None:
    """Nobody signs it anew there."""
    sim = signed("shop/app")
    sim.snapshot.expires = written(NOW - SOON)
    found = await examined(_in_a_directory(tmp_path), sim)
    assert found["role-expiry"].endswith(": ask this proxy's operator for a newer export")


async def test_signed_under_another_host(tmp_path: Path) -> None:
    """What people sign under the registry's own address is found there, whatever `name` says."""
    found = await examined(settings(tmp_path), signed("shop/app", host="127.0.0.1:5001"))
    assert list(found) == ["gun-wrong"]
    assert f"nothing under {NAME}/..., but has it under 127.0.0.1:5001/..." in found["gun-wrong"]


async def test_notary_says_no_to_one(tmp_path: Path) -> None:
    """A collection that Notary does not give is named with the reason, and nothing else is said of it."""
    sim = signed("shop/app")
    sim.publish()
    sim.fault("timestamp", 401)
    sim.fault("root", 401)
    found = await seen(settings(tmp_path), Notary({GUN: sim}), "shop/app")
    assert list(found) == ["trust-data"]
    assert "status 401" in found["trust-data"]
    assert found["trust-data"].count("shop/app") == 1


@pytest.mark.parametrize("role", ["root", "targets", "snapshot", "targets/alice"])
async def test_role_expires_soon(tmp_path: Path, role: str) -> None:
    """Whatever a decision rests on is warned of in the month before it expires."""
    sim = signed("shop/app")
    sim[role].expires = written(NOW + SOON)
    found = await examined(settings(tmp_path), sim)
    assert list(found) == ["role-expiry"]
    assert f"shop/app: {role} expires on " in found["role-expiry"]


async def test_delegation_expired(tmp_path: Path) -> None:
    """A delegation that expired counts for nothing, which is said."""
    sim = signed("shop/app")
    sim["targets/alice"].expires = written(NOW - SOON)
    found = await examined(settings(tmp_path), sim)
    assert found["role-expiry"].startswith("warning shop/app: targets/alice expired on ")


@pytest.mark.parametrize("role", ["timestamp", "snapshot"])
async def test_what_counts_by_grace_alone(tmp_path: Path, role: str) -> None:
    """Behind an air gap an expired timestamp is no failure, and still worth saying; past the grace it is one."""
    sim = signed("shop/app")
    sim[role].expires = written(NOW - SOON)
    found = await examined(settings(tmp_path, defaults="{expiry_grace: 30d}"), sim)
    assert list(found) == ["role-expiry"]
    assert found["role-expiry"].startswith(
        f"warning shop/app: {role} expired on 2026-11-14, and counts by expiry_grace"
    )
    for grace in ("6d", "0s"):
        found = await examined(settings(tmp_path, defaults=f"{{expiry_grace: {grace}}}"), sim)
        assert [line.partition(" ")[0] for line in found.values()] == ["failed"]


async def test_grace_beside_a_wildcard_name(tmp_path: Path) -> None:
    """A collection that is read under its pins has the same grace."""
    pins = f"{{corp: {{public_key_ids: ['{ecdsa_key('root').key_id}'], allow_wildcard_name: true}}}}"
    sim = with_root(signed("shop/app"), f"{NAME}/shop/*")
    sim.timestamp.expires = written(NOW - SOON)
    found = await examined(settings(tmp_path, roots=pins, defaults="{expiry_grace: 30d}"), sim)
    assert list(found) == ["role-expiry"]


async def test_targets_expired(tmp_path: Path) -> None:
    """Without its targets a collection is worth nothing."""
    sim = signed("shop/app")
    sim.targets.expires = written(NOW - SOON)
    found = await examined(settings(tmp_path), sim)
    assert found["role-expiry"].startswith("failed shop/app: ")


@pytest.mark.parametrize(
    ("clock", "words"),
    [
        pytest.param(HeldClock(NOW - timedelta(hours=3)), "signed 3 hours from now", id="behind"),
        pytest.param(HeldClock(NOW + timedelta(days=15)), "ran out on", id="ahead"),
    ],
)
async def test_our_clock_is_off(tmp_path: Path, clock: Clock, words: str) -> None:
    """A timestamp that cannot be right gives our clock away."""
    sim = signed("shop/app")
    sim.publish()
    found = await seen(settings(tmp_path), Notary({GUN: sim}), "shop/app", clock)
    assert list(found) == ["timestamp-clock"]
    assert words in found["timestamp-clock"]


async def test_keys_of_signers(tmp_path: Path) -> None:
    """A configured key that nobody delegates, and a delegated one that is not configured, are both named."""
    key = ecdsa_key("somebody else's").private.public_key()
    (tmp_path / "alice.pub").write_bytes(_pem(key))
    found = await examined(settings(tmp_path, signers="{alice: {keys: [alice.pub]}}"), signed("shop/app"))
    assert list(found) == ["signer-key", "signer-delegated-key"]
    assert ecdsa_key("somebody else's").key_id[:12] in found["signer-key"]
    assert ecdsa_key("targets/alice").key_id[:12] in found["signer-delegated-key"]


async def test_role_that_nobody_declares(tmp_path: Path) -> None:
    """A signer without a role anywhere never signs, which is worth saying, also where only a tag rule names it."""
    wanted = "{'shop/**': {signed_by: {any_of: [alice]}, tags: {'v*': {signed_by: {any_of: [qa]}}}}}"
    named = "{alice: {keys: delegated}, qa: {keys: delegated}}"
    found = await examined(settings(tmp_path, signers=named, repositories=wanted), signed("shop/app"))
    assert list(found) == ["signer-role"]
    assert "targets/qa is declared in no repository" in found["signer-role"]


async def test_released_names_no_signer(tmp_path: Path) -> None:
    """Docker's own rule names no signers, so there is nothing to compare."""
    wanted = "{'shop/**': {signed_by: released}}"
    assert await examined(settings(tmp_path, repositories=wanted), signed("shop/app")) == {}


def _pem(key: object) -> bytes:
    assert isinstance(key, ec.EllipticCurvePublicKey)
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


async def test_root_with_a_name_that_writes_to_the_terminal(tmp_path: Path) -> None:
    """The name in a stranger's certificate stands in quotes and rewrites no line."""
    found = await examined(settings(tmp_path), with_root(signed("shop/app"), "\x1b[2K\x1b[1Gok repositories: fine"))
    assert r"is for '\x1b[2K\x1b[1Gok repositories: fine', and not" in found["root-other-gun"]
