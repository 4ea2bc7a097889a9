"""A request body on its way to another model: what may be done to it, and the record of what was."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Collection, Mapping
from typing import Any, cast

from evalharness.model import Change
from evalharness.replay.reasons import ChangeReason, RefusalReason

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,60}")


class Refused(Exception):  # noqa: N818 - an outcome that ends the adaptation, not an error
    """The request cannot be replayed; `adapt` turns it into a `Refusal`."""

    def __init__(self, reason: RefusalReason, path: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.path = path


class Draft:
    """A body being adapted. A field that is null counts as absent, as it does in all three protocols."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.body = {key: value for key, value in copy.deepcopy(body).items() if value is not None}
        self.changes: list[Change] = []

    def note(self, path: str, action: str, reason: ChangeReason, *, before: Any = None, after: Any = None) -> None:  # noqa: ANN401 - a parameter's value
        """Record a change once. Give `before` and `after` for parameters only, never for content or ids."""
        change = Change(path=path, action=action, reason=reason.value, before=_shown(before), after=_shown(after))
        if change not in self.changes:
            self.changes.append(change)

    def drop(self, key: str, reason: ChangeReason, *, shown: bool = False) -> None:
        """Remove a top-level field if it is there; `shown` records its value."""
        if key in self.body:
            value = self.body.pop(key)
            self.note(key, "drop", reason, before=value if shown else None)

    def put(self, key: str, value: Any, reason: ChangeReason) -> None:  # noqa: ANN401 - a parameter's value
        """Set a top-level parameter, unless it has this value already."""
        before = self.body.get(key)
        if before != value or key not in self.body:
            self.body[key] = value
            self.note(key, "set", reason, before=before, after=value)


def screen_fields(
    draft: Draft,
    *,
    carried: Collection[str],
    stripped: Mapping[str, ChangeReason],
    refused: Mapping[str, RefusalReason],
) -> None:
    """Strip what is never sent, refuse what is never replayed and what is not known; the rest stays."""
    for key in list(draft.body):
        if key in stripped:
            draft.drop(key, stripped[key])
        elif key in refused:
            if draft.body[key]:
                raise Refused(refused[key], key)
            draft.drop(key, ChangeReason.NO_EFFECT)
        elif key not in carried:
            raise Refused(RefusalReason.UNKNOWN_FIELD, named(key))


def only(raw: Any, keys: Collection[str], path: str) -> dict[str, Any]:  # noqa: ANN401 - raw JSON
    """The object at a path; refused if it is none, or has a key that is not listed and not null."""
    found = mapping(raw, path)
    for key, value in found.items():
        if key not in keys and value is not None:
            raise Refused(RefusalReason.UNKNOWN_FIELD, f"{path}.{named(key)}")
    return found


def mapping(raw: Any, path: str) -> dict[str, Any]:  # noqa: ANN401 - raw JSON
    """The object at a path; refused if it is none."""
    if not isinstance(raw, dict):
        raise Refused(RefusalReason.MALFORMED, path)
    return cast("dict[str, Any]", raw)


def listing(raw: Any, path: str) -> list[Any]:  # noqa: ANN401 - raw JSON
    """The array at a path; refused if it is none."""
    if not isinstance(raw, list):
        raise Refused(RefusalReason.MALFORMED, path)
    return raw


def string(raw: Any, path: str) -> str:  # noqa: ANN401 - raw JSON
    """The string at a path; refused if it is none."""
    if not isinstance(raw, str):
        raise Refused(RefusalReason.MALFORMED, path)
    return raw


def word(raw: dict[str, Any], key: str, path: str = "") -> str | None:
    """The string under a key, None if it is absent or null; refused if it is something else."""
    value = raw.get(key)
    return None if value is None else string(value, f"{path}.{key}".removeprefix("."))


def whole(raw: Any, path: str) -> int:  # noqa: ANN401 - raw JSON
    """The positive whole number at a path; refused if it is none."""
    if not isinstance(raw, int) or isinstance(raw, bool) or raw < 1:
        raise Refused(RefusalReason.MALFORMED, path)
    return raw


def named(raw: Any) -> str:  # noqa: ANN401 - raw JSON
    """A field or type name for a refusal's detail; anything that does not look like a name is hidden, it may be content."""
    return raw if isinstance(raw, str) and _NAME.fullmatch(raw) else "..."


def sendable(body: dict[str, Any]) -> None:
    """Refuse a body that cannot be written as UTF-8 JSON: lone surrogates, NaN, values of foreign types."""
    try:
        json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, TypeError, RecursionError) as error:
        raise Refused(RefusalReason.MALFORMED) from error


def _shown(value: Any) -> str:  # noqa: ANN401 - a parameter's value
    """A scalar as text, "" for what is not one."""
    if isinstance(value, str):
        return value
    return json.dumps(value) if isinstance(value, bool | int | float) else ""
