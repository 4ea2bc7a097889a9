from __future__ import annotations

import json
import time
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalharness.ladder import Ladder
from evalharness.model import CallId, Output, Pair, Request, Side, Stop, ToolCall, Wire
from evalharness.review import show
from evalharness.review.blind import Mask
from evalharness.review.card import Card, card

HOSTILE = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "![x](http://evil.test/beacon.png)", "[x](javascript:alert(1))",
    "<svg/onload=alert(1)>", "<iframe src='data:text/html,x'></iframe>", "<style>*{background:url(//evil.test)}</style>",
    "~~~ <img src=x>\nx",
    "</pre></div></details><b onclick=1>", "```html\n</pre><script>\n```", "&lt;script&gt;", "\u202e\u200b\x00\x1b[31m\udc80",
    '{"a":"<img src=x>"}', "<form action=//evil.test><input autofocus onfocus=alert(1)>", "$\\href{javascript:alert(1)}{x}$",
]  # fmt: skip
TAGS = {"div", "p", "pre", "span", "mark", "details", "summary"}


class Parsed(HTMLParser):
    """What a browser would make of it: tags, attributes, text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Every tag is ours, with a class of ours at most."""
        assert tag in TAGS, tag
        for name, value in attrs:
            assert (name, value) == ("title", "invisible character") or name == "class", (tag, name, value)
            assert name == "title" or (value or "").replace(" ", "").isalpha(), value
        self.tags.append(tag)
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Tags are balanced, so that nothing escapes its place."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Collect the text."""
        self.text += data


def parsed(html: str) -> Parsed:
    """The HTML, proven inert."""
    found = Parsed(html)
    assert found.open == []
    html.encode()  # a lone surrogate would break the way to the browser
    assert not show._INVISIBLE.search(html)
    return found


hostile_text = st.lists(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=40)), max_size=6).map("\n".join)


@given(hostile_text)
@settings(max_examples=150, deadline=None)
def test_text_of_models_never_becomes_markup(source: str) -> None:
    """Whatever a model writes is text in our own few tags, and is all there."""
    for html in (
        show.text(source),
        show.output(Output(text=source)).html,
        show.inline(source),
        *(show.difference(source, source[3:]) or ()),
    ):
        parsed(html)
    assert parsed(show.inline(source)).text == "".join(f"U+{ord(c):04X}" if show._INVISIBLE.match(c) else c for c in source)


@given(hostile_text, hostile_text, st.sampled_from(Wire))
@settings(max_examples=60, deadline=None)
def test_a_whole_card_is_inert(prompt: str, answer: str, wire: Wire) -> None:
    """Prompt, system prompt, tools and answers are escaped alike, on each protocol."""
    body = {
        "system": prompt, "instructions": prompt, "input": [{"role": "user", "content": [{"type": "input_text", "text": prompt}]}],
        "messages": [{"role": "user", "content": prompt}, {"role": prompt, "content": [{"type": prompt, "text": prompt}]}],
        "tools": [{"name": prompt, "description": prompt, "input_schema": {prompt: prompt}}],
        "response_format": {"type": prompt},
    }  # fmt: skip
    shown = card_of(body, wire, Output(text=answer), Output(tool_calls=(ToolCall(name=answer, arguments=answer),), stop=Stop.TOOL))
    for html in (shown.task_html, shown.left.html, shown.right.html, *(shown.difference or ())):
        parsed(html)
    json.dumps(shown.to_browser()).encode()


def card_of(body: dict[str, Any], wire: Wire, dearer: Output, cheaper: Output) -> Card:
    """A card with the dearer output on the left."""
    pair = Pair(
        id=1, route_version_id=1, call_id=CallId("c"), task_type="t", candidate="small", request=Request(wire=wire, body=body),
        dearer_output=dearer, cheaper_output=cheaper,
    )  # fmt: skip
    return card(pair, place_id=1, left=Side.DEARER, mask=Mask.of(Ladder(())))


def test_long_and_pathological_text_is_cut_and_said() -> None:
    """Ten megabytes, deep nesting and long runs cost less than a second each, and the cut is told."""
    for source in ("x" * 10**7, "`" * 40_000, "[" * 40_000, '{"a":' * 40_000, "> " * 20_000, "a\n" * 40_000, "\u202e" * 40_000):
        start = time.perf_counter()
        shown = show.output(Output(text=source))
        show.difference(shown.plain, shown.plain[:-1] + "y")
        assert time.perf_counter() - start < 5  # a guard against the quadratic, not a benchmark
        parsed(shown.html)
        assert ("more characters are not shown" in shown.html) == (len(source) > show.SHOWN_CHARACTERS)


def test_json_is_sorted_and_keeps_its_digits() -> None:
    """Key order tells nothing about the model, and 1.10 stays 1.10."""
    pretty = show.pretty_json('{"b": [1.10, {}, []], "a": {"n": null, "big": 12345678901234567890.0, "t": "\\u202e\u00e9"}, "e": 1e400}')
    assert pretty is not None
    assert pretty.splitlines() == [
        "{", '  "a": {', '    "big": 12345678901234567890.0,', '    "n": null,', '    "t": "\u202e\u00e9"', "  },",
        '  "b": [', "    1.10,", "    {},", "    []", "  ],", '  "e": 1e400', "}",
    ]  # fmt: skip
    assert parsed(show.output(Output(text='{"b":1,"a":2}')).html).text == 'JSON, keys sorted{\n  "a": 2,\n  "b": 1\n}'


@pytest.mark.parametrize("source", ['{"a": 1, "a": 2}', '{"a": 1', "[" * 10_000, "12", '"text"', "```json\n{}\n```", ""])
def test_what_is_no_single_json_value_is_shown_as_written(source: str) -> None:
    """A key named twice, a fence or a broken bracket is part of the answer and stays visible."""
    assert show.pretty_json(source) is None


def test_fenced_code_is_set_apart() -> None:
    """Prose and code alternate; a fence that is never closed runs to the end."""
    html = show.text("Look:\n```python\nif a < b:\n    pass\n```\ndone\n~~~\nopen")
    assert html == (
        '<div class="prose">Look:</div><div class="lang">python</div><pre class="code">if a &lt; b:\n    pass</pre>'
        '<div class="prose">done</div><pre class="code">open</pre>'
    )


def test_the_difference_marks_what_only_one_side_has() -> None:
    """Changed words in changed lines, whole lines that only one side has, on both sides alike."""
    assert show.difference("a\nred fox\nz", "a\nblue fox\nb\nz") == (
        '<pre class="diff">a\n<mark>red</mark> fox\nz</pre>',
        '<pre class="diff">a\n<mark>blue</mark> fox<mark>\nb</mark>\nz</pre>',
    )
    assert show.difference("x\n" * 2000, "y\n" * 2000) is None


def test_how_an_answer_ended_is_said() -> None:
    """Empty, cut and refused answers are called so; a normal end is not mentioned."""
    assert "empty" in show.output(Output(text=" ")).html
    assert "length limit" in show.output(Output(text="a", stop=Stop.LENGTH)).html
    assert "refusal" in show.output(Output(text="a", stop=Stop.REFUSAL)).html
    assert "notice" not in show.output(Output(text="a")).html


def test_tool_calls_are_cards_with_sorted_arguments() -> None:
    """The name and the arguments of a call, never its random id."""
    html = show.output(Output(tool_calls=(ToolCall(name="find", arguments='{"b":1,"a":2}', id="call_77"),), stop=Stop.TOOL)).html
    assert parsed(html).text == 'find{\n  "a": 2,\n  "b": 1\n}'


def test_a_card_hides_model_names_and_carries_the_digests_of_the_whole() -> None:
    """What is shown is masked; what is hashed is what is stored; the request's model is nowhere."""
    dearer, cheaper = Output(text="I'm Claude."), Output(text="Hello")
    body = {"model": "gpt-9-ultra", "messages": [{"role": "user", "content": "Hi, gpt-9-ultra"}]}
    shown = card_of(body, Wire.OPENAI_CHAT, dearer, cheaper)
    sent = json.dumps(shown.to_browser())
    assert "Claude" not in sent
    assert "gpt-9" not in sent
    assert shown.hidden == 2
    assert (shown.left.digest, shown.right.digest) == (dearer.digest, cheaper.digest)
