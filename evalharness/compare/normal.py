"""Named normalisations of outputs, and JSON inside Markdown fences."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Iterable
from typing import Any, Literal

Normalisation = Literal["none", "whitespace", "words"]

_FENCE = "```"
_LANGUAGE = re.compile(r"[A-Za-z0-9_-]*[ \t]*")
_BEFORE, _AFTER = ",;:!?\"'`*_()[]{}", ".,;:!?\"'`*_()[]{}"
"""Punctuation around a word; a point before it may be that of .5"""
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
    return " ".join(stripped for word in words if (stripped := word.rstrip(_AFTER).lstrip(_BEFORE)))


def unfenced(text: str) -> tuple[str, bool]:
    """The text inside a Markdown fence that is the whole answer, and whether there was one."""
    whole = text.strip()
    if not (whole.startswith(_FENCE) and whole.endswith(_FENCE)):
        return text, False
    first, newline, inside = whole[len(_FENCE) : -len(_FENCE)].partition("\n")
    return (inside.rstrip(" \t").removesuffix("\n"), True) if newline and _LANGUAGE.fullmatch(first) else (text, False)


def json_value(text: str) -> Any:  # noqa: ANN401 - any JSON value
    """
    The JSON value of a text.

    Raises:
        InvalidJsonError: Also for NaN, Infinity, numbers that no float holds, duplicate keys, and nesting deeper than 200.
    """
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise InvalidJsonError from error
    if _too_deep(value):
        raise InvalidJsonError
    return value


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


def _too_deep(value: Any) -> bool:  # noqa: ANN401 - any JSON value
    """Whether a value nests deeper than 200, found level by level: brackets inside of strings are none."""
    level = [value]
    for _ in range(_DEPTH):
        level = [inner for outer in level for inner in _members(outer)]
        if not level:
            return False
    return any(isinstance(v, list | dict) for v in level)


def _members(value: Any) -> Iterable[Any]:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise InvalidJsonError
    return number


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InvalidJsonError
    return found


def _refuse_constant(_name: str) -> None:
    raise InvalidJsonError
