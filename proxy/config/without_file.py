"""Settings for a trial: no file, a few options, and nothing enforced (design: Command line, `serve`).

The options become the same document as a file would, and go through the same checks. What no file may say is added
afterwards: audit without an end, and a trust store that lasts as long as the process.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from proxy.config.building import build
from proxy.config.checking import check
from proxy.config.document import Document, KeyPath
from proxy.config.environment import override
from proxy.config.seen import Seen
from proxy.config.settings import IN_MEMORY, Settings, TrustStoreSettings
from proxy.policy.entries import Mode, Relaxation
from proxy.policy.patterns import RepositoryPattern

COMMAND_LINE: Final = "command line"
NOTARY: Final = "notary"
"""What the one Notary of a trial is called."""

SAID_ALOUD: Final = (
    "nothing is enforced: every pull passes, and what would be refused is only logged and said in headers",
    "nothing is remembered: what Notary said is in memory, so one that goes back is not noticed after a restart",
)
"""What a person must hear who serves without a file, besides that whoever answers first is believed."""

_EVERYTHING: Final = RepositoryPattern("**")
_NO_WORKERS: Final = "a trial without a file is one process, so this has no effect; remove it, or write a file"
_NO_STORE: Final = "a trial without a file remembers nothing, so this has no effect; remove it, or write a file"


@dataclass(frozen=True, slots=True)
class Trial:
    """What the options of the command line say, as typed; paths are relative to the working directory."""

    name: str
    registry: str
    notary: str
    registry_ca: Path | None = None
    registry_credentials: Path | None = None
    notary_ca: Path | None = None
    notary_credentials: Path | None = None
    listen: str | None = None
    probes: str | None = None


def load_trial(trial: Trial, environ: Mapping[str, str], now: datetime, seen: Seen | None = None) -> Settings:
    """Make settings in which everything is in audit, without end, and roots are trusted on first use.

    Options count more than environment variables. `now` is aware; files that are looked at are noted in `seen`.

    Raises `ConfigProblems`, whose text has one line for each thing to mend: `command line: --option: sentence`.
    """
    document = Document(COMMAND_LINE, seen=seen)
    override(document, environ)
    for key in document.tree.pop("trust_store", {}):
        document.warn(("trust_store", key), _NO_STORE)
    if document.tree.pop("workers", None) is not None:
        document.warn(("workers",), _NO_WORKERS)
    for path, option, value in _options(trial):
        if value is not None:
            document.override(path, option, str(value), COMMAND_LINE)
    document.tree["version"] = 1
    document.override(("notaries", NOTARY, "roots"), "--notary", "tofu", COMMAND_LINE)
    document.tree["repositories"] = {str(_EVERYTHING): {"signed_by": "released"}}
    settings = build(document, check(document), Path(), now)
    audit = Relaxation(_EVERYTHING, Mode.AUDIT, until=None, reason=None, place=COMMAND_LINE)
    return replace(
        settings,
        policy=replace(settings.policy, rollout=(audit,)),
        trust_store=TrustStoreSettings(IN_MEMORY, must_exist=False),
    )


def _options(trial: Trial) -> tuple[tuple[KeyPath, str, object], ...]:
    """Where each value stands in the tree, the option it came by, and the value; None where it was left out."""
    notary: KeyPath = ("notaries", NOTARY)
    return (
        (("name",), "--name", trial.name),
        (("listen", "address"), "--listen", trial.listen),
        (("probes", "address"), "--probes", trial.probes),
        (("registry", "url"), "--registry", trial.registry),
        (("registry", "ca_file"), "--registry-ca", trial.registry_ca),
        (("registry", "credentials_file"), "--registry-credentials", trial.registry_credentials),
        ((*notary, "url"), "--notary", trial.notary),
        ((*notary, "ca_file"), "--notary-ca", trial.notary_ca),
        ((*notary, "credentials_file"), "--notary-credentials", trial.notary_credentials),
    )
