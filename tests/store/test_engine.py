"""Opening a database: who may write, who may spend, who may read the file, and what a user is told."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError

from evalharness.errors import StoreError
from evalharness.store import Store
from evalharness.store.tables import EventRow

NOW = datetime(2026, 11, 22, tzinfo=UTC)
HOLD = """
import sys
from evalharness.store import Store
with Store(sys.argv[1]) as store, store.exclusive() as mine:
    print(mine, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def file(sqlite_template: Path, tmp_path: Path) -> Path:
    """A new, migrated, empty SQLite file."""
    return Path(shutil.copy(sqlite_template, tmp_path / "one.db"))


def test_writers_at_once_lose_nothing(file: Path) -> None:
    """Eight threads that read before they write neither overwrite each other nor fail as locked: a write begins with the lock."""

    def count_up(_thread: int) -> None:
        with Store(f"sqlite:///{file}") as store:
            for _ in range(25):
                with store.begin() as session:
                    seen = session.scalar(select(func.count()).select_from(EventRow)) or 0
                    session.add(EventRow(at=NOW, kind="count", about=str(seen + 1), by="test"))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count_up, range(8)))
    with Store(f"sqlite:///{file}") as store, store.read() as session:
        assert sorted(map(int, session.scalars(select(EventRow.about)))) == list(range(1, 201))


def test_a_reader_never_waits_for_the_writer(file: Path) -> None:
    """While a transaction writes, others read what was committed before it."""
    with Store(f"sqlite:///{file}") as store, store.begin() as writing:
        writing.add(EventRow(at=NOW, kind="k", about="a", by="test"))
        writing.flush()
        with store.read() as reading:
            assert reading.scalar(select(func.count()).select_from(EventRow)) == 0


def test_a_transaction_that_raises_leaves_nothing(store: Store) -> None:
    """What was written before an error in its block is not there afterwards."""

    def fail() -> None:
        with store.begin() as session:
            session.add(EventRow(at=NOW, kind="k", about="a", by="test"))
            session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with store.read() as session:
        assert session.scalar(select(func.count()).select_from(EventRow)) == 0


def test_nobody_else_can_read_the_files(tmp_path: Path) -> None:
    """The database, its WAL, its shared memory and its lock are 0600 whatever the umask; captured text is in all of them."""
    before = os.umask(0)
    try:
        with Store(f"sqlite:///{tmp_path}/new.db") as store, store.exclusive() as mine, store.begin() as session:
            session.execute(text("CREATE TABLE t (x)"))
            session.execute(text("INSERT INTO t VALUES (1)"))
            assert mine
            modes = {path.name: oct(path.stat().st_mode & 0o777) for path in tmp_path.iterdir()}
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(["new.db", "new.db-wal", "new.db-shm", "new.db.lock"], "0o600")


def test_one_may_spend_at_a_time(url: str) -> None:
    """The right to spend has one holder, in this process and others; the next gets it when the holder lets go."""
    with Store(url) as one, Store(url) as two:
        with one.exclusive() as first, two.exclusive() as second:
            assert (first, second) == (True, False)
        with two.exclusive() as again:
            assert again


def test_kill_9_gives_the_right_to_spend_back(url: str) -> None:
    """A killed holder holds nothing: the kernel or the server has released it, no time has to pass and nobody has to clean up."""
    with subprocess.Popen([sys.executable, "-c", HOLD, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "True\n"
        with Store(url) as store:
            with store.exclusive() as mine:
                assert not mine
            holder.kill()
            holder.wait()
            deadline = time.monotonic() + 30  # a server notices a closed connection when it next looks
            while True:
                with store.exclusive() as mine:
                    if mine:
                        break
                assert time.monotonic() < deadline


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense", "no database URL"),
        ("mysql://u:SECRET@host/x", "names 'mysql'"),
        ("postgresql+nodriver://u:SECRET@host/x", "no database URL"),
        ("sqlite://", "names no file"),
        ("sqlite:////proc/no/such/folder.db", "cannot be opened"),
        ("postgresql://u:SECRET@127.0.0.1:1/x", "connection"),
        ("sqlite:///{folder}/garbage.db", "not a database"),
        ("sqlite:///{folder}/empty.db", "Run `evalharness db upgrade`"),
    ],
)
def test_what_is_wrong_with_a_database_is_one_line_without_its_password(url: str, said: str, tmp_path: Path) -> None:
    """A user reads one line that says what to mend, and no secret."""
    (tmp_path / "garbage.db").write_bytes(b"this is not a database" * 100)
    with pytest.raises(StoreError) as caught, Store(url.format(folder=tmp_path)) as store, store.begin() as session:
        session.scalars(select(EventRow)).all()
    message = str(caught.value)
    assert said in message
    assert "\n" not in message
    assert "SECRET" not in message


def test_values_are_never_in_an_error(store: Store) -> None:
    """A statement that the database refuses is named without what it was to store, on every exception of the chain."""
    with pytest.raises(IntegrityError) as caught, store.begin() as session:
        session.execute(text("INSERT INTO event (kind, about) VALUES ('k', :told)"), {"told": "captured text"})
    error: BaseException | None = caught.value
    assert "NOT NULL" in str(error).upper() or "NOT-NULL" in str(error).upper()
    while error is not None:
        assert "captured text" not in f"{error} {error.args!r}"
        error = error.__cause__ or error.__context__


def test_two_names_of_one_file_share_one_right_to_spend(tmp_path: Path) -> None:
    """Promise 2: a database that is opened through a link is the same database to the lock."""
    real, link = tmp_path / "real.db", tmp_path / "elsewhere" / "link.db"
    link.parent.mkdir()
    with Store(f"sqlite:///{real}") as one:
        link.symlink_to(real)
        with Store(f"sqlite:///{link}") as other, one.exclusive() as mine, other.exclusive() as theirs:
            assert (mine, theirs) == (True, False)


def test_a_password_in_the_query_is_not_shown() -> None:
    """Promise 9: the URL in messages has neither password nor query."""
    with Store("postgresql+psycopg://ann@localhost/db?password=hunter2&sslmode=disable") as store:
        assert "hunter2" not in store.shown_url
