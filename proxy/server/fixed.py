"""What of a configuration cannot change while the proxy runs: where it listens, how many serve, where it remembers."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from proxy.config.settings import Settings

_FIXED: Final[dict[str, Callable[[Settings], object]]] = {
    "listen.address": lambda settings: settings.listen.address,
    "listen.tls": lambda settings: settings.listen.tls is None,
    # who is connected stays so: one who was never asked for a certificate would pass for one who showed it
    "listen.tls.client_ca_file": lambda settings: settings.listen.tls and settings.listen.tls.client_ca_file is None,
    "candidates": lambda settings: settings.candidates is None,
    "candidates.address": lambda settings: settings.candidates and settings.candidates.address,
    "probes.address": lambda settings: settings.probes,
    "workers": lambda settings: settings.workers,
    # what must exist is about a start alone
    "trust_store": lambda settings: replace(settings.trust_store, must_exist=False, ca_file=None),
    "trust_store.ca_file": lambda settings: settings.trust_store.ca_file,
    "log": lambda settings: settings.log,
    "tracing": lambda settings: settings.tracing,
}


def kept_from(before: Settings, after: Settings) -> Iterator[str]:
    """A sentence for each key that keeps a configuration from taking the place of another."""
    said = ""
    for key, part in _FIXED.items():
        if part(before) != part(after) and not (said and key.startswith(f"{said}.")):
            said = key
            yield f"{key}: this cannot change while the proxy runs; restart it, or take the change back"
