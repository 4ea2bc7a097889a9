"""The pages of the review app, and what they share: configuration, database, reviewer."""

import hashlib
import os
from pathlib import Path

import decisions
import grade
import grade_plain
import streamlit as st

from evalharness import config as configuration
from evalharness.config import Config
from evalharness.errors import EvalHarnessError
from evalharness.review.queue import Queue
from evalharness.store import Store, migrate


def _close(resources: tuple[Config, Store]) -> None:
    resources[1].close()


@st.cache_resource(show_spinner=False, on_release=_close)
def opened(path: str) -> tuple[Config, Store]:
    """The configuration and its database, once per process."""
    loaded = configuration.load(Path(path), os.environ)
    store = Store(loaded.database.url)
    migrate.require_head(store)
    return loaded, store


def queue_of(config: Config, store: Store) -> Queue:
    """The reviewer's queue, once per session; who it is, the start of the app says, never the URL."""
    if "queue" not in st.session_state:
        st.session_state.queue = Queue(store, config, os.environ.get("EVALHARNESS_REVIEW_REVIEWER", ""))
    return st.session_state.queue  # type: ignore[no-any-return]


def main() -> None:
    """Show the page that was asked for."""
    st.set_page_config(page_title="evalharness review", layout="wide")
    # One screen, no scrolling while grading: Streamlit leaves 6rem above and 10rem below.
    st.html("<style>[data-testid=stMainBlockContainer]{padding:4.25rem 1.25rem .5rem;max-width:none}</style>")
    try:
        config, store = opened(os.environ.get("EVALHARNESS_REVIEW_CONFIG", "evalharness.toml"))
        queue = queue_of(config, store)
    except EvalHarnessError as error:
        st.title("The review app cannot start")
        st.text(str(error))
        return
    desk = hashlib.sha256(f"{store.shown_url}|{queue.reviewer}".encode()).hexdigest()[:16]
    grading = st.Page(lambda: grade.page(queue, desk), title="Grade", url_path="grade", default=True)
    plain = st.Page(lambda: grade_plain.page(queue), title="Grade, plain", url_path="plain")
    decided = st.Page(lambda: decisions.page(store, config), title="Decisions", url_path="decisions")
    page = st.navigation([grading, decided, plain], position="top")
    page.run()
    if page is not grading:
        st.caption(f"Local mode: you are the reviewer {queue.reviewer!r}, and anyone who uses this computer is.")


if __name__ == "__main__":  # Streamlit runs the script under this name
    main()
