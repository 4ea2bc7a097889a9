"""The text of a request, whatever its protocol."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from evalharness.model import Request, Wire


class Turn(NamedTuple):
    """One message of a conversation, as text."""

    role: str
    """"system", "user", "assistant" or "tool"."""
    text: str


def turns(request: Request) -> list[Turn]:
    """
    The conversation of a request, system prompt first; what is no text (images, tool calls) is left out.

    Malformed parts give no turn: a log may hold anything.
    """
    body = request.body
    if request.wire is Wire.ANTHROPIC_MESSAGES:
        system = [Turn("system", text)] if (text := _text(body.get("system"))) else []
        return system + _turns_of(body.get("messages"))
    if request.wire is Wire.OPENAI_CHAT:
        return _turns_of(body.get("messages"))
    instructions = body.get("instructions")
    system = [Turn("system", instructions)] if isinstance(instructions, str) and instructions else []
    given = body.get("input")
    return system + (_turns_of([{"role": "user", "content": given}] if isinstance(given, str) else given))


def last_user_text(request: Request) -> str:
    """What the user said last, "" if nothing."""
    return next((turn.text for turn in reversed(turns(request)) if turn.role == "user"), "")


def _turns_of(messages: Any) -> list[Turn]:  # noqa: ANN401 - raw JSON
    if not isinstance(messages, list):
        return []
    found = [
        Turn("system" if message["role"] == "developer" else message["role"], _text(message.get("content")))
        for message in messages
        if isinstance(message, dict) and isinstance(message.get("role"), str)
    ]
    return [turn for turn in found if turn.text]


def _text(content: Any) -> str:  # noqa: ANN401 - raw JSON
    if isinstance(content, str):
        return content
    return "\n".join(_texts(content))


def _texts(content: Any) -> Iterator[str]:  # noqa: ANN401 - raw JSON
    for block in content if isinstance(content, list) else []:
        if isinstance(block, dict):
            if isinstance(block.get("text"), str):
                yield block["text"]
            elif block.get("type") == "tool_result":
                yield _text(block.get("content"))
