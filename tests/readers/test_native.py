"""Our own log format."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from evalharness.model import Call, CallId, Output, Request, Usage, Wire
from evalharness.readers import Unreadable, read

Samples = dict[str, dict[str, Any]]


def test_a_line_is_read_whole(sample: Samples) -> None:
    """Every field of the format arrives in the call."""
    line = sample["native"] | {"usd": "0.0123"}
    expected = Call(
        id=CallId("call-1"),
        at=datetime(2026, 11, 1, 10, tzinfo=UTC),
        provider="anthropic",
        model="claude-opus-4-6",
        source="native",
        task_type="keyword_relevance",
        request=Request(wire=Wire.ANTHROPIC_MESSAGES, body=line["request"]),
        output=Output(text="Hello."),
        usage=Usage(uncached_input_tokens=10, output_tokens=3),
        latency_ms=812.5,
        usd=Decimal("0.0123"),
        response_id="msg_1",
        tags=("nightly",),
        team="search",
        subject="user-7",
        conversation="c-1",
        prompt_version="7",
    )
    assert expected == read(line)


def test_a_metering_line_counts_and_is_not_replayed(sample: Samples) -> None:
    """Without bodies there are still tokens and a cost for the books."""
    line = sample["native"] | {"model": "claude-opus-4-6", "usage": {"uncached_input_tokens": 7, "output_tokens": 2}}
    for key in ("request", "response", "wire"):
        del line[key]
    call = read(line)
    assert Usage(uncached_input_tokens=7, output_tokens=2) == call.usage
    assert (call.request, call.output, call.unreplayable) == (None, None, "no_request")


def test_a_failed_call_is_kept_by_its_code(sample: Samples) -> None:
    """Failures stay in the denominator: by status, or by the code that capture gave."""
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "secret"}}
    failed = read(sample["native"] | {"status": 529, "response": error, "model": "claude-opus-4-6"})
    assert (failed.error, failed.output, failed.unreplayable) == ("http_529", None, "no_answer")
    timed_out = read(sample["native"] | {"response": None, "status": None, "error": "timeout"})
    assert (timed_out.error, timed_out.model) == ("timeout", "claude-opus-4-6")
    assert read(sample["native"] | {"response": None, "error": "A secret: x"}).error == "error"


def test_capture_knows_best_what_cannot_be_replayed(sample: Samples) -> None:
    """A reason given by the line is kept."""
    assert read(sample["native"] | {"unreplayable": "file_ids"}).unreplayable == "file_ids"


def test_the_tag_names_the_task_where_the_field_does_not(sample: Samples) -> None:
    """task:<name> is the second word after the field."""
    assert read(sample["native"] | {"task_type": None, "tags": ["x", "task:summary"]}).task_type == "summary"
    assert read(sample["native"] | {"task_type": None, "tags": ["x"]}).task_type is None


@pytest.mark.parametrize(
    ("change", "reason", "field"),
    [
        ({"v": 2}, "unsupported_version", "v"),
        ({"v": True}, "unsupported_version", "v"),
        ({"id": 7}, "wrong_type", "id"),
        ({"id": ""}, "wrong_type", "id"),
        ({"at": "2026-11-01T10:00:00"}, "bad_time", "at"),
        ({"at": "yesterday"}, "bad_time", "at"),
        ({"at": 0}, "bad_time", "at"),
        ({"at": 10**400}, "bad_time", "at"),
        ({"at": None}, "wrong_type", "at"),
        ({"wire": "smoke"}, "unsupported_wire", "wire"),
        ({"wire": None}, "wrong_type", "wire"),
        ({"provider": None}, "wrong_type", "provider"),
        ({"request": []}, "wrong_type", "request"),
        ({"response": []}, "wrong_type", "response"),
        ({"response": "hello"}, "wrong_type", "response"),
        ({"usage": {"input_tokens": 3}}, "unknown_usage_class", "usage"),
        ({"usage": {"output_tokens": -3}}, "wrong_type", "usage.output_tokens"),
        ({"usd": "NaN"}, "wrong_type", "usd"),
        ({"usd": "-1"}, "wrong_type", "usd"),
        ({"usd": "lots"}, "wrong_type", "usd"),
        ({"latency_ms": float("inf")}, "wrong_type", "latency_ms"),
        ({"status": "200"}, "wrong_type", "status"),
        ({"request": None, "response": None}, "empty_line", "usage"),
    ],
)
def test_a_wrong_line_is_refused_by_field(sample: Samples, change: dict[str, Any], reason: str, field: str) -> None:
    """The quarantine says where, never what."""
    with pytest.raises(Unreadable) as refused:
        read(sample["native"] | change)
    assert (reason, field) == (refused.value.reason, refused.value.field)


def test_ids_and_names_are_fit_for_a_database(sample: Samples) -> None:
    """A NUL, a surrogate or an endless id becomes a hash, and such a name is none; the same id gives the same hash."""
    for wild in ("a\x00b", "\ud800", "x" * 10_000):
        call = read(sample["native"] | {"id": wild, "team": wild, "tags": [wild], "task_type": wild})
        assert call.id.startswith("sha256:")
        assert call.id == read(sample["native"] | {"id": wild}).id
        assert (call.team, call.tags, call.task_type) == (None, (), None)
