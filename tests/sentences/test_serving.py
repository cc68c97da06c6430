"""What somebody reads who tries the proxy without a file, or asks what a file says."""

import os
import sys
from typing import Final

import pytest

from proxy import server
from proxy.config import Seen
from tests.sentences.transcripts import Transcript
from tests.support.keys import ecdsa_key
from tests.unit.config.site import Site, compose, write_pair

TRIAL: Final = "tagwarden serve --audit --name registry.example.com --registry http://127.0.0.1:5001"
DIGEST: Final = f"sha256:{'9' * 64}"
WHOLE: Final = compose(
    trust_store="{url: 'sqlite:///trust.db'}",
    owners="{shop: {contact: '#shop-oncall'}, tools: {contact: FILL-IN}}",
    repositories="""
  "shop/**": {signed_by: {all_of: [ci, qa]}, owner: shop}
  "shop/tools": {signed_by: {any_of: [ci]}, tags: {"v*": {signed_by: {all_of: [ci, qa]}}}, owner: tools}""",
    rollout="""
  "shop/tools": {mode: audit, until: 2099-01-31T00:00:00Z, reason: OPS-412}
  "shop/old": {mode: audit, until: 2020-01-31T00:00:00Z, reason: OPS-411}
  "shop/*": protect""",
    exceptions=f"""
  - {{allow: 'shop/tools@{DIGEST}', until: 2099-06-30T00:00:00Z, reason: bootstrap}}""",
    blocked=f"""
  - {{digest: '{DIGEST}', reason: CVE-2026-1}}""",
)


def test_without_a_file(transcript: Transcript) -> None:
    """Half of a file and half of the options is told apart before anything starts."""
    for title, typed in (
        ("Nothing but the wish.", "tagwarden serve --audit"),
        ("Somebody forgot Notary.", TRIAL),
        ("Options that a file has keys for.", "tagwarden serve --name registry.example.com --listen 127.0.0.1:5000"),
        ("A file and its absence.", f"{TRIAL} --notary https://notary -c config.yaml"),
        ("Every option is wrong.", "tagwarden serve --audit --name R --registry r --notary http://n --listen 5000"),
    ):
        transcript.situation(title)
        assert transcript.run(typed) == 2
    transcript.check("serve-without-file")


def test_what_a_trial_says_aloud(transcript: Transcript, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its first events are warnings, of which these are the words."""
    monkeypatch.setattr(server, "run", lambda read: sys.stdout.write("\n".join(read(Seen()).warnings)))
    transcript.situation("A trial, and variables that have no effect on it.")
    variables = {"TAGWARDEN__TRUST_STORE__URL": "sqlite:////var/lib/tagwarden/trust.db", "TAGWARDEN__WORKERS": "4"}
    assert transcript.run(f"{TRIAL} --notary https://notary:4443", variables) == 0
    transcript.check("serve-trial")


def test_what_a_file_says_of_an_image(transcript: Transcript) -> None:
    """The entry, the rule, the mode, and what it hides, each with its line."""
    transcript.write("config.yaml", WHOLE)
    for title, reference, status in (
        ("An image in audit.", "shop/tools:v1", 0),
        ("An image whose time is over.", "shop/old:v1", 0),
        ("A digest that is both excepted and blocked.", f"shop/tools@{DIGEST}", 0),
        ("An image of which nothing is said.", "shops/api", 1),
        ("What is no image.", "Shop/API", 2),
    ):
        transcript.situation(title)
        assert transcript.run(f"tagwarden config check -c config.yaml {reference}") == status
    transcript.situation("Only its values.")
    assert transcript.run("tagwarden config check -c config.yaml --effective shop/tools") == 0
    transcript.situation("Warnings are findings.")
    assert transcript.run("tagwarden config check -c config.yaml --strict") == 1
    transcript.check("config-check")


def test_a_trust_store_for_which_there_is_no_place(transcript: Transcript, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is right, but this machine is not ready for it."""
    for title, store in (
        ("No directory.", "{url: 'sqlite:///state/trust.db'}"),
        ("A lost file.", "{url: 'sqlite:///trust.db', must_exist: true}"),
    ):
        transcript.write("config.yaml", compose(trust_store=store))
        transcript.situation(title)
        assert transcript.run("tagwarden config check -c config.yaml") == 0
    transcript.write("trust.db", "")
    monkeypatch.setattr(os, "access", lambda path, _mode: str(path) == "config.yaml")
    transcript.situation("Nothing may be written.")
    assert transcript.run("tagwarden config check -c config.yaml") == 0
    transcript.check("config-check-here")


def test_an_audit_file_that_is_something_else(transcript: Transcript) -> None:
    """Lines that are appended to it would spoil it, so nothing starts."""
    write_pair(Site(transcript.directory), "proxy", ecdsa_key("proxy"))
    (transcript.directory / "logs").mkdir()
    for title, name in (
        ("The configuration itself.", "config.yaml"),
        ("A private key.", "proxy.key"),
        ("The trust store.", "trust.db"),
        ("A directory.", "logs"),
        ("A device.", "/dev/null"),
    ):
        listen = "{tls: {certificate_file: proxy.crt, key_file: proxy.key}}"
        store, log = "{url: 'sqlite:///trust.db'}", f"{{audit_file: {name}}}"
        transcript.write("config.yaml", compose(log=log, trust_store=store, listen=listen))
        transcript.situation(title)
        assert transcript.run("tagwarden config check -c config.yaml") == 2
    transcript.check("config-check-audit-file")
