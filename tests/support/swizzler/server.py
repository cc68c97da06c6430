"""What the server does wrong without touching a file: it fails, forgets, or serves what is old.

Source: dialect 1.3, 3.3 and 5.1; rows 1 to 8. Differences S6, S14.
"""

import re
from typing import Final

from tests.support.notary_simulator import NotarySimulator
from tests.support.swizzler.swizzle import ACCEPTS, FRESH, NEWER, SAME, SKIPS, Apply, Swizzle, every

BELOW_TIMESTAMP: Final = ("root", "snapshot", "targets", "targets/alice")
_DOWN: Final = "unable to reach trust server at this time: {}"
_NOT_FOUND: Final = every(r"trust data unavailable.  Has a notary repository been initialized\?") | {
    "root": "does not have trust data for"
}


def faulty(status: int, body: bytes = b"") -> Apply:
    """Answer every request for the role with this status."""
    return lambda sim, role: sim.fault(role, status, body)


def _withheld(sim: NotarySimulator, role: str) -> None:
    """Know nothing of the role's newest file."""
    sim.after_publish.append(lambda: sim.withhold(role))


def _padded(sim: NotarySimulator, role: str) -> None:
    sim[role].on_the_wire.append(lambda data: data + b" " * (1 << 20))


def _yesterdays(sim: NotarySimulator, role: str) -> None:
    """Serve the role's earlier file again, also where the newer one is named."""
    earlier = sim.current[role]
    sim.after_publish.append(lambda: sim.serve(role, earlier))


def _everything_of_yesterday(sim: NotarySimulator, _role: str) -> None:
    """Serve all earlier files but the timestamp again (the timestamp is the newest)."""
    earlier = {role: data for role, data in sim.current.items() if role != "timestamp"}
    sim.after_publish.append(lambda: sim.current.update(earlier))


def _same_timestamp_version(sim: NotarySimulator, _role: str) -> None:
    """The timestamp keeps its version although it names another snapshot."""
    sim.timestamp.version -= 1


def _exchanged(sim: NotarySimulator, role: str) -> None:
    """Serve another role's file under this role's name."""
    other = "targets/releases" if role.startswith("targets") else "targets"
    sim.after_publish.append(lambda: sim.serve(role, sim.current[other]))


def _exchanged_and_described(sim: NotarySimulator, role: str) -> None:
    """Serve another role's file under this role's name, and describe it so."""
    sim[role].on_the_wire.append(lambda _: sim.targets_role("targets/releases").forge({}))


def _named_by_length_only(sim: NotarySimulator, role: str) -> None:
    """Serve a file of the right length whose hash is another."""
    sim.after_publish.append(lambda: sim.serve(role, re.sub(rb'"version":.', b'"version":9', sim.current[role])))


def catalogue() -> list[Swizzle]:
    """All faults of the server."""
    fresh_faults = [
        *(
            Swizzle(f"status {status}", faulty(status), every(_DOWN.format(status)), states=(FRESH,), undecided=True)
            for status in (302, 403, 500, 502, 503)
        ),
        Swizzle(
            "status 401",
            faulty(401),
            every("you are not authorized to perform this operation"),
            states=(FRESH,),
            undecided=True,
        ),
        Swizzle("status 400", faulty(400), every("trust server rejected operation"), states=(FRESH,), undecided=True),
        Swizzle("status 404", faulty(404), _NOT_FOUND, states=(FRESH,)),
    ]
    later_faults = [
        *(
            Swizzle(
                f"later status {status}",
                faulty(status),
                every(_DOWN.format(status)) | {"timestamp": ACCEPTS},
                states=(NEWER,),
                undecided=True,
            )
            for status in (302, 403, 500, 502, 503)
        ),
        Swizzle(
            "later status 401",
            faulty(401),
            every("you are not authorized") | {"timestamp": ACCEPTS},
            states=(NEWER,),
            undecided=True,
        ),
        Swizzle(
            "later status 400", faulty(400), every("trust server rejected operation"), states=(NEWER,), undecided=True
        ),
        Swizzle(
            "later status 404", faulty(404), _NOT_FOUND | {"timestamp": ACCEPTS}, {"timestamp": "S14"}, states=(NEWER,)
        ),
    ]
    return [
        *fresh_faults,
        *later_faults,
        Swizzle("unneeded file unavailable", faulty(503), dict.fromkeys(BELOW_TIMESTAMP, ACCEPTS), states=(SAME,)),
        Swizzle("unneeded file missing", faulty(404), dict.fromkeys(BELOW_TIMESTAMP, ACCEPTS), states=(SAME,)),
        Swizzle("withheld", _withheld, _NOT_FOUND | {"timestamp": _NOT_FOUND["every"]}, states=(FRESH,)),
        Swizzle(
            "withheld later", _withheld, _NOT_FOUND | {"timestamp": ACCEPTS}, {"timestamp": "S14"}, states=(NEWER,)
        ),
        Swizzle("over the limit", _padded, {"timestamp": "trust server returned a bad response"}),
        Swizzle(
            "yesterday's file",
            _yesterdays,
            every("checksum for .* did not match") | {"timestamp": ACCEPTS},
            states=(NEWER,),
        ),
        Swizzle(
            "all of yesterday but the timestamp", _everything_of_yesterday, {"timestamp": ACCEPTS}, states=(NEWER,)
        ),
        Swizzle(
            "timestamp version kept for another snapshot",
            _same_timestamp_version,
            {"timestamp": ACCEPTS},
            {"timestamp": "S6"},
            states=(NEWER,),
        ),
        Swizzle(
            "another role's file",
            _exchanged,
            every("did not match|bad response|expected type|integrity of roots|type metadata invalid|key ID|threshold"),
        ),
        Swizzle("another role's file, described", _exchanged_and_described, {"targets/alice": SKIPS}),
        Swizzle(
            "right length, wrong hash",
            _named_by_length_only,
            dict.fromkeys(BELOW_TIMESTAMP, "checksum for .* did not match|integrity of roots"),
        ),
    ]
