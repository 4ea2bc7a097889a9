"""
promote: what people approve becomes a routing table, versioned in the database and written as one file that routers read.

    table.py       the values, the file that holds them, and its strict reading: `RoutingTable`, `parse`
    differences.py what changes from one table to the next, in words: `differences`
    propose.py     what the evidence allows now: `propose(store, config, now)`
    approve.py     writing the next version: `approve`, `demote`, `rollback`, and `sync` that mends the file
    write.py       a file that is never seen half written
    exporters/     the table as a real router loads it: `EXPORTERS["litellm"](table, now)`

Going cheaper needs a promotable route and somebody who signs. Going dearer needs neither and comes along with whatever is written next.
"""

from evalharness.promote.approve import Signed, approve, demote, rollback, sync
from evalharness.promote.differences import Difference, Direction, differences, told
from evalharness.promote.exporters import EXPORTERS
from evalharness.promote.propose import Proposal, Waiting, current, propose
from evalharness.promote.table import Entry, RoutingTable, Step, parse, read

__all__ = [
    "EXPORTERS",
    "Difference",
    "Direction",
    "Entry",
    "Proposal",
    "RoutingTable",
    "Signed",
    "Step",
    "Waiting",
    "approve",
    "current",
    "demote",
    "differences",
    "parse",
    "propose",
    "read",
    "rollback",
    "sync",
    "told",
]
