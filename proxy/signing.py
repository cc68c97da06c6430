"""What signers type to sign a tag: exact commands of `notary` and `docker trust`. Pure text; it holds no keys.

A signer signs into a delegation of their own, and along with it into `targets/releases` where that is declared:
then only what it names is released (difference S4; dialect 4.5).
"""

import json
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from proxy.names import RELEASES, TARGETS, Gun, RoleName, Tag
from proxy.policy.entries import Entry
from proxy.policy.release import release_of
from proxy.policy.signers import AllOf, AnyOf, AtLeast, FirstOf, Released
from proxy.policy.votes import Vote, cast, standing
from proxy.tuf.collection import Collection, Target, covers

_TRUST_DIRECTORY: Final = "~/.docker/trust"  # never quoted, so that the shell finds the home
_DOCKER: Final = (
    "The same with docker trust, which docker has up to version 28. It signs with every key that it finds in",
    "~/.docker/trust. First it pushes the image, which may give it another manifest than the one above, and signs that",
    "one. Pull where the image was built, or through `candidates`: this proxy gives out nothing unsigned.",
)
_LOGIN: Final = "Notary wants a login: type it when notary asks, or set NOTARY_AUTH to base64 of user:password."


@dataclass(frozen=True, slots=True)
class Subject:
    """A tag, and the manifest that is to be signed for it; `image` is the repository as docker names it."""

    gun: Gun
    image: str
    tag: Tag
    target: Target
    is_index: bool


@dataclass(frozen=True, slots=True)
class Server:
    """Where trust data is published; `ca_file` is the path that the proxy has it under."""

    url: str
    ca_file: Path | None
    wants_login: bool


@dataclass(frozen=True, slots=True)
class Lacking:
    """`wanted` more of `roles` have to sign; no roles where the tag has what its rule asks for."""

    wanted: int
    roles: tuple[RoleName, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """What one person types: who that is, what they should know, and lines for a shell."""

    who: str
    notes: tuple[str, ...]
    commands: tuple[str, ...]


def lacking(entry: Entry, subject: Subject, collection: Collection | None, now: datetime) -> Lacking:
    """Who has yet to sign before the tag has this digest; `collection` is None where there is none yet.

    Source: design, Which digest a tag has.
    """
    rule = entry.rule_for(subject.tag)[1]
    if collection is None:
        return Lacking(1, (TARGETS,)) if isinstance(rule, Released) else _lacking(rule, (), subject.target)
    release = release_of(entry, subject.tag, collection, now)
    if not isinstance(rule, Released):
        found = _lacking(rule, cast(rule.signers, subject.tag, collection, now).votes, subject.target)
        if found.roles or not release.is_binding:
            return found
    if release.target == subject.target:
        return Lacking(0, ())
    return Lacking(1, (RELEASES if collection.declares_releases else TARGETS,))


def in_turn(groups: Sequence[tuple[RoleName, ...]], collection: Collection | None) -> list[tuple[RoleName, ...]]:
    """The groups that can sign at once before those that have to be let in first."""
    return sorted(groups, key=lambda group: not all(_declares(collection, role) for role in group))


def steps(
    subject: Subject,
    server: Server,
    groups: Sequence[tuple[RoleName, ...]],
    collection: Collection | None,
    *,
    wanted: int | None = None,
) -> list[Step]:
    """What to type, in order: first the owner of the collection as far as something is missing, then who signs.

    Args:
        subject: what is signed.
        server: where it is published.
        groups: the roles that are signed by one person each.
        collection: its trust data; None where there is none yet.
        wanted: how many of the groups will do, if not all of them: then each is a choice that stands for itself.
    """
    notary = _Notary(subject, server)
    if wanted is None or wanted >= len(groups):
        return list(_steps(subject, notary, groups, collection))
    creation = [] if collection else [_creation(notary, _login(notary))]
    choices = [
        replace(step, who=f"Choice {number} of {len(groups)}. {step.who}")
        for number, group in enumerate(groups, start=1)
        for step in _steps(subject, notary, [group], collection)
        if step not in creation
    ]
    return [*creation, *choices]


def docker(subject: Subject, server: Server, roles: Sequence[RoleName], collection: Collection | None) -> list[str]:
    """Comment lines with the way of `docker trust`, or why there is none."""
    name = f"{subject.image}:{subject.tag}"
    if subject.gun != subject.image:
        return _comments([f"docker trust cannot sign this tag: it would write to {subject.image}, not {subject.gun}."])
    if subject.is_index:
        return _comments(["docker trust cannot sign this tag: it names an index, and docker pushes a single image."])
    new = [role for role in roles if role not in (TARGETS, RELEASES) and not _declares(collection, role)]
    pinned = f"{subject.image}@{subject.target.digest}"
    lines = [
        ["export", f"DOCKER_CONTENT_TRUST_SERVER={server.url}"],
        *(["docker", "trust", "signer", "add", "--key", _key(role), role.signer, subject.image] for role in new),
        ["docker", "pull", pinned],
        ["docker", "tag", pinned, name],
        ["docker", "trust", "sign", "--local", name],
    ]
    host = urlsplit(server.url).netloc
    authority = [f"It takes the authority of {host} from ~/.docker/tls/{host}/ca.crt."] if server.ca_file else []
    return _comments([*_DOCKER, *authority, *(f"  {shlex.join(line)}" for line in lines)])


def text(
    subject: Subject, planned: Sequence[Step], collection: Collection | None, first: Sequence[str] = ()
) -> list[str]:
    """Everything in lines that a shell can be given: comments, `first` before all others, and the commands."""
    digest, length = subject.target.digest, subject.target.length
    lines = [*_comments(first), f"# {subject.image}:{subject.tag} is {digest}, {length} bytes."]
    lines.extend(_comments(_otherwise(subject, collection)))
    for step in planned:
        lines += ["#", f"# {step.who}:", *_comments(step.notes), *step.commands]
    return lines


@dataclass(frozen=True, slots=True)
class _Notary:
    """Writes lines for the `notary` command."""

    subject: Subject
    server: Server

    def line(self, verb: str, *words: str) -> str:
        """One command about the collection; `verb` is what stands before the GUN."""
        authority = ["--tlscacert", str(self.server.ca_file)] if self.server.ca_file else []
        before = shlex.join(["notary", "-s", self.server.url, *authority])
        after = shlex.join([*verb.split(), self.subject.gun, *words])
        return f"{before} -d {_TRUST_DIRECTORY} {after}"

    def delegate(self, role: RoleName, key: str) -> str:
        """Let a key sign for a role."""
        return self.line("delegation add", role, key, "--all-paths", "--publish")

    def sign(self, roles: Sequence[RoleName]) -> tuple[str, str]:
        """Say of the tag what it is, in these roles, and publish that."""
        target = self.subject.target
        said = (self.subject.tag, str(target.length), "--sha256", target.digest.hex, "--roles", ",".join(roles))
        return self.line("addhash", *said), self.line("publish")


def _steps(
    subject: Subject, notary: _Notary, groups: Sequence[tuple[RoleName, ...]], collection: Collection | None
) -> Iterator[Step]:
    roles = tuple(dict.fromkeys(role for group in groups for role in group))
    delegated = tuple(role for role in roles if role not in (TARGETS, RELEASES))
    releases = bool(delegated) if collection is None else collection.declares_releases
    missing = tuple(role for role in delegated if not _declares(collection, role))
    login = _login(notary)
    if collection is None:
        yield _creation(notary, login)
    if missing:
        yield _delegation(notary, missing, login, releases=releases)
    is_released = False
    for group in groups:
        along = releases and RELEASES not in group and TARGETS not in group and _may_release(group, collection)
        signed = (*group, RELEASES) if along else group
        is_released |= RELEASES in signed
        notes = (*_notes(subject, group, collection, along=along), *login)
        yield Step(_people(group), notes, notary.sign(signed))
    if releases and delegated and not is_released:
        who = "Somebody who may sign targets/releases, because none of the keys above may"
        yield Step(who, ("Only what targets/releases names is released.", *login), notary.sign((RELEASES,)))


def _login(notary: _Notary) -> tuple[str, ...]:
    return (_LOGIN,) if notary.server.wants_login else ()


def _creation(notary: _Notary, login: Sequence[str]) -> Step:
    notes = (
        f"Notary has nothing for {notary.subject.gun} yet. Make the collection with a root key that `roots` names;",
        "the server then keeps the snapshot key, so that signers can publish.",
    )
    made = notary.line("init", "--publish"), notary.line("key rotate", "snapshot", "--server-managed")
    return Step("The owner of the root key, once", (*notes, *login), made)


def _delegation(notary: _Notary, roles: Sequence[RoleName], login: Sequence[str], *, releases: bool) -> Step:
    commands = [
        notary.delegate(into, _key(role)) for role in roles for into in ((role, RELEASES) if releases else (role,))
    ]
    files = ", ".join(_key(role) for role in roles)
    note = f"{files}: the public half of a signer's key, as `docker trust key generate` writes it."
    return Step("The owner of the collection, once", (note, *login), tuple(commands))


def _notes(subject: Subject, group: Sequence[RoleName], collection: Collection | None, *, along: bool) -> Iterator[str]:
    if along:
        yield "Only what targets/releases names is released, so it is signed along."
    for role in group:
        known = collection.roles.get(role) if collection else None
        if known and not covers(known.paths, subject.tag):
            prefixes = ", ".join(map(json.dumps, known.paths))  # Notary's text must not leave its line
            why = f"it may only speak of tags that begin with {prefixes}" if prefixes else "it has no paths"
            yield f"{role} does not count for this tag: {why}."


def _otherwise(subject: Subject, collection: Collection | None) -> Iterator[str]:
    """Who says something else of the tag, because that has to be signed again too, or stands in the way."""
    for role in collection.usable() if collection else ():
        said = role.target(subject.tag)
        if said and said != subject.target:
            yield f"{role.name} names another digest: {said.digest}, {said.length} bytes."


def _lacking(rule: AnyOf | FirstOf | AllOf | AtLeast, votes: Sequence[Vote], target: Target) -> Lacking:
    """Which votes a rule lacks. Of `first_of` the first who says anything decides."""
    signers = {signer.name: signer for signer in rule.signers}
    if isinstance(rule, FirstOf):
        said = {vote.signer.name: vote.target for vote in votes}
        first = next((signer for signer in signers.values() if signer.name in said), None)
        if first and said[first.name] == target:
            return Lacking(0, ())
        return Lacking(1, (first.role,) if first else tuple(signer.role for signer in signers.values()))
    agreeing = standing([vote for vote in votes if vote.target == target])
    if len(agreeing) >= rule.needed:
        return Lacking(0, ())
    voters = {vote.signer.name for vote in agreeing}
    silent = tuple(signer.role for signer in signers.values() if signer.name not in voters)
    return Lacking(rule.needed - len(agreeing), silent)


def _may_release(group: Sequence[RoleName], collection: Collection | None) -> bool:
    """Whether a key of the group may sign `targets/releases`; one that is delegated only now is let in there too."""
    if not all(_declares(collection, role) for role in group):
        return True
    return bool(_keys(RELEASES, collection) & frozenset().union(*(_keys(role, collection) for role in group)))


def _keys(role: RoleName, collection: Collection | None) -> frozenset[str]:
    known = collection.roles.get(role) if collection else None
    return frozenset(key.public_key_id for key in known.keys.values()) if known else frozenset()


def _declares(collection: Collection | None, role: RoleName) -> bool:
    return collection is not None and role in collection.roles


def _people(group: Sequence[RoleName]) -> str:
    return f"Whoever has the private key of {' and '.join(group)} in {_TRUST_DIRECTORY}"


def _key(role: RoleName) -> str:
    return f"{role.signer.replace('/', '-')}.pub"


def _comments(lines: Sequence[str] | Iterator[str]) -> list[str]:
    return [f"# {line}" for line in lines]
