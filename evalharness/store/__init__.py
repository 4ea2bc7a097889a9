"""
The database: the only place that speaks SQL.

Functions take a `Session` first, return values of `evalharness.model` or of their own module, and never commit: `with store.begin() as
session:` at the edge is the one transaction. Writes that may repeat have a unique constraint and use ON CONFLICT.

    engine.py      Store: SQLite or PostgreSQL, transactions, the right to spend
    migrate.py     schema revisions, guarded
    tables.py      every table          types.py   column types that mean the same on both databases
    calls.py       ingest               places.py  routes, versions, windows, replays in order
    ledger.py      attempts and money   pairs.py   pairs, checks, settling
    review.py      places, leases, grades          decisions.py  evidence rows, decisions, routing tables, events
"""

from evalharness.store.engine import Store

__all__ = ["Store"]
