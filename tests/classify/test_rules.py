"""The task type of a call that names none."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from evalharness.classify import classifier
from evalharness.config import UNCLASSIFIED, ClassifyRule
from evalharness.model import Call, CallId, Request, Wire

RULES = (
    ClassifyRule(task_type="summary", contains="SUMMARISE this"),
    ClassifyRule(task_type="ticket", regex=r"ticket #\d+", tag="support-*"),
    ClassifyRule(task_type="mini", model="*-mini"),
    ClassifyRule(task_type="later", contains="ticket"),
)


def call(text: str = "Hello.", *, system: str = "", tags: tuple[str, ...] = (), model: str = "gpt-5", task_type: str | None = None) -> Call:
    """A chat call."""
    messages = [{"role": "system", "content": system}, {"role": "user", "content": "an old ticket #1"}, {"role": "user", "content": text}]
    body: dict[str, Any] = {"messages": messages}
    return Call(
        id=CallId("1"), at=datetime(2026, 11, 1, tzinfo=UTC), provider="openai", model=model, source="test", task_type=task_type,
        request=Request(wire=Wire.OPENAI_CHAT, body=body), tags=tags,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (call("Please summarise THIS file."), "summary"),
        (call(system="You summarise this and that."), "summary"),
        (call("ticket #42", tags=("support-eu", "x")), "ticket"),
        (call("ticket #42", tags=("sales",)), "later"),
        (call("ticket 42", tags=("support-eu",)), "later"),
        (call(model="gpt-5-mini"), "mini"),
        (call("Please summarise this.", model="gpt-5-mini"), "summary"),
        (call("Please summarise this.", task_type="named"), "named"),
        (call(), UNCLASSIFIED),
    ],
)
def test_first_rule_wins(given: Call, expected: str) -> None:
    """The call's own name counts first, then the first rule whose conditions all hold; the history of a conversation is not searched."""
    assert classifier(RULES)(given) == expected


def test_without_a_body() -> None:
    """A call without a body is classified by what is left of it."""
    bare = Call(id=CallId("1"), at=datetime(2026, 11, 1, tzinfo=UTC), provider="openai", model="gpt-5-mini", source="test")
    assert classifier(RULES)(bare) == "mini"
    assert classifier(())(bare) == UNCLASSIFIED
