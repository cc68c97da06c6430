"""Root keys as entries of `roots` for the configuration, with what their holder compares them with; and as JSON."""

import json
from collections.abc import Iterator
from shlex import quote
from typing import Any, Final

from proxy.inspection.roots import RootKey, Roots, Use
from proxy.inspection.words import HANDFUL, some
from proxy.policy.entries import Policy
from proxy.refusals import present

_HEAD: Final = (
    "Believe a root key only after whoever holds it has compared what is printed here with what their own computer",
    "prints. Below each key stand the commands for them: the first shows the public key id beside the role root, the",
    "second the SHA-256 fingerprint of the certificate. Docker keeps both in ~/.docker/trust.",
)
_DIRECTORY: Final = "~/.docker/trust"


def as_yaml(roots: Roots, policy: Policy) -> str:
    """A document with the one key `roots`: the keys that nothing pins yet. Everything else is comment."""
    fresh = [key for key in roots.keys if is_new(key)]
    lines = [*map(_comment, _HEAD if fresh else ()), *_others(roots)]
    lines.append("roots:" if fresh else "roots: {}  # there is no key that is still to be pinned")
    for key in fresh:
        lines += [f"  {key.name}:", "    public_key_ids:", f'      - "{key.public_key_id}"']
        lines += [_comment(line, indent=4) for line in _about(key)]
    lines += [_comment(line) for line in _whereabouts(roots, policy)]
    return "\n".join(lines)


def is_new(key: RootKey) -> bool:
    """Whether a key is worth an entry: nothing pins it yet, and it may count."""
    return key.fit and not key.pinned_as


def as_json(roots: Roots, policy: Policy) -> str:
    """Everything that was found, every repository of every key, and where nothing could be read and why."""
    return json.dumps(
        {
            "roots": [
                {
                    "name": key.name,
                    "pinned_as": list(key.pinned_as),
                    "public_key_id": key.public_key_id,
                    "fit": key.fit,
                    "warnings": list(key.warnings),
                    "repositories": [_row(use) for use in key.uses],
                }
                for key in roots.keys
            ],
            "refused": [
                {"repository": repository, "refusal": told.code, "message": told.message}
                for repository, refusal in roots.refusals.items()
                for told in [present(refusal, reference=repository, **policy.whereabouts(repository))]
            ],
            "warnings": list(roots.warnings),
        },
        indent=2,
    )


def _row(use: Use) -> dict[str, Any]:
    return {
        "repository": use.repository,
        "gun": use.gun,
        "notary": use.notary,
        "key_id": use.key_id,
        "certificate_sha256": use.fingerprint,
        "certificate_name": use.made_out_to,
        "valid_until": use.valid_until.isoformat(),
    }


def _others(roots: Roots) -> Iterator[str]:
    """The keys that are no entries."""
    for key in roots.keys:
        if not is_new(key):
            how = f"Pinned already as {', '.join(map(ascii, key.pinned_as))}" if key.pinned_as else "Not to be pinned"
            yield _comment(f"{how}: {key.public_key_id}, the root key of {_many(key)}")
            yield from (_comment(f"WARNING: {warning}", indent=2) for warning in key.warnings)


def _about(key: RootKey) -> Iterator[str]:
    """What stands below a new entry: where the key is used, and how its holder tells whether it is theirs."""
    yield from (f"WARNING: {warning}" for warning in key.warnings)
    yield f"It is the root key of {_many(key)}."
    first = max(key.uses, key=lambda use: use.valid_until)
    yield f"  notary -d {_DIRECTORY} key list"
    yield f"    root ... {key.public_key_id}"
    listed = f'.signed.keys["{first.key_id}"].keyval.public'
    root = f"{_DIRECTORY}/tuf/{quote(first.gun)}/metadata/root.json"
    yield f"  jq -r '{listed}' {root} | base64 -d | openssl x509 -noout -fingerprint -sha256"
    yield f"    sha256 Fingerprint={first.fingerprint}"
    yield "Per repository: its id there, its certificate's SHA-256 fingerprint, and the day on which that ends."
    shown = key.uses if len(key.uses) <= HANDFUL else (first,)
    for use in shown:
        yield f"  {use.repository}: {use.key_id}"
        yield f"    {use.fingerprint}"
        yield f"    {use.valid_until:%Y-%m-%d}"
    if len(shown) < len(key.uses):
        earliest = min(use.valid_until for use in key.uses)
        yield f"  and {len(key.uses) - len(shown)} more, with --json; the first ends on {earliest:%Y-%m-%d}"


def _many(key: RootKey) -> str:
    names = [use.repository for use in key.uses]
    return f"{len(names)} repositories ({some(names)})" if len(names) > 1 else names[0]


def _whereabouts(roots: Roots, policy: Policy) -> Iterator[str]:
    """The lists of roots in which the keys are still to be named."""
    lists: dict[str, dict[str, None]] = {}
    for key in roots.keys:
        for use in key.uses:
            if key.fit and not use.named:
                there = policy.entry_for(use.repository).pins.entries
                lists.setdefault(use.notary, {}).update(dict.fromkeys([*(pin.name for pin in there), key.name]))
    if lists:
        yield "Then name them where they shall anchor trust data:"
    for notary, names in sorted(lists.items()):
        yield f"  notaries.{notary}.roots: {json.dumps(list(names))}"


def _comment(line: str, *, indent: int = 0) -> str:
    return f"{' ' * indent}# {line}"
