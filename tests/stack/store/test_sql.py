"""What the store remembers, and how writers take turns: on PostgreSQL as on SQLite."""

from tests.stack.store.shared import shared_tests
from tests.unit.store import test_sql

globals().update(shared_tests(test_sql))
