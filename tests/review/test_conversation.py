from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.model import Request, Wire
from evalharness.review.conversation import Conversation, Tool, Turn, conversation

SCHEMA = {"type": "object"}
QUESTION, ANSWER = "What is it?", "a cat"
BODIES: dict[Wire, dict[str, Any]] = {
    Wire.ANTHROPIC_MESSAGES: {
        "system": [{"type": "text", "text": "Be brief."}],
        "messages": [
            {"role": "user", "content": [{"type": "image", "source": {"data": "AAAA"}}, {"type": "text", "text": QUESTION}]},
            {
                "role": "assistant",
                "content": [{"type": "thinking", "thinking": "hm"}, {"type": "tool_use", "name": "see", "input": {"x": 1}}],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "content": [{"type": "text", "text": ANSWER}]},
                    {"type": "text", "text": "Well?"},
                ],
            },
        ],
        "tools": [{"name": "see", "description": "Looks", "input_schema": SCHEMA}],
        "output_config": {"format": {"type": "json_schema"}},
    },
    Wire.OPENAI_CHAT: {
        "messages": [
            {"role": "developer", "content": "Be brief."},
            {
                "role": "user",
                "content": [{"type": "image_url", "image_url": {"url": "http://evil.test"}}, {"type": "text", "text": QUESTION}],
            },
            {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "see", "arguments": '{"x": 1}'}}]},
            {"role": "tool", "content": ANSWER},
            {"role": "user", "content": "Well?"},
        ],
        "tools": [{"type": "function", "function": {"name": "see", "description": "Looks", "parameters": SCHEMA}}],
        "response_format": {"type": "json_schema"},
    },
    Wire.OPENAI_RESPONSES: {
        "instructions": "Be brief.",
        "input": [
            {
                "role": "user",
                "content": [{"type": "input_image", "image_url": "http://evil.test"}, {"type": "input_text", "text": QUESTION}],
            },
            {"type": "reasoning", "summary": []},
            {"type": "function_call", "name": "see", "arguments": '{"x": 1}'},
            {"type": "function_call_output", "output": ANSWER},
            {"type": "message", "role": "user", "content": "Well?"},
        ],
        "tools": [{"type": "function", "name": "see", "description": "Looks", "parameters": SCHEMA}],
        "text": {"format": {"type": "json_schema"}},
    },
}


@pytest.mark.parametrize("wire", list(Wire))
def test_the_same_conversation_reads_the_same_on_every_protocol(wire: Wire) -> None:
    """System prompt, image, tool call, its result and the question, whichever way they were sent; thoughts are left out."""
    assert conversation(Request(wire=wire, body=BODIES[wire])) == Conversation(
        system="Be brief.",
        turns=(
            Turn("user", "[image, not shown]\n\nWhat is it?"),
            Turn("assistant", '[calls see] {"x": 1}'),
            Turn("tool", "a cat"),
            Turn("user", "Well?"),
        ),
        tools=(Tool("see", "Looks", '{"type": "object"}'),),
        answer_format='{"type": "json_schema"}',
    )


def test_plain_texts_are_turns() -> None:
    """The short forms of each protocol."""
    short = {"system": "S", "instructions": "S", "input": "Q", "messages": [{"role": "user", "content": "Q"}]}
    assert conversation(Request(wire=Wire.ANTHROPIC_MESSAGES, body=short)).turns == (Turn("user", "Q"),)
    assert conversation(Request(wire=Wire.OPENAI_RESPONSES, body=short)) == Conversation("S", (Turn("user", "Q"),), (), "")
    assert conversation(Request(wire=Wire.OPENAI_CHAT, body={"response_format": {"type": "text"}})) == Conversation("", (), (), "")


KEYS = ["role", "type", "content", "text", "name", "function", "tool_calls", "output"]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=25,
)  # fmt: skip


@given(
    st.dictionaries(st.sampled_from(["messages", "input", "system", "instructions", "tools", "text", "response_format"]), json_values),
    st.sampled_from(Wire),
)
def test_any_body_gives_a_conversation(body: dict[str, Any], wire: Wire) -> None:
    """A log may hold anything; reading it never raises."""
    found = conversation(Request(wire=wire, body=body))
    assert all(turn.text for turn in found.turns)
