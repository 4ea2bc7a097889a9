"""The routing table as routers load it, one module per router: `export(table, now)` gives the text of a file."""

from collections.abc import Callable
from datetime import datetime

from evalharness.promote.exporters import litellm, neutral
from evalharness.promote.table import RoutingTable

EXPORTERS: dict[str, Callable[[RoutingTable, datetime], str]] = {"json": neutral.export, "litellm": litellm.export}
"""By the name that `promote export --for` takes."""

__all__ = ["EXPORTERS"]
