"""What goes wrong at a provider, and when."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from enum import StrEnum
from typing import Literal

from evalharness.draw import uniform
from evalharness.model import Wire


class FaultKind(StrEnum):
    """The way in which an answer goes wrong. All but `STATUS` are billed: the work was done."""

    STATUS = "status"
    """An error status with the vendor's error body; nothing is billed."""
    HANG = "hang"
    """No byte comes, until the client leaves."""
    DROP = "drop"
    """The connection closes before the first byte."""
    CUT = "cut"
    """The connection closes in the middle of the body or stream."""
    ERROR_EVENT = "error_event"
    """An error event in the middle of the stream; status 500 where nothing streams."""
    HTML = "html"
    """200 with a gateway's HTML page."""
    EMPTY = "empty"
    """200 without a body."""
    WRONG_SHAPE = "wrong_shape"
    """200 with JSON that is no answer."""
    NO_USAGE = "no_usage"
    """An answer that does not say what it cost."""
    REFUSAL = "refusal"
    """The model declines."""
    TRUNCATED = "truncated"
    """The answer stops half-way, as if max tokens were reached."""
    WRONG_MODEL = "wrong_model"
    """The answer names another model than the one asked."""


RetryForm = Literal["seconds", "ms", "date", "junk"]
"""How Retry-After is written: seconds, `retry-after-ms`, an HTTP date, or something that nobody can read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong."""

    kind: FaultKind
    status: int = 500
    """Of `STATUS`."""
    retry_after_s: float | None = None
    """Of `STATUS`; None sends no header."""
    retry_form: RetryForm = "seconds"

    def headers(self) -> dict[str, str]:
        """The Retry-After header in its form; empty if there is none."""
        if self.retry_after_s is None:
            return {}
        if self.retry_form == "ms":
            return {"retry-after-ms": f"{self.retry_after_s * 1000:.0f}"}
        if self.retry_form == "date":
            return {"retry-after": format_datetime(datetime.now(UTC) + timedelta(seconds=self.retry_after_s), usegmt=True)}
        return {"retry-after": "soon" if self.retry_form == "junk" else f"{self.retry_after_s:g}"}


def status(code: int, *, retry_after_s: float | None = None, retry_form: RetryForm = "seconds") -> Fault:
    """A fault that answers with an error status."""
    return Fault(kind=FaultKind.STATUS, status=code, retry_after_s=retry_after_s, retry_form=retry_form)


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A request as a fault plan sees it."""

    n: int
    """Number of the request at this provider, from 1."""
    model: str
    wire: Wire
    stream: bool
    sha256: str
    """Of the body as canonical JSON."""
    attempt: int
    """How often this very body has come, from 1."""


Plan = Callable[[Received], Fault | None]
"""Which fault a request meets."""

Faults = Plan | Mapping[int, Fault] | Sequence[Fault | None] | None
"""A plan; or faults by number of the request; or a list for the first requests, from number 1."""


def plan(faults: Faults) -> Plan:
    """The plan that any of the short forms means."""
    if callable(faults):
        return faults
    if faults is None:
        return lambda _: None
    numbered = faults if isinstance(faults, Mapping) else {n: f for n, f in enumerate(faults, start=1) if f is not None}
    return lambda received: numbered.get(received.n)


def for_model(model: str, faults: Faults) -> Plan:
    """The plan, for one model only."""
    inner = plan(faults)
    return lambda received: inner(received) if received.model == model else None


def always(fault: Fault) -> Plan:
    """The same fault for every request."""
    return lambda _: fault


def by_chance(share: float, fault: Fault, *, seed: str = "faults") -> Plan:
    """
    The fault for a share of the requests.

    It depends on the request and on how often it came, not on the order of arrival: two runs meet the same faults.
    """
    return lambda received: fault if uniform(seed, f"{received.sha256}:{received.attempt}") < share else None


def first_of(*plans: Faults) -> Plan:
    """The first fault that any of the plans has for a request."""
    inner = [plan(each) for each in plans]
    return lambda received: next((fault for each in inner if (fault := each(received)) is not None), None)
