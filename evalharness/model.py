"""
The frozen values that travel between the stages; DESIGN's words, one class each.

A production `Call` holds its `Request` as its wire body and its answer as a normalised `Output`; a replay answers the same request on
another tier; the two outputs make a `Pair`; pairs carry a `Grade`; graded pairs make the evidence of a route.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, fields
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal, NewType

CallId = NewType("CallId", str)
"""The source's own id of a production request; the random draw hashes it, so it must be the same on every road."""


class Wire(StrEnum):
    """The protocol of a request body and its response body."""

    ANTHROPIC_MESSAGES = "anthropic.messages"
    OPENAI_CHAT = "openai.chat"
    OPENAI_RESPONSES = "openai.responses"


class Stop(StrEnum):
    """Why an output ended, over all vendors."""

    END = "end"
    LENGTH = "length"
    """Cut by max tokens or the context window: a failed candidate."""
    TOOL = "tool"
    SEQUENCE = "sequence"
    REFUSAL = "refusal"
    """The model or its safety filter declined."""
    PAUSE = "pause"
    OTHER = "other"


class Arm(StrEnum):
    """Why a call is replayed."""

    SHADOW = "shadow"
    """The next-cheaper tier, before a promotion."""
    NOISE = "noise"
    """The same tier again: the A/A floor."""
    REVERSE = "reverse"
    """The dearer tier again, after a promotion."""


class RouteState(StrEnum):
    """Where a route stands."""

    COLLECTING = "collecting"
    PROMOTABLE = "promotable"
    PROMOTED = "promoted"
    HELD = "held"
    DEMOTED = "demoted"
    STALE = "stale"


class Verdict(StrEnum):
    """What the evidence of a route says now."""

    PROMOTE = "promote"
    HOLD = "hold"
    COLLECTING = "collecting"
    PAUSED = "paused"
    """The cap was reached without a decision: not enough evidence, not a verdict."""


class Metric(StrEnum):
    """What a loss is; DESIGN's reference on statistics, section 5.0."""

    REGRESSION = "regression"
    """1 iff the cheaper output is unacceptable where the dearer one was acceptable."""
    NET_REGRESSION = "net_regression"
    ACCEPTABLE = "acceptable"
    PREFERENCE = "preference"


Accuracy = Literal["best_effort", "standard", "high"]
"""How much quality a task type needs; the margin of its gate follows from it."""

PRESETS: dict[Accuracy, tuple[float, float]] = {
    "best_effort": (0.90, 0.95),
    "standard": (0.95, 0.98),
    "high": (0.98, 0.995),
}
"""(p0, p1): promote if the success rate is above p0; planned for a candidate whose rate is p1."""


class Side(StrEnum):
    """Which output of a pair."""

    DEARER = "dearer"
    CHEAPER = "cheaper"


class Key(StrEnum):
    """The reviewer's six keys: which output is acceptable, and which is better. A is the left one."""

    ONLY_A = "1"
    BOTH_A_BETTER = "2"
    BOTH_EQUAL = "3"
    BOTH_B_BETTER = "4"
    ONLY_B = "5"
    NEITHER = "0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one call in disjoint classes; the vendors' overlapping conventions are resolved by the readers."""

    uncached_input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    """Part of `output_tokens`, not beside it."""

    @property
    def input_tokens(self) -> int:
        """All input, cached or not."""
        return self.uncached_input_tokens + self.cache_read_tokens + self.cache_write_5m_tokens + self.cache_write_1h_tokens

    def __add__(self, other: Usage) -> Usage:
        return Usage(**{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(Usage)})


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A call that the model asks for. It is compared and graded, never run."""

    name: str
    arguments: str
    """JSON text as the model wrote it, "{}" if it wrote none."""
    id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What a model answered, without anything that tells which model it was."""

    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    stop: Stop = Stop.END

    def to_json(self) -> str:
        """Canonical ASCII JSON; lone surrogates and NUL survive as escapes. Tool call ids are left out: they are random."""
        return json.dumps(
            {
                "text": self.text,
                "tool_calls": [{"name": t.name, "arguments": t.arguments} for t in self.tool_calls],
                "stop": self.stop.value,
            },
            sort_keys=True,
            separators=(",", ":"),
        )

    @classmethod
    def from_json(cls, text: str) -> Output:
        """The inverse of `to_json`; tool call ids come back empty."""
        raw = json.loads(text)
        tools = tuple(ToolCall(name=t["name"], arguments=t["arguments"]) for t in raw["tool_calls"])
        return cls(text=raw["text"], tool_calls=tools, stop=Stop(raw["stop"]))

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON, hex: what a grade carries as the hash of what was shown."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request as it went over the wire: the JSON body, and the protocol that it belongs to."""

    wire: Wire
    body: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One production request with its response, usage, latency and cost, as captured or as its log has it."""

    id: CallId
    at: datetime
    """Aware UTC; when the request was sent."""
    provider: str
    """Vendor that served it, lower case: "anthropic", "openai", ..."""
    model: str
    """The model that served it (the response's word where there is one), without a "provider/" prefix."""
    source: str
    """Name of the reader."""
    task_type: str | None = None
    request: Request | None = None
    output: Output | None = None
    """None if the call failed or its log has no answer."""
    usage: Usage | None = None
    latency_ms: float | None = None
    usd: Decimal | None = None
    """Cost as the source logged it; None lets pricing compute it."""
    error: str | None = None
    """Short code of a failed production call ("http_529", "timeout"); never the message, which may hold content."""
    response_id: str | None = None
    """The provider's id of the answer; how our own replays are recognised in a proxy's log."""
    unreplayable: str | None = None
    """Reason code if the log is not enough to send the request again; None if it is."""
    tags: tuple[str, ...] = ()
    team: str | None = None
    subject: str | None = None
    conversation: str | None = None
    prompt_version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference between the captured request and the one that is replayed."""

    path: str
    """Where, as a JSON path: "temperature", "messages[0].content"."""
    action: str
    """"drop", "set", "map"."""
    reason: str
    """Code, e.g. "sampling_changed"."""
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a request is not replayed. It is counted and shown, never silently dropped."""

    reason: str
    """Code, e.g. "server_tool"."""
    detail: str = ""
    """Names of fields, never content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapted:
    """A request that another model accepts, and every change that it took."""

    request: Request
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A validated answer of a provider to a replay."""

    output: Output
    usage: Usage
    model: str
    """The model that the provider says it served."""
    response_id: str | None
    latency_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A paid or unpaid try that brought no valid answer."""

    code: str
    """"http_429", "http_529", "timeout", "connection", "invalid_body", ... ; never content."""
    retry: bool
    """The same request may be answered if sent again: received 429, 529, 5xx."""
    unknown: bool
    """The provider may have done, and billed, the work: timeout, cut connection, unreadable 200."""
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A call's output and a replay's output on another tier; losses are computed from these two only."""

    id: int
    route_version_id: int
    call_id: CallId
    task_type: str
    candidate: str
    """Tier of the replay."""
    request: Request
    dearer_output: Output
    cheaper_output: Output
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """A human's verdict on a pair, in terms of the two outputs, whichever side they were shown on."""

    dearer_acceptable: bool
    cheaper_acceptable: bool
    preference: int
    """+1 the cheaper output is better, 0 equal, -1 the dearer one is better."""

    @classmethod
    def from_key(cls, key: Key, *, left: Side) -> Grade:
        """What a key press says, given which output was on the left (A)."""
        a_ok = key in {Key.ONLY_A, Key.BOTH_A_BETTER, Key.BOTH_EQUAL, Key.BOTH_B_BETTER}
        b_ok = key in {Key.ONLY_B, Key.BOTH_A_BETTER, Key.BOTH_EQUAL, Key.BOTH_B_BETTER}
        b_better = {Key.ONLY_A: -1, Key.BOTH_A_BETTER: -1, Key.BOTH_B_BETTER: 1, Key.ONLY_B: 1}.get(key, 0)
        if left is Side.DEARER:
            return cls(dearer_acceptable=a_ok, cheaper_acceptable=b_ok, preference=b_better)
        return cls(dearer_acceptable=b_ok, cheaper_acceptable=a_ok, preference=-b_better)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """A deterministic comparison of a pair, or a property of one of its outputs."""

    name: str
    passed: bool
    detail: str = ""
    """Reason code or field names, never content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A pair whose loss is known without a human, by a declared rule."""

    rule: str
    """"equal:bytes", "equal:json", "failed:refusal", ..."""
    equal: bool
    """True: the outputs are equal under the task type's rule (loss 0). False: the candidate is broken (loss 1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of the append-only event log."""

    kind: str
    about: str
    by: str
    data: dict[str, Any] = field(default_factory=dict)
