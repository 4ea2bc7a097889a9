"""Which pairs settle without a human, and which never do."""

from __future__ import annotations

import json
import socket
from dataclasses import replace
from typing import Any, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.compare import compare
from evalharness.config import Policy
from evalharness.model import CheckResult, Output, Request, Settled, Stop, ToolCall, Wire

ASKED = Request(wire=Wire.OPENAI_CHAT, body={"messages": []})
TEXT, JSON, FENCED = Policy(), Policy(output="json"), Policy(output="json", fences="fenced")
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}
FENCE = '```json\n{"n": 1}\n```'


def with_schema(schema: Any, wire: Wire = Wire.OPENAI_CHAT) -> Request:  # noqa: ANN401 - raw JSON
    """A request that asks for output in a schema."""
    bodies: dict[Wire, dict[str, Any]] = {
        Wire.OPENAI_CHAT: {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}},
        Wire.OPENAI_RESPONSES: {"text": {"format": {"type": "json_schema", "schema": schema}}},
        Wire.ANTHROPIC_MESSAGES: {"output_config": {"format": {"type": "json_schema", "schema": schema}}},
    }
    return Request(wire=wire, body=bodies[wire])


def settled(dearer: Output | str, cheaper: Output | str, policy: Policy = TEXT, request: Request = ASKED) -> str | None:
    """The rule by which a pair settles, or None."""
    a, b = (o if isinstance(o, Output) else Output(text=o) for o in (dearer, cheaper))
    found = compare(request, a, b, policy)[1]
    assert found is None or found.equal == found.rule.startswith("equal:")
    return found.rule if found else None


def checks(dearer: Output | str, cheaper: Output | str, policy: Policy = TEXT, request: Request = ASKED) -> dict[str, CheckResult]:
    """The checks of a pair by name."""
    a, b = (o if isinstance(o, Output) else Output(text=o) for o in (dearer, cheaper))
    return {c.name: c for c in compare(request, a, b, policy)[0]}


def tool(name: str = "f", arguments: str = "{}", text: str = "") -> Output:
    """An output that asks for a tool."""
    return Output(text=text, tool_calls=(ToolCall(name=name, arguments=arguments),), stop=Stop.TOOL)


@pytest.mark.parametrize(
    ("dearer", "cheaper", "policy", "rule"),
    [
        ("yes", "yes", TEXT, "equal:bytes"),
        ("yes", " yes\n", TEXT, "equal:whitespace"),
        ("yes", " yes\n", Policy(normalise="none"), None),
        ("yes", "Yes.", TEXT, None),
        ("yes", "Yes.", Policy(normalise="words"), "equal:words"),
        ("yes", "no", Policy(normalise="words"), None),
        ('{"a": 1}', '{ "a": 1.0 }', JSON, "equal:json"),
        ('{"a": 1}', '{ "a": 1.0 }', TEXT, None),
        ('{"a": 1}', '{"a": "1"}', JSON, None),
        ('{"a": "x y"}', '{"a": "x  y"}', JSON, None),
        ('{"a": 1}', '```json\n{"a": 1}\n```', FENCED, "equal:json"),
        ('{"a": 1}', '```json\n{"a": 1}\n```', JSON, "failed:json_in_fence"),
        ('{"a": 1}', '{"a": 1, "a": 1}', JSON, "failed:invalid_json"),
        ('{"a": 1}', '{"a": NaN}', JSON, "failed:invalid_json"),
        ("no json", "no json", JSON, "equal:bytes"),
    ],
)
def test_equality(dearer: str, cheaper: str, policy: Policy, rule: str | None) -> None:
    """Outputs are equal under the task type's declared rule and no other."""
    assert settled(dearer, cheaper, policy) == rule


@pytest.mark.parametrize(
    ("dearer", "cheaper", "rule"),
    [
        (tool(arguments='{"a": 1, "b": 2}'), tool(arguments='{"b":2.0,"a":1}'), "equal:tools"),
        (tool(arguments="{}"), tool("g", "{}"), None),
        (tool(arguments='{"a": 1}'), tool(arguments='{"a": 2}'), None),
        (tool(arguments='{"a": 1}'), tool(arguments='{"a": "1"}'), None),
        (tool(text="Let me see."), tool(text="Let me look."), None),
        (tool(text="Let me see."), tool(text="Let me see."), "equal:bytes"),
        (tool(arguments="{}"), tool(arguments="{broken"), "failed:tool_arguments"),
        (tool(arguments="{}"), tool(arguments="[1]"), "failed:tool_arguments"),
        (tool(arguments="{}"), Output(text="I would call f."), None),
        (Output(text="It is 4."), tool(), None),
        (tool(arguments="{broken"), tool(arguments="{broken"), "equal:tools"),
    ],
)
def test_tools(dearer: Output, cheaper: Output, rule: str | None) -> None:
    """Tool calls are the same by name and by the value of their arguments."""
    assert settled(dearer, cheaper) == rule


def test_order_of_tool_calls_counts() -> None:
    """The same calls in another order, or fewer of them, are not equal; their random ids do not matter."""
    f, g = ToolCall(name="f", arguments="{}", id="1"), ToolCall(name="g", arguments="{}", id="2")
    both = Output(tool_calls=(f, g), stop=Stop.TOOL)
    assert settled(both, Output(tool_calls=(g, f), stop=Stop.TOOL)) is None
    assert settled(both, Output(tool_calls=(f,), stop=Stop.TOOL)) is None
    assert settled(both, Output(tool_calls=(replace(f, id="9"), g), stop=Stop.TOOL)) == "equal:tools"


@given(st.sampled_from(Stop), st.sampled_from(Stop))
def test_stops_must_agree(a: Stop, b: Stop) -> None:
    """The same words that ended otherwise are not equal: one of them may be cut."""
    rule = settled(Output(text="same", stop=a), Output(text="same", stop=b))
    assert (rule == "equal:bytes") == (a is b)


BROKEN = [
    (Output(text="I cannot help.", stop=Stop.REFUSAL), TEXT, "refusal"),
    (Output(text="Once upon", stop=Stop.LENGTH), TEXT, "truncated"),
    (Output(text=" \n"), TEXT, "empty"),
    (Output(text="{broken"), JSON, "invalid_json"),
    (Output(text=FENCE), JSON, "json_in_fence"),
    (Output(text="```json\n{broken\n```"), JSON, "invalid_json"),
    (Output(text="```json\n{broken\n```"), FENCED, "invalid_json"),
]


@pytest.mark.parametrize(("broken", "policy", "why"), BROKEN, ids=lambda x: x if isinstance(x, str) else "")
def test_failures(broken: Output, policy: Policy, why: str) -> None:
    """A candidate that is broken where production was not settles as a loss, with its own reason."""
    good = Output(text='{"n": 2}')
    assert settled(good, broken, policy) == f"failed:{why}"
    assert checks(good, broken, policy)["candidate_whole"] == CheckResult(name="candidate_whole", passed=False, detail=why)


@pytest.mark.parametrize(("broken", "policy", "why"), BROKEN, ids=lambda x: x if isinstance(x, str) else "")
@pytest.mark.parametrize(("other", "_policy", "_why"), BROKEN, ids=lambda x: x if isinstance(x, str) else "")
def test_both_failing_is_no_loss(broken: Output, policy: Policy, why: str, other: Output, _policy: Policy, _why: str) -> None:
    """Where production is broken too, a broken candidate never settles as a loss: a human decides, or they are equal."""
    rule = settled(other, broken, policy)
    production_broken = not checks(other, broken, policy)["production_whole"].passed
    if production_broken:
        assert rule is None or rule.startswith("equal:")
    else:
        assert rule == f"failed:{why}"


def test_broken_production_is_shown_only() -> None:
    """A candidate that is whole where production was broken is no win without a human."""
    assert settled(Output(text="I cannot.", stop=Stop.REFUSAL), "fine") is None
    assert not checks(Output(text="I cannot.", stop=Stop.REFUSAL), "fine")["production_whole"].passed


def test_fence_is_told() -> None:
    """A fence has its own check with the policy in force, and is a failure of form, not of content."""
    assert checks('{"n": 1}', FENCE, JSON)["unfenced"].detail == "json_in_fence_strict"
    assert checks('{"n": 1}', FENCE, FENCED)["unfenced"].detail == "json_in_fence_fenced"
    assert "unfenced" not in checks('{"n": 1}', FENCE, TEXT)


@pytest.mark.parametrize("wire", list(Wire))
@pytest.mark.parametrize(
    ("cheaper", "rule"),
    [
        ('{"n": 1}', "equal:bytes"), ('{"n":1.0}', "equal:json"), ('{"n": 2}', None), ('{"n": "1"}', "failed:schema"),
        ("{}", "failed:schema"),
        ('{"n": 1, "m": 2}', "failed:schema"), ("[]", "failed:schema"), ("one", "failed:invalid_json"), (FENCE, "failed:json_in_fence"),
    ],
)  # fmt: skip
def test_schema(wire: Wire, cheaper: str, rule: str | None) -> None:
    """A request that asks for a schema is held to it, on every protocol, whatever the policy says of JSON."""
    assert settled('{"n": 1}', cheaper, TEXT, with_schema(SCHEMA, wire)) == rule


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every socket fail the test."""

    def refuse(*_args: object, **_more: object) -> NoReturn:
        pytest.fail("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "http://169.254.169.254/latest/meta-data"},
        {"$schema": "https://evil.example/meta", "type": "object"},
        {"properties": {"n": {"$ref": "https://evil.example/n.json#/x"}}},
        {"$id": "https://evil.example/base", "properties": {"n": {"$ref": "other.json"}}},
        {"$dynamicRef": "https://evil.example/x"},
        {"$ref": "file:///etc/passwd"},
    ],
)
@pytest.mark.usefixtures("no_network")
def test_schema_is_never_fetched(schema: dict[str, Any]) -> None:
    """A reference in a captured schema reaches neither network nor disk; what cannot be resolved constrains nothing."""
    assert settled('{"n": 1}', '{"n": 2}', TEXT, with_schema(schema)) is None


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "strange"},
        {"properties": 3},
        {"properties": {"n": {"pattern": "\\p{L}+"}}},
        {"patternProperties": {"[": {}}},
        {"$schema": "http://json-schema.org/draft-04/schema#", "patternProperties": {"[": {}}},
        {"properties": {"n": {"multipleOf": 0.5}}},
        {"$ref": "#/definitions/none"},
        {"$ref": "#"},
        {"allOf": [{"$ref": "#"}]},
        {"properties": {"n": {"multipleOf": 1e-320}}},
        {"properties": {"n": {"multipleOf": 0}}},
        True,
        "object",
        None,
    ],
    ids=str,
)
def test_broken_schema(schema: object) -> None:
    """A schema that is itself broken, or beyond what we can check, breaks nothing and fails no candidate."""
    assert settled('{"n": "a"}', '{"n": "b"}', TEXT, with_schema(schema)) is None
    assert settled('{"n": 1}', f'{{"n": 1{"0" * 400}}}', TEXT, with_schema(schema)) is None


def test_local_references_hold() -> None:
    """A schema that refers to itself is checked."""
    schema = {"$defs": {"n": {"type": "integer"}}, "properties": {"n": {"$ref": "#/$defs/n"}}}
    assert settled('{"n": 1}', '{"n": "x"}', TEXT, with_schema(schema)) == "failed:schema"


def test_length_is_shown_and_settles_nothing() -> None:
    """A candidate that is too long fails the check, and a human still decides."""
    policy = Policy(max_length_ratio=2.0)
    assert settled("ab", "abcde", policy) is None
    assert checks("ab", "abcde", policy)["length"] == CheckResult(name="length", passed=False, detail="2.50 times")
    assert checks("ab", "abcd", policy)["length"].passed
    assert checks("", "abcd", policy)["length"].detail == "4.00 times"
    assert "length" not in checks("ab", "abcde")


@given(
    st.builds(Output, text=st.text(max_size=20), stop=st.sampled_from(Stop)),
    st.builds(Output, text=st.text(max_size=20), stop=st.sampled_from(Stop)),
    st.sampled_from([TEXT, JSON, FENCED, Policy(normalise="words")]),
)
def test_details_hold_no_content(dearer: Output, cheaper: Output, policy: Policy) -> None:
    """Whatever the outputs are, a pair is compared without an error, and its checks hold codes, never text of the outputs."""
    found, rule = compare(ASKED, dearer, cheaper, policy)
    codes = {
        "",
        "different",
        "refusal",
        "truncated",
        "empty",
        "invalid_json",
        "json_in_fence",
        "json_in_fence_strict",
        "json_in_fence_fenced",
    }
    assert {c.detail for c in found} <= codes | {"bytes", "whitespace", "words", "json", "tools"}
    assert rule is None or isinstance(rule, Settled)
    assert (compare(ASKED, dearer, dearer, policy)[1] or Settled(rule="", equal=False)).equal


def test_deep_outputs() -> None:
    """JSON that nests thousands deep is invalid, not the end of the run."""
    deep = "[" * 100_000
    assert settled("{}", deep, JSON) == "failed:invalid_json"
    assert settled("{}", json.dumps({"a": "["}) * 2, JSON) == "failed:invalid_json"
    assert settled(tool(), tool(arguments=deep)) == "failed:tool_arguments"
