"""A streamed answer put together again: server-sent events into the body that the same answer has without streaming."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from evalharness.model import Wire
from evalharness.wire.fields import mapping, sub, text, tokens_or_zero
from evalharness.wire.unreadable import Unreadable

_NEWLINE = re.compile(r"\r\n|\n|\r")
MAX_BLOCKS = 10_000
"""More content blocks or tool calls than an answer has; an index beyond it is a broken stream."""


def is_stream(body: str) -> bool:
    """Whether a body's text is server-sent events."""
    return body.lstrip()[:6] in {"event:", "data: "} or body.lstrip().startswith("data:")


def assembled(wire: Wire, body: str) -> dict[str, Any]:
    """
    The whole body. A stream that was cut gives a body without a stop reason, which `output_of` calls "incomplete".

    Raises:
        Unreadable: An event is not what the wire says.
    """
    return _ASSEMBLE[wire](events(body))


def events(body: str) -> Iterator[dict[str, Any]]:
    """The JSON of each event, up to the end mark or the cut."""
    lines = _NEWLINE.split(body)  # str.splitlines would also split at characters that JSON strings may hold
    for number, line in enumerate(lines):
        data = line.removeprefix("data:").strip()
        if not line.startswith("data:") or not data:
            continue
        if data == "[DONE]":
            return
        try:
            yield mapping(msgspec.json.decode(data.encode("utf-8", "surrogatepass")), "event")
        except (ValueError, RecursionError) as error:
            if isinstance(error, Unreadable) or any(later.startswith("data:") for later in lines[number + 1 :]):
                raise Unreadable("bad_stream", "event") from None
            return  # the last event was cut in the middle, as when the client hung up


def _anthropic(stream: Iterator[dict[str, Any]]) -> dict[str, Any]:
    message: dict[str, Any] = {"type": "message", "stop_reason": None}
    blocks: dict[int, dict[str, Any]] = {}
    written: dict[int, list[str]] = {}
    for event in stream:
        kind = event.get("type")
        if kind == "message_start":
            message |= mapping(event.get("message"), "message_start.message")
        elif kind == "content_block_start":
            blocks[_index(event)] = dict(mapping(event.get("content_block"), "content_block_start.content_block"))
        elif kind == "content_block_delta":
            written.setdefault(_index(event), []).extend(_block_piece(sub(event, "delta")))
        elif kind == "message_delta":
            message |= sub(event, "delta")
            known = {key: value for key, value in sub(event, "usage").items() if value is not None}
            message["usage"] = {**sub(message, "usage"), **known}  # cumulative, so the last word counts
        elif kind == "error":
            return event
    cut = message["stop_reason"] is None
    message["content"] = [_whole_block(blocks[index], "".join(written.get(index, [])), cut=cut) for index in sorted(blocks)]
    return message


def _block_piece(delta: dict[str, Any]) -> list[str]:
    """What a delta adds to the text or to the arguments of its block; thinking and citations are no output."""
    keys = {"text_delta": "text", "input_json_delta": "partial_json"}
    kind = text(delta.get("type"), "content_block_delta.delta.type")
    return [text(delta.get(keys[kind]), "content_block_delta.delta")] if kind in keys else []


def _whole_block(block: dict[str, Any], written: str, *, cut: bool) -> dict[str, Any]:
    """A block as it stands in a body that was not streamed."""
    if block.get("type") == "text":
        return block | {"text": text(block.get("text", ""), "content_block.text") + written}
    if block.get("type") == "tool_use" and written:
        return block | {"input": _arguments(written, cut=cut)}
    return block


def _arguments(written: str, *, cut: bool) -> object:
    """The arguments of a tool call; what a cut stream left of them is nothing."""
    try:
        return msgspec.json.decode(written.encode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError):
        if cut:
            return {}
        raise Unreadable("bad_stream", "input_json_delta") from None


def _chat(stream: Iterator[dict[str, Any]]) -> dict[str, Any]:
    body: dict[str, Any] = {"choices": []}
    words: list[str] = []
    refusal: list[str] = []
    calls: dict[int, dict[str, Any]] = {}
    finish: object = None
    for chunk in stream:
        if chunk.get("error"):
            return chunk
        body |= {key: chunk[key] for key in ("id", "model", "created", "usage") if chunk.get(key)}
        for raw in chunk.get("choices") or []:
            choice = mapping(raw, "choices[]")
            if choice.get("index", 0) != 0:
                continue
            finish = choice.get("finish_reason") or finish
            delta = sub(choice, "delta")
            words += _piece(delta, "content")
            refusal += _piece(delta, "refusal")
            for part in delta.get("tool_calls") or []:
                _add_tool_call(calls, mapping(part, "delta.tool_calls[]"))
    message: dict[str, Any] = {
        "role": "assistant",
        "content": "".join(words) if words else None,
        "tool_calls": [calls[index] for index in sorted(calls)],
    }
    if refusal:
        message["refusal"] = "".join(refusal)
    body["choices"] = [{"index": 0, "message": message, "finish_reason": finish}]
    return body


def _piece(delta: dict[str, Any], key: str) -> list[str]:
    return [] if delta.get(key) is None else [text(delta[key], f"delta.{key}")]


def _add_tool_call(calls: dict[int, dict[str, Any]], part: dict[str, Any]) -> None:
    """One delta of a tool call onto what came before at its index."""
    call = calls.setdefault(_index(part), {"type": "function", "function": {"name": "", "arguments": ""}})
    if part.get("id"):
        call["id"] = part["id"]
    for key in ("name", "arguments"):
        for piece in _piece(sub(part, "function"), key):
            call["function"][key] += piece


def _responses(stream: Iterator[dict[str, Any]]) -> dict[str, Any]:
    """The last word of the response on itself; the last events carry it whole."""
    body: dict[str, Any] = {"status": "in_progress", "output": []}
    for event in stream:
        if event.get("type") == "error":
            return {"error": event}
        if isinstance(event.get("response"), dict):
            body = event["response"]
    return body


def _index(event: dict[str, Any]) -> int:
    index = tokens_or_zero(event.get("index"), "index")
    if index > MAX_BLOCKS:
        raise Unreadable("bad_stream", "index")
    return index


_ASSEMBLE: dict[Wire, Callable[[Iterator[dict[str, Any]]], dict[str, Any]]] = {
    Wire.ANTHROPIC_MESSAGES: _anthropic,
    Wire.OPENAI_CHAT: _chat,
    Wire.OPENAI_RESPONSES: _responses,
}
