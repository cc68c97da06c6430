"""Writes the pages that are made from code: `python -m docs.generate`; `--check` only compares."""

import sys
from pathlib import Path
from typing import Final

from proxy.refusals import TABLE

_HERE: Final = Path(__file__).parent
_HEAD: Final = """# Refusals

Made from the table in `proxy/refusals.py` by `make docs`.

Every refusal is one `errors[]` entry of the registry API. Its `message` is the sentence below, at most 200 characters,
ending in `[code]`; the same sentence follows the status in the status line, because older containerd shows nothing
else. The header `X-Tagwarden-Refusal` has the code, `X-Tagwarden-Decision` is `refused` (under `audit`:
`would-refuse`), and the `detail` of the entry has the facts: reference, GUN, rule, digest, signers, missing, roles with
versions and expiries.

"""


def refusals() -> str:
    """The reference page of all refusals, in the order of the table."""
    sections = [_HEAD]
    seen: set[str] = set()
    for row in TABLE.values():
        anchor = "" if row.code in seen else f'<a id="{row.code}"></a>'
        seen.add(row.code)
        sections.append(
            f"## {anchor}{row.code} ({row.status} {row.oci_code})\n\n{row.meaning}\n\n> {row.sentence} [{row.code}]\n\n"
        )
    return "".join(sections).rstrip() + "\n"


def main(*, check: bool) -> int:
    """Write the pages, or say which are out of date; the exit code."""
    page = _HERE / "refusals.md"
    made = refusals()
    if check:
        if page.read_text() == made:
            return 0
        print(f"{page} is out of date: run `make docs`", file=sys.stderr)
        return 1
    page.write_text(made)
    return 0


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv))
