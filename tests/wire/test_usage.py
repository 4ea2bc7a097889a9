"""Token usage: three conventions, one set of disjoint classes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.model import Usage, Wire
from evalharness.wire.unreadable import Unreadable
from evalharness.wire.usage import usage_of

ANTHROPIC, CHAT, RESPONSES = Wire.ANTHROPIC_MESSAGES, Wire.OPENAI_CHAT, Wire.OPENAI_RESPONSES
COUNT = st.integers(0, 10**7)


@pytest.mark.parametrize(
    ("wire", "raw", "expected"),
    [
        (ANTHROPIC, {"input_tokens": 5, "output_tokens": 3}, Usage(uncached_input_tokens=5, output_tokens=3)),
        (
            ANTHROPIC,
            {"input_tokens": 5, "output_tokens": 3, "cache_creation_input_tokens": 7, "cache_read_input_tokens": None},
            Usage(uncached_input_tokens=5, cache_write_5m_tokens=7, output_tokens=3),
        ),
        (
            ANTHROPIC,
            {"input_tokens": 5, "output_tokens": 9, "output_tokens_details": {"thinking_tokens": 4}},
            Usage(uncached_input_tokens=5, output_tokens=9, reasoning_tokens=4),
        ),
        (
            CHAT,  # reasoning beside the completion, as the total shows
            {
                "prompt_tokens": 10,
                "completion_tokens": 3,
                "total_tokens": 20,
                "completion_tokens_details": {"reasoning_tokens": 7},
            },
            Usage(uncached_input_tokens=10, output_tokens=10, reasoning_tokens=7),
        ),
        (
            RESPONSES,
            {
                "input_tokens": 100,
                "input_tokens_details": {
                    "cached_tokens": 40,
                    "cache_write_tokens": 30,
                    "cache_write_tokens_details": {"ttl_12h_tokens": 10, "ttl_30m_tokens": 20},
                },
                "output_tokens": 9,
                "output_tokens_details": {"reasoning_tokens": 4},
            },
            Usage(
                uncached_input_tokens=30,
                cache_read_tokens=40,
                cache_write_5m_tokens=20,
                cache_write_1h_tokens=10,
                output_tokens=9,
                reasoning_tokens=4,
            ),
        ),
    ],
)
def test_each_convention_becomes_disjoint_classes(wire: Wire, raw: dict[str, Any], expected: Usage) -> None:
    """No token is counted twice, and none is lost."""
    assert expected == usage_of(wire, {"usage": raw})


@given(read=COUNT, short=COUNT, long=COUNT, fresh=COUNT, output=COUNT)
def test_all_wires_agree_on_the_same_tokens(*, read: int, short: int, long: int, fresh: int, output: int) -> None:
    """The same call, told in three conventions, is the same usage."""
    total, written = read + short + long + fresh, short + long
    anthropic = {
        "input_tokens": fresh,
        "cache_read_input_tokens": read,
        "cache_creation_input_tokens": written,
        "cache_creation": {"ephemeral_5m_input_tokens": short, "ephemeral_1h_input_tokens": long},
        "output_tokens": output,
    }
    chat = {
        "prompt_tokens": total,
        "prompt_tokens_details": {
            "cached_tokens": read,
            "cache_creation_tokens": written,
            "cache_creation_token_details": {"ephemeral_1h_input_tokens": long},
        },
        "completion_tokens": output,
    }
    ttl = {"ttl_30m_tokens": short, "ttl_12h_tokens": long}
    details = {"cached_tokens": read, "cache_write_tokens": written, "cache_write_tokens_details": ttl}
    responses = {"input_tokens": total, "input_tokens_details": details, "output_tokens": output}
    usage = usage_of(ANTHROPIC, {"usage": anthropic})
    assert usage is not None
    assert total == usage.input_tokens
    assert usage == usage_of(CHAT, {"usage": chat}) == usage_of(RESPONSES, {"usage": responses})


@pytest.mark.parametrize("wire", list(Wire))
def test_no_usage_is_none(wire: Wire) -> None:
    """A body without usage is an answer all the same."""
    assert usage_of(wire, {}) is None
    assert usage_of(wire, {"usage": None}) is None


@pytest.mark.parametrize(
    ("wire", "raw"),
    [
        (ANTHROPIC, {"input_tokens": 5}),
        (ANTHROPIC, {"input_tokens": "5", "output_tokens": 3}),
        (ANTHROPIC, {"input_tokens": True, "output_tokens": 3}),
        (ANTHROPIC, []),
        (CHAT, {"prompt_tokens": -1, "completion_tokens": 3}),
        (CHAT, {"prompt_tokens": 1.5, "completion_tokens": 3}),
        (CHAT, {"prompt_tokens": 10**30, "completion_tokens": 3}),
        (CHAT, {"prompt_tokens": 10, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 11}}),
        (RESPONSES, {"input_tokens": 3, "output_tokens": None}),
    ],
)
def test_a_malformed_usage_is_refused(wire: Wire, raw: object) -> None:
    """A wrong count is no count: money hangs on it."""
    with pytest.raises(Unreadable) as refused:
        usage_of(wire, {"usage": raw})
    assert refused.value.reason == "wrong_type"
    assert refused.value.field.startswith("usage")
