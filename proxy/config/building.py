"""From the shape of the file to `Settings`: names, files and patterns are looked up, and only then trusted."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Final

from proxy.config import anchors, endpoints, leads_back, listeners
from proxy.config.audit_file import check_audit_file
from proxy.config.blocked import blocklist
from proxy.config.certificates import warn_certificates
from proxy.config.document import Document
from proxy.config.entries import EntryReader
from proxy.config.exemptions import exemptions
from proxy.config.files import Files
from proxy.config.include import Part, included
from proxy.config.owners import warn_unfilled
from proxy.config.patterns import check_ties, repository_patterns
from proxy.config.references import References
from proxy.config.rollout import relaxations, warn_unenforced
from proxy.config.run_out import warn_run_out, warn_run_out_keys
from proxy.config.scopes import check_scopes, check_within
from proxy.config.settings import Settings
from proxy.config.shape import FileShape
from proxy.config.weaker import check_weaker
from proxy.config.written import written
from proxy.policy.entries import Blocklist, Entry, Policy
from proxy.policy.patterns import RepositoryPattern

_GENERATION_LENGTH: Final = 16


def build(document: Document, shape: FileShape, directory: Path, now: datetime | None) -> Settings:
    """Make the settings; `directory` is where relative paths begin, `now` when they begin to hold, if that is known.

    Raises `ConfigProblems` with everything that is wrong, also with what was noted before.
    """
    files = Files(document, directory)
    parts = (
        Part(document, files, shape.signers, shape.repositories),
        *included(document, shape.include, directory),
    )
    listen = listeners.listen(document, shape.listen, files)
    candidates = listeners.candidates(document, shape.candidates, shape.listen, files)
    listeners.check_addresses(document, shape)
    leads_back.check_registry(document, shape)
    warn_certificates(document, shape, files, now)
    registry = endpoints.registry(document, shape.registry, shape.listen, files)
    notaries = {name: endpoints.notary(document, name, each, files) for name, each in shape.notaries.items()}
    trust_store = endpoints.trust_store(document, shape.trust_store, files)
    blocked = blocklist(document, shape.blocked)
    entries = tuple(_entries(shape, parts, blocked))
    policy = _policy(document, shape, parts, entries, blocked)
    log = endpoints.log(shape.log, files)
    check_audit_file(document, log, trust_store)
    document.raise_problems()
    check_weaker(entries)
    document.raise_problems()
    warn_unfilled(document, shape.owners)
    if now is not None:
        warn_run_out(document, shape, now)
        warn_unenforced(document, policy.rollout, now)
        for part in parts:
            warn_run_out_keys(part.document, part.signers, now)
    return Settings(
        name=shape.name,
        listen=listen,
        candidates=candidates,
        probes=shape.probes.address,
        registry=registry,
        notaries=MappingProxyType(notaries),
        trust_store=trust_store,
        workers=None if shape.workers == "auto" else shape.workers,
        log=log,
        tracing=endpoints.tracing(shape.tracing),
        policy=policy,
        generation=_generation(parts),
        warnings=tuple(map(str, document.all_warnings())),
        written=written(parts),
    )


def _entries(shape: FileShape, parts: Sequence[Part], blocked: Blocklist) -> Iterator[tuple[Document, Entry]]:
    """The entries of all files, each with its file; the main one is the first of the parts."""
    main, *others = parts
    document = main.document
    references = References(
        document,
        signers=anchors.signers(document, main.signers, main.files, blocked.keys),
        roots=anchors.roots(document, shape.roots, main.files, blocked.keys),
    )
    reader = EntryReader(document, references, shape.name, shape.defaults, shape.notaries, shape.owners)
    reader.check_shared()
    check_scopes(others, shape.name)
    patterns = [repository_patterns(part.document, "repositories", part.repositories, shape.name) for part in parts]
    check_ties(
        "repositories", ((part.document, each) for part, own in zip(parts, patterns, strict=True) for each in own)
    )
    for part, own in zip(parts, patterns, strict=True):
        visible = references if part is main else _visible(part, references, blocked)
        check_within(part, own)
        yield from ((part.document, reader.entry(each, part.repositories[each], visible)) for each in own)


def _visible(part: Part, main: References, blocked: Blocklist) -> References:
    """What entries of an included file can name: its own signers, and all of the main file."""
    own = anchors.signers(part.document, part.signers, part.files, blocked.keys, main.signers)
    for name in own:
        if name in main.document.names("signers"):
            place = main.document.place(("signers", name))
            part.document.problem(
                ("signers", name), f"the main file defines this signer at {place}; choose another name"
            )
    return References(part.document, signers={**own, **main.signers}, roots=main.roots)


def _policy(
    document: Document,
    shape: FileShape,
    parts: Sequence[Part],
    entries: Sequence[tuple[Document, Entry]],
    blocked: Blocklist,
) -> Policy:
    rollout = repository_patterns(document, "rollout", shape.rollout, shape.name)
    check_ties("rollout", ((document, each) for each in rollout))
    written = [name for part in parts for name in part.document.names("repositories")]
    if not written:
        document.warn(("repositories",), "there is no entry here, so every pull is refused; add who must sign what")
    patterns = tuple(entry.pattern for _, entry in entries)
    return Policy(
        name=shape.name,
        entries=tuple(entry for _, entry in entries),
        rollout=relaxations(document, shape.rollout, rollout, patterns if _is_all(parts, patterns) else None),
        exemptions=exemptions(document, shape.exceptions, shape.name, blocked),
        blocked=blocked,
    )


def _is_all(parts: Sequence[Part], patterns: Sequence[RepositoryPattern]) -> bool:
    """Whether these are the patterns of all entries, and none could not be read."""
    main = parts[0].document
    written = [document.tree.get("repositories", {}) for document in (main, *main.included)]
    return all(isinstance(each, dict) for each in written) and sum(map(len, written)) == len(patterns)


def _generation(parts: Sequence[Part]) -> str:
    """A name for exactly this configuration; comments and formatting do not count, secrets are not in it."""
    effective = [[part.document.remaining(), part.files.hashes] for part in parts]
    return hashlib.sha256(json.dumps(effective, sort_keys=True).encode()).hexdigest()[:_GENERATION_LENGTH]
