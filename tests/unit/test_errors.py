"""Refusals are values: they can be copied, told apart, and sent to another process with all their facts."""

import pickle
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import UTC, datetime

import pytest

from proxy import errors
from proxy.errors import Refusal

_FACTS = {"str": "a fact", "int": 7, "bool": True, "datetime": datetime(2026, 11, 22, tzinfo=UTC), "tuple": ("a", "b")}


def refusals(kind: type[Refusal] = Refusal) -> Iterator[type[Refusal]]:
    """Every kind of refusal that there is."""
    for each in kind.__subclasses__():
        if each.__module__ == errors.__name__:
            yield each
            yield from refusals(each)


def made(kind: type[Refusal]) -> Refusal:
    """One of its kind, with a fact of the right type for each field."""
    facts = {}
    for each in fields(kind):
        hint = str(each.type if isinstance(each.type, str) else getattr(each.type, "__name__", each.type))
        facts[each.name] = next(fact for name, fact in _FACTS.items() if hint.startswith(name))
    return kind(**facts)


@pytest.mark.parametrize("kind", [pytest.param(kind, id=kind.__name__) for kind in dict.fromkeys(refusals())])
def test_refusal_crosses_to_another_process(kind: type[Refusal]) -> None:
    """It arrives as the same kind with the same facts, however it was made, and says the same."""
    for refusal in (made(kind), replace(made(kind))):
        arrived = pickle.loads(pickle.dumps(refusal))  # noqa: S301  (made in this line)
        assert type(arrived) is kind
        assert [getattr(arrived, each.name) for each in fields(kind)] == [
            getattr(refusal, each.name) for each in fields(kind)
        ]
        assert str(arrived) == str(refusal)


def test_there_are_refusals() -> None:
    """The cases above are not none."""
    assert len(set(refusals())) > 30
