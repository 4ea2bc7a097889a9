"""Anthropic's Messages protocol, as recorded from the vendor in 2025 and 2026."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from evalharness.ladder import bare
from evalharness.model import Output, Stop, Usage
from evalharness.simulate.wire import Answer, Rejection, limit_rejection, messages_rejection, missing, pieces, random_id, sse

if TYPE_CHECKING:
    from collections.abc import Iterator

FIELDS = (
    {"model", "messages", "max_tokens", "system", "stream", "stop_sequences", "metadata", "output_config", "thinking"}
    | {"temperature", "top_k", "top_p", "tools", "tool_choice", "cache_control", "service_tier", "speed", "container"}
    | {"inference_geo", "context_management", "diagnostics", "mcp_servers", "user_profile_id", "workspace_id"}
)
"""Top-level fields that the vendor knows; it rejects others."""

STOPS = {
    Stop.END: "end_turn",
    Stop.LENGTH: "max_tokens",
    Stop.TOOL: "tool_use",
    Stop.SEQUENCE: "stop_sequence",
    Stop.REFUSAL: "refusal",
    Stop.PAUSE: "pause_turn",
    Stop.OTHER: "end_turn",
}

ERRORS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}

_STRICT = re.compile(r"^claude-(opus|sonnet|haiku)-5-5\b")
_MIN_BUDGET = 1024


def rejection(body: dict[str, Any]) -> Rejection | None:
    """Why the vendor would not take this request; None if it would."""
    if name := missing(body, "model", "messages", "max_tokens"):
        return Rejection(message=f"{name}: Field required", param=name)
    if unknown := sorted(set(body) - FIELDS):
        return Rejection(message=f"{unknown[0]}: Extra inputs are not permitted", param=unknown[0])
    if problem := messages_rejection(body) or limit_rejection(body, "max_tokens"):
        return problem
    for name in ("thinking", "output_config", "tool_choice"):
        if not isinstance(body.get(name) or {}, dict):
            return Rejection(message=f"{name}: Input should be an object", param=name)
    family = _STRICT.match(bare(str(body["model"])))
    if family:
        return _strict_rejection(body, family[1])
    thinking = body.get("thinking") or {}
    if thinking.get("type") == "enabled" and thinking.get("budget_tokens", 0) < _MIN_BUDGET:
        return Rejection(message=f"thinking.enabled.budget_tokens: at least {_MIN_BUDGET}", param="thinking")
    return None


def _strict_rejection(body: dict[str, Any], family: str) -> Rejection | None:
    """What the 5.5 models do not take any more; older ones do."""
    for name in ("temperature", "top_p", "top_k"):
        if name in body and not (name == "temperature" and body[name] == 1):
            return Rejection(message=f"{name}: sampling parameters are not supported by this model", param=name)
    if message := _thinking_rejection(body, family):
        return Rejection(message=message, param="thinking")
    if body["messages"][-1].get("role") == "assistant":
        return Rejection(message="messages: the final message must not be from the assistant", param="messages")
    if family == "sonnet" and (body.get("tool_choice") or {}).get("type") in {"any", "tool"}:
        return Rejection(message="tool_choice: forced tool use is not supported by this model", param="tool_choice")
    return None


def _thinking_rejection(body: dict[str, Any], family: str) -> str | None:
    kind = (body.get("thinking") or {}).get("type")
    effort = (body.get("output_config") or {}).get("effort")
    if kind == "enabled":
        return "thinking.type: 'enabled' is not supported by this model; use 'adaptive' and output_config.effort"
    if kind == "disabled" and family != "haiku":
        return "thinking.type: 'disabled' is not supported by this model"
    if kind == "between_tools" and (family != "sonnet" or effort in {"xhigh", "max"}):
        return "thinking.type: 'between_tools' is not supported here"
    return None


def max_tokens(body: dict[str, Any]) -> int | None:
    """The most tokens that the answer may have."""
    return int(body["max_tokens"])


def response_id(seed: str) -> str:
    """An id in the vendor's manner."""
    return f"msg_01{random_id(seed, 22)}"


def payload(answer: Answer) -> dict[str, Any]:
    """The body of an answer that is not streamed."""
    message = _message(answer)
    message["content"] = _blocks(answer)
    message["stop_reason"] = STOPS[answer.output.stop]
    message["stop_sequence"] = _stop_sequence(answer)
    message["stop_details"] = _stop_details(answer.output)
    if answer.usage is not None:
        message["usage"] = usage(answer.usage)
    return message


def events(answer: Answer) -> Iterator[bytes]:
    """The events of a streamed answer."""
    message = _message(answer)
    if answer.usage is not None:
        message["usage"] = usage(answer.usage) | {"output_tokens": 1}
    yield _event("message_start", message=message)
    for index, block in enumerate(_blocks(answer)):
        if block["type"] == "text":
            deltas = [{"type": "text_delta", "text": piece} for piece in pieces(block["text"])]
            empty = block | {"text": ""}
        else:
            text = json.dumps(block["input"])
            deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in ("", *pieces(text))]
            empty = block | {"input": {}}
        yield _event("content_block_start", index=index, content_block=empty)
        if index == 0:
            yield _event("ping")
        for delta in deltas:
            yield _event("content_block_delta", index=index, delta=delta)
        yield _event("content_block_stop", index=index)
    end = {
        "stop_reason": STOPS[answer.output.stop],
        "stop_sequence": _stop_sequence(answer),
        "stop_details": _stop_details(answer.output),
    }
    spent = {} if answer.usage is None else {"usage": _final_usage(answer.usage)}
    yield _event("message_delta", delta=end, **spent)
    yield _event("message_stop")


def usage(spent: Usage) -> dict[str, Any]:
    """The vendor's usage: its input tokens leave out the cached ones."""
    counts = {
        "input_tokens": spent.uncached_input_tokens,
        "cache_creation_input_tokens": spent.cache_write_5m_tokens + spent.cache_write_1h_tokens,
        "cache_read_input_tokens": spent.cache_read_tokens,
        "cache_creation": {
            "ephemeral_5m_input_tokens": spent.cache_write_5m_tokens,
            "ephemeral_1h_input_tokens": spent.cache_write_1h_tokens,
        },
        "output_tokens": spent.output_tokens,
        "service_tier": "standard",
        "inference_geo": "global",
    }
    if spent.reasoning_tokens:
        counts["output_tokens_details"] = {"thinking_tokens": spent.reasoning_tokens}
    return counts


def error(status: int, message: str, *, param: str | None = None) -> dict[str, Any]:  # noqa: ARG001 - the vendor names no field
    """The body of an error."""
    kind = ERRORS.get(status, "invalid_request_error" if status < 500 else "api_error")  # noqa: PLR2004 - HTTP's own border
    return {"type": "error", "error": {"type": kind, "message": message}}


def error_event(message: str) -> bytes:
    """An error inside a stream."""
    return sse(error(529, message), event="error")


def _message(answer: Answer) -> dict[str, Any]:
    return {
        "model": answer.model,
        "id": response_id(answer.seed),
        "type": "message",
        "role": "assistant",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "stop_details": None,
    }


def _blocks(answer: Answer) -> list[dict[str, Any]]:
    output = answer.output
    blocks: list[dict[str, Any]] = [{"type": "text", "text": output.text}] if output.text else []
    for tool, tool_id in zip(output.tool_calls, answer.tool_ids, strict=True):
        name = tool_id if tool_id.startswith("toolu_") else f"toolu_01{tool_id}"
        blocks.append({"type": "tool_use", "id": name, "name": tool.name, "input": json.loads(tool.arguments)})
    return blocks


def _stop_sequence(answer: Answer) -> str | None:
    sequences = answer.request.get("stop_sequences") or [None]
    return sequences[0] if answer.output.stop is Stop.SEQUENCE else None


def _stop_details(output: Output) -> dict[str, Any] | None:
    return {"type": "refusal", "category": None, "explanation": None} if output.stop is Stop.REFUSAL else None


def _final_usage(spent: Usage) -> dict[str, Any]:
    named = (
        "input_tokens",
        "cache_creation_input_tokens",
        "cache_read_input_tokens",
        "output_tokens",
        "output_tokens_details",
    )
    return {name: count for name, count in usage(spent).items() if name in named}


def _event(kind: str, **data: Any) -> bytes:  # noqa: ANN401 - raw JSON of the wire format
    return sse({"type": kind, **data}, event=kind)
