"""Migrations: they make exactly the tables that the code declares, and lose no row."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, String, text

from evalharness.errors import StoreError
from evalharness.store import Store, migrate
from evalharness.store.tables import Base
from tests.review.pairs import add_pairs


def alter_pair(connection: Connection) -> None:
    """What a migration does to a table of many children: on SQLite, copy it and drop the old one."""
    with Operations(MigrationContext.configure(connection)).batch_alter_table("pair") as batch:
        batch.alter_column("dearer_digest", type_=String(65), existing_type=String(64), existing_nullable=False)


def rows(store: Store) -> dict[str, int]:
    """How many rows the parent and its children have."""
    with store.read() as session:
        tables = ["pair", "review_place", "check_result"]
        return {name: session.scalar(text(f"SELECT count(*) FROM {name}")) or 0 for name in tables}  # noqa: S608 - the names above


def fill(store: Store) -> dict[str, int]:
    """Three pairs with their children."""
    made = add_pairs(store, [("a", "b"), ("c", "d"), ("e", "f")])
    with store.begin() as session:
        for pair_id in made.pair_ids:
            session.execute(text("INSERT INTO check_result (pair_id, name, passed, detail) VALUES (:id, 'x', TRUE, '')"), {"id": pair_id})
    return rows(store)


def test_tables_and_migrations_agree(store: Store) -> None:
    """A migrated database has exactly the tables that the code declares."""
    with store.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_with_foreign_keys_on_altering_a_table_empties_its_children(sqlite_template: Path, tmp_path: Path) -> None:
    """The loss that the guard prevents: SQLite deletes the child rows with the table that was copied, and says nothing."""
    shutil.copy(sqlite_template, tmp_path / "loss.db")
    with Store(f"sqlite:///{tmp_path}/loss.db") as store:
        assert fill(store) == {"pair": 3, "review_place": 3, "check_result": 3}
        with store.connect() as connection:
            alter_pair(connection)
        assert rows(store) == {"pair": 3, "review_place": 0, "check_result": 0}


def test_a_guarded_change_keeps_every_row(store: Store) -> None:
    """The same change through the guard loses nothing, and foreign keys are on again afterwards."""
    before = fill(store)
    with migrate.guarded(store) as connection:
        alter_pair(connection)
    assert rows(store) == before
    with pytest.raises(Exception, match=r"(?i)foreign key"), store.begin() as session:
        session.execute(text("INSERT INTO check_result (pair_id, name, passed, detail) VALUES (999, 'x', TRUE, '')"))


def test_a_change_that_loses_rows_is_refused_whole(store: Store) -> None:
    """If a table has fewer rows than before, the upgrade says which, and nothing of it stays."""
    before = fill(store)

    def lose() -> None:
        with migrate.guarded(store) as connection:
            connection.execute(text("ALTER TABLE event ADD COLUMN more TEXT"))
            connection.execute(text("DELETE FROM check_result"))

    with pytest.raises(StoreError, match=r"would lose rows \{'check_result': \(3, 0\)\}; nothing was changed"):
        lose()
    assert rows(store) == before
    with pytest.raises(StoreError, match="missing or behind"), store.read() as session:
        session.execute(text("SELECT more FROM event"))
