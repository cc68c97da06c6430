"""The tests of the store that hold on any database."""

import inspect
from types import ModuleType
from typing import Final

_FIXTURES: Final = ("each", "later", "two")


def shared_tests(module: ModuleType) -> dict[str, object]:
    """The tests of a module, and its fixtures, but for those that look into SQLite's file at `path`."""
    return {name: each for name, each in vars(module).items() if name in _FIXTURES or _is_shared(name, each)}


def _is_shared(name: str, each: object) -> bool:
    return name.startswith("test_") and inspect.isfunction(each) and "path" not in inspect.signature(each).parameters
