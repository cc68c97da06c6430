"""Fixtures of the configuration's tests."""

from pathlib import Path

import pytest

from tests.unit.config.site import Site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """An empty directory for a configuration."""
    return Site(tmp_path)
