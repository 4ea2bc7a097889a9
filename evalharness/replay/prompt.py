"""What a request says in no vendor's words: what one protocol's reader hands to another one's writer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from evalharness.replay.draft import Refused
from evalharness.replay.reasons import RefusalReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A piece of text."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A picture that travels in the request."""

    media_type: str
    data: str
    """base64"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolUse:
    """A call that the model asked for earlier in the conversation."""

    id: str
    name: str
    arguments: str
    """JSON text of an object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResult:
    """What a tool gave back."""

    id: str
    parts: tuple[Text | Image, ...]
    error: bool = False


Part = Text | Image | ToolUse | ToolResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What one side said at once."""

    role: Literal["user", "assistant"]
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A function that the caller offers. It is never run here."""

    name: str
    description: str | None
    schema: dict[str, Any]
    strict: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Whether the model must call a tool."""

    kind: Literal["auto", "none", "any", "tool"]
    name: str = ""
    """Of the one tool that it must call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The JSON schema of the answer."""

    schema: dict[str, Any]
    name: str = ""
    """"" where the protocol has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A request in no vendor's words."""

    system: tuple[str, ...] = ()
    turns: tuple[Turn, ...]
    tools: tuple[Tool, ...] = ()
    choice: Choice | None = None
    parallel: bool = True
    """Whether several tools may be called at once."""
    answer: Answer | None = None
    max_tokens: int | None = None
    effort: str | None = None
    """"none": thinking is switched off. None: the model's default."""
    verbosity: str | None = None
    """How wordy the answer should be, where that can be asked for."""
    stop: tuple[str, ...] = ()
    sampling: dict[str, Any] = field(default_factory=dict)
    """temperature, top_p, top_k, frequency_penalty, presence_penalty as given."""


def checked(prompt: Prompt) -> Prompt:
    """
    The same prompt, if it can be said in any protocol.

    Raises:
        Refused: If it has no turn, ends with the assistant, or its tool calls and results do not belong together.
    """
    if not prompt.turns or not all(turn.parts for turn in prompt.turns):
        raise Refused(RefusalReason.MALFORMED, "messages")
    if prompt.turns[-1].role == "assistant":
        raise Refused(RefusalReason.PREFILL, "messages")
    asked: set[str] = set()
    for turn in prompt.turns:
        answered = {part.id for part in turn.parts if isinstance(part, ToolResult)}
        if answered - asked or (turn.role == "user" and asked - answered):
            raise Refused(RefusalReason.TOOL_HISTORY, "messages")
        asked -= answered
        asked |= {part.id for part in turn.parts if isinstance(part, ToolUse)}
    return prompt
