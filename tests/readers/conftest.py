"""What the tests of the readers share: real files where they are, real payloads, and a record of each format."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

HERE = Path(__file__).parent

CHAT_REQUEST: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Say hello."}]}
CHAT_RESPONSE: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1_790_000_000,
    "model": "gpt-4o-2024-08-06",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 13},
}
MESSAGES_REQUEST: dict[str, Any] = {
    "model": "claude-opus-4-6",
    "max_tokens": 100,
    "system": "Be brief.",
    "messages": [{"role": "user", "content": "Say hello."}],
}
MESSAGES_RESPONSE: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-opus-4-6",
    "content": [{"type": "text", "text": "Hello."}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 10, "output_tokens": 3},
}
RESPONSES_REQUEST: dict[str, Any] = {"model": "gpt-4o", "input": "Say hello."}
RESPONSES_RESPONSE: dict[str, Any] = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1_790_000_000,
    "model": "gpt-4o",
    "status": "completed",
    "output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hello."}]}],
    "usage": {"input_tokens": 10, "output_tokens": 3},
}
NATIVE: dict[str, Any] = {
    "v": 1,
    "id": "call-1",
    "at": "2026-11-01T10:00:00Z",
    "task_type": "keyword_relevance",
    "provider": "anthropic",
    "wire": "anthropic.messages",
    "request": MESSAGES_REQUEST,
    "response": MESSAGES_RESPONSE,
    "status": 200,
    "latency_ms": 812.5,
    "tags": ["nightly"],
    "team": "search",
    "subject": "user-7",
    "conversation": "c-1",
    "prompt_version": "7",
}
HTTP: dict[str, Any] = {
    "request": {"method": "POST", "uri": "https://api.openai.com/v1/chat/completions", "parsed_body": CHAT_REQUEST},
    "response": {"status": {"code": 200}, "headers": {"Date": ["Sun, 01 Nov 2026 10:00:00 GMT"]}, "parsed_body": CHAT_RESPONSE},
}


@pytest.fixture
def at() -> datetime:
    """A time for records that have none."""
    return datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture(scope="session")
def litellm_payloads() -> dict[str, dict[str, Any]]:
    """Real payloads by their case; where a case has several, the last one."""
    lines = (HERE / "data" / "litellm.jsonl").read_text().splitlines()
    payloads = [json.loads(line) for line in lines]
    return {payload["request_tags"][0].removeprefix("case:"): payload for payload in payloads}


@pytest.fixture(scope="session")
def samples(litellm_payloads: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """A good record of each format, by the name of its reader."""
    return {
        "native": NATIVE,
        "litellm": litellm_payloads["messages_tools"],
        "http": HTTP,
        "anthropic": {"request": MESSAGES_REQUEST, "response": MESSAGES_RESPONSE},
        "openai_chat": {"request": CHAT_REQUEST, "response": CHAT_RESPONSE},
        "openai_responses": {"request": RESPONSES_REQUEST, "response": RESPONSES_RESPONSE},
    }


@pytest.fixture
def sample(samples: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The same, to be changed at will."""
    return copy.deepcopy(samples)


def exchanges(path: Path) -> Iterator[dict[str, Any]]:
    """The exchanges of a cassette as JSON; bytes as base64, as VCR's own JSON has them."""
    for exchange in yaml.load(path.read_text(), Loader=yaml.CSafeLoader)["interactions"]:
        body = exchange["response"].get("body")
        if body and isinstance(body.get("string"), bytes):
            exchange["response"]["body"] = {"base64_string": base64.b64encode(body["string"]).decode()}
        yield json.loads(json.dumps(exchange))


@pytest.fixture(scope="session")
def cassettes(data: Path) -> dict[str, list[dict[str, Any]]]:
    """All recorded exchanges, by vendor folder and file name."""
    paths = sorted(data.glob("formats/*_http_cassettes/*/*.yaml"))
    return {f"{path.parts[-3]}/{path.stem}": list(exchanges(path)) for path in paths}
