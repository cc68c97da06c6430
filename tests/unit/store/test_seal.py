"""The seal covers every fact that is remembered of a collection."""

import hashlib
from typing import Final

import pytest

from proxy.store.seal import seal

HASHES: Final[dict[str, bytes]] = {"root": b"\1" * 32, "targets": b"\2" * 32}
NOTES: Final[dict[str, bytes]] = {"past": b"\4" * 32}
SEAL = seal("corp", "a/b", 7, 1000, HASHES, {})
NOTED = seal("corp", "a/b", 7, 1000, HASHES, NOTES)


def test_the_order_of_files_does_not_matter() -> None:
    """The rows of a collection come in any order."""
    assert seal("corp", "a/b", 7, 1000, dict(reversed(HASHES.items())), {}) == SEAL


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(seal("corp2", "a/b", 7, 1000, HASHES, {}), id="another Notary"),
        pytest.param(seal("corp", "a/c", 7, 1000, HASHES, {}), id="another GUN"),
        pytest.param(seal("corpa", "/b", 7, 1000, HASHES, {}), id="names cut elsewhere"),
        pytest.param(seal("corp", "a/b", 8, 1000, HASHES, {}), id="another generation"),
        pytest.param(seal("corp", "a/b", 71, 0, HASHES, {}), id="numbers cut elsewhere"),
        pytest.param(seal("corp", "a/b", 7, 1001, HASHES, {}), id="another time of the check"),
        pytest.param(seal("corp", "a/b", 7, 1000, HASHES | {"root": b"\3" * 32}, {}), id="other bytes in a file"),
        pytest.param(seal("corp", "a/b", 7, 1000, {"root": HASHES["root"]}, {}), id="a file less"),
        pytest.param(seal("corp", "a/b", 7, 1000, HASHES | {"snapshot": b"\1" * 32}, {}), id="a file more"),
        pytest.param(seal("corp", "a/b", 7, 1000, {"root": b"\2" * 32, "targets": b"\1" * 32}, {}), id="files swapped"),
        pytest.param(NOTED, id="a note more"),
        pytest.param(seal("corp", "a/b", 7, 1000, HASHES | NOTES, {}), id="a note among the files"),
        pytest.param(seal("corp", "a/b", 7, 1000, {}, HASHES), id="files among the notes"),
    ],
)
def test_every_fact_changes_it(other: bytes) -> None:
    """No two states of the store share a seal."""
    assert other != SEAL
    assert len(other) == 32


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(seal("corp", "a/b", 7, 1000, HASHES, {"past": b"\5" * 32}), id="other bytes in a note"),
        pytest.param(seal("corp", "a/b", 7, 1000, HASHES, {"tags/0": b"\4" * 32}), id="a note renamed"),
        pytest.param(SEAL, id="a note less"),
    ],
)
def test_notes_are_facts_too(other: bytes) -> None:
    """What this program noted itself is under the seal like Notary's files."""
    assert other != NOTED


def test_a_seal_from_before_there_were_notes_is_still_the_seal() -> None:
    """Stores of the first schema were sealed so; nothing in them has to be sealed again."""
    facts = """["corp", "a/b", 7, 1000, [["root", "ROOT"], ["targets", "TARGETS"]]]"""
    facts = facts.replace("ROOT", "01" * 32).replace("TARGETS", "02" * 32)
    assert hashlib.sha256(facts.encode()).digest() == SEAL
