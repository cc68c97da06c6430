"""Processes that die or collide: on PostgreSQL as on SQLite."""

from tests.stack.store.shared import shared_tests
from tests.unit.store import test_processes

globals().update(shared_tests(test_processes))
