"""What holds for any request at all: recorded ones, random ones, and the vendors' own types."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from anthropic.types import ContentBlockParam
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming
from openai.types.responses.response_create_params import ResponseCreateParamsNonStreaming
from pydantic import TypeAdapter

from evalharness.ladder import Tier
from evalharness.model import Adapted, Refusal, Request, Wire
from evalharness.replay.adapt import adapt
from evalharness.replay.reasons import ChangeReason, RefusalReason
from tests.replay.bodies import (
    ANTHROPIC,
    CHAT,
    EVERYWHERE,
    GPT,
    HAIKU,
    LOCAL,
    LUNA,
    OLD_HAIKU,
    PARAMETERS,
    RESPONSES,
    SERVED,
    adapted,
    call,
    chat,
    messages,
    outcome,
    responses,
    result,
    said,
    tier,
    use,
)

CANDIDATES = [HAIKU, OLD_HAIKU, LUNA, GPT, LOCAL, tier("gpt-5.6-luna", effort="low")]
SDK_TYPES: dict[Wire, TypeAdapter[Any]] = {
    ANTHROPIC: TypeAdapter(MessageCreateParamsNonStreaming),
    CHAT: TypeAdapter(CompletionCreateParamsNonStreaming),
    RESPONSES: TypeAdapter(ResponseCreateParamsNonStreaming),
}
BLOCK: TypeAdapter[Any] = TypeAdapter(ContentBlockParam)
PATHS = {"/v1/messages": ANTHROPIC, "/chat/completions": CHAT, "/responses": RESPONSES}
REASONS = {reason.value for reason in RefusalReason}
CHANGES = {reason.value for reason in ChangeReason}

FUNCTION = {"name": "weather", "description": "Weather of a city", "parameters": PARAMETERS}
TURNS = [
    {"role": "assistant", "content": "Let me see.", "tool_calls": [call("t", "Oslo")]},
    {"role": "tool", "tool_call_id": "t", "content": "rain"},
]
RICH = [
    (ANTHROPIC, messages(
        system="Be brief.", tools=[{"name": "weather", "input_schema": PARAMETERS}], tool_choice={"type": "auto"},
        messages=said("Rain?", [{"type": "text", "text": "Let me see."}, use("t", "Oslo")], [result("t")]),
        output_config={"format": {"type": "json_schema", "schema": PARAMETERS}, "effort": "low"},
    )),
    (CHAT, chat(
        messages=[{"role": "system", "content": "Be brief."}, *said("Rain?"), *TURNS], max_tokens=50,
        tools=[{"type": "function", "function": FUNCTION}], tool_choice="auto", parallel_tool_calls=False,
        response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": PARAMETERS, "strict": True}},
    )),
    (RESPONSES, responses(
        instructions="Be brief.", input=said("Rain?"), max_output_tokens=50, reasoning={"effort": "low"},
        tools=[{"type": "function", **FUNCTION, "strict": True}], tool_choice="auto",
        text={"format": {"type": "json_schema", "name": "x", "schema": PARAMETERS, "strict": True}},
    )),
]  # fmt: skip

KEYS = st.sampled_from((
    "type", "role", "content", "text", "messages", "input", "system", "tools", "tool_choice", "name", "id", "function", "arguments",
    "image_url", "url", "source", "data", "output_config", "format", "schema", "effort", "thinking", "budget_tokens", "max_tokens", "stop",
    "reasoning", "tool_use_id", "tool_call_id", "call_id", "tool_calls", "input_schema", "verbosity", "detail", "caller",
))  # fmt: skip
WORDS = st.sampled_from((
    "text", "user", "assistant", "system", "tool", "tool_use", "tool_result", "thinking", "image", "document", "input_text", "function",
    "function_call", "message", "json_schema", "auto", "enabled", "disabled", "base64", "none", "{}", "data:image/png;base64,AA",
))  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers(-2, 99_999) | st.floats() | WORDS | st.text(max_size=3)
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12)


@pytest.mark.parametrize("candidate", CANDIDATES, ids=lambda tier: tier.model)
@pytest.mark.parametrize(("wire", "body"), RICH, ids=["messages", "chat", "responses"])
def test_an_adapted_body_is_what_the_sdks_types_allow(wire: Wire, body: dict[str, Any], candidate: Tier) -> None:
    """No field is unknown to the vendor's own types and none has another type than they say."""
    found = outcome(wire, body, candidate)
    assert isinstance(found, Adapted), found
    replayed = _without_blocks(found.request.body)
    known = SDK_TYPES[found.request.wire]
    assert known.dump_python(known.validate_python(replayed), mode="json", warnings="error") == replayed
    for message in found.request.body.get("messages", []):
        for block in message["content"] if found.request.wire is ANTHROPIC and isinstance(message["content"], list) else []:
            plain = _without_blocks(block)
            assert BLOCK.dump_python(BLOCK.validate_python(plain), mode="json", warnings="error") == plain


@pytest.mark.parametrize(("wire", "body"), RICH, ids=["messages", "chat", "responses"])
@settings(deadline=None)
@given(data=st.data())
def test_whatever_a_log_holds_is_adapted_or_refused(wire: Wire, body: dict[str, Any], data: st.DataObject) -> None:
    """Any value at any place of a request: never an exception, always a listed reason, never a body that is no JSON."""
    broken = json.loads(json.dumps(body))
    node: Any = broken
    while True:
        places = list(node) if isinstance(node, dict) else list(range(len(node)))
        place = data.draw(st.sampled_from(places))
        if not isinstance(node[place], dict | list) or not node[place] or data.draw(st.booleans()):
            node[place] = data.draw(JSON)
            break
        node = node[place]
    for candidate in CANDIDATES:
        found = adapt(Request(wire=wire, body=broken), serving=SERVED[wire], candidate=candidate, egress=EVERYWHERE)
        if isinstance(found, Refusal):
            assert found.reason in REASONS
        else:
            json.dumps(found.request.body, ensure_ascii=False, allow_nan=False).encode()
            assert {change.reason for change in found.changes} <= CHANGES


@settings(deadline=None)
@given(wire=st.sampled_from(Wire), body=st.dictionaries(KEYS, JSON, max_size=6))
def test_any_object_is_adapted_or_refused(wire: Wire, body: dict[str, Any]) -> None:
    """Not even the outermost shape is trusted."""
    for candidate in CANDIDATES:
        assert isinstance(outcome(wire, body, candidate), Adapted | Refusal)


@pytest.mark.parametrize("candidate", [HAIKU, LUNA], ids=lambda tier: tier.model)
def test_recorded_requests_are_adapted_or_refused(data: Path, candidate: Tier) -> None:
    """Every recorded request of both vendors has an outcome; what the SDKs' types do not know does not get through."""
    counted = Counter[str]()
    for wire, body in _recorded(data):
        found = outcome(wire, body, candidate)
        counted[found.reason if isinstance(found, Refusal) else "adapted"] += 1
        if isinstance(found, Adapted):
            assert all(value is not None for value in found.request.body.values())
            SDK_TYPES[found.request.wire].validate_python(found.request.body)
    assert counted["adapted"] > 0
    assert counted["server_tool"] > 0
    assert counted.keys() - {"adapted"} <= REASONS


def test_adapting_twice_changes_nothing_more() -> None:
    """A request that a model accepts already is left as it is."""
    for wire, body in RICH:
        for candidate in (HAIKU, LUNA):
            found = outcome(wire, body, candidate)
            assert isinstance(found, Adapted)
            again = outcome(found.request.wire, found.request.body, candidate, serving=candidate)
            assert isinstance(again, Adapted)
            assert again.request == found.request


def test_a_request_that_came_through_is_not_shared_with_the_captured_one() -> None:
    """Changing the replayed body later cannot reach the record of production."""
    body = messages(messages=said([{"type": "text", "text": "a"}]))
    adapted(ANTHROPIC, body, HAIKU)["messages"][0]["content"][0]["text"] = "changed"
    assert body["messages"] == said([{"type": "text", "text": "a"}])


def _without_blocks(value: Any) -> Any:  # noqa: ANN401 - raw JSON
    """The value with each list of content blocks as a string: pydantic reads the SDK's lazy iterables of them only once."""
    if isinstance(value, list):
        return [_without_blocks(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {key: "..." if key == "content" and isinstance(each, list) else _without_blocks(each) for key, each in value.items()}


def _recorded(data: Path) -> Iterator[tuple[Wire, dict[str, Any]]]:
    """Request bodies of the recorded traffic."""
    for path in sorted((data / "formats").glob("*_http_cassettes/*/*.yaml")):
        for interaction in yaml.safe_load(path.read_text(encoding="utf-8"))["interactions"]:
            sent = interaction["request"]
            wire = next((wire for end, wire in PATHS.items() if sent["uri"].split("?")[0].endswith(end)), None)
            body = sent.get("parsed_body") or json.loads(sent.get("body") or "null")
            if wire is not None and isinstance(body, dict):
                yield wire, body


def test_every_reason_is_documented_with_its_sentence() -> None:
    """A code in a report can be looked up, and no documented code is dead."""
    text = (Path(__file__).parents[2] / "docs" / "replay.md").read_text(encoding="utf-8")
    rows = [f"| `{reason.value}` | {reason.says} |" for kind in (ChangeReason, RefusalReason) for reason in kind]
    listed = [line for line in text.split("## What a provider's answer means")[0].splitlines() if line.startswith("| `")]
    assert listed == rows
    source = "".join(path.read_text(encoding="utf-8") for path in (Path(__file__).parents[2] / "evalharness" / "replay").glob("*.py"))
    codes = [f"{kind.__name__}.{reason.name}" for kind in (ChangeReason, RefusalReason) for reason in kind]
    assert [code for code in codes if code not in source] == []
