"""
Whether a log holds enough of a call to send its request again and to compare the answers.

What a target model accepts is another question, asked when a request is adapted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from evalharness.model import Output, Request, Wire

MAX_DEPTH = 200
"""Deeper JSON than any request has; it would only exhaust the stack of whatever walks it next."""

# The exact words of the tools that cut: LiteLLM's spend logs, its size-limited callbacks, Langfuse.
_CUT = re.compile(
    r"\(litellm_truncated skipped \d+ chars"
    r"|\.\.\.truncated by litellm, this logger does not support large content"
    r"|<truncated due to size exceeding limit>"
)
_REDACTED = re.compile(r"[\W_]*redacted(?:[-_ ]by[-_ ]\w+)?[\W_]*", re.IGNORECASE)
MAX_REDACTION = 64
_STUBS = ("[base64_data truncated: ", "[BASE64_REDACTED]", "@@@langfuseMedia:")
_DATA_URL = re.compile(r"data:[^,]{0,255};base64,(.*)", re.DOTALL)
_BASE64 = re.compile(r"[A-Za-z0-9+/_\-\s]+={0,2}\s*")
_CONTENT = ("messages", "system", "input", "instructions")
_TOOL_ROLES = ("tool", "function")
_TOOL_ITEMS = (
    "tool_use",
    "tool_result",
    "function_call",
    "function_call_output",
    "custom_tool_call",
    "custom_tool_call_output",
)


def unreplayable(request: Request | None, output: Output | None = None) -> str | None:
    """
    Why the call cannot be replayed from its log, or None.

    Args:
        request: As the log has it.
        output: The production answer; its tool calls show which requests had tools, its text whether the log kept it.

    Returns:
        "no_request", "too_deep", "truncated", "redacted", "stubbed_media", "no_messages", "missing_tools", or None.
    """
    if request is None:
        return "no_request"
    body = request.body
    reason = _damage(body) or (_answer_damage(output) if output else None)
    if reason:
        return reason
    turns = body.get("input") if request.wire is Wire.OPENAI_RESPONSES else body.get("messages")
    if not _is_conversation(turns, plain_text=request.wire is Wire.OPENAI_RESPONSES):
        return "no_messages"
    has_tools = bool(body.get("tools") or body.get("functions"))
    if not has_tools and (_uses_tools(turns) or (output is not None and output.tool_calls)):
        return "missing_tools"
    return None


def nodes(root: object) -> Iterator[tuple[object, int]]:
    """Every value inside a JSON value, with its depth; without recursion, since the depth is the log's choice."""
    stack: list[tuple[object, int]] = [(root, 0)]
    while stack:
        value, depth = stack.pop()
        yield value, depth
        if isinstance(value, dict):
            stack.extend((inner, depth + 1) for inner in value.values())
        elif isinstance(value, list):
            stack.extend((inner, depth + 1) for inner in value)


def _damage(body: dict[str, Any]) -> str | None:
    """What the log did to a request body."""
    found: set[str] = set()
    for value, depth in nodes(body):
        if depth > MAX_DEPTH:
            return "too_deep"
        if isinstance(value, str):
            if _is_cut(value):
                return "truncated"
            if _is_stub(value):
                found.add("stubbed_media")
        elif isinstance(value, dict):
            if "litellm_truncated" in value:
                return "truncated"
            if value.get("type") == "base64" and not _is_base64(value.get("data")):
                found.add("stubbed_media")
    # Only where content stands: a tool's schema may well name "redacted" as one of its values.
    content = {key: body[key] for key in _CONTENT if key in body}
    if any(isinstance(value, str) and _is_redacted(value) for value, _ in nodes(content)):
        return "redacted"
    return "stubbed_media" if found else None


def _answer_damage(output: Output) -> str | None:
    """What the log did to an answer."""
    words = (output.text, *(call.arguments for call in output.tool_calls))
    if any(_is_cut(word) for word in words):
        return "truncated"
    return "redacted" if any(_is_redacted(word) for word in words) else None


def _is_cut(value: str) -> bool:
    return "truncated" in value and _CUT.search(value) is not None  # the plain search first: logs are gigabytes


def _is_redacted(value: str) -> bool:
    return len(value) <= MAX_REDACTION and _REDACTED.fullmatch(value) is not None


def _is_stub(value: str) -> bool:
    if any(stub in value for stub in _STUBS):
        return True
    inline = _DATA_URL.match(value)
    return inline is not None and not _is_base64(inline[1])


def _is_base64(data: object) -> bool:
    return isinstance(data, str) and _BASE64.fullmatch(data) is not None


def _is_conversation(turns: object, *, plain_text: bool) -> bool:
    if isinstance(turns, str):
        return plain_text and turns != ""
    return isinstance(turns, list) and bool(turns) and all(isinstance(turn, dict) for turn in turns)


def _uses_tools(turns: object) -> bool:
    """Whether the conversation so far holds a tool call or a tool's result."""
    for turn in turns if isinstance(turns, list) else []:
        if turn.get("role") in _TOOL_ROLES or turn.get("tool_calls") or turn.get("function_call"):
            return True
        content = turn.get("content")
        parts = [turn, *content] if isinstance(content, list) else [turn]
        if any(isinstance(part, dict) and part.get("type") in _TOOL_ITEMS for part in parts):
            return True
    return False
