"""
What the evidence means in quality, latency and money, and what weakens it.

    routes.py     the rows: one per route, as values
"""

from evalharness.report.routes import Report, RouteReport, TracePoint, report, routes

__all__ = ["Report", "RouteReport", "TracePoint", "report", "routes"]
