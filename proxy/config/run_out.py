"""What was meant to hold until an instant that is past: it changes nothing any more, which may surprise."""

from collections.abc import Iterator
from datetime import datetime

from proxy.config.document import Document, KeyPath
from proxy.config.policy_shape import AnyDigestShape, DefaultsShape, KeyFileShape, RelaxationShape
from proxy.config.shape import FileShape


def warn_run_out(document: Document, shape: FileShape, now: datetime) -> None:
    """Warn of everything in the file whose `until` is not after `now`."""
    for at, until, consequence in _ends(shape):
        if until <= now:
            document.warn(at, f"its `until` is past, so {consequence}; remove it")


def _ends(shape: FileShape) -> Iterator[tuple[KeyPath, datetime, str]]:
    """Where an end is written, which one, and what holds from then on."""
    for name, signer in shape.signers.items():
        for position, key in enumerate(signer.keys):
            if isinstance(key, KeyFileShape):  # neither a plain file name nor a letter of "delegated"
                yield ("signers", name, "keys", position), key.until, "this key no longer counts"
    yield from _any_digest(("defaults",), shape.defaults)
    for pattern, entry in shape.repositories.items():
        yield from _any_digest(("repositories", pattern), entry)
    for pattern, relaxed in shape.rollout.items():
        if isinstance(relaxed, RelaxationShape):
            yield ("rollout", pattern), relaxed.until, "it is enforced"
    for position, exception in enumerate(shape.exceptions):
        yield ("exceptions", position), exception.until, "it allows nothing"


def _any_digest(at: KeyPath, shape: DefaultsShape) -> Iterator[tuple[KeyPath, datetime, str]]:
    if isinstance(shape.digest_pull, AnyDigestShape):
        yield (*at, "digest_pull"), shape.digest_pull.until, "it is `signed`"
