from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from evalharness import config as configuration
from evalharness import shipped
from evalharness.decide import look
from evalharness.model import Grade
from evalharness.store import Store
from evalharness.store.review import ImportedGrade, import_grade
from tests.review.pairs import CHEAPER, DEARER, NOW, add_pairs, grade_rows

APP = shipped.root() / "review_app"
TIMEOUT_S = 60


@pytest.fixture(autouse=True)
def _in_app(monkeypatch: pytest.MonkeyPatch, config_path: Path) -> Iterator[None]:
    """The environment that app.py gives its pages."""
    monkeypatch.setenv("EVALHARNESS_REVIEW_CONFIG", str(config_path))
    monkeypatch.setenv("EVALHARNESS_REVIEW_REVIEWER", "ann")
    monkeypatch.syspath_prepend(APP)
    yield
    st.cache_resource.clear()


def plain_page() -> None:  # run by AppTest as a script of its own
    """The plain grading page."""
    import os  # noqa: PLC0415

    import grade_plain  # noqa: PLC0415
    import main  # noqa: PLC0415

    grade_plain.page(main.queue_of(*main.opened(os.environ["EVALHARNESS_REVIEW_CONFIG"])))


def decisions_page() -> None:  # run by AppTest as a script of its own
    """The decisions page."""
    import os  # noqa: PLC0415

    import decisions  # noqa: PLC0415
    import main  # noqa: PLC0415

    config, store = main.opened(os.environ["EVALHARNESS_REVIEW_CONFIG"])
    decisions.page(store, config)


def texts(at: AppTest) -> str:
    """Everything that a page says."""
    assert not at.exception
    return "\n".join(str(getattr(element, "value", "")) for element in at.main)


def test_the_app_opens_on_the_grading_component(store: Store) -> None:
    """With pairs in the queue the first page is the component, and the pairs are leased to the reviewer."""
    add_pairs(store, [("a", "b")] * 3)
    at = AppTest.from_file(str(APP / "main.py"), default_timeout=TIMEOUT_S).run()
    assert not at.exception
    assert len(at.get("bidi_component")) == 1


def test_the_plain_page_grades(store: Store) -> None:
    """Ordinary widgets store the same grades: the better side gets its key, a skip its reason, and then nothing is left."""
    made = add_pairs(store, [("GOOD", "BAD")] * 4)
    at = AppTest.from_function(plain_page, default_timeout=TIMEOUT_S).run()
    for _ in range(3):
        assert not at.exception
        answers = [code.value for code in at.code[1:]]
        assert sorted(answers) == ["BAD", "GOOD"]
        at = at.button(key="key-1" if answers[0] == "GOOD" else "key-5").click().run()
    assert at.button[-1].disabled
    at = at.text_input[0].set_value("cannot tell").run()
    at = at.button[-1].click().run()
    assert at.subheader[0].value == "Nothing to grade"
    rows = grade_rows(store)
    assert [(r.kind, r.dearer_acceptable, r.cheaper_acceptable) for r in rows[:3]] == [("grade", True, False)] * 3
    assert [(r.kind, r.note) for r in rows[3:]] == [("skip", "cannot tell")]
    assert [r.pair_id for r in rows] == made.pair_ids
    assert {r.reviewer for r in rows} == {"ann"}


def test_the_decisions_page_says_what_the_report_says(store: Store, config_path: Path) -> None:
    """Each route with its verdict, interval and sentence; names that look like markup stay text."""
    hostile = "<img src=x> [x](http://evil.test)"
    good = add_pairs(store, [("a", "b")] * 60, task_type="good")
    add_pairs(store, [("a", "b")] * 3, task_type=hostile)
    both = Grade(dearer_acceptable=True, cheaper_acceptable=True, preference=0)
    with store.begin() as session:
        for pair_id in good.pair_ids:
            imported = ImportedGrade(event_id=f"e{pair_id}", grade=both, reviewer="ann", source="import:x", at=NOW, pair_id=pair_id)
            import_grade(session, imported, now=NOW)
    look.run(store, configuration.load(config_path, {}), now=NOW)
    at = AppTest.from_function(decisions_page, default_timeout=TIMEOUT_S).run()
    assert not at.exception
    html = "".join(element.proto.body for element in at.get("html"))
    assert "▼ promotable" in html
    assert "no change" in html
    assert "Graded 60 pairs, 0 regressed" in html
    assert "… collecting" in html
    assert "<img" not in html
    assert "&lt;img src=x&gt;" in html
    assert DEARER in html
    assert CHEAPER in html
    assert at.selectbox[0].options[0].startswith(("good", "<img"))
    at.selectbox[0].select_index(1).run()
    assert not at.exception


def test_an_empty_database_says_what_to_do_next() -> None:
    """No routes: the next command, not an empty page."""
    at = AppTest.from_function(decisions_page, default_timeout=TIMEOUT_S).run()
    assert not at.exception
    assert "evalharness ingest" in at.text[0].value


def test_a_missing_configuration_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page says in one line what is wrong, without a traceback."""
    monkeypatch.setenv("EVALHARNESS_REVIEW_CONFIG", "/nowhere/evalharness.toml")
    at = AppTest.from_file(str(APP / "main.py"), default_timeout=TIMEOUT_S).run()
    assert not at.exception
    assert "there is no such file" in at.text[0].value
