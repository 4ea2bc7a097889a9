from sqlalchemy import MetaData, text
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from evalharness.store import Store, migrate
from evalharness.store.tables import Base


def test_tables_and_migrations_agree(store: Store) -> None:
    """A migrated database has exactly the tables that the code declares."""
    with store.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
