"""What somebody reads whose hand slipped over the trust store: the wrong name, stick, level or backup."""

import asyncio
from datetime import timedelta
from typing import Final

import pytest

from proxy.clock import Clock
from proxy.trust import backups
from tests.sentences.transcripts import Transcript
from tests.sentences.trusting import NOW, WEB, damage, remember_in, repository, written
from tests.unit.store.material import digest, index
from tests.unit.trust.material import NOTARY, opened, sign_more

pytestmark = pytest.mark.usefixtures("today")

RENAMED: Final = written().replace("corp", "main")


def test_a_notary_that_was_renamed(shop: Transcript) -> None:
    """Everywhere it is said that what is remembered counts for nobody, and one command brings it along."""
    shop.run("tagwarden trust backup -c config.yaml trust.backup")
    shop.write("main.yaml", RENAMED)
    shop.situation("Nobody thought of the trust store.")
    assert shop.run("tagwarden config check -c main.yaml") == 0
    assert shop.run("tagwarden config check -c main.yaml --strict") == 1
    assert shop.run("tagwarden trust list -c main.yaml") == 0
    assert shop.run("tagwarden trust list -c main.yaml --json") == 0
    assert shop.run("tagwarden trust restore -c main.yaml trust.backup") == 0
    assert shop.run("tagwarden trust copy -c main.yaml --to sqlite:///other.db") == 0
    shop.situation("What cannot be meant.")
    assert shop.run("tagwarden trust rename -c main.yaml corp other") == 2
    assert shop.run("tagwarden trust rename -c main.yaml main main") == 2
    assert shop.run("tagwarden trust rename -c main.yaml crop main") == 2
    shop.situation("One of them is forgotten under its old name, by its repository.")
    assert shop.run("tagwarden trust show -c main.yaml --notary corp shop/web") == 0
    assert shop.run("tagwarden trust forget -c main.yaml --notary corp shop/web --reason 'gone for good'") == 0
    shop.situation("The other one is carried over, once.")
    assert shop.run("tagwarden trust rename -c main.yaml corp main") == 0
    assert shop.run("tagwarden trust rename -c main.yaml corp main --json") == 0
    assert shop.run("tagwarden trust list -c main.yaml") == 0
    assert shop.run("tagwarden config check -c main.yaml --strict") == 1
    shop.check("trust-renamed")


def test_what_cannot_be_carried_over(shop: Transcript) -> None:
    """The pins of the new name count, and what is damaged stays where it is."""
    damage(shop.directory / "trust.db", "UPDATE collections SET generation = 9 WHERE gun LIKE '%web'")
    pins = f"roots: {{nobody: {{public_key_ids: ['{'a' * 64}']}}}}"
    shop.write("main.yaml", written(pins=pins, roots="[nobody]").replace("corp", "main"))
    shop.situation("One is of a root that is not pinned, one is damaged.")
    assert shop.run("tagwarden trust rename -c main.yaml corp main") == 1
    shop.check("trust-renamed-not")


def test_forgotten_by_mistake(shop: Transcript) -> None:
    """A backup does not bring it back by itself, and says so; by the way of a new store it does."""
    shop.run("tagwarden trust backup -c config.yaml trust.backup")
    shop.run(f"tagwarden trust forget -c config.yaml {WEB} --reason 'the wrong one'")
    shop.situation("It was the other one that was meant.")
    assert shop.run("tagwarden trust restore -c config.yaml trust.backup") == 1
    assert shop.run("tagwarden trust restore -c config.yaml trust.backup --json") == 1
    shop.situation("Into a new trust store, and what the old one has besides.")
    (shop.directory / "trust.db").rename(shop.directory / "old.db")
    assert shop.run("tagwarden trust restore -c config.yaml trust.backup") == 0
    assert shop.run("tagwarden trust copy -c config.yaml --from sqlite:///old.db") == 0
    assert shop.run("tagwarden trust restore -c config.yaml trust.backup") == 0
    assert shop.run("tagwarden trust list -c config.yaml") == 0
    shop.check("trust-forgotten-by-mistake")


def test_nothing_in_it(transcript: Transcript) -> None:
    """A backup of nothing, and nothing that is brought back, are no success."""
    transcript.write("config.yaml", written())
    transcript.run("tagwarden trust init -c config.yaml")
    transcript.situation("The trust store remembers nothing.")
    assert transcript.run("tagwarden trust backup -c config.yaml empty.backup") == 1
    assert transcript.run("tagwarden trust restore -c config.yaml empty.backup") == 1
    assert transcript.run("tagwarden trust copy -c config.yaml --to sqlite:///other.db") == 1
    transcript.situation("It remembers something, and the backup does not.")
    remember_in(transcript.directory / "trust.db", repository())
    assert transcript.run("tagwarden trust backup -c config.yaml trust.backup") == 0
    assert transcript.run("tagwarden trust restore -c config.yaml empty.backup") == 1
    transcript.situation("The disk was lost, and Notary went back meanwhile: the backup of yesterday stays.")
    newer = repository()
    sign_more(newer, "2.0")
    remember_in(transcript.directory / "newer.db", newer)
    transcript.write("newer.yaml", written().replace("trust.db", "newer.db"))
    assert transcript.run("tagwarden trust backup -c newer.yaml trust.backup") == 0
    assert transcript.run("tagwarden trust backup -c config.yaml trust.backup") == 2
    transcript.check("trust-nothing")


def test_more_than_collections(shop: Transcript) -> None:
    """A backup has indexes as well, and counts them apart."""

    async def keep() -> None:
        async with opened(shop.directory / "trust.db") as store:
            for data in (index([b"one"]), index([b"two"])):
                await store.keep_index(digest(data), data)

    asyncio.run(keep())
    shop.run(f"tagwarden trust forget -c config.yaml {WEB} --reason 'made anew'")
    shop.situation("Two collections, of which one is forgotten, and two indexes.")
    assert shop.run("tagwarden trust backup -c config.yaml trust.backup") == 0
    shop.check("trust-backup-content")


def test_what_no_restore_would_take(shop: Transcript) -> None:
    """It is seen before an older backup is gone, and nothing is lost by it: a copy takes all of it."""

    async def keep() -> None:
        async with opened(shop.directory / "trust.db") as store:
            await store.keep_index(digest(large), large)

    shop.run("tagwarden trust backup -c config.yaml trust.backup")
    forgotten = (
        "INSERT INTO forgettings (notary, gun, at, by, reason) VALUES ('corp'||char(9), 'x/y', 0, 'ada', 'moved')"
    )
    shop.situation("Somebody wrote into the trust store by hand.")
    damage(shop.directory / "trust.db", forgotten)
    assert shop.run("tagwarden trust backup -c config.yaml trust.backup") == 2
    damage(shop.directory / "trust.db", "DELETE FROM forgettings")
    shop.situation("Something is larger than what a backup may have in one piece, here 1 MiB.")
    large = index([bytes([number % 256, number // 256]) for number in range(6000)])
    asyncio.run(keep())
    shop.monkeypatch.setattr(backups, "BACKUP_LINE_BYTES", 1 << 20)
    assert shop.run("tagwarden trust backup -c config.yaml trust.backup") == 2
    assert shop.run("tagwarden trust copy -c config.yaml --to sqlite:///other.db") == 0
    shop.situation("The older one is there still.")
    assert shop.run("tagwarden trust restore -c config.yaml trust.backup") == 0
    shop.check("trust-backup-not")


def test_a_place_that_is_not_there(shop: Transcript) -> None:
    """A store that was lost is not begun anew, and a path may be mistyped."""
    shop.situation("The other store.")
    assert shop.run("tagwarden trust copy -c config.yaml --from sqlite:///tsrut.db") == 2
    for option, url in (
        ("--from", "postgresql://u:secret@127.0.0.1/t"),
        ("--to", "postgres://u@127.0.0.1/t"),
    ):
        assert shop.run(f"tagwarden trust copy -c config.yaml {option} {url}") == 2
    shop.situation("Its own store.")
    (shop.directory / "trust.db").unlink()
    assert shop.run("tagwarden trust list -c config.yaml") == 2
    shop.check("trust-places")


def test_mistakes_about_an_export(shop: Transcript) -> None:
    """The wrong directory, a pattern, and the stick of last week."""
    shop.run("tagwarden trust export -c config.yaml --directory stick/out")
    shop.situation("A level too deep, and one too high.")
    assert shop.run("tagwarden trust import -c config.yaml stick/out/registry.example.com") == 2
    assert shop.run("tagwarden trust import -c config.yaml stick/out/registry.example.com/shop") == 2
    assert shop.run("tagwarden trust import -c config.yaml stick") == 2
    assert shop.run(f"tagwarden trust import -c config.yaml {shop.directory}/stick") == 2
    shop.situation("A pattern.")
    assert shop.run("tagwarden trust import -c config.yaml stick/out 'shop/*'") == 2
    shop.situation("An earlier export.")
    newer = repository()
    sign_more(newer, "2.0")
    remember_in(shop.directory / "trust.db", newer)
    assert shop.run("tagwarden trust import -c config.yaml stick/out") == 1
    shop.check("trust-import-mistakes")


def test_an_export_of_what_notary_contradicted(shop: Transcript) -> None:
    """Asked again, it is refused again, so nobody is told to try again; the others are exported."""

    async def contradict() -> None:
        async with opened(shop.directory / "trust.db") as store:
            await store.doubt(NOTARY, WEB, generation=1, at=NOW)

    asyncio.run(contradict())
    shop.situation("Notary contradicted one of two.")
    assert shop.run("tagwarden trust export -c config.yaml --directory bundle") == 1
    assert shop.run("tagwarden trust export -c config.yaml --directory bundle --json shop/web") == 1
    assert shop.run("tagwarden trust show -c config.yaml shop/web") == 0
    shop.check("trust-export-contradicted")


def test_an_export_that_ran_out(shop: Transcript) -> None:
    """Nobody signs anything anew in a directory, and whoever is refused reads whom that concerns."""
    shop.run("tagwarden trust export -c config.yaml --directory bundle")
    shop.write("gap.yaml", written(store="").replace('url: "https://127.0.0.1:9"', "dir: bundle"))
    shop.monkeypatch.setattr(Clock, "now", lambda _: NOW + timedelta(days=3))
    shop.situation("Three days later.")
    assert shop.run("tagwarden verify -c gap.yaml shop/api:1.0") == 1
    assert shop.run("tagwarden explain -c gap.yaml shop/api:1.0") == 1
    shop.situation("It is not mounted.")
    (shop.directory / "bundle").rename(shop.directory / "elsewhere")
    assert shop.run("tagwarden config check -c gap.yaml") == 0
    shop.situation("It cannot be read.")
    (shop.directory / "elsewhere").rename(shop.directory / "bundle")
    shop.monkeypatch.setattr("os.access", lambda path, _mode: not str(path).endswith("bundle"))
    assert shop.run("tagwarden config check -c gap.yaml") == 0
    shop.check("trust-export-ran-out")


def test_values_that_are_nearly_right(transcript: Transcript) -> None:
    """What another program would understand."""
    for title, old, new in (
        ("Yes.", "roots: tofu", "roots: tofu, changefeed: true"),
        ("Another scheme.", "sqlite:///trust.db", "postgres://tagwarden@database.internal/trust"),
    ):
        transcript.write("config.yaml", written().replace(old, new))
        transcript.situation(title)
        assert transcript.run("tagwarden config check -c config.yaml") == 2
    transcript.check("trust-values")
