"""
Request and response bodies of the three wires, in the envelopes that services write around them.

    {"request": {...}, "response": {...}}                     our own services, most proxies
    {"body" or "params": {...}, "response" or "message": ...} batch lines joined with their results
    {"custom_id", "response": {"status_code", "body"}}        OpenAI batch results
    {"custom_id", "result": {"type", "message"}}              Anthropic batch results
    {...}                                                     a bare response body: for the books only

A response may be JSON, its text, or the text of a stream.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from evalharness.ladder import bare
from evalharness.model import Call, CallId, Request, Wire
from evalharness.readers.answer import Answer, answer_of, code
from evalharness.readers.faithful import unreplayable
from evalharness.readers.labels import tags_of, task_type_of
from evalharness.readers.wires import body_of, vendor_of, wire_of_request, wire_of_response
from evalharness.wire.fields import fingerprint, identity, label, moment, number, sub, usd
from evalharness.wire.unreadable import NotACall, Unreadable

_REQUEST_KEYS = ("request", "request_body", "body", "params")
_RESPONSE_KEYS = ("response", "response_body", "result", "message")
_TIME_KEYS = ("at", "timestamp", "created_at", "start_time", "startTime", "time", "ts")
_URL_KEYS = ("url", "uri", "base_url", "api_base")
_OTHER_OBJECTS = ("list", "embedding", "model", "file", "batch", "moderation", "response.input_tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A request body and its response, taken out of their envelope."""

    request: dict[str, Any] | None
    response: dict[str, Any] | str | None
    wire: Wire
    status: int | None = None
    error: str | None = None


def exchange_of(record: dict[str, Any], *, otherwise: Wire | None = None) -> Exchange | None:
    """
    The exchange in a record, or None if the record holds none that we know.

    Args:
        record: The envelope.
        otherwise: The wire if the response does not tell; None guesses it from the request.

    Raises:
        NotACall: The bodies are those of another endpoint.
    """
    wire = wire_of_response(record)
    if wire is not None:
        return Exchange(request=None, response=record, wire=wire)
    request = next((body for key in _REQUEST_KEYS if isinstance(body := body_of(record.get(key)), dict)), None)
    raw = next((record[key] for key in _RESPONSE_KEYS if record.get(key) is not None), None)
    status = record.get("status", record.get("status_code"))
    error = code(record.get("error"), otherwise="error") if record.get("error") else None
    if isinstance(raw, dict) and "status_code" in raw:
        status, raw = raw["status_code"], raw.get("body")
    elif isinstance(raw, dict) and isinstance(raw.get("message"), dict) and raw.get("type") == "succeeded":
        raw = raw["message"]
    elif isinstance(raw, dict) and raw.get("type") in ("errored", "canceled", "expired"):
        error, raw = str(raw["type"]), None
    response = body_of(raw)
    if request is None and "custom_id" not in record and "response" not in record:
        return None  # a lone `message` is a line of a transcript
    if isinstance(response, dict) and response.get("object") in _OTHER_OBJECTS:
        raise NotACall("not_a_generation", "response.object")
    wire = wire_of_response(response) or otherwise or wire_of_request(request)
    if wire is None or (response is None and not error and status is None):
        return None
    known = isinstance(status, int) and not isinstance(status, bool)
    return Exchange(request=request, response=response, wire=wire, status=status if known else None, error=error)


def call_of(record: dict[str, Any], exchange: Exchange, *, source: str, at: datetime | None) -> Call:
    """
    The call that an exchange is, with what its record says beside the bodies.

    Args:
        record: The envelope.
        exchange: What `exchange_of` found in it.
        source: Name of the reader.
        at: Time for a record that has none, such as its file's.

    Raises:
        Unreadable: A body is malformed, or there is neither a model nor a time.
    """
    body = exchange.request or {}
    answer = answer_of(exchange.wire, exchange.response, status=exchange.status, error=exchange.error)
    request = Request(wire=exchange.wire, body=body) if body else None
    metadata, sent = sub(record, "metadata"), sub(body, "metadata")
    tags = tags_of(record.get("tags"))
    vendor = "anthropic" if exchange.wire is Wire.ANTHROPIC_MESSAGES else "openai"
    address = next((name for key in _URL_KEYS if (name := vendor_of(record.get(key)))), None)
    said_id = next((name for key in ("id", "custom_id") if isinstance(name := record.get(key), str) and name), None)
    return Call(
        id=CallId(identity(said_id or answer.response_id or fingerprint(record))),
        at=time_of(record, answer, at=at),
        provider=(label(record.get("provider")) or address or vendor).lower(),
        model=model_of(answer.model, record.get("model"), body.get("model")),
        source=source,
        task_type=task_type_of(record, metadata, sent, tags=tags),
        request=request,
        output=answer.output,
        usage=answer.usage,
        latency_ms=None if record.get("latency_ms") is None else number(record["latency_ms"], "latency_ms"),
        usd=None if record.get("usd") is None else usd(record["usd"], "usd"),
        error=answer.error,
        response_id=answer.response_id,
        unreplayable=unreplayable(request, answer.output) or (None if answer.output else "no_answer"),
        tags=tags,
        team=label(record.get("team")),
        subject=label(record.get("subject")) or label(sent.get("user_id")) or label(body.get("user")),
        conversation=label(record.get("conversation")),
        prompt_version=label(record.get("prompt_version")),
    )


def read_exchange(record: dict[str, Any], *, source: str, wire: Wire, at: datetime | None) -> Call:
    """
    The call in a record that is said to hold bodies of a wire.

    Raises:
        Unreadable: It holds none, or is malformed.
    """
    exchange = exchange_of(record, otherwise=wire)
    if exchange is None:
        raise Unreadable("no_bodies", "", 'give {"request": {...}, "response": {...}}')
    if exchange.wire is not wire:
        raise Unreadable("other_wire", "request", f"read it as {exchange.wire.value}")
    return call_of(record, exchange, source=source, at=at)


def holds(record: dict[str, Any], wire: Wire) -> bool:
    """Whether a record holds bodies of a wire, or is plainly another endpoint's on a vendor that speaks it."""
    try:
        exchange = exchange_of(record)
    except NotACall:
        return wire is Wire.OPENAI_CHAT  # its reader will say what the record is
    except Unreadable:
        return False
    return exchange is not None and exchange.wire is wire


def time_of(record: dict[str, Any], answer: Answer, *, at: datetime | None) -> datetime:
    """When the request was sent: the record's word, else the vendor's on the answer, else the given time."""
    for key in _TIME_KEYS:
        if record.get(key) is not None:
            return moment(record[key], key)
    if answer.created is not None:
        return moment(answer.created, "response.created")
    if at is None:
        raise Unreadable("no_time", "at", 'add "at" (ISO 8601 with an offset) to the record')
    return at


def model_of(*names: object) -> str:
    """The first usable name, without a "provider/" prefix."""
    for name in names:
        if found := bare(label(name) or ""):
            return found
    raise Unreadable("no_model", "model", 'add "model" to the record')
