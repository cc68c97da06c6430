"""The seal covers every fact that is remembered of a collection."""

from typing import Final

import pytest

from proxy.store.seal import seal

HASHES: Final[dict[str, bytes]] = {"root": b"\1" * 32, "targets": b"\2" * 32}
SEAL = seal("corp", "a/b", 7, 1000, HASHES)


def test_the_order_of_files_does_not_matter() -> None:
    """The rows of a collection come in any order."""
    assert seal("corp", "a/b", 7, 1000, dict(reversed(HASHES.items()))) == SEAL


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(seal("corp2", "a/b", 7, 1000, HASHES), id="another Notary"),
        pytest.param(seal("corp", "a/c", 7, 1000, HASHES), id="another GUN"),
        pytest.param(seal("corpa", "/b", 7, 1000, HASHES), id="names cut elsewhere"),
        pytest.param(seal("corp", "a/b", 8, 1000, HASHES), id="another generation"),
        pytest.param(seal("corp", "a/b", 71, 0, HASHES), id="numbers cut elsewhere"),
        pytest.param(seal("corp", "a/b", 7, 1001, HASHES), id="another time of the check"),
        pytest.param(seal("corp", "a/b", 7, 1000, HASHES | {"root": b"\3" * 32}), id="other bytes in a file"),
        pytest.param(seal("corp", "a/b", 7, 1000, {"root": HASHES["root"]}), id="a file less"),
        pytest.param(seal("corp", "a/b", 7, 1000, HASHES | {"snapshot": b"\1" * 32}), id="a file more"),
        pytest.param(seal("corp", "a/b", 7, 1000, {"root": b"\2" * 32, "targets": b"\1" * 32}), id="files swapped"),
    ],
)
def test_every_fact_changes_it(other: bytes) -> None:
    """No two states of the store share a seal."""
    assert other != SEAL
    assert len(other) == 32
