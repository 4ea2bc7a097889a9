"""Savings, by hand."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.model import Usage
from evalharness.savings import at_production_cache, change, per_month

COUNTS = st.integers(0, 10**7)
USAGES = st.builds(
    Usage,
    uncached_input_tokens=COUNTS,
    cache_read_tokens=COUNTS,
    cache_write_5m_tokens=COUNTS,
    cache_write_1h_tokens=COUNTS,
    output_tokens=COUNTS,
)


def test_replay_at_production_cache() -> None:
    """A cold replay of 2,000 tokens is split as production's prompt was: 80 % read, 15 % written; its output stays."""
    production = Usage(
        uncached_input_tokens=50, cache_read_tokens=800, cache_write_5m_tokens=100, cache_write_1h_tokens=50, output_tokens=9
    )
    replay = Usage(uncached_input_tokens=2000, output_tokens=70, reasoning_tokens=30)
    expected = Usage(
        uncached_input_tokens=100, cache_read_tokens=1600, cache_write_5m_tokens=200, cache_write_1h_tokens=100,
        output_tokens=70, reasoning_tokens=30,
    )  # fmt: skip
    assert at_production_cache(production, replay) == expected


def test_production_without_tokens() -> None:
    """Where production's usage is not known the replay stays as it was."""
    replay = Usage(uncached_input_tokens=2000, output_tokens=70)
    assert at_production_cache(Usage(output_tokens=5), replay) == replay


@given(USAGES, USAGES)
def test_no_token_is_made_or_lost(production: Usage, replay: Usage) -> None:
    """However the input is split, it stays as many tokens, none negative."""
    warm = at_production_cache(production, replay)
    assert (warm.input_tokens, warm.output_tokens) == (replay.input_tokens, replay.output_tokens)
    assert min(warm.uncached_input_tokens, warm.cache_read_tokens, warm.cache_write_5m_tokens, warm.cache_write_1h_tokens) >= 0


@pytest.mark.parametrize(
    ("usd", "first", "last", "expected"),
    [
        ("14", "2026-11-01", "2026-11-14", "30.4375"),
        ("1", "2026-11-01", "2026-11-01", "30.4375"),
        ("59", "2024-02-01", "2024-03-30", "30.4375"),  # through 29 February
        ("0", "2026-11-01", "2026-11-02", "0"),
    ],
)
def test_per_month(usd: str, first: str, last: str, expected: str) -> None:
    """A month is 30.4375 days at the rate of the days seen, both ends counted."""
    assert per_month(Decimal(usd), first, last) == Decimal(expected)


def test_change() -> None:
    """A fall is negative, and nothing cannot fall."""
    assert change(Decimal(4), Decimal(1)) == -0.75
    assert change(Decimal(4), Decimal(5)) == 0.25
    assert change(Decimal(0), Decimal(1)) is None
