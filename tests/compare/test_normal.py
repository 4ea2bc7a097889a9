"""Normalisations, fences, and when two JSON values are one."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.compare.normal import InvalidJsonError, Normalisation, canonical, json_value, normal_text, unfenced

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda x: st.lists(x, max_size=3) | st.dictionaries(st.text(max_size=3), x, max_size=3),
)


@pytest.mark.parametrize(
    ("a", "b", "equal_under"),
    [
        ("same", "same", {"none", "whitespace", "words"}),
        ("a  b\n", " a b", {"whitespace", "words"}),
        ("a\u00a0b", "a b", {"whitespace", "words"}),
        ("Yes.", "yes", {"words"}),
        ("**Yes**, it is!", "yes it is", {"words"}),
        ("ﬁle", "file", {"words"}),
        ("straße", "STRASSE", {"words"}),
        ("5", "-5", set()),
        ("5", ".5", set()),
        ("1.5", "15", set()),
        ("yes", "no", set()),
        ("a b", "ab", set()),
        ("not relevant", "relevant", set()),
        ("3 > 2", "3 < 2", set()),
        ("50 %", "50 $", set()),
    ],
)
def test_normal_text(a: str, b: str, equal_under: set[Normalisation]) -> None:
    """Each normalisation forgives what its name says and nothing that carries meaning."""
    kinds: tuple[Normalisation, ...] = ("none", "whitespace", "words")
    assert {how for how in kinds if normal_text(a, how) == normal_text(b, how)} == equal_under


@given(st.text(max_size=50), st.sampled_from(["none", "whitespace", "words"]))
def test_normal_text_is_settled(text: str, how: Normalisation) -> None:
    """What was normalised stays as it is, apart from punctuation that stood around punctuation."""
    if how != "words":
        assert normal_text(normal_text(text, how), how) == normal_text(text, how)
    assert normal_text(f"  {text}\n", "words") == normal_text(text, "words")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("```json\n{}\n```", ("{}", True)),
        ("```\n{}\n```", ("{}", True)),
        ("\n ```json  \n{}```  \n", ("{}", True)),
        ("```json\n{}\n  ```", ("{}", True)),
        ("```json\n```", ("", True)),
        ("Here: ```json\n{}\n```", None),
        ("```json\n{}\n``` Done.", None),
        ("```json\n{}", None),
        ("```{}```", None),
        ("```two words\n{}\n```", None),
        ("`````", None),
        ("```", None),
        ("{}", None),
        ("", None),
    ],
)
def test_unfenced(text: str, expected: tuple[str, bool] | None) -> None:
    """A fence is taken off only if it is the whole answer."""
    assert unfenced(text) == (expected or (text, False))


@pytest.mark.parametrize("filler", [" ", "\n", "\t ", "`", "``` "])
def test_unfenced_is_linear(filler: str) -> None:
    """A model that runs away in white space, as in JSON mode, costs time in proportion to its length."""
    start = time.process_time()
    unfenced("```json\n{" + filler * 1_000_000)
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("1", "1.0", True), ("1", '"1"', False), ("1", "true", False), ("0", "false", False), ("0", "-0.0", True), ("null", '""', False),
        ('{"a": 1, "b": 2}', '{"b": 2.0, "a": 1}', True), ("[1, 2]", "[2, 1]", False), ('{"a": 1}', '{"A": 1}', False),
        ("1e2", "100", True),
        ("0.1", "0.10", True), ('"\\u00e9"', '"é"', True), ('"a "', '"a"', False), ("[]", "{}", False), ('{"a": null}', "{}", False),
        (" [ 1 ]\n", "[1]", True), ("9007199254740993", "9007199254740992", False), ("[true]", "[1]", False), ("[]", "[[]]", False),
    ],
)  # fmt: skip
def test_same_value(a: str, b: str, *, same: bool) -> None:
    """Equal is the value: numbers by what they are, keys in any order; types, order of lists and strings to the letter."""
    assert (canonical(json_value(a)) == canonical(json_value(b))) == same


@given(JSON)
def test_canonical_survives_writing(value: Any) -> None:  # noqa: ANN401 - any JSON value
    """However a value is written, with whatever spaces and order, it is the same value."""
    written = json_value(json.dumps(value, indent=2, sort_keys=True))
    assert canonical(written) == canonical(json_value(json.dumps(value)))


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "{'a': 1}", "{} {}", "NaN", "[Infinity]", "-Infinity", "1e400", "[-1e999]",
        '{"a": 1, "a": 1}', '{"a": {"b": 1, "b": 2}}', "[1,]",
        "// no\n{}", "[" * 201 + "]" * 201, "[" * 100_000, '{"a":' * 100_000, '{"a":' * 201 + "1" + "}" * 201, "9" * 5000, "\ufeff{}",
    ],
    ids=lambda t: t[:12],
)  # fmt: skip
def test_invalid_json(text: str) -> None:
    """What strict readers disagree on is no JSON: NaN, duplicate keys, numbers without a double, nesting that exhausts stacks."""
    with pytest.raises(InvalidJsonError):
        json_value(text)


def test_brackets_in_strings_are_no_nesting() -> None:
    """A string may hold as many brackets as it likes; values nest up to 200 deep."""
    assert json_value(json.dumps({"art": "[" * 1000}))["art"] == "[" * 1000
    assert json_value("[" * 200 + "]" * 200)
