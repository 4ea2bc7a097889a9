"""The simulated provider's answers beside bodies that were recorded from the vendors."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from evalharness.model import Output, Stop, ToolCall, Usage, Wire
from evalharness.simulate.provider import PATHS, WIRES
from evalharness.simulate.wire import Answer

if TYPE_CHECKING:
    from collections.abc import Iterator

FORMATS = Path(__file__).parents[2].parent / "shared" / "data" / "formats"
recorded_bodies = pytest.mark.skipif(not FORMATS.is_dir(), reason="the recorded bodies (../shared/data/formats) are absent")

OTHER_VENDORS = {"content_filters"}
"""What Azure adds to OpenAI's answers."""

OUTPUTS = {
    "text": Output(text="Paris is the capital of France. " * 4),
    "tool": Output(text="Let me look.", tool_calls=(ToolCall(name="f", arguments='{"a": 1}'),), stop=Stop.TOOL),
    "refusal": Output(text="I can't help with that.", stop=Stop.REFUSAL),
    "cut": Output(text="Paris is the", stop=Stop.LENGTH),
}


def answer(kind: str, **request: object) -> Answer:
    usage = Usage(uncached_input_tokens=9, cache_read_tokens=4, output_tokens=12)
    return Answer(seed="s", model="m", output=OUTPUTS[kind], usage=usage, created=1, request=dict(request))


def recorded(wire: Wire) -> Iterator[dict[str, Any] | str]:
    """Bodies of the successful answers of a protocol; text where they were streamed."""
    for path in sorted(FORMATS.glob("*_http_cassettes/*/*.yaml")):
        for exchange in yaml.safe_load(path.read_text())["interactions"]:
            uri = exchange["request"]["uri"].split("?")[0]
            named = next((w for end, w in PATHS.items() if uri.endswith(end)), None)
            if named is wire and exchange["response"]["status"]["code"] == 200:
                yield body(exchange["response"])


def body(response: dict[str, Any]) -> dict[str, Any] | str:
    if "parsed_body" in response:
        return dict(response["parsed_body"])
    raw = response["body"]["string"]
    text = raw if isinstance(raw, str) else (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode()
    return text if text.startswith(("event:", "data:")) else dict(json.loads(text))


def events(stream: str) -> list[dict[str, Any]]:
    lines = [line.removeprefix("data: ") for line in stream.splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


@recorded_bodies
@pytest.mark.parametrize("kind", OUTPUTS)
@pytest.mark.parametrize("wire", Wire)
def test_answers_have_the_recorded_fields(wire: Wire, kind: str) -> None:
    """Every field of our answer was seen in a recorded one, and every field that all recorded ones have is in ours."""
    seen = [each for each in recorded(wire) if isinstance(each, dict)]
    ours = WIRES[wire].payload(answer(kind))
    assert len(seen) >= 2
    assert set(ours) <= set().union(*seen)
    assert set.intersection(*map(set, seen)) - OTHER_VENDORS <= set(ours)
    usages = [set(each["usage"]) for each in seen]
    assert set.intersection(*usages) <= set(ours["usage"]) <= set.union(*usages)


@recorded_bodies
@pytest.mark.parametrize("kind", ["text", "tool"])
def test_choices_of_a_chat_completion_have_the_recorded_fields(kind: str) -> None:
    """Choice and message of a chat completion are made of recorded fields."""
    seen = [each["choices"][0] for each in recorded(Wire.OPENAI_CHAT) if isinstance(each, dict)]
    ours = WIRES[Wire.OPENAI_CHAT].payload(answer(kind))["choices"][0]
    assert set.intersection(*map(set, seen)) <= set(ours) <= set().union(*seen)
    messages = [set(choice["message"]) for choice in seen]
    assert set.intersection(*messages) <= set(ours["message"]) <= set.union(*messages)


@recorded_bodies
def test_content_blocks_have_the_recorded_fields() -> None:
    """Text and tool blocks of a message have exactly the recorded fields."""
    bodies = [each for each in recorded(Wire.ANTHROPIC_MESSAGES) if isinstance(each, dict)]
    seen = {block["type"]: set(block) - {"caller"} for each in bodies for block in each["content"]}
    for block in WIRES[Wire.ANTHROPIC_MESSAGES].payload(answer("tool"))["content"]:
        assert set(block) == seen[block["type"]]


@recorded_bodies
def test_streamed_messages_have_the_recorded_events() -> None:
    """Our stream begins and ends like the recorded ones, and each of its events has only fields that were seen there."""
    streams = [events(each) for each in recorded(Wire.ANTHROPIC_MESSAGES) if isinstance(each, str)]
    fields: dict[str, set[str]] = {}
    for event in (event for stream in streams for event in stream):
        fields.setdefault(event["type"], set()).update(event)
    ours = events(b"".join(WIRES[Wire.ANTHROPIC_MESSAGES].events(answer("tool"))).decode())
    assert all(set(event) <= fields[event["type"]] for event in ours)
    kinds = [event["type"] for event in ours]
    for stream in streams:
        assert [event["type"] for event in stream][:2] == kinds[:2] == ["message_start", "content_block_start"]
        assert [event["type"] for event in stream][-2:] == kinds[-2:] == ["message_delta", "message_stop"]
    assert {event["delta"]["type"] for event in ours if "index" in event and "delta" in event} == {"text_delta", "input_json_delta"}


@pytest.mark.parametrize("kind", OUTPUTS)
def test_streamed_responses_are_the_sdks_own_events(kind: str) -> None:
    """Each event of a streamed response satisfies the SDK's type for it, in numbered order."""
    adapter: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
    ours = events(b"".join(WIRES[Wire.OPENAI_RESPONSES].events(answer(kind))).decode())
    for event in ours:
        adapter.validate_python(event)
    assert [event["sequence_number"] for event in ours] == list(range(len(ours)))
    assert ours[-1]["response"] == WIRES[Wire.OPENAI_RESPONSES].payload(answer(kind))


def test_usage_can_be_left_out() -> None:
    """An answer without usage lacks the field in every protocol, streamed or not."""
    for wire, form in WIRES.items():
        plain = Answer(seed="s", model="m", output=OUTPUTS["text"], usage=None, created=1, request={})
        assert "usage" not in form.payload(plain), wire
        assert not any((event.get("response") or event).get("usage") for event in events(b"".join(form.events(plain)).decode()))
