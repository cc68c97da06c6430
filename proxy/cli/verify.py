"""`tagwarden verify`: decides as the proxy would under `enforce`; the gate for CI."""

import json
from dataclasses import replace
from typing import Annotated

import typer
import uvloop

from proxy.cli.asking import asking, say
from proxy.cli.options import DEFAULT_CONFIG, AsJson, ConfigFile, read_reference, read_settings
from proxy.clock import Clock
from proxy.config.settings import Settings
from proxy.errors import CannotDecide, NoRule, Refusal, RegistryUnreachable, Undecided
from proxy.names import Reference
from proxy.policy.decisions import Allowed, Decision
from proxy.policy.entries import Mode
from proxy.refusals import present
from proxy.registry.failures import Relayed
from proxy.registry.headers import ClientCredentials
from proxy.web.shapes import shape


def verify(
    image: Annotated[str, typer.Argument(metavar="REF", help="repository[:tag] or repository@sha256:...")],
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Decide about an image as the proxy would, whatever the repository's mode.

    Exit code 0: it would be served; 1: refused; 2: usage or configuration; 3: could not be decided.
    """
    settings = read_settings(config)
    reference = read_reference(image, settings)
    decision = uvloop.run(_decide(settings, reference))
    if as_json:
        print(json.dumps(shape(decision, request_id=None, now=Clock().now()), indent=2))
    else:
        print(_described(decision))
    raise typer.Exit(_exit_code(decision))


async def _decide(settings: Settings, reference: Reference) -> Decision:
    async with asking(settings) as (parts, remembers):
        if not remembers:
            if _trusts_on_first_use(settings, reference):
                why = "verify trusts nobody on first use: start tagwarden serve once, or pin the root (tagwarden pin)"
                return Decision(reference, Mode.ENFORCE, refusal=Undecided(why))
            say("there is no trust store yet, so nothing is remembered: starting from the pins")
        credentials = parts.registry.walker(ClientCredentials(None))
        decision = await parts.resolver.resolve(reference, credentials)
        if not isinstance(decision.permission, Allowed):
            return decision
        try:
            await parts.registry.get_manifest(reference, decision.permission, credentials)
        except Relayed as relayed:
            why = f"the registry answered {relayed.status} (set registry.credentials_file)"
            return replace(decision, permission=None, refusal=Undecided(why))
        except Refusal as refusal:
            return replace(decision, permission=None, refusal=refusal)
        return decision


def _trusts_on_first_use(settings: Settings, reference: Reference) -> bool:
    try:
        return settings.policy.entry_for(reference.repository).pins.is_tofu
    except NoRule:
        return False


def _described(decision: Decision) -> str:
    """One sentence for a person."""
    if decision.refusal:
        gun, notary = str(decision.gun or ""), decision.notary
        message = present(decision.refusal, reference=str(decision.reference), gun=gun, notary=notary).message
        return f"{'undecided' if _exit_code(decision) == 3 else 'refused'}: {message}"
    allowed = decision.permission
    if isinstance(allowed, Allowed) and not allowed.enforced:
        return f"not enforced: {decision.reference} is served as it is, by an entry of exceptions"
    if isinstance(allowed, Allowed):
        return f"allowed: {decision.reference} is {allowed.digest}, signed by {', '.join(allowed.signers)}"
    return f"not enforced: {decision.reference} is served as it is, by rule {decision.rule}"


def _exit_code(decision: Decision) -> int:
    match decision.refusal:
        case None:
            return 0
        case CannotDecide() | RegistryUnreachable():
            return 3
        case _:
            return 1
