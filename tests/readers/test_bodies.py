"""Bodies in the envelopes that people write around them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from evalharness.readers import NotACall, Unreadable, detect, read

Samples = dict[str, dict[str, Any]]
WIRES = ["anthropic", "openai_chat", "openai_responses"]


@pytest.mark.parametrize("name", WIRES)
@pytest.mark.parametrize("keys", [("request", "response"), ("body", "response"), ("params", "message")])
@pytest.mark.parametrize("as_text", [False, True])
def test_every_envelope_gives_the_same_call(sample: Samples, at: datetime, name: str, keys: tuple[str, str], *, as_text: bool) -> None:
    """Whatever the keys are called, and whether bodies are JSON or its text."""
    bodies = sample[name]
    pack = json.dumps if as_text else (lambda body: body)
    record = {keys[0]: pack(bodies["request"]), keys[1]: pack(bodies["response"])}
    call, expected = read(record, at=at), read(bodies, at=at)
    assert (expected.request, expected.output, expected.id) == (call.request, call.output, call.id)
    assert (call.source, call.unreplayable) == (name, None)
    assert call.output is not None
    assert call.output.text == "Hello."


@pytest.mark.parametrize("name", WIRES)
def test_batch_results_are_read(sample: Samples, at: datetime, name: str) -> None:
    """A batch result is an answer with the caller's id, for the books: its request is in another file."""
    response = sample[name]["response"]
    if name == "anthropic":
        record: dict[str, Any] = {"custom_id": "row-1", "result": {"type": "succeeded", "message": response}}
    else:
        record = {"custom_id": "row-1", "response": {"status_code": 200, "request_id": "r", "body": response}, "error": None}
    call = read(record, at=at)
    assert (call.id, call.response_id, call.source, call.unreplayable) == ("row-1", response["id"], name, "no_request")
    assert call.usage is not None


@pytest.mark.parametrize("kind", ["errored", "canceled", "expired"])
def test_a_failed_batch_row_is_kept(sample: Samples, at: datetime, kind: str) -> None:
    """A row without an answer stays in the denominator."""
    record = {"custom_id": "r", "params": sample["anthropic"]["request"], "result": {"type": kind}}
    call = read(record, at=at)
    assert (call.error, call.output, call.unreplayable) == (kind, None, "no_answer")


def test_what_stands_beside_the_bodies_is_read(sample: Samples) -> None:
    """Time, task, cost, latency and names come from the envelope."""
    record = sample["anthropic"] | {
        "id": "row-1",
        "timestamp": "2026-11-01T11:00:00+01:00",
        "metadata": {"task_type": "summary"},
        "tags": ["a", "a", 3],
        "usd": 0.25,
        "latency_ms": 12,
        "url": "https://openrouter.ai/api/v1",
    }
    record["request"]["metadata"] = {"user_id": "user-7"}
    call = read(record)
    assert (call.id, call.at, call.task_type) == ("row-1", datetime(2026, 11, 1, 10, tzinfo=UTC), "summary")
    assert (call.tags, call.usd, call.latency_ms) == (("a",), Decimal("0.25"), 12.0)
    assert (call.provider, call.subject) == ("openrouter", "user-7")


def test_the_time_is_the_records_or_the_vendors_or_the_files(sample: Samples, at: datetime) -> None:
    """A record without any time is refused rather than dated by guess."""
    assert read(sample["openai_chat"]).at == datetime.fromtimestamp(1_790_000_000, UTC)
    assert read(sample["openai_chat"] | {"ts": 1_790_000_001_500}).at.timestamp() == 1_790_000_001.5
    assert at == read(sample["anthropic"], at=at).at
    with pytest.raises(Unreadable) as refused:
        read(sample["anthropic"])
    assert refused.value.reason == "no_time"


def test_an_id_is_the_same_at_every_import(sample: Samples, at: datetime) -> None:
    """The record's id, else the response's, else a hash that does not hang on the order of keys."""
    record = sample["anthropic"]
    assert read(record, at=at).id == "msg_1"
    del record["response"]["id"]
    turned = dict(reversed(record.items()))
    assert read(record, at=at).id.startswith("sha256:")
    assert read(record, at=at).id == read(turned, at=at).id


def test_the_served_model_is_the_responses_word(sample: Samples, at: datetime) -> None:
    """What was asked for is in the request; what is priced is what answered, without a proxy's prefix."""
    record = sample["openai_chat"]
    assert read(record).model == "gpt-4o-2024-08-06"
    record["response"]["model"] = "openrouter/openai/gpt-4o"
    assert read(record).model == "gpt-4o"
    del record["response"]["model"], record["request"]["model"]
    with pytest.raises(Unreadable) as refused:
        read(record, at=at)
    assert refused.value.reason == "no_model"


@pytest.mark.parametrize(
    ("request_body", "name"),
    [
        ({"model": "claude-x", "max_tokens": 5, "messages": []}, "anthropic"),
        ({"model": "m", "max_tokens": 5, "messages": [], "system": "s"}, "anthropic"),
        ({"model": "m", "messages": []}, "openai_chat"),
        ({"model": "claude-x", "max_tokens": 5, "messages": [], "tools": [{"function": {}}]}, "openai_chat"),
        ({"model": "m", "input": "x"}, "openai_responses"),
    ],
)
def test_a_failed_call_is_detected_by_its_request(request_body: dict[str, Any], name: str) -> None:
    """An error body does not tell the wire; the request does."""
    reader = detect({"request": request_body, "response": {"error": {"message": "x"}}})
    assert reader is not None
    assert name == reader.name


def test_a_given_format_holds_against_another(sample: Samples, at: datetime) -> None:
    """Naming a format that the bodies contradict is refused with the right one."""
    with pytest.raises(Unreadable) as refused:
        read(sample["anthropic"], format="openai_chat", at=at)
    assert (refused.value.reason, refused.value.remedy) == ("other_wire", "read it as anthropic.messages")


def test_an_embedding_is_no_call(at: datetime) -> None:
    """An embedding looks like a responses request until its response is seen."""
    record = {"request": {"model": "e", "input": "x"}, "response": {"object": "list", "data": []}}
    with pytest.raises(NotACall):
        read(record, at=at)
