"""
The database: the only place that speaks SQL.

Functions take a `Session` first, return values of `evalharness.model` or of their own module, and never commit: `with store.begin() as
session:` at the edge is the one transaction. Writes that may repeat have a unique constraint and use ON CONFLICT.

    engine.py      Store: SQLite or PostgreSQL, transactions, the right to spend
    migrate.py     schema revisions, guarded
    tables.py      every table          types.py   column types that mean the same on both databases
    calls.py       ingest               places.py  routes, versions, windows, replays in order
    ledger.py      attempts and money   pairs.py   pairs, checks, settling
    review.py      leases, grades       costs.py   calls and replays side by side
    decisions.py   decisions, routing tables, events          retention.py   erasing captured text
"""

from sqlalchemy.orm import Session

from evalharness.store.engine import Store

__all__ = ["Session", "Store"]
