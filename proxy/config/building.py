"""From the shape of the file to `Settings`: names, files and patterns are looked up, and only then trusted."""

import hashlib
import json
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Final

from proxy.config import anchors, endpoints, listeners
from proxy.config.blocked import blocklist
from proxy.config.certificates import warn_certificates
from proxy.config.document import Document, in_order
from proxy.config.entries import EntryReader
from proxy.config.exemptions import exemptions
from proxy.config.files import Files
from proxy.config.patterns import repository_patterns
from proxy.config.references import References
from proxy.config.rollout import relaxations
from proxy.config.run_out import warn_run_out
from proxy.config.settings import Settings
from proxy.config.shape import FileShape
from proxy.config.weaker import warn_weaker
from proxy.policy.entries import Policy
from proxy.policy.patterns import RepositoryPattern

_GENERATION_LENGTH: Final = 16


def build(document: Document, shape: FileShape, directory: Path, now: datetime | None) -> Settings:
    """Make the settings; `directory` is where relative paths begin, `now` when they begin to hold, if that is known.

    Raises `ConfigProblems` with everything that is wrong, also with what was noted before.
    """
    files = Files(document, directory)
    listen = listeners.listen(document, shape.listen, files)
    candidates = listeners.candidates(document, shape.candidates, shape.listen, files)
    listeners.check_addresses(document, shape)
    warn_certificates(document, shape, files, now)
    registry = endpoints.registry(document, shape.registry, shape.listen, files)
    notaries = {name: endpoints.notary(document, name, each, files) for name, each in shape.notaries.items()}
    policy = _policy(document, shape, files)
    document.raise_problems()
    warn_weaker(document, policy.entries)
    if now is not None:
        warn_run_out(document, shape, now)
    return Settings(
        name=shape.name,
        listen=listen,
        candidates=candidates,
        probes=shape.probes.address,
        registry=registry,
        notaries=MappingProxyType(notaries),
        trust_store=endpoints.trust_store(shape.trust_store, files),
        policy=policy,
        generation=_generation(document, files),
        warnings=tuple(str(warning) for warning in in_order(document.warnings)),
    )


def _policy(document: Document, shape: FileShape, files: Files) -> Policy:
    blocked = blocklist(document, shape.blocked)
    references = References(
        document,
        signers=anchors.signers(document, shape.signers, files, blocked.keys),
        roots=anchors.roots(document, shape.roots, files, blocked.keys),
    )
    reader = EntryReader(document, references, shape.name, shape.defaults, shape.notaries)
    reader.check_shared()
    repositories = repository_patterns(document, "repositories", shape.repositories, shape.name)
    rollout = repository_patterns(document, "rollout", shape.rollout, shape.name)
    if not document.names("repositories"):
        document.warn(("repositories",), "there is no entry here, so every pull is refused; add who must sign what")
    return Policy(
        name=shape.name,
        entries=tuple(reader.entry(pattern, shape.repositories[pattern]) for pattern in repositories),
        rollout=relaxations(document, shape.rollout, rollout, _if_all(document, repositories)),
        exemptions=exemptions(document, shape.exceptions, shape.name, blocked),
        blocked=blocked,
    )


def _if_all(document: Document, patterns: tuple[RepositoryPattern, ...]) -> tuple[RepositoryPattern, ...] | None:
    """The patterns of all entries, or None if some could not be read."""
    written = document.tree.get("repositories", {})
    return patterns if isinstance(written, dict) and len(written) == len(patterns) else None


def _generation(document: Document, files: Files) -> str:
    """A name for exactly this configuration; comments and formatting do not count, secrets are not in it."""
    effective = json.dumps([document.remaining(), files.hashes], sort_keys=True)
    return hashlib.sha256(effective.encode()).hexdigest()[:_GENERATION_LENGTH]
