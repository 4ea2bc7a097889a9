"""What a response body says, normalised over the wires; strict, since both SDKs return malformed answers as success."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from evalharness.model import Output, Stop, ToolCall, Wire
from evalharness.wire.fields import listing, mapping, sub, text, wrong
from evalharness.wire.unreadable import Unreadable

NO_ANSWER = frozenset({"error_body", "failed", "incomplete"})
"""Reasons that say what became of the call, not that its body is malformed."""

_ANTHROPIC_STOPS = {
    "end_turn": Stop.END,
    "max_tokens": Stop.LENGTH,
    "model_context_window_exceeded": Stop.LENGTH,
    "stop_sequence": Stop.SEQUENCE,
    "tool_use": Stop.TOOL,
    "pause_turn": Stop.PAUSE,
    "refusal": Stop.REFUSAL,
}
_CHAT_STOPS = {
    "stop": Stop.END,
    "length": Stop.LENGTH,
    "tool_calls": Stop.TOOL,
    "function_call": Stop.TOOL,
    "content_filter": Stop.REFUSAL,
}
_INCOMPLETE_STOPS = {"max_output_tokens": Stop.LENGTH, "content_filter": Stop.REFUSAL}


def output_of(wire: Wire, body: dict[str, Any]) -> Output:
    """
    The answer in a response body.

    Text parts are concatenated, reasoning and the vendor's own tools are left out, a refusal's words are its text.

    Raises:
        Unreadable: The body is no answer ("error_body", "failed", "incomplete"), or is malformed ("wrong_type", "no_content").
    """
    if body.get("error") or body.get("type") == "error":
        raise Unreadable("error_body", "error")
    try:
        return _READ[wire](body)
    except RecursionError:
        raise Unreadable("too_deep") from None


def _anthropic(body: dict[str, Any]) -> Output:
    words: list[str] = []
    calls: list[ToolCall] = []
    for block in listing(body.get("content"), "content"):
        kind = text(mapping(block, "content[]").get("type"), "content[].type")
        if kind == "text":
            words.append(text(block.get("text"), "content[].text"))
        elif kind == "tool_use":
            arguments = mapping(block.get("input"), "content[].input")
            calls.append(_tool_call(block.get("name"), json.dumps(arguments), block.get("id"), "content[]"))
    stop = _stop(body.get("stop_reason"), _ANTHROPIC_STOPS, "stop_reason")
    return Output(text="".join(words), tool_calls=tuple(calls), stop=stop)


def _chat(body: dict[str, Any]) -> Output:
    choices = listing(body.get("choices"), "choices")
    if not choices:
        raise Unreadable("no_content", "choices")
    choice = mapping(choices[0], "choices[0]")
    message = mapping(choice.get("message"), "choices[0].message")
    stop = _stop(choice.get("finish_reason"), _CHAT_STOPS, "choices[0].finish_reason")
    content = _chat_text(message.get("content"))
    refusal = message.get("refusal")
    if refusal is not None and text(refusal, "choices[0].message.refusal"):
        return Output(text=content or refusal, stop=Stop.REFUSAL)
    calls = tuple(_chat_tool_calls(message))
    if content is None and not calls and stop in {Stop.END, Stop.TOOL}:
        raise Unreadable("no_content", "choices[0].message.content")
    if calls and stop is Stop.END:
        stop = Stop.TOOL  # a forced tool ends with "stop" on this wire
    return Output(text=content or "", tool_calls=calls, stop=stop)


def _chat_text(content: object) -> str | None:
    """The text of a message's content, which compatible servers may send in parts."""
    if content is None or isinstance(content, str):
        return content
    field = "choices[0].message.content"
    parts = [mapping(part, field) for part in listing(content, field)]
    return "".join(text(part.get("text"), field) for part in parts if part.get("type") == "text")


def _chat_tool_calls(message: dict[str, Any]) -> list[ToolCall]:
    field = "choices[0].message.tool_calls[]"
    calls = []
    for raw in listing(message.get("tool_calls") or [], "choices[0].message.tool_calls"):
        call = mapping(raw, field)
        if call.get("type") == "custom":
            custom = mapping(call.get("custom"), field)
            calls.append(_custom_call(custom.get("name"), custom.get("input"), call.get("id"), field))
        else:
            function = mapping(call.get("function"), field)
            calls.append(_tool_call(function.get("name"), function.get("arguments"), call.get("id"), field))
    if message.get("function_call"):  # what tool_calls replaced
        legacy = mapping(message["function_call"], "choices[0].message.function_call")
        calls.append(_tool_call(legacy.get("name"), legacy.get("arguments"), None, "choices[0].message.function_call"))
    return calls


def _responses(body: dict[str, Any]) -> Output:
    status = text(body.get("status"), "status")
    if status == "failed":
        raise Unreadable("failed", "status")
    if status not in {"completed", "incomplete"}:
        raise Unreadable("incomplete", "status")
    items = [mapping(item, "output[]") for item in listing(body.get("output"), "output")]
    if not items and status == "completed":
        raise Unreadable("no_content", "output")
    words: list[str] = []
    calls: list[ToolCall] = []
    stop = Stop.END
    for item in items:
        kind = text(item.get("type"), "output[].type")
        if kind == "message":
            said, refused = _response_message(item)
            words.append(said)
            stop = Stop.REFUSAL if refused else stop
        elif kind == "function_call":
            calls.append(_tool_call(item.get("name"), item.get("arguments"), item.get("call_id"), "output[]"))
        elif kind == "custom_tool_call":
            calls.append(_custom_call(item.get("name"), item.get("input"), item.get("call_id"), "output[]"))
    if stop is Stop.END:
        stop = _response_stop(body, calls)
    return Output(text="".join(words), tool_calls=tuple(calls), stop=stop)


def _response_message(item: dict[str, Any]) -> tuple[str, bool]:
    """The words of a message item, and whether they are a refusal."""
    parts = [mapping(part, "output[].content[]") for part in listing(item.get("content"), "output[].content")]
    words = [text(part.get("text"), "output[].content[].text") for part in parts if part.get("type") == "output_text"]
    refusals = [text(part.get("refusal"), "output[].content[].refusal") for part in parts if part.get("type") == "refusal"]
    return "".join(words + refusals), bool(refusals)


def _response_stop(body: dict[str, Any], calls: list[ToolCall]) -> Stop:
    if body["status"] == "incomplete":
        reason = sub(body, "incomplete_details").get("reason")
        return _INCOMPLETE_STOPS.get(reason, Stop.OTHER) if isinstance(reason, str) else Stop.OTHER
    return Stop.TOOL if calls else Stop.END


def _tool_call(name: object, arguments: object, call_id: object, field: str) -> ToolCall:
    """Arguments may be absent, but never of another type than text."""
    written = "" if arguments is None else text(arguments, f"{field}.arguments")
    return ToolCall(name=_name(name, field), arguments=written or "{}", id=call_id if isinstance(call_id, str) else "")


def _custom_call(name: object, given: object, call_id: object, field: str) -> ToolCall:
    """A custom tool takes free text, which is a JSON string here."""
    return _tool_call(name, json.dumps(text(given, f"{field}.input")), call_id, field)


def _name(name: object, field: str) -> str:
    if not isinstance(name, str) or not name:
        raise wrong(f"{field}.name")
    return name


def _stop(value: object, stops: dict[str, Stop], field: str) -> Stop:
    """Why the output ended; without a reason it did not end: the stream was cut."""
    if value is None:
        raise Unreadable("incomplete", field)
    return stops.get(text(value, field), Stop.OTHER)


_READ: dict[Wire, Callable[[dict[str, Any]], Output]] = {
    Wire.ANTHROPIC_MESSAGES: _anthropic,
    Wire.OPENAI_CHAT: _chat,
    Wire.OPENAI_RESPONSES: _responses,
}
