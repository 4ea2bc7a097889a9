"""What a production call brought, out of the response that its log kept: an answer, a failure, or neither."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from evalharness.model import Output, Usage, Wire
from evalharness.readers.sse import assembled, is_stream
from evalharness.readers.wires import body_of
from evalharness.wire.fields import label, sub
from evalharness.wire.output import NO_ANSWER, output_of
from evalharness.wire.unreadable import Unreadable
from evalharness.wire.usage import usage_of

HTTP_ERROR = 400
_CODE = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A response, normalised."""

    output: Output | None = None
    usage: Usage | None = None
    error: str | None = None
    """Why there is no output; None also if the log did not keep the response."""
    model: str | None = None
    response_id: str | None = None
    created: object = None
    """The vendor's own time of the answer, raw."""


def answer_of(wire: Wire, response: object, *, status: int | None = None, error: str | None = None) -> Answer:
    """
    The answer in a response body: JSON, its text, or the text of a stream.

    Args:
        wire: The protocol of the body.
        response: The body; None if the log has none.
        status: HTTP status, if the log has it.
        error: Code of a failure that the log names itself; the body is not asked for an answer then.

    Raises:
        Unreadable: The body is malformed.
    """
    if status is not None and status >= HTTP_ERROR:
        error = error or f"http_{status}"
    body = _whole(wire, None if error and isinstance(response, str) else response)
    if body is None:
        return Answer(error=error)
    output = None
    if not error:
        try:
            output = output_of(wire, body)
        except Unreadable as problem:
            if problem.reason not in NO_ANSWER:
                raise
            error = _vendor_code(body) if problem.reason == "error_body" else problem.reason
    return Answer(
        output=output,
        usage=_usage(wire, body, failed=error is not None),
        error=error,
        model=label(body.get("model")),
        response_id=label(body.get("id")),
        created=body.get("created", body.get("created_at")),
    )


def code(value: object, *, otherwise: str) -> str:
    """A short error code as a source names it, or another one: a message, which may hold content, never passes."""
    return value if isinstance(value, str) and _CODE.fullmatch(value) else otherwise


def _whole(wire: Wire, response: object) -> dict[str, Any] | None:
    if isinstance(response, str) and is_stream(response):
        return assembled(wire, response)
    body = body_of(response)
    if body is None and response is None:
        return None
    if not isinstance(body, dict):
        raise Unreadable("wrong_type", "response")
    return body or None


def _vendor_code(body: dict[str, Any]) -> str:
    return code(sub(body, "error").get("type"), otherwise="error_body")


def _usage(wire: Wire, body: dict[str, Any], *, failed: bool) -> Usage | None:
    """The stated usage; what a failed answer states half is nothing, since its cost is booked elsewhere."""
    try:
        return usage_of(wire, body)
    except Unreadable:
        if failed:
            return None
        raise
