"""
A report as one HTML file that asks nobody for anything: no script, no font, no image from elsewhere, and a policy that forbids them.

Everything that comes from outside goes through `_text`; what is put together here is markup.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Sequence
from html import escape

from evalharness.report import charts, words
from evalharness.report.routes import Report, RouteReport
from evalharness.report.style import CSS
from evalharness.report.words import Status

_TONES = {
    Status.PROMOTABLE: "good",
    Status.PROMOTED: "good",
    Status.UNSUPPORTED: "bad",
    Status.BLOCKED: "warn",
    Status.HELD: "bad",
    Status.COLLECTING: "calm",
    Status.PAUSED: "warn",
    Status.DEMOTED: "bad",
    Status.STALE: "calm",
}

_HASH = base64.b64encode(hashlib.sha256(CSS.encode()).digest()).decode()
_POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'"


def render(report: Report) -> str:
    """The report as a page for a browser or a printer, complete in itself."""
    body = [
        f"<h1>{words.TITLE}</h1>",
        _subtitle(report),
        _figures(report) if report.routes else "",
        _list(words.summary(report), "summary"),
        _overview(report.routes) if report.routes else "",
        *(_card(number, route) for number, route in enumerate(report.routes, start=1)),
        _general(report),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta name="referrer" content="no-referrer">\n'
        f"<title>{words.TITLE}</title>\n<style>{CSS}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(part for part in body if part)
        + "\n</main>\n</body>\n</html>\n"
    )


def _text(text: str) -> str:
    """Text on one line, with nothing in it that is markup; a number stays with its unit."""
    return _UNIT.sub("\N{NO-BREAK SPACE}", escape(words.inert(text)))


_UNIT = re.compile(r"(?<=\d) (?=%|: \d|ms\b|s\b)|(?<=\d :) (?=\d)")


def _sentence(text: str) -> str:
    """As `_text`, with our own commands as code."""
    parts = words.COMMAND.split(text)
    return "".join(f"<code>{_text(part)}</code>" if i % 2 else _text(part) for i, part in enumerate(parts) if part)


def _list(sentences: Sequence[str], kind: str = "") -> str:
    attribute = f' class="{kind}"' if kind else ""
    return f"<ul{attribute}>{''.join(f'<li>{_sentence(sentence)}</li>' for sentence in sentences)}</ul>"


def _subtitle(report: Report) -> str:
    if not report.calls:
        return ""
    traffic = f"{words.plural(report.calls, 'production call')}, {words.period(report)}"
    return f'<p class="soft">{_text(traffic)}. Largest saving first.</p>'


def _figures(report: Report) -> str:
    found = [words.status(route) for route in report.routes]
    ready, done = found.count(Status.PROMOTABLE), found.count(Status.PROMOTED)
    decided = sum(not words.undecided(route) for route in report.routes)
    figures = [
        ("Safe to save per month", words.usd(report.movable_per_month), f"of {words.usd(report.spend_per_month)}"),
        ("Safe to move", words.plural(ready + done, "route"), f"{ready} to approve, {done} moved already"),
        ("Decided", f"{decided} of {len(found)}", f"{words.plural(sum(r.graded for r in report.routes), 'grade')} given"),
        ("Replays have cost", words.usd(report.shadow_usd), "so far"),
    ]
    cells = (f"<div><dt>{_text(a)}</dt><dd>{_text(b)}<small>{_text(c)}</small></dd></div>" for a, b, c in figures)
    return f'<dl class="figures">{"".join(cells)}</dl>'


_COLUMNS = ("Task type", "Quality", "Cost per call", "Latency", "Saving per month", "Verdict", "Graded / to go")
_NUMBER = ' class="number"'
_NUMBERS = frozenset({"Saving per month", "Graded / to go"})


def _overview(routes: Sequence[RouteReport]) -> str:
    heads = "".join(f'<th scope="col"{_side(column)}>{column}</th>' for column in _COLUMNS)
    rows = "\n".join(_row(number, route) for number, route in enumerate(routes, start=1))
    return f'<div class="overview"><table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></div>'


def _side(column: str) -> str:
    return _NUMBER if column in _NUMBERS else ""


def _row(number: int, route: RouteReport) -> str:
    quality = words.quality(route)
    cells = [
        _stacked(quality.rate, quality.interval),
        _stacked(_cost(route), words.change(route.cost_change)),
        _stacked(_latency(route)),
        _stacked(*_halves(words.saving(route), " (")),
        _badge(route),
        _stacked(*_halves(words.grades(route), " (")),
    ]
    name = f'<a href="#route-{number}">{_text(route.task_type)}</a><small>{_text(words.tiers(route))}</small>'
    told = (f'<td data-label="{c}"{_side(c)}>{cell}</td>' for c, cell in zip(_COLUMNS[1:], cells, strict=True))
    return f'<tr><th scope="row">{name}</th>{"".join(told)}</tr>'


def _stacked(first: str, second: str = "") -> str:
    return _text(first) + (f"<small>{_text(second)}</small>" if second and second != words.NONE else "")


def _halves(text: str, at: str) -> tuple[str, str]:
    first, _, second = text.partition(at)
    return first, second.removesuffix(")")


def _cost(route: RouteReport) -> str:
    return words.moved(words.usd_per_call(route.cost_old), words.usd_per_call(route.cost_new))


def _latency(route: RouteReport) -> str:
    return words.moved(words.latency(route.latency_old_ms), words.latency(route.latency_new_ms))


def _badge(route: RouteReport) -> str:
    status = words.status(route)
    word, more = _halves(status.value, ", ")
    return f'<span class="badge {_TONES[status]}">{word}</span>' + (f" <small>{more}</small>" if more else "")


def _card(number: int, route: RouteReport) -> str:
    sentence = words.sentence(route)
    beside = [note for note in (*words.gaps(route), *words.weak(route)) if note not in {sentence, words.inert(route.outlook)}]
    models = f"{words.tiers(route)} ({words.inert(route.serving_model)} {words.ARROW} {words.inert(route.candidate_model)})"
    dates = f", calls of {route.first_at} to {route.last_at}" if route.first_at else ""
    parts = [
        f'<div class="head"><h2>{_text(route.task_type)}</h2>{_badge(route)}</div>',
        f'<p class="soft models">{_text(models)}, version {route.version}{_text(dates) if dates else ""}</p>',
        f'<p class="sentence">{_sentence(sentence)}</p>',
        f'<p class="sentence">{_text(route.outlook)}</p>' if route.outlook and words.undecided(route) else "",
        _section("blockers", "In the way of a promotion", words.blockers(route)),
        _pictures(number, route),
        f'<div class="facts">{_old_and_new(route)}{_base(route)}{_refused(route)}</div>',
        _section("notes", "What to know beside it", beside),
    ]
    return f'<section class="card" id="route-{number}">\n' + "\n".join(part for part in parts if part) + "\n</section>"


def _section(kind: str, heading: str, sentences: Sequence[str]) -> str:
    return f'<div class="{kind}"><h3>{heading}</h3>{_list(sentences)}</div>' if sentences else ""


def _pictures(number: int, route: RouteReport) -> str:
    told, graded = [], _table_of_grades(route) if route.graded else ""
    if route.rate is not None:
        picture = charts.interval(route, f"interval-{number}")
        figure = _figure("Quality: the interval holds however often one looks", picture, _QUALITY)
        told.append(f'<div class="facts-below">{figure}{graded}</div>')
    if route.trace and route.trace[-1].n:
        picture = charts.evidence(route, f"evidence-{number}")
        told.append(_figure("Evidence: the first line to reach its threshold decides", picture, _EVIDENCE))
    return f'<div class="pictures">{"".join(told)}</div>' if told else ""


_QUALITY = "Dot: what was seen. Bar: what it may be. To be promoted, the whole bar must lie right of the dashed line."
_EVIDENCE = "Blue, dashed threshold: against too low a quality. Orange, dotted threshold: against the quality hoped for."


def _figure(heading: str, picture: str, caption: str) -> str:
    return f"<figure><h3>{heading}</h3>{picture}<figcaption>{caption}</figcaption></figure>"


def _facts(caption: str, rows: Iterable[Sequence[str]], heads: Sequence[str] = ()) -> str:
    """A small table: the first cell of a row is its heading, the others are numbers."""
    head = "".join(f"<th{_NUMBER if i else ''}>{_text(h) if h else ''}</th>" for i, h in enumerate(heads))
    body = "".join(f'<tr><th scope="row">{_text(name)}</th>{_numbers(values)}</tr>' for name, *values in rows)
    return f"<table><caption>{_text(caption)}</caption>{f'<thead><tr>{head}</tr></thead>' if heads else ''}<tbody>{body}</tbody></table>"


def _numbers(values: Iterable[str]) -> str:
    return "".join(f"<td{_NUMBER}>{_text(value)}</td>" for value in values)


def _old_and_new(route: RouteReport) -> str:
    rows = [
        ("Cost per call", words.usd_per_call(route.cost_old), words.usd_per_call(route.cost_new), words.change(route.cost_change)),
        ("Latency, median", words.latency(route.latency_old_ms), words.latency(route.latency_new_ms), _slower(route)),
        ("Per month", words.usd(route.spend_per_month), _spend_after(route), _saved(route)),
    ]
    return _facts("What moving changes", rows, ("", "now", "then", "change"))


def _slower(route: RouteReport) -> str:
    old, new = route.latency_old_ms, route.latency_new_ms
    return words.change(new / old - 1) if old and new is not None else words.NONE


def _spend_after(route: RouteReport) -> str:
    if route.spend_per_month is None or route.monthly_saving is None:
        return words.NONE
    return words.usd(route.spend_per_month - route.monthly_saving)


def _saved(route: RouteReport) -> str:
    if route.monthly_saving is None:
        return words.NONE
    return f"{'+' if route.monthly_saving < 0 else ''}{words.usd(-route.monthly_saving)}"


def _table_of_grades(route: RouteReport) -> str:
    rows = [
        ("Both", f"{route.both:,}"),
        ("Only the dearer", f"{route.only_dearer:,}"),
        ("Only the cheaper", f"{route.only_cheaper:,}"),
        ("Neither", f"{route.neither:,}"),
    ]
    return _facts("Which output was acceptable (graded pairs)", rows)


def _base(route: RouteReport) -> str:
    calls = words.NONE if route.calls_per_month is None else f"{route.calls_per_month:,.0f}"
    rows = [
        ("Calls per month", calls),
        ("Sampled", f"{route.places:,}"),
        ("Settled by a rule", f"{route.settled:,}"),
        ("Graded by people", f"{route.graded:,}"),
        ("Grades to go", words.grades_to_go(route)),
        *((name, f"{n:,}") for name, n in (("Open", route.open), ("Skipped", route.skipped), ("Failed replays", route.failed)) if n),
        ("Replays have cost", words.usd(route.shadow_usd)),
    ]
    return _facts("What it rests on", rows)


def _refused(route: RouteReport) -> str:
    if not route.refused:
        return ""
    rows = sorted(route.refused.items(), key=lambda item: (-item[1], item[0]))
    return _facts("Requests that cannot be replayed", [(reason, f"{n:,}") for reason, n in rows])


def _general(report: Report) -> str:
    told = words.general(report)
    weak = f'<section class="card"><h2>What weakens all of it</h2><div class="notes">{_list(told)}</div></section>' if told else ""
    return weak + (f'<p class="soft how">{_HOW}</p>' if report.routes else "")


_HOW = (
    "Every saving assumes that traffic goes on as in the logged days, priced at production's cache hits. The claim of a verdict is about "
    "the mean over the sampled calls of the dates named. A missing number is an en dash; the notes of its route say why."
)
