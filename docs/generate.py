"""Writes the pages that are made from code: `python -m docs.generate`; `--check` only compares."""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from docs.commands_page import commands_page
from docs.manual import manual
from proxy.refusals import CONTACT, TABLE
from proxy.telemetry.meters import Meter
from proxy.telemetry.metrics import METERS

_HERE: Final = Path(__file__).parent
_REFUSALS: Final = """# Refusals

Made from the table in `proxy/refusals.py` by `make docs`.

Every refusal is one `errors[]` entry of the registry API. Its `message` is the sentence below, at most 200 characters,
ending in `[code]`; the same sentence follows the status in the status line, because older containerd shows nothing
else. The header `X-Tagwarden-Refusal` has the code, `X-Tagwarden-Decision` is `refused` (under `audit`:
`would-refuse`), and the `detail` of the entry has the facts: reference, GUN, rule, digest, signers, missing, roles with
versions and expiries. `(owner: ...)` names whom to ask, where the entry of `repositories` has an
[owner](configuration.md#owners). What each client makes of it is in [screens.md](screens.md).

"""
_SCREENS: Final = """# Screens

What each client shows for each refusal, captured from the real programs: {programs}.

A test brings every refusal to every client and compares its screen with `docs/screens.json`, from which `make docs`
makes this page; `make screens` captures them anew. Fixed words stand for what differs from run
to run (the registry's name, times, request ids), and lines of progress are left out. `ctr` is containerd's own client,
`kubelet` what containerd answers to kubelet's call, and so what stands in the events of a pod.

What each [refusal](refusals.md) comes down to for the person who reads the screen: *sentence* is the whole message,
*status* the number and the words of HTTP alone, *nothing* neither. *4 tries* is a client that asks again before it
gives up.

"""
_UNSEEN: Final = """## Never on a screen

| refusal | why |
|---|---|
"""


_METRICS: Final = """# Metrics

Made from `proxy/telemetry/metrics.py` by `make docs`.

`/metrics` on [`probes.address`](configuration.md#probes) answers in Prometheus's formats, with numbers of all workers
together. Label sets are closed: they grow with the configuration, and `gun` with what is in use, up to 1,000. Counters
begin at zero with the process; those of a worker that dies go on in the one that takes its place. `process_...` are of
the process that answers: with `workers`, the supervisor.

"""


def metrics() -> str:
    """The reference page of all metrics, in the order of their declarations."""
    return _METRICS + "\n".join(map(_metric, METERS)).rstrip() + "\n"


def _metric(meter: Meter) -> str:
    labels = "".join(f"| `{name}` | {values} |\n" for name, values in meter.labels.items())
    table = f"\n| label | values |\n|---|---|\n{labels}" if labels else ""
    return f"## `{meter.name}`\n\n{meter.kind.capitalize()}. {meter.meaning}\n{table}"


def refusals() -> str:
    """The reference page of all refusals, in the order of the table."""
    sections = [_REFUSALS]
    seen: set[str] = set()
    for row in TABLE.values():
        anchor = "" if row.code in seen else f'<a id="{row.code}"></a>'
        seen.add(row.code)
        owner = CONTACT if row.is_owned else ""
        heading = f"## {anchor}{row.code} ({row.status} {row.oci_code})"
        sections.append(f"{heading}\n\n{row.meaning}\n\n> {row.sentence}{owner} [{row.code}]\n\n")
    return "".join(sections).rstrip() + "\n"


def screens() -> str:
    """The page of all screens, in the order in which they were captured."""
    file = json.loads((_HERE / "screens.json").read_text())
    captured = file["captured"]
    clients = list(dict.fromkeys(client for each in captured for client in each["screens"]))
    programs = ", ".join(f"{name} {version}" for name, version in file["programs"].items())
    lines = [
        _SCREENS.format(programs=programs),
        f"| refusal | {' | '.join(clients)} |\n",
        f"|---{'|---' * len(clients)}|\n",
        *(_summary(each, clients) for each in captured),
        "\n",
        *(_section(each) for each in captured),
        _UNSEEN,
        *(f"| `{code}` | {why} |\n" for code, why in file["unseen"].items()),
    ]
    return "".join(lines)


def _summary(captured: Mapping[str, Any], clients: list[str]) -> str:
    cells = [
        _worth(captured, captured["screens"][client]["shows"]) if client in captured["screens"] else ""
        for client in clients
    ]
    return f"| [{captured['case']}](#{captured['case']}) | {' | '.join(cells)} |\n"


def _worth(captured: Mapping[str, Any], shows: str) -> str:
    what = "nothing"
    if captured["sentence"] in shows:
        what = "sentence"
    elif str(captured["status"]) in shows:
        what = "status"
    return f"{what}, 4 tries" if "(3/3)" in shows else what


def _section(captured: Mapping[str, Any]) -> str:
    blocks = [
        f"{client}:\n\n```text\n{'' if client == 'kubelet' else '$ '}{screen['command']}\n{screen['shows']}\n```\n\n"
        for client, screen in captured["screens"].items()
    ]
    name = captured["case"]
    heading = f'## <a id="{name}"></a>{name} ({captured["status"]} {captured["code"]})\n\n> {captured["sentence"]}\n\n'
    return heading + "".join(blocks)


_PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "refusals.md": refusals,
    "metrics.md": metrics,
    "screens.md": screens,
    "commands.md": commands_page,
    "tagwarden.1": manual,
}


def main(*, check: bool) -> int:
    """Write the pages, or say which are out of date; the exit code."""
    outdated = 0
    for name, make in _PAGES.items():
        page, made = _HERE / name, make()
        if page.exists() and page.read_text() == made:
            continue
        if check:
            print(f"{page} is out of date: run `make docs`", file=sys.stderr)
            outdated = 1
        else:
            page.write_text(made)
    return outdated


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv))
