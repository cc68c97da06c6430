"""Timestamp and snapshot: which files they name, and what is stated of those (dialect 2)."""

import hashlib
from typing import Final

import pytest

from proxy.names import SNAPSHOT
from proxy.tuf.metadata import FileMeta, read_snapshot, read_timestamp
from tests.support.wire import base64_text, file_meta
from tests.unit.tuf.files import ALICE, SHA256, Json, common, complaint, snapshot, timestamp


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
    assert why.format("snapshot") in complaint(lambda: read_timestamp(timestamp(meta={"snapshot": entry})))
    assert why.format("root") in complaint(lambda: read_snapshot(snapshot(root=entry)))
    assert why.format("targets") in complaint(lambda: read_snapshot(snapshot(targets=entry)))


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
    assert "is missing" in complaint(lambda: read_snapshot(common("Snapshot") | {"meta": meta}))


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
    assert why in complaint(lambda: meta.check(SNAPSHOT, b"data"))
