"""The worst case that the budget reserves."""

from __future__ import annotations

from typing import Any

import pytest

from evalharness.model import Request, Wire
from evalharness.replay.tokens import IMAGE_TOKENS, OVERHEAD_TOKENS, max_output_tokens, worst_input_tokens
from tests.replay.bodies import ANTHROPIC, CHAT, PIXEL, RESPONSES, chat, messages, responses, said


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("The quick brown fox jumps over the lazy dog. " * 100, 1_001),  # cl100k_base
        ("def add(first, second):\n    return first + second\n" * 100, 1_300),
        ("東京の天気はどうですか。" * 100, 1_300),
    ],
)
def test_the_estimate_is_above_what_tokenizers_count(text: str, tokens: int) -> None:
    """By a margin that covers a tokenizer with 30 % more, and not by so much that nothing fits a budget."""
    worst = worst_input_tokens(Request(wire=ANTHROPIC, body=messages(messages=said(text))))
    assert 1.3 * tokens <= worst <= 4 * tokens + OVERHEAD_TOKENS


def test_everything_that_is_sent_counts() -> None:
    """System prompt, tools and schemas are input too."""
    plain = worst_input_tokens(Request(wire=ANTHROPIC, body=messages()))
    for more in ({"system": "x" * 3000}, {"tools": [{"description": "x" * 3000}]}, {"output_config": {"schema": {"d": "x" * 3000}}}):
        assert worst_input_tokens(Request(wire=ANTHROPIC, body=messages(**more))) > plain + 1300


@pytest.mark.parametrize(
    ("wire", "part"),
    [
        (ANTHROPIC, {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL * 9_000}}),
        (CHAT, {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL * 9_000}"}}),
        (RESPONSES, {"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL * 9_000}"}),
    ],
)
def test_a_picture_counts_as_a_picture(wire: Wire, part: dict[str, Any]) -> None:
    """A megabyte of base64 is not 300,000 tokens."""
    make = {ANTHROPIC: messages, CHAT: chat, RESPONSES: responses}[wire]
    key = "input" if wire is RESPONSES else "messages"
    worst = worst_input_tokens(Request(wire=wire, body=make(**{key: said([part, part])})))
    assert 2 * IMAGE_TOKENS < worst < 2 * IMAGE_TOKENS + OVERHEAD_TOKENS + 500


def test_characters_that_utf8_cannot_write_are_counted() -> None:
    """A lone surrogate in a log does not end the run."""
    assert worst_input_tokens(Request(wire=CHAT, body=chat(messages=said("\ud800" * 300)))) > OVERHEAD_TOKENS


@pytest.mark.parametrize(
    ("wire", "body", "expected"),
    [
        (ANTHROPIC, messages(), 1000),
        (CHAT, chat(), None),
        (CHAT, chat(max_tokens=5), 5),
        (CHAT, chat(max_completion_tokens=7), 7),
        (RESPONSES, responses(), None),
        (RESPONSES, responses(max_output_tokens=9), 9),
    ],
)
def test_the_limit_of_output_tokens(wire: Wire, body: dict[str, Any], expected: int | None) -> None:
    """Each protocol has its own name for it."""
    assert max_output_tokens(Request(wire=wire, body=body)) == expected
