"""Named normalisations of outputs, and JSON inside Markdown fences."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any, Literal

Normalisation = Literal["none", "whitespace", "words"]

_FENCE = re.compile(r"\A\s*```[A-Za-z0-9_-]*[ \t]*\n(?P<inside>.*?)\n?[ \t]*```\s*\Z", re.DOTALL)
_DEPTH = 200
"""Nesting at which JSON is called invalid instead of exhausting the stack."""


class InvalidJsonError(ValueError):
    """Not a JSON value."""


def normal_text(text: str, how: Normalisation) -> str:
    """
    A text as it is compared.

    Args:
        how: "none": as it is. "whitespace": ends stripped, runs of white space are one space. "words": also NFKC, case folded,
            punctuation at the ends of words dropped.
    """
    if how == "none":
        return text
    text = " ".join(text.split())
    if how == "whitespace":
        return text
    words = unicodedata.normalize("NFKC", text).casefold().split()
    return " ".join(stripped for word in words if (stripped := word.strip(".,;:!?\"'`*_()[]{}")))


def unfenced(text: str) -> tuple[str, bool]:
    """The text inside a Markdown fence that is the whole answer, and whether there was one."""
    found = _FENCE.match(text)
    return (found["inside"], True) if found else (text, False)


def json_value(text: str) -> Any:  # noqa: ANN401 - any JSON value
    """
    The JSON value of a text.

    Raises:
        InvalidJsonError: Also for NaN, Infinity, duplicate keys, and nesting deeper than 200.
    """
    if _depth(text) > _DEPTH:
        raise InvalidJsonError
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidJsonError from error


def canonical(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """A JSON value as text in which equal values are equal: 1 and 1.0 are, "1" and 1 and true are not."""
    return json.dumps(_whole(value), sort_keys=True)


def _whole(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, list):
        return [_whole(v) for v in value]
    if isinstance(value, dict):
        return {k: _whole(v) for k, v in value.items()}
    return value


def _depth(text: str) -> int:
    deepest = depth = 0
    for character in text:
        if character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InvalidJsonError
    return found


def _refuse_constant(_name: str) -> None:
    raise InvalidJsonError
