"""The five kinds of files: what their structure must be, and what it may be (dialect 2)."""

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from proxy.errors import MetadataCorrupt
from proxy.limits import KEY_BYTES, KEYS, SIGNATURES
from proxy.names import ROOT, SNAPSHOT, TARGETS, TIMESTAMP, Digest, RoleName, Tag
from proxy.tuf.collection import Target
from proxy.tuf.metadata import (
    FileMeta,
    Signature,
    open_envelope,
    read_root,
    read_snapshot,
    read_targets,
    read_timestamp,
    version_in,
)
from tests.support.keys import ecdsa_key, ed25519_key
from tests.support.wire import base64_text, file_meta

Json = dict[str, Any]

ALICE: Final = RoleName("targets/alice")
KEY, OTHER = ecdsa_key("alice"), ed25519_key("other")
SHA256 = base64_text(bytes(32))


def _common(kind: str) -> Json:
    return {"_type": kind, "version": 7, "expires": "2030-01-02T03:04:05Z"}


def root(**fields: object) -> Json:
    """A root whose four roles have one key; `fields` replace or add."""
    role = {"keyids": [KEY.key_id], "threshold": 1}
    roles = dict.fromkeys(("root", "targets", "snapshot", "timestamp"), role)
    return _common("Root") | {"keys": {KEY.key_id: KEY.as_json()}, "roles": roles} | fields


def timestamp(**fields: object) -> Json:
    """A timestamp that names a snapshot."""
    return _common("Timestamp") | {"meta": {"snapshot": file_meta(b"snapshot")}} | fields


def snapshot(**more: object) -> Json:
    """A snapshot that names root and targets, and more."""
    return _common("Snapshot") | {"meta": {"root": file_meta(b"root"), "targets": file_meta(b"targets")} | more}


def delegation(name: str = "targets/alice", **fields: object) -> Json:
    """One entry of `delegations.roles`."""
    return {"name": name, "keyids": [KEY.key_id], "threshold": 1, "paths": [""]} | fields


def targets(*delegations: Json, **fields: object) -> Json:
    """A targets file with one tag and these delegations."""
    tags = {"1.4": {"hashes": {"sha256": SHA256}, "length": 527}}
    declared = {"keys": {KEY.key_id: KEY.as_json()}, "roles": list(delegations)}
    return _common("Targets") | {"targets": tags, "delegations": declared} | fields


READERS: Final[dict[str, tuple[Callable[[Json], Any], Json]]] = {
    "root": (read_root, root()),
    "timestamp": (read_timestamp, timestamp()),
    "snapshot": (read_snapshot, snapshot()),
    "targets": (lambda signed: read_targets(TARGETS, signed), targets()),
    "delegation": (lambda signed: read_targets(ALICE, signed), targets()),
}
EVERY = pytest.mark.parametrize("kind", READERS)


def _why(read: Callable[[], object]) -> str:
    with pytest.raises(MetadataCorrupt) as caught:
        read()
    return caught.value.why


# --- envelopes ----------------------------------------------------------------------------------


def _file(signed: object, signatures: object = (), **more: object) -> bytes:
    return json.dumps({"signed": signed, "signatures": signatures} | more).encode()


def test_an_envelope_is_taken_apart() -> None:
    """What was signed, its canonical bytes, and the signatures with their method in lower case."""
    data = _file({"b": 1, "a": "\u00e9"}, [{"keyid": "k", "method": "ECDSA", "sig": "AAEC", "note": 1}], extra=[1])
    envelope = open_envelope(TARGETS, data)
    assert envelope.signed == {"a": "\u00e9", "b": 1}
    assert envelope.payload == '{"a":"\u00e9","b":1}'.encode()
    assert envelope.signatures == (Signature("k", "ecdsa", b"\0\1\2"),)


@pytest.mark.parametrize(
    "signature",
    [
        pytest.param({}, id="absent"),
        pytest.param({"keyid": None, "method": None, "sig": None}, id="null"),
    ],
)
def test_parts_of_a_signature_may_be_absent(signature: Json) -> None:
    """Then it is by nobody's key, and counts for nothing."""
    assert open_envelope(TARGETS, _file({}, [signature])).signatures == (Signature("", "", b""),)


def test_signatures_may_be_absent() -> None:
    """An unsigned file is well-formed; that nobody signed it is found when signatures are counted."""
    assert open_envelope(TARGETS, b'{"signed":{}}').signatures == ()
    assert open_envelope(TARGETS, _file({}, None)).signatures == ()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        pytest.param(b"", "not JSON", id="empty"),
        pytest.param(b"{}", "signed is missing", id="nothing signed"),
        pytest.param(_file(None), "signed is missing", id="null signed"),
        pytest.param(_file([]), "signed is of the wrong type", id="signed is a list"),
        pytest.param(_file({}, {}), "signatures is of the wrong type", id="signatures are an object"),
        pytest.param(_file({}, "x"), "signatures is of the wrong type", id="signatures are text"),
        pytest.param(_file({}, ["x"]), "a signature is missing or no JSON object", id="a signature is text"),
        pytest.param(_file({}, [None]), "a signature is missing", id="a signature is null"),
        pytest.param(_file({}, [{"keyid": 1}]), "keyid is of the wrong type", id="key id is a number"),
        pytest.param(_file({}, [{"method": []}]), "method is of the wrong type", id="method is a list"),
        pytest.param(_file({}, [{"sig": 1}]), "sig is of the wrong type", id="signature is a number"),
        pytest.param(_file({}, [{"sig": "!"}]), "not base64", id="signature is no base64"),
        pytest.param(_file({}, [{"KeyID": "x"}]), "another case", id="key id in another case"),
        pytest.param(_file({}, Signatures=[]), "another case", id="signatures in another case"),
        pytest.param(b'{"\\u017figned":{}}', "another case", id="long s for s"),
        pytest.param(_file({"a": "\ud800"}), "lone surrogate", id="lone surrogate"),
        pytest.param(_file({"a": 1.5}), "not whole", id="fraction"),
        pytest.param(_file({}, [{}] * (SIGNATURES + 1)), "too many signatures", id="too many signatures"),
    ],
)
def test_what_is_no_envelope_says_why(data: bytes, why: str) -> None:
    """The role is named, and one short reason."""
    with pytest.raises(MetadataCorrupt) as caught:
        open_envelope(ALICE, data)
    assert caught.value.role == "targets/alice"
    assert why in caught.value.why


def test_as_many_signatures_as_are_allowed_are_read() -> None:
    """The limit itself is allowed (S15)."""
    assert len(open_envelope(TARGETS, _file({}, [{}] * SIGNATURES)).signatures) == SIGNATURES


@pytest.mark.parametrize(
    ("signed", "version"),
    [
        pytest.param({"version": 3}, 3, id="alone"),
        pytest.param({"version": 2**53, "_type": 1}, 2**53, id="the rest is not looked at"),
    ],
)
def test_the_version_that_a_file_states_can_be_asked_for_alone(signed: Json, version: int) -> None:
    """Trusted or not: of a root that is still to be reached, or of a remembered file."""
    assert version_in(ROOT, _file(signed)) == version


@pytest.mark.parametrize("data", [b"", b"{}", _file({}), _file({"version": "3"}), _file({"Version": 3})])
def test_a_file_that_states_no_version_is_corrupt(data: bytes) -> None:
    """There is no version zero to fall back to."""
    with pytest.raises(MetadataCorrupt):
        version_in(ROOT, data)


# --- fields that every file has -----------------------------------------------------------------


@EVERY
def test_type_version_and_expiry_are_read(kind: str) -> None:
    """Every file has the three."""
    read, signed = READERS[kind]
    found = read(signed)
    assert (found.version, found.expires) == (7, datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC))


@EVERY
def test_unknown_fields_are_allowed(kind: str) -> None:
    """Signatures cover them, and nobody asks for them."""
    read, signed = READERS[kind]
    assert read(signed | {"note": {"any": [1, None]}, "spec_version": "1"}).version == 7


@EVERY
@pytest.mark.parametrize(
    ("fields", "why"),
    [
        pytest.param({"_type": "targets"}, "its type is not", id="type in lower case"),
        pytest.param({"_type": "Mirror"}, "its type is not", id="type of no file"),
        pytest.param({"_type": None}, "its type is not", id="type null"),
        pytest.param({"_type": ["Root"]}, "wrong type", id="type a list"),
        pytest.param({"version": 0}, "below 1", id="version zero"),
        pytest.param({"version": -1}, "below 1", id="version negative"),
        pytest.param({"version": None}, "below 1", id="version null"),
        pytest.param({"version": "7"}, "wrong type", id="version text"),
        pytest.param({"version": True}, "wrong type", id="version true"),
        pytest.param({"version": 7.0}, "wrong type", id="version a float"),
        pytest.param({"expires": 7}, "wrong type", id="expires a number"),
        pytest.param({"expires": "soon"}, "no RFC 3339", id="expires junk"),
        pytest.param({"Version": 7}, "another case", id="version in another case beside it"),
    ],
)
def test_common_fields_have_exactly_their_form(kind: str, fields: Json, why: str) -> None:
    """What another reader might take otherwise is refused."""
    read, signed = READERS[kind]
    assert why in _why(lambda: read(signed | fields))


@EVERY
@pytest.mark.parametrize("field", ["_type", "version"])
def test_type_and_version_must_be_there(kind: str, field: str) -> None:
    """Absent is not the same as fitting."""
    read, signed = READERS[kind]
    with pytest.raises(MetadataCorrupt):
        read({name: value for name, value in signed.items() if name != field})


@EVERY
@pytest.mark.parametrize("kind_of", [kind for kind in READERS if kind != "delegation"])
def test_no_file_passes_for_one_of_another_kind(kind: str, kind_of: str) -> None:
    """Whoever signs one kind cannot have it taken for another."""
    if {kind, kind_of} <= {"targets", "delegation"} or kind == kind_of:
        assert READERS[kind][0](READERS[kind_of][1]).version == 7
    else:
        assert "its type is not" in _why(lambda: READERS[kind][0](READERS[kind_of][1]))


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        pytest.param("2030-01-02T03:04:05Z", datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC), id="UTC"),
        pytest.param("2030-01-02T03:04:05+02:00", datetime(2030, 1, 2, 1, 4, 5, tzinfo=UTC), id="offset"),
        pytest.param("2030-01-02T03:04:05-11:30", datetime(2030, 1, 2, 14, 34, 5, tzinfo=UTC), id="negative offset"),
        pytest.param("2030-01-02T03:04:05.5Z", datetime(2030, 1, 2, 3, 4, 5, 500_000, tzinfo=UTC), id="one digit"),
        pytest.param("2030-01-02T00:00:00.123456789Z", datetime(2030, 1, 2, 0, 0, 0, 123_456, tzinfo=UTC), id="nine"),
        pytest.param("2030-01-02T00:00:00.9999999Z", datetime(2030, 1, 2, microsecond=999_999, tzinfo=UTC), id="cut"),
        pytest.param("9999-12-31T23:59:59Z", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), id="last second"),
        pytest.param("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC), id="first second"),
        pytest.param("", datetime(1, 1, 1, tzinfo=UTC), id="empty means long past"),
        pytest.param(None, datetime(1, 1, 1, tzinfo=UTC), id="null means long past"),
    ],
)  # fmt: skip
def test_an_expiry_is_an_instant(text: str | None, instant: datetime) -> None:
    """RFC 3339 with zone; what is finer than a microsecond is cut off."""
    assert read_timestamp(timestamp(expires=text)).expires == instant


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("2030-01-02T03:04:05", id="no zone"),
        pytest.param("2030-01-02 03:04:05Z", id="blank for T"),
        pytest.param("2030-01-02t03:04:05z", id="lower case"),
        pytest.param("2030-01-02T03:04:05.Z", id="empty fraction"),
        pytest.param("2030-01-02T03:04:05,5Z", id="comma"),
        pytest.param("2030-01-02T03:04:05+0200", id="offset without colon"),
        pytest.param("2030-01-02T03:04:05+24:00", id="offset of a day"),
        pytest.param("2030-02-30T03:04:05Z", id="no such day"),
        pytest.param("2030-01-02T24:00:00Z", id="no such hour"),
        pytest.param("2030-01-02T03:04:60Z", id="leap second"),
        pytest.param("0001-01-01T00:00:00+01:00", id="before the first second"),
        pytest.param("9999-12-31T23:59:59-01:00", id="after the last second"),
        pytest.param("\u0662030-01-02T03:04:05Z", id="other digits"),
        pytest.param("2030-01-02T03:04:05Z\n", id="newline behind"),
    ],
)
def test_anything_else_is_no_instant(text: str) -> None:
    """Nothing is guessed about when trust ends."""
    assert "RFC 3339" in _why(lambda: read_timestamp(timestamp(expires=text)))


# --- root and keys ------------------------------------------------------------------------------


def test_a_root_gives_keys_and_thresholds_of_the_four_roles() -> None:
    """Other roles are allowed, whatever their keys and thresholds are."""
    signed = root()
    signed["roles"] = signed["roles"] | {"mirror": {"keyids": ["nobody"], "threshold": 0}, "root.1": None}
    found = read_root(signed)
    assert {name: (list(role.keys), role.threshold) for name, role in found.roles.items()} == dict.fromkeys(
        (ROOT, TARGETS, SNAPSHOT, TIMESTAMP), ([KEY.key_id], 1)
    )


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param({"consistent_snapshot": "yes"}, id="consistent_snapshot-a-text"),
        pytest.param({"consistent_snapshot": 1}, id="consistent_snapshot-a-number"),
        pytest.param({"roles": root()["roles"] | {"mirror": "anything"}}, id="another-role-a-text"),
        pytest.param({"roles": root()["roles"] | {"mirror": {"threshold": "2"}}}, id="another-threshold-a-text"),
        pytest.param({"roles": root()["roles"] | {"mirror": {"keyids": [1]}}}, id="another-key-id-a-number"),
    ],
)
def test_what_is_ignored_in_a_root_is_of_the_right_type(odd: Json) -> None:
    """Fields that decide nothing are still refused where Notary's reader would stop at them."""
    with pytest.raises(MetadataCorrupt):
        read_root(root() | odd)


def _with_snapshot(role: object) -> Json:
    return root(roles=root()["roles"] | {"snapshot": role})


def _role(**fields: object) -> Json:
    return _with_snapshot({"keyids": [KEY.key_id], "threshold": 1} | fields)


def _many(count: int) -> Json:
    return root(keys={f"{number}": OTHER.as_json() for number in range(count - 1)} | root()["keys"])


def _key(**fields: object) -> Json:
    return root(keys={KEY.key_id: KEY.as_json() | fields})


@pytest.mark.parametrize(
    ("signed", "why"),
    [
        pytest.param(root(roles=None), "the role root is missing", id="no roles"),
        pytest.param(root(roles=[]), "roles is of the wrong type", id="roles are a list"),
        pytest.param(_with_snapshot(None), "the role snapshot is missing", id="a role is null"),
        pytest.param(_with_snapshot([]), "the role snapshot is missing", id="a role is a list"),
        pytest.param(_role(threshold=0), "threshold of snapshot is below 1", id="threshold zero"),
        pytest.param(_role(threshold=None), "threshold of snapshot is below 1", id="threshold null"),
        pytest.param(_role(threshold=True), "threshold is of the wrong type", id="threshold true"),
        pytest.param(_role(threshold="1"), "threshold is of the wrong type", id="threshold text"),
        pytest.param(_role(Threshold=1), "another case", id="threshold in another case"),
        pytest.param(_role(keyids=["f" * 64]), "a key of snapshot is not listed", id="unknown key"),
        pytest.param(_role(keyids="x"), "keyids is of the wrong type", id="key ids are text"),
        pytest.param(_role(keyids=[1]), "holds something else", id="a key id is a number"),
        pytest.param(root(keys=None), "a key of root is not listed", id="no keys"),
        pytest.param(root(keys=[]), "keys is of the wrong type", id="keys are a list"),
        pytest.param(root(keys={KEY.key_id: "x"}), "a key is missing or no JSON object", id="a key is text"),
        pytest.param(_key(keytype=None), "keytype is missing", id="key type null"),
        pytest.param(_key(keytype=1), "keytype is of the wrong type", id="key type a number"),
        pytest.param(_key(keyval=None), "keyval is missing", id="key value null"),
        pytest.param(_key(keyval=[]), "keyval is of the wrong type", id="key value a list"),
        pytest.param(_key(keyval={}), "public is missing", id="no public part"),
        pytest.param(_key(keyval={"public": 1}), "public is of the wrong type", id="public part a number"),
        pytest.param(_key(keyval={"public": "!"}), "not base64", id="public part no base64"),
        pytest.param(_key(keyval={"public": "AAAA", "Public": "AAAA"}), "another case", id="public in another case"),
        pytest.param(_key(KeyType="rsa"), "another case", id="key type in another case"),
        pytest.param(_key(keyval={"public": base64_text(bytes(KEY_BYTES + 1))}), "size limit", id="a huge key"),
        pytest.param(_many(KEYS + 1), f"more than {KEYS} keys", id="too many keys"),
    ],
)  # fmt: skip
def test_a_root_that_is_not_well_formed_says_why(signed: Json, why: str) -> None:
    """Nothing of a root is guessed."""
    assert why in _why(lambda: read_root(signed))


@pytest.mark.parametrize(
    "signed",
    [
        pytest.param(_role(keyids=None), id="keys null"),
        pytest.param(_role(keyids=[]), id="no keys"),
        pytest.param(_role(keyids=[KEY.key_id] * 2), id="a key twice"),
        pytest.param(_role(threshold=9), id="threshold over the number of keys"),
        pytest.param(root(keys=root()["keys"] | {"f" * 64: OTHER.as_json()}), id="an unused key under a false id"),
        pytest.param(_key(scheme="ecdsa"), id="unknown field in a key"),
        pytest.param(_key(keyval={"public": base64_text(bytes(KEY_BYTES))}), id="as large a key as can be"),
        pytest.param(root(consistent_snapshot=True), id="consistent snapshot"),
    ],
)
def test_a_root_may_be_odd(signed: Json) -> None:
    """That nobody can sign for a role is found when signatures are counted."""
    assert read_root(signed).version == 7


@pytest.mark.parametrize("private", [None, "secret", 1, {}])
def test_the_private_part_of_a_key_counts_for_nothing(private: object) -> None:
    """It is no part of the key's id, whatever the file says."""
    found = read_root(_key(keyval=KEY.as_json()["keyval"] | {"private": private}))
    assert found.roles[ROOT].keys[KEY.key_id].key_id == KEY.key_id


def test_as_many_keys_as_are_allowed_are_read() -> None:
    """The limit itself is allowed (S15)."""
    assert read_root(_many(KEYS)).version == 7


# --- timestamp and snapshot ---------------------------------------------------------------------


def test_a_timestamp_names_the_snapshot_alone() -> None:
    """Whatever else it lists is not looked at (dialect 5, row 67)."""
    signed = timestamp(meta={"snapshot": file_meta(b"snapshot"), "root": "anything"})
    assert read_timestamp(signed).snapshot.sha256 == hashlib.sha256(b"snapshot").hexdigest()


def test_a_snapshot_names_root_targets_and_delegations() -> None:
    """Names that no declared role can have are not looked at."""
    more = {"targets/alice": file_meta(b"alice"), "targets/Bob": "anything", "timestamp": "anything", "alice": 1}
    found = read_snapshot(snapshot(**more))
    assert found.files.keys() == {"root", "targets", "targets/alice"}
    assert found.files[ALICE].sha256 == hashlib.sha256(b"alice").hexdigest()
    assert found.damaged == {}


BAD_ENTRIES: Final = [
    pytest.param(None, "missing or no JSON object", id="null"),
    pytest.param("x", "missing or no JSON object", id="text"),
    pytest.param({}, "sha256 of {} is missing", id="empty"),
    pytest.param({"hashes": None}, "sha256 of {} is missing", id="hashes null"),
    pytest.param({"hashes": []}, "hashes is of the wrong type", id="hashes a list"),
    pytest.param({"hashes": {"sha512": base64_text(bytes(64))}}, "sha256 of {} is missing", id="sha512 alone"),
    pytest.param({"hashes": {"SHA256": SHA256}}, "sha256 of {} is missing", id="algorithm in another case"),
    pytest.param({"hashes": {"sha256": None}}, "sha256 of {} has not 32 bytes", id="hash null"),
    pytest.param({"hashes": {"sha256": 1}}, "a hash of {} is no text", id="hash a number"),
    pytest.param({"hashes": {"sha256": "!"}}, "a hash of {} has bytes that are not base64", id="hash no base64"),
    pytest.param({"hashes": {"sha256": base64_text(bytes(31))}}, "sha256 of {} has not 32 bytes", id="31 bytes"),
    pytest.param({"hashes": {"sha256": SHA256, "sha512": SHA256}}, "sha512 of {} has not 64 bytes", id="short sha512"),
    pytest.param({"hashes": {"sha256": SHA256}, "length": -1}, "length of {} is negative", id="negative length"),
    pytest.param({"hashes": {"sha256": SHA256}, "length": "1"}, "length is of the wrong type", id="length text"),
    pytest.param({"Hashes": {"sha256": SHA256}}, "another case", id="field in another case"),
]


@pytest.mark.parametrize(("entry", "why"), BAD_ENTRIES)
def test_a_bad_entry_of_snapshot_root_or_targets_spoils_the_file(entry: object, why: str) -> None:
    """Without these three nothing can be verified."""
    assert why.format("snapshot") in _why(lambda: read_timestamp(timestamp(meta={"snapshot": entry})))
    assert why.format("root") in _why(lambda: read_snapshot(snapshot(root=entry)))
    assert why.format("targets") in _why(lambda: read_snapshot(snapshot(targets=entry)))


@pytest.mark.parametrize(("entry", "why"), BAD_ENTRIES)
def test_a_bad_entry_of_a_delegation_spoils_that_delegation_alone(entry: object, why: str) -> None:
    """The rest goes on (L2)."""
    found = read_snapshot(snapshot(**{"targets/alice": entry, "targets/bob": file_meta(b"bob")}))
    assert why.format("targets/alice") in found.damaged[ALICE]
    assert "targets/alice" not in found.files
    assert "targets/bob" in found.files


@pytest.mark.parametrize("meta", [None, {}, {"root": file_meta(b"x")}])
def test_a_snapshot_without_root_or_targets_is_corrupt(meta: object) -> None:
    """Both must be named (dialect 5, row 20)."""
    assert "is missing" in _why(lambda: read_snapshot(_common("Snapshot") | {"meta": meta}))


def _meta(data: bytes, **fields: object) -> FileMeta:
    return read_timestamp(timestamp(meta={"snapshot": file_meta(data) | fields})).snapshot


def _hashes(**hashes: str) -> Json:
    return {"sha256": base64_text(hashlib.sha256(b"data").digest())} | hashes


@pytest.mark.parametrize(
    "meta",
    [
        pytest.param(_meta(b"data"), id="both hashes"),
        pytest.param(_meta(b"data", hashes=_hashes()), id="sha256 alone"),
        pytest.param(_meta(b"data", hashes=_hashes(md5="AAAA")), id="an unknown hash beside"),
    ],
)
def test_a_file_that_is_as_described_fits(meta: FileMeta) -> None:
    """Every known hash, and the length."""
    meta.check(SNAPSHOT, b"data")
    assert meta.mismatch(b"data") is None


@pytest.mark.parametrize(
    ("meta", "why"),
    [
        pytest.param(_meta(b"other"), "sha256", id="sha256"),
        pytest.param(
            _meta(b"data", hashes=_hashes(sha512=base64_text(bytes(64)))), "sha512", id="sha512 alone differs"
        ),
        pytest.param(_meta(b"data", length=5), "it has 4 bytes, 5 are listed", id="longer than it is (S12)"),
        pytest.param(_meta(b"data", length=3), "it has 4 bytes, 3 are listed", id="shorter than it is (S12)"),
        pytest.param(_meta(b"data", length=None), "it has 4 bytes, 0 are listed", id="no length"),
    ],
)
def test_a_file_that_is_not_as_described_is_corrupt(meta: FileMeta, why: str) -> None:
    """One wrong fact is enough."""
    assert why in str(meta.mismatch(b"data"))
    assert why in _why(lambda: meta.check(SNAPSHOT, b"data"))


# --- targets and delegations --------------------------------------------------------------------


def test_a_targets_file_gives_tags_and_delegations() -> None:
    """The tag is the name, the digest is the hash, in the manifest's own length."""
    found = read_targets(TARGETS, targets(delegation(paths=["v", "x"])))
    assert found.targets == {"1.4": Target(Digest(f"sha256:{'00' * 32}"), 527)}
    (child,) = found.delegations
    assert (child.name, child.paths, child.repeated) == ("targets/alice", ("v", "x"), False)
    assert (list(child.role.keys), child.role.threshold) == ([KEY.key_id], 1)
    assert found.skipped == ()


@pytest.mark.parametrize("fields", [{"targets": None}, {"delegations": None}, {"delegations": {}}])
def test_tags_and_delegations_may_be_null(fields: Json) -> None:
    """A role may say nothing, or delegate to nobody."""
    assert read_targets(ALICE, targets(**fields)).version == 7


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        pytest.param("not a tag", {"hashes": {"sha256": SHA256}, "length": 1}, id="no tag"),
        pytest.param("shop/api", {"hashes": {"sha256": SHA256}, "length": 1}, id="a path"),
        pytest.param("", {"hashes": {"sha256": SHA256}, "length": 1}, id="empty name"),
        pytest.param("v1", None, id="null"),
        pytest.param("v1", {}, id="empty"),
        pytest.param("v1", {"hashes": {"sha512": base64_text(bytes(64))}, "length": 1}, id="sha512 alone"),
        pytest.param("v1", {"hashes": {"sha256": base64_text(bytes(31))}, "length": 1}, id="31 bytes"),
        pytest.param("v1", {"hashes": {"sha256": base64_text(bytes(33))}, "length": 1}, id="33 bytes"),
        pytest.param("v1", {"hashes": {"SHA256": SHA256}, "length": 1}, id="algorithm in another case"),
        pytest.param("v1", {"hashes": {"sha256": None}, "length": 1}, id="hash null"),
    ],
)
def test_a_target_that_names_no_manifest_is_skipped(name: str, entry: object) -> None:
    """Its tag is not signed, the others are; the log says which it was (S10)."""
    good = targets()["targets"]
    found = read_targets(ALICE, targets(targets=good | {name: entry}))
    assert found.targets.keys() == {"1.4"}
    (skipped,) = found.skipped
    assert skipped.startswith(f"targets/alice: {name!r}")


def test_a_skipped_target_cannot_flood_or_forge_the_log() -> None:
    """Its name is cut and quoted."""
    found = read_targets(ALICE, targets(targets={"\r\n" * 10_000: {}}))
    (skipped,) = found.skipped
    assert len(skipped) < 700
    assert skipped.isprintable()


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        pytest.param("x", "no JSON object", id="text"),
        pytest.param({"hashes": [], "length": 1}, "hashes is of the wrong type", id="hashes a list"),
        pytest.param({"hashes": {"sha256": 1}, "length": 1}, "is no text", id="hash a number"),
        pytest.param({"hashes": {"sha256": "!"}, "length": 1}, "not base64", id="hash no base64"),
        pytest.param({"hashes": {}, "length": "1"}, "length is of the wrong type", id="length text"),
        pytest.param({"hashes": {}, "length": 1.0}, "length is of the wrong type", id="length a float"),
        pytest.param({"hashes": {}, "Length": 1}, "another case", id="length in another case"),
    ],
)
def test_a_target_of_the_wrong_form_spoils_the_file(entry: object, why: str) -> None:
    """Notary could not read it either."""
    assert why in _why(lambda: read_targets(TARGETS, targets(targets={"v1": entry})))


def test_custom_data_of_a_target_is_allowed() -> None:
    """Signatures cover it, nobody asks for it."""
    entry = {"hashes": {"sha256": SHA256}, "length": 9, "custom": {"any": ["thing"]}}
    assert read_targets(TARGETS, targets(targets={"v1": entry})).targets[Tag("v1")].length == 9


@pytest.mark.parametrize(
    ("child", "why"),
    [
        pytest.param("x", "no JSON object", id="text"),
        pytest.param(delegation("root"), "is no child of it", id="root"),
        pytest.param(delegation("targets"), "is no child of it", id="targets itself"),
        pytest.param(delegation("targets/a/b"), "is no child of it", id="two levels deep"),
        pytest.param(delegation("other/alice"), "is no child of it", id="of another tree"),
        pytest.param(delegation(""), "is no child of it", id="no name"),
        pytest.param(delegation("targets/"), "invalid name", id="empty segment"),
        pytest.param(delegation("targets/Alice"), "invalid name", id="upper case"),
        pytest.param(delegation("targets/al ice"), "invalid name", id="blank"),
        pytest.param(delegation("targets/\u00e9"), "invalid name", id="not ascii"),
        pytest.param(delegation("targets/" + "x" * 248), "invalid name", id="too long"),
        pytest.param(delegation() | {"name": 1}, "name is of the wrong type", id="a number"),
        pytest.param(delegation(threshold=0), "threshold of targets/alice is below 1", id="threshold zero"),
        pytest.param(delegation(keyids=["f" * 64]), "a key of targets/alice is not listed", id="unknown key"),
        pytest.param(delegation(paths="v"), "paths is of the wrong type", id="paths text"),
        pytest.param(delegation(paths=[1]), "holds something else", id="a path a number"),
        pytest.param(delegation(paths=[None]), "holds something else", id="a path null"),
        pytest.param(delegation(Paths=[""]), "another case", id="paths in another case"),
    ],
)
def test_a_delegation_that_is_not_well_formed_spoils_the_file_that_declares_it(child: Json, why: str) -> None:
    """Fatal, as in Notary (dialect 2.4)."""
    assert why in _why(lambda: read_targets(TARGETS, targets(child)))


def test_a_delegation_declares_its_own_children_alone() -> None:
    """Below `targets/alice` there is `targets/alice/deep`, and nothing else."""
    (child,) = read_targets(ALICE, targets(delegation("targets/alice/deep"))).delegations
    assert child.name == "targets/alice/deep"
    assert "is no child of it" in _why(lambda: read_targets(ALICE, targets(delegation("targets/bob"))))


@pytest.mark.parametrize("paths", [None, []])
def test_a_delegation_without_paths_covers_nothing(paths: object) -> None:
    """Absent is not everything."""
    (child,) = read_targets(TARGETS, targets(delegation(paths=paths))).delegations
    assert child.paths == ()


def test_a_delegation_that_is_declared_twice_keeps_its_first_keys() -> None:
    """It is marked, so that it can be made unusable (dialect 3.8)."""
    declared = targets(delegation(), delegation(keyids=[OTHER.key_id], paths=["x"]), delegation("targets/bob"))
    declared["delegations"]["keys"][OTHER.key_id] = OTHER.as_json()
    alice, bob = read_targets(TARGETS, declared).delegations
    assert (list(alice.role.keys), alice.paths, alice.repeated) == ([KEY.key_id], ("",), True)
    assert not bob.repeated
