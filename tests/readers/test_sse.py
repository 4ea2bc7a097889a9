"""Streamed answers, whole and broken."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.model import Stop, ToolCall, Usage, Wire
from evalharness.readers.answer import answer_of
from evalharness.wire.unreadable import Unreadable

ANTHROPIC, CHAT, RESPONSES = Wire.ANTHROPIC_MESSAGES, Wire.OPENAI_CHAT, Wire.OPENAI_RESPONSES


def sse(events: list[dict[str, Any]], *, end: str = "", newline: str = "\n") -> str:
    """The text of a stream; characters stay raw, as vendors send them."""
    return "".join(f"data: {json.dumps(event, ensure_ascii=False)}{newline}{newline}" for event in events) + end


def anthropic_events(text: str) -> list[dict[str, Any]]:
    """A text and a tool call."""
    start: dict[str, Any] = {"id": "msg_1", "type": "message", "model": "claude-haiku-4-5", "content": [], "stop_reason": None}
    tool = {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {}}
    delta = "content_block_delta"
    return [
        {"type": "message_start", "message": {**start, "usage": {"input_tokens": 20, "output_tokens": 1}}},
        {"type": "ping"},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
        {"type": delta, "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
        *({"type": delta, "index": 1, "delta": {"type": "text_delta", "text": part}} for part in text),
        {"type": "content_block_start", "index": 2, "content_block": tool},
        {"type": delta, "index": 2, "delta": {"type": "input_json_delta", "partial_json": '{"city": '}},
        {"type": delta, "index": 2, "delta": {"type": "input_json_delta", "partial_json": '"Paris"}'}},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 9}},
        {"type": "message_stop"},
    ]


def chat_events(text: str) -> list[dict[str, Any]]:
    """The same on the chat wire, with its usage in the last chunk."""
    head: dict[str, Any] = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "gpt-4o"}

    def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        return {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], "usage": None}

    tool = {"index": 0, "id": "toolu_1", "type": "function", "function": {"name": "get_weather", "arguments": ""}}
    return [
        chunk({"role": "assistant", "content": ""}),
        *(chunk({"content": part}) for part in text),
        chunk({"tool_calls": [tool]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"city": '}}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": '"Paris"}'}}]}),
        chunk({}, "tool_calls"),
        {**head, "choices": [], "usage": {"prompt_tokens": 20, "completion_tokens": 9, "total_tokens": 29}},
    ]


def responses_events(text: str) -> list[dict[str, Any]]:
    """The same on the responses wire."""
    output = [
        {"type": "message", "content": [{"type": "output_text", "text": text}]},
        {"type": "function_call", "call_id": "toolu_1", "name": "get_weather", "arguments": '{"city": "Paris"}'},
    ]
    head = {"id": "resp_1", "object": "response", "model": "gpt-4o", "output": []}
    usage = {"input_tokens": 20, "output_tokens": 9}
    return [
        {"type": "response.created", "response": {**head, "status": "in_progress"}},
        *({"type": "response.output_text.delta", "delta": part} for part in text),
        {"type": "response.completed", "response": {**head, "status": "completed", "output": output, "usage": usage}},
    ]


EVENTS = {ANTHROPIC: anthropic_events, CHAT: chat_events, RESPONSES: responses_events}
TOOL = ToolCall(name="get_weather", arguments='{"city": "Paris"}', id="toolu_1")


@given(wire=st.sampled_from(list(Wire)), text=st.text(max_size=20), newline=st.sampled_from(["\n", "\r\n"]))
def test_a_stream_is_the_answer_it_carries(wire: Wire, text: str, newline: str) -> None:
    """Any text in any pieces comes out as it was, with tools, usage and the end."""
    end = "data: [DONE]\n\n" if wire is CHAT else ""
    answer = answer_of(wire, sse(EVENTS[wire](text), end=end, newline=newline))
    assert answer.output is not None
    assert (text, (TOOL,), Stop.TOOL) == (answer.output.text, answer.output.tool_calls, answer.output.stop)
    assert Usage(uncached_input_tokens=20, output_tokens=9) == answer.usage
    assert answer.response_id in {"msg_1", "chatcmpl-1", "resp_1"}


@given(wire=st.sampled_from(list(Wire)), data=st.data())
def test_a_cut_stream_is_a_failed_call_not_an_answer(wire: Wire, data: st.DataObject) -> None:
    """Wherever the connection broke, what came before is never graded as an answer."""
    started = sse(EVENTS[wire]("Hello from far away.")[:-3])  # the last three tell the end on each wire
    cut = data.draw(st.integers(len("data: "), len(started)))
    answer = answer_of(wire, started[:cut])
    assert (answer.output, answer.error) == (None, "incomplete")


@pytest.mark.parametrize(
    ("wire", "event", "code"),
    [
        (ANTHROPIC, {"type": "error", "error": {"type": "overloaded_error", "message": "secret"}}, "overloaded_error"),
        (CHAT, {"error": {"type": "server_error", "message": "secret"}}, "server_error"),
        (CHAT, {"error": {"type": "A secret message", "message": "secret"}}, "error_body"),
        (RESPONSES, {"type": "error", "code": "x", "message": "secret"}, "error"),
        (RESPONSES, {"type": "response.failed", "response": {"status": "failed", "output": []}}, "failed"),
    ],
)
def test_an_error_in_the_stream_is_a_failed_call(wire: Wire, event: dict[str, Any], code: str) -> None:
    """A 200 that turns into an error is kept by its code, never its message."""
    answer = answer_of(wire, sse([*EVENTS[wire]("Hel")[:3], event]))
    assert (answer.output, answer.error) == (None, code)
    assert "secret" not in repr(answer)


@pytest.mark.parametrize(
    "broken",
    [
        'data: {"a\n\ndata: {"type": "ping"}\n\n',
        'data: 3\n\ndata: {"type": "ping"}\n\n',
        'data: {"type": "content_block_start", "index": 99999999, "content_block": {"type": "text", "text": ""}}\n\n',
        'data: {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": 3}}\n\n',
    ],
)
def test_a_broken_stream_is_refused(broken: str) -> None:
    """A stream that is damaged in its middle is no answer and no crash."""
    with pytest.raises(Unreadable):
        answer_of(ANTHROPIC, broken)
