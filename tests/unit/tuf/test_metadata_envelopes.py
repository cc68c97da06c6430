"""Envelopes: what was signed, and the signatures beside it (dialect 2)."""

import json

import pytest

from proxy.errors import MetadataCorrupt
from proxy.limits import SIGNATURES
from proxy.names import ROOT, TARGETS
from proxy.tuf.metadata import Signature, open_envelope, version_in
from tests.unit.tuf.files import ALICE, Json


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
