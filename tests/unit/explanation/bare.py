"""What is known where nothing but a refusal is: for tests of what a story makes of it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from proxy.errors import Refusal
from proxy.explanation import lines, tell
from proxy.explanation.known import Known
from proxy.explanation.tones import text
from proxy.names import Reference
from proxy.policy.decisions import Decision, exempt
from proxy.policy.entries import Entry, Exemption, Policy
from tests.support.collections import NOW
from tests.support.resolving import NAME, REPOSITORY
from tests.unit.explanation.situations import (
    IS,
    NOTARIES,
    OWNED,
    TAG,
)

BY_DIGEST: Final = Reference(REPOSITORY, IS)


def known(refusal: Refusal | None = None, *entries: Entry, reference: Reference = TAG, **changes: Any) -> Known:
    """What is known where nothing but the refusal is."""
    policy = changes.pop("policy", None) or Policy(NAME, entries or (OWNED,), changes.pop("rollout", ()))
    decision = Decision(reference, policy.mode_for(reference.repository, NOW), refusal=refusal)
    facts: dict[str, Any] = {"notary": NOTARIES["corp"], "silence": refusal, "options": ("-c", "a b.yaml"), **changes}
    return replace(Known(policy, decision, NOW), **facts)


def read(asked: Known) -> str:
    """The whole story as plain text."""
    return "\n".join(text(each) for each in lines(tell(asked)))


def exempted() -> Any:
    """A permission, given by an exception."""
    policy = Policy(NAME, (), (), (Exemption(REPOSITORY, IS, NOW + timedelta(days=1), "bootstrap"),))
    return exempt(policy, REPOSITORY, IS, NOW)
