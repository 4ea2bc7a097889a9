"""
The routing table: which tier serves a task type, what it falls back to, and the evidence that allowed it.

A table carries its own ladder, so that what was approved is what is routed, whatever the configuration says later. It is written as
readable JSON with the SHA-256 of its content, and read back strictly: a file that is not whole, or is not what was approved, is an
error and never a guess. The hash detects damage and careless edits; it is no signature with a key.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec

from evalharness.errors import PromoteError
from evalharness.ladder import Ladder, Tier

SCHEMA = "evalharness.routing-table/1"
REMEDY = "Write it again from the database with `evalharness promote show`."

When = Annotated[datetime, msgspec.Meta(tz=True)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One promotion, one or more rungs down, with what it rests on."""

    serving: str
    candidate: str
    route_version_id: int
    decision_id: int
    places_digest: str
    """SHA-256 over the places and losses that the decision saw."""
    lower: float
    """Lower bound of the success rate."""
    p0: float
    """The share that had to hold; `lower` >= p0."""
    alpha: float
    """1 - the confidence of `lower`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Where a task type goes."""

    task_type: str
    tier: str
    baseline: str
    """The tier that served it before any promotion; where it goes when `valid_until` is over."""
    fallbacks: tuple[str, ...] = ()
    """Dearer tiers, nearest first, of vendors that may see this task type's content."""
    evidence: tuple[Step, ...] = ()
    """The promotions that lead from `baseline` to `tier`; none if it is served where it always was."""
    valid_until: When | None = None

    def back(self) -> Entry:
        """The same task type at its baseline."""
        if self.tier == self.baseline:
            return self
        above = self.fallbacks[self.fallbacks.index(self.baseline) + 1 :]
        return Entry(task_type=self.task_type, tier=self.baseline, baseline=self.baseline, fallbacks=above)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingTable:
    """An approved version."""

    version: int
    created_at: When
    by: str
    note: str
    tiers: tuple[Tier, ...]
    """The ladder as it was approved, dearest first, without prices and other names."""
    entries: tuple[Entry, ...]
    """By task type. A task type without an entry goes to `default`."""

    @property
    def ladder(self) -> Ladder:
        """The tiers as a ladder."""
        return Ladder(self.tiers)

    @property
    def default(self) -> Tier:
        """The dearest tier: it serves what nobody has looked at."""
        return self.tiers[0]

    def entry(self, task_type: str) -> Entry | None:
        """The entry of a task type, or None."""
        return next((entry for entry in self.entries if entry.task_type == task_type), None)

    def at(self, now: datetime) -> RoutingTable:
        """The table as it counts at a time: what has expired is at its baseline."""
        expired = {e.task_type for e in self.entries if e.valid_until is not None and e.valid_until <= now}
        return replace(self, entries=tuple(e.back() if e.task_type in expired else e for e in self.entries))

    @property
    def content(self) -> str:
        """Canonical JSON without the hash: what the hash is of, and what the database keeps."""
        return _canonical(_plain(self))

    @property
    def sha256(self) -> str:
        """SHA-256 of `content`, hex."""
        return _sha256(self.content)

    def render(self) -> str:
        """The text of the file."""
        plain = _plain(self)
        head = {"schema": plain.pop("schema"), "sha256": self.sha256}
        return json.dumps(head | plain, indent=2, allow_nan=False) + "\n"


def tier_of_config(tier: Tier) -> Tier:
    """
    A tier as a table keeps it: what routes a call, and nothing that changes without changing that.

    Raises:
        PromoteError: If its address holds a password, which every reader of the file would see.
    """
    if "@" in urlsplit(tier.base_url).netloc:
        raise PromoteError(f"tier {tier.name!r}: base_url holds a password. Keep keys in the environment variable of `key_env`.")
    return replace(tier, also=(), prices=None)


def read(path: Path) -> RoutingTable:
    """
    The table of a file.

    Raises:
        PromoteError: Naming file, fault and remedy, if it is missing or anything but a whole table.
    """
    try:
        text = path.read_bytes().decode("ascii")
    except FileNotFoundError:
        raise PromoteError(f"{path}: there is no such file. {REMEDY}") from None
    except UnicodeDecodeError:
        raise PromoteError(f"{path}: damaged, it holds bytes that no routing table has. {REMEDY}") from None
    except OSError as error:
        raise PromoteError(f"{path}: cannot be read ({error.strerror}).") from error
    return parse(text, name=str(path))


def parse(text: str, *, name: str = "routing table") -> RoutingTable:
    """As `read`, from the text of the file."""
    try:
        raw = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        what = str(error) if isinstance(error, _AmbiguousError) else "it is cut off or was edited"
        raise PromoteError(f"{name}: no readable JSON: {what}. {REMEDY}") from error
    if not isinstance(raw, dict):
        raise PromoteError(f"{name}: not a routing table of evalharness. {REMEDY}")
    _refuse_schema(raw, name)
    declared = raw.pop("sha256", None)
    if declared != _sha256(_canonical(raw)):
        raise PromoteError(f"{name}: its content does not match its sha256: it was edited or damaged. {REMEDY}")
    return from_content(raw, name=name)


def from_content(raw: Mapping[str, Any], *, name: str = "routing table") -> RoutingTable:
    """
    The table of a JSON object without its hash, as the database keeps it.

    Raises:
        PromoteError: If a key is missing, unknown or of the wrong type, or the parts contradict each other.
    """
    _refuse_schema(raw, name)
    known = {key: value for key, value in raw.items() if key != "schema"}
    try:
        table = msgspec.convert(known, RoutingTable, strict=True)
    except msgspec.ValidationError as error:
        raise PromoteError(f"{name}: not a valid table: {error}. {REMEDY}") from error
    if table.content != _canonical(dict(raw)):
        where = _foreign(raw, _plain(table)) or "a value in another form"
        raise PromoteError(f"{name}: {where} is nothing that this release writes. {REMEDY}")
    if fault := _contradiction(table):
        raise PromoteError(f"{name}: {fault}. {REMEDY}")
    return table


def _refuse_schema(raw: Mapping[str, Any], name: str) -> None:
    if "schema" not in raw:
        raise PromoteError(f"{name}: not a routing table of evalharness. {REMEDY}")
    if raw["schema"] != SCHEMA:
        raise PromoteError(f"{name}: schema is {raw['schema']!r}, and this release reads {SCHEMA!r}. Use the release that wrote it.")


class _AmbiguousError(ValueError):
    """JSON that two readers may understand differently."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _AmbiguousError("a key is there twice")
    return found


def _no_constant(constant: str) -> float:
    raise _AmbiguousError(f"{constant} is no number")


def _plain(table: RoutingTable) -> dict[str, Any]:
    """JSON values, in the order of the file."""
    plain: dict[str, Any] = {"schema": SCHEMA} | msgspec.to_builtins(table)
    for tier in plain["tiers"]:
        del tier["also"], tier["prices"]
    return plain


def _canonical(plain: Mapping[str, Any]) -> str:
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _sha256(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


def _foreign(raw: object, ours: object, path: str = "") -> str | None:
    """The first place where a value has a key that our rendering of it lacks."""
    if isinstance(raw, dict) and isinstance(ours, dict):
        for key in raw:
            if key not in ours:
                return f"key {(path + key)!r}"
        return next((found for key in raw if (found := _foreign(raw[key], ours[key], f"{path}{key}."))), None)
    if isinstance(raw, list) and isinstance(ours, (list, tuple)):
        pairs = zip(raw, ours, strict=False)
        return next((found for i, (a, b) in enumerate(pairs) if (found := _foreign(a, b, f"{path}{i}."))), None)
    return None


def _contradiction(table: RoutingTable) -> str | None:
    """What is wrong with a table whose every value has the right type, or None."""
    rank = {tier.name: i for i, tier in enumerate(table.tiers)}
    if not rank or len(rank) != len(table.tiers):
        return "its tiers are none, or one is named twice"
    names = [entry.task_type for entry in table.entries]
    if names != sorted(set(names)):
        return "a task type is there twice, or they are not in order"
    return next((f"entry {e.task_type!r}: {fault}" for e in table.entries if (fault := _fault(e, rank))), None)


def _fault(entry: Entry, rank: Mapping[str, int]) -> str | None:
    steps = entry.evidence
    named = {entry.tier, entry.baseline, *entry.fallbacks, *(tier for s in steps for tier in (s.serving, s.candidate))}
    if strange := sorted(named - rank.keys()):
        return f"{strange[0]!r} is none of its tiers"
    path = [entry.baseline, *(step.candidate for step in steps)]
    if path[-1] != entry.tier or path[:-1] != [step.serving for step in steps]:
        return f"no evidence leads from {entry.baseline!r} to {entry.tier!r}"
    if [rank[tier] for tier in path] != sorted({rank[tier] for tier in path}):
        return "its evidence does not lead downwards"
    if steps and entry.baseline not in entry.fallbacks:
        return "it does not fall back to its baseline"
    chain = [rank[tier] for tier in (entry.tier, *entry.fallbacks)]
    if chain != sorted(set(chain), reverse=True):
        return "a fallback is not dearer than what it stands in for"
    if entry.valid_until is not None and not steps:
        return "only a promotion expires"
    return None
