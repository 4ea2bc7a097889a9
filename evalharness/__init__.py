"""
evalharness: proof on your own traffic that a cheaper LLM tier is good enough.

The map of the house, in the way of the data; each stage is a folder, a CLI verb and a heading of the docs, and knows no other stage:

    ingest     production logs into the store, with totals per day           readers/  one file per log format
    sample     which calls are replayed: one draw, windows, places           draw.py   the portable random draw
    replay     the same request on the next-cheaper tier                     providers/, pricing/
    compare    checks, and pairs that settle without a human
    review     places, leases, blinding, grades (the app is review_app/)
    decide     e-processes, interval, verdict: pure arithmetic
    report     what it means in quality, latency and money                   savings.py
    promote    routing table versions and the files real routers load
    simulate   a provider on loopback and demo traffic

    pipeline   the order of the stages; nothing else knows it
    store/     tables, sessions, queries: the only SQL
    model.py ladder.py config.py errors.py shipped.py                        the words that travel
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evalharness.config import Config
    from evalharness.errors import EvalHarnessError
    from evalharness.ladder import Ladder, Tier
    from evalharness.model import Call, Grade, Output, Request, Usage

__version__ = "0.1.0"
__all__ = ["Call", "Config", "EvalHarnessError", "Grade", "Ladder", "Output", "Request", "Tier", "Usage"]

_HOMES = {
    "Config": "config",
    "EvalHarnessError": "errors",
    "Ladder": "ladder",
    "Tier": "ladder",
    "Call": "model",
    "Grade": "model",
    "Output": "model",
    "Request": "model",
    "Usage": "model",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - PEP 562
    if home := _HOMES.get(name):
        return getattr(import_module(f"evalharness.{home}"), name)
    raise AttributeError(f"module 'evalharness' has no attribute {name!r}")
