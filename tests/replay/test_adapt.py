"""The replay matrix where the candidate speaks the request's own protocol, and what holds for every pair of tiers."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest

from evalharness.ladder import Tier
from evalharness.model import Adapted, Refusal, Request, Wire
from evalharness.replay.adapt import adapt
from tests.replay.bodies import (
    ANTHROPIC,
    CHAT,
    EVERYWHERE,
    GPT,
    HAIKU,
    LOCAL,
    LUNA,
    OLD_HAIKU,
    OPUS,
    PARAMETERS,
    PIXEL,
    RESPONSES,
    SECRET,
    SONNET,
    adapted,
    changes,
    chat,
    messages,
    outcome,
    reason,
    responses,
    said,
    tier,
)

TOOL = {"name": "weather", "description": "Weather of a city", "input_schema": PARAMETERS}
FUNCTION = {"type": "function", "function": {"name": "weather", "parameters": PARAMETERS}}
BODIES = [(ANTHROPIC, messages(), HAIKU), (CHAT, chat(), LUNA), (RESPONSES, responses(), LUNA)]


@pytest.mark.parametrize(
    ("serving", "candidate", "egress", "allowed"),
    [
        (OPUS, HAIKU, (), True),
        (OPUS, LUNA, (), False),
        (OPUS, LUNA, ("openai",), True),
        (OPUS, HAIKU, ("openai",), False),
        (GPT, LOCAL, (), False),
        (GPT, LOCAL, ("openai",), False),
        (GPT, LOCAL, ("openai", "ours"), True),
        (LOCAL, GPT, (), False),
    ],
)
def test_content_goes_only_where_egress_allows(serving: Tier, candidate: Tier, egress: tuple[str, ...], *, allowed: bool) -> None:
    """Without a rule content stays with the vendor that serves it, and with one it goes to those named, whatever the protocol."""
    wire, body = (ANTHROPIC, messages()) if serving is OPUS else (CHAT, chat())
    found = adapt(Request(wire=wire, body=body), serving=serving, candidate=candidate, egress=egress)
    assert isinstance(found, Adapted) is allowed
    if isinstance(found, Refusal):
        assert (found.reason, found.detail) == ("egress", candidate.seller)


@pytest.mark.parametrize(("wire", "body", "candidate"), BODIES)
def test_a_plain_request_keeps_all_but_the_model(wire: Wire, body: dict[str, Any], candidate: Tier) -> None:
    """Text goes over untouched; what is added is ours to add, and recorded."""
    replayed = adapted(wire, body, candidate)
    ours: dict[str, dict[str, Any]] = {
        "anthropic": {"service_tier": "standard_only"},
        "openai": {"service_tier": "default", "store": False},
    }
    assert replayed == body | {"model": candidate.model} | ours[candidate.provider]
    assert set(changes(wire, body, candidate)) == {"model", *ours[candidate.provider]}


@pytest.mark.parametrize(("wire", "body", "candidate"), BODIES)
def test_the_captured_request_is_not_touched(wire: Wire, body: dict[str, Any], candidate: Tier) -> None:
    """The pair keeps the request as it was."""
    body = body | {"temperature": 0.5, "user": "u", "metadata": {"user_id": "u"}}
    body = {key: value for key, value in body.items() if wire is not ANTHROPIC or key != "user"}
    before = copy.deepcopy(body)
    adapted(wire, body, candidate)
    assert body == before


@pytest.mark.parametrize(("wire", "body", "candidate"), BODIES)
def test_a_null_field_is_an_absent_one(wire: Wire, body: dict[str, Any], candidate: Tier) -> None:
    """Dumped requests are full of nulls."""
    nulls = dict.fromkeys(("temperature", "tools", "tool_choice", "some_new_field"))
    assert adapted(wire, body | nulls, candidate) == adapted(wire, body, candidate)


@pytest.mark.parametrize(("wire", "body", "candidate"), BODIES)
def test_what_names_people_or_spends_reserved_capacity_is_not_sent(wire: Wire, body: dict[str, Any], candidate: Tier) -> None:
    """User ids and free metadata are stripped, and appear in no change either."""
    private = {"metadata": {"user_id": "jane@example.com"}, "stream": True, "service_tier": "priority"}
    if wire is not ANTHROPIC:
        private |= {
            "user": "jane@example.com",
            "safety_identifier": "jane@example.com",
            "store": True,
            "prompt_cache_key": "jane@example.com",
        }
    found = outcome(wire, body | private, candidate)
    assert isinstance(found, Adapted)
    assert "jane" not in repr(found)
    assert found.request.body == adapted(wire, body, candidate)
    assert private.keys() <= {change.path for change in found.changes}


@pytest.mark.parametrize(
    ("wire", "body", "expected"),
    [
        (ANTHROPIC, messages(brand_new=1), "unknown_field"),
        (CHAT, chat(brand_new=1), "unknown_field"),
        (RESPONSES, responses(brand_new=1), "unknown_field"),
        (ANTHROPIC, messages(context_management={"edits": []}), "unknown_field"),
        (ANTHROPIC, messages(messages=said([{"type": "hologram"}])), "unknown_field"),
        (ANTHROPIC, messages(messages=said([{"type": "text", "text": "a", "mood": "b"}])), "unknown_field"),
        (ANTHROPIC, messages(messages=[{"role": "user", "content": "a", "weight": 2}]), "unknown_field"),
        (CHAT, chat(messages=said([{"type": "hologram"}])), "unknown_field"),
        (CHAT, chat(messages=[{"role": "user", "content": "a", "weight": 2}]), "unknown_field"),
        (RESPONSES, responses(input=[{"role": "user", "content": [{"type": "hologram"}]}]), "unknown_field"),
        (ANTHROPIC, messages(tools=[TOOL | {"mood": 1}]), "unknown_field"),
        (ANTHROPIC, messages(output_config={"task_budget": 1}), "unknown_field"),
        (RESPONSES, responses(reasoning={"depth": 1}), "unknown_field"),
        (ANTHROPIC, messages(betas=["context-1m-2025-08-07"]), "beta"),
        (ANTHROPIC, messages(container="c_1"), "stateful"),
        (RESPONSES, responses(previous_response_id="resp_1"), "stateful"),
        (RESPONSES, responses(conversation="conv_1"), "stateful"),
        (RESPONSES, responses(prompt={"id": "pmpt_1"}), "stateful"),
        (RESPONSES, responses(background=True), "stateful"),
        (RESPONSES, responses(input=[{"type": "item_reference", "id": "msg_1"}]), "stateful"),
        (RESPONSES, responses(input=[{"type": "reasoning", "encrypted_content": "x"}]), "reasoning_state"),
        (ANTHROPIC, messages(mcp_servers=[{"url": "https://x"}]), "server_tool"),
        (ANTHROPIC, messages(tools=[{"type": "web_search_20260318", "name": "web_search"}]), "server_tool"),
        (ANTHROPIC, messages(tools=[{"type": "computer_toolset_20260801"}]), "server_tool"),
        (ANTHROPIC, messages(tools=[{"type": "memory_20250818", "name": "memory"}]), "server_tool"),
        (ANTHROPIC, messages(tools=[TOOL | {"allowed_callers": ["code_execution_20260521"]}]), "server_tool"),
        (ANTHROPIC, messages(tools=[TOOL | {"defer_loading": True}]), "server_tool"),
        (ANTHROPIC, messages(messages=said("a", [{"type": "server_tool_use", "id": "s"}], "b")), "server_tool"),
        (ANTHROPIC, messages(messages=said("a", [{"type": "web_search_tool_result"}], "b")), "server_tool"),
        (CHAT, chat(web_search_options={}), "server_tool"),
        (RESPONSES, responses(tools=[{"type": "web_search"}]), "server_tool"),
        (RESPONSES, responses(tools=[{"type": "mcp", "server_label": "x"}]), "server_tool"),
        (RESPONSES, responses(input=[{"type": "computer_call", "id": "c"}]), "server_tool"),
        (CHAT, chat(tools=[{"type": "custom", "custom": {"name": "x"}}]), "custom_tool"),
        (CHAT, chat(functions=[{"name": "x"}]), "custom_tool"),
        (CHAT, chat(messages=[{"role": "function", "name": "x", "content": "y"}]), "custom_tool"),
        (RESPONSES, responses(tools=[{"type": "custom", "name": "x"}]), "custom_tool"),
        (RESPONSES, responses(input=[{"type": "custom_tool_call", "name": "x"}]), "custom_tool"),
        (ANTHROPIC, messages(messages=said([{"type": "image", "source": {"type": "url", "url": "https://x"}}])), "media_url"),
        (ANTHROPIC, messages(messages=said([{"type": "document", "source": {"type": "url", "url": "https://x"}}])), "media_url"),
        (CHAT, chat(messages=said([{"type": "image_url", "image_url": {"url": "https://x"}}])), "media_url"),
        (RESPONSES, responses(input=[{"role": "user", "content": [{"type": "input_file", "file_url": "https://x"}]}]), "media_url"),
        (ANTHROPIC, messages(messages=said([{"type": "image", "source": {"type": "file", "file_id": "f"}}])), "file_id"),
        (CHAT, chat(messages=said([{"type": "file", "file": {"file_id": "f"}}])), "file_id"),
        (RESPONSES, responses(input=[{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]), "file_id"),
        (CHAT, chat(modalities=["text", "audio"]), "audio"),
        (CHAT, chat(messages=said([{"type": "input_audio", "input_audio": {}}])), "audio"),
        (CHAT, chat(n=2), "many_answers"),
        (CHAT, chat(logprobs=True), "logprobs"),
        (CHAT, chat(top_logprobs=3), "logprobs"),
        (CHAT, chat(logit_bias={"50256": -100}), "logprobs"),
        (RESPONSES, responses(top_logprobs=3), "logprobs"),
        (ANTHROPIC, messages(messages=[*said("a", "b", "c"), {"role": "system", "content": "d"}]), "system_position"),
        (ANTHROPIC, messages(messages=said("a", "The answer is")), "prefill"),
    ],
)
def test_what_cannot_be_replayed_is_refused_with_its_reason(wire: Wire, body: dict[str, Any], expected: str) -> None:
    """Nothing that may change the answer is passed on or left out in silence, on the same protocol or another."""
    for candidate in (HAIKU, LUNA):
        assert reason(wire, body, candidate) == expected


@pytest.mark.parametrize(
    ("wire", "body"),
    [
        (ANTHROPIC, {"model": "m", "max_tokens": 5}),
        (ANTHROPIC, messages(messages=[])),
        (ANTHROPIC, messages(messages="hello")),
        (ANTHROPIC, messages(messages=[3])),
        (ANTHROPIC, messages(messages=[{"role": "tool", "content": "x"}])),
        (ANTHROPIC, messages(max_tokens=None)),
        (ANTHROPIC, messages(max_tokens=0)),
        (ANTHROPIC, messages(max_tokens="many")),
        (ANTHROPIC, messages(system={"a": 1})),
        (ANTHROPIC, messages(messages=said("lone \ud800 surrogate"))),
        (CHAT, chat(messages=[])),
        (CHAT, chat(messages=[{"role": "narrator", "content": "x"}])),
        (CHAT, chat(temperature=float("nan"))),
        (RESPONSES, responses(input=[])),
        (RESPONSES, responses(input=3)),
        (RESPONSES, responses(reasoning="much")),
    ],
)
def test_a_malformed_request_is_refused(wire: Wire, body: dict[str, Any]) -> None:
    """A log may hold anything; what no vendor could have answered, or JSON cannot carry, is not sent."""
    candidate = {ANTHROPIC: OLD_HAIKU, CHAT: GPT, RESPONSES: GPT}[wire]
    found = outcome(wire, body, candidate)
    assert isinstance(found, Refusal)
    assert found.reason in {"malformed", "unknown_field"}


def test_a_refusal_names_fields_and_never_content() -> None:
    """What looks like a name is shown, anything else might be content."""
    for body in (messages(**{SECRET: 1}), messages(messages=said([{"type": SECRET}])), messages(tools=[{"type": SECRET}])):
        found = outcome(ANTHROPIC, body, HAIKU)
        assert isinstance(found, Refusal)
        assert SECRET not in repr(found)
    found = outcome(ANTHROPIC, messages(brand_new=SECRET), HAIKU)
    assert found == Refusal(reason="unknown_field", detail="brand_new")


@pytest.mark.parametrize("candidate", [HAIKU, SONNET, tier("claude-opus-4-7"), tier("claude-opus-5-5"), tier("claude-nova-9")])
def test_new_claude_models_get_no_sampling_parameters(candidate: Tier) -> None:
    """They answer 400 to them; the drop is recorded with its value."""
    body = messages(temperature=0.2, top_p=0.9, top_k=40)
    assert not {"temperature", "top_p", "top_k"} & adapted(ANTHROPIC, body, candidate).keys()
    change = changes(ANTHROPIC, body, candidate)["temperature"]
    assert (change.action, change.reason, change.before) == ("drop", "sampling_changed", "0.2")


@pytest.mark.parametrize("candidate", [OLD_HAIKU, tier("claude-sonnet-4-6")])
def test_older_claude_models_keep_sampling_parameters(candidate: Tier) -> None:
    """Where they are accepted, the comparison is at production's temperature."""
    assert adapted(ANTHROPIC, messages(temperature=0.2), candidate)["temperature"] == 0.2


@pytest.mark.parametrize(
    ("wire", "body", "candidate", "kept"),
    [
        (CHAT, chat(temperature=0.2, top_p=0.5, presence_penalty=1.0), LUNA, False),
        (CHAT, chat(temperature=0.2, top_p=0.5, presence_penalty=1.0), tier("o3-mini"), False),
        (CHAT, chat(temperature=0.2, top_p=0.5, presence_penalty=1.0), tier("gpt-4o-mini"), True),
        (CHAT, chat(temperature=0.2, top_p=0.5, presence_penalty=1.0), LOCAL, True),
        (RESPONSES, responses(temperature=0.2, top_p=0.5), LUNA, False),
        (RESPONSES, responses(temperature=0.2, top_p=0.5), tier("gpt-4.1-mini"), True),
    ],
)
def test_openai_reasoning_models_get_no_sampling_parameters(wire: Wire, body: dict[str, Any], candidate: Tier, *, kept: bool) -> None:
    """Reasoning models reject them, others and unknown ones keep them."""
    replayed = adapted(wire, body, candidate)
    assert {key: key in replayed for key in ("temperature", "top_p")} == {"temperature": kept, "top_p": kept}
    assert ("temperature" in changes(wire, body, candidate)) is not kept


def test_a_seed_is_dropped_and_defaults_are_no_reason_to_refuse() -> None:
    """A seed means nothing on another model; n = 1 and empty biases say nothing."""
    body = chat(seed=7, n=1, logprobs=False, logit_bias={}, modalities=["text"], prediction={"type": "content", "content": SECRET})
    assert adapted(CHAT, body, GPT) == adapted(CHAT, chat(), GPT)
    assert {"seed", "prediction"} <= changes(CHAT, body, GPT).keys()
    assert adapted(RESPONSES, responses(background=False, tools=[], include=["x"]), GPT) == adapted(RESPONSES, responses(tools=[]), GPT)


@pytest.mark.parametrize(
    ("wire", "body", "path", "value"),
    [
        (ANTHROPIC, messages(), "output_config", {"effort": "high"}),
        (ANTHROPIC, messages(output_config={"effort": "max"}), "output_config", {"effort": "high"}),
        (CHAT, chat(), "reasoning_effort", "high"),
        (CHAT, chat(reasoning_effort="low"), "reasoning_effort", "high"),
        (RESPONSES, responses(), "reasoning", {"effort": "high"}),
        (RESPONSES, responses(reasoning={"effort": "low", "summary": "auto"}), "reasoning", {"effort": "high", "summary": "auto"}),
    ],
)
def test_a_tiers_effort_is_sent(wire: Wire, body: dict[str, Any], path: str, value: object) -> None:
    """Without it a comparison of tiers would be one of default efforts."""
    candidate = replace(HAIKU if wire is ANTHROPIC else LUNA, effort="high")
    assert adapted(wire, body, candidate)[path] == value
    assert any(change.reason == "effort_set" and change.after == "high" for change in changes(wire, body, candidate).values())


@pytest.mark.parametrize(
    ("wire", "body", "candidate", "sent"),
    [
        (ANTHROPIC, messages(output_config={"effort": "low"}), HAIKU, {"effort": "low"}),
        (ANTHROPIC, messages(output_config={"effort": "low"}), OLD_HAIKU, None),
        (CHAT, chat(reasoning_effort="low"), LUNA, "low"),
        (CHAT, chat(reasoning_effort="low"), tier("gpt-4o-mini"), None),
        (CHAT, chat(reasoning_effort="minimal"), LUNA, None),
        (CHAT, chat(reasoning_effort="low"), LOCAL, "low"),
    ],
)
def test_without_a_tiers_effort_the_requests_own_is_kept_where_the_model_has_it(
    wire: Wire, body: dict[str, Any], candidate: Tier, sent: object
) -> None:
    """And dropped with a record where it has not."""
    key = "output_config" if wire is ANTHROPIC else "reasoning_effort"
    assert adapted(wire, body, candidate).get(key) == sent
    dropped = {change.reason for change in changes(wire, body, candidate).values()} & {"effort_unsupported"}
    assert bool(dropped) is (sent is None)


@pytest.mark.parametrize(
    ("wire", "body", "candidate"),
    [
        (ANTHROPIC, messages(), replace(OLD_HAIKU, effort="high")),
        (CHAT, chat(), tier("gpt-4o-mini", effort="low")),
        (CHAT, chat(), tier("o3", effort="none")),
    ],
)
def test_an_effort_that_the_tiers_model_lacks_is_refused(wire: Wire, body: dict[str, Any], candidate: Tier) -> None:
    """A misconfigured tier fails before it is paid for."""
    assert reason(wire, body, candidate) == "effort_unsupported"


def test_a_budget_of_thinking_becomes_an_effort() -> None:
    """Models that think at their own measure reject budgets."""
    body = messages(thinking={"type": "enabled", "budget_tokens": 10_000, "display": "omitted"}, max_tokens=20_000)
    replayed = adapted(ANTHROPIC, body, HAIKU)
    assert replayed["thinking"] == {"type": "adaptive", "display": "omitted"}
    assert replayed["output_config"] == {"effort": "medium"}
    assert adapted(ANTHROPIC, body, replace(HAIKU, effort="low"))["output_config"] == {"effort": "low"}
    assert adapted(ANTHROPIC, body, OLD_HAIKU)["thinking"] == body["thinking"]
    change = changes(ANTHROPIC, body, HAIKU)["thinking.budget_tokens"]
    assert (change.action, change.reason, change.before) == ("map", "thinking_mapped", "10000")


@pytest.mark.parametrize(
    ("candidate", "expected"),
    [
        (OLD_HAIKU, {"type": "disabled"}),
        (tier("claude-opus-5"), {"type": "disabled"}),
        (HAIKU, {"type": "disabled"}),
        (replace(HAIKU, effort="medium"), {"type": "disabled"}),
        (replace(HAIKU, effort="high"), None),
        (SONNET, {"type": "between_tools"}),
        (replace(SONNET, effort="high"), {"type": "between_tools"}),
        (replace(SONNET, effort="max"), None),
        (tier("claude-opus-5-5"), None),
    ],
)
def test_thinking_that_was_off_stays_off_or_is_refused(candidate: Tier, expected: dict[str, str] | None) -> None:
    """Each model has its own way to be told not to think, at some efforts, or none."""
    body = messages(thinking={"type": "disabled"})
    if expected is None:
        assert reason(ANTHROPIC, body, candidate) == "thinking_unsupported"
    else:
        assert adapted(ANTHROPIC, body, candidate)["thinking"] == expected


def test_adaptive_thinking_is_not_asked_of_a_model_without_it() -> None:
    """Haiku 4.5 knows budgets only."""
    assert reason(ANTHROPIC, messages(thinking={"type": "adaptive"}), OLD_HAIKU) == "thinking_unsupported"
    assert reason(ANTHROPIC, messages(thinking={"type": "between_tools"}), HAIKU) == "thinking_unsupported"


THOUGHT = {"type": "thinking", "thinking": SECRET, "signature": "sig"}
USE = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Oslo"}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "rain"}


def test_thinking_in_the_history_is_stripped() -> None:
    """It is bound to the model that wrote it."""
    history = said("a", [THOUGHT, {"type": "redacted_thinking", "data": "x"}, {"type": "text", "text": "b"}], "c")
    replayed = adapted(ANTHROPIC, messages(messages=history), HAIKU)
    assert replayed["messages"] == said("a", [{"type": "text", "text": "b"}], "c")
    assert changes(ANTHROPIC, messages(messages=history), HAIKU)["messages[].content[]"].reason == "thinking_stripped"


def test_thinking_of_an_open_tool_turn_is_refused_and_of_a_closed_one_stripped() -> None:
    """Within the turn that is asked for, the thinking belongs to the answer."""
    still_open = said("a", [THOUGHT, USE], [RESULT])
    assert reason(ANTHROPIC, messages(messages=still_open), HAIKU) == "thinking_bound"
    closed = [*still_open, *said("b")]
    assert reason(ANTHROPIC, messages(messages=[*still_open, {"role": "assistant", "content": "ok"}, *closed[3:]]), HAIKU) == ""
    assert reason(ANTHROPIC, messages(messages=said("a", [THOUGHT], "b")), HAIKU) == "thinking_bound"
    chat_open = [
        *said("a"),
        {"role": "assistant", "content": "", "reasoning_content": SECRET, "tool_calls": []},
        {"role": "tool", "tool_call_id": "1", "content": "x"},
    ]
    assert reason(CHAT, chat(messages=chat_open), LUNA) == "thinking_bound"
    assert reason(CHAT, chat(messages=[*chat_open, *said("b")]), LUNA) == ""


def test_a_prefilled_answer_goes_only_to_models_that_continue_it() -> None:
    """The 4.5 family does, later models answer 400."""
    body = messages(messages=said("a", "The answer is"))
    assert adapted(ANTHROPIC, body, OLD_HAIKU)["messages"] == body["messages"]
    assert reason(ANTHROPIC, body, HAIKU) == "prefill"
    assert reason(CHAT, chat(messages=said("a", "b")), LOCAL) == "prefill"
    assert reason(CHAT, chat(messages=said("a", "b")), LUNA) == ""


@pytest.mark.parametrize("choice", [{"type": "any"}, {"type": "tool", "name": "weather"}])
def test_a_forced_tool_is_refused_where_it_answers_400(choice: dict[str, str]) -> None:
    """Left out, the candidate would be free to talk instead."""
    body = messages(tools=[TOOL], tool_choice=choice)
    assert reason(ANTHROPIC, body, SONNET) == "forced_tool_choice"
    assert adapted(ANTHROPIC, body, HAIKU)["tool_choice"] == choice
    assert reason(ANTHROPIC, body | {"tool_choice": {"type": "auto"}}, SONNET) == ""


def test_tools_and_their_history_stay_as_they_are() -> None:
    """On the same protocol nothing about a client's tools needs to change."""
    body = messages(tools=[TOOL | {"strict": True, "cache_control": {"type": "ephemeral"}}], messages=said("a", [USE], [RESULT]))
    replayed = adapted(ANTHROPIC, body, HAIKU)
    assert (replayed["tools"], replayed["messages"]) == (body["tools"], body["messages"])
    calls = [{"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Oslo"}'}}]
    history = [
        *said("a"),
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
    ]
    asked = chat(tools=[FUNCTION], tool_choice="required", parallel_tool_calls=False, messages=history)
    replayed = adapted(CHAT, asked, LUNA)
    assert {key: replayed[key] for key in asked if key != "model"} == {key: asked[key] for key in asked if key != "model"}


def test_an_effort_beside_tools_takes_the_protocol_that_allows_it() -> None:
    """gpt-5.6-luna answers 400 to function tools with an effort on chat completions."""
    body = chat(tools=[FUNCTION], messages=[{"role": "system", "content": "Be brief."}, *said("a")], verbosity="low")
    found = outcome(CHAT, body, tier("gpt-5.6-luna", effort="low"))
    assert isinstance(found, Adapted)
    assert found.request.wire is RESPONSES
    assert found.request.body["instructions"] == "Be brief."
    assert found.request.body["tools"] == [{"type": "function", "name": "weather", "parameters": PARAMETERS, "strict": False}]
    assert found.request.body["reasoning"] == {"effort": "low"}
    assert found.request.body["text"] == {"verbosity": "low"}
    for candidate in (tier("gpt-5.6-luna", effort="none"), tier("gpt-5.6-luna"), replace(LUNA, effort="low")):
        other = outcome(CHAT, body, candidate)
        assert isinstance(other, Adapted)
        assert other.request.wire is CHAT


def test_limits_are_renamed_and_lowered() -> None:
    """Reasoning models know max_completion_tokens only, and every model has its own ceiling."""
    assert adapted(CHAT, chat(max_tokens=300), LUNA)["max_completion_tokens"] == 300
    assert "max_tokens" not in adapted(CHAT, chat(max_tokens=300), LUNA)
    assert changes(CHAT, chat(max_tokens=300), LUNA)["max_tokens"].reason == "limit_mapped"
    assert adapted(CHAT, chat(max_tokens=300), LOCAL)["max_tokens"] == 300
    assert adapted(CHAT, chat(max_tokens=99_000), tier("gpt-4o-mini"))["max_tokens"] == 16_384
    assert adapted(RESPONSES, responses(max_output_tokens=200_000), LUNA)["max_output_tokens"] == 128_000
    body = messages(max_tokens=100_000)
    assert adapted(ANTHROPIC, body, OLD_HAIKU)["max_tokens"] == 64_000
    change = changes(ANTHROPIC, body, OLD_HAIKU)["max_tokens"]
    assert (change.reason, change.before, change.after) == ("limit_lowered", "100000", "64000")


def test_stop_sequences_are_kept_or_refused() -> None:
    """Without them an answer would go on where production's ended."""
    assert adapted(ANTHROPIC, messages(stop_sequences=["END"]), HAIKU)["stop_sequences"] == ["END"]
    assert adapted(CHAT, chat(stop=["END"]), GPT)["stop"] == ["END"]
    assert reason(CHAT, chat(stop="END"), LUNA) == "stop_unsupported"
    assert reason(CHAT, chat(stop=list("abcde")), GPT) == "stop_unsupported"
    assert reason(CHAT, chat(stop=list("abcde")), LOCAL) == ""


def test_json_formats_stay_as_they_are_on_the_same_protocol() -> None:
    """Schema and JSON mode are what production asked for."""
    for chosen in ({"type": "json_object"}, {"type": "json_schema", "json_schema": {"name": "x", "schema": PARAMETERS}}):
        assert adapted(CHAT, chat(response_format=chosen), LUNA)["response_format"] == chosen
    config = {"format": {"type": "json_schema", "schema": PARAMETERS}}
    assert adapted(ANTHROPIC, messages(output_config=config), HAIKU)["output_config"] == config
    assert adapted(ANTHROPIC, messages(output_format=config["format"]), HAIKU)["output_config"] == config
    assert adapted(ANTHROPIC, messages(output_config=config), replace(HAIKU, effort="low"))["output_config"] == {**config, "effort": "low"}


def test_verbosity_is_kept_where_the_model_has_it() -> None:
    """Older models have none; the default says nothing."""
    assert adapted(CHAT, chat(verbosity="low"), LUNA)["verbosity"] == "low"
    assert reason(CHAT, chat(verbosity="low"), GPT) == "verbosity"
    assert "verbosity" not in adapted(CHAT, chat(verbosity="medium"), GPT)
    assert reason(RESPONSES, responses(text={"verbosity": "low"}), GPT) == "verbosity"


def test_pictures_and_documents_in_the_request_stay_with_the_vendor() -> None:
    """What travels in the body is the same bytes again."""
    pdf = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}
    content = [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
        {"type": "document", "source": pdf, "citations": {"enabled": True}},
        {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "a"}]}},
        {"type": "search_result", "source": "https://x", "title": "t", "content": [{"type": "text", "text": "a"}]},
    ]  # fmt: skip
    body = messages(messages=said(content))
    assert adapted(ANTHROPIC, body, HAIKU)["messages"] == body["messages"]
    hidden = [{"type": "image", "source": {"type": "url", "url": "https://x"}}]
    for nested in (
        [{"type": "document", "source": {"type": "content", "content": hidden}}],
        [{"type": "tool_result", "tool_use_id": "t", "content": hidden}],
        [{"type": "search_result", "source": "s", "title": "t", "content": hidden}],
    ):
        assert reason(ANTHROPIC, messages(messages=said(nested)), HAIKU) == "media_url"


def test_cache_markers_and_regions_stay_with_the_vendor_and_go_to_no_other() -> None:
    """Another vendor has neither our cache nor our contract on where it computes."""
    marker = {"type": "ephemeral"}
    body = messages(system=[{"type": "text", "text": "s", "cache_control": marker}], cache_control=marker)
    assert adapted(ANTHROPIC, body, HAIKU)["system"] == body["system"]
    bedrock = replace(HAIKU, vendor="bedrock")
    replayed = adapted(ANTHROPIC, body, bedrock, egress=("bedrock",))
    assert "cache_control" not in repr(replayed)
    assert changes(ANTHROPIC, body, bedrock, egress=("bedrock",))["cache_control"].reason == "cache"
    assert "service_tier" not in replayed
    assert adapted(ANTHROPIC, messages(inference_geo="eu"), HAIKU)["inference_geo"] == "eu"
    assert reason(ANTHROPIC, messages(inference_geo="eu"), bedrock, egress=("bedrock",)) == "data_residency"


def test_leading_system_messages_become_the_system_prompt() -> None:
    """Not every model takes them as messages."""
    body = messages(system="one", messages=[{"role": "system", "content": "two"}, *said("a")])
    replayed = adapted(ANTHROPIC, body, HAIKU)
    assert [block["text"] for block in replayed["system"]] == ["one", "two"]
    assert replayed["messages"] == said("a")
    assert changes(ANTHROPIC, body, HAIKU)["system"].reason == "system_moved"


def test_ids_of_stored_items_are_taken_off() -> None:
    """A replay is not stored and belongs to no conversation."""
    items = [
        {"role": "user", "content": "a"},
        {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": "b"},
        {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "weather", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_1", "output": "rain"},
    ]  # fmt: skip
    replayed = adapted(RESPONSES, responses(input=items), LUNA)
    assert [item.get("id") for item in replayed["input"]] == [None] * 4
    assert [item.get("call_id") for item in replayed["input"]] == [None, None, "call_1", "call_1"]
    assert changes(RESPONSES, responses(input=items), LUNA)["input[].id"].reason == "state_id"


def test_a_compatible_server_gets_no_fields_of_openai() -> None:
    """Strict servers reject what they do not know."""
    assert adapted(CHAT, chat(user="u"), LOCAL) == chat() | {"model": LOCAL.model}


@pytest.mark.parametrize("candidate", [HAIKU, OLD_HAIKU, LUNA, GPT, LOCAL])
@pytest.mark.parametrize(
    ("wire", "body"),
    [(ANTHROPIC, messages(system=SECRET, stop_sequences=[])), (CHAT, chat(user=SECRET)), (RESPONSES, responses(instructions=SECRET))],
)
def test_no_change_holds_content(wire: Wire, body: dict[str, Any], candidate: Tier) -> None:
    """Changes are shown beside every pair and exported."""
    found = outcome(wire, body | {"metadata": {"note": SECRET}}, candidate)
    assert isinstance(found, Adapted)
    assert SECRET not in repr(found.changes)
    assert EVERYWHERE
