"""The grading page with Streamlit's own widgets: for screen readers, and where no component is allowed."""

import uuid

import streamlit as st

from evalharness.errors import EvalHarnessError
from evalharness.model import Key
from evalharness.review import show
from evalharness.review.card import Card
from evalharness.review.queue import Queue

_LABELS = {
    Key.ONLY_A: "1 Only A acceptable",
    Key.BOTH_A_BETTER: "2 Both, A better",
    Key.BOTH_EQUAL: "3 Both, equal",
    Key.BOTH_B_BETTER: "4 Both, B better",
    Key.ONLY_B: "5 Only B acceptable",
    Key.NEITHER: "0 Neither acceptable",
}


def page(queue: Queue) -> None:
    """Show one pair as plain text, and store one verdict at a time."""
    try:
        at = queue.sync(st.session_state.get("plain_events", ()))
    except EvalHarnessError as error:  # the event stays in the session until it is stored
        st.text(f"Nothing can be stored now. {show.visible(str(error))}")
        st.button("Try again")
        return
    st.session_state.plain_events = ()
    for refused in at.refused:
        st.warning(refused.reason)
    if not at.cards:
        st.subheader("Nothing to grade")
        st.text("Every pair that is wanted from you is graded.")
        return
    card = at.cards[0]
    st.subheader("Task")
    st.code(show.visible(card.task_plain), language=None, wrap_lines=True)
    for name, answer, column in zip("AB", (card.left, card.right), st.columns(2), strict=True):
        column.subheader(f"Answer {name}")
        column.code(show.visible(answer.plain) or "(empty)", language=None, wrap_lines=True)
    note = st.text_input("Note, or the reason of a skip", key=f"note-{card.place_id}", max_chars=300)
    with st.container(horizontal=True):
        for key, label in _LABELS.items():
            st.button(label, key=f"key-{key}", on_click=_happened, args=(card, "grade", note, key))
        st.button("Skip", disabled=not note.strip(), on_click=_happened, args=(card, "skip", note))


def _happened(card: Card, kind: str, note: str, key: Key | None = None) -> None:
    event = {
        "id": uuid.uuid4().hex, "kind": kind, "place": card.place_id, "pair": card.pair_id, "key": key, "note": note,
        "left": card.left.digest, "right": card.right.digest,
    }  # fmt: skip
    st.session_state.plain_events = [event]
