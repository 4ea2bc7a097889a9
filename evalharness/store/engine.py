"""
Opening the database: SQLite in WAL with one writer, or PostgreSQL by URL.

`store.begin()` is the one transaction that writes; on SQLite it is BEGIN IMMEDIATE, since a deferred transaction that reads before it
writes fails with "database is locked" whatever the busy timeout. `store.read()` never takes the write lock.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from filelock import FileLock, Timeout
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from evalharness.errors import StoreError

_WORKER_LOCK = 0x6576616C  # "eval": the PostgreSQL advisory lock of spending runs
_BUSY_TIMEOUT_MS = 30_000


class Store:
    """
    A database at a URL. Closing it releases its files and connections.

    Args:
        url: SQLAlchemy URL. A relative SQLite path is relative to the working directory.

    Raises:
        StoreError: If the URL is wrong, the driver is missing or the server does not answer.
    """

    def __init__(self, url: str) -> None:
        self.url = _parsed(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        if self.is_sqlite:
            _make_private(self.path)
        self._writer = _engine(self.url, "BEGIN IMMEDIATE")
        self._reader = _engine(self.url, "BEGIN") if self.is_sqlite else self._writer

    @property
    def path(self) -> Path:
        """The SQLite file."""
        return Path(self.url.database or "")

    @property
    def shown_url(self) -> str:
        """The URL without its password, and without its query, which may hold one."""
        return self.url.set(query={}).render_as_string(hide_password=True)

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """One transaction that writes: committed at the end of the block, rolled back if it raises."""
        with _readable_errors(self), Session(self._writer, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """One consistent view that is never written."""
        with _readable_errors(self), Session(self._reader) as session:
            yield session
            session.rollback()

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A bare connection in a transaction that writes, for migrations."""
        with _readable_errors(self), self._writer.begin() as connection:
            yield connection

    @contextmanager
    def exclusive(self) -> Iterator[bool]:
        """
        The right to spend: True for one process at a time, False at once for every other one.

        The lock belongs to the kernel (SQLite: a file lock beside the database) or to the server's connection (PostgreSQL), so a
        killed process has released it, and an attempt that is found open by the next holder is known to have no owner.
        """
        if self.is_sqlite:
            # The file itself, not the name it was opened under: two names of one database share one right to spend.
            path = Path(os.path.realpath(self.path))
            lock = FileLock(f"{path}.lock", mode=0o600)
            try:
                lock.acquire(blocking=False)
            except Timeout:
                yield False
                return
            except OSError as error:
                raise StoreError(f"{path}.lock cannot be locked ({error.strerror}): it belongs to somebody else.") from error
            try:
                yield True
            finally:
                lock.release()
            return
        with _readable_errors(self), self._writer.connect() as connection:
            held = bool(connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": _WORKER_LOCK}))
            connection.commit()
            try:
                yield held
            finally:
                if held:
                    connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _WORKER_LOCK})
                    connection.commit()

    def close(self) -> None:
        """Let go of all connections."""
        self._writer.dispose()
        self._reader.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
        parsed.get_dialect()
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise StoreError("[database] url is no database URL; write sqlite:///file.db or postgresql+psycopg://user@host/name.") from error
    if backend == "postgresql" and "+" not in parsed.drivername:
        parsed = parsed.set(drivername="postgresql+psycopg")
    if backend not in {"sqlite", "postgresql"}:
        raise StoreError(f"[database] url names {backend!r}; evalharness stores in sqlite or postgresql.")
    if backend == "sqlite" and not parsed.database:
        raise StoreError("[database] url names no file; an SQLite database in memory would lose every grade.")
    return parsed


def _make_private(path: Path) -> None:
    """Create the file as 0600 before SQLite would create it with the umask; WAL and SHM inherit its mode."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise StoreError(f"{path}: the database cannot be opened ({error.strerror}).") from error


def _engine(url: URL, begin: str) -> Engine:
    if url.get_backend_name() != "sqlite":
        try:
            return create_engine(url, hide_parameters=True, pool_pre_ping=True)
        except ImportError as error:
            raise StoreError("PostgreSQL needs its driver: pip install 'evalharness[postgres]'.") from error
    # One connection per transaction costs 0.2 ms and leaves no file handle behind for forks and threads to share.
    engine = create_engine(url, hide_parameters=True, poolclass=NullPool)

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: object) -> None:  # noqa: ANN401 - a DBAPI connection
        connection.isolation_level = None  # the driver must not begin transactions of its own
        for pragma in (
            f"busy_timeout={_BUSY_TIMEOUT_MS}", "journal_mode=WAL", "foreign_keys=ON", "synchronous=FULL",
            "secure_delete=ON", "temp_store=MEMORY",
        ):  # fmt: skip
            _patiently(connection, f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _patiently(connection: Any, statement: str) -> None:  # noqa: ANN401 - a DBAPI connection
    """Run a PRAGMA; switching a new file to WAL ignores the busy timeout, so that one is tried again for a while."""
    deadline = time.monotonic() + _BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            connection.execute(statement)
        except Exception as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


@contextmanager
def _readable_errors(store: Store) -> Iterator[None]:
    """Turn what the database says about its state into one line; bugs in our SQL pass as they are."""
    try:
        yield
    except DBAPIError as error:
        said = str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else type(error.orig).__name__
        if "no such table" in said or "no such column" in said or type(error.orig).__name__ in {"UndefinedTable", "UndefinedColumn"}:
            raise StoreError(f"{store.shown_url}: the schema is missing or behind. Run `evalharness db upgrade`.") from error
        if any(word in said for word in ("locked", "readonly", "disk", "not a database", "connection", "malformed")):
            raise StoreError(f"{store.shown_url}: {said}.") from error
        # PostgreSQL quotes the row that it refuses on the lines below: captured text, which belongs in no traceback.
        if error.orig is not None:
            error.orig.args = (said,)
        error.args = (f"({type(error.orig).__name__}) {said}",)
        raise
