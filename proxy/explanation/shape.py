"""A story as data for JSON (docs/explain.md): every key always there, null where nothing is known."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any

from proxy.explanation.commands import typed
from proxy.explanation.story import Step, Story


def as_json(story: Story) -> Mapping[str, Any]:
    """One object; instants are RFC 3339, key ids whole."""
    told = _plain(story)
    return dict(told)


def _plain(value: object) -> Any:  # noqa: ANN401 - JSON is any of its kinds
    if isinstance(value, Step):
        command = typed(value.words) or None
        return {"command": command, "words": list(value.words), "purpose": value.purpose, "enough": value.enough}
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, str) else value
