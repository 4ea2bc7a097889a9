"""The replay matrix where the candidate speaks another protocol."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from evalharness.ladder import Tier
from evalharness.model import Adapted, Wire
from evalharness.replay import anthropic_messages, openai_chat, openai_responses
from tests.replay.bodies import (
    ANTHROPIC,
    CHAT,
    GPT,
    HAIKU,
    LOCAL,
    LUNA,
    OLD_HAIKU,
    PARAMETERS,
    PIXEL,
    RESPONSES,
    SECRET,
    SONNET,
    adapted,
    call,
    changes,
    chat,
    messages,
    outcome,
    reason,
    responses,
    result,
    said,
    tier,
    use,
)

TOOL = {"name": "weather", "description": "Weather of a city", "input_schema": PARAMETERS}
FUNCTION = {"name": "weather", "description": "Weather of a city", "parameters": PARAMETERS}
SCHEMA = {"type": "json_schema", "schema": PARAMETERS}
OUTPUT_TEXT = {"type": "output_text", "text": "Let me see.", "annotations": []}
PDF = {"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA"}}
DOCUMENT = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a"}}
MARKED = {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}
PICTURE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
BROKEN = {"id": "t", "type": "function", "function": {"name": "weather", "arguments": "{oops"}}
ANSWERED = {"role": "tool", "tool_call_id": "t", "content": "rain"}
LUNA_WITH_TOOLS = tier("gpt-5.6-luna", effort="low")


def text(*texts: str) -> list[dict[str, str]]:
    """Text blocks."""
    return [{"type": "text", "text": each} for each in texts]


def test_anthropic_to_chat() -> None:
    """System, turns, tools, choice, schema, limit and stop sequences arrive under their names there."""
    body = messages(
        system=text("Be brief.", "Be kind."),
        messages=said(
            "Rain?",
            [*text("Let me see."), use("t1", "Oslo"), use("t2", "Bergen")],
            [result("t1"), result("t2"), *text("And?")],
        ),
        tools=[TOOL],
        tool_choice={"type": "auto", "disable_parallel_tool_use": True},
        output_config={"format": SCHEMA, "effort": "low"},
        stop_sequences=["END"],
        temperature=0.5,
        top_k=3,
    )  # fmt: skip
    replayed = adapted(ANTHROPIC, body, LOCAL)
    assert replayed == {
        "model": LOCAL.model,
        "messages": [
            {"role": "system", "content": text("Be brief.", "Be kind.")},
            {"role": "user", "content": "Rain?"},
            {"role": "assistant", "content": "Let me see.", "tool_calls": [call("t1", "Oslo"), call("t2", "Bergen")]},
            {"role": "tool", "tool_call_id": "t1", "content": "rain"},
            {"role": "tool", "tool_call_id": "t2", "content": "rain"},
            {"role": "user", "content": "And?"},
        ],
        "max_completion_tokens": 1000,
        "tools": [{"type": "function", "function": FUNCTION}],
        "parallel_tool_calls": False,
        "tool_choice": "auto",
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": PARAMETERS, "strict": True},
        },
        "reasoning_effort": "low",
        "stop": ["END"],
        "temperature": 0.5,
    }
    made = changes(ANTHROPIC, body, LOCAL)
    assert (made["$"].before, made["$"].after) == ("anthropic.messages", "openai.chat")
    assert made["top_k"].reason == "sampling_changed"
    assert made["max_tokens"].reason == "limit_mapped"


def test_chat_to_anthropic() -> None:
    """And the other way round."""
    body = chat(
        messages=[
            {"role": "system", "content": "Be brief."},
            {"role": "developer", "content": text("Be kind.")},
            *said("Rain?"),
            {"role": "assistant", "content": "Let me see.", "tool_calls": [call("t1", "Oslo"), call("t2", "Bergen")]},
            {"role": "tool", "tool_call_id": "t1", "content": "rain"},
            {"role": "tool", "tool_call_id": "t2", "content": "rain"},
            {"role": "user", "content": "And?"},
        ],
        tools=[{"type": "function", "function": FUNCTION | {"strict": True}}],
        tool_choice={"type": "function", "function": {"name": "weather"}},
        parallel_tool_calls=False,
        response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": PARAMETERS, "strict": True}},
        max_tokens=700,
        stop="END",
        temperature=0.5,
        frequency_penalty=0.1,
    )
    replayed = adapted(CHAT, body, tier("claude-sonnet-4-6"))
    assert replayed == {
        "model": "claude-sonnet-4-6",
        "service_tier": "standard_only",
        "system": text("Be brief.", "Be kind."),
        "messages": [
            *said("Rain?", [*text("Let me see."), use("t1", "Oslo"), use("t2", "Bergen")]),
            {"role": "user", "content": [result("t1", text("rain")), result("t2", text("rain"))]},
            {"role": "user", "content": "And?"},
        ],
        "max_tokens": 700,
        "tools": [TOOL | {"strict": True}],
        "tool_choice": {"type": "tool", "name": "weather", "disable_parallel_tool_use": True},
        "output_config": {"format": SCHEMA},
        "stop_sequences": ["END"],
        "temperature": 0.5,
    }
    assert changes(CHAT, body, tier("claude-sonnet-4-6"))["frequency_penalty"].reason == "sampling_changed"


def test_responses_to_anthropic() -> None:
    """Items become turns; calls made at once stay at once."""
    body = responses(
        instructions="Be brief.",
        input=[
            {"role": "developer", "content": "Be kind."},
            {"role": "user", "content": [{"type": "input_text", "text": "Rain?"}]},
            {"type": "message", "id": "msg_1", "role": "assistant", "content": [OUTPUT_TEXT]},
            {"type": "function_call", "id": "fc_1", "call_id": "t1", "name": "weather", "arguments": '{"city": "Oslo"}'},
            {"type": "function_call", "id": "fc_2", "call_id": "t2", "name": "weather", "arguments": '{"city": "Bergen"}'},
            {"type": "function_call_output", "call_id": "t1", "output": "rain"},
            {"type": "function_call_output", "call_id": "t2", "output": "rain"},
        ],
        tools=[{"type": "function", **FUNCTION, "strict": False}],
        tool_choice="required",
        text={"format": SCHEMA | {"name": "x", "strict": True}},
        reasoning={"effort": "high", "summary": "auto"},
        max_output_tokens=700,
        truncation="disabled",
    )  # fmt: skip
    replayed = adapted(RESPONSES, body, HAIKU)
    assert replayed == {
        "model": HAIKU.model,
        "service_tier": "standard_only",
        "system": text("Be brief.", "Be kind."),
        "messages": [
            *said("Rain?", [*text("Let me see."), use("t1", "Oslo"), use("t2", "Bergen")]),
            {"role": "user", "content": [result("t1", text("rain")), result("t2", text("rain"))]},
        ],
        "max_tokens": 700,
        "tools": [TOOL],
        "tool_choice": {"type": "any"},
        "output_config": {"format": SCHEMA, "effort": "high"},
    }


def test_anthropic_to_responses() -> None:
    """Where a model takes tools with an effort on Responses only."""
    body = messages(system="Be brief.", tools=[TOOL], messages=said("Rain?", [use("t1", "Oslo")], [result("t1")]))
    found = outcome(ANTHROPIC, body, LUNA_WITH_TOOLS)
    assert isinstance(found, Adapted)
    assert found.request == replace(found.request, wire=RESPONSES)
    assert found.request.body == {
        "model": "gpt-5.6-luna",
        "instructions": "Be brief.",
        "input": [
            {"role": "user", "content": "Rain?"},
            {"type": "function_call", "call_id": "t1", "name": "weather", "arguments": '{"city": "Oslo"}'},
            {"type": "function_call_output", "call_id": "t1", "output": "rain"},
        ],
        "tools": [{"type": "function", **FUNCTION, "strict": False}],
        "max_output_tokens": 1000,
        "reasoning": {"effort": "low"},
        "store": False,
        "service_tier": "default",
    }
    assert reason(ANTHROPIC, body | {"stop_sequences": ["END"]}, LUNA_WITH_TOOLS) == "stop_unsupported"


def test_pictures_travel_in_the_request() -> None:
    """Base64 blocks and data URLs are the same bytes."""
    part = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
    ours, theirs = said([*text("What?"), PICTURE]), said([*text("What?"), part])
    assert adapted(ANTHROPIC, messages(messages=ours), GPT)["messages"] == theirs
    assert adapted(CHAT, chat(messages=theirs), HAIKU)["messages"] == ours
    item = {"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}", "detail": "high"}
    body = responses(input=said([{"type": "input_text", "text": "What?"}, item]))
    assert adapted(RESPONSES, body, HAIKU)["messages"] == ours
    assert changes(RESPONSES, body, HAIKU)["content[].detail"].reason == "image_detail"
    tiff = {"type": "image_url", "image_url": {"url": "data:image/tiff;base64,AAAA"}}
    assert reason(CHAT, chat(messages=said([tiff])), HAIKU) == "document"
    assert reason(CHAT, chat(messages=said([{"type": "image_url", "image_url": {"url": "data:nonsense"}}])), HAIKU) == "malformed"


@pytest.mark.parametrize(
    ("wire", "body", "candidate", "expected"),
    [
        (CHAT, chat(messages=[*said("a", "b", "c"), {"role": "system", "content": "d"}]), HAIKU, "system_position"),
        (RESPONSES, responses(input=[*said("a"), {"role": "developer", "content": "d"}]), HAIKU, "system_position"),
        (CHAT, chat(messages=said("a", "b")), HAIKU, "prefill"),
        (RESPONSES, responses(input=said("a", "b")), HAIKU, "prefill"),
        (CHAT, chat(messages=[{"role": "user", "name": "jane", "content": "a"}]), HAIKU, "participant_name"),
        (CHAT, chat(response_format={"type": "json_object"}), HAIKU, "json_mode"),
        (RESPONSES, responses(text={"format": {"type": "json_object"}}), HAIKU, "json_mode"),
        (CHAT, chat(stop=["\n"]), HAIKU, "stop_unsupported"),
        (CHAT, chat(tools=[{"type": "function", "function": FUNCTION}], tool_choice="required"), SONNET, "forced_tool_choice"),
        (CHAT, chat(verbosity="low"), HAIKU, "verbosity"),
        (RESPONSES, responses(text={"verbosity": "high"}), HAIKU, "verbosity"),
        (CHAT, chat(reasoning_effort="none"), tier("claude-opus-5-5"), "thinking_unsupported"),
        (RESPONSES, responses(reasoning={"mode": "pro"}), HAIKU, "thinking_unsupported"),
        (CHAT, chat(messages=said([PDF])), HAIKU, "document"),
        (ANTHROPIC, messages(messages=said([DOCUMENT])), LUNA, "document"),
        (ANTHROPIC, messages(messages=said("a", [{"type": "text", "text": "b", "citations": [{"x": 1}]}], "c")), LUNA, "document"),
        (ANTHROPIC, messages(stop_sequences=["END"]), LUNA, "stop_unsupported"),
        (ANTHROPIC, messages(stop_sequences=list("abcde")), GPT, "stop_unsupported"),
        (ANTHROPIC, messages(inference_geo="eu"), LUNA, "data_residency"),
        (ANTHROPIC, messages(thinking={"type": "disabled"}), tier("gpt-5-mini"), "thinking_unsupported"),
        (ANTHROPIC, messages(messages=said("a", [use("t", "Oslo"), *text("b")], [result("t")])), LUNA, "tool_history"),
        (ANTHROPIC, messages(messages=said([result("t")])), LUNA, "tool_history"),
        (ANTHROPIC, messages(messages=said("a", [use("t", "Oslo")], "b")), LUNA, "tool_history"),
        (ANTHROPIC, messages(messages=said("a", [use("t", "Oslo")], [*text("b"), result("t")])), LUNA, "tool_history"),
        (ANTHROPIC, messages(messages=said("a", [use("t", "Oslo")], [result("t", [PICTURE])])), LUNA, "tool_history"),
        (CHAT, chat(messages=[ANSWERED]), HAIKU, "tool_history"),
        (CHAT, chat(messages=[*said("a"), {"role": "assistant", "tool_calls": [call("t", "Oslo")]}, *said("b")]), HAIKU, "tool_history"),
        (CHAT, chat(messages=[*said("a"), {"role": "assistant", "tool_calls": [BROKEN]}, ANSWERED]), HAIKU, "tool_history"),
        (ANTHROPIC, messages(tools=[TOOL | {"input_examples": [{"city": "Oslo"}]}]), LUNA, "unknown_field"),
    ],
)  # fmt: skip
def test_what_the_other_protocol_cannot_say_is_refused(wire: Wire, body: dict[str, Any], candidate: Tier, expected: str) -> None:
    """A request that would arrive with another meaning is not sent."""
    assert reason(wire, body, candidate) == expected


@pytest.mark.parametrize(
    ("schema", "to_anthropic", "to_openai"),
    [
        (PARAMETERS, True, True),
        ({**PARAMETERS, "additionalProperties": True}, False, False),
        ({**PARAMETERS, "required": []}, True, False),
        ({**PARAMETERS, "properties": {"city": {"type": "integer", "minimum": 1}}}, False, True),
        ({**PARAMETERS, "properties": {"city": {"type": "string", "maxLength": 3}}}, False, False),
        ({**PARAMETERS, "properties": {"city": {"type": "array", "items": {"type": "string", "pattern": "a"}}}}, False, True),
        ({**PARAMETERS, "properties": {"city": {"anyOf": [{"type": "string"}, {"type": "null"}]}}}, True, True),
        ({**PARAMETERS, "properties": {"city": {"allOf": [{"$ref": "#/$defs/c"}]}}, "$defs": {"c": {"type": "string"}}}, True, False),
        ({**PARAMETERS, "properties": {"city": {"$ref": "#"}}}, False, False),
        ({**PARAMETERS, "properties": {"city": {"$ref": "https://x/y"}}}, False, False),
        ({**PARAMETERS, "properties": {"city": True}}, False, False),
        ({**PARAMETERS, "patternProperties": {"a": {}}}, False, False),
    ],
)  # fmt: skip
def test_a_schema_goes_over_only_if_the_other_vendor_knows_all_of_it(
    schema: dict[str, Any], *, to_anthropic: bool, to_openai: bool
) -> None:
    """A keyword that is ignored would change what counts as a valid answer."""
    asked = chat(response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": schema}})
    assert reason(CHAT, asked, HAIKU) == ("" if to_anthropic else "schema_unsupported")
    body = messages(output_config={"format": {"type": "json_schema", "schema": schema}})
    assert reason(ANTHROPIC, body, LUNA) == ("" if to_openai else "schema_unsupported")
    loose = chat(tools=[{"type": "function", "function": FUNCTION | {"parameters": schema}}])
    assert adapted(CHAT, loose, HAIKU)["tools"][0]["input_schema"] == schema


@pytest.mark.parametrize(
    ("thinking", "config", "candidate", "sent"),
    [
        ({"type": "enabled", "budget_tokens": 2_000}, {}, LUNA, "low"),
        ({"type": "enabled", "budget_tokens": 8_000}, {}, LUNA, "medium"),
        ({"type": "enabled", "budget_tokens": 30_000}, {}, LUNA, "high"),
        ({"type": "enabled", "budget_tokens": 30_000}, {"effort": "low"}, LUNA, "low"),
        ({"type": "adaptive"}, {"effort": "max"}, LUNA, "max"),
        ({"type": "adaptive"}, {}, LUNA, None),
        ({"type": "disabled"}, {}, LUNA, "none"),
        ({"type": "disabled"}, {}, GPT, None),
        ({"type": "enabled", "budget_tokens": 8_000}, {}, GPT, None),
        ({"type": "enabled", "budget_tokens": 8_000}, {}, replace(LUNA, effort="xhigh"), "xhigh"),
    ],
)
def test_thinking_becomes_an_effort(thinking: dict[str, Any], config: dict[str, str], candidate: Tier, sent: str | None) -> None:
    """By a declared table; the tier's own effort counts first."""
    body = messages(thinking=thinking, output_config=config)
    assert adapted(ANTHROPIC, body, candidate).get("reasoning_effort") == sent
    assert any(change.path.startswith("thinking") for change in changes(ANTHROPIC, body, candidate).values())


@pytest.mark.parametrize(
    ("effort", "candidate", "sent"),
    [
        ("high", HAIKU, {"output_config": {"effort": "high"}}),
        ("minimal", HAIKU, {"output_config": {"effort": "low"}}),
        ("none", HAIKU, {"thinking": {"type": "disabled"}}),
        ("none", SONNET, {"thinking": {"type": "between_tools"}}),
        ("high", OLD_HAIKU, {}),
        ("high", replace(HAIKU, effort="low"), {"output_config": {"effort": "low"}}),
    ],
)
def test_an_effort_arrives_as_the_other_vendor_has_it(effort: str, candidate: Tier, sent: dict[str, Any]) -> None:
    """None at all is thinking switched off."""
    replayed = adapted(CHAT, chat(reasoning_effort=effort), candidate)
    assert {key: replayed[key] for key in ("output_config", "thinking") if key in replayed} == sent


def test_a_limit_is_added_where_the_protocol_demands_one() -> None:
    """Four times what production's answer took, at least 4,096 and at most what the model can write."""
    assert adapted(CHAT, chat(), HAIKU)["max_tokens"] == 4_096
    assert adapted(CHAT, chat(), HAIKU, output_tokens=5_000)["max_tokens"] == 20_000
    assert adapted(CHAT, chat(), OLD_HAIKU, output_tokens=50_000)["max_tokens"] == 64_000
    assert adapted(CHAT, chat(max_tokens=10), HAIKU, output_tokens=5_000)["max_tokens"] == 10
    assert changes(CHAT, chat(), HAIKU)["max_tokens"].reason == "limit_added"
    assert "max_completion_tokens" not in adapted(CHAT, chat(), LUNA)


def test_a_temperature_above_one_is_dropped_for_anthropic() -> None:
    """Its scale ends there."""
    assert "temperature" not in adapted(CHAT, chat(temperature=1.5), OLD_HAIKU)
    assert adapted(CHAT, chat(temperature=0.5), OLD_HAIKU)["temperature"] == 0.5


def test_an_error_flag_of_a_tool_is_dropped_with_a_record() -> None:
    """Chat completions have none."""
    body = messages(messages=said("a", [use("t1", "Oslo")], [result("t1") | {"is_error": True}]))
    assert changes(ANTHROPIC, body, LUNA)["messages[].content[].is_error"].reason == "tool_error_flag"


def test_an_anthropic_model_asked_in_chat_completions_is_asked_in_its_own_protocol() -> None:
    """Proxies log chat completions whoever serves them; content stays with the vendor."""
    served = tier("claude-opus-4-6")
    body = {
        "model": "anthropic/claude-opus-4-6",
        "messages": [{"role": "user", "content": [MARKED]}],
    }
    found = outcome(CHAT, body, HAIKU, serving=served, egress=())
    assert isinstance(found, Adapted)
    assert found.request.wire is ANTHROPIC
    assert found.request.body["messages"] == said("a")


SAMPLES: dict[Wire, dict[str, Any]] = {
    ANTHROPIC: {
        "system": "Be brief.",
        "max_tokens": 77,
        "tools": [TOOL],
        "tool_choice": {"type": "none"},
        "output_config": {"effort": "low"},
        "output_format": SCHEMA,
        "thinking": {"type": "adaptive"},
        "stop_sequences": ["END"],
        "temperature": 0.5,
        "top_p": 0.5,
        "top_k": 5,
        "cache_control": {"type": "ephemeral"},
        "inference_geo": "eu",
    },
    CHAT: {
        "max_completion_tokens": 77,
        "max_tokens": 77,
        "temperature": 0.5,
        "top_p": 0.5,
        "frequency_penalty": 0.5,
        "presence_penalty": 0.5,
        "stop": "END",
        "tools": [{"type": "function", "function": FUNCTION}],
        "tool_choice": "none",
        "parallel_tool_calls": False,
        "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": PARAMETERS}},
        "reasoning_effort": "low",
        "verbosity": "low",
        "n": 2,
    },
    RESPONSES: {
        "instructions": "Be brief.",
        "max_output_tokens": 77,
        "temperature": 0.5,
        "top_p": 0.5,
        "tools": [{"type": "function", **FUNCTION}],
        "tool_choice": "none",
        "parallel_tool_calls": False,
        "text": {"verbosity": "low"},
        "reasoning": {"effort": "low"},
        "truncation": "auto",
    },
}
CARRIED = {
    ANTHROPIC: anthropic_messages.CARRIED - {"model", "messages"},
    CHAT: openai_chat.CARRIED - {"model", "messages"},
    RESPONSES: openai_responses.CARRIED - {"model", "input"},
}


@pytest.mark.parametrize("candidate", [HAIKU, OLD_HAIKU, LUNA, LUNA_WITH_TOOLS, GPT, LOCAL], ids=lambda tier: tier.model)
@pytest.mark.parametrize(("wire", "key"), [(wire, key) for wire, keys in CARRIED.items() for key in sorted(keys)])
def test_no_field_vanishes_on_the_way(wire: Wire, key: str, candidate: Tier) -> None:
    """Each field that is let in is carried, or recorded, or refuses the request, whichever tier it goes to."""
    needs = {"tool_choice": ("tools",), "parallel_tool_calls": ("tools",)}.get(key, ())
    make = {ANTHROPIC: messages, CHAT: chat, RESPONSES: responses}[wire]
    before = make(**{name: SAMPLES[wire][name] for name in needs})
    without, with_it = (outcome(wire, body, candidate) for body in (before, before | {key: SAMPLES[wire][key]}))
    assert with_it != without


@pytest.mark.parametrize("wire", Wire)
def test_content_arrives_whole(wire: Wire) -> None:
    """Every text of a conversation is in the replayed body, once, in order."""
    texts = [f'{SECRET} {i} \u2028\U0001f600 \\ " </s>' for i in range(5)]
    conversation = said(*texts)
    body = {ANTHROPIC: messages(messages=conversation), CHAT: chat(messages=conversation), RESPONSES: responses(input=conversation)}[wire]
    for candidate in (HAIKU, LUNA, LOCAL):
        replayed = adapted(wire, body, candidate)
        turns = replayed["messages" if "messages" in replayed else "input"]
        assert [(turn["role"], turn["content"]) for turn in turns] == [(turn["role"], turn["content"]) for turn in conversation]
