"""Names that a caller put beside a call: its task type and its tags."""

from __future__ import annotations

from typing import Any

from evalharness.wire.fields import label

_TASK_TAGS = ("task:", "task_type:")
MAX_TAGS = 64


def tags_of(value: object) -> tuple[str, ...]:
    """The usable tags of a list of them, in their order, each once."""
    if not isinstance(value, list):
        return ()
    names = (label(tag) for tag in value[:MAX_TAGS])
    return tuple(dict.fromkeys(name for name in names if name))


def task_type_of(*said: dict[str, Any], tags: tuple[str, ...] = ()) -> str | None:
    """The first `task_type` in what callers said, else the first tag "task:<name>" or "task_type:<name>"."""
    for metadata in said:
        if name := label(metadata.get("task_type")):
            return name
    for tag in tags:
        for prefix in _TASK_TAGS:
            if tag.startswith(prefix) and (name := label(tag.removeprefix(prefix))):
                return name
    return None
