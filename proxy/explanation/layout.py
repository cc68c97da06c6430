"""Lays a story out in lines for people, from the verdict down to what to run next.

A line is a sequence of pieces, each with a tone; whoever shows it chooses colours. Every piece is plain text: whatever
a certificate or an operator wrote is shown as it is, without anything that a terminal could take for a command.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from proxy.explanation.commands import typed
from proxy.explanation.layout_chain import chain
from proxy.explanation.story import Applied, Conclusion, Freshness, OfDigest, RegistrySide, Step, Story, Votes
from proxy.explanation.tones import Line, Tone, line
from proxy.explanation.words import short, when
from proxy.names import TARGETS

_VERDICTS: Final = {"allowed": Tone.GOOD, "refused": Tone.BAD, "undecided": Tone.WARN, "not-enforced": Tone.WARN}
_COUNTS: Final = {1: "any one"}
_JUST_NOW: Final = timedelta(seconds=5)
_REGISTRY: Final = {"same": Tone.GOOD, "drifted": Tone.BAD, "signed-missing": Tone.BAD}


def lines(story: Story) -> Iterator[Line]:
    """The whole story, a line after the other."""
    yield from _conclusion(story, story.conclusion)
    yield from _applied(story.applied)
    if story.votes:
        yield from _votes(story, story.votes)
    if story.of_digest:
        yield from _of_digest(story, story.of_digest)
    if story.chain:
        yield from chain(story, story.chain)
        yield from _freshness(story, story.freshness)
    yield from _registry(story.registry)
    yield from _steps(story.steps)


def _title(text: str, rest: str = "") -> Iterator[Line]:
    yield line()
    yield line((text, Tone.TITLE), (f"  {rest}" if rest else "", Tone.DIM))


def _conclusion(story: Story, told: Conclusion) -> Iterator[Line]:
    yield line((f"{story.name}/{story.reference}", Tone.TITLE))
    yield line((told.decision.replace("-", " "), _VERDICTS[told.decision]), f": {told.sentence}")
    yield line(("now ", Tone.DIM), told.now)
    if told.place or told.reason:
        reason = f" ({told.reason})" if told.reason else ""
        yield line(("    ", Tone.DIM), (f"set in rollout, {told.place}{reason}", Tone.DIM))


def _applied(told: Applied) -> Iterator[Line]:
    if not told.pattern:
        yield from _title("Entry", "none of `repositories` matches")
        for near in told.nearest:
            yield line(f'  nearest: "{near.pattern}"', (f"  {near.place}", Tone.DIM))
        yield line("  add, with whoever must sign it:")
        for text in told.snippet.splitlines():
            yield line((f"    {text}", Tone.COMMAND))
        return
    yield from _title("Entry", told.place)
    yield line(f'  rule "{told.rule}" asks for {told.asks}')
    if told.owner:
        yield line(f"  owner {told.owner}", f": ask {told.contact}" if told.contact else " (no contact yet)")
    for hidden in told.hides:
        yield line(f'  hides "{hidden.pattern}"', (f"  {hidden.place}", Tone.DIM))
        for lack in hidden.lacks:
            yield line(("    asks for less than it: ", Tone.WARN), lack)


def _votes(story: Story, told: Votes) -> Iterator[Line]:
    yield from _title("Votes", f"{told.found} of {told.needed} needed" if told.needed else "the release alone decides")
    for voter in told.voters:
        tone = Tone.GOOD if voter.counts else Tone.BAD
        if voter.counts or not voter.why:
            until = f", counts until {when(voter.until, story.now)}" if voter.until else ""
            yield line((f"  {voter.signer}", tone), f" signed {voter.digest} by key {_ids(voter.keys)}{until}")
            continue
        yield line((f"  {voter.signer}", tone), f": {voter.why}")
        if voter.digest:
            yield line((f"    it names {voter.digest}", Tone.DIM))
    if told.needed and not told.binding and told.release == TARGETS:
        yield line(("  release: targets/releases is not declared, so votes need not agree with it", Tone.DIM))
    else:
        binding = "" if told.binding else " (ignored by this entry)"
        yield line((f"  release: {told.release_why}{binding}", Tone.DIM))
    if len({voter.digest for voter in told.voters if voter.counts}) > 1 and not told.enough:
        yield line(("  these votes are for different digests", Tone.BAD))
    if told.under_way and told.until:
        yield line(
            ("  its signers are signing another digest; the last one that had enough votes is served", Tone.WARN)
        )
        yield line((f"    until they are done, at most until {when(told.until, story.now)}", Tone.WARN))


def _of_digest(story: Story, told: OfDigest) -> Iterator[Line]:
    yield from _title("Digest", told.how)
    words = {
        "has": "has it now, until",
        "had": "had it, admitted until",
        "lost": "had it until",
        "claimed": "is said to",
    }
    for each in told.tags:
        until = f" {when(each.until, story.now)}" if each.until else " have it, and has not"
        yield line(f"  tag {each.tag} {words[each.hold]}{until}")
        if each.why:
            yield line((f"    {each.why}", Tone.DIM))
    for index in told.indexes:
        yield line(f"  in index {index}")
    if told.weakest_rule:
        yield line(
            f'  a digest is as strong as the weakest rule of its repository, "{told.weakest_rule}": {told.weakest_asks}'
        )
    if told.signed_tags and not any(each.hold in ("has", "had") for each in told.tags):
        shown = ", ".join(told.signed_tags[:10]) + (", ..." if len(told.signed_tags) > 10 else "")
        yield line(f"  signed tags: {shown}")


def _freshness(story: Story, told: Freshness) -> Iterator[Line]:
    yield from _title("Evidence")
    is_carried = story.chain is not None and story.chain.carried
    if told.answered and told.checked_at:
        is_new = story.now - told.checked_at < _JUST_NOW
        ago = "just now" if is_new else when(told.checked_at, story.now)
        what = "the directory was read, and had" if is_carried else "Notary answered, and confirmed"
        yield line(f"  {what} all this {ago}")
    elif told.checked_at and told.serves_until:
        who, had = ("the directory cannot be read", "had") if is_carried else ("Notary is away", "confirmed")
        yield line((f"  {who}", Tone.WARN), f"; this is what it {had} {when(told.checked_at, story.now)}")
        yield line((f"    it serves until {when(told.serves_until, story.now)} at most (outage_for)", Tone.WARN))
    elif told.why:
        yield line(("  there is none: ", Tone.BAD), told.why)
    else:
        yield line(("  there is none, for the reason above", Tone.BAD))
    if told.store_why:
        yield line(("  the trust store cannot be read: ", Tone.BAD), told.store_why)
    elif not told.store_read:
        yield line(
            ("  there is no trust store yet: nothing was remembered, so nothing older could be missed", Tone.WARN)
        )
    elif told.remembered_at:
        yield line(f"  the trust store remembers it, last checked {when(told.remembered_at, story.now)}")
    else:
        yield line("  the trust store was read, and remembers nothing of it")


def _registry(told: RegistrySide) -> Iterator[Line]:
    yield from _title("Registry")
    tone = _REGISTRY.get(told.state, Tone.PLAIN)
    yield line("  it ", (told.told, tone))


def _steps(steps: tuple[Step, ...]) -> Iterator[Line]:
    if not steps:
        return
    enough = max(step.enough for step in steps)
    yield from _title("Next", f"{_COUNTS.get(enough, enough)} of those marked with | will do" if enough else "")
    for step in steps:
        mark = "| " if step.enough else "  "
        if step.words:
            yield line(mark, (typed(step.words), Tone.COMMAND), (f"  # {step.purpose}", Tone.DIM))
        else:
            yield line(mark, step.purpose)


def _ids(keys: tuple[str, ...]) -> str:
    return ", ".join(map(short, keys))
