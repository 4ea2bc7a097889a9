"""What can go wrong for a user has one root, and says what to do next."""

from __future__ import annotations

import inspect

import pytest

from evalharness import errors
from evalharness.errors import EvalHarnessError

CLASSES = [c for _, c in inspect.getmembers(errors, inspect.isclass)]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda c: str(c.__name__))
def test_default_message(kind: type[EvalHarnessError]) -> None:
    """An error without a message says its class's sentence, on one line."""
    message = str(kind())
    assert message == " ".join((kind.__doc__ or "").split())
    assert message.endswith(".")


@pytest.mark.parametrize("kind", [c for c in CLASSES if c is not EvalHarnessError], ids=lambda c: str(c.__name__))
def test_tree(kind: type[EvalHarnessError]) -> None:
    """Every error hangs on the one root, is drawn in the module's docstring, and its sentence names a remedy after a semicolon."""
    assert issubclass(kind, EvalHarnessError)
    assert kind.__name__ in (errors.__doc__ or "")
    assert "; " in (kind.__doc__ or "")


def test_own_message() -> None:
    """A given message stands alone."""
    assert str(errors.ConfigError("evalharness.toml: no.")) == "evalharness.toml: no."
