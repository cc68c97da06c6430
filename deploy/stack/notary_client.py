"""What people do with `notary`: all that `docker trust` can do without an image, and more."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.stack.people import Person

RELEASES = "targets/releases"


@dataclass(frozen=True)
class Listed:
    """One line of `notary list`; the digest is `sha256:` and 64 hex digits, the length is in bytes."""

    name: str
    digest: str
    length: int
    role: str


def initialise(owner: Person, gun: str, *, root_key: Path | None = None) -> None:
    """Make a collection without delegations, whose snapshot key is the server's.

    Args:
        owner: Holds the targets key from now on.
        gun: The collection.
        root_key: An encrypted root key, such as another person's `root_key_file`; default: the owner's own, made now
            if there is none.
    """
    given = ["--rootkey", str(root_key)] if root_key else []
    _notary(owner, "init", gun, *given, "--publish")
    rotate_key(owner, gun, "snapshot")


def generate_root_key(owner: Person) -> str:
    """Make one more root key; return its key id."""
    printed = _notary(owner, "key", "generate", "ecdsa", "--role", "root")
    return printed.split()[-1]


def root_key_file(owner: Person, key_id: str) -> Path:
    """Return the encrypted file of one of the owner's keys."""
    return owner.trust_directory / "private" / f"{key_id}.key"


def delegate(owner: Person, gun: str, role: str, *public_keys: Path, paths: Sequence[str] = ("",)) -> None:
    """Make a delegation such as `targets/qa`, or add keys and paths to it; its threshold is 1, whatever the keys."""
    keys = [str(each) for each in public_keys]
    covered = ["--all-paths"] if "" in paths else [f"--paths={each}" for each in paths]
    _notary(owner, "delegation", "add", gun, role, *keys, *covered, "--publish")


def undelegate(owner: Person, gun: str, role: str, *key_ids: str) -> None:
    """Take keys from a delegation or, if none are named, all of it away."""
    _notary(owner, "delegation", "remove", gun, role, *key_ids, "--yes", "--publish")


def add_target(
    person: Person, gun: str, tag: str, digest: str, length: int, *, roles: Sequence[str] = ("targets",)
) -> None:
    """Sign a tag for a digest and length into roles whose keys this person has; needs no image."""
    sha256 = digest.removeprefix("sha256:")
    _notary(person, "addhash", gun, tag, str(length), "--sha256", sha256, *_roles(roles), "--publish")


def sign_as(person: Person, gun: str, tag: str, digest: str, length: int) -> None:
    """Sign as `docker trust sign` does: into the person's own role and into `targets/releases`."""
    add_target(person, gun, tag, digest, length, roles=(f"targets/{person.name}", RELEASES))


def remove_target(person: Person, gun: str, tag: str, *, roles: Sequence[str] = ("targets",)) -> None:
    """Take a tag out of roles whose keys this person has."""
    _notary(person, "remove", gun, tag, *_roles(roles), "--publish")


def rotate_key(owner: Person, gun: str, role: str, *, key: Path | None = None) -> None:
    """Replace the key of root, targets, snapshot or timestamp; the server makes and keeps those of the last two.

    Args:
        owner: Holds the root key.
        gun: The collection.
        role: One of the four top roles.
        key: An encrypted key for root or targets; default: a new one.
    """
    where = ["--server-managed"] if role in {"snapshot", "timestamp"} else []
    given = [f"--key={key}"] if key else []
    _notary(owner, "key", "rotate", gun, role, *where, *given, typed=b"yes\n")


def targets(person: Person, gun: str, *roles: str) -> list[Listed]:
    """Verify the collection and return what roles (default: all that count for `notary`) hold."""
    lines = _notary(person, "list", gun, *_roles(roles)).splitlines()
    cells = [line.split() for line in lines]
    return [
        Listed(name, f"sha256:{digest}", int(length), role)
        for name, digest, length, role in (each for each in cells if len(each) == 4)
        if length.isdecimal()
    ]


def delete_collection(owner: Person, gun: str) -> None:
    """Delete the collection from this person's directory and from the server."""
    _notary(owner, "delete", gun, "--remote")


def _roles(roles: Sequence[str]) -> list[str]:
    return [f"--roles={each}" for each in roles]


def _notary(person: Person, *arguments: str, typed: bytes = b"") -> str:
    common = [
        f"--server={person.notary.url}",
        f"--tlscacert={person.notary.ca_file}",
        f"--trustDir={person.trust_directory}",
    ]
    return person.run("notary", [*common, *arguments], typed=typed).must()
