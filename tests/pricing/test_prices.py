"""Prices, computed by hand from the vendors' lists."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.ladder import Prices, Tier
from evalharness.model import Usage
from evalharness.pricing import PriceList

NOW = datetime(2026, 11, 10, tzinfo=UTC)
CATALOGUE = PriceList()


@pytest.mark.parametrize(
    ("model", "usage", "expected"),
    [
        # claude-opus-5-5 in USD per million: in 4, out 20, read 0.2, write 5 (5 min) and 8 (1 h)
        ("claude-opus-5-5", Usage(uncached_input_tokens=1000), "0.004"),
        ("claude-opus-5-5", Usage(output_tokens=1000), "0.02"),
        ("claude-opus-5-5", Usage(output_tokens=1000, reasoning_tokens=900), "0.02"),
        ("claude-opus-5-5", Usage(cache_read_tokens=1000), "0.0002"),
        ("claude-opus-5-5", Usage(cache_write_5m_tokens=1000), "0.005"),
        ("claude-opus-5-5", Usage(cache_write_1h_tokens=1000), "0.008"),
        (
            "claude-opus-5-5",
            Usage(uncached_input_tokens=10, cache_read_tokens=20, cache_write_5m_tokens=30, cache_write_1h_tokens=40, output_tokens=50),
            "0.001514",  # (10*4 + 20*0.2 + 30*5 + 40*8 + 50*20) / 10^6
        ),
        # claude-haiku-5-5: in 0.1, out 0.5, read 0.01; above 100,000 prompt tokens five times as much, for the whole call
        ("claude-haiku-5-5", Usage(uncached_input_tokens=100_000, output_tokens=1000), "0.0105"),
        ("claude-haiku-5-5", Usage(uncached_input_tokens=100_001, output_tokens=1000), "0.0525005"),
        ("claude-haiku-5-5", Usage(cache_read_tokens=100_001, output_tokens=0), "0.00500005"),
        ("claude-haiku-5-5-20260901", Usage(uncached_input_tokens=1000), "0.0001"),
        ("anthropic/claude-haiku-5-5", Usage(uncached_input_tokens=1000), "0.0001"),
        ("claude-haiku-5-5", Usage(), "0"),
    ],
)
def test_catalogue(model: str, usage: Usage, expected: str) -> None:
    """A call costs what the vendor's list says, by token class and by the length of its prompt."""
    assert CATALOGUE.usd("anthropic", model, usage, NOW) == Decimal(expected)


def test_cliff_counts_the_whole_prompt() -> None:
    """The length of a prompt is all its tokens, cached or not: one token more makes every class of a long call dearer."""
    below = Usage(uncached_input_tokens=1, cache_read_tokens=99_999, output_tokens=100)
    above = Usage(uncached_input_tokens=2, cache_read_tokens=99_999, output_tokens=100)
    assert CATALOGUE.usd("anthropic", "claude-haiku-5-5", below, NOW) == Decimal("0.00105009")
    assert CATALOGUE.usd("anthropic", "claude-haiku-5-5", above, NOW) == Decimal("0.00525095")


@pytest.mark.parametrize(("day", "expected"), [((2025, 6, 9), "0.01"), ((2025, 6, 10), "0.002"), ((2026, 11, 10), "0.002")])
def test_prices_are_dated(day: tuple[int, int, int], expected: str) -> None:
    """A call costs what its model cost on its day: o3 fell to a fifth on 2025-06-10."""
    assert CATALOGUE.usd("openai", "o3", Usage(uncached_input_tokens=1000), datetime(*day, 12, tzinfo=UTC)) == Decimal(expected)


@pytest.mark.parametrize(("vendor", "model"), [("openai", "gpt-99-ultra"), ("nobody", "my-llama-finetune"), ("anthropic", "")])
def test_unknown_is_none(vendor: str, model: str) -> None:
    """A model that nobody knows has no price, which is not zero."""
    assert CATALOGUE.usd(vendor, model, Usage(uncached_input_tokens=10), NOW) is None


@pytest.mark.parametrize("vendor", ["anthropic", "bedrock", "vertex_ai", "openrouter", "some-proxy", ""])
def test_vendor_is_found_or_guessed(vendor: str) -> None:
    """A known model has a price whoever is said to have sold it."""
    assert CATALOGUE.usd(vendor, "claude-sonnet-4-5", Usage(uncached_input_tokens=1000), NOW) in {Decimal("0.003"), Decimal("0.0033")}


OWN = Tier(
    name="own",
    provider="openai",
    model="gpt-5-mini",
    also=("mini-*",),
    prices=Prices(input=1.0, output=2.0, cache_read=0.1, cache_write=1.25),
)
USAGE = Usage(uncached_input_tokens=10, cache_read_tokens=20, cache_write_5m_tokens=30, cache_write_1h_tokens=40, output_tokens=50)


def test_own_prices_win() -> None:
    """A tier's own prices hold for every name of its model, in place of the catalogue."""
    for name in ("gpt-5-mini", "openai/gpt-5-mini", "mini-eu"):
        # 10 tokens at $1, 20 at $0.1, 70 at $1.25, 50 at $2, per million
        assert PriceList([OWN]).usd("openai", name, USAGE, NOW) == Decimal("0.0001995")


def test_own_prices_without_cache() -> None:
    """Cache classes that a tier does not price cost what its input costs."""
    tier = Tier(name="t", provider="openai", model="m", prices=Prices(input=1.0, output=2.0))
    assert PriceList([tier]).usd("openai", "m", USAGE, NOW) == Decimal("0.0002")


def test_other_name_of_a_tier() -> None:
    """A name that only the log knows costs what its tier's model costs in the catalogue."""
    tier = Tier(name="t", provider="anthropic", model="claude-opus-5-5", also=("opus-prod*",))
    assert PriceList([tier]).usd("litellm_proxy", "opus-prod-eu", Usage(uncached_input_tokens=1000), NOW) == Decimal("0.004")


@given(
    st.integers(0, 300_000),
    st.integers(0, 64_000),
    st.integers(0, 100),
    st.sampled_from(["claude-haiku-5-5", "claude-opus-5-5", "gpt-5.5"]),
)
def test_nothing_costs_more_than_the_worst(tokens: int, output: int, read_percent: int, model: str) -> None:
    """The worst case, which a budget reserves, is at least the price of every way in which the same tokens may be cached."""
    vendor: str = "openai" if model.startswith("gpt") else "anthropic"
    tier = Tier(name="t", provider="openai" if vendor == "openai" else "anthropic", model=model)
    worst = CATALOGUE.worst_usd(tier, input_tokens=tokens, output_tokens=output, at=NOW)
    read = tokens * read_percent // 100
    for usage in (
        Usage(uncached_input_tokens=tokens - read, cache_read_tokens=read, output_tokens=output),
        Usage(cache_write_5m_tokens=tokens - read, cache_read_tokens=read, output_tokens=output),
        Usage(cache_write_1h_tokens=tokens - read, cache_read_tokens=read, output_tokens=output // 2),
    ):
        price = CATALOGUE.usd(vendor, model, usage, NOW)
        assert worst is not None
        assert price is not None
        assert price <= worst


def test_worst_of_unknown_is_none() -> None:
    """What has no price has no worst case either: no budget holds it."""
    assert CATALOGUE.worst_usd(Tier(name="t", provider="openai", model="my-llama"), input_tokens=1, output_tokens=1, at=NOW) is None
