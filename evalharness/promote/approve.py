"""Writing the next version of the routing table: into the database first, then to the file that routers read."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from evalharness.config import Config
from evalharness.errors import PromoteError
from evalharness.model import Event, RouteState
from evalharness.promote.differences import Direction, differences, direction
from evalharness.promote.propose import Ground, Standing, of_stored, read_current, read_ground, read_routes
from evalharness.promote.table import SCHEMA, Entry, RoutingTable, parse
from evalharness.promote.write import exclusive, write
from evalharness.store import Session, Store, decisions, places

_LONGEST_NAME = 255
_LONGEST_DAYS = 3650


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """Who writes a version, why and when."""

    by: str
    note: str = ""
    now: datetime

    def __post_init__(self) -> None:
        if not 0 < len(self.by.strip()) <= _LONGEST_NAME:
            raise PromoteError("A routing table needs the name of the person who signs it: --by NAME.")


def approve(
    store: Store,
    config: Config,
    task_types: Collection[str] | None,
    signed: Signed,
    path: Path,
    *,
    based_on: int | None = None,
    expires_days: int | None = None,
) -> int:
    """
    Promote task types to their candidate tiers; returns the version of the table that says so.

    Every route is checked against its last decision in the transaction that writes. Task types that are new, and those whose evidence
    does not carry them any more, come along: they stay where they are served, or go back to a dearer tier.

    Args:
        task_types: The ones to promote, or to prolong with `expires_days`; None promotes all that are promotable and were not taken back.
        path: The file that routers read.
        based_on: The version that the approver looked at (`Proposal.based_on`); None takes whichever is current.
        expires_days: After so many days the promoted task types count as at their baseline again.

    Raises:
        PromoteError: If a named task type may not be promoted, nothing would change, or the table is not at `based_on` any more; or
            if the approved version is stored and its file cannot be written.
    """
    if expires_days is not None and not 1 <= expires_days <= _LONGEST_DAYS:
        raise PromoteError(f"An approval cannot expire after {expires_days} days; give 1 to {_LONGEST_DAYS}.")
    valid_until = None if expires_days is None else signed.now + timedelta(days=expires_days)
    with store.begin() as session:
        ground = read_ground(session, config, signed.now)
        entries = {name: ground.kept(name) for name in ground.task_types}
        if task_types is not None and (unknown := sorted(set(task_types) - entries.keys())):
            raise PromoteError(f"{unknown[0]!r} is no task type that a tier of the ladder serves. {_named(entries)}")
        for name in entries if task_types is None else sorted(set(task_types)):
            route = ground.promotable(name, demoted=task_types is not None)
            if route is not None:
                entries[name] = ground.promoted(entries[name], route, valid_until)
            elif task_types is not None:
                entries[name] = _prolonged(ground, entries[name], valid_until)
        table = ground.table(entries, by=signed.by, note=signed.note, now=signed.now)
        _store(session, ground.current, table, based_on=ground.based_on if based_on is None else based_on, verb="approve")
    return _written(store, path, table.version)


def demote(store: Store, task_types: Collection[str], signed: Signed, path: Path) -> int:
    """
    Send promoted task types back to their baseline; returns the version.

    It changes nothing else and asks neither evidence nor configuration: going dearer never waits.

    Raises:
        PromoteError: If a task type is not promoted; or if the version is stored and its file cannot be written.
    """
    with store.begin() as session:
        current = read_current(session)
        if current is None:
            raise PromoteError("There is no routing table yet, so nothing is promoted.")
        promoted = {entry.task_type for entry in current.entries if entry.evidence}
        if strange := sorted(set(task_types) - promoted):
            raise PromoteError(f"{strange[0]!r} is not promoted. {_named(promoted)}")
        entries = tuple(e.back() if e.task_type in task_types else e for e in current.entries)
        table = _signed(replace(current, version=current.version + 1, entries=entries), signed)
        _store(session, current, table, based_on=current.version, verb="demote")
    return _written(store, path, table.version)


def rollback(store: Store, to_version: int, signed: Signed, path: Path) -> int:
    """
    Write an older table as the next version; returns its number.

    What was cheaper then than now needs evidence that still stands; task types that the older table lacks go to their baseline.

    Raises:
        PromoteError: If there is no such version, it says what the current one says, or a task type would go cheaper without evidence; or
            if the version is stored and its file cannot be written.
    """
    with store.begin() as session:
        current, stored = read_current(session), decisions.table(session, to_version)
        if current is None or stored is None:
            raise PromoteError(f"There is no routing table {to_version}; the newest is {current.version if current else 0}.")
        base, older = current.at(signed.now), of_stored(stored).at(signed.now)
        later = [e.back() for e in base.entries if older.entry(e.task_type) is None and _fits(e.back(), older)]
        entries = tuple(sorted([*older.entries, *later], key=lambda entry: entry.task_type))
        table = _signed(replace(older, version=current.version + 1, entries=entries), signed)
        _refuse_fallen(base, table, {route.version.id: route for route in read_routes(session)})
        _store(session, current, table, based_on=current.version, verb="rollback")
    return _written(store, path, table.version)


def sync(store: Store, path: Path) -> bool:
    """
    Make the file say what the newest approved table says; returns whether it had to be written.

    This mends a file that is missing, damaged, edited, or behind because a process died between its commit and its file.

    Raises:
        PromoteError: If the file is something else than a routing table of this database, or cannot be written.
    """
    with exclusive(path):
        # Read under the lock: two approvals may end in either order, and the file never goes back to the older one.
        with store.read() as session:
            table = read_current(session)
        if table is None:
            return False
        there = _there(path)
        if there == table.render():
            return False
        if there is not None:
            _refuse_foreign(path, there, table.version)
        write(path, table.render())
        return True


def _there(path: Path) -> str | None:
    try:
        return path.read_bytes().decode("utf-8", "replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise PromoteError(f"{path}: cannot be read ({error.strerror}).") from error


def _refuse_foreign(path: Path, there: str, newest: int) -> None:
    """Raise rather than overwrite what another program or another database has written."""
    kind = SCHEMA.rpartition("/")[0]
    if there.strip() and kind not in there[:100]:
        raise PromoteError(f"{path}: holds something that is no routing table. Name another file as `routing_table` in evalharness.toml.")
    try:
        version = parse(there).version
    except PromoteError:  # cut off or edited: ours to mend
        return
    if version > newest:
        raise PromoteError(
            f"{path}: holds version {version}, and this database only knows {newest}. It belongs to another database: "
            "remove the file, or name another one as `routing_table` in evalharness.toml."
        )


def _prolonged(ground: Ground, entry: Entry, valid_until: datetime | None) -> Entry:
    """The entry of a task type that was named and cannot be promoted further, with a new end; or the reason as an error."""
    if entry.evidence and valid_until is not None:
        return replace(entry, valid_until=valid_until)
    mine = [route for route in ground.routes if route.task_type == entry.task_type]
    if not mine:
        raise PromoteError(f"{entry.task_type!r} stays on {entry.tier!r}: it has no candidate tier that was sampled.")
    reasons = [f"{entry.task_type!r} cannot go to {r.version.route.candidate!r}: {ground.reason(r, entry)}" for r in mine]
    raise PromoteError("\n".join(dict.fromkeys(reasons)))


def _signed(table: RoutingTable, signed: Signed) -> RoutingTable:
    return replace(table, created_at=signed.now, by=signed.by, note=signed.note)


def _store(session: Session, current: RoutingTable | None, table: RoutingTable, *, based_on: int, verb: str) -> None:
    """Add a version with its event and the states of its routes, if it changes anything and goes cheaper nowhere without evidence."""
    changed = differences(current, table)
    if not changed:
        raise PromoteError("Nothing would change: the routing table says all this already. See `evalharness promote diff`.")
    _refuse_unproven(current.at(table.created_at) if current else None, table)
    decisions.add_table(session, based_on, table.content, table.sha256, by=table.by, note=table.note, now=table.created_at)
    data = {"sha256": table.sha256, "note": table.note, "differences": [d.to_json() for d in changed]}
    decisions.add_event(session, Event(kind=verb, about=f"routing table {table.version}", by=table.by, data=data), table.created_at)
    rests_on = {step.route_version_id for entry in table.entries for step in entry.evidence}
    for version in places.versions(session):
        if version.id in rests_on:
            _move(session, version, RouteState.PROMOTED, table)
        elif version.state is RouteState.PROMOTED:
            _move(session, version, RouteState.DEMOTED, table)


def _refuse_unproven(base: RoutingTable | None, table: RoutingTable) -> None:
    """
    Raise if a task type goes cheaper without evidence, or its baseline goes cheaper at all.

    Tables are built so that they do not; a ladder that lost a rung or was put in another order is what can make them.
    """
    for entry in table.entries:
        before = base.entry(entry.task_type) if base else None
        if base is None or before is None:
            continue
        lower = _cheaper(before.baseline, entry.baseline, base, table)
        if lower or (_cheaper(before.tier, entry.tier, base, table) and not entry.evidence):
            tier = before.baseline if lower else before.tier
            raise PromoteError(
                f"{entry.task_type!r} would go from {tier!r} to {entry.tier!r} without evidence, because the ladder has changed. "
                f"Keep {tier!r} in its place on the ladder until the evidence for a cheaper tier stands."
            )


def _cheaper(before: str, after: str, old: RoutingTable, new: RoutingTable) -> bool:
    return direction(old.ladder[before], new.ladder[after], old.ladder, new.ladder) is Direction.CHEAPER


def _refuse_fallen(base: RoutingTable, table: RoutingTable, routes: Mapping[int, Standing]) -> None:
    """Raise if a task type goes cheaper on evidence that has fallen since."""
    for entry in table.entries:
        before = base.entry(entry.task_type)
        if before is None or not _cheaper(before.tier, entry.tier, base, table):
            continue
        found = [routes.get(step.route_version_id) for step in entry.evidence]
        if any(route is None or route.shortfall(table.ladder) for route in found):
            raise PromoteError(
                f"{entry.task_type!r} would go from {before.tier!r} to {entry.tier!r} again, cheaper, and its evidence of then does not "
                "stand any more. See `evalharness promote diff` for what may be approved."
            )


def _fits(entry: Entry, table: RoutingTable) -> bool:
    return all(name in table.ladder for name in (entry.tier, *entry.fallbacks))


def _move(session: Session, version: places.Version, state: RouteState, table: RoutingTable) -> None:
    if version.state is state:
        return
    places.set_state(session, version.id, state)
    about = f"{version.route.task_type}: {version.route.serving} -> {version.route.candidate}"[:_LONGEST_NAME]
    data = {"from": version.state, "to": state, "table": table.version}
    decisions.add_event(session, Event(kind="state", about=about, by=table.by, data=data), table.created_at)


def _written(store: Store, path: Path, version: int) -> int:
    try:
        sync(store, path)
    except PromoteError as error:
        raise PromoteError(
            f"Version {version} is approved and stored. Its file is not: {error} Then run `evalharness promote show`."
        ) from error
    return version


def _named(task_types: Iterable[str]) -> str:
    return f"There are: {', '.join(map(repr, sorted(task_types))) or 'none'}."
