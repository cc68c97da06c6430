"""`include`: files in which others say who must sign some of the repositories (design: Configuration)."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from proxy.config.checking import check_included
from proxy.config.document import ConfigProblems, Document, KeyPath, quoted
from proxy.config.files import Files
from proxy.config.opening import open_document
from proxy.config.policy_shape import EntryShape, SignerShape
from proxy.config.seen import Seen, names
from proxy.policy.patterns import RepositoryPattern


@dataclass(frozen=True, slots=True)
class Part:
    """A file with signers and entries; `scope` is what an included one says it is about, None where that is unknown."""

    document: Document
    files: Files
    signers: Mapping[str, SignerShape]
    repositories: Mapping[str, EntryShape]
    scope: RepositoryPattern | None = None


def included(document: Document, patterns: Sequence[str], directory: Path) -> tuple[Part, ...]:
    """Read every file that `include` names, relative to a directory: in sorted order, each once."""
    return tuple(part for path in _paths(document, patterns, directory) if (part := _part(document, path)))


def _paths(document: Document, patterns: Sequence[str], directory: Path) -> list[Path]:
    found: dict[str, Path] = {}
    for position, pattern in enumerate(patterns):
        at = ("include", position)
        for path in _matching(document, at, pattern, directory):
            real = os.path.realpath(path)
            if not str(path).isprintable():
                document.problem(at, f"{quoted(path)} has a name that cannot be printed; rename it")
            elif real == os.path.realpath(document.file):
                document.problem(at, f"{quoted(pattern)} includes this file itself; name other files only")
            else:
                found.setdefault(real, path)
    return sorted(found.values())


def _matching(document: Document, at: KeyPath, pattern: str, directory: Path) -> list[Path]:
    """What is there by a name in which `*` stands for any characters of a file's or directory's name."""
    found = [directory]
    try:
        for part in PurePath(pattern).parts:
            found = [path for base in found for path in _below(base, part, document.seen)]
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "not a path"
        document.problem(at, f"{quoted(pattern)} cannot be looked for ({why}); check the path and its permissions")
        return []
    if not found and "*" in pattern:
        document.warn(at, f"no file matches {quoted(pattern)}; check the path, unless one is still to come")
    elif not found:
        document.problem(at, f"{quoted(pattern)} does not exist; correct the path, or remove it")
    return found


def _below(base: Path, part: str, seen: Seen) -> list[Path]:
    """What a part of a pattern stands for in a directory. A name with a dot in front is hidden from a `*` there."""
    found: list[str] = []
    try:
        if "*" in part:
            found = names(base, part)
            seen.note_names(base, part, found)
        else:
            (base / part).lstat()
            found = [part]
    except (FileNotFoundError, NotADirectoryError):
        seen.note(base if "*" in part else base / part)
    return [base / name for name in found]


def _part(main: Document, path: Path) -> Part | None:
    """One file; None where nothing can be read in it."""
    try:
        document = open_document(path, main)
    except ConfigProblems:
        return None  # they are noted in the document, which the main one knows
    shape = check_included(document)
    return Part(
        document=document,
        files=Files(document, path.parent),
        signers=shape.signers,
        repositories={key: EntryShape().model_copy(update=dict(each)) for key, each in shape.repositories.items()},
        scope=shape.scope if "scope" in document.remaining() else None,
    )
