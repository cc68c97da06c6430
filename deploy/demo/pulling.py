"""Does the steps of the story with real clients, and reads what came of them."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from deploy.demo.stage import Stage
from deploy.demo.story import Step
from deploy.stack.clients import Pull, docker_pull, skopeo_pull
from deploy.stack.proxy import Proxy
from deploy.stack.registry import MANIFEST_TYPES
from deploy.stack.web import ask

# Clients put words of their own before the proxy's sentence, which ends in its code.
_SENTENCE: Final = re.compile(r"(?:denied|unknown|unavailable): ([^\n]*?\[([a-z_]+)\])")
_QUESTIONS: Final = 20
_BETWEEN_QUESTIONS: Final = 0.1  # seconds


@dataclass(frozen=True)
class Seen:
    """What came of a step: the proxy's decision, the digest or refusal that the client got, and why."""

    step: Step
    decision: str
    result: str
    reason: str

    @property
    def as_expected(self) -> bool:
        """Whether the step ended as it must."""
        return (self.decision, self.result) == (self.step.decision, self.step.result)


def do(stage: Stage, proxy: Proxy, step: Step) -> Seen:
    """Do one step: what happens before, the pull, and a question to the proxy for the headers of its decision."""
    step.before()
    pull = _pull(stage, step)
    headers = _decision(proxy, step)
    decision = headers.get("X-Tagwarden-Decision", "none")
    if pull.digest:
        signers = headers.get("X-Tagwarden-Signers")
        refusal = headers.get("X-Tagwarden-Refusal")
        why = f"signed by {signers}" if signers else f"would be refused: {refusal}" if refusal else ""
        return Seen(step, decision, pull.digest, why)
    if sentence := _SENTENCE.search(pull.output):
        return Seen(step, decision, sentence[2], sentence[1])
    return Seen(step, decision, "failed", pull.output.strip())


def _decision(proxy: Proxy, step: Step) -> Mapping[str, str]:
    # In audit a decision never delays an answer: it is seen once it was ready in time.
    repository, reference = re.split("[@:]", step.reference, maxsplit=1)
    url = f"{proxy.url}/v2/{repository}/manifests/{reference}"
    headers: Mapping[str, str] = {}
    for _ in range(_QUESTIONS):
        headers = dict(ask(url, method="HEAD", headers={"Accept": ", ".join(MANIFEST_TYPES)}).headers)
        if "X-Tagwarden-Decision" in headers:
            break
        time.sleep(_BETWEEN_QUESTIONS)
    return headers


def _pull(stage: Stage, step: Step) -> Pull:
    name = f"{stage.name}/{step.reference}"
    if step.client == "docker" and stage.docker:
        return docker_pull(stage.docker, name)
    return skopeo_pull(stage.directory / "pulled", name, every_platform=step.every_platform)
