"""Pairs in the queue, written straight into the tables, for tests that need no pipeline before them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import select

from evalharness.draw import draw
from evalharness.model import Output, RouteState, Wire
from evalharness.store import Store
from evalharness.store.tables import (
    CallContent,
    CallRow,
    GradeRow,
    PairRow,
    Replay,
    ReviewPlace,
    Route,
    RouteVersion,
    Window,
)

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
DEARER, CHEAPER = "claude-opus-4-1", "claude-haiku-4-5"


class Made(NamedTuple):
    """What was written."""

    version_id: int
    pair_ids: list[int]
    """In sampling order."""
    place_ids: list[int]
    """The first place of each pair, in the same order."""


def add_pairs(
    store: Store,
    outputs: Sequence[tuple[Output | str, Output | str]],
    *,
    task_type: str = "formatting",
    reviewers: int = 1,
    prompt: str = "Say something good.",
    body: dict[str, Any] | None = None,
    state: RouteState = RouteState.COLLECTING,
) -> Made:
    """Write a route with a pair of (dearer, cheaper) output for each entry, in sampling order, each wanted by so many reviewers."""
    with store.begin() as session:
        route = Route(task_type=task_type, serving="big", candidate="small")
        session.add(route)
        session.flush()
        version = RouteVersion(
            route_id=route.id, number=1, fingerprint="f", serving_model=DEARER, candidate_model=CHEAPER, rules="{}",
            state=state, created_at=NOW,
        )  # fmt: skip
        session.add(version)
        session.flush()
        window = Window(
            route_version_id=version.id, seq=1, first_at=NOW, last_at=NOW, share=1.0, seen=len(outputs), unreplayable=0,
            drawn=len(outputs), created_at=NOW,
        )  # fmt: skip
        session.add(window)
        session.flush()
        order = sorted(draw("salt", f"{task_type}-{i}") for i in range(len(outputs)))
        pairs, places = [], []
        for i, (dearer, cheaper) in enumerate(outputs):
            a, b = (o if isinstance(o, Output) else Output(text=o) for o in (dearer, cheaper))
            call_id = f"{task_type}-{i}"
            session.add(
                CallRow(
                    id=call_id, at=NOW, source="test", task_type=task_type, provider="anthropic", model=DEARER, tier="big",
                    draw=order[i], wire=Wire.ANTHROPIC_MESSAGES, sampled=True,
                )
            )  # fmt: skip
            session.flush()
            asked = body or {"model": DEARER, "max_tokens": 100, "messages": [{"role": "user", "content": prompt}]}
            session.add(CallContent(call_id=call_id, request=json.dumps(asked), output=a.to_json(), stored_at=NOW))
            replay = Replay(
                call_id=call_id, route_version_id=version.id, window_id=window.id, window_seq=1, draw=order[i], arm="shadow",
                tier="small", state="answered", not_before=NOW, output=b.to_json(),
            )  # fmt: skip
            session.add(replay)
            session.flush()
            pair = PairRow(
                replay_id=replay.id, call_id=call_id, route_version_id=version.id, dearer_output=a.to_json(),
                cheaper_output=b.to_json(), dearer_digest=a.digest, cheaper_digest=b.digest, created_at=NOW,
            )  # fmt: skip
            session.add(pair)
            session.flush()
            pairs.append(pair.id)
            for n in range(1, reviewers + 1):
                place = ReviewPlace(pair_id=pair.id, n=n, route_version_id=version.id, task_type=task_type, window_seq=1, draw=order[i])
                session.add(place)
                session.flush()
                if n == 1:
                    places.append(place.id)
    return Made(version_id=version.id, pair_ids=pairs, place_ids=places)


def grade_rows(store: Store) -> list[GradeRow]:
    """Every row of the table of grades, in the order of time."""
    with store.read() as session:
        rows = list(session.scalars(select(GradeRow).order_by(GradeRow.at, GradeRow.id)))
        session.expunge_all()
        return rows
