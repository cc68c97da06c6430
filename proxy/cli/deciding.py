"""Decides here, from the configuration: as a proxy with it would under `enforce`, with evidence fetched anew."""

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from proxy.cli.asking import asking, is_first_use
from proxy.cli.outcome import Finding, Outcome, caveat, finding_of, spelled_out
from proxy.cli.screen import say
from proxy.clock import Clock
from proxy.errors import Internal, ReferenceInvalid, Refusal, RegistryUnreachable, Undecided, UserError
from proxy.names import Reference
from proxy.policy.decisions import Allowed, Decision
from proxy.refusals import present, row_of
from proxy.registry import nearby
from proxy.registry.failures import Relayed
from proxy.registry.headers import ClientCredentials
from proxy.remote.address import leading_host
from proxy.web.shapes import shape

if TYPE_CHECKING:
    from proxy.config.settings import Settings

_NOT_ON_FIRST_USE: Final = (
    "verify trusts nobody on first use: start tagwarden serve once, or pin the root (tagwarden pin)"
)


class Here:
    """One image under one configuration; every `decide` starts from what the trust store remembers, and asks Notary."""

    def __init__(self, settings: "Settings", image: str) -> None:
        """Read what a person typed. Raises `UserError` for no image name, or one of another registry."""
        self._settings = settings
        self._reference, self._name = read_image(image, settings)
        self._warned = False

    async def decide(self) -> Outcome:
        """Decide once. Raises `UserError` where a part of this machine cannot be used."""
        decision, now = await self._decision(), Clock().now()
        told = shape(decision, request_id=None, now=now)
        outcome = self._outcome(decision, told)
        return replace(outcome, sentence=outcome.sentence + caveat(decision.stale, decision.by_grace(now)))

    def _outcome(self, decision: Decision, told: dict[str, object]) -> Outcome:
        allowed, refusal, reference = decision.permission, decision.refusal, str(decision.reference)
        if refusal is not None or allowed is None:
            refusal = refusal or Internal()
            known = self._settings.policy.whereabouts(decision.reference.repository, self._name)
            message = present(refusal, reference=reference, **known).message
            code = row_of(refusal).code
            sentence = spelled_out(message, reference, str(decision.reference.target), known.get("gun", ""))
            return Outcome(finding_of(code), sentence, code, told)
        if isinstance(allowed, Allowed) and allowed.enforced:
            sentence = f"{reference} is {allowed.digest}, signed by {', '.join(allowed.signers)}"
            return Outcome(Finding.ALLOWED, sentence, "", told)
        why = allowed.rule if isinstance(allowed, Allowed) else allowed.reason
        sentence = f"{reference} is served as it is, because of {why}: nobody has to sign it"
        return Outcome(Finding.NOT_ENFORCED, sentence, "", told)

    async def _decision(self) -> Decision:
        async with asking(self._settings) as (parts, remembers):
            store, repository = parts.resolver.store, self._reference.repository
            believed = await is_first_use(self._settings, store, repository, self._name)
            if not remembers and not believed:
                self._warn("there is no trust store yet, so nothing is remembered: starting from the pins")
            credentials = parts.registry.walker(ClientCredentials(None))
            decision = await parts.resolver.resolve(self._reference, credentials, name=self._name)
            if believed and decision.rests_on_trust_data:
                return replace(decision, permission=None, refusal=Undecided(_NOT_ON_FIRST_USE))
            if not isinstance(decision.permission, Allowed):
                return decision
            try:
                await parts.registry.get_manifest(self._reference, decision.permission, credentials)
            except (Relayed, RegistryUnreachable) as failure:
                if isinstance(failure, RegistryUnreachable) and not nearby.is_no(failure):
                    return replace(decision, permission=None, refusal=failure)
                why = f"the registry {nearby.answered(failure, parts.registry.account)}"
                return replace(decision, permission=None, refusal=Undecided(why))
            except Refusal as refusal:
                return replace(decision, permission=None, refusal=refusal)
            return decision

    def _warn(self, sentence: str) -> None:
        """Say it at the first attempt, not at every one."""
        if not self._warned:
            say(sentence)
        self._warned = True


def read_image(image: str, settings: "Settings") -> tuple[Reference, str | None]:
    """The reference, and the registry that it is of where the proxy answers for another one too (`ns_allowed`).

    Raises:
        UserError: no image name, or one of a registry that this proxy does not answer for.
    """
    host = leading_host(image)
    if host in (None, settings.name):
        name = None
    elif host in settings.listen.ns_allowed:
        name = host
    else:
        raise UserError(
            f"{image} belongs to the registry {host}, and the configuration is for {settings.name}: "
            f"write {settings.name}/... for an image of that, or name another configuration with -c"
        )
    try:
        return Reference.parse(image, name or settings.name), name
    except ReferenceInvalid as invalid:
        raise UserError(present(invalid).message) from None
