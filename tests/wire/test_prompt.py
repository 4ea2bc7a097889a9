"""The text of a request, whatever its protocol and however broken."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.model import Request, Wire
from evalharness.wire.prompt import last_user_text, turns

JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda x: st.lists(x, max_size=3) | st.dictionaries(
    st.sampled_from(["role", "content", "text", "type", "system", "messages", "input", "instructions"]), x, max_size=4))  # fmt: skip

ANTHROPIC = {
    "system": [{"type": "text", "text": "Be brief."}, {"type": "text", "text": "Be kind."}],
    "messages": [
        {"role": "user", "content": "One"},
        {"role": "assistant", "content": [{"type": "text", "text": "Two"}, {"type": "tool_use", "id": "t", "name": "f", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "Three"}]}]},
        {"role": "user", "content": [{"type": "image", "source": {}}, {"type": "text", "text": "Four"}]},
    ],
}
CHAT = {
    "messages": [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "One"}, {"type": "image_url", "image_url": {"url": "x"}}]},
        {"role": "assistant", "content": None, "tool_calls": []},
        {"role": "tool", "content": "Two"},
    ]
}
RESPONSES = {
    "instructions": "Be brief.",
    "input": [{"role": "user", "content": [{"type": "input_text", "text": "One"}]}, {"type": "function_call", "name": "f"}],
}


@pytest.mark.parametrize(
    ("wire", "body", "expected"),
    [
        (
            Wire.ANTHROPIC_MESSAGES,
            ANTHROPIC,
            [("system", "Be brief.\nBe kind."), ("user", "One"), ("assistant", "Two"), ("user", "Three"), ("user", "Four")],
        ),
        (Wire.OPENAI_CHAT, CHAT, [("system", "Be brief."), ("user", "One"), ("tool", "Two")]),
        (Wire.OPENAI_RESPONSES, RESPONSES, [("system", "Be brief."), ("user", "One")]),
        (Wire.OPENAI_RESPONSES, {"input": "One"}, [("user", "One")]),
        (Wire.ANTHROPIC_MESSAGES, {}, []),
    ],
)
def test_turns(wire: Wire, body: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    """A conversation is its texts in order, the system prompt first, what is no text left out."""
    assert turns(Request(wire=wire, body=body)) == expected


def test_last_user_text() -> None:
    """The last thing the user said, also below later turns of others; nothing if there is none."""
    assert last_user_text(Request(wire=Wire.OPENAI_CHAT, body=CHAT)) == "One"
    assert last_user_text(Request(wire=Wire.ANTHROPIC_MESSAGES, body=ANTHROPIC)) == "Four"
    assert last_user_text(Request(wire=Wire.OPENAI_CHAT, body={"messages": []})) == ""


@given(st.sampled_from(Wire), JSON.filter(lambda v: isinstance(v, dict)))
def test_never_raises(wire: Wire, body: dict[str, Any]) -> None:
    """Whatever a log holds in place of a body, its text is a list of named, non-empty turns."""
    assert all(isinstance(t.role, str) and t.text for t in turns(Request(wire=wire, body=body)))
