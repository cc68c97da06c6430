"""Bodies much larger than the memory that the proxy may take for them; `make big` does the same with ten gigabytes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from certs.authority import Authority
from loadtest import big
from loadtest.big import GROWTH_BYTES, HELD_BYTES, SMALL, Measured, Stage
from loadtest.big_bodies import MIB


@pytest.fixture(scope="module", params=["http", "https"])
def stage(request: pytest.FixtureRequest, scratch: Path, authority: Authority) -> Iterator[Stage]:
    """A proxy over a registry that keeps its content on disk."""
    tls = authority if request.param == "https" else None
    with big.stage(scratch / f"big-{request.param}", tls) as running:
        yield running


@pytest.fixture(scope="module")
def uploaded(stage: Stage) -> Measured:
    """A large body that went through to the registry."""
    return big.upload(stage, SMALL)


def test_upload_takes_no_memory(stage: Stage, uploaded: Measured) -> None:
    """An upload of any size goes through in a memory that does not grow, and all of it arrives."""
    assert uploaded.moved.size == SMALL * MIB
    assert stage.registry.has_blob(big.REPOSITORY, uploaded.moved.digest)
    assert uploaded.memory.growth <= GROWTH_BYTES


def test_download_takes_no_memory(stage: Stage, uploaded: Measured) -> None:
    """So does a download, and what arrives is what was uploaded."""
    downloaded = big.download(stage, uploaded.moved.digest)
    assert downloaded.moved.digest == uploaded.moved.digest
    assert downloaded.memory.growth <= GROWTH_BYTES


def test_uploader_is_held_back(stage: Stage) -> None:
    """Where the registry takes nothing, the client soon cannot send; later all of it arrives."""
    measured = big.upload_to_a_standstill(stage, SMALL)
    assert measured.held_at is not None
    assert measured.held_at <= HELD_BYTES
    assert measured.memory.growth <= GROWTH_BYTES
    assert stage.registry.has_blob(big.REPOSITORY, measured.moved.digest)


def test_registry_is_held_back(stage: Stage, uploaded: Measured) -> None:
    """Where the client reads nothing, the registry soon cannot send; later all of it arrives."""
    measured = big.download_with_a_pause(stage, uploaded.moved.digest)
    assert measured.held_at is not None
    assert measured.held_at <= HELD_BYTES
    assert measured.memory.growth <= GROWTH_BYTES
    assert measured.moved.digest == uploaded.moved.digest
