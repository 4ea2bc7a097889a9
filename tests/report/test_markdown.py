from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from evalharness.report import markdown, words
from tests.report.reports import empty, every_state, hostile

GITHUB = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
NASTY = st.text(st.sampled_from("|\\`*_~<>[]()!#@&;:/-+=.1 \n\r\tabx\u202e"), min_size=1, max_size=30) | st.text(min_size=1)


def structure(text: str) -> list[str]:
    """What a renderer makes of it: the kinds of all tokens, text and pauses left out."""
    tokens = [t for token in GITHUB.parse(text) for t in [token, *(token.children or [])]]
    return [f"{t.type} {t.tag}" for t in tokens if t.type not in {"text", "text_special", "inline"}]


@settings(max_examples=200, deadline=None)
@example("a|b\\|c\\")
@example("``` | <script>alert(1)</script>")
@example("# x")
@example("12) x")
@example("<!-- ")
@given(NASTY)
def test_names_are_inert(text: str) -> None:
    """No name adds a cell, a tag, a link or any other markup: the report is built as with a harmless name."""
    assert structure(markdown.render(hostile(text))) == structure(markdown.render(hostile("harmless")))


def test_links_and_mentions_are_broken() -> None:
    """Text outside code neither links nor notifies anybody."""
    told = markdown.render(hostile("@admin http://x.example www.x.example #12 a@b.example"))
    notes = [line for line in told.splitlines() if line.startswith("- ")]
    assert notes
    for line in notes:
        for live in ("@admin", "http://", "www.", "#12", "a@b"):
            assert live not in line


def test_table() -> None:
    """One row per route, ten cells each, numbers to the right."""
    table = [line for line in markdown.render(every_state()).splitlines() if line.startswith("|")]
    assert len(table) == 2 + 9
    assert {line.count("|") for line in table} == {11}
    assert table[1] == "| --: | :-- | :-- | --: | --: | --: | --: | --: | :-- | --: |"


def test_commands_are_code() -> None:
    """Our own commands are code, ready to be copied."""
    assert "`evalharness promote approve`" in markdown.render(every_state())


def test_no_routes() -> None:
    """An empty report says what to do next, without a table."""
    told = markdown.render(empty())
    assert told.startswith(f"## {words.TITLE}\n\n- There are no calls yet.")
    assert "|" not in told
