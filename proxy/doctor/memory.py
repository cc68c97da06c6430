"""What Notary serves, verified on what the trust store remembers of it, as the proxy does; nothing is noted of it."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

from proxy.drive import drive
from proxy.errors import Refusal, Rollback
from proxy.names import Gun
from proxy.policy.entries import Entry
from proxy.store.protocol import Remembered, TrustReader
from proxy.tuf.collection import Collection, Unusable
from proxy.tuf.messages import Fetch, Fetched, Reply
from proxy.tuf.update import update


async def recall(reader: TrustReader | None, notary: str, gun: Gun) -> Remembered | None:
    """What is remembered of a collection; None also where it was forgotten. Raises `TrustStoreUnavailable`."""
    known = await reader.load(notary, gun) if reader else None
    return known if known and known.stored.files else None


async def contradiction(
    remembered: Remembered,
    entry: Entry,
    collection: Collection,
    blocked: Mapping[str, str],
    now: datetime,
    fetch: Callable[[Fetch], Awaitable[Reply]],
) -> Refusal | None:
    """Why the proxy does not take what Notary serves in the place of what it remembers; None where it does.

    What was fetched is not fetched again. What is asked for once more is asked of Notary: a replica may lag behind
    (S6), and a proxy that runs may have noted something newer meanwhile.
    """
    if remembered.stored.files == collection.files:
        return None
    files = by_address(collection)

    async def answer(wish: Fetch) -> Reply:
        data = files.pop(wish.name, None)
        return await fetch(wish) if data is None else Fetched(data)

    workflow = update(collection.gun, entry.pins, remembered.stored, now, blocked, entry.expiry_grace)
    try:
        found = await drive(workflow, answer)
    except Refusal as refusal:
        return refusal
    errors = (role.error for role in found.roles.values() if isinstance(role, Unusable))
    return next((error for error in errors if isinstance(error, Rollback)), None)


def by_address(collection: Collection) -> dict[str, bytes]:
    """The files of a collection by the names under which Notary serves them."""
    files = {str(role): data for role, data in collection.files.items()}
    return files | {f"{role}.{hashlib.sha256(data).hexdigest()}": data for role, data in files.items()}
