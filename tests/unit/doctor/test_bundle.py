"""A directory in the place of a Notary is looked at like one: can it be read, and how long will it do."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest

from proxy.config.settings import BundleSettings
from proxy.doctor import bundle
from proxy.doctor.examination import examine
from proxy.doctor.findings import Hop
from proxy.names import Gun, Repository
from proxy.notary.directory import file_of
from tests.support.notary_simulator import NotarySimulator
from tests.support.signed_roles import NOW
from tests.unit.doctor.material import HeldClock, settings, signed, written
from tests.unit.doctor.reading import read

NONE: Final = timedelta()


def put(directory: Path, *sims: NotarySimulator) -> Path:
    """Lay simulated collections there."""
    for sim in sims:
        sim.publish()
        for name, data in {**sim.archive, **sim.current}.items():
            path = directory / file_of(Gun(sim.gun), name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    return directory


async def looked(directory: Path, grace: timedelta | None = NONE) -> tuple[bool, list[str]]:
    """Whether it can be read, and what is said."""
    hop = Hop("notary corp")
    is_readable = await bundle.examine(hop, BundleSettings("corp", directory), grace, HeldClock())
    read(hop.findings)
    said = (f"{each.level}: {each.sentence}: {each.remedy}".removesuffix(": ") for each in hop.findings)
    return is_readable, [line.replace(str(directory), "DIR") for line in said]


def _nothing(_: Path) -> None:
    """Leave it empty."""


def _notes(directory: Path) -> None:
    (directory / "README").write_text("exported on Monday")


def _gone(directory: Path) -> None:
    directory.rmdir()


@pytest.mark.parametrize(
    ("make", "line"),
    [
        pytest.param(_nothing, "failed: DIR is empty: mount what belongs there, or export into it", id="empty"),
        pytest.param(
            _notes,
            "failed: DIR holds no trust data: export into it: tagwarden trust export --directory DIR",
            id="something-else",
        ),
        pytest.param(
            _gone,
            "failed: DIR: no such file or directory: let this user read it, or mend notaries.corp.dir",
            id="not-there",
        ),
    ],
)
async def test_a_directory_without_trust_data(tmp_path: Path, make: Callable[[Path], None], line: str) -> None:
    """Said at once, with what to do."""
    directory = tmp_path / "bundle"
    directory.mkdir()
    make(directory)
    assert await looked(directory) == (False, [line])


@pytest.mark.parametrize(
    ("days", "grace", "line"),
    [
        pytest.param(10, timedelta(), "ok: no timestamp in it runs out before 2026-12-01 12:00 UTC", id="fresh"),
        pytest.param(
            2,
            timedelta(),
            "warning: the timestamp of registry.example.com/shop/app runs out on 2026-11-23 12:00 UTC: bring an export "
            "that is newer (tagwarden trust export --from-notary), or see expiry_grace",
            id="soon",
        ),
        pytest.param(
            -1,
            timedelta(),
            "failed: the timestamp of registry.example.com/shop/app ran out on 2026-11-20 12:00 UTC, so what "
            "rests on it is refused as expired: bring an export that is newer (tagwarden trust export --from-notary), "
            "or see expiry_grace",
            id="over",
        ),
        pytest.param(
            -1,
            timedelta(days=7),
            "warning: the timestamp of registry.example.com/shop/app ran out on 2026-11-20 12:00 UTC, and counts by "
            "expiry_grace until 2026-11-27 12:00 UTC: bring an export that is newer (tagwarden trust export "
            "--from-notary), or see expiry_grace",
            id="by-grace",
        ),
        pytest.param(
            -1,
            None,
            "warning: the timestamp of registry.example.com/shop/app ran out on 2026-11-20 12:00 UTC: bring an export "
            "that is newer (tagwarden trust export --from-notary), or see expiry_grace",
            id="for-nobody",
        ),
    ],
)
async def test_how_long_it_will_do(tmp_path: Path, days: int, grace: timedelta | None, line: str) -> None:
    """Nobody signs timestamps anew in a directory; the first one to run out is told, and whether it is refused."""
    sim, other = signed("shop/app"), signed("shop/web")
    sim.timestamp.expires = written(NOW.replace(day=1, month=12) if days == 10 else NOW.replace(day=21 + days))
    assert await looked(put(tmp_path, sim, other), grace) == (True, ["ok: holds trust data of 2 collections", line])


async def test_a_timestamp_that_cannot_be_read_is_for_the_verifier(tmp_path: Path) -> None:
    """It is no date that is told then; one collection is called one."""
    put(tmp_path, signed("shop/app"))
    (tmp_path / file_of(Gun("registry.example.com/shop/app"), "timestamp")).write_bytes(b"{}")
    assert await looked(tmp_path) == (True, ["ok: holds trust data of 1 collection"])


async def test_repositories_are_looked_at_through_it(tmp_path: Path) -> None:
    """Pins, signers and expiries are checked as with a server."""
    put(tmp_path / "bundle", signed("shop/app"))
    configured = settings(
        tmp_path, notaries="{corp: {dir: bundle, roots: [corp]}}", registry="{url: 'http://127.0.0.1:9'}"
    )
    findings = await examine(configured, [Repository("shop/app")], clock=HeldClock(), addresses=())
    said = {str(each.name): each.sentence for each in findings if each.hop in ("notary corp", "repositories")}
    assert said["trust-data"] == "shop/app: trust data holds together"
    assert said["root-pinned"] == "shop/app: pinned by corp"


async def test_what_ran_out_in_it_is_no_matter_of_notarys_log(tmp_path: Path) -> None:
    """Whoever looks at the repositories is told to bring something newer, as a server cannot be asked."""
    sim = signed("shop/app")
    sim.timestamp.expires = written(NOW.replace(day=20))
    put(tmp_path / "bundle", sim)
    configured = settings(
        tmp_path, notaries="{corp: {dir: bundle, roots: [corp]}}", registry="{url: 'http://127.0.0.1:9'}"
    )
    findings = await examine(configured, [Repository("shop/app")], clock=HeldClock(), addresses=())
    read(each for each in findings if each.hop in ("notary corp", "repositories"))
    [clock] = [each for each in findings if each.name == "timestamp-clock"]
    assert clock.sentence == "shop/app: its timestamp ran out on 2026-11-20 12:00 UTC by our clock"
    assert clock.remedy == "set our clock right if it is ahead; else bring a newer export"
    [directory] = [each for each in findings if each.name == "notary-directory" and each.level == "failed"]
    assert directory.sentence.endswith("so what rests on it is refused as expired")
