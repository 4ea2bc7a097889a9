"""Recorded traffic of three vendors."""

from __future__ import annotations

import base64
import gzip
import json
from collections import Counter
from datetime import datetime
from typing import Any

import pytest

from evalharness.model import Stop, Usage
from evalharness.readers import NotACall, Unreadable, detect, read


def outcome(exchange: dict[str, Any], at: datetime) -> str:
    """What became of an exchange, in a word."""
    try:
        call = read(exchange, at=at)
    except Unreadable as refused:
        return refused.reason
    if call.output is None:
        assert call.error
        assert call.unreplayable
        return call.error
    assert call.usage is not None
    assert call.request is not None
    return "read"


def test_every_recorded_exchange_is_read_or_refused_with_a_reason(cassettes: dict[str, list[dict[str, Any]]], at: datetime) -> None:
    """Nothing of recorded traffic is lost without a word, and the counts add up."""
    found: Counter[str] = Counter()
    for exchanges in cassettes.values():
        for exchange in exchanges:
            reader = detect(exchange)
            assert reader is not None
            assert reader.name == "http"
            found[outcome(exchange, at)] += 1
    expected = {"read": 35, "not_a_generation": 3, "unsupported_wire": 2, "http_400": 1}
    assert expected == found
    assert sum(found.values()) == sum(map(len, cassettes.values()))


def test_an_anthropic_stream_is_read_as_it_was_billed(cassettes: dict[str, list[dict[str, Any]]], at: datetime) -> None:
    """Tokens, text and tools of a stream, counted by hand in the file, come out."""
    name = "anthropic_http_cassettes/test_anthropic_tools_streaming_with_events_with_content"
    call = read(cassettes[name][0], at=at)
    assert Usage(uncached_input_tokens=514, output_tokens=168) == call.usage
    assert call.output is not None
    assert call.output.stop is Stop.TOOL
    asked = [(tool.name, json.loads(tool.arguments)) for tool in call.output.tool_calls]
    assert asked == [
        ("get_weather", {"location": "New York, NY", "unit": "fahrenheit"}),
        ("get_time", {"timezone": "America/New_York"}),
    ]
    assert call.output.text.startswith("Certainly! I'd be happy to help you with both the current weather in New York")
    assert call.output.text.endswith("Let's start with the weather, and then we'll check the time.")
    assert datetime.fromisoformat("2025-07-29T15:41:24Z") == call.at
    assert (call.provider, call.model) == ("anthropic", "claude-3-5-sonnet-20240620")


def test_a_deepseek_answer_is_read_as_it_was_billed(cassettes: dict[str, list[dict[str, Any]]], at: datetime) -> None:
    """563 prompt tokens of which 512 were cached, counted by hand in the file, become disjoint classes."""
    call = read(cassettes["deepseek_http_cassettes/test_deepseek_deferred_capability_with_thinking"][0], at=at)
    expected = Usage(uncached_input_tokens=51, cache_read_tokens=512, output_tokens=116, reasoning_tokens=60)
    assert expected == call.usage
    assert (call.provider, call.model) == ("deepseek", "deepseek-v4-flash")
    assert call.output is not None
    assert [tool.name for tool in call.output.tool_calls] == ["load_capability"]


def test_an_image_of_the_recorded_traffic_can_be_replayed(cassettes: dict[str, list[dict[str, Any]]], at: datetime) -> None:
    """Whole base64 is no stub."""
    call = read(cassettes["anthropic_http_cassettes/test_anthropic_multi_modal_with_events_with_content"][0], at=at)
    assert call.unreplayable is None


@pytest.mark.parametrize("path", ["/v1/embeddings", "/v1/messages/count_tokens", "/v1/files"])
def test_other_work_is_no_call(sample: dict[str, dict[str, Any]], path: str) -> None:
    """Another endpoint's traffic is counted, not quarantined."""
    sample["http"]["request"]["uri"] = f"https://api.openai.com{path}"
    with pytest.raises(NotACall) as refused:
        read(sample["http"])
    assert refused.value.reason == "not_a_generation"


def packed(body: dict[str, Any], *, encoding: str | None, cut: int | None = None) -> dict[str, Any]:
    """A response with a compressed body."""
    raw = gzip.compress(json.dumps(body).encode())[:cut]
    headers = {"content-encoding": [encoding]} if encoding else {}
    return {"status": 200, "headers": headers, "body": {"base64_string": base64.b64encode(raw).decode()}}


def test_a_compressed_body_is_unpacked(sample: dict[str, dict[str, Any]], at: datetime) -> None:
    """A recorder that keeps what went over the network is read like any other."""
    exchange = sample["http"]
    exchange["response"] = packed(exchange["response"]["parsed_body"], encoding="gzip")
    call = read(exchange, at=at)
    assert call.output is not None
    assert call.output.text == "Hello."


@pytest.mark.parametrize(
    ("encoding", "cut", "reason"),
    [("gzip", 40, "body_cut_or_too_long"), ("br", None, "content_encoding"), (None, None, "content_encoding")],
)
def test_a_body_that_cannot_be_unpacked_is_refused(
    sample: dict[str, dict[str, Any]], encoding: str | None, cut: int | None, reason: str
) -> None:
    """Cut or foreign compression has its own reason."""
    exchange = sample["http"]
    exchange["response"] = packed(exchange["response"]["parsed_body"], encoding=encoding, cut=cut)
    with pytest.raises(Unreadable) as refused:
        read(exchange)
    assert reason == refused.value.reason
