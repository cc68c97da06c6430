"""What was meant to hold until an instant that is past: it changes nothing any more, which may surprise."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from proxy.config.document import Document, KeyPath
from proxy.config.policy_shape import AnyDigestShape, DefaultsShape, KeyFileShape, RelaxationShape, SignerShape
from proxy.config.shape import FileShape


def warn_run_out(document: Document, shape: FileShape, now: datetime) -> None:
    """Warn of everything in the main file, but keys, whose `until` is not after `now`."""
    _warn(document, _ends(shape), now)


def warn_run_out_keys(document: Document, signers: Mapping[str, SignerShape], now: datetime) -> None:
    """The same for the keys of a file's signers."""
    _warn(document, _key_ends(signers), now)


def _warn(document: Document, ends: Iterable[tuple[KeyPath, datetime, str]], now: datetime) -> None:
    for at, until, consequence in ends:
        if until <= now:
            document.warn(at, f"its `until` is past, so {consequence}; remove it")


def _key_ends(signers: Mapping[str, SignerShape]) -> Iterator[tuple[KeyPath, datetime, str]]:
    for name, signer in signers.items():
        for position, key in enumerate(signer.keys):
            if isinstance(key, KeyFileShape):  # neither a plain file name nor a letter of "delegated"
                yield ("signers", name, "keys", position), key.until, "this key no longer counts"


def _ends(shape: FileShape) -> Iterator[tuple[KeyPath, datetime, str]]:
    """Where an end is written, which one, and what holds from then on."""
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
