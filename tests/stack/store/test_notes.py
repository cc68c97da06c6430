"""The past, and the tags that a collection ever had: on PostgreSQL as on SQLite."""

from tests.stack.store.shared import shared_tests
from tests.unit.store import test_notes

globals().update(shared_tests(test_notes))
