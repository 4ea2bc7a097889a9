"""
A reviewer's desk: events in, the next cards out; the one door through which the app changes anything.

The browser shows the next card before the server has heard of the last one, and sends what happened as events until they are
acknowledged. So `sync` takes any number of events, new or known, in any state of the network, and answers with the cards that this
reviewer holds now.
"""

from __future__ import annotations

import getpass
import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from evalharness.config import Config
from evalharness.errors import ReviewError
from evalharness.model import Key, Pair
from evalharness.review import show
from evalharness.review.blind import Mask, left_side
from evalharness.review.card import Card, card
from evalharness.store import Store
from evalharness.store import review as sql
from evalharness.store.pairs import pair as pair_of
from evalharness.store.review import ReviewEvent, TaskProgress

logger = logging.getLogger(__name__)

AHEAD = 5
"""Cards that a browser holds; at three, keys pressed back to back ran it empty."""
_EVENTS = 200
"""Of one sync; the rest comes with the next one."""
_EVENT_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
_UNSTORABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
_RENDERED = 64
"""Cards kept, so that those a browser holds are not rendered again at every stroke."""
_NAME_CHARACTERS = 100

GUIDELINE = """\
Acceptable means: you would use this answer as it is.
Judge what was asked first, then correctness, then form.
Longer is not better, and neither is left or right: the sides are shuffled for every pair.
If both answers are acceptable, say which is better, or that they are equal.
Skip only what you cannot judge: until somebody grades it, a skipped pair counts against the change."""
"""What reviewers read where the task type has no guideline of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """An event that was not stored, and why."""

    event_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What a reviewer has before them."""

    cards: tuple[Card, ...]
    """In the order in which they are to be graded; empty if nothing is left for this reviewer."""
    stored: tuple[str, ...]
    """Ids of the events that are in the database."""
    refused: tuple[Refused, ...]
    progress: tuple[TaskProgress, ...]


class Queue:
    """
    The queue as one reviewer meets it.

    Args:
        reviewer: Who grades; the login's word, never the browser's.
        clock: Tells the time, aware.
    """

    def __init__(self, store: Store, config: Config, reviewer: str, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.reviewer = reviewer_name(reviewer)
        self._store = store
        self._config = config
        self._clock = clock
        self._mask = Mask.of(config.ladder)
        with store.begin() as session:
            self._secret = sql.sides_secret(session)
        self._lease = timedelta(minutes=config.review.lease_minutes)
        self._order: list[str] = []
        self._rendered: dict[tuple[int, int, str, str], Card] = {}

    def sync(self, events: Sequence[Any] = (), *, task_types: Sequence[str] | None = None) -> Desk:
        """
        Store what happened and give the next cards.

        Args:
            events: As the browser sent them: `{id, kind, place, pair, left, right, key, ms, note, undoes}`, left and right being
                the digests of the outputs that were shown.
            task_types: Which, in this order; None takes all, beginning with the one that had most open places when the
                reviewer sat down, so that the kind of work does not change from card to card.

        Raises:
            StoreError: If the database cannot be used; nothing is acknowledged then.
        """
        stored: list[str] = []
        refused: list[Refused] = []
        for raw in events[:_EVENTS]:
            event_id = str(raw.get("id", ""))[:64] if isinstance(raw, dict) else ""
            try:
                with self._store.begin() as session:
                    stored.append(sql.record(session, self._event(raw), lease=self._lease).event_id)
            except ReviewError as error:
                logger.warning("review event refused", extra={"reviewer": self.reviewer, "reason": str(error)})
                refused.append(Refused(event_id=event_id, reason=str(error)))
        now = self._clock()
        midnight = now.astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
        with self._store.read() as session:
            progress = sql.progress(session, reviewer=self.reviewer, since=midnight)
        self._order += [task.task_type for task in progress if task.task_type not in self._order]
        cards = self._cards(self._order if task_types is None else task_types, now)
        return Desk(cards=cards, stored=tuple(stored), refused=tuple(refused), progress=progress)

    def guideline(self, task_type: str) -> str:
        """What the task type's reviewers are to read, as inert HTML."""
        return show.text(self._config.policy(task_type).guideline.strip() or GUIDELINE)

    def _cards(self, task_types: Sequence[str], now: datetime) -> tuple[Card, ...]:
        places: list[sql.Place] = []
        with self._store.begin() as session:
            for task_type in task_types:
                wanted = AHEAD - len(places)
                if wanted:
                    places += sql.reserve(session, reviewer=self.reviewer, task_type=task_type, n=wanted, now=now, lease=self._lease)
        with self._store.read() as session:
            pairs = [(place.id, pair_of(session, place.pair_id)) for place in places]
        return tuple(self._card(place_id, pair) for place_id, pair in pairs if pair is not None)

    def _card(self, place_id: int, pair: Pair) -> Card:
        key = (place_id, pair.id, pair.dearer_output.digest, pair.cheaper_output.digest)
        if key not in self._rendered:
            if len(self._rendered) >= _RENDERED:
                self._rendered.pop(next(iter(self._rendered)))
            left = left_side(self._secret, pair.id, self.reviewer)
            self._rendered[key] = card(pair, place_id=place_id, left=left, mask=self._mask)
        return self._rendered[key]

    def _event(self, raw: Any) -> ReviewEvent:  # noqa: ANN401 - whatever a browser sends
        """The event of a browser, checked in form; who did it and which side was where are ours to say."""
        if not isinstance(raw, dict):
            raise ReviewError("An event that is no object was not stored.")
        for name, kind in (("id", str), ("kind", str), ("place", int), ("pair", int)):
            if type(raw.get(name)) is not kind or (kind is int and not 0 < raw[name] < 2**63):
                raise ReviewError(f"An event without a proper {name!r} was not stored.")
        if not _EVENT_ID.fullmatch(raw["id"]) or raw["kind"] not in {"grade", "skip", "undo"}:
            raise ReviewError("An event of an unknown form was not stored.")
        undoes = str(raw.get("undoes") or "")
        if raw["kind"] == "undo" and not _EVENT_ID.fullmatch(undoes):
            raise ReviewError("An undo that names no event was not stored.")
        key = raw.get("key") if raw["kind"] == "grade" else None
        if raw["kind"] == "grade" and key not in set(Key):
            raise ReviewError(f"{str(key)[:20]!r} is none of the six keys.")
        active_ms = raw.get("ms", 0)
        if type(active_ms) not in {int, float} or not abs(active_ms) < 2**53:
            raise ReviewError("An event without a proper 'ms' was not stored.")
        return ReviewEvent(
            id=raw["id"],
            kind=raw["kind"],
            place_id=raw["place"],
            pair_id=raw["pair"],
            reviewer=self.reviewer,
            at=self._clock(),
            left=left_side(self._secret, raw["pair"], self.reviewer),
            left_digest=str(raw.get("left", "")),
            right_digest=str(raw.get("right", "")),
            key=None if key is None else Key(key),
            active_ms=int(active_ms),
            note=_UNSTORABLE.sub("", str(raw.get("note") or "")),
            undoes=undoes,
        )


def reviewer_name(name: str = "") -> str:
    """
    The name under which grades are stored; without one that of the account that runs the app.

    Raises:
        ReviewError: If it is no name.
    """
    name = (name or _account()).strip()
    if not 1 <= len(name) <= _NAME_CHARACTERS or not name.isprintable():
        raise ReviewError(f"{name[:_NAME_CHARACTERS]!r} is no reviewer's name; give 1 to {_NAME_CHARACTERS} printable characters.")
    return name


def _account() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container may run under a number that has no name
        return "local"
