"""
Text that others wrote, as inert HTML: everything is escaped, tags and classes are ours, and nothing loads, links or runs.

Only the tags `div p pre span mark details summary` and only the attributes `class` and `title` are ever written; the component puts the
result into the page as it is. What would be invisible (direction marks, zero-width and control characters) becomes a chip, since a
reviewer must see it and a lone surrogate would not survive the way to the browser.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from html import escape
from typing import Any, NamedTuple

from evalharness.model import Output, Stop

SHOWN_CHARACTERS = 40_000
"""Of one output; more would freeze browsers, and nobody grades it."""
_LINE_CELLS, _WORD_CELLS = 1_000_000, 160_000
"""Most lines x lines and words x words that are compared: 500 random words on each side take difflib 0.1 s."""

_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u2800\u3164\ud800-\udfff\ufe00-\ufe0e\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
_FENCE = re.compile(r"^ {0,3}(?P<ticks>`{3,}|~{3,})[ \t]*(?P<info>[^`\n]*)$")
_JSON_TOKEN = re.compile(
    r'(?P<key>"(?:[^"\\]|\\.)*")(?=:)|(?P<string>"(?:[^"\\]|\\.)*")|(?P<number>-?\b\d[\d.eE+-]*|\b(?:true|false|null)\b)'
)
_WORD = re.compile(r"\w+|\s+|[^\w\s]")
_STOPS = {
    Stop.LENGTH: "Cut off: the length limit was reached here.",
    Stop.REFUSAL: "Ended by a refusal.",
    Stop.PAUSE: "Paused by the provider before the end.",
}


class Shown(NamedTuple):
    """An output as a reviewer sees it."""

    html: str
    plain: str
    """The same as text, for the difference and for pages without HTML."""
    characters: int
    """Length of the whole text, shown or not."""


@dataclass(frozen=True, slots=True)
class _Literal:
    """A JSON number or constant as it was written: 1.10 and 1.1 are different answers."""

    text: str


def inline(text: str) -> str:
    """Escaped text, with a chip for everything invisible."""
    return "".join(
        f'<span class="chip" title="invisible character">U+{ord(part):04X}</span>' if _INVISIBLE.fullmatch(part) else escape(part)
        for part in re.split(f"({_INVISIBLE.pattern})", text)
        if part
    )


def visible(text: str) -> str:
    """Plain text, with `<U+202E>` for everything invisible."""
    return _INVISIBLE.sub(lambda found: f"<U+{ord(found[0]):04X}>", text)


def text(source: str) -> str:
    """Text as it was written, line by line, with fenced code set apart."""
    html: list[str] = []
    lines: list[str] = []
    fence = ""
    for line in source.split("\n"):
        found = _FENCE.match(line)
        if not fence and found:
            html.append(_prose(lines))
            fence, lines = found["ticks"], []
            info = found["info"].strip()
            html.append(f'<div class="lang">{inline(info)}</div>' if info else "")
        elif fence and found and not found["info"].strip() and found["ticks"].startswith(fence):
            html.append(f'<pre class="code">{inline(chr(10).join(lines))}</pre>')
            fence, lines = "", []
        else:
            lines.append(line)
    html.append(f'<pre class="code">{inline(chr(10).join(lines))}</pre>' if fence else _prose(lines))
    return "".join(html)


def output(answer: Output) -> Shown:
    """An answer: JSON pretty-printed with sorted keys, other text as written, tool calls as cards, and how it ended if that matters."""
    source = answer.text.replace("\r\n", "\n")
    kept = source[:SHOWN_CHARACTERS]
    pretty = pretty_json(source) if len(source) <= SHOWN_CHARACTERS else None
    html, plain = [], []
    if pretty is not None:
        html += ['<div class="lang">JSON, keys sorted</div>', _json_html(pretty)]
        plain.append(pretty)
    elif kept:
        html.append(text(kept))
        plain.append(kept)
    if len(source) > len(kept):
        html.append(notice(f"{len(source) - len(kept):,} more characters are not shown."))
    for call in answer.tool_calls:
        arguments = call.arguments[:SHOWN_CHARACTERS]
        pretty_arguments = pretty_json(arguments) or arguments
        html.append(f'<div class="tool"><div class="name">{inline(call.name)}</div>{_json_html(pretty_arguments)}</div>')
        plain.append(f"{call.name} {pretty_arguments}")
    if not source.strip() and not answer.tool_calls:
        html.append(notice("The answer is empty."))
    if answer.stop in _STOPS:
        html.append(notice(_STOPS[answer.stop]))
    return Shown(html="".join(html), plain="\n\n".join(plain), characters=len(source))


def notice(sentence: str) -> str:
    """A sentence of ours among text of others."""
    return f'<p class="notice">{escape(sentence)}</p>'


def pretty_json(source: str) -> str | None:
    """
    A JSON object or array with one value a line and sorted keys; None if the text is none.

    Numbers keep their digits. An object that names a key twice is left alone, since sorting would hide which one counts.
    """
    if source.lstrip()[:1] not in {"{", "["}:
        return None
    try:
        value = json.loads(source, object_pairs_hook=_unique, parse_float=_Literal, parse_int=_Literal, parse_constant=_Literal)
        return _pretty(value, "")
    except (ValueError, RecursionError):
        return None


def difference(left: str, right: str) -> tuple[str, str] | None:
    """
    Two texts with what only one of them has marked, by lines and within changed lines by words.

    Returns:
        HTML of both; None if they are too long to be compared while somebody waits.
    """
    a, b = left.split("\n"), right.split("\n")
    if len(a) * len(b) > _LINE_CELLS:
        return None
    html_a, html_b = [], []
    for operation, a0, a1, b0, b1 in SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        block_a, block_b = "\n".join(a[a0:a1]), "\n".join(b[b0:b1])
        if operation == "equal":
            marked = inline(block_a), inline(block_b)
        elif operation == "replace":
            marked = _words(block_a, block_b)
        else:
            marked = _mark(block_a), _mark(block_b)
        html_a += [marked[0]] * (a1 > a0)
        html_b += [marked[1]] * (b1 > b0)
    return tuple(f'<pre class="diff">{chr(10).join(html)}</pre>' for html in (html_a, html_b))  # type: ignore[return-value]


def _words(left: str, right: str) -> tuple[str, str]:
    a, b = _WORD.findall(left), _WORD.findall(right)
    if len(a) * len(b) > _WORD_CELLS:
        return _mark(left), _mark(right)
    html_a, html_b = [], []
    for operation, a0, a1, b0, b1 in SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        show = inline if operation == "equal" else _mark
        html_a.append(show("".join(a[a0:a1])))
        html_b.append(show("".join(b[b0:b1])))
    return "".join(html_a), "".join(html_b)


def _mark(part: str) -> str:
    return f"<mark>{inline(part)}</mark>" if part else ""


def _prose(lines: list[str]) -> str:
    joined = "\n".join(lines).strip("\n")
    return f'<div class="prose">{inline(joined)}</div>' if joined else ""


def _json_html(pretty: str) -> str:
    html, end = [], 0
    for found in _JSON_TOKEN.finditer(pretty):
        html += [
            inline(pretty[end : found.start()]),
            f'<span class="{found.lastgroup}">{inline(found[0])}</span>',
        ]
        end = found.end()
    return f'<pre class="json">{"".join(html)}{inline(pretty[end:])}</pre>'


def _unique(items: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(items)
    if len(made) < len(items):
        raise ValueError("a key is named twice")
    return made


def _pretty(value: Any, indent: str) -> str:  # noqa: ANN401 - any JSON value
    deeper = indent + "  "
    if isinstance(value, _Literal):
        return value.text
    if isinstance(value, dict) and value:
        rows = (f"{deeper}{_quoted(key)}: {_pretty(value[key], deeper)}" for key in sorted(value))
        return "{\n" + ",\n".join(rows) + f"\n{indent}}}"
    if isinstance(value, list) and value:
        return "[\n" + ",\n".join(deeper + _pretty(item, deeper) for item in value) + f"\n{indent}]"
    return _quoted(value)


def _quoted(value: Any) -> str:  # noqa: ANN401 - any JSON value
    return json.dumps(value, ensure_ascii=False)
