"""This version and the next one share a store: on PostgreSQL as on SQLite."""

from tests.stack.store.shared import shared_tests
from tests.unit.store import test_versions

globals().update(shared_tests(test_versions))
