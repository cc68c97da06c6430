"""The demo keeps its promises: what it shows is what the real clients get."""

import subprocess
from pathlib import Path

from deploy.demo import report
from deploy.demo.performance import performance
from deploy.demo.pulling import do
from deploy.demo.screen import Screen


def test_demo_ends_as_it_says(tmp_path: Path) -> None:
    """Every request of the demo, served or refused, ends as its table says."""
    with performance(tmp_path, Screen()) as (stage, proxy, story):
        seen = [do(stage, proxy, step) for step in story]
        assert "All" in report.verdict(seen).plain, [each for each in seen if not each.as_expected]
        assert {each.step.client for each in seen} == {"skopeo", "docker"}
        assert {each.decision for each in seen} == {"allowed", "refused", "would-refuse"}
        tried = [
            subprocess.run(["sh", "-c", each], capture_output=True, timeout=60, check=False).returncode == 0
            for each in report.commands(stage)
        ]
        assert tried == [True, False, False, True, True]
        assert str(stage.notary.ca_file) in report.addresses(stage)
