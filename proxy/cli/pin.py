"""`tagwarden pin`: what to write under `roots`, and what to compare it with before believing it."""

from collections import defaultdict
from functools import partial
from typing import Annotated

import typer
import uvloop
from cryptography.hazmat.primitives import hashes

from proxy.assembly import assemble
from proxy.cli.options import DEFAULT_CONFIG, AsJson, ConfigFile, read_reference, read_settings
from proxy.clock import Clock
from proxy.config.settings import Settings
from proxy.drive import drive
from proxy.errors import CannotDecide, Refusal, UserError
from proxy.names import Gun, Repository
from proxy.refusals import present
from proxy.store.overlay import Overlay
from proxy.tuf.pins import Bundle, Pins, unbundle
from proxy.tuf.update import update


def pin(
    repositories: Annotated[list[str], typer.Argument(metavar="REPO...", help="Repositories whose roots to pin.")],
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Print ready `roots` entries for the roots that Notary serves now, with fingerprints to check elsewhere.

    What Notary serves is believed here only to be shown: compare it with the holder of the root key.
    """
    settings = read_settings(config)
    names = [read_reference(text, settings).repository for text in repositories]
    found = uvloop.run(_roots(settings, names))
    by_key: dict[str, list[tuple[Gun, Bundle]]] = defaultdict(list)
    for gun, bundle in found:
        by_key[bundle.key.public_key_id].append((gun, bundle))
    if as_json:
        _print_json(by_key)
    else:
        _print_yaml(by_key)


async def _roots(settings: Settings, repositories: list[Repository]) -> list[tuple[Gun, Bundle]]:
    """The root keys of each repository, read as if for the first time. Raises `UserError`, exits 1 or 3."""
    found: list[tuple[Gun, Bundle]] = []
    async with assemble(settings, Overlay(None)) as parts:
        for repository in repositories:
            try:
                entry = settings.policy.entry_for(repository)
                gun = entry.gun(settings.name, repository)
                fetch = parts.resolver.renewal.notaries[entry.notary]
                collection = await drive(update(gun, Pins.tofu(), None, Clock().now()), partial(fetch, gun))
            except Refusal as refusal:
                message = present(refusal, reference=repository, **settings.policy.whereabouts(repository)).message
                if isinstance(refusal, CannotDecide):
                    typer.echo(f"tagwarden: {message}", err=True)
                    raise typer.Exit(3) from None
                raise UserError(message) from None
            bundles = (unbundle(key) for key in collection.root_keys.values())
            found.extend((gun, bundle) for bundle in bundles if bundle)
    return found


def _print_yaml(by_key: dict[str, list[tuple[Gun, Bundle]]]) -> None:
    print("# Believe these only after the holder of the root key has confirmed them: there, `notary key list`")
    print("# shows the public key id of the role root, and openssl the fingerprint of its certificate.")
    print("roots:")
    for number, (public_key_id, uses) in enumerate(sorted(by_key.items()), start=1):
        print(f"  root-{number}:")
        print("    public_key_ids:")
        print(f'      - "{public_key_id}"')
        for gun, bundle in uses:
            print(f"    # {gun}: listed as {bundle.key.key_id},")
            print(f"    #   certificate SHA-256 {_fingerprint(bundle)},")
            print(f"    #   valid until {bundle.leaf.not_valid_after_utc:%Y-%m-%d}")


def _print_json(by_key: dict[str, list[tuple[Gun, Bundle]]]) -> None:
    import json

    rows = [
        {
            "public_key_id": public_key_id,
            "roots": [
                {
                    "gun": gun,
                    "key_id": bundle.key.key_id,
                    "certificate_sha256": _fingerprint(bundle),
                    "valid_until": bundle.leaf.not_valid_after_utc.isoformat(),
                }
                for gun, bundle in uses
            ],
        }
        for public_key_id, uses in sorted(by_key.items())
    ]
    print(json.dumps(rows, indent=2))


def _fingerprint(bundle: Bundle) -> str:
    """As `openssl x509 -fingerprint -sha256` prints it."""
    return bundle.leaf.fingerprint(hashes.SHA256()).hex(":").upper()
