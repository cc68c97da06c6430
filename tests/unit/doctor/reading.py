"""Every line that the doctor says in any test stands in one file, where somebody has read it.

`TAGWARDEN_RECORD=1` adds what is new; then read it as somebody who sees it for the first time.
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from proxy.doctor.findings import Finding

RECORDED: Final = Path(__file__).parents[2] / "sentences" / "recorded" / "doctor.txt"
_RECORD: Final = "TAGWARDEN_RECORD"

# What differs from run to run, and what stands for it.
_VARYING: Final = (
    (re.compile(r"/[\w./-]*/pytest-[\w./-]*/"), "DIR/"),
    (re.compile(r"DIR/test_\w+"), "DIR"),
    (re.compile(r"\.yaml:\d+"), ".yaml:LINE"),
    (re.compile(r"(?<=[\w\]]):\d{4,5}\b"), ":PORT"),
    (re.compile(r"\b[0-9a-f]{12,64}\b"), "KEY"),
    (re.compile(r"\b\d{4}-\d\d-\d\d( \d\d:\d\d)?"), "DATE"),
    (re.compile(r"\b[0-9.e-]+ (s|seconds?|minutes|hours|days|GiB|MiB|KiB)\b"), r"N \1"),
    (re.compile(r"\b\d+ collections? read"), "N collections read"),
    (re.compile(r"process \d+ \([^)]*\)"), "process PID (NAME)"),
    (re.compile(r"and not on [^:]*127.0.0.\d, 127.0.0.\d|and not on [\w.:, ]*[\w.]"), "and not on ADDRESSES"),
    (re.compile(r"(TLS failed|certificate verify failed), [^:]*"), r"\1, REASON"),
    (re.compile(r"authority [0-9a-f]{8}\b"), "authority ID"),
    (re.compile(r"localhost is [\w.:, ]*[\w.]"), "localhost is ADDRESSES"),
)


def line_of(finding: Finding) -> str:
    """A finding as a person reads it, without what differs from run to run."""
    text = f"{finding.level}: {finding.hop}: {finding.sentence}"
    if finding.remedy:
        text += f": {finding.remedy}"
    for varying, stands_for in _VARYING:
        text = varying.sub(stands_for, text)
    return f"[{finding.name}] {text}"


def read(findings: Iterable[Finding]) -> None:
    """See that every line is in the file, or write it there."""
    said = {line_of(finding) for finding in findings}
    known = set(RECORDED.read_text(encoding="utf-8").splitlines()) if RECORDED.exists() else set()
    if os.environ.get(_RECORD) and said - known:
        RECORDED.write_text("".join(f"{line}\n" for line in sorted(known | said)), encoding="utf-8")
        return
    assert not said - known, f"{_RECORD}=1 records: {sorted(said - known)}"
