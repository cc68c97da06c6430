"""Digests that many tags have to do with: to decide about one takes its time, and is not for the event loop.

Whoever may sign for any role at all, and a hostile Notary without any signature, can name one digest under a hundred
thousand tags. Nothing is decided here: only whether to decide beside the loop, and for how long the outcome stands.
"""

from collections.abc import Iterator
from datetime import datetime
from itertools import accumulate, chain

from proxy.limits import DIGEST_JUDGEMENTS, DIGEST_TAGS
from proxy.names import Digest, Tag
from proxy.policy.entries import Entry
from proxy.policy.expiry import with_grace
from proxy.policy.past import Past
from proxy.policy.signers import Released
from proxy.tuf.collection import Collection, Unusable
from proxy.tuf.targets import PackedTargets


def is_crowded(digest: Digest, collection: Collection, past: Past) -> bool:
    """Whether too many tags name a digest, named it or claim to, or too much is remembered of them.

    It looks no further than it has to: no more tags are read than may be judged.
    """
    tags: set[Tag] = set()
    for tag in chain(collection.each_naming(digest), past.each_naming(digest), claiming(digest, collection)):
        tags.add(tag)
        if len(tags) > DIGEST_TAGS:
            return True
    judgements = accumulate(1 + len(past.of(tag)) for tag in tags)
    return any(total > DIGEST_JUDGEMENTS for total in judgements)


def claiming(digest: Digest, collection: Collection) -> Iterator[Tag]:
    """The tags of which the file of a role that cannot be used says this digest, once for each such role."""
    for role in collection.roles.values():
        if isinstance(role, Unusable):
            yield from PackedTargets.pack(role.claims).naming(digest)


def unchanged_until(entry: Entry, digest: Digest, collection: Collection, now: datetime, past: Past) -> datetime | None:
    """The next instant at which time alone may change why a digest is refused; None for never.

    Something expires then, a key stops counting, or the time of an earlier digest is over.
    """
    tops = (collection.root, collection.timestamp, collection.snapshot)
    rules = [entry.signed_by, *(rule for _, rule in entry.tags)]
    named = (rule.signers for rule in rules if not isinstance(rule, Released))
    keys = (key for signer in chain.from_iterable(named) for key in signer.keys or ())
    tags = chain(collection.each_naming(digest), past.each_naming(digest))
    instants = chain(
        (instant for top in tops for instant in (top.expires, with_grace(top.expires, entry.expiry_grace))),
        (role.expires for role in collection.usable()),
        (key.until for key in keys if key.until),
        (earlier.ended + entry.superseded_for for tag in set(tags) for earlier in past.of(tag)),
    )
    return min((instant for instant in instants if now < instant), default=None)
