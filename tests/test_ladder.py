"""Which tier serves a model of a log, and which one is next."""

from __future__ import annotations

import pytest

from evalharness.ladder import Ladder, Tier, bare

OPUS = Tier(name="opus", provider="anthropic", model="claude-opus-5-5", also=("opus-prod*",))
HAIKU = Tier(name="haiku", provider="anthropic", model="claude-haiku-4-5-20251001")
MINI = Tier(name="mini", provider="openai", model="openai/gpt-5-mini", vendor="azure", key_env="AZURE_KEY")
LADDER = Ladder((OPUS, HAIKU, MINI))


@pytest.mark.parametrize(
    ("model", "tier"),
    [
        ("claude-opus-5-5", "opus"),
        ("anthropic/claude-opus-5-5", "opus"),
        ("openrouter/anthropic/claude-opus-5-5", "opus"),
        ("claude-opus-5-5-20260801", "opus"),
        ("claude-opus-5-5@20260801", "opus"),
        ("claude-opus-5-5-2026-08-01", "opus"),
        ("claude-opus-5-5-latest", "opus"),
        ("opus-prod-eu", "opus"),
        ("claude-haiku-4-5", "haiku"),
        ("claude-haiku-4-5-20251001", "haiku"),
        ("gpt-5-mini", "mini"),
        ("gpt-5-mini-2025-08-07", "mini"),
        ("claude-opus-5", None),
        ("claude-opus-5-5-fast", None),
        ("claude-opus-5-51", None),
        ("prod-opus", None),
        ("", None),
    ],
)
def test_serving(model: str, tier: str | None) -> None:
    """A log's name finds its tier through prefixes, dates and `also`, and no near name does."""
    found = LADDER.serving(model)
    assert (found.name if found else None) == tier


def test_order() -> None:
    """Cheaper is one down, dearer is the fallback chain upwards, the ends have nothing beyond."""
    assert LADDER.cheaper("opus") == HAIKU
    assert LADDER.cheaper("mini") is None
    assert LADDER.dearer("mini") == (HAIKU, OPUS)
    assert LADDER.dearer("opus") == ()
    assert LADDER["haiku"] is HAIKU
    assert "haiku" in LADDER
    assert "sonnet" not in LADDER
    with pytest.raises(KeyError, match="sonnet"):
        _ = LADDER["sonnet"]


def test_seller_and_key() -> None:
    """Who sees the content and which variable holds the key follow from the provider unless they are given."""
    assert (OPUS.seller, OPUS.key_variable) == ("anthropic", "ANTHROPIC_API_KEY")
    assert (MINI.seller, MINI.key_variable) == ("azure", "AZURE_KEY")
    assert Tier(name="x", provider="openai", model="m").key_variable == "OPENAI_API_KEY"


def test_bare() -> None:
    """Only what stands before the last slash is a prefix."""
    assert [bare(m) for m in ("m", "a/m", "a/b/m", "m:free")] == ["m", "m", "m", "m:free"]
