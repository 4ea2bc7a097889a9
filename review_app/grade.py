"""The grading page: one component that shows the next pair before the server has heard of the last one."""

from pathlib import Path
from typing import Any

import streamlit as st

from evalharness.errors import EvalHarnessError
from evalharness.review import show
from evalharness.review.queue import Queue
from evalharness.store.review import COUNTED

_HERE = Path(__file__).parent
_KEY = "grader"


@st.cache_resource(show_spinner=False)
def _grader() -> Any:  # noqa: ANN401 - Streamlit's own type of a component is a Protocol with free keywords
    """The component, registered once per process."""
    return st.components.v2.component(
        "evalharness.grader",
        html=(_HERE / "grader.html").read_text(encoding="utf-8"),
        css=(_HERE / "grader.css").read_text(encoding="utf-8"),
        js=(_HERE / "grader.js").read_text(encoding="utf-8"),
    )


@st.fragment
def page(queue: Queue, desk: str) -> None:
    """
    Store what the browser has in its outbox, and show the cards that the reviewer holds.

    Args:
        desk: Names reviewer and database, so that a browser keeps an outbox for each.
    """
    state = st.session_state.get(_KEY) or {}
    outbox = state.get("outbox") or {}
    task_type = str(state.get("task_type") or "")
    try:
        at = queue.sync(outbox.get("events") or [], task_types=[task_type] if task_type else None)
    except EvalHarnessError as error:
        data: dict[str, Any] = {"error": f"Nothing can be stored now; your grades wait here. {show.visible(str(error))}"}
    else:
        data = {
            "desk": desk,
            "reviewer": queue.reviewer,
            "cards": [card.to_browser() for card in at.cards],
            "stored": at.stored,
            "refused": [{"id": r.event_id, "reason": r.reason} for r in at.refused],
            "progress": [{"name": t.task_type, "open": t.open, "graded": t.graded} for t in at.progress],
            "counted": COUNTED,
            "task_type": task_type,
            "guidelines": {card.task_type: queue.guideline(card.task_type) for card in at.cards},
        }
    _grader()(key=_KEY, data=data, on_outbox_change=_nothing, on_task_type_change=_nothing)


def _nothing() -> None:
    """Streamlit keeps a state only if it has a callback."""
