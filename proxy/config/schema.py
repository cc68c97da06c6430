"""The JSON Schema of the file, and what it says about a key."""

from functools import cache
from typing import Any, Final, TypeAlias

from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

from proxy.config.document import KeyPath
from proxy.config.shape import FileShape

Node: TypeAlias = dict[str, Any]

_DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"


class _Plain(GenerateJsonSchema):
    """No titles, no `null` (a key without a value is an error), defaults in the descriptions only."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> Node:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> Node:
        return self.generate_inner(schema["schema"])

    def model_schema(self, schema: core_schema.ModelSchema) -> Node:
        return {key: value for key, value in super().model_schema(schema).items() if key != "title"}

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ANN401, ARG002  (pydantic's signature)
        return False


@cache
def schema() -> Node:
    """The JSON Schema (2020-12) of a configuration file, for editors and `tagwarden config schema`."""
    generated = FileShape.model_json_schema(schema_generator=_Plain)
    return {"$schema": _DRAFT, **generated, "title": "Tagwarden configuration"}


def keys_at(path: KeyPath) -> dict[str, Node]:
    """The fixed keys that a mapping at this path may have, with their schemas; empty where people choose keys."""
    return {key: value for node in _nodes(path) for key, value in node.get("properties", {}).items()}


def required_at(path: KeyPath) -> tuple[str, ...]:
    """The fixed keys that a mapping at this path must have."""
    return tuple(key for node in _nodes(path) for key in node.get("required", ()))


def _nodes(path: KeyPath) -> list[Node]:
    """What a value at this path may be."""
    nodes = [schema()]
    for part in path:
        nodes = [child for node in nodes for child in _children(node, part)]
    return nodes


def _children(node: Node, part: str | int) -> list[Node]:
    """What a value at one key or position may be: the branches of a union, with references followed."""
    if isinstance(part, int):
        child = node.get("items")
    else:
        child = node.get("properties", {}).get(part, node.get("additionalProperties"))
    return _branches(child) if isinstance(child, dict) else []


def _branches(node: Node) -> list[Node]:
    reference = node.get("$ref", "").rpartition("/")[2]
    if reference:
        return _branches(schema()["$defs"][reference])
    if "oneOf" in node and "properties" not in node:
        return [branch for each in node["oneOf"] for branch in _branches(each)]
    return [node]
