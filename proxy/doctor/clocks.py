"""Our clock against the clocks of others."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from proxy.doctor.findings import Hop, Name
from proxy.doctor.server import Answer
from proxy.limits import CLOCK_BEHIND_SECONDS, CLOCK_OFF_SECONDS

_REMEDY = "keep both in step with a time server (chrony, systemd-timesyncd)"


def check_date(hop: Hop, name: Name, answer: Answer, whose: str) -> None:
    """Hold our clock against the Date of an answer; `whose` is a possessive, such as "the registry's"."""
    theirs = read_date(answer.headers.get("Date", ""))
    if theirs is None:
        hop.unknown(name, f"{whose} answers have no Date")
        return
    compare(hop, name, answer.received, theirs, whose)


def compare(hop: Hop, name: Name, ours: datetime, theirs: datetime, whose: str) -> None:
    """Hold two readings of the same instant against each other; a Date has whole seconds."""
    seconds = (ours - theirs).total_seconds()
    if abs(seconds) <= CLOCK_OFF_SECONDS:
        hop.ok(name, f"our clock and {whose} agree")
        return
    sentence = f"our clock is {in_words(abs(seconds))} {'ahead of' if seconds > 0 else 'behind'} {whose}"
    if abs(seconds) > CLOCK_BEHIND_SECONDS:
        hop.fail(name, sentence, _REMEDY)
    else:
        hop.warn(name, sentence, _REMEDY)


def read_date(text: str) -> datetime | None:
    """A date of HTTP as an aware datetime; notary-server's end in `UTC` instead of `GMT` (dialect 1.2)."""
    try:
        read = parsedate_to_datetime(text)
    except ValueError:
        return None
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)


def in_words(seconds: float) -> str:
    """A length of time for people, in the largest unit that fits at least twice."""
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return "1 second" if round(seconds) == 1 else f"{seconds:.3g} seconds"
