import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from evalharness.model import Metric
from evalharness.report import Report, TracePoint, html
from tests.report.reports import empty, every_state, hostile, route

VOID = {"meta"}


class Page(HTMLParser):
    """A page as its tags in order; fails on one that is not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        assert len(attrs) == len(dict(attrs))
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag without content."""
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """Close the tag that was opened last."""
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Note text."""
        self.text.append(data)

    def values(self, name: str) -> list[str]:
        """All values of an attribute."""
        return [value or "" for _, attrs in self.tags for key, value in attrs.items() if key == name]


def structure(report: Report) -> list[tuple[str, list[str]]]:
    """Tags with the names of their attributes: what a name from outside must not change."""
    return [(tag, sorted(attrs)) for tag, attrs in Page(html.render(report)).tags]


REPORTS = [every_state(), empty(), empty(calls=3), hostile("x")]


@pytest.mark.parametrize("report", REPORTS, ids=["every state", "no calls", "no routes", "hostile"])
def test_page_is_whole(report: Report) -> None:
    """Every tag is closed, ids are unique, links and labels lead to them."""
    page = Page(html.render(report))
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    assert {link.removeprefix("#") for link in page.values("href")} <= set(ids)
    assert {name for names in page.values("aria-labelledby") for name in names.split()} <= set(ids)


@pytest.mark.parametrize("report", REPORTS, ids=["every state", "no calls", "no routes", "hostile"])
def test_nothing_is_fetched(report: Report) -> None:
    """The page asks nobody for anything: no script, no address, no image, and a policy that forbids them."""
    text = html.render(report)
    page = Page(text)
    names = {name for _, attrs in page.tags for name in attrs}
    assert not {tag for tag, _ in page.tags} & {"script", "link", "img", "iframe", "object", "embed", "form", "base", "image", "use"}
    assert not names & {"src", "srcset", "style", "action", "xlink:href"}
    assert not {name for name in names if name.startswith("on")}
    assert all(link.startswith("#") for link in page.values("href"))
    assert not re.search(r"https?:|//|url\(|@import", text)


def test_policy_allows_the_own_style_only() -> None:
    """The policy names the hash of the style sheet as it stands in the page."""
    text = html.render(every_state())
    style = text[text.index("<style>") + 7 : text.index("</style>")]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    (policy,) = [a["content"] for _, a in Page(text).tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


@settings(max_examples=60, deadline=None)
@example('"><script>alert(1)</script>')
@example("' onload='alert(1)")
@example("</style></title>--><svg/onload=alert(1)>")
@example("&lt;script&gt;")
@given(st.text(st.sampled_from("<>\"'&;=/-! \nscript\u202e"), min_size=1, max_size=30) | st.text(min_size=1))
def test_names_are_inert(text: str) -> None:
    """No name adds a tag or an attribute: the page is built as with a harmless name."""
    assert structure(hostile(text)) == structure(hostile("harmless"))
    assert "<script" not in html.render(hostile(text))


def test_names_are_shown_as_they_are() -> None:
    """What was escaped is text again for the reader."""
    page = Page(html.render(hostile("<b>&amp;</b>")))
    assert "<b>&amp;</b>" in page.text


def test_pictures_say_in_words_what_they_show() -> None:
    """Every picture has a title and a description with its figures."""
    told = html.render(replace(every_state(), routes=(route(),)))
    assert '<title id="interval-1-title">Quality: 96.2 %, interval 93.2 - 98.1 percent</title>' in told
    assert "It must beat 90 %; 95 % is hoped for." in told
    assert re.search(r">Evidence after 308 pairs: \d+ : 1 for promoting, 0\.\d+ : 1 for holding</title>", told)
    assert "Promote is reached at 20 : 1, hold at 10 : 1" in told


@pytest.mark.parametrize(
    "changed",
    [
        {"rate": 1.0, "rate_low": 1.0, "rate_high": 1.0, "p0": 0.98, "p1": 0.995},
        {"rate": 0.0, "rate_low": 0.0, "rate_high": 1.0},
        {"rate": 1.9, "rate_low": -0.0, "rate_high": 2.0, "p0": 0.9, "p1": 1.0, "metric": Metric.NET_REGRESSION},
        {"rate": 0.95, "rate_low": 0.97, "rate_high": 0.93},
        {"trace": (TracePoint(1, 0.0, 5.18e21),)},
        {"trace": (TracePoint(0, 1.0, 1.0),)},
        {"alpha": 0.1, "beta": 0.1},
        {"alpha": 0.0001, "beta": 0.5},
    ],
)
def test_pictures_of_extremes(changed: dict[str, Any]) -> None:
    """The ends of every range have a picture, and all of it lies inside its frame."""
    page = Page(html.render(replace(every_state(), routes=(route(**changed),))))
    for tag, attrs in page.tags:
        if tag == "polyline":
            points = [float(value) for value in re.split("[ ,]", attrs["points"] or "")]
        else:
            points = [float(attrs[name] or "") for name in ("x", "x1", "x2", "y", "y1", "y2", "cx", "cy") if name in attrs]
        assert all(0 <= value <= 460 for value in points)
