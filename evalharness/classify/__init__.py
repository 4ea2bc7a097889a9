"""Task types of calls that name none: the first rule of the configuration that matches."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase

from evalharness.config import UNCLASSIFIED, ClassifyRule
from evalharness.model import Call
from evalharness.wire.prompt import turns


def classifier(rules: Sequence[ClassifyRule]) -> Callable[[Call], str]:
    """A function that gives the task type of a call: its own, else that of the first matching rule, else "unclassified"."""
    compiled = [(rule, re.compile(rule.regex) if rule.regex else None) for rule in rules]

    def task_type(call: Call) -> str:
        if call.task_type:
            return call.task_type
        text: str | None = None
        for rule, pattern in compiled:
            if (rule.contains or pattern) and text is None:
                text = _searched_text(call)
            if _matches(rule, pattern, call, text or ""):
                return rule.task_type
        return UNCLASSIFIED

    return task_type


def _matches(rule: ClassifyRule, pattern: re.Pattern[str] | None, call: Call, text: str) -> bool:
    """Whether all conditions of a rule hold; a rule without a condition matches nothing."""
    conditions = [
        rule.contains.casefold() in text.casefold() if rule.contains else None,
        bool(pattern.search(text)) if pattern else None,
        any(fnmatchcase(tag, rule.tag) for tag in call.tags) if rule.tag else None,
        fnmatchcase(call.model, rule.model) if rule.model else None,
    ]
    given = [c for c in conditions if c is not None]
    return bool(given) and all(given)


def _searched_text(call: Call) -> str:
    """The system prompt and the last user message: what says what kind of work it is, without the history."""
    if call.request is None:
        return ""
    said = turns(call.request)
    system = [t.text for t in said if t.role == "system"][:1]
    user = [t.text for t in said if t.role == "user"][-1:]
    return "\n".join(system + user)
