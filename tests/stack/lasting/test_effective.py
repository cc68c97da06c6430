"""A signature and a revocation count by the changefeed alone, for one repository as for many, by one poll a second.

How soon is for `make effective` to say, with a thousand repositories, on a machine that does nothing else.
"""

from pathlib import Path

import pytest

from loadtest.effective import watched
from tests.stack.lasting.load import report

TIMES = 5


@pytest.mark.parametrize("count", [pytest.param(1, id="one-repository"), pytest.param(100, id="many-repositories")])
def test_what_people_sign_counts(tmp_path: Path, count: int) -> None:
    """Nobody is asked but the changefeed, and then for the files of the repository that it names."""
    with watched(tmp_path, count) as made:
        effects = made.measure(TIMES)
        report(f"{count} watched: {effects}")
        assert len(effects.signatures) == len(effects.revocations) == TIMES
        assert 0 < effects.polls <= effects.seconds + 2
        changed = {path.partition("/_trust/")[0] for path in effects.others}
        assert changed <= {sim.gun for sim in made.sims.values()}
        assert len(changed) == min(TIMES, count)
        assert len(effects.others) <= 2 * TIMES * 4
