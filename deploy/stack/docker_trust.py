"""What people do with `docker trust`."""

import json
from pathlib import Path
from typing import Any

from deploy.stack.people import Person


def generate_key(signer: Person) -> Path:
    """Make the signer's key; return the file with its public half."""
    if not signer.public_key.exists():
        signer.run("docker", ["trust", "key", "generate", signer.name]).must()
    return signer.public_key


def add_signer(owner: Person, gun: str, name: str, *public_keys: Path) -> None:
    """Delegate `targets/NAME` and `targets/releases` to keys; the first time, initialise the collection.

    The owner's root key is made if there is none; the snapshot key is then the server's.
    """
    keys = [f"--key={each}" for each in public_keys]
    owner.run("docker", ["trust", "signer", "add", *keys, name, gun]).must()


def remove_signer(owner: Person, gun: str, name: str) -> None:
    """Take the delegation of a signer away, even if it was the last one that released something."""
    owner.run("docker", ["trust", "signer", "remove", "--force", name, gun]).must()


def sign(signer: Person, reference: str) -> str:
    """Sign a tag into every role whose key the signer has, and return what docker printed.

    A tag that trust data does not name yet is taken from the signer's dockerd and pushed to the registry that the
    reference names; one that it names already is signed for the same digest, which needs neither.
    """
    return signer.run("docker", ["trust", "sign", reference]).must()


def revoke(signer: Person, reference: str) -> None:
    """Take a tag (or, without a tag, all) out of every role whose key this person has."""
    signer.run("docker", ["trust", "revoke", "--yes", reference]).must()


def inspect(person: Person, reference: str) -> list[dict[str, Any]]:
    """Return what `docker trust inspect` reports."""
    report: list[dict[str, Any]] = json.loads(person.run("docker", ["trust", "inspect", reference]).must())
    return report
