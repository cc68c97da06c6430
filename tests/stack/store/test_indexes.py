"""Indexes that are kept: on PostgreSQL as on SQLite."""

from tests.stack.store.shared import shared_tests
from tests.unit.store import test_indexes

globals().update(shared_tests(test_indexes))
