"""
What a model rejects, by the pattern of its name.

Only what is known before a request is paid for, and changes what may be sent. A model that no row matches is taken at its word: everything
is sent, and what it rejects comes back as a failed replay. New Claude models are taken to be as strict as the latest known ones.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Literal

from evalharness.ladder import bare

CLAUDE_EFFORTS = frozenset({"low", "medium", "high", "xhigh", "max"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What may be sent to a model."""

    sampling: bool = True
    """temperature, top_p, top_k and penalties."""
    stop: bool = True
    """Stop sequences."""
    prefill: bool = True
    """A last message of the assistant, to be continued."""
    forced_tools: bool = True
    """A tool choice that obliges the model to call one."""
    budget: bool = True
    """Thinking with a budget of tokens."""
    adaptive: bool = True
    """Thinking at the model's own measure."""
    thinking_off: Literal["disabled", "between_tools"] | None = "disabled"
    """How thinking is switched off; None: it cannot be."""
    thinking_off_efforts: frozenset[str] | None = None
    """Efforts at which it can be switched off; None: at any."""
    efforts: frozenset[str] | None = None
    """The efforts that it knows; None: not known here."""
    tools_with_effort_on_chat: bool = True
    """Function tools and an effort in one chat completion; else the Responses protocol is used."""
    old_limit_name: bool = True
    """Chat completions may say max_tokens."""
    max_output_tokens: int | None = None
    """None: not known here."""


_CLAUDE = Traits(
    sampling=False, prefill=False, budget=False, efforts=CLAUDE_EFFORTS, max_output_tokens=128_000
)  # fmt: skip
_CLAUDE_4 = Traits(adaptive=False, efforts=frozenset(), max_output_tokens=64_000)
_GPT = Traits(stop=True, efforts=frozenset())
_GPT_REASONING = Traits(
    sampling=False, stop=False, old_limit_name=False, efforts=frozenset({"minimal", "low", "medium", "high"}),
    max_output_tokens=128_000,
)  # fmt: skip
_GPT_5_1 = replace(_GPT_REASONING, efforts=frozenset({"none", "low", "medium", "high", "xhigh", "max"}))

# The first pattern that matches counts. Sources: the vendors' model pages and migration guides as of November 2026.
_TABLE: tuple[tuple[str, Traits], ...] = (
    ("*claude-opus-5-5*", replace(_CLAUDE, thinking_off=None)),
    ("*claude-sonnet-5-5*", replace(
        _CLAUDE, forced_tools=False, thinking_off="between_tools",
        thinking_off_efforts=frozenset({"low", "medium", "high"}))),
    ("*claude-haiku-5-5*", replace(_CLAUDE, thinking_off_efforts=frozenset({"medium"}))),
    ("*claude-fable-*", replace(_CLAUDE, thinking_off=None)),
    ("*claude-mythos-*", replace(_CLAUDE, thinking_off=None)),
    ("*claude-opus-4-6*", replace(
        _CLAUDE, sampling=True, budget=True, efforts=frozenset({"low", "medium", "high", "max"}))),
    ("*claude-sonnet-4-6*", replace(
        _CLAUDE, sampling=True, budget=True, efforts=frozenset({"low", "medium", "high", "max"}),
        max_output_tokens=64_000)),
    ("*claude-opus-4-5*", replace(_CLAUDE_4, efforts=frozenset({"low", "medium", "high"}))),
    ("*claude-haiku-4-5*", _CLAUDE_4),
    ("*claude-sonnet-4-5*", _CLAUDE_4),
    ("*claude-opus-4-[78]*", _CLAUDE),
    ("*claude-opus-4*", replace(_CLAUDE_4, max_output_tokens=32_000)),
    ("*claude-sonnet-4*", _CLAUDE_4),
    ("*claude-3-7*", _CLAUDE_4),
    ("*claude-3-5*", replace(_CLAUDE_4, budget=False, max_output_tokens=8_192)),
    ("*claude-3-*", replace(_CLAUDE_4, budget=False, max_output_tokens=4_096)),
    ("*claude-*", _CLAUDE),
    ("gpt-5-chat*", replace(_GPT, max_output_tokens=16_384)),
    ("gpt-5.6-luna*", replace(_GPT_5_1, tools_with_effort_on_chat=False)),
    ("gpt-5.[1-9]*", _GPT_5_1),
    ("gpt-5*", _GPT_REASONING),
    ("gpt-[6-9]*", _GPT_5_1),
    ("o[134]", replace(_GPT_REASONING, efforts=frozenset({"low", "medium", "high"}), max_output_tokens=100_000)),
    ("o[134]-*", replace(_GPT_REASONING, efforts=frozenset({"low", "medium", "high"}), max_output_tokens=100_000)),
    ("gpt-4.1*", replace(_GPT, max_output_tokens=32_768)),
    ("gpt-4o*", replace(_GPT, max_output_tokens=16_384)),
    ("gpt-4*", _GPT),
    ("gpt-3.5*", replace(_GPT, max_output_tokens=4_096)),
)  # fmt: skip


def traits(model: str) -> Traits:
    """What may be sent to a model; everything, if its name is not known."""
    name = bare(model).lower()
    return next((known for pattern, known in _TABLE if fnmatchcase(name, pattern)), Traits())


def effort_of_budget(tokens: int) -> str:
    """The effort that stands for a thinking budget: below 4,096 tokens "low", below 16,384 "medium", else "high"."""
    if tokens < 4_096:  # noqa: PLR2004 - the docstring is the table
        return "low"
    return "medium" if tokens < 16_384 else "high"  # noqa: PLR2004 - as above
