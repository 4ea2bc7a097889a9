"""OpenAI's responses protocol, as recorded from the vendor in 2026."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

from evalharness.model import Stop, Usage
from evalharness.simulate import openai_chat
from evalharness.simulate.wire import Answer, Rejection, limit_rejection, missing, pieces, random_id, sse

if TYPE_CHECKING:
    from collections.abc import Iterator

_ECHOED: dict[str, Any] = {
    "background": False,
    "frequency_penalty": 0.0,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "presence_penalty": 0.0,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "prompt_cache_retention": "in_memory",
    "reasoning": {"effort": "medium", "summary": None},
    "safety_identifier": None,
    "service_tier": "default",
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}, "verbosity": "medium"},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}
"""Settings that the answer repeats, with the vendor's defaults."""

error = openai_chat.error


def rejection(body: dict[str, Any]) -> Rejection | None:
    """Why the vendor would not take this request; None if it would."""
    if name := missing(body, "model", "input"):
        return Rejection(message=f"Missing required parameter: '{name}'.", param=name)
    if body.get("previous_response_id"):
        message = f"Previous response with id {body['previous_response_id']!r} not found."
        return Rejection(message=message, param="previous_response_id")
    return limit_rejection(body, "max_output_tokens") or openai_chat.sampling_rejection(body)


def max_tokens(body: dict[str, Any]) -> int | None:
    """The most tokens that the answer may have."""
    return body.get("max_output_tokens")


def response_id(seed: str) -> str:
    """An id in the vendor's manner."""
    return f"resp_{random_id(seed, 40)}"


def payload(answer: Answer) -> dict[str, Any]:
    """The body of an answer that is not streamed."""
    cut = answer.output.stop is Stop.LENGTH
    whole = _frame(answer) | {
        "status": "incomplete" if cut else "completed",
        "completed_at": None if cut else answer.created,
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
        "output": _items(answer),
    }
    if answer.usage is not None:
        whole["usage"] = usage(answer.usage)
    return whole


def events(answer: Answer) -> Iterator[bytes]:
    """The events of a streamed answer."""
    numbers = count()

    def event(kind: str, **data: Any) -> bytes:  # noqa: ANN401 - raw JSON of the wire format
        return sse({"type": kind, **data, "sequence_number": next(numbers)}, event=kind)

    begun = _frame(answer) | {"usage": None}
    yield event("response.created", response=begun)
    yield event("response.in_progress", response=begun)
    for index, item in enumerate(_items(answer)):
        at = {"item_id": item["id"], "output_index": index}
        if item["type"] == "function_call":
            empty = item | {"arguments": "", "status": "in_progress"}
            yield event("response.output_item.added", output_index=index, item=empty)
            for piece in pieces(item["arguments"]):
                yield event("response.function_call_arguments.delta", **at, delta=piece)
            done = {"name": item["name"], "arguments": item["arguments"]}
            yield event("response.function_call_arguments.done", **at, **done)
        else:
            part = item["content"][0]
            word = "refusal" if part["type"] == "refusal" else "text"
            kind = "refusal" if word == "refusal" else "output_text"
            extra: dict[str, Any] = {} if word == "refusal" else {"logprobs": []}
            empty = item | {"content": [], "status": "in_progress"}
            yield event("response.output_item.added", output_index=index, item=empty)
            yield event("response.content_part.added", **at, content_index=0, part=part | {word: ""})
            for piece in pieces(part[word]):
                yield event(f"response.{kind}.delta", **at, content_index=0, delta=piece, **extra)
            yield event(f"response.{kind}.done", **at, content_index=0, **{word: part[word]}, **extra)
            yield event("response.content_part.done", **at, content_index=0, part=part)
        yield event("response.output_item.done", output_index=index, item=item)
    whole = payload(answer)
    yield event(f"response.{whole['status']}", response=whole)


def usage(spent: Usage) -> dict[str, Any]:
    """The vendor's usage: its input tokens include the cached ones."""
    return {
        "input_tokens": spent.input_tokens,
        "input_tokens_details": {
            "cached_tokens": spent.cache_read_tokens,
            "cache_write_tokens": spent.cache_write_5m_tokens + spent.cache_write_1h_tokens,
        },
        "output_tokens": spent.output_tokens,
        "output_tokens_details": {"reasoning_tokens": spent.reasoning_tokens},
        "total_tokens": spent.input_tokens + spent.output_tokens,
    }


def error_event(message: str) -> bytes:
    """An error inside a stream."""
    data = {"type": "error", "code": "server_error", "message": message, "param": None, "sequence_number": 0}
    return sse(data, event="error")


def _frame(answer: Answer) -> dict[str, Any]:
    asked = {name: answer.request[name] for name in _ECHOED if answer.request.get(name) is not None}
    return {
        **_ECHOED,
        **asked,
        "id": response_id(answer.seed),
        "object": "response",
        "created_at": answer.created,
        "completed_at": None,
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "model": answer.model,
        "moderation": None,
        "output": [],
    }


def _items(answer: Answer) -> list[dict[str, Any]]:
    output = answer.output
    status = "incomplete" if output.stop is Stop.LENGTH else "completed"
    items: list[dict[str, Any]] = []
    if output.text or not output.tool_calls:
        part: dict[str, Any] = {"type": "output_text", "text": output.text, "annotations": [], "logprobs": []}
        if output.stop is Stop.REFUSAL:
            part = {"type": "refusal", "refusal": output.text}
        items.append(
            {
                "id": f"msg_{random_id(f'{answer.seed}:message', 40)}",
                "type": "message",
                "role": "assistant",
                "status": status,
                "phase": "final_answer",
                "content": [part],
            }
        )
    for tool, tool_id in zip(output.tool_calls, answer.tool_ids, strict=True):
        items.append(
            {
                "id": f"fc_{tool_id}",
                "type": "function_call",
                "call_id": tool_id if tool_id.startswith("call_") else f"call_{tool_id}",
                "name": tool.name,
                "arguments": tool.arguments,
                "status": status,
            }
        )
    return items
