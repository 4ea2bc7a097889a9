"""How well each model does each task type: the truth of the simulation, which the harness has to find out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from evalharness.model import Output, Stop
from evalharness.simulate.cases import Case, worded

if TYPE_CHECKING:
    from random import Random

OPUS, SONNET, HAIKU = "claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5"
MODELS = (OPUS, SONNET, HAIKU)
"""The ladder of the demo, dearest first."""

LATENCY_MS = {OPUS: 500.0, SONNET: 300.0, HAIKU: 150.0}
"""Mean time to the first byte."""

TOKENS_PER_S = {OPUS: 150.0, SONNET: 250.0, HAIKU: 500.0}
"""Speed of the output: several times that of real models, so that a demo does not last as long as the traffic."""

REFUSAL = "I'm not able to help with this request, since it may concern confidential information of a third party."


class Quality(IntEnum):
    """What a careful reviewer would say of an output."""

    WRONG = 0
    """Unacceptable."""
    MINOR = 1
    """Acceptable, but another would have been better."""
    GOOD = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """Shares of a model's outputs; the rest are good, in the words of the reference."""

    wrong: float = 0.0
    refused: float = 0.0
    fenced: float = 0.0
    """Right JSON inside a Markdown fence, which the prompt forbids since a program reads it: unacceptable."""
    broken: float = 0.0
    """Invalid JSON."""
    truncated: float = 0.0
    minor: float = 0.0
    reworded: float = 0.0
    """Good in other words; JSON with other white space."""

    @property
    def unacceptable(self) -> float:
        """Share of outputs that a careful reviewer would not accept."""
        return self.wrong + self.refused + self.fenced + self.broken + self.truncated

    def output(self, case: Case, rng: Random) -> tuple[Output, Quality]:
        """One output of a model to a case, and its true quality."""
        kinds = ("wrong", "refused", "fenced", "broken", "truncated", "minor", "reworded")
        shares = [getattr(self, kind) for kind in kinds]
        kind = rng.choices((*kinds, "same"), (*shares, 1 - sum(shares)))[0]
        text = worded(case.good, rng)
        if kind == "wrong":
            return Output(text=worded(rng.choice(case.wrong), rng)), Quality.WRONG
        if kind == "refused":
            return Output(text=REFUSAL, stop=Stop.REFUSAL), Quality.WRONG
        if kind == "fenced":
            return Output(text=f"```json\n{text}\n```"), Quality.WRONG
        if kind == "broken":
            return Output(text=text[:-1] + ",}"), Quality.WRONG
        if kind == "truncated":
            return Output(text=text[: len(text) * 2 // 3], stop=Stop.LENGTH), Quality.WRONG
        if kind == "minor" and case.minor != case.good:
            return Output(text=worded(case.minor, rng)), Quality.MINOR
        if kind == "reworded":
            return Output(text=json.dumps(json.loads(text), indent=2) if text.startswith("{") else text), Quality.GOOD
        return Output(text=worded(case.good, None)), Quality.GOOD


_PROSE = {"reworded": 0.92}
_LABEL = {"reworded": 0.06}

MIXES: dict[str, dict[str, Mix]] = {
    "keyword_relevance": {
        OPUS: Mix(wrong=0.008, minor=0.02),
        SONNET: Mix(wrong=0.004, minor=0.03),
        HAIKU: Mix(wrong=0.012, minor=0.05, fenced=0.002, **_LABEL),
    },
    "classification": {
        OPUS: Mix(wrong=0.01, minor=0.03),
        SONNET: Mix(wrong=0.012, minor=0.04),
        HAIKU: Mix(wrong=0.012, minor=0.07, fenced=0.004, **_LABEL),
    },
    "data_extraction": {
        OPUS: Mix(wrong=0.01, minor=0.03, **_LABEL),
        SONNET: Mix(wrong=0.005, minor=0.06, fenced=0.004, **_LABEL),
        HAIKU: Mix(wrong=0.05, minor=0.12, fenced=0.05, broken=0.012, **_LABEL),
    },
    "formatting": {
        OPUS: Mix(wrong=0.008, minor=0.02),
        SONNET: Mix(wrong=0.01, minor=0.05),
        HAIKU: Mix(wrong=0.01, minor=0.12),
    },
    "boilerplate": {
        OPUS: Mix(wrong=0.012, reworded=0.5),
        SONNET: Mix(wrong=0.01, reworded=0.5),
        HAIKU: Mix(wrong=0.13, reworded=0.5),
    },
    "file_summary": {
        OPUS: Mix(wrong=0.012, minor=0.08, reworded=0.9),
        SONNET: Mix(wrong=0.01, minor=0.12, reworded=0.86),
        HAIKU: Mix(wrong=0.08, minor=0.25, reworded=0.65),
    },
    "campaign_summary": {
        OPUS: Mix(wrong=0.01, minor=0.06, **_PROSE),
        SONNET: Mix(wrong=0.02, minor=0.08, reworded=0.88),
        HAIKU: Mix(wrong=0.21, minor=0.2, truncated=0.01, reworded=0.5),
    },
    "test_generation": {
        OPUS: Mix(wrong=0.02, minor=0.08, reworded=0.88),
        SONNET: Mix(wrong=0.075, minor=0.15, reworded=0.75),
        HAIKU: Mix(wrong=0.24, minor=0.25, truncated=0.02, reworded=0.48),
    },
    "code_review": {
        OPUS: Mix(wrong=0.02, minor=0.1, reworded=0.86),
        SONNET: Mix(wrong=0.18, minor=0.2, reworded=0.6),
        HAIKU: Mix(wrong=0.36, minor=0.24, reworded=0.38),
    },
    "debugging": {
        OPUS: Mix(wrong=0.03, minor=0.1, reworded=0.85),
        SONNET: Mix(wrong=0.22, minor=0.2, truncated=0.015, reworded=0.55),
        HAIKU: Mix(wrong=0.4, minor=0.2, truncated=0.03, reworded=0.35),
    },
    "account_strategy": {
        OPUS: Mix(wrong=0.03, minor=0.1, reworded=0.85),
        SONNET: Mix(wrong=0.14, minor=0.2, refused=0.04, reworded=0.6),
        HAIKU: Mix(wrong=0.3, minor=0.22, refused=0.07, reworded=0.4),
    },
    "architecture": {
        OPUS: Mix(wrong=0.03, minor=0.1, reworded=0.85),
        SONNET: Mix(wrong=0.28, minor=0.22, truncated=0.02, reworded=0.47),
        HAIKU: Mix(wrong=0.4, minor=0.25, truncated=0.04, reworded=0.3),
    },
}
"""By task type and model: some routes are clearly good, some clearly bad, and one lies where it takes long to tell."""
