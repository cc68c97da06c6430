"""Whatever is wrong with a changed configuration, the last good one goes on, and one event says all that is wrong."""

from collections.abc import Callable
from typing import Any

import pytest

from certs.authority import Authority
from tests.stack.reloading.place import STAYS, Place


def cut(place: Place) -> None:
    """Write the beginning of the file, as somebody does who is about to write the rest: it ends amid the first URL."""
    begins, url, _ = place.proxy.configuration.read_text().partition("http://")
    place.proxy.configuration.write_text(begins + url)


def another_key(place: Place) -> None:
    """Name a certificate, and the key of another one."""
    authority = Authority.open(place.proxy.configuration.parent / "certs")
    one, other = authority.issue("one"), authority.issue("other")
    tls = {"certificate_file": str(one.certificate_file), "key_file": str(other.key_file)}
    place.write({"listen": {**place.settings["listen"], "tls": tls}})


def missing(place: Place) -> None:
    """Name a key and an included file that are not there, and make a mistake besides."""
    signers = {"alice": {"keys": ["nowhere.pub"]}}
    repositories = {"**": {"signed_by": {"any_of": ["alice", "bob"]}}}
    place.write({"signers": signers, "include": ["teams.yaml"], "repositories": repositories})


def fixed(place: Place) -> None:
    """Change what cannot change."""
    place.write({"workers": 3, "probes": {"address": "127.0.0.1:1"}})


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        pytest.param(cut, [["config.yaml"]], id="not-written-to-the-end"),
        pytest.param(another_key, [["listen.tls.key_file", "is not the key of"]], id="a-certificate-without-its-key"),
        pytest.param(
            missing,
            [
                ["include[0]", "does not exist"],
                ["repositories", "bob"],
                ["signers.alice.keys[0]", "cannot be read (No such file or directory)"],
            ],
            id="missing-files",
        ),
        pytest.param(
            fixed,
            [
                ["probes.address: this cannot change while the proxy runs; restart it, or take the change back"],
                ["workers: this cannot change while the proxy runs; restart it, or take the change back"],
            ],
            id="what-cannot-change",
        ),
    ],
)
def test_the_last_good_one_stays(place: Place, spoil: Callable[[Place], None], said: list[list[str]]) -> None:
    """With one event for all that is wrong, until it is mended."""
    good: dict[str, Any] = dict(place.settings)
    assert place.pull() == (200, None)
    spoil(place)
    told = place.reload()
    assert told["event"] == STAYS
    problems = sorted(told["problems"], key=lambda each: each.partition(": ")[2] if "config.yaml" in each else each)
    assert len(problems) == len(said), problems
    for problem, parts in zip(problems, said, strict=True):
        assert all(part in problem for part in parts), problem
    assert place.pull() == (200, None)
    assert place.reload(dict.fromkeys(place.settings) | good)["event"] == "reloaded"
    assert place.pull() == (200, None)


def test_what_was_missing_is_noticed_when_it_comes(alone: Place) -> None:
    """Nobody has to ask, nor to touch the configuration itself."""
    file = alone.proxy.configuration.parent / "late.json"
    told = alone.reload({"registry": {**alone.settings["registry"], "credentials_file": str(file)}})
    assert told["event"] == STAYS
    file.touch(mode=0o600)
    file.write_text('{"username": "warden", "password": "late"}')
    noticed = alone.next_told(1)
    assert (noticed["event"], noticed["cause"], noticed["changed"]) == ("reloaded", "files changed", ["registry"])
    assert alone.pull() == (200, None)
