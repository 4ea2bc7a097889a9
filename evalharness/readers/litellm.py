"""
LiteLLM's standard logging payload, as a file callback or a bucket logger writes it.

What was seen in real payloads, and is handled here:
- `response` has the chat shape for chat and for `anthropic_messages`, whose `messages` and tools stay in Anthropic's; the system
  prompt of the latter stands in `messages`.
- `usage` inside a response to the responses call type has the chat shape; `metadata.usage_object` is the same everywhere, and
  its `prompt_tokens` include cache reads and writes for every vendor.
- `id` is what the proxy's client saw as the id of the answer, so a replay through the proxy is recognised by it; retries and
  cache hits repeat or decorate it, so the call's id is `litellm_call_id`.
- `response_cost` is 0.0 for a model without a price, too.
- `is_silent_experiment` stands in the metadata of the call but is not passed on to the payload by all versions; where it is
  missing, the tag "model_group:<name>" tells the shadow deployment.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from evalharness.model import Call, CallId, Request, Usage, Wire
from evalharness.readers.answer import Answer, answer_of, code
from evalharness.readers.bodies import model_of
from evalharness.readers.faithful import unreplayable
from evalharness.readers.labels import tags_of, task_type_of
from evalharness.readers.wires import wire_of_response
from evalharness.wire.fields import fingerprint, identity, label, moment, number, sub, text, usd
from evalharness.wire.unreadable import NotACall
from evalharness.wire.usage import usage_of

NAME = "litellm"
HEALTH_CHECK_TAG = "litellm-internal-health-check"
_WIRES = {
    "completion": Wire.OPENAI_CHAT,
    "anthropic_messages": Wire.ANTHROPIC_MESSAGES,
    "responses": Wire.OPENAI_RESPONSES,
}
_FOR_THE_BOOKS = ("text_completion", "generate_content", "generate_content_stream", "pass_through_endpoint")
"""Generations on wires that we do not replay."""

_NOT_SENT = ("api_key", "extra_body", "extra_headers", "headers", "max_retries", "metadata", "model", "timeout")
"""Parameters of LiteLLM's own, or that may hold keys."""


def detects(record: dict[str, Any]) -> bool:
    """Whether a record is a standard logging payload."""
    return "call_type" in record and "model_parameters" in record and ("startTime" in record or "hidden_params" in record)


def read(record: dict[str, Any], at: datetime | None) -> Call:
    """
    The call in a payload.

    Raises:
        NotACall: It is no generation, or LiteLLM's own experiment or health check.
        Unreadable: The payload is malformed.
    """
    call_type = text(record.get("call_type"), "call_type").removeprefix("a" if _is_async(record["call_type"]) else "")
    if call_type not in _WIRES and call_type not in _FOR_THE_BOOKS:
        raise NotACall("not_a_generation", "call_type")
    metadata = sub(record, "metadata")
    tags = tags_of(record.get("request_tags")) or tags_of(metadata.get("tags"))
    if metadata.get("is_silent_experiment"):
        raise NotACall("silent_experiment", "metadata.is_silent_experiment")
    if HEALTH_CHECK_TAG in tags:
        raise NotACall("health_check", "request_tags")
    wire = _WIRES.get(call_type)
    request = _request(wire, record) if wire else None
    answer = _answer(wire, record)
    cached = record.get("cache_hit") is True
    group = label(record.get("model_group"))
    served = answer.model if answer.model != group else None  # a proxy may answer under its alias
    said_id = record.get("litellm_call_id") or record.get("id")
    said = (sub(metadata, "requester_metadata"), sub(metadata, "spend_logs_metadata"), metadata)
    return Call(
        id=CallId(identity(said_id) if isinstance(said_id, str) else fingerprint(record)),
        at=at if record.get("startTime") is None and at is not None else moment(record.get("startTime"), "startTime"),
        provider=(label(record.get("custom_llm_provider")) or "unknown").lower(),
        model=model_of(served, record.get("model"), group),
        source=NAME,
        task_type=task_type_of(*said, tags=tags),
        request=request,
        output=answer.output,
        usage=_usage(record) or answer.usage,
        latency_ms=_latency_ms(record),
        usd=Decimal(0) if cached else _usd(record),
        error=answer.error,
        response_id=label(record.get("id")),
        unreplayable=_reason(wire, request, answer, cached=cached),
        tags=(*tags, f"model_group:{group}") if group else tags,
        team=label(metadata.get("user_api_key_team_alias")) or label(metadata.get("user_api_key_team_id")),
        subject=label(record.get("end_user")) or label(sub(record, "model_parameters").get("user")),
        conversation=label(record.get("session_id")),
    )


def _is_async(call_type: str) -> bool:
    """Whether a call type is the asynchronous form, which has an "a" before the name."""
    return call_type[:1] == "a" and (call_type[1:] in _WIRES or call_type[1:] in _FOR_THE_BOOKS)


def _request(wire: Wire, record: dict[str, Any]) -> Request | None:
    """The request as the vendor's wire has it; None if the log has no messages."""
    messages = record.get("messages")
    if not messages:
        return None
    given = sub(record, "model_parameters")
    body = {key: value for key, value in given.items() if key not in _NOT_SENT} | sub(given, "extra_body")
    body["model"] = record.get("model")
    if wire is Wire.OPENAI_RESPONSES:
        return Request(wire=wire, body=body | {"input": messages})
    if wire is Wire.ANTHROPIC_MESSAGES and isinstance(messages, list) and "system" not in body:
        first = messages[0]
        if isinstance(first, dict) and first.get("role") == "system":
            body["system"], messages = first.get("content"), messages[1:]
    return Request(wire=wire, body=body | {"messages": messages})


def _answer(wire: Wire | None, record: dict[str, Any]) -> Answer:
    """The answer, on the wire that LiteLLM translated it to; a call that we cannot replay has none."""
    error = _error(record)
    response = record.get("response")
    shape = wire_of_response(response) or wire
    if wire is None or shape is None or isinstance(response, list):
        return Answer(error=error)
    if isinstance(response, str):
        response = None  # a logger with a size limit writes a representation, not the body
    if isinstance(response, dict):
        response = {**response, "usage": None}  # its shape does not follow the wire; `_usage` reads the one that does
    return answer_of(shape, response, error=error)


def _error(record: dict[str, Any]) -> str | None:
    if record.get("status") != "failure":
        return None
    information = sub(record, "error_information")
    if information.get("error_class") == "Timeout":
        return "timeout"
    number = information.get("error_code")
    if isinstance(number, str) and number.isascii() and number.isdigit():
        return code(f"http_{number}", otherwise="failure")
    return "failure"


def _usage(record: dict[str, Any]) -> Usage | None:
    for stated in (sub(record, "metadata"), sub(record, "hidden_params")):
        if sub(stated, "usage_object"):
            return usage_of(Wire.OPENAI_CHAT, {"usage": stated["usage_object"]})
    if record.get("prompt_tokens") or record.get("completion_tokens"):
        return usage_of(Wire.OPENAI_CHAT, {"usage": {key: record.get(key) for key in ("prompt_tokens", "completion_tokens")}})
    return None


def _usd(record: dict[str, Any]) -> Decimal | None:
    """The logged cost; a zero is a model without a price, or a failure: pricing knows better."""
    cost = record.get("response_cost")
    return usd(cost, "response_cost") if cost else None


def _latency_ms(record: dict[str, Any]) -> float | None:
    seconds = record.get("response_time")
    return None if seconds is None else number(seconds, "response_time") * 1000


def _reason(wire: Wire | None, request: Request | None, answer: Answer, *, cached: bool) -> str | None:
    if wire is None:
        return "unsupported_wire"
    if cached:
        return "cache_hit"  # no model answered
    return unreplayable(request, answer.output) or (None if answer.output else "no_answer")
