"""`evalharness simulate`: a provider on loopback."""

from evalharness.simulate.__main__ import main as command

__all__ = ["command"]
