"""LiteLLM's standard logging payload, from real ones."""

from __future__ import annotations

import copy
import os
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from evalharness.model import Call, Stop, Usage, Wire
from evalharness.readers import NotACall, read
from evalharness.readers.lines import open_lines, record_of

Payloads = dict[str, dict[str, Any]]
OPENAI = Usage(uncached_input_tokens=20, cache_read_tokens=100, output_tokens=9, reasoning_tokens=4)
CLAUDE = Usage(uncached_input_tokens=20, cache_read_tokens=100, cache_write_5m_tokens=30, cache_write_1h_tokens=20, output_tokens=9)
TEXT, TOOL = ("Hello from the loopback.", 0, Stop.END), ("", 1, Stop.TOOL)
BOTH = ("Hello from the loopback.", 1, Stop.TOOL)


def answer(call: Call) -> tuple[str, int, Stop]:
    """The answer in brief."""
    assert call.output is not None
    return call.output.text, len(call.output.tool_calls), call.output.stop


@pytest.mark.parametrize(
    ("case", "wire", "provider", "expected", "usage"),
    [
        ("chat", Wire.OPENAI_CHAT, "openai", TEXT, OPENAI),
        ("chat_stream", Wire.OPENAI_CHAT, "openai", TEXT, OPENAI),
        ("chat_tools", Wire.OPENAI_CHAT, "openai", TOOL, OPENAI),
        ("chat_anthropic", Wire.OPENAI_CHAT, "anthropic", TEXT, CLAUDE),
        ("chat_anthropic_stream", Wire.OPENAI_CHAT, "anthropic", TEXT, CLAUDE),
        ("chat_anthropic_tools", Wire.OPENAI_CHAT, "anthropic", BOTH, CLAUDE),
        ("messages", Wire.ANTHROPIC_MESSAGES, "anthropic", TEXT, CLAUDE),
        ("messages_stream", Wire.ANTHROPIC_MESSAGES, "anthropic", TEXT, CLAUDE),
        ("messages_tools", Wire.ANTHROPIC_MESSAGES, "anthropic", BOTH, CLAUDE),
        ("messages_history", Wire.ANTHROPIC_MESSAGES, "anthropic", BOTH, CLAUDE),
        ("responses", Wire.OPENAI_RESPONSES, "openai", TEXT, OPENAI),
        ("responses_stream", Wire.OPENAI_RESPONSES, "openai", TEXT, OPENAI),
        ("responses_tools", Wire.OPENAI_RESPONSES, "openai", TOOL, OPENAI),
        ("responses_history", Wire.OPENAI_RESPONSES, "openai", TOOL, OPENAI),
    ],
)
def test_each_call_type_is_read_whole(
    litellm_payloads: Payloads, case: str, wire: Wire, provider: str, expected: tuple[str, int, Stop], usage: Usage
) -> None:
    """Whatever shape LiteLLM gave it, the wire, the answer and the disjoint tokens are those of the call."""
    payload = litellm_payloads[case]
    call = read(payload)
    assert call.request is not None
    assert wire is call.request.wire
    assert expected == answer(call)
    assert usage == call.usage
    assert provider == call.provider
    assert payload["litellm_call_id"] == call.id
    assert payload["id"] == call.response_id
    assert Decimal(str(payload["response_cost"])) == call.usd
    assert datetime.fromtimestamp(payload["startTime"], UTC) == call.at
    assert call.latency_ms == pytest.approx(payload["response_time"] * 1000)
    assert (call.task_type, call.source, call.error, call.unreplayable) == ("keyword_relevance", "litellm", None, None)


def test_the_request_is_the_one_that_was_sent(litellm_payloads: Payloads) -> None:
    """Messages and parameters come back in the shape of their own wire."""
    chat = read(litellm_payloads["chat"]).request
    assert chat is not None
    hello = {"role": "user", "content": "Say hello."}
    assert chat.body == {
        "model": "gpt-4o-mini",
        "messages": [{"role": "system", "content": "Be brief."}, hello],
        "temperature": 0.2,
        "max_tokens": 50,
        "user": "user-7",
    }
    messages = read(litellm_payloads["messages_stream"]).request
    assert messages is not None
    expected = {"model": "claude-haiku-4-5", "system": "Be brief.", "messages": [hello], "max_tokens": 50, "stream": True}
    assert expected == messages.body
    history = read(litellm_payloads["responses_history"]).request
    assert history is not None
    assert [item.get("type") for item in history.body["input"]] == [None, "function_call", "function_call_output"]


def test_an_error_is_kept_without_its_message(litellm_payloads: Payloads) -> None:
    """A failed production call is on the books by its code; the vendor's words, which may hold content, are not."""
    call = read(litellm_payloads["chat_error"])
    assert (call.error, call.output, call.usage, call.usd) == ("http_529", None, None, None)
    assert call.unreplayable == "no_answer"
    assert "secret detail" in str(litellm_payloads["chat_error"])
    assert "secret detail" not in repr(call)


def test_a_timeout_has_its_own_code(litellm_payloads: Payloads) -> None:
    """A timeout is told from an answer that said so."""
    payload = copy.deepcopy(litellm_payloads["chat_error"])
    payload["error_information"] |= {"error_class": "Timeout", "error_code": "408"}
    assert read(payload).error == "timeout"


def test_an_answer_from_the_proxys_cache_costs_nothing(litellm_payloads: Payloads) -> None:
    """No model answered, so it is on the books at zero and is not replayed."""
    assert read(litellm_payloads["cache_miss"]).unreplayable is None
    hit = read(litellm_payloads["cache_hit"])
    assert (hit.usd, hit.unreplayable) == (Decimal(0), "cache_hit")


def test_a_redacted_log_keeps_its_books(litellm_payloads: Payloads) -> None:
    """Where the proxy logs no messages, the tokens and the cost remain, and nothing is replayed."""
    call = read(litellm_payloads["redacted"])
    assert (call.usage, call.usd, call.unreplayable) == (OPENAI, Decimal("0.0000159"), "redacted")
    assert call.model == "gpt-4o-mini"


def test_a_size_limited_log_keeps_its_books(litellm_payloads: Payloads) -> None:
    """Loggers with a limit write a cut representation in place of messages and response."""
    note = "...truncated by litellm, this logger does not support large content"
    call = read(litellm_payloads["chat"] | {"messages": "[{'role': " + note, "response": "{'id': " + note})
    assert (call.usage, call.output, call.unreplayable) == (OPENAI, None, "truncated")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda p: p["metadata"].update(is_silent_experiment=True), "silent_experiment"),
        (lambda p: p["request_tags"].append("litellm-internal-health-check"), "health_check"),
        (lambda p: p.update(call_type="aembedding"), "not_a_generation"),
    ],
)
def test_what_is_not_production_is_no_call(litellm_payloads: Payloads, change: Callable[[dict[str, Any]], None], reason: str) -> None:
    """Shadow experiments of the proxy, its health checks and embeddings are counted and never sampled."""
    payload = copy.deepcopy(litellm_payloads["chat"])
    change(payload)
    with pytest.raises(NotACall) as refused:
        read(payload)
    assert reason == refused.value.reason


def test_a_shadow_deployment_can_be_told_by_its_group(litellm_payloads: Payloads) -> None:
    """Versions that drop `is_silent_experiment` from the payload still leave the deployment's name, as a tag for rules."""
    tags = read(litellm_payloads["router_silent_experiment"]).tags
    assert {"model_group:main", "model_group:shadow"} & set(tags)


def test_the_callers_metadata_names_the_task_before_the_tags(litellm_payloads: Payloads) -> None:
    """requester_metadata, then spend_logs_metadata, then tags."""
    payload = copy.deepcopy(litellm_payloads["chat"])
    payload["metadata"]["spend_logs_metadata"] = {"task_type": "extraction"}
    assert read(payload).task_type == "extraction"
    payload["metadata"]["requester_metadata"] = {"task_type": "summary"}
    assert read(payload).task_type == "summary"


def test_a_model_without_a_price_has_no_cost(litellm_payloads: Payloads) -> None:
    """LiteLLM logs 0.0 for a model that it cannot price; our pricing is asked then."""
    assert read(litellm_payloads["chat"] | {"response_cost": 0.0}).usd is None


def test_parameters_that_may_hold_keys_are_left_out(litellm_payloads: Payloads) -> None:
    """Headers and keys never travel into a request."""
    payload = copy.deepcopy(litellm_payloads["chat"])
    payload["model_parameters"] |= {"extra_headers": {"x": "sk-secret"}, "api_key": "sk-secret", "extra_body": {"top_k": 3}}
    request = read(payload).request
    assert request is not None
    assert "sk-secret" not in repr(request)
    assert request.body["top_k"] == 3


def test_payloads_made_now_are_read(tmp_path: Path) -> None:
    """The installed LiteLLM still writes what the reader reads."""
    default = Path(__file__).parents[2] / ".venv-litellm" / "bin" / "python"
    python = Path(os.environ.get("EVALHARNESS_TEST_LITELLM_PYTHON", default))
    if not python.exists():
        reason = "LiteLLM: run `make litellm` or set EVALHARNESS_TEST_LITELLM_PYTHON; the kept payloads are tested above"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    script, path = Path(__file__).with_name("make_litellm_payloads.py"), tmp_path / "litellm.jsonl"
    subprocess.run([python, script, path], check=True, timeout=120, capture_output=True)
    calls = []
    for line in open_lines(str(path)):
        try:
            calls.append(read(record_of(line.raw)))
        except NotACall as refused:
            assert refused.reason == "not_a_generation"  # noqa: PT017 - one of many lines
    assert len(calls) == 20
    assert {"http_529"} == {call.error for call in calls if call.error}
    assert {"no_answer", "cache_hit", "redacted", None} == {call.unreplayable for call in calls}
    assert {OPENAI, CLAUDE, None} == {call.usage for call in calls}
