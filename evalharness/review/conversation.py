"""
What a model was asked, as turns that a person can read, from a request of any of the three protocols.

A captured body may hold anything, so every shape is looked at before it is read, and what is not known is named, never dropped.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from evalharness.model import Request, Wire

Role = Literal["system", "user", "assistant", "tool"]
_ROLES: dict[str, Role] = {"developer": "system", "system": "system", "assistant": "assistant", "tool": "tool", "function": "tool"}
_TEXT = {"text", "input_text", "output_text", "refusal", "summary_text"}
_MEDIA = {
    "image": "image", "image_url": "image", "input_image": "image", "document": "document", "file": "file",
    "input_file": "file", "input_audio": "audio", "audio": "audio",
}  # fmt: skip
_HIDDEN = {"thinking", "redacted_thinking", "reasoning"}
"""A model's notes to itself: they are sent back, but nobody asked them."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side said at one time."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that the model may call."""

    name: str
    description: str
    parameters: str
    """JSON schema as JSON text."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """A request, readable."""

    system: str
    turns: tuple[Turn, ...]
    tools: tuple[Tool, ...]
    answer_format: str
    """JSON of the format that the answer must have; "" if it is free."""


def conversation(request: Request) -> Conversation:
    """The readable form of a request."""
    body = request.body
    if request.wire is Wire.ANTHROPIC_MESSAGES:
        raw = [{"role": "system", "content": body.get("system")}, *_dicts(body.get("messages"))]
        wanted = _at(body, "output_config", "format") or body.get("output_format")
    elif request.wire is Wire.OPENAI_CHAT:
        raw, wanted = _dicts(body.get("messages")), body.get("response_format")
    else:
        asked = body.get("input")
        items = [{"role": "user", "content": asked}] if isinstance(asked, str) else _dicts(asked)
        raw, wanted = [{"role": "system", "content": body.get("instructions")}, *items], _at(body, "text", "format")
    turns = [turn for message in raw for turn in _turns(message) if turn.text]
    return Conversation(
        system="\n\n".join(turn.text for turn in turns if turn.role == "system"),
        turns=tuple(turn for turn in turns if turn.role != "system"),
        tools=tuple(_tool(raw) for raw in _dicts(body.get("tools"))),
        answer_format=_json(wanted) if isinstance(wanted, dict) and wanted.get("type") != "text" else "",
    )


def _turns(message: dict[str, Any]) -> Iterator[Turn]:
    """The turns of one message or item; blocks of one role are joined, results of tools come first."""
    if isinstance(message.get("type"), str) and "role" not in message:
        yield from _item(message)
        return
    role = _ROLES.get(str(message.get("role")), "user")
    content = message.get("content")
    said, results = [], []
    for block in content if isinstance(content, list) else [content]:
        if isinstance(block, dict) and block.get("type") == "tool_result":
            results.append(_said(block.get("content")))
        else:
            said.append(_block(block))
    for call in _dicts(message.get("tool_calls")):
        function = call.get("function", call.get("custom"))
        named = function if isinstance(function, dict) else {}
        said.append(_called(named.get("name"), named.get("arguments", named.get("input"))))
    yield Turn("tool", "\n\n".join(filter(None, results)))
    yield Turn(role, "\n\n".join(filter(None, said)))


def _item(item: dict[str, Any]) -> Iterator[Turn]:
    """The turn of an item of the Responses protocol that is no message."""
    kind = item["type"]
    if kind in {"function_call", "custom_tool_call"}:
        yield Turn("assistant", _called(item.get("name"), item.get("arguments", item.get("input"))))
    elif kind.endswith("_output"):
        yield Turn("tool", _said(item.get("output")))
    elif kind not in _HIDDEN:
        yield Turn("assistant", f"[{kind}]")


def _said(content: Any) -> str:  # noqa: ANN401 - raw JSON
    return "\n\n".join(filter(None, map(_block, content if isinstance(content, list) else [content])))


def _block(block: Any) -> str:  # noqa: ANN401 - raw JSON
    if block is None or isinstance(block, str):
        return block or ""
    if not isinstance(block, dict):
        return _json(block)
    kind = block["type"] if isinstance(block.get("type"), str) else None
    if kind in _TEXT or (kind is None and "text" in block):
        return str(block.get("text", block.get("refusal", "")))
    if kind == "tool_use":
        return _called(block.get("name"), block.get("input"))
    if kind in _MEDIA:
        return f"[{_MEDIA[kind]}, not shown]"
    if kind in _HIDDEN:
        return ""
    return f"[{kind}]" if kind else _json(block)


def _called(name: Any, arguments: Any) -> str:  # noqa: ANN401 - raw JSON
    return f"[calls {name}] {arguments if isinstance(arguments, str) else _json(arguments)}"


def _tool(raw: dict[str, Any]) -> Tool:
    inner = raw.get("function") if isinstance(raw.get("function"), dict) else raw
    named: dict[str, Any] = inner if isinstance(inner, dict) else {}
    schema = named.get("input_schema", named.get("parameters"))
    return Tool(
        name=str(named.get("name", raw.get("type", "?"))),
        description=str(named.get("description") or ""),
        parameters=_json(schema) if isinstance(schema, dict) else "",
    )


def _at(body: dict[str, Any], first: str, second: str) -> Any:  # noqa: ANN401 - raw JSON
    outer = body.get(first)
    return outer.get(second) if isinstance(outer, dict) else None


def _dicts(value: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - raw JSON
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _json(value: Any) -> str:  # noqa: ANN401 - raw JSON
    return json.dumps(value, ensure_ascii=False)
