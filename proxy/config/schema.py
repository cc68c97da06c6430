"""The JSON Schema of the file, and what it says about a key."""

from functools import cache
from typing import Any, Final, TypeAlias

from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

from proxy.config.document import KeyPath
from proxy.config.fields import Shape
from proxy.config.shape import FileShape, IncludedShape

Node: TypeAlias = dict[str, Any]

_DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
_TITLES: Final[dict[type[Shape], str]] = {
    FileShape: "Tagwarden configuration",
    IncludedShape: "Tagwarden included file",
}


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
def schema(kind: type[Shape] = FileShape) -> Node:
    """The JSON Schema (2020-12) of a main or included file, for editors and `tagwarden config schema`."""
    generated = kind.model_json_schema(schema_generator=_Plain)
    return {"$schema": _DRAFT, **generated, "title": _TITLES[kind]}


def keys_at(path: KeyPath, kind: type[Shape] = FileShape) -> dict[str, Node]:
    """The fixed keys that a mapping at this path may have, with their schemas; empty where people choose keys."""
    return {key: value for node in _nodes(path, kind) for key, value in node.get("properties", {}).items()}


def required_at(path: KeyPath, kind: type[Shape] = FileShape) -> tuple[str, ...]:
    """The fixed keys that a mapping at this path must have."""
    return tuple(key for node in _nodes(path, kind) for key in node.get("required", ()))


def _nodes(path: KeyPath, kind: type[Shape]) -> list[Node]:
    """What a value at this path may be."""
    whole = schema(kind)
    nodes = [whole]
    for part in path:
        nodes = [child for node in nodes for child in _children(node, part, whole["$defs"])]
    return nodes


def _children(node: Node, part: str | int, named: Node) -> list[Node]:
    """What a value at one key or position may be: the branches of a union, with references followed."""
    if isinstance(part, int):
        child = node.get("items")
    else:
        child = node.get("properties", {}).get(part, node.get("additionalProperties"))
    return _branches(child, named) if isinstance(child, dict) else []


def _branches(node: Node, named: Node) -> list[Node]:
    reference = node.get("$ref", "").rpartition("/")[2]
    if reference:
        return _branches(named[reference], named)
    if "oneOf" in node and "properties" not in node:
        return [branch for each in node["oneOf"] for branch in _branches(each, named)]
    return [node]
