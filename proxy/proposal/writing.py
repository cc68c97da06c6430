"""Puts a proposal in place: whole or not at all, and never over anything that is there."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from proxy.config import load
from proxy.errors import UserError
from proxy.proposal.judging import judge
from proxy.proposal.proposing import Proposal
from proxy.proposal.text import render

CONFIG: Final = "config.yaml"


def check_free(directory: Path) -> None:
    """See that there is no configuration yet. Raises `UserError`."""
    file = directory / CONFIG
    if os.path.lexists(file):
        raise UserError(f"{file} is there already and is never overwritten; move it away, or name another --directory")


def write(proposal: Proposal, directory: Path) -> Proposal:
    """Check a proposal and write it; returns it with what it would refuse although it is signed.

    1. The files are made in a directory of their own, and loaded from there as the proxy would load them.
    2. Every signed tag is held against what was loaded; what does not fit is written into the file.
    3. The files are loaded once more, and only then appear in their place, `config.yaml` last.

    Raises:
        UserError: something of it is there already, or cannot be written.
    """
    check_free(directory)
    try:
        with _staging(directory) as stage:
            _make(proposal, stage)  # (1)
            settings = load(stage / CONFIG, {}, proposal.now)
            judged = replace(proposal, misfits=judge(settings.policy, proposal.gathered, proposal.now))  # (2)
            (stage / CONFIG).write_text(render(judged), encoding="utf-8")
            load(stage / CONFIG, {}, proposal.now)  # (3)
            _place(stage, directory, [*_key_files(judged), CONFIG])
    except OSError as error:
        why = error.strerror or "not a path"
        raise UserError(f"nothing was written to {directory} ({why}); check the path and its permissions") from None
    return judged


@contextmanager
def _staging(directory: Path) -> Iterator[Path]:
    """A directory on the same disk that is gone afterwards; so is the directory itself if it stayed empty."""
    is_new = not directory.exists()
    directory.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix=".proposal-", dir=directory) as stage:
            yield Path(stage)
    finally:
        if is_new and not any(directory.iterdir()):
            directory.rmdir()


def _key_files(proposal: Proposal) -> list[str]:
    return [key.file for signer in proposal.signers for key in signer.keys]


def _make(proposal: Proposal, stage: Path) -> None:
    for signer in proposal.signers:
        for key in signer.keys:
            file = stage / key.file
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(key.pem)
    (stage / CONFIG).write_text(render(proposal), encoding="utf-8")


def _place(stage: Path, directory: Path, files: list[str]) -> None:
    """Let files appear one after the other; where one cannot, those before it are taken away again."""
    placed: list[Path] = []
    try:
        for name in files:
            place = directory / name
            _check_parents(directory, place)
            if not place.is_symlink() and place.is_file() and place.read_bytes() == (stage / name).read_bytes():
                (stage / name).replace(place)  # the same key, from an earlier time; whoever owned that file, we do now
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            try:
                place.hardlink_to(stage / name)  # unlike a rename, this overwrites nothing
            except FileExistsError:
                raise UserError(
                    f"{place} is there already and is never overwritten; move it away, or name another --directory"
                ) from None
            placed.append(place)
    except BaseException:
        for place in placed:
            place.unlink()
        raise


def _check_parents(directory: Path, place: Path) -> None:
    """See that no directory below the named one leads elsewhere. Raises `UserError`."""
    below = place.relative_to(directory).parents
    for parent in (directory / each for each in below if each != Path()):
        if parent.is_symlink():
            raise UserError(
                f"{parent} is a link, and nothing is written through one; move it away, or name another --directory"
            )
