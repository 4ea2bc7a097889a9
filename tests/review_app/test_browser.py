"""The grading page in a real Chromium against the real server; the rows of the database are the judge."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Dialog, Page, Request, ViewportSize, expect, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from evalharness.model import Key, Output, ToolCall
from evalharness.review.launch import command
from evalharness.store import Store
from evalharness.store.tables import GradeRow
from tests.review.pairs import CHEAPER, DEARER, Made, add_pairs, grade_rows

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
PATIENCE_S = 60
DESKTOP: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}
HOSTILE = (
    "<script>alert(1)</script><img src=http://evil.test/i onerror=alert(1)><svg onload=alert(1)><iframe src=http://evil.test></iframe>"
    "<style>@import 'http://evil.test/s';*{background:url(http://evil.test/c)}</style><a href='javascript:alert(1)'>x</a>"
    "![b](http://evil.test/m.png) [l](http://evil.test) <details open ontoggle=alert(1)>$\\href{http://evil.test}{x}$ \u202e\u200b\x00 "
)


@pytest.fixture
def url(sqlite_template: Path, tmp_path: Path) -> str:
    """SQLite only: what differs between databases is tested in tests/store and tests/review, and browsers are slow."""
    return f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'review.db')}"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The Chromium of the system."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        reason = "a browser: install the system's chromium"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield started
        started.close()


@dataclass
class Server:
    """The review app as `evalharness review` starts it."""

    config_path: Path
    port: int
    process: subprocess.Popen[bytes] = field(init=False)

    def start(self) -> None:
        """Start, and wait until it answers."""
        started = command(self.config_path, port=self.port, reviewer="ann")
        self.process = subprocess.Popen(started, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        again = threading.Event()
        for _ in range(PATIENCE_S * 10):
            try:
                if self.get("/_stcore/health").status == HTTPStatus.OK:
                    return
            except OSError:
                assert self.process.poll() is None, "the app ended at once"
                again.wait(0.1)
        pytest.fail("the app does not answer")

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str) -> HTTPResponse:
        """What it answers to a client without a browser."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
        finally:
            connection.close()
        return answer

    def kill(self) -> None:
        """End it without a word."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def server(config_path: Path) -> Iterator[Server]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    running = Server(config_path, port)
    running.start()
    yield running
    running.kill()


@dataclass
class Seat:
    """A reviewer's page, and everything that came over its wires."""

    page: Page
    url: str
    foreign: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)
    received: bytearray = field(default_factory=bytearray)

    def __post_init__(self) -> None:
        self.page.on("request", self._note_foreign)
        self.page.on("dialog", self._dismiss)
        self.page.on("websocket", lambda ws: ws.on("framereceived", self._keep))
        self.page.set_default_timeout(PATIENCE_S * 1000)
        expect.set_options(timeout=PATIENCE_S * 1000)

    def _note_foreign(self, request: Request) -> None:
        if not request.url.startswith((self.url, "data:", "blob:")):
            self.foreign.append(request.url)

    def _dismiss(self, dialog: Dialog) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def _keep(self, payload: str | bytes) -> None:
        self.received += payload if isinstance(payload, bytes) else payload.encode()

    def open(self) -> None:
        """Go to the app and wait for a pair."""
        self.page.goto(self.url)
        self.wait_for_pair()

    def wait_for_pair(self) -> None:
        """Until a pair is on the screen."""
        expect(self.page.locator('.desk[data-state="grading"]')).to_be_visible()

    @property
    def pair(self) -> str:
        """Id of the pair that is shown."""
        return self.page.locator(".desk").get_attribute("data-pair") or ""

    def answer(self, side: str) -> str:
        """Text of a side."""
        return self.page.locator(f".side.{side} .text").inner_text()

    def press(self, key: str) -> None:
        """Press a key that brings another pair, and wait until that may be graded."""
        before = self.pair
        self.page.keyboard.press(key)
        expect(self.page.locator(f'.desk[data-state="grading"]:not([data-pair="{before}"])')).to_be_visible()

    def wait_until_saved(self) -> None:
        """Until the server has acknowledged all."""
        expect(self.page.locator(".status")).to_have_text("saved")


@pytest.fixture
def seat(browser: Browser, server: Server) -> Iterator[Seat]:
    context = browser.new_context(viewport=DESKTOP)
    sitting = Seat(context.new_page(), server.url)
    yield sitting
    assert sitting.foreign == []
    assert sitting.dialogs == []
    context.close()


def known_pairs(store: Store, n: int) -> Made:
    """Pairs whose better side says so; the dearer output is the better one in the first, third, ..."""
    return add_pairs(store, [(f"GOOD {i}", f"BAD {i}") if i % 2 == 0 else (f"BAD {i}", f"GOOD {i}") for i in range(n)])


def dearer_is_good(made: Made, row: GradeRow) -> bool:
    return made.pair_ids.index(row.pair_id) % 2 == 0


def test_ten_pairs_by_keyboard_are_right_in_the_rows(store: Store, seat: Seat) -> None:
    """What a reviewer says of the better-looking side is stored of the better output, wherever it stood; no model is named."""
    made = known_pairs(store, 12)
    seat.open()
    sides = []
    for i in range(10):
        good_left = seat.answer("a").startswith("GOOD")
        sides.append(good_left)
        seat.press(("1" if good_left else "5") if i < 5 else ("2" if good_left else "4"))
    seat.wait_until_saved()
    rows = grade_rows(store)
    assert [row.pair_id for row in rows] == made.pair_ids[:10]
    assert len(set(sides)) == 2, "the sides must not all be the same"
    for i, row in enumerate(rows):
        good = dearer_is_good(made, row)
        assert row.preference == (-1 if good else 1)
        both = i >= 5
        assert (row.dearer_acceptable, row.cheaper_acceptable) == (good or both, not good or both)
        assert (row.left_side == "dearer") == (good == sides[i])
        assert row.active_ms is not None
        assert 0 <= row.active_ms < PATIENCE_S * 1000
    assert {row.reviewer for row in rows} == {"ann"}
    seen = seat.page.content() + seat.page.locator(".desk").inner_html()
    for name in (DEARER, CHEAPER, "dearer", "cheaper"):
        assert name not in seen
        assert name.encode() not in seat.received


def test_undo_skip_note_and_typing(store: Store, seat: Seat) -> None:
    """Undo brings back the same pair with the same sides; a skip carries its reason; keys are letters while one types."""
    made = known_pairs(store, 6)
    seat.open()
    first, left = seat.pair, seat.answer("a")
    seat.press("1")
    seat.press("z")
    assert (seat.pair, seat.answer("a")) == (first, left)
    seat.page.keyboard.press("n")
    seat.page.keyboard.type("1 of 5 is wrong, sez z")
    assert seat.pair == first
    seat.page.keyboard.press("Escape")
    seat.press("0")
    second = seat.pair
    seat.page.keyboard.press("s")
    seat.page.keyboard.type("0 context")
    assert seat.pair == second
    seat.press("Enter")
    seat.wait_until_saved()
    rows = grade_rows(store)
    assert [(r.kind, r.key, r.note) for r in rows] == [
        ("grade", Key.ONLY_A, ""), ("undo", None, ""), ("grade", Key.NEITHER, "1 of 5 is wrong, sez z"), ("skip", None, "0 context"),
    ]  # fmt: skip
    assert rows[1].supersedes == rows[0].id
    assert [r.pair_id for r in rows] == [made.pair_ids[0]] * 3 + [made.pair_ids[1]]
    seat.page.reload()
    seat.wait_for_pair()
    assert seat.pair == str(made.pair_ids[2])
    seat.press("u")
    assert seat.pair == str(made.pair_ids[1])
    seat.wait_until_saved()
    assert grade_rows(store)[-1].supersedes == rows[3].id


def test_grades_survive_a_crash_of_the_server_and_of_the_page(store: Store, seat: Seat, server: Server) -> None:
    """What was pressed while nothing answers is stored once: by itself when the server is back, and from a page that was closed."""
    made = known_pairs(store, 6)
    seat.open()
    server.kill()
    seat.press("3")
    seat.press("3")
    expect(seat.page.locator(".status")).to_contain_text("offline: 2 kept here")
    server.start()
    seat.wait_until_saved()
    assert [row.pair_id for row in grade_rows(store)] == made.pair_ids[:2]
    server.kill()
    seat.press("1")
    seat.press("5")
    with pytest.raises(PlaywrightError, match="ERR_CONNECTION_REFUSED"):
        seat.page.reload()
    assert [row.key for row in grade_rows(store)] == ["3", "3"]
    server.start()
    seat.open()
    seat.wait_until_saved()
    assert [(row.pair_id, row.key) for row in grade_rows(store)] == list(zip(made.pair_ids[:4], "3315", strict=True))


def test_a_burst_of_keys_stores_each_pair_once(store: Store, seat: Seat) -> None:
    """Keys faster than the network grade what is on the screen, never nothing and never twice; at the end the page says so."""
    made = known_pairs(store, 15)
    seat.open()
    for _ in range(200):
        seat.page.keyboard.press("3", delay=5)
        if seat.page.locator(".desk").get_attribute("data-state") == "empty":
            seat.wait_until_saved()
            if len(grade_rows(store)) == 15:
                break
            seat.wait_for_pair()
    assert [row.pair_id for row in grade_rows(store)] == made.pair_ids
    expect(seat.page.locator(".empty h2")).to_have_text("Nothing to grade")


def test_hostile_text_stays_text(store: Store, seat: Seat) -> None:
    """Prompt, answers, tool calls and task type full of markup: no request, no dialog, no element that is not ours."""
    answer = Output(text=HOSTILE, tool_calls=(ToolCall(name=HOSTILE, arguments=HOSTILE),))
    fenced, json_text = f"```html\n{HOSTILE}\n```", f'{{"a": "{HOSTILE[:24]}"}}'
    add_pairs(store, [(answer, HOSTILE + "!"), (fenced, json_text)] * 3, task_type=HOSTILE[:40], prompt=HOSTILE)
    seat.open()
    for _ in range(4):
        for key in ("d", "?", "d", "?"):
            seat.page.keyboard.press(key)
        elements = seat.page.locator(".desk").evaluate(
            "desk => [...desk.querySelectorAll('.task *, .text *, .guide *')].map(e => [e.tagName, ...e.getAttributeNames()].join(' '))"
        )
        allowed = {"DIV", "P", "PRE", "SPAN", "MARK", "DETAILS", "SUMMARY"}
        assert {name for element in elements for name in element.split(" ")[:1]} <= allowed
        assert {name for element in elements for name in element.split(" ")[1:]} <= {"class", "title"}
        assert "<script>alert(1)</script>" in seat.page.locator(".task").inner_text()
        seat.press("3")
    seat.wait_until_saved()
    assert len(grade_rows(store)) == 4


def test_mouse_and_phone_grade_as_well(store: Store, browser: Browser, server: Server) -> None:
    """Every verdict is a button in reach of a thumb; a double click grades one pair; nothing is wider than the screen."""
    made = known_pairs(store, 6)
    context = browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True)
    seat = Seat(context.new_page(), server.url)
    seat.open()
    for key in "123450":
        expect(seat.page.locator(f'[data-key="{key}"]')).to_be_in_viewport()
    assert seat.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    first = seat.pair
    seat.page.locator('[data-key="2"]').dblclick()
    expect(seat.page.locator(".desk")).not_to_have_attribute("data-pair", first)
    seat.page.locator('[data-key="0"]').tap()
    seat.wait_until_saved()
    assert [(r.pair_id, r.key) for r in grade_rows(store)] == [(made.pair_ids[0], "2"), (made.pair_ids[1], "0")]
    context.close()


def test_every_answer_carries_the_policy(server: Server) -> None:
    """No inline script of others, no foreign host, no frame; and the metrics are closed."""
    answer = server.get("/")
    policy = answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "script-src 'self' blob: 'sha256-" in policy
    assert "unsafe-eval" not in policy
    assert "frame-ancestors 'none'" in policy
    assert server.get("/_stcore/metrics").status == HTTPStatus.NOT_FOUND
