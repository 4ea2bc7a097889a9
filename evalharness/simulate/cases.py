"""One question of the demo traffic with the answers that models give to it: good, lesser, and wrong in a way one can see."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from string import Template
from typing import TYPE_CHECKING, Any

from evalharness import shipped

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

_CHOICE = re.compile(r"⟦([^⟦⟧]*)⟧")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A question and its possible answers; ⟦one wording|another⟧ in an answer is a choice that changes nothing but the words."""

    system: str
    prompt: str
    max_tokens: int
    good: str
    minor: str
    """Acceptable, but worse than `good`."""
    wrong: tuple[str, ...]
    """Unacceptable, each in another way."""
    effort: str | None = None
    cached: bool = False
    """Whether production keeps the system prompt in the provider's cache."""


def worded(answer: str, rng: Random | None) -> str:
    """The answer in one of its wordings; without `rng`, in the first."""
    return _CHOICE.sub(lambda match: rng.choice(match[1].split("|")) if rng else match[1].split("|")[0], answer)


@cache
def data(name: str) -> dict[str, Any]:
    """A file of datasets/demo, without its ending."""
    text = (shipped.root() / "datasets" / "demo" / f"{name}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def filler(rng: Random) -> dict[str, str]:
    """A value for every placeholder: one entry of each group, and numbers."""
    values: dict[str, str] = {}
    for group in data("fillers").values():
        values |= rng.choice(group)
    return values | {
        "ref": str(rng.randint(1200, 9800)),
        "n1": str(rng.randint(3, 9)),
        "n2": str(rng.randint(12, 88)),
    }


def templated(name: str, rng: Random) -> Case:
    """A case of a task type whose questions and answers are templates: its file's `[[case]]` entries."""
    file = data(name)
    template: Mapping[str, Any] = rng.choice(file["case"])
    values = filler(rng)

    def filled(text: str) -> str:
        return Template(text).substitute(values)

    good = filled(template["good"])
    return Case(
        system=file["system"],
        prompt=filled(template["prompt"]),
        max_tokens=file["max_tokens"],
        good=good,
        minor=filled(template["minor"]) if "minor" in template else good,
        wrong=tuple(filled(text) for text in template["wrong"]),
        effort=file.get("effort"),
        cached=file.get("cached", False),
    )
