"""Alembic's entry: evalharness hands it a connection that is already guarded (see evalharness/store/migrate.py)."""

from typing import Any, Literal

from alembic import context

from evalharness.store.tables import Base
from evalharness.store.types import NanoUsd, Utc


def plain_types(kind: str, thing: Any, _context: object) -> str | Literal[False]:  # noqa: ANN401 - Alembic's signature
    """Write our column types as what the database stores, so that a revision never changes when the code does."""
    if kind == "type" and isinstance(thing, Utc):
        return "sa.DateTime()"
    return "sa.BigInteger()" if kind == "type" and isinstance(thing, NanoUsd) else False


connection = context.config.attributes.get("connection")
if connection is None:
    message = "Run `evalharness db upgrade`: migrations need the guard that it puts around them."
    raise SystemExit(message)

context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=True,
    transactional_ddl=True,
    compare_type=True,
    render_item=plain_types,
)
with context.begin_transaction():
    context.run_migrations()
