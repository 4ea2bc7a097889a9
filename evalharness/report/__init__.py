"""
What the evidence means in quality, latency and money, and what weakens it.

    routes.py     the rows: one per route, as values
    words.py      numbers and sentences, the same in every format
    terminal.py, markdown.py, html.py (with charts.py and style.py), data.py (JSON and CSV)     one format each
"""

from evalharness.report.routes import Report, RouteReport, TracePoint, report, routes

__all__ = ["Report", "RouteReport", "TracePoint", "report", "routes"]
