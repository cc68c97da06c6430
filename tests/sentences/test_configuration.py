"""What somebody reads whose configuration is wrong: every problem at once, each with its cure."""

import errno
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

import pytest
from cryptography.hazmat.primitives.asymmetric import x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    PublicFormat,
)

from proxy.limits import CONFIGURATION_BYTES
from tests.sentences.transcripts import Transcript
from tests.support.certificates import authority, certificate, pem
from tests.support.keys import ecdsa_key
from tests.unit.config.site import Site, compose, credentials, private_pem, public_pem, write_pair

MISTAKES: Final = Path(__file__).parent / "mistakes"
BROKEN: Final = ("empty", "words", "second", "star", "alone", "quote", "escape", "control", "deep", "hash", "at", "tab")
PAST: Final = datetime(2020, 1, 1, tzinfo=UTC)
LATER: Final = datetime(2090, 1, 1, tzinfo=UTC)


def _forbidden(*_: object) -> BinaryIO:
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def test_what_cannot_be_read(transcript: Transcript, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is not there, no text, or no YAML stops the reading, each with one sentence."""
    transcript.situation("There is no such file.")
    assert transcript.run("tagwarden config check -c nowhere.yaml") == 2
    transcript.write("latin.yaml", "version: 1\nname: caf\xe9\n".encode("latin-1"))
    transcript.situation("A file in another encoding.")
    assert transcript.run("tagwarden config check -c latin.yaml") == 2
    transcript.write("large.yaml", b"version: 1\n".ljust(CONFIGURATION_BYTES + 1, b"#"))
    transcript.situation("A file of a size that no configuration has.")
    assert transcript.run("tagwarden config check -c large.yaml") == 2
    for name in BROKEN:
        transcript.write(f"{name}.yaml", (MISTAKES / f"{name}.yaml").read_bytes())
        transcript.situation(f"A file that is not what it should be: {name}.")
        assert transcript.run(f"tagwarden config check -c {name}.yaml") == 2
    with monkeypatch.context() as patched:
        patched.setattr(os, "access", lambda *_, **__: False)
        patched.setattr("proxy.config.opening.open_regular", _forbidden)
        transcript.situation("A file that this user may not read.")
        assert transcript.run("tagwarden config check -c latin.yaml") == 2
        transcript.situation("The same, named by the variable.")
        assert transcript.run("tagwarden config check", {"TAGWARDEN_CONFIG": "latin.yaml"}) == 2
    transcript.check("configuration-unreadable")


@pytest.mark.parametrize(
    ("name", "status"),
    [
        pytest.param("text", 2, id="the text of the file"),
        pytest.param("values", 2, id="single values"),
        pytest.param("values-again", 2, id="single values that are wrong in another way"),
        pytest.param("meaning", 2, id="what values mean together"),
        pytest.param("listeners", 2, id="listeners and certificates"),
        pytest.param("listeners-again", 2, id="listeners without certificates"),
        pytest.param("listeners-warnings", 0, id="certificates with which no connection comes about"),
        pytest.param("authorities", 0, id="who is not let in, and who is"),
        pytest.param("plain", 0, id="a registry without TLS"),
        pytest.param("rules", 2, id="who signs and who is asked"),
        pytest.param("warnings", 0, id="what is allowed and should not go unnoticed"),
    ],
)
def test_a_file_full_of_mistakes(transcript: Transcript, name: str, status: int) -> None:
    """Every mistake of a file is told, with its line and what to write."""
    _write_files(transcript)
    text = (MISTAKES / f"{name}.yaml").read_text(encoding="utf-8")
    keys = {"CAROL": ecdsa_key("carol").public_key_id, "STOLEN": ecdsa_key("stolen").public_key_id}
    for word, key_id in keys.items():
        text = text.replace(f'"{word}"', f'"{key_id}"')
    transcript.write("config.yaml", text)
    transcript.situation(f"mistakes/{name}.yaml")
    assert transcript.run("tagwarden config check -c config.yaml") == status
    transcript.check(f"configuration-{name}")


def test_environment_variables(transcript: Transcript) -> None:
    """What a variable says wrong is told with the variable's name."""
    transcript.write("config.yaml", compose())
    for name, value in (
        ("TAGWARDEN__REGISTRY__URI", "http://registry:5000"),
        ("TAGWARDEN__NOTARIES__CORP", "https://notary:4443"),
        ("TAGWARDEN__REGISTRY__URL", "registry:5000"),
        ("TAGWARDEN__TRUST_STORE__MUST_EXIST", "perhaps"),
    ):
        transcript.situation(f"The variable {name}.")
        assert transcript.run("tagwarden config check -c config.yaml", {name: value}) == 2
    transcript.check("configuration-environment")


def _write_files(transcript: Transcript) -> None:
    """The files that the mistakes name: some right, some of the wrong kind."""
    site = Site(transcript.directory)
    for name in ("alice", "bob", "carol"):
        site.write(f"{name}.pub", public_pem(ecdsa_key(name)))
    site.write("alice-again.pub", public_pem(ecdsa_key("alice")))
    site.write("two.pub", public_pem(ecdsa_key("alice")) + public_pem(ecdsa_key("bob")))
    site.write("alice.key", private_pem(ecdsa_key("alice")))
    write_pair(site, "proxy", ecdsa_key("proxy"))
    write_pair(site, "leaf", ecdsa_key("leaf"))
    write_pair(site, "locked", ecdsa_key("locked"))
    locked = ecdsa_key("locked").private
    site.write("locked.key", locked.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"s")))
    site.write("authority.crt", pem([authority("authority").certificate]))
    past = authority("past", not_after=PAST)
    site.write("unnamed.crt", pem([certificate("registry.example.com", ecdsa_key("unnamed"))]))
    site.write("unnamed.key", private_pem(ecdsa_key("unnamed")))
    site.write("past.crt", pem([past.certificate]))
    site.write("several.crt", pem([past.certificate, authority("authority").certificate]))
    for name, leaf in {
        "elsewhere": certificate("x", ecdsa_key("elsewhere"), alternative_name="elsewhere.example", not_after=PAST),
        "nameless": certificate("x", ecdsa_key("nameless"), not_before=LATER),
    }.items():
        site.write(f"{name}.crt", pem([leaf]))
        site.write(f"{name}.key", private_pem(ecdsa_key(name)))
    site.write("issued.crt", pem([certificate("client", ecdsa_key("client"), authority("authority"))]))
    _write_keys(site)
    site.write("words.txt", "just words")
    site.write("large.txt", "x" * (2 << 20))
    site.write("colon.json", credentials("a:b", "secret"))
    site.write("readable.json", credentials("proxy", "secret"), mode=0o644)


def _write_keys(site: Site) -> None:
    """Files that somebody might take for the public key of a signer."""
    site.write("broken.pub", "-----BEGIN PUBLIC KEY-----\n!!!!\n-----END PUBLIC KEY-----\n")
    site.write("cut.pub", "-----BEGIN PUBLIC KEY-----\nAAAAA\n-----END PUBLIC KEY-----\n")
    site.write("request.pem", "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n")
    exchange = x25519.X25519PrivateKey.generate().public_key()
    site.write("exchange.pub", exchange.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
