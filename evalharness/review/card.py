"""A pair as a reviewer may see it: the task, two answers without names on their sides, and nothing of models, cost or time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from html import escape
from typing import Any

from evalharness.model import Output, Pair, Request, Side
from evalharness.review import show
from evalharness.review.blind import Mask
from evalharness.review.conversation import conversation

_TURN_CHARACTERS = 20_000
_OPEN_TURNS, _TURNS = 3, 200
"""The last turns are open, those before are folded, and of a very long conversation the oldest are left out."""
_NAMES = {"user": "User", "assistant": "Assistant before", "tool": "Result of a tool"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One side of a card."""

    html: str
    plain: str
    characters: int
    digest: str
    """Of the stored output, whole and unmasked: it comes back with the grade."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """All that is shown of a pair."""

    place_id: int
    pair_id: int
    task_type: str
    task_html: str
    task_plain: str
    left: Answer
    right: Answer
    difference: tuple[str, str] | None
    """HTML of both sides; None if they are too long to be compared."""
    hidden: int
    """Model names that were masked."""

    def to_browser(self) -> dict[str, Any]:
        """What goes over the network to the grading component."""
        return {
            "place": self.place_id,
            "pair": self.pair_id,
            "taskType": show.visible(self.task_type),
            "task": self.task_html,
            "sides": [{"html": side.html, "characters": side.characters, "digest": side.digest} for side in (self.left, self.right)],
            "difference": self.difference,
            "same": self.left.plain == self.right.plain,
            "hidden": self.hidden,
        }


def card(pair: Pair, *, place_id: int, left: Side, mask: Mask) -> Card:
    """The card of a pair with this output on the left."""
    dearer, hidden_dearer = _answer(pair.dearer_output, mask)
    cheaper, hidden_cheaper = _answer(pair.cheaper_output, mask)
    a, b = (dearer, cheaper) if left is Side.DEARER else (cheaper, dearer)
    task_html, task_plain, hidden_task = _task(pair.request, mask)
    return Card(
        place_id=place_id,
        pair_id=pair.id,
        task_type=pair.task_type,
        task_html=task_html,
        task_plain=task_plain,
        left=a,
        right=b,
        difference=show.difference(a.plain, b.plain),
        hidden=hidden_dearer + hidden_cheaper + hidden_task,
    )


def _answer(output: Output, mask: Mask) -> tuple[Answer, int]:
    text, hidden = mask(output.text)
    tools = []
    for call in output.tool_calls:
        arguments, more = mask(call.arguments)
        tools.append(replace(call, arguments=arguments))
        hidden += more
    shown = show.output(replace(output, text=text, tool_calls=tuple(tools)))
    return Answer(html=shown.html, plain=shown.plain, characters=len(output.text), digest=output.digest), hidden


def _task(request: Request, mask: Mask) -> tuple[str, str, int]:
    asked = conversation(request)
    hidden = 0
    plain: list[str] = []

    def masked(text: str) -> str:
        nonlocal hidden
        kept, found = mask(text[:_TURN_CHARACTERS])
        hidden += found
        plain.append(kept)
        return kept

    def body(text: str) -> str:
        more = len(text) - _TURN_CHARACTERS
        return show.text(masked(text)) + (show.notice(f"{more:,} more characters are not shown.") if more > 0 else "")

    folds = [_fold("System prompt", f"{len(asked.system):,} characters", body(asked.system))] if asked.system else []
    if asked.tools:
        listed = "".join(
            f'<div class="tool"><div class="name">{show.inline(masked(tool.name))}</div>'
            f"{show.text(masked(tool.description))}{_schema(masked(tool.parameters))}</div>"
            for tool in asked.tools
        )
        folds.append(_fold("Tools", str(len(asked.tools)), listed))
    if asked.answer_format:
        folds.append(_fold("Answer format", "JSON", _schema(masked(asked.answer_format))))
    turns = [
        f'<div class="turn {turn.role}"><div class="role">{_NAMES[turn.role]}</div>{body(turn.text)}</div>'
        for turn in asked.turns[-_TURNS:]
    ]
    earlier, last = turns[:-_OPEN_TURNS], turns[-_OPEN_TURNS:]
    if earlier:
        folds.append(_fold("Earlier in the conversation", f"{len(asked.turns) - len(last)} turns", "".join(earlier)))
    html = f'<div class="folds">{"".join(folds)}</div>' if folds else ""
    return html + ("".join(last) or show.notice("The request has no text.")), "\n\n".join(plain), hidden


def _schema(json_text: str) -> str:
    pretty = show.pretty_json(json_text) or json_text
    return f'<pre class="json">{show.inline(pretty)}</pre>' if pretty else ""


def _fold(title: str, size: str, html: str) -> str:
    return f'<details class="fold"><summary>{escape(title)} <span class="size">{escape(size)}</span></summary>{html}</details>'
