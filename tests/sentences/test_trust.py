"""What somebody reads who looks after the trust store."""

import asyncio
import gzip
import os
import pwd
from datetime import timedelta

import pytest

from proxy.clock import Clock
from proxy.errors import TrustStoreUnavailable
from proxy.store.sql import SqlTrustReader, SqlTrustStore
from tests.sentences.transcripts import Transcript
from tests.sentences.trusting import NOW, WEB, damage, remember_in, repository, written
from tests.support.certificates import root_key
from tests.unit.trust.material import NOTARY, opened, sign_more

pytestmark = pytest.mark.usefixtures("today")


async def unwritable(_: SqlTrustStore) -> None:
    """Nothing can be written."""
    raise TrustStoreUnavailable("its file cannot be written")


def test_looking(transcript: Transcript) -> None:
    """First nothing is there, then nothing is remembered, then two collections, of which one is damaged."""
    transcript.write("config.yaml", written())
    transcript.situation("Before the first start.")
    assert transcript.run("tagwarden trust list -c config.yaml") == 2
    transcript.situation("Make it, twice.")
    assert transcript.run("tagwarden trust init -c config.yaml") == 0
    assert transcript.run("tagwarden trust init -c config.yaml") == 0
    with transcript.monkeypatch.context() as patched:
        patched.setattr(SqlTrustStore, "check_writable", unwritable)
        transcript.situation("Its disk was mounted anew, to be read.")
        assert transcript.run("tagwarden trust init -c config.yaml") == 2
    assert transcript.run("tagwarden trust list -c config.yaml") == 0
    transcript.situation("Something is remembered.")
    remember_in(transcript.directory / "trust.db", repository(), repository("shop/web"))
    assert transcript.run("tagwarden trust list -c config.yaml") == 0
    assert transcript.run("tagwarden trust list -c config.yaml --json") == 0
    assert transcript.run("tagwarden trust show -c config.yaml shop/api") == 0
    assert transcript.run(f"tagwarden trust show -c config.yaml --json {WEB}") == 0
    transcript.situation("A role that Notary withholds stays a floor.")
    sim = repository()
    sim.delegations["targets/alice"].published = False
    sim.bump("snapshot", "timestamp")
    sim.publish()
    remember_in(transcript.directory / "trust.db", sim)
    assert transcript.run("tagwarden trust show -c config.yaml shop/api") == 0
    transcript.situation("What is not remembered, or is nothing.")
    assert transcript.run("tagwarden trust show -c config.yaml shop/new") == 1
    assert transcript.run("tagwarden trust show -c config.yaml tools/x") == 2
    assert transcript.run("tagwarden trust show -c config.yaml --notary other shop/api") == 2
    transcript.situation("A collection is damaged.")
    damage(transcript.directory / "trust.db", "UPDATE collections SET generation = 9 WHERE gun LIKE '%web'")
    assert transcript.run("tagwarden trust list -c config.yaml") == 1
    assert transcript.run("tagwarden trust show -c config.yaml shop/web") == 2
    transcript.check("trust-looking")


def test_forgetting(shop: Transcript) -> None:
    """One collection by its exact name, with a reason; what it means depends on the pins."""
    shop.situation("No reason, no name, no exact name.")
    assert shop.run("tagwarden trust forget -c config.yaml shop/api") == 2
    assert shop.run("tagwarden trust forget -c config.yaml shop/api --reason ' '") == 2
    assert shop.run("tagwarden trust forget -c config.yaml 'shop/*' --reason x") == 2
    assert shop.run("tagwarden trust forget -c config.yaml shop/api:1.0 --reason x") == 2
    assert shop.run("tagwarden trust forget -c config.yaml tools/x --reason x") == 2
    shop.situation("A collection that was made anew, trusted on first use.")
    assert shop.run("tagwarden trust forget -c config.yaml shop/api --reason 'made anew, OPS-512'") == 0
    assert shop.run("tagwarden trust show -c config.yaml shop/api") == 0
    assert shop.run("tagwarden trust forget -c config.yaml shop/api --reason again") == 1
    assert shop.run("tagwarden trust list -c config.yaml") == 0
    shop.situation("One that is pinned, by somebody behind sudo.")
    pins = f"roots: {{corp: {{public_key_ids: ['{'a' * 64}']}}}}"
    shop.write("config.yaml", written(pins=pins, roots="[corp]"))
    environ = {"SUDO_USER": "ada"}
    assert shop.run(f"tagwarden trust forget -c config.yaml {WEB} --reason 'Notary restored'", environ) == 0
    shop.situation("No trust store.")
    (shop.directory / "trust.db").unlink()
    assert shop.run("tagwarden trust forget -c config.yaml shop/api --reason x") == 2
    shop.check("trust-forgetting")


def test_several_notaries(transcript: Transcript) -> None:
    """A name that two Notaries have, and commands that are about one."""
    transcript.write("config.yaml", written(notaries=", other: {url: 'https://127.0.0.1:9', roots: tofu}"))
    remember_in(transcript.directory / "trust.db", repository())
    damage(transcript.directory / "trust.db", "DELETE FROM notes")

    async def again() -> None:
        async with opened(transcript.directory / "trust.db") as store:
            await store.keep_tags("other", WEB, (), checked_at=NOW)
            await store.keep_tags(NOTARY, WEB, (), checked_at=NOW)

    asyncio.run(again())
    transcript.situation("Which of them?")
    assert transcript.run(f"tagwarden trust show -c config.yaml {WEB}") == 2
    assert transcript.run(f"tagwarden trust show -c config.yaml --notary other {WEB}") == 0
    assert transcript.run("tagwarden trust export -c config.yaml --directory out") == 2
    assert transcript.run("tagwarden trust export -c config.yaml --directory out --notary corps") == 2
    transcript.situation("What is remembered of two of them are tags, which nobody forgot.")
    assert transcript.run("tagwarden trust list -c config.yaml") == 1
    transcript.check("trust-notaries")


def test_carrying(shop: Transcript) -> None:
    """Out into a directory, and in from it."""
    shop.situation("Everything, some of it, and nothing.")
    assert shop.run("tagwarden trust export -c config.yaml --directory bundle") == 0
    assert shop.run("tagwarden trust export -c config.yaml --directory bundle --json 'shop/a*'") == 0
    assert shop.run("tagwarden trust export -c config.yaml --directory bundle 'web/*'") == 2
    assert shop.run("tagwarden trust export -c config.yaml --directory bundle 'web/**/x'") == 2
    assert shop.run("tagwarden trust export -c config.yaml --directory bundle shop/new shop/web") == 1
    assert shop.run("tagwarden trust export -c config.yaml --directory config.yaml shop/web") == 2
    shop.situation("Notary is away.")
    assert shop.run("tagwarden trust export -c config.yaml --directory live --from-notary shop/api") == 3
    shop.situation("Into a trust store, twice, and only some of it.")
    (shop.directory / "trust.db").rename(shop.directory / "elsewhere.db")
    assert shop.run("tagwarden trust import -c config.yaml bundle") == 0
    assert shop.run("tagwarden trust import -c config.yaml bundle") == 0
    assert shop.run("tagwarden trust import -c config.yaml bundle --json shop/api") == 0
    shop.situation("An older export than what is remembered.")
    sim = repository()
    sign_more(sim, "2.0")
    remember_in(shop.directory / "trust.db", sim, at=NOW)
    assert shop.run("tagwarden trust import -c config.yaml bundle") == 1
    shop.situation("What is no export, and what is not there.")
    (shop.directory / "empty").mkdir()
    assert shop.run("tagwarden trust import -c config.yaml empty") == 2
    assert shop.run("tagwarden trust import -c config.yaml nowhere") == 2
    shop.situation("An export whose time is over.")
    late = NOW + timedelta(days=3)
    shop.monkeypatch.setattr(Clock, "now", lambda _: late)
    assert shop.run("tagwarden trust export -c config.yaml --directory bundle") == 0
    assert shop.run("tagwarden trust import -c config.yaml bundle shop/web") == 1
    shop.situation("Nothing is remembered, and nobody is pinned.")
    (shop.directory / "trust.db").unlink()
    assert shop.run("tagwarden trust export -c config.yaml --directory bundle") == 2
    assert shop.run("tagwarden trust export -c config.yaml --directory bundle --from-notary") == 2
    assert shop.run("tagwarden trust export -c config.yaml --directory bundle --from-notary shop/api") == 3
    shop.check("trust-carrying")


def test_backups(shop: Transcript, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it in one file, and back."""
    shop.situation("A backup, and a name that is taken.")
    assert shop.run("tagwarden trust backup -c config.yaml trust.backup") == 0
    assert shop.run("tagwarden trust backup -c config.yaml config.yaml") == 2
    assert shop.run("tagwarden trust backup -c config.yaml nowhere/trust.backup") == 2
    shop.situation("Over a store that has all of it.")
    assert shop.run("tagwarden trust restore -c config.yaml trust.backup") == 0
    shop.situation("Into a store that went on: one newer, one forgotten, one made anew.")
    newer, anew = repository(), repository("shop/cli")
    sign_more(newer, "2.0")
    remember_in(shop.directory / "trust.db", newer, anew)
    assert shop.run(f"tagwarden trust forget -c config.yaml {WEB} --reason 'made anew'") == 0
    other = repository("shop/cli")
    other.root.roles["root"].keys = other.root.signers = [root_key(other.gun, "another root")]
    other.publish()
    remember_in(shop.directory / "cli.db", other)
    assert shop.run("tagwarden trust restore -c config.yaml trust.backup") == 1
    assert shop.run("tagwarden trust copy -c config.yaml --from sqlite:///cli.db") == 1
    shop.situation("After the disk was lost.")
    for each in shop.directory.glob("trust.db*"):
        each.unlink()
    assert shop.run("tagwarden trust restore -c config.yaml trust.backup --json") == 0
    shop.situation("What is damaged, of another time, or no backup.")
    whole = (shop.directory / "trust.backup").read_bytes()
    shop.write("half.backup", whole[: len(whole) // 2])
    assert shop.run("tagwarden trust restore -c config.yaml half.backup") == 2
    assert shop.run("tagwarden trust restore -c config.yaml config.yaml") == 2
    assert shop.run("tagwarden trust restore -c config.yaml nowhere.backup") == 2
    shop.write("newer.backup", _newer())
    assert shop.run("tagwarden trust restore -c config.yaml newer.backup") == 2
    shop.situation("Something in the store is damaged.")
    damage(shop.directory / "trust.db", "UPDATE collections SET generation = 9 WHERE gun LIKE '%web'")
    assert shop.run("tagwarden trust backup -c config.yaml trust.backup") == 2
    assert shop.run("tagwarden trust backup -c config.yaml other.backup") == 1
    shop.situation("Our clock is behind.")
    monkeypatch.setattr(Clock, "now", lambda _: NOW - timedelta(days=1))
    assert shop.run("tagwarden trust restore -c config.yaml trust.backup") == 3

    async def unavailable(*_: object) -> tuple[object, ...]:
        raise TrustStoreUnavailable("the disk reports an error")

    shop.situation("The store cannot be read any more.")
    monkeypatch.setattr(SqlTrustReader, "everything", unavailable)
    assert shop.run("tagwarden trust backup -c config.yaml trust.backup") == 2
    shop.check("trust-backups")


def _newer() -> bytes:
    return gzip.compress(b'{"format":"tagwarden trust backup","version":2}\n')


def test_places_for_a_backup(shop: Transcript) -> None:
    """It is read twice, and nobody waits for one."""
    shop.situation("What can be read only once, or is no file.")
    os.mkfifo(shop.directory / "pipe")
    for name in ("pipe", "."):
        assert shop.run(f"tagwarden trust restore -c config.yaml {name}") == 2
        assert shop.run(f"tagwarden trust backup -c config.yaml {name}") == 2
    long = "x" * 300
    shop.told[long] = "XXX"
    assert shop.run(f"tagwarden trust backup -c config.yaml {long}") == 2
    shop.check("trust-backup-places")


def test_a_store_that_believed_somebody(shop: Transcript) -> None:
    """The disk was lost, and whoever has the keys of Notary served an old delegation; a copy knows better."""
    shop.situation("An old delegation under a new snapshot was believed.")
    newer, older = repository(), repository()
    sign_more(newer, "2.0")
    remember_in(shop.directory / "newer.db", newer)
    for _ in range(9):
        older.bump("snapshot", "timestamp")
    older.publish()
    remember_in(shop.directory / "trust.db", older)
    assert shop.run("tagwarden trust copy -c config.yaml --from sqlite:///newer.db") == 0
    assert shop.run("tagwarden trust copy -c config.yaml --from sqlite:///newer.db") == 0
    assert shop.run("tagwarden trust show -c config.yaml shop/api") == 0
    shop.check("trust-floors")


def test_a_damaged_collection(shop: Transcript) -> None:
    """It is named, and the others are taken."""
    shop.run("tagwarden trust export -c config.yaml --directory bundle")
    shop.run("tagwarden trust backup -c config.yaml trust.backup")
    damage(shop.directory / "trust.db", "UPDATE collections SET generation = 9 WHERE gun LIKE '%web'")
    shop.situation("One of two is damaged.")
    assert shop.run("tagwarden trust restore -c config.yaml trust.backup") == 1
    assert shop.run("tagwarden trust export -c config.yaml --directory out") == 1
    assert shop.run("tagwarden trust import -c config.yaml bundle") == 1
    assert shop.run(f"tagwarden trust forget -c config.yaml {WEB} --reason 'made anew'") == 2
    shop.check("trust-damaged")


def test_damaged_tags(shop: Transcript) -> None:
    """Nothing else is, and nobody says that all is well, or that they stay remembered."""
    damage(shop.directory / "trust.db", "UPDATE notes SET data = x'00' WHERE name LIKE 'tags/%' AND gun LIKE '%web'")
    shop.situation("Of one of two, the tags that it ever had are damaged.")
    assert shop.run("tagwarden trust list -c config.yaml") == 1
    assert shop.run("tagwarden trust list -c config.yaml --json") == 1
    assert shop.run("tagwarden trust show -c config.yaml shop/web") == 2
    assert shop.run("tagwarden trust backup -c config.yaml trust.backup") == 1
    assert shop.run(f"tagwarden trust forget -c config.yaml {WEB} --reason 'made anew'") == 2
    shop.situation("Of the other one, only files are: that can be forgotten.")
    damage(shop.directory / "trust.db", "UPDATE files SET data = x'00' WHERE gun LIKE '%api'")
    assert shop.run("tagwarden trust list -c config.yaml") == 1
    assert shop.run("tagwarden trust forget -c config.yaml shop/api --reason 'damaged, OPS-513'") == 0
    assert shop.run("tagwarden trust list -c config.yaml") == 1
    assert shop.run("tagwarden trust show -c config.yaml shop/api") == 0

    async def unavailable(*_: object) -> None:
        raise TrustStoreUnavailable("the disk reports an error")

    shop.situation("The store cannot be read any more: that is no damage of one of them.")
    shop.monkeypatch.setattr(SqlTrustReader, "check_notes", unavailable)
    assert shop.run("tagwarden trust list -c config.yaml") == 2
    shop.check("trust-damaged-tags")


def test_copying(shop: Transcript) -> None:
    """From one store into another."""
    shop.situation("Which other one?")
    assert shop.run("tagwarden trust copy -c config.yaml") == 2
    assert shop.run("tagwarden trust copy -c config.yaml --from sqlite:///a.db --to sqlite:///b.db") == 2
    assert shop.run("tagwarden trust copy -c config.yaml --to trust.db") == 2
    assert shop.run(f"tagwarden trust copy -c config.yaml --to sqlite:///{shop.directory}/trust.db") == 2
    assert shop.run("tagwarden trust copy -c config.yaml --to sqlite:///b.db --password-file x") == 2
    assert shop.run("tagwarden trust copy -c config.yaml --from sqlite:///b.db") == 2
    shop.situation("Into a new one, and back.")
    assert shop.run("tagwarden trust copy -c config.yaml --to sqlite:///b.db") == 0
    assert shop.run("tagwarden trust copy -c config.yaml --from sqlite:///b.db --json") == 0
    shop.situation("Something is damaged.")
    damage(shop.directory / "trust.db", "UPDATE collections SET generation = 9 WHERE gun LIKE '%web'")
    assert shop.run("tagwarden trust copy -c config.yaml --to sqlite:///b.db") == 1
    shop.check("trust-copying")


def test_whoever_has_no_name(shop: Transcript, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container a user may be a number."""

    def nobody(_: int) -> pwd.struct_passwd:
        raise KeyError

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    monkeypatch.setattr(os, "getuid", lambda: 10001)
    shop.situation("A number forgets.")
    assert shop.run("tagwarden trust forget -c config.yaml shop/api --reason 'made anew'") == 0
    shop.check("trust-nobody")


def test_a_notary_that_is_a_directory(transcript: Transcript) -> None:
    """Exactly one of server and directory."""
    for title, keys in (
        ("Neither.", "timeout: 5s"),
        ("Both.", "url: 'https://notary', dir: bundle"),
        ("What is about a server.", "dir: bundle, changefeed: 1s"),
    ):
        transcript.situation(title)
        transcript.write("config.yaml", written().replace('url: "https://127.0.0.1:9"', keys))
        assert transcript.run("tagwarden config check -c config.yaml") == 2
    transcript.check("trust-directory")


def test_what_cannot_be_brought_together(shop: Transcript) -> None:
    """An export of what no entry reads, and a root that was rotated where nobody looked."""
    shop.run("tagwarden trust export -c config.yaml --directory bundle")
    shop.situation("No entry reads it here.")
    shop.write("config.yaml", written().replace("shop/**", "tools/**"))
    assert shop.run("tagwarden trust import -c config.yaml bundle") == 1
    shop.situation("A root that does not lead to this one.")
    shop.write("config.yaml", written())
    other = repository()
    other.root.roles["root"].keys = other.root.signers = [root_key(other.gun, "another root")]
    other.bump()
    other.publish()
    remember_in(shop.directory / "other.db", other)
    assert shop.run("tagwarden trust copy -c config.yaml --from sqlite:///other.db") == 1
    shop.check("trust-refused")
