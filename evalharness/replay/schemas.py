"""Whether a JSON schema of one vendor's structured output means the same to another vendor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from evalharness.replay.draft import Refused
from evalharness.replay.reasons import RefusalReason

_ANNOTATIONS = frozenset({"title", "description", "default", "examples", "$schema", "$id", "$comment", "deprecated"})
_SHAPE = frozenset({
    "type", "properties", "required", "additionalProperties", "items", "enum", "const", "anyOf", "$ref", "$defs",
    "definitions", "format",
})  # fmt: skip
_KEYWORDS = {
    # Neither vendor's grammar takes the other keywords of JSON Schema: Anthropic's takes no bounds, OpenAI's no allOf.
    "anthropic": _ANNOTATIONS | _SHAPE | {"allOf"},
    "openai": _ANNOTATIONS | _SHAPE | {
        "pattern", "multipleOf", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minItems", "maxItems",
    },
}  # fmt: skip


def portable(schema: dict[str, Any], *, to: Literal["anthropic", "openai"], path: str) -> None:
    """
    Refuse a schema that the vendor's strict structured output rejects or reads otherwise.

    Both want every object closed by `additionalProperties: false`; OpenAI also wants every property required. References within the
    schema are taken as they are; a circle of them, which Anthropic rejects, is left for it to reject.
    """
    stack: list[Any] = [schema]
    while stack:
        node = stack.pop()
        if not isinstance(node, dict) or not node.keys() <= _KEYWORDS[to] or not _closed(node, to) or not _local(node):
            raise Refused(RefusalReason.SCHEMA, path)
        stack.extend(_children(node))


def _closed(node: dict[str, Any], to: str) -> bool:
    """Whether an object says all of its properties; true for what is no object."""
    if node.get("type") != "object" and "properties" not in node:
        return True
    properties, required = node.get("properties", {}), node.get("required", [])
    if node.get("additionalProperties") is not False or not isinstance(properties, dict):
        return False
    return to != "openai" or (isinstance(required, list) and all(name in required for name in properties))


def _local(node: dict[str, Any]) -> bool:
    """Whether a reference stays within the schema and does not name the whole of it."""
    reference = node.get("$ref", "#/")
    return isinstance(reference, str) and reference.startswith("#/")


def _children(node: dict[str, Any]) -> Iterator[Any]:
    """The schemas inside one; whatever stands where a schema should is given out too, to be refused."""
    for key in ("properties", "$defs", "definitions"):
        inner = node.get(key, {})
        yield from inner.values() if isinstance(inner, dict) else [inner]
    for key in ("anyOf", "allOf"):
        inner = node.get(key, [])
        yield from inner if isinstance(inner, list) else [inner]
    if "items" in node:
        yield node["items"]
