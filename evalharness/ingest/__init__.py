"""
Production logs into the store: narrow rows, daily totals, and the bodies of calls that their share may replay.

Each batch and the position behind it are stored in one transaction, so a killed import goes on where it was, and a line that is read
twice is stored once. A line that cannot be read goes to the quarantine file; nothing else stops for it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from evalharness.classify import classifier
from evalharness.config import UNCLASSIFIED, Config
from evalharness.draw import draw, threshold
from evalharness.errors import InputError
from evalharness.model import Call
from evalharness.pricing import PriceList
from evalharness.readers import NotACall, Unreadable, read
from evalharness.readers.lines import MAX_LINE_BYTES, STDIN, Line, open_lines, record_of
from evalharness.store import Store, calls
from evalharness.store.calls import Booked, Position

_BATCH_LINES = 500
_BATCH_BYTES = 4_000_000
_HEAD_BYTES = 4096
_NAME_LIMIT = 200
_CREDENTIALS = {"authorization", "authorization_token", "api_key", "headers", "extra_headers"}
"""Fields of a request or of its remote tools that hold keys."""
_REMEDY = "compare the field with its format in docs/formats.md"


@dataclass(slots=True, kw_only=True)
class Ingested:
    """What an import did. lines = new + known + own_replays + not_production + quarantined + unfinished."""

    files: int = 0
    broken_files: list[str] = field(default_factory=list)
    """What could not be read to its end, in a sentence each; what came before is in."""
    unchanged: int = 0
    """Files in which nothing is new since the last import."""
    lines: int = 0
    new: int = 0
    known: int = 0
    """Calls whose id was stored before."""
    own_replays: int = 0
    """Our replays, seen again in a proxy's log."""
    not_production: Counter[str] = field(default_factory=Counter)
    """Records that are readable and no production call: reason -> number."""
    quarantined: Counter[str] = field(default_factory=Counter)
    """Lines that could not be read: reason -> number."""
    unfinished: int = 0
    """Last lines that are still being written; the next import reads them."""
    unreplayable: Counter[str] = field(default_factory=Counter)
    """New calls that are booked and cannot be replayed: reason -> number."""
    unclassified: int = 0
    unpriced: int = 0
    off_ladder: Counter[str] = field(default_factory=Counter)
    """New calls of models that are on no tier: model -> number."""


def run(
    store: Store,
    config: Config,
    paths: Sequence[str],
    *,
    format_name: str | None,
    quarantine: Path,
    now: Callable[[], datetime],
    on_bytes: Callable[[int], None] = lambda _n: None,
) -> Ingested:
    """
    Import log files.

    Args:
        paths: Files, or "-" for standard input.
        format_name: A reader's name; None detects it line by line.
        quarantine: Where lines that cannot be read are noted: file, line, reason, remedy.
        on_bytes: Called with the number of bytes of the files that have been read.

    A file that cannot be opened, or read to its end, is told in `broken_files` and keeps no other one out.
    """
    importer = _Importer(store, config, format_name, quarantine, now)
    for path in paths:
        try:
            importer.read_file(path, on_bytes)
        except InputError as error:  # one broken file does not keep the others out
            importer.done.broken_files.append(str(error))
        except OSError as error:  # gone, or closed to us, between two looks at it
            importer.done.broken_files.append(f"{error.filename or path!r} cannot be used: {error.strerror}.")
    return importer.done


def preview(store: Store, config: Config, paths: Sequence[str], *, now: Callable[[], datetime], done: Ingested) -> Iterator[Booked]:
    """
    The calls that `run` would store, as it would book them; nothing is written and nothing is noted as read.

    Args:
        done: Gets the counts that `run` would give, as the calls are taken.
    """
    importer = _Importer(store, config, None, Path(os.devnull), now)
    importer.done = done
    for path in paths:
        done.files += 1
        try:
            yield from importer.unread(path)
        except InputError as error:
            done.broken_files.append(str(error))


class _Importer:
    def __init__(self, store: Store, config: Config, format_name: str | None, quarantine: Path, now: Callable[[], datetime]) -> None:
        self.store, self.config, self.format_name, self.quarantine, self.now = store, config, format_name, quarantine, now
        self.task_type = classifier(config.classify)
        self.prices = PriceList(config.tier)
        self.done = Ingested()

    def unread(self, path: str) -> Iterator[Booked]:
        """What is new in a file, as it would be booked; nothing is stored."""
        where = path if path == STDIN else str(Path(path).resolve())
        start = self._start(where)
        if start is None:
            return
        for batch in _batches(open_lines(path, offset=start.offset, first_number=start.lines + 1)):
            found, _ = self._read(where, batch, self._time_of(where))
            with self.store.read() as session:
                known = calls.known(session, [call.id for call in found]) | calls.own_replays(session, found)
            booked = [self._book(call) for call in found if call.id not in known]
            self.done.known += len(found) - len(booked)
            self.done.new += len(booked)
            self._count(booked)
            yield from booked

    def read_file(self, path: str, on_bytes: Callable[[int], None]) -> None:
        """Read what is new in a file, batch by batch."""
        self.done.files += 1
        where = path if path == STDIN else str(Path(path).resolve())
        start = self._start(where)
        if start is None:
            self.done.unchanged += 1
            on_bytes(Path(where).stat().st_size)
            return
        reached, quarantined = start.offset, start.quarantined
        at = self._time_of(where)
        on_bytes(reached)
        for batch in _batches(open_lines(path, offset=start.offset, first_number=start.lines + 1)):
            whole = self._whole(where, batch)
            if not whole:
                break
            found, bad = self._read(where, whole, at)
            quarantined += len(bad)
            self._note_bad(bad)
            last = whole[-1]
            self._store(found, where, Position(head="", size=0, offset=last.offset_end, lines=last.number, quarantined=quarantined))
            on_bytes(last.offset_end - reached)
            reached = last.offset_end
        self._note_whole(where)

    def _start(self, where: str) -> Position | None:
        """Where to go on in a file; None if nothing is new in it."""
        begin = Position(head="", size=0, offset=0, lines=0, quarantined=0)
        if (path := _file(where)) is None:
            return begin
        with self.store.read() as session:
            known = calls.position(session, where)
        if known is None or known.head != _head(path, known.offset):
            return begin
        size = path.stat().st_size
        if known.size == size:
            return None
        return known if size > known.offset and not _is_packed(path) else begin

    def _time_of(self, where: str) -> datetime:
        """The time of a record that has none: its file's."""
        path = _file(where)
        return datetime.fromtimestamp(path.stat().st_mtime, UTC) if path else self.now()

    def _whole(self, where: str, batch: list[Line]) -> list[Line]:
        """The batch without a last line that is still being written."""
        last = batch[-1]
        if last.torn and where != STDIN and not _is_packed(Path(where)) and not _decodes(last):
            self.done.unfinished += 1
            self.done.lines += 1
            return batch[:-1]
        return batch

    def _read(self, where: str, batch: Sequence[Line], at: datetime) -> tuple[list[Call], list[dict[str, object]]]:
        found: list[Call] = []
        bad: list[dict[str, object]] = []
        for line in batch:
            self.done.lines += 1
            try:
                call = read(_record(line), format=self.format_name, at=at)
                _refuse_long_names(call)
            except NotACall as error:
                self.done.not_production[error.reason] += 1
            except Unreadable as error:
                self.done.quarantined[error.reason] += 1
                remedy = error.remedy or _REMEDY
                bad.append({"file": where, "line": line.number, "reason": error.reason, "field": error.field, "remedy": remedy})
                if where == STDIN:  # the line is nowhere else
                    bad[-1]["text"] = line.raw.decode("utf-8", "backslashreplace")
            else:
                found.append(call)
        return found, bad

    def _store(self, found: Sequence[Call], where: str, reached: Position) -> None:
        with self.store.begin() as session:
            own = calls.own_replays(session, found)
            booked = [self._book(call) for call in found if call.id not in own]
            new = calls.add_calls(session, booked, self.now())
            if path := _file(where):
                size = 0 if _is_packed(path) else reached.offset
                calls.set_position(session, where, replace(reached, head=_head(path, reached.offset), size=size), self.now())
        self.done.own_replays += len(own)
        self.done.new += len(new)
        self.done.known += len(booked) - len(new)
        self._count({b.call.id: b for b in booked if b.call.id in new}.values())

    def _note_whole(self, where: str) -> None:
        """Note that a packed file was read to its end: before, its offset tells nothing and a killed import reads it anew."""
        path = _file(where)
        if path is None or not _is_packed(path):
            return
        with self.store.begin() as session:
            if reached := calls.position(session, where):
                calls.set_position(session, where, replace(reached, size=path.stat().st_size), self.now())

    def _book(self, call: Call) -> Booked:
        reason = (
            call.unreplayable
            or (call.error and "production_error")
            or (None if call.output else "no_output")
            or ("credentials" if call.request and _holds_credentials(call.request.body) else None)
        )
        call = replace(call, unreplayable=reason)
        task_type = self.task_type(call)
        tier = self.config.ladder.serving(call.model)
        number = draw(self.config.sample.salt, call.id)
        usd = self.prices.usd(call.provider, call.model, call.usage, call.at) if call.usage else None
        share = self.config.policy(task_type).share
        if usd is None or call.usd == 0:  # a logged zero is an answer out of a proxy's cache
            usd = call.usd
        return Booked(
            call=call, task_type=task_type, tier=tier.name if tier else None, draw=number, usd=usd,
            keep_content=reason is None and call.request is not None and number < threshold(share),
        )  # fmt: skip

    def _count(self, new: Iterable[Booked]) -> None:
        for booked in new:
            self.done.unclassified += booked.task_type == UNCLASSIFIED
            self.done.unpriced += booked.usd is None and booked.call.error is None
            if booked.call.unreplayable:
                self.done.unreplayable[booked.call.unreplayable] += 1
            if booked.tier is None:
                self.done.off_ladder[booked.call.model] += 1

    def _note_bad(self, bad: Sequence[dict[str, object]]) -> None:
        if not bad:
            return
        self.quarantine.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.quarantine, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.writelines(json.dumps(one) + "\n" for one in bad)


def _batches(lines: Iterable[Line]) -> Iterator[list[Line]]:
    """Lines in batches; those before an error are given before it is raised."""
    batch: list[Line] = []
    size = 0
    broken: InputError | None = None
    reading = iter(lines)
    while True:
        try:
            line = next(reading)
        except StopIteration:
            break
        except InputError as error:
            broken = error
            break
        batch.append(line)
        size += len(line.raw)
        if len(batch) >= _BATCH_LINES or size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
    if broken:
        raise broken


def _holds_credentials(body: dict[str, Any]) -> bool:
    """Whether a request carries keys of other services, as remote tools do: it is never replayed, and its body is never stored."""
    lists = [body[key] for key in ("tools", "mcp_servers") if isinstance(body.get(key), list)]
    parts = [body, *(part for one in lists for part in one)]
    return any(isinstance(part, dict) and not _CREDENTIALS.isdisjoint(part) for part in parts)


def _file(where: str) -> Path | None:
    """The file that is read; None for standard input and for what was moved away meanwhile."""
    return path if where != STDIN and (path := Path(where)).is_file() else None


def _head(path: Path, offset: int) -> str:
    """
    A hash of a file's beginning and of what stands before an offset: a file that grew keeps it, another one under its name has another.

    Both ends count, since logs that begin with the same long prompt are the same for their first kilobytes.
    """
    length = min(offset, _HEAD_BYTES)
    with path.open("rb") as file:
        found = hashlib.sha256(file.read(length))
        file.seek(offset - length)
        found.update(file.read(length))
    return f"{length}:{found.hexdigest()[:32]}"


def _is_packed(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4).startswith((b"\x1f\x8b", b"\x28\xb5\x2f\xfd"))


def _record(line: Line) -> dict[str, object]:
    if line.too_long:
        raise Unreadable("line_too_long", "", f"split the record; a line may have {MAX_LINE_BYTES // 2**20} MB")
    return record_of(line.raw)


def _decodes(line: Line) -> bool:
    try:
        _record(line)
    except Unreadable:
        return False
    return True


def _refuse_long_names(call: Call) -> None:
    """Names are keys and labels; one of a thousand characters is content in the wrong field."""
    for name in ("id", "task_type", "provider", "model", "response_id", "team", "subject", "conversation", "prompt_version"):
        if len(getattr(call, name) or "") > _NAME_LIMIT:
            raise Unreadable("name_too_long", name, f"shorten {name} to {_NAME_LIMIT} characters")
