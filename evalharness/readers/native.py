"""
Our own log format, which live capture writes: one JSON object per line.

    v             1
    id            str: the draw hashes it, so it is the same on every road
    at            ISO 8601 in UTC: when the request was sent
    task_type     str or null
    provider      str: who served it, lower case
    model         str, optional: else the response's, else the request's
    wire          "anthropic.messages", "openai.chat" or "openai.responses"; optional on a metering line
    request       the body as it was sent; absent on a metering line
    response      the body as it came: JSON, or the text of a stream; absent likewise
    usage         {"uncached_input_tokens": int, ...} in our disjoint classes; optional where the response states it
    usd           decimal as text, optional
    status        HTTP status, optional
    error         code of a failure, optional
    latency_ms    number, optional
    unreplayable  reason code, optional: what capture knows of it
    tags          [str], optional
    team, subject, conversation, prompt_version    str, optional

A metering line has no bodies but a usage: it counts in the books and cannot be replayed.
"""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from typing import Any

from evalharness.model import Call, CallId, Request, Usage, Wire
from evalharness.readers.answer import Answer, answer_of, code
from evalharness.readers.bodies import model_of
from evalharness.readers.faithful import unreplayable
from evalharness.readers.labels import tags_of, task_type_of
from evalharness.wire.fields import identity, label, mapping, moment, number, text, tokens, usd
from evalharness.wire.unreadable import Unreadable

NAME = "native"
VERSION = 1
_CLASSES = frozenset(f.name for f in fields(Usage))


def detects(record: dict[str, Any]) -> bool:
    """Whether a record is a line of ours, of whatever version."""
    return "v" in record and "id" in record and "at" in record and ("wire" in record or "usage" in record)


def read(record: dict[str, Any], _at: datetime | None) -> Call:
    """
    The call in a line.

    Raises:
        Unreadable: The line is not what the format says.
    """
    if record.get("v") != VERSION or isinstance(record["v"], bool):
        raise Unreadable("unsupported_version", "v", "upgrade evalharness, or write v 1")
    call_id = text(record.get("id"), "id")
    if not call_id:
        raise Unreadable("wrong_type", "id")
    request, answer = _exchange(record)
    usage = answer.usage if record.get("usage") is None else _usage(mapping(record["usage"], "usage"))
    if usage is None and request is None and answer.output is None and answer.error is None:
        raise Unreadable("empty_line", "usage", "a line needs a request, a response, a usage or an error")
    tags = tags_of(record.get("tags"))
    provider = label(record.get("provider"))
    if provider is None:
        raise Unreadable("wrong_type", "provider")
    reason = code(record["unreplayable"], otherwise="unreplayable") if record.get("unreplayable") else None
    return Call(
        id=CallId(identity(call_id)),
        at=moment(record.get("at"), "at"),
        provider=provider.lower(),
        model=model_of(answer.model, record.get("model"), request.body.get("model") if request else None),
        source=NAME,
        task_type=task_type_of(record, tags=tags),
        request=request,
        output=answer.output,
        usage=usage,
        latency_ms=None if record.get("latency_ms") is None else number(record["latency_ms"], "latency_ms"),
        usd=None if record.get("usd") is None else usd(record["usd"], "usd"),
        error=answer.error,
        response_id=answer.response_id,
        unreplayable=reason or unreplayable(request, answer.output) or (None if answer.output else "no_answer"),
        tags=tags,
        team=label(record.get("team")),
        subject=label(record.get("subject")),
        conversation=label(record.get("conversation")),
        prompt_version=label(record.get("prompt_version")),
    )


def _exchange(record: dict[str, Any]) -> tuple[Request | None, Answer]:
    """The request and the answer of a line; a metering line has neither."""
    error = code(record["error"], otherwise="error") if record.get("error") else None
    status = record.get("status")
    if status is not None:
        status = tokens(status, "status")
    if record.get("request") is None and record.get("response") is None:
        return None, answer_of(Wire.OPENAI_CHAT, None, status=status, error=error)  # no body: any wire will do
    name = text(record.get("wire"), "wire")
    if name not in set(Wire):
        raise Unreadable("unsupported_wire", "wire", f"one of {', '.join(Wire)}")
    wire = Wire(name)
    body = None if record.get("request") is None else mapping(record["request"], "request")
    answer = answer_of(wire, record.get("response"), status=status, error=error)
    return (Request(wire=wire, body=body) if body else None), answer


def _usage(raw: dict[str, Any]) -> Usage:
    if not raw.keys() <= _CLASSES:
        raise Unreadable("unknown_usage_class", "usage", f"known are {', '.join(sorted(_CLASSES))}")
    return Usage(**{name: tokens(count, f"usage.{name}") for name, count in raw.items()})
