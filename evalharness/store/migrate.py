"""
The schema: upgrade to the newest revision, and tell which one a database has.

On SQLite Alembic's batch mode copies a table and drops the old one; with foreign keys on, that drop deletes the child rows without a
word. So foreign keys are off before BEGIN, the whole upgrade is one transaction, and afterwards every table must have its rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from evalharness import shipped
from evalharness.errors import StoreError
from evalharness.store.engine import Store

_MIGRATION_LOCK = 0x6D696772  # "migr"


def upgrade(store: Store, revision: str = "head") -> None:
    """
    Bring the schema to a revision, keeping every row.

    Raises:
        StoreError: If rows were lost or a foreign key points nowhere; nothing is changed then.
    """
    with guarded(store) as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


@contextmanager
def guarded(store: Store) -> Iterator[Connection]:
    """A connection on which tables may be altered: foreign keys off, one transaction, rows counted before and after."""
    engine = store._writer  # noqa: SLF001 - the store's own module
    with engine.connect() as connection:
        if store.is_sqlite:
            # A PRAGMA has no effect inside a transaction, and SQLAlchemy begins one: so on the driver's connection, before it.
            connection.connection.driver_connection.execute("PRAGMA foreign_keys=OFF")  # type: ignore[union-attr]
        with connection.begin():
            if not store.is_sqlite:  # two first runs at once
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
            before = _row_counts(connection)
            yield connection
            _assert_whole(store, connection, before)


def current(store: Store) -> str | None:
    """The revision that the database has; None if it has none."""
    with store.read() as session:  # a reader: no command waits for a writer only to learn this
        return MigrationContext.configure(session.connection()).get_current_revision()


def head() -> str:
    """The newest revision of this version of evalharness."""
    return str(ScriptDirectory.from_config(_config()).get_current_head())


def require_head(store: Store) -> None:
    """Raise StoreError unless the schema is the newest one."""
    if (found := current(store)) != head():
        what = "has no schema yet" if found is None else f"is at revision {found}, this version needs {head()}"
        raise StoreError(f"{store.shown_url} {what}. Run `evalharness db upgrade`.")


def _config() -> Config:
    root = shipped.root()
    config = Config(str(root / "alembic.ini"))
    config.set_main_option("script_location", str(root / "migrations"))
    return config


def _row_counts(connection: Connection) -> dict[str, int]:
    names = [n for n in inspect(connection).get_table_names() if n != "alembic_version"]
    quote = connection.dialect.identifier_preparer.quote
    return {n: int(connection.scalar(text(f"SELECT count(*) FROM {quote(n)}")) or 0) for n in names}  # noqa: S608 - our own table names


def _assert_whole(store: Store, connection: Connection, before: dict[str, int]) -> None:
    after = _row_counts(connection)
    lost = {name: (n, after[name]) for name, n in before.items() if name in after and after[name] != n}
    if lost:
        raise StoreError(f"{store.shown_url}: the upgrade would lose rows {lost!r}; nothing was changed. Please report this.")
    if store.is_sqlite and (broken := connection.execute(text("PRAGMA foreign_key_check")).fetchall()):
        raise StoreError(f"{store.shown_url}: the upgrade would break {len(broken)} references; nothing was changed.")
