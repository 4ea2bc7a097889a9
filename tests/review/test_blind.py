from __future__ import annotations

from statistics import NormalDist

import pytest

from evalharness.ladder import Ladder, Tier
from evalharness.model import Side
from evalharness.review.blind import HIDDEN, Mask, left_side

MASK = Mask.of(Ladder((Tier(name="big", provider="openai", model="acme/colossus-9b"),)))


def test_sides_are_stable_and_balanced() -> None:
    """Over 10^5 pairs each output is on the left in half of them, whoever grades; asked again, the side is the same."""
    n = 100_000
    margin = NormalDist().inv_cdf(1 - 1e-9) * (n / 4) ** 0.5
    for reviewer in ("ann", "bob"):
        left = [left_side("salt", pair_id, reviewer) for pair_id in range(n)]
        assert abs(left.count(Side.DEARER) - n / 2) < margin
        assert left[:100] == [left_side("salt", pair_id, reviewer) for pair_id in range(100)]
    both = sum(left_side("salt", i, "ann") is left_side("salt", i, "bob") for i in range(n))
    assert abs(both - n / 2) < margin
    assert [left_side("salt", i, "ann") for i in range(64)] != [left_side("pepper", i, "ann") for i in range(64)]


@pytest.mark.parametrize(
    ("text", "hidden", "left"),
    [
        ("I'm Claude, made by Anthropic.", 2, f"I'm {HIDDEN}, made by {HIDDEN}."),
        ("As GPT-4, I cannot.", 1, f"As {HIDDEN}, I cannot."),
        ("I am ChatGPT, a large language model trained by OpenAI.", 2, None),
        ("My name is Gemini.", 1, f"My name is {HIDDEN}."),
        ("Served by claude-opus-4-1-20250805.", 1, f"Served by {HIDDEN}."),
        ('{"model": "gpt-4o-mini"}', 1, f'{{"model": "{HIDDEN}"}}'),
        ("colossus-9b says hi, as does acme/colossus-9b", 2, f"{HIDDEN} says hi, as does {HIDDEN}"),
        ("I\u2019m Qwen, created by Alibaba Cloud", 2, None),
        ("Llama 3.1 and gemini-2.5-pro", 2, f"{HIDDEN} and {HIDDEN}"),
    ],
)
def test_names_of_models_are_hidden(text: str, hidden: int, left: str | None) -> None:
    """Where a model introduces itself, and wherever an id stands that only a model has."""
    found = MASK(text)
    assert found.hidden == hidden
    assert found.text.count(HIDDEN) == hidden
    assert left is None or found.text == left


@pytest.mark.parametrize(
    "text",
    [
        "Claude Monet painted this, as Claude Debussy composed.",
        "The llama ate my phi beta kappa key; the zodiac sign is Gemini.",
        "A meta-analysis by Google Scholar, built on a grok of the nova.",
        "Ask for the mistral wind in the Rhone valley; o3 is ozone.",
    ],
)
def test_words_that_are_no_models_stay(text: str) -> None:
    """People, animals and winds keep their names."""
    assert MASK(text) == (text, 0)
