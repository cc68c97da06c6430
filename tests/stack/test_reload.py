"""No request is lost while rules and certificates change every second; `make reload` does it for two minutes.

`SECONDS` in the environment says for how long.
"""

import os
from pathlib import Path

import pytest

from loadtest.reload import measure, stage

SECONDS = float(os.environ.get("SECONDS", "8"))
KINDS = {"tags", "digests", "blobs", "pushes"}


@pytest.mark.parametrize("workers", [pytest.param(1, id="alone"), pytest.param(2, id="two-workers")])
def test_no_request_is_lost(tmp_path: Path, workers: int) -> None:
    """Neither on connections that stay nor on new ones, and everybody who connects is shown the certificate of then."""
    with stage(tmp_path, workers) as running:
        measured = measure(running, SECONDS)
        unexpected = running.proxy.events("unexpected error")
    assert measured.traffic.lost == []
    assert unexpected == []
    assert set(measured.traffic.answered) == KINDS
    assert all(count > measured.reloads for count in measured.traffic.answered.values())
    assert measured.reloads >= SECONDS / 4
    assert measured.shown == 2
