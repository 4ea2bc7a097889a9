"""OpenAI's chat completions protocol, as recorded from the vendor in 2025 and 2026."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from evalharness.ladder import bare
from evalharness.model import Stop, Usage
from evalharness.simulate.wire import Answer, Rejection, limit_rejection, messages_rejection, missing, pieces, random_id, sse

if TYPE_CHECKING:
    from collections.abc import Iterator

STOPS = {
    Stop.END: "stop",
    Stop.LENGTH: "length",
    Stop.TOOL: "tool_calls",
    Stop.SEQUENCE: "stop",
    Stop.REFUSAL: "stop",
    Stop.PAUSE: "stop",
    Stop.OTHER: "stop",
}

_STRICT = re.compile(r"^gpt-6")


def rejection(body: dict[str, Any]) -> Rejection | None:
    """Why the vendor would not take this request; None if it would."""
    if name := missing(body, "model", "messages"):
        return Rejection(message=f"Missing required parameter: '{name}'.", param=name)
    limits = limit_rejection(body, "max_tokens", "max_completion_tokens")
    return messages_rejection(body) or limits or sampling_rejection(body)


def sampling_rejection(body: dict[str, Any]) -> Rejection | None:
    """Sampling parameters that reasoning models do not take any more; older models do."""
    if _STRICT.match(bare(str(body["model"]))):
        for name in ("temperature", "top_p"):
            if body.get(name) not in {None, 1}:
                message = f"Unsupported value: '{name}' does not support {body[name]!r} with this model."
                return Rejection(message=message, param=name)
    return None


def max_tokens(body: dict[str, Any]) -> int | None:
    """The most tokens that the answer may have."""
    return body.get("max_completion_tokens") or body.get("max_tokens")


def response_id(seed: str) -> str:
    """An id in the vendor's manner."""
    return f"chatcmpl-{random_id(seed, 29)}"


def payload(answer: Answer) -> dict[str, Any]:
    """The body of an answer that is not streamed."""
    output = answer.output
    refused = output.stop is Stop.REFUSAL
    message: dict[str, Any] = {
        "role": "assistant",
        "content": None if refused else output.text or (None if output.tool_calls else ""),
        "refusal": output.text if refused else None,
        "annotations": [],
    }
    if output.tool_calls:
        message["tool_calls"] = _tool_calls(answer)
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": STOPS[output.stop]}
    whole = _frame(answer, "chat.completion") | {"choices": [choice]}
    if answer.usage is not None:
        whole["usage"] = usage(answer.usage)
    return whole


def events(answer: Answer) -> Iterator[bytes]:
    """The events of a streamed answer; its usage comes only if it was asked for."""
    output = answer.output
    counted = bool((answer.request.get("stream_options") or {}).get("include_usage"))
    word = "refusal" if output.stop is Stop.REFUSAL else "content"
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": "" if output.text else None, "refusal": None}]
    deltas += [{word: piece} for piece in pieces(output.text)]
    for index, tool in enumerate(_tool_calls(answer)):
        name, arguments = tool["function"]["name"], tool["function"]["arguments"]
        deltas.append({"tool_calls": [tool | {"index": index, "function": {"name": name, "arguments": ""}}]})
        deltas += [{"tool_calls": [{"index": index, "function": {"arguments": piece}}]} for piece in pieces(arguments)]
    frame = _frame(answer, "chat.completion.chunk") | ({"usage": None} if counted else {})
    for delta in deltas:
        yield sse(frame | {"choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}]})
    end = {"index": 0, "delta": {}, "logprobs": None, "finish_reason": STOPS[output.stop]}
    yield sse(frame | {"choices": [end]})
    if counted and answer.usage is not None:
        yield sse(frame | {"choices": [], "usage": usage(answer.usage)})
    yield b"data: [DONE]\n\n"


def usage(spent: Usage) -> dict[str, Any]:
    """The vendor's usage: its prompt tokens include the cached ones."""
    return {
        "prompt_tokens": spent.input_tokens,
        "completion_tokens": spent.output_tokens,
        "total_tokens": spent.input_tokens + spent.output_tokens,
        "prompt_tokens_details": {
            "cached_tokens": spent.cache_read_tokens,
            "cache_write_tokens": spent.cache_write_5m_tokens + spent.cache_write_1h_tokens,
            "audio_tokens": 0,
        },
        "completion_tokens_details": {
            "reasoning_tokens": spent.reasoning_tokens,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def error(status: int, message: str, *, param: str | None = None) -> dict[str, Any]:
    """The body of an error."""
    kind, code = {
        401: ("invalid_request_error", "invalid_api_key"),
        404: ("invalid_request_error", "model_not_found"),
        429: ("requests", "rate_limit_exceeded"),
    }.get(status, ("invalid_request_error", None) if status < 500 else ("server_error", None))  # noqa: PLR2004 - HTTP's border
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def error_event(message: str) -> bytes:
    """An error inside a stream."""
    return sse(error(500, message))


def _frame(answer: Answer, kind: str) -> dict[str, Any]:
    return {
        "id": response_id(answer.seed),
        "object": kind,
        "created": answer.created,
        "model": answer.model,
        "service_tier": "default",
        "system_fingerprint": "fp_simulated",
    }


def _tool_calls(answer: Answer) -> list[dict[str, Any]]:
    return [
        {
            "id": tool_id if tool_id.startswith("call_") else f"call_{tool_id}",
            "type": "function",
            "function": {"name": tool.name, "arguments": tool.arguments},
        }
        for tool, tool_id in zip(answer.output.tool_calls, answer.tool_ids, strict=True)
    ]
