"""What keeps a reviewer from knowing which model wrote what: the sides, and the names that models give themselves."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import NamedTuple

from evalharness.ladder import Ladder, bare
from evalharness.model import Side

HIDDEN = "[model name hidden]"

_TAIL = r"[\w-]*(?:\.\w[\w-]*)*"
_IDS = (
    rf"claude[- ](?:opus|sonnet|haiku|instant|v?\d){_TAIL}(?:[ -]\d{_TAIL})?",
    rf"chatgpt(?:[- ]?\d{_TAIL})?",
    rf"gpt[- ]?\d{_TAIL}",
    rf"o[1345]-(?:mini|nano|preview|pro){_TAIL}",
    rf"gemini[- ](?:\d|pro|flash|ultra|nano){_TAIL}(?:[ -](?:pro|flash|lite|\d){_TAIL})?",
    rf"(?:llama|mistral|mixtral|codestral|qwen|deepseek|grok|gemma|kimi|smollm)[- ]?(?:v?\d|large|medium|coder){_TAIL}",
    rf"(?:phi|glm|nova|command)-(?:\d|r|pro|lite|micro){_TAIL}",
)
"""Names that only a model has; "Claude" alone is also a person."""
_NAMES = r"Claude|ChatGPT|GPT|Gemini|Bard|Llama|Mistral|Qwen|DeepSeek|Grok|Copilot|Kimi|Gemma"
_MAKERS = r"Anthropic|Open ?AI|Google(?: DeepMind)?|Meta(?: AI)?|Mistral(?: AI)?|Alibaba(?: Cloud)?|DeepSeek|xAI|Moonshot(?: AI)?"
_INTRODUCED = r"(?:\bI am|\bI['\u2019]m|\b[Aa]s|\b[Mm]y name is|\b[Tt]his is|\bcalled|\bnamed)\s+(?:an?\s+)?"
_MADE = rf"\b(?:made|built|created|developed|trained)\s+by\s+(?P<maker>{_MAKERS})\b"


class Masked(NamedTuple):
    """A text without the names of models."""

    text: str
    hidden: int
    """How many names; the view says so."""


@dataclass(frozen=True, slots=True)
class Mask:
    """Hides model names: those that any model has, where one introduces itself, and those of a ladder."""

    pattern: re.Pattern[str]

    @classmethod
    def of(cls, ladder: Ladder) -> Mask:
        """The mask that also knows the models of this ladder by their own ids."""
        own = {name for tier in ladder.tiers for name in (tier.model, bare(tier.model)) if name}
        ids = "|".join([*(re.escape(name) for name in sorted(own, key=len, reverse=True)), *_IDS])
        any_id = rf"(?<![\w-])(?i:{ids})(?!\w)"
        introduced = rf"{_INTRODUCED}(?P<name>{any_id}|(?:{_NAMES})\b(?!\s+[A-Z][a-z]))"
        return cls(re.compile(rf"{introduced}|(?P<id>{any_id})|{_MADE}"))

    def __call__(self, text: str) -> Masked:
        """The text with every such name replaced by `HIDDEN`."""
        return Masked(*self.pattern.subn(_hide, text))


def left_side(secret: str, pair_id: int, reviewer: str) -> Side:
    """
    Which output a reviewer sees on the left (A): a keyed hash, so that it is the same after a reload and balanced over pairs.

    Args:
        secret: Names the draw; who knows it can tell the sides.
    """
    digest = hmac.digest(secret.encode(), f"{pair_id}:{reviewer}".encode("utf-8", "surrogatepass"), hashlib.sha256)
    return Side.DEARER if digest[0] & 1 else Side.CHEAPER


def _hide(found: re.Match[str]) -> str:
    name = found["id"] or found["name"] or found["maker"]
    return found[0].removesuffix(name) + HIDDEN
