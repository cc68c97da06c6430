"""A tag that was served and is refused now: seen once, by whichever of several processes, and after a restart."""

import json
import os
import signal
from pathlib import Path
from typing import Any

from deploy.stack import notary_client
from deploy.stack.images import Image
from deploy.stack.notary import Notary
from deploy.stack.people import Person
from deploy.stack.registry import Registry
from tests.stack.configuration import configuration
from tests.stack.telemetry.seen import Watched, watched

RELEASED = {"signed_by": "released", "fresh_for": "500ms"}


def test_a_tag_that_loses_its_signature_is_told_of_once(
    registry: Registry,
    notary: Notary,
    owner: Person,
    anchor: str,
    repository: str,
    signed: Image,
    tmp_path: Path,
) -> None:
    """It was served, its signer takes it back, and however many clients two workers refuse: one step, and one line.

    Signed again and taken back again it is another regression, also where the proxy was started anew in between.
    """
    gun = f"{registry.host}/{repository}"
    settings: dict[str, Any] = configuration(registry, notary, [anchor], {}) | {"repositories": {"shop/**": RELEASED}}
    settings["workers"] = 2
    with watched(tmp_path, settings) as seen:
        assert seen.reaches(0, "regressions_total", rule="shop/**")
        assert seen.pull(f"{repository}:2.0") == 403
        assert seen.pull(f"{repository}:1.0") == 200
        take_back(seen, owner, gun, f"{repository}:1.0")
        assert seen.reaches(1, "regressions_total", rule="shop/**")
        [told] = seen.audited("regression")
        assert (told["event"], told["level"]) == ("regression: what was admitted before is refused", "warning")
        assert (told["name"], told["reference"]) == (registry.host, f"{repository}:1.0")
        assert (told["digest"], told["rule"], told["refusal"]) == (signed.digest, "shop/**", "tag_not_signed")
        assert told["request_id"] in {line["request_id"] for line in seen.audited("refusal")}

        notary_client.add_target(owner, gun, "1.0", signed.digest, signed.length)
        assert seen.pulls(f"{repository}:1.0", 200)
        everywhere(seen, f"{repository}:1.0", 200)
    with watched(tmp_path, settings) as seen:
        take_back(seen, owner, gun, f"{repository}:1.0")
        assert seen.reaches(1, "regressions_total", rule="shop/**")
        assert len(seen.audited("regression")) == 2


def test_a_stricter_rule_is_told_by_its_own_name(
    registry: Registry, notary: Notary, anchor: str, repository: str, signed: Image, tmp_path: Path
) -> None:
    """Who changes the configuration sees at once what it refuses that was served before."""
    settings: dict[str, Any] = configuration(registry, notary, [anchor], {}) | {"repositories": {"shop/**": RELEASED}}
    blocked = [{"digest": signed.digest, "reason": "CVE-2026-1"}]
    with watched(tmp_path, settings) as seen:
        assert seen.pull(f"{repository}:1.0") == 200
        file = seen.proxy.configuration
        file.write_text(json.dumps(json.loads(file.read_text()) | {"blocked": blocked}))
        os.kill(seen.proxy.daemon.pid, signal.SIGHUP)
        assert seen.pulls(f"{repository}:1.0", 403)
        assert seen.reaches(1, "regressions_total", rule="shop/**")
        [told] = seen.audited("regression")
        assert (told["refusal"], told["mode"]) == ("blocked", "enforce")


def take_back(seen: Watched, owner: Person, gun: str, name: str) -> None:
    """Take a signature back, and have everybody refused."""
    notary_client.remove_target(owner, gun, name.rpartition(":")[2])
    assert seen.pulls(name, 403)
    everywhere(seen, name, 403)


def everywhere(seen: Watched, name: str, status: int) -> None:
    """Ask until it was answered so a dozen times in a row, by every worker."""
    in_a_row = 0
    while in_a_row < 12:
        in_a_row = in_a_row + 1 if seen.pull(name, headers={"Connection": "close"}) == status else 0
