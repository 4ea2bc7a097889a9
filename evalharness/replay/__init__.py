"""
The same request on another tier: adaptation, limits, budget, and a ledger that balances after any crash.

    adapt.py      what another model accepts, or why not; with one module per protocol
    job.py        a queued replay as it would be sent, with its worst price
    runner.py     sending: lanes, claims, retries, budget
"""

VERSION = 1
"""Of the rules of adaptation; a change of what is sent for the same request must raise it."""
