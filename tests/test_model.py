"""The values that travel."""

from __future__ import annotations

import hashlib
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.model import Grade, Key, Output, Side, Stop, ToolCall, Usage

ANY_TEXT = st.text(alphabet=st.characters(exclude_categories=()), max_size=30)  # lone surrogates and NUL too
OUTPUTS = st.builds(
    Output,
    text=ANY_TEXT,
    tool_calls=st.lists(st.builds(ToolCall, name=ANY_TEXT, arguments=ANY_TEXT), max_size=3).map(tuple),
    stop=st.sampled_from(Stop),
)
D, C, B, N = (True, False), (False, True), (True, True), (False, False)


@given(OUTPUTS)
def test_output_survives_json(output: Output) -> None:
    """What is stored of an output is the output, also with NUL and lone surrogates, and is ASCII that PostgreSQL takes."""
    stored = output.to_json()
    assert Output.from_json(stored) == output
    assert stored.isascii()
    assert "\0" not in stored


@given(OUTPUTS, OUTPUTS)
def test_digest_tells_outputs_apart(a: Output, b: Output) -> None:
    """Two outputs have the same digest only if they are the same."""
    assert (a.digest == b.digest) == (a == b)


def test_digest_is_portable() -> None:
    """The digest is the SHA-256 of sorted, compact ASCII JSON: what a grade carries can be checked in any language."""
    output = Output(text="ü", tool_calls=(ToolCall(name="f", arguments="{}", id="random"),), stop=Stop.TOOL)
    expected = '{"stop":"tool","text":"\\u00fc","tool_calls":[{"arguments":"{}","name":"f"}]}'
    assert output.to_json() == expected
    assert output.digest == hashlib.sha256(expected.encode()).hexdigest()


@pytest.mark.parametrize(
    ("key", "on_left_dearer", "preference"),
    [
        (Key.ONLY_A, D, -1),
        (Key.BOTH_A_BETTER, B, -1),
        (Key.BOTH_EQUAL, B, 0),
        (Key.BOTH_B_BETTER, B, 1),
        (Key.ONLY_B, C, 1),
        (Key.NEITHER, N, 0),
    ],
)
def test_grade_of_a_key(key: Key, on_left_dearer: tuple[bool, bool], preference: int) -> None:
    """A key says what it says of the outputs, whichever side they stood on."""
    dearer, cheaper = on_left_dearer
    straight = Grade.from_key(key, left=Side.DEARER)
    mirrored = Grade.from_key(key, left=Side.CHEAPER)
    assert straight == Grade(dearer_acceptable=dearer, cheaper_acceptable=cheaper, preference=preference)
    assert mirrored == Grade(dearer_acceptable=cheaper, cheaper_acceptable=dearer, preference=-preference)


def test_usage_adds_class_by_class() -> None:
    """Token classes are disjoint, add up one by one, and reasoning is no input."""
    one = Usage(**{f.name: 10**i for i, f in enumerate(fields(Usage))})
    assert one.input_tokens == 1111
    assert one + one == Usage(**{f.name: 2 * 10**i for i, f in enumerate(fields(Usage))})
    assert one + Usage() == one
