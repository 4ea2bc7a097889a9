"""What a log must hold for its request to be sent again."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from evalharness.model import Output, Request, ToolCall, Wire
from evalharness.readers.faithful import unreplayable

ANTHROPIC, CHAT, RESPONSES = Wire.ANTHROPIC_MESSAGES, Wire.OPENAI_CHAT, Wire.OPENAI_RESPONSES
NOTE = "Truncation is a DB storage safeguard. Full, untruncated data is logged to logging callbacks."
CUT = f"head... (litellm_truncated skipped 512 chars. {NOTE}) ...tail"
PNG = "iVBORw0KGgo="
USER = {"role": "user", "content": "Say hello."}
CALLED = {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}]}
TOOLS = [{"type": "function", "function": {"name": "f"}}]
ASKED = Output(tool_calls=(ToolCall(name="f", arguments="{}"),))


def asks(*messages: object, **more: object) -> dict[str, Any]:
    """A request body with messages."""
    return {"model": "m", "messages": list(messages), **more}


def image(data: str) -> dict[str, Any]:
    """An Anthropic image block in a user's turn."""
    block = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}
    return {"role": "user", "content": [block]}


def image_url(url: str) -> dict[str, Any]:
    """An OpenAI image part in a user's turn."""
    return {"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}


@pytest.mark.parametrize(
    ("wire", "body", "reason"),
    [
        (CHAT, asks(USER), None),
        (CHAT, asks({"role": "user", "content": CUT}), "truncated"),
        (ANTHROPIC, asks(USER, system=[{"type": "text", "text": CUT}]), "truncated"),
        (CHAT, asks(USER, tools=[{"function": {"name": "f", "description": CUT}}]), "truncated"),
        (RESPONSES, {"input": "x", "instructions": CUT}, "truncated"),
        (CHAT, {"messages": "[{...truncated by litellm, this logger does not support large content"}, "truncated"),
        (CHAT, asks({"litellm_truncated": True}), "truncated"),
        (CHAT, asks({"role": "user", "content": "<truncated due to size exceeding limit>"}), "truncated"),
        (CHAT, asks({"role": "user", "content": "Why was my essay truncated?"}), None),
        (CHAT, asks({"role": "user", "content": "redacted-by-litellm"}), "redacted"),
        (CHAT, asks(USER, {"role": "user", "content": "[REDACTED]"}), "redacted"),
        (ANTHROPIC, asks(USER, system="***redacted***"), "redacted"),
        (CHAT, asks({"role": "user", "content": "Which words were REDACTED here?"}), None),
        (CHAT, asks(USER, tools=[{"function": {"name": "f", "parameters": {"enum": ["public", "redacted"]}}}]), None),
        (ANTHROPIC, asks(image(PNG)), None),
        (ANTHROPIC, asks(image("")), "stubbed_media"),
        (ANTHROPIC, asks(image("<bytes>")), "stubbed_media"),
        (CHAT, asks(image_url(f"data:image/png;base64,{PNG}")), None),
        (CHAT, asks(image_url("https://example.com/a.png")), None),
        (CHAT, asks(image_url("data:image/png;base64,[base64_data truncated: 1.20MB]")), "stubbed_media"),
        (CHAT, asks(image_url("[BASE64_REDACTED]")), "stubbed_media"),
        (CHAT, asks(image_url("@@@langfuseMedia:type=image/png|id=x@@@")), "stubbed_media"),
        (CHAT, asks(), "no_messages"),
        (CHAT, {"model": "m"}, "no_messages"),
        (CHAT, asks("hello"), "no_messages"),
        (CHAT, {"messages": "hello"}, "no_messages"),
        (RESPONSES, {"input": "hello"}, None),
        (RESPONSES, {"input": ""}, "no_messages"),
        (CHAT, asks(USER, CALLED), "missing_tools"),
        (CHAT, asks(USER, {"role": "tool", "tool_call_id": "c", "content": "1"}), "missing_tools"),
        (CHAT, asks(USER, CALLED, tools=TOOLS), None),
        (CHAT, asks(USER, CALLED, functions=[{"name": "f"}]), None),
        (ANTHROPIC, asks({"role": "assistant", "content": [{"type": "tool_use"}]}), "missing_tools"),
        (ANTHROPIC, asks({"role": "user", "content": [{"type": "tool_result"}]}), "missing_tools"),
        (RESPONSES, {"input": [{"type": "function_call_output"}]}, "missing_tools"),
        (RESPONSES, {"input": [{"type": "function_call"}], "tools": TOOLS}, None),
    ],
)
def test_a_request_that_its_log_damaged_is_not_replayed(wire: Wire, body: dict[str, Any], reason: str | None) -> None:
    """A damaged request would compare two models on different questions; a whole one is never refused."""
    assert reason == unreplayable(Request(wire=wire, body=copy.deepcopy(body)))


@pytest.mark.parametrize(
    ("body", "output", "reason"),
    [
        (asks(USER), Output(text="Hello."), None),
        (asks(USER), ASKED, "missing_tools"),
        (asks(USER, tools=TOOLS), ASKED, None),
        (asks(USER), Output(text="redacted-by-litellm"), "redacted"),
        (asks(USER), Output(text=CUT), "truncated"),
        (asks(USER, tools=TOOLS), Output(tool_calls=(ToolCall(name="f", arguments="redacted-by-litellm"),)), "redacted"),
    ],
)
def test_the_answer_shows_what_the_log_left_out(body: dict[str, Any], output: Output, reason: str | None) -> None:
    """A tool call proves that there were tools; a stub in the answer leaves nothing to compare with."""
    assert reason == unreplayable(Request(wire=CHAT, body=body), output)


def test_a_call_without_a_request_is_not_replayed() -> None:
    """A metering line has its own reason."""
    assert unreplayable(None) == "no_request"


def test_depth_is_refused_before_it_exhausts_a_stack() -> None:
    """JSON that is deeper than requests are is not walked by recursion, nor passed on."""
    deep: object = "x"
    for _ in range(50_000):
        deep = [deep]
    assert unreplayable(Request(wire=CHAT, body={"messages": deep})) == "too_deep"
