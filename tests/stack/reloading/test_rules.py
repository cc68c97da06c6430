"""A changed configuration counts from the next request on, and one that cannot be used changes nothing."""

from http.client import HTTPConnection

from tests.stack.reloading.place import Place


def test_new_rules_bind_the_next_request(place: Place) -> None:
    """Also on connections that were open before, in whichever process they ended up; and relaxing counts as well."""
    blocked = {"blocked": [{"digest": place.content.digest, "reason": "CVE-2026-1"}]}
    connections = [HTTPConnection(place.proxy.host, timeout=20) for _ in range(8)]
    for each in connections:
        assert place.pull(each) == (200, None)
    told = place.reload(blocked)
    assert (told["event"], told["cause"], told["changed"]) == ("reloaded", "SIGHUP", ["blocked"])
    assert [place.pull(each) for each in connections] == [(403, "blocked")] * 8
    assert place.reload({"blocked": []})["event"] == "reloaded"
    assert [place.pull(each) for each in connections] == [(200, None)] * 8
    for each in connections:
        each.close()


def test_notary_is_not_asked_again(place: Place) -> None:
    """What was verified before is as fresh as it was: each process asks once, however often there are new rules."""
    for reason in ("one", "two", "three"):
        assert place.reload({"exceptions": [exception(reason)]})["event"] == "reloaded"
        for _ in range(8):
            assert place.pull() == (200, None)
    processes = 1 if place.settings["workers"] == 1 else 3
    assert place.sim.requests.count("timestamp") <= processes


def exception(reason: str) -> dict[str, str]:
    """Something that changes the configuration and no decision."""
    return {"allow": f"tools/x@sha256:{'0' * 64}", "until": "2100-01-01T00:00:00Z", "reason": reason}


def test_changed_files_are_noticed(place: Place) -> None:
    """Nobody has to say so."""
    assert place.pull() == (200, None)
    place.write({"blocked": [{"digest": place.content.digest, "reason": "CVE-2026-1"}]})
    told = place.next_told(0)
    assert (told["event"], told["cause"]) == ("reloaded", "files changed")
    assert place.pull() == (403, "blocked")
