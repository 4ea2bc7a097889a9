"""Answers of the three wires, good and malformed."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from evalharness.model import Stop, ToolCall, Wire
from evalharness.wire.output import output_of
from evalharness.wire.unreadable import Unreadable

WEATHER = ToolCall(name="get_weather", arguments='{"city": "Paris"}', id="call_1")


def message(*blocks: dict[str, Any], stop: str | None = "end_turn") -> dict[str, Any]:
    """An Anthropic message."""
    return {"type": "message", "content": list(blocks), "stop_reason": stop}


def chat(finish: str | None = "stop", **said: object) -> dict[str, Any]:
    """A chat completion."""
    return {"choices": [{"index": 0, "message": {"role": "assistant", **said}, "finish_reason": finish}]}


def response(*items: dict[str, Any], status: str = "completed", reason: str | None = None) -> dict[str, Any]:
    """A response of the responses wire."""
    return {"status": status, "incomplete_details": {"reason": reason} if reason else None, "output": list(items)}


def said(*parts: dict[str, Any]) -> dict[str, Any]:
    """A message item of the responses wire."""
    return {"type": "message", "role": "assistant", "content": list(parts)}


TEXT = {"type": "text", "text": "Hello."}
TOOL_USE = {"type": "tool_use", "id": "call_1", "name": "get_weather", "input": {"city": "Paris"}}
TOOL_CALL = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'}}
FUNCTION_CALL = {"type": "function_call", "call_id": "call_1", "name": "get_weather", "arguments": '{"city": "Paris"}'}
OUTPUT_TEXT = {"type": "output_text", "text": "Hello."}
ANTHROPIC, CHAT, RESPONSES = Wire.ANTHROPIC_MESSAGES, Wire.OPENAI_CHAT, Wire.OPENAI_RESPONSES


@pytest.mark.parametrize(
    ("wire", "body", "text", "stop"),
    [
        (ANTHROPIC, message(TEXT), "Hello.", Stop.END),
        (ANTHROPIC, message(TEXT, {"type": "text", "text": " Bye."}), "Hello. Bye.", Stop.END),
        (ANTHROPIC, message({"type": "thinking", "thinking": "hm", "signature": "s"}, TEXT), "Hello.", Stop.END),
        (ANTHROPIC, message(TEXT, stop="max_tokens"), "Hello.", Stop.LENGTH),
        (ANTHROPIC, message(TEXT, stop="model_context_window_exceeded"), "Hello.", Stop.LENGTH),
        (ANTHROPIC, message(TEXT, stop="stop_sequence"), "Hello.", Stop.SEQUENCE),
        (ANTHROPIC, message(TEXT, stop="pause_turn"), "Hello.", Stop.PAUSE),
        (ANTHROPIC, message(stop="refusal"), "", Stop.REFUSAL),
        (ANTHROPIC, message(TEXT, stop="something_new"), "Hello.", Stop.OTHER),
        (ANTHROPIC, message(), "", Stop.END),
        (CHAT, chat(content="Hello."), "Hello.", Stop.END),
        (CHAT, chat(content=[TEXT, TEXT]), "Hello.Hello.", Stop.END),
        (CHAT, chat("length", content="Hel"), "Hel", Stop.LENGTH),
        (CHAT, chat("length", content=None), "", Stop.LENGTH),
        (CHAT, chat("content_filter", content=None), "", Stop.REFUSAL),
        (CHAT, chat(content=None, refusal="I cannot."), "I cannot.", Stop.REFUSAL),
        (CHAT, chat(content="", refusal=None), "", Stop.END),
        (RESPONSES, response(said(OUTPUT_TEXT)), "Hello.", Stop.END),
        (RESPONSES, response({"type": "reasoning", "summary": []}, said(OUTPUT_TEXT)), "Hello.", Stop.END),
        (RESPONSES, response(said({"type": "refusal", "refusal": "I cannot."})), "I cannot.", Stop.REFUSAL),
        (RESPONSES, response(said(OUTPUT_TEXT), status="incomplete", reason="max_output_tokens"), "Hello.", Stop.LENGTH),
        (RESPONSES, response(status="incomplete", reason="content_filter"), "", Stop.REFUSAL),
        (RESPONSES, response(status="incomplete", reason="steered"), "", Stop.OTHER),
    ],
)
def test_text_and_stop_reason_of_every_wire(wire: Wire, body: dict[str, Any], text: str, stop: Stop) -> None:
    """An answer says the same whatever protocol it came over, and its end is not lost."""
    output = output_of(wire, body)
    assert (text, stop) == (output.text, output.stop)
    assert output.tool_calls == ()


@pytest.mark.parametrize(
    ("wire", "body"),
    [
        (ANTHROPIC, message(TOOL_USE, stop="tool_use")),
        (CHAT, chat("tool_calls", content=None, tool_calls=[TOOL_CALL])),
        (CHAT, chat("stop", content=None, tool_calls=[TOOL_CALL])),
        (RESPONSES, response(FUNCTION_CALL)),
    ],
)
def test_a_tool_call_is_the_same_on_every_wire(wire: Wire, body: dict[str, Any]) -> None:
    """A forced tool ends with "stop" on the chat wire; it is a tool's end all the same."""
    output = output_of(wire, body)
    assert (output.tool_calls, output.stop) == ((WEATHER,), Stop.TOOL)


def test_old_and_free_text_tools_are_read() -> None:
    """function_call, custom tools, and arguments that were left out."""
    legacy = output_of(CHAT, chat("function_call", content=None, function_call={"name": "ping", "arguments": ""}))
    assert (ToolCall(name="ping", arguments="{}"),) == legacy.tool_calls
    custom = {"id": "c", "type": "custom", "custom": {"name": "sql", "input": 'select "x"'}}
    expected = (ToolCall(name="sql", arguments='"select \\"x\\""', id="c"),)
    assert expected == output_of(CHAT, chat("tool_calls", content=None, tool_calls=[custom])).tool_calls
    item = {"type": "custom_tool_call", "call_id": "c", "name": "sql", "input": 'select "x"'}
    assert expected == output_of(RESPONSES, response(item)).tool_calls


@pytest.mark.parametrize(
    ("wire", "body", "reason"),
    [
        (ANTHROPIC, {"type": "error", "error": {"type": "overloaded_error"}}, "error_body"),
        (ANTHROPIC, message(TEXT, stop=None), "incomplete"),
        (ANTHROPIC, {"type": "message", "content": None, "stop_reason": "end_turn"}, "wrong_type"),
        (ANTHROPIC, message({"type": "text", "text": None}), "wrong_type"),
        (ANTHROPIC, message({"text": "Hello."}), "wrong_type"),
        (ANTHROPIC, message({**TOOL_USE, "input": "{}"}), "wrong_type"),
        (ANTHROPIC, message({**TOOL_USE, "name": None}), "wrong_type"),
        (ANTHROPIC, {}, "wrong_type"),
        (CHAT, {"error": {"message": "secret"}}, "error_body"),
        (CHAT, {"choices": []}, "no_content"),
        (CHAT, {"choices": None}, "wrong_type"),
        (CHAT, {"choices": [{"finish_reason": "stop", "message": None}]}, "wrong_type"),
        (CHAT, chat(None, content="Hello."), "incomplete"),
        (CHAT, chat(content=None), "no_content"),
        (CHAT, chat("tool_calls", content=None, tool_calls=None), "no_content"),
        (CHAT, chat("tool_calls", content=None, tool_calls=[{"function": {"name": "f", "arguments": {}}}]), "wrong_type"),
        (CHAT, chat(content=3), "wrong_type"),
        (CHAT, chat("stop", content="x", tool_calls={"a": 1}), "wrong_type"),
        (RESPONSES, response(status="failed"), "failed"),
        (RESPONSES, response(status="in_progress"), "incomplete"),
        (RESPONSES, response(), "no_content"),
        (RESPONSES, {"output": [said(OUTPUT_TEXT)]}, "wrong_type"),
        (RESPONSES, response(said({"type": "output_text", "text": None})), "wrong_type"),
        (RESPONSES, response({**FUNCTION_CALL, "name": ""}), "wrong_type"),
    ],
)
def test_a_malformed_answer_is_no_answer(wire: Wire, body: dict[str, Any], reason: str) -> None:
    """The SDKs return these as success; we do not, and say why without a word of content."""
    with pytest.raises(Unreadable) as refused:
        output_of(wire, copy.deepcopy(body))
    assert reason == refused.value.reason
    assert "secret" not in str(refused.value)
