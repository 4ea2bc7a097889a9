"""The evidence of a route: everything that a decision rests on, recomputable from its places in order."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evalharness.decide.eprocess import first_crossing
from evalharness.decide.interval import Direction
from evalharness.decide.losses import Place, Source
from evalharness.model import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evalharness.decide.rule import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One direction of the evidence, open places filled at their worst."""

    log_e: float
    """The log e-value after the last place."""
    log_max: float
    """Its running maximum, which decides; at least 0."""
    at: int
    """After how many places the maximum stood; 0 is the start."""
    crossed_at: int | None
    """After how many places it first reached its threshold; None if it has not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Closed places of equal losses, counted."""

    plus: float
    minus: float
    places: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the places of a route say under a rule."""

    n: int
    """Places, in whatever state."""
    graded: int
    settled: int
    failed: int
    """Closed without an answer."""
    open: int
    overtaken: int
    """Open places with a closed one after them: these weaken the evidence, the others merely wait."""
    tallies: tuple[Tally, ...]
    """The losses of the closed places."""
    promote: Process
    hold: Process
    lower: float
    """The success rate is above this with confidence 1 - alpha, however often one looks; >= p0 iff E+ has crossed."""
    upper: float
    """The success rate is below this with confidence 1 - beta; <= p1 iff E- has crossed."""
    verdict: Verdict

    @property
    def closed(self) -> int:
        """Places that wait for nothing."""
        return self.graded + self.settled + self.failed

    @property
    def mean_loss(self) -> float | None:
        """The mean loss of the closed places, broken candidates counted as lost; None without any."""
        return sum(t.plus * t.places for t in self.tallies) / self.closed if self.closed else None

    @property
    def drifted(self) -> bool:
        """Whether the bounds contradict each other: no constant success rate explains these places."""
        return self.lower > self.upper


def evidence(places: Sequence[Place], rule: Rule) -> Evidence:
    """
    The evidence of a route's places in sampling order.

    The verdict is `promote` if E+ reached 1/alpha within the first n places and at least `n_min` of these are closed, `hold` if
    E- reached 1/beta; the direction for which the smaller n is enough wins, promote on a tie. Else it is `paused` once `cap`
    places were graded (a cap protects people's time, and settled places cost none), and `collecting` before.
    """
    plus, minus = [p.plus for p in places], [p.minus for p in places]
    up, down = Direction.promote(plus, rule), Direction.hold(minus, rule)
    promote, hold = _process(plus, up), _process(minus, down)
    sources = Counter(p.source for p in places)
    tallies = Counter((p.plus, p.minus) for p in places if p.source is not Source.OPEN)
    return Evidence(
        n=len(places),
        graded=sources[Source.GRADED],
        settled=sources[Source.SETTLED],
        failed=sources[Source.FAILED],
        open=sources[Source.OPEN],
        overtaken=_overtaken(places),
        tallies=tuple(Tally(plus=a, minus=b, places=count) for (a, b), count in sorted(tallies.items())),
        promote=promote,
        hold=hold,
        lower=up.bound,
        upper=down.bound,
        verdict=_verdict(places, promote, hold, sources[Source.GRADED], rule),
    )


def _overtaken(places: Sequence[Place]) -> int:
    waiting = overtaken = 0
    for place in places:
        if place.source is Source.OPEN:
            waiting += 1
        else:
            overtaken = waiting
    return overtaken


def _process(losses: Sequence[float], direction: Direction) -> Process:
    gate = direction.gate
    highest = direction.highest(gate)
    return Process(
        log_e=direction.log_e(direction.walk.total, gate),
        log_max=direction.log_e(highest, gate),
        at=sum(highest),
        crossed_at=first_crossing(losses, direction.walk, direction.bets, direction.steps(gate), direction.threshold),
    )


def _verdict(places: Sequence[Place], promote: Process, hold: Process, graded: int, rule: Rule) -> Verdict:
    """Which direction needs fewer places, or how the waiting is called."""
    promoted_at = None if promote.crossed_at is None else _enough(places, promote.crossed_at, rule.n_min)
    if promoted_at is not None and (hold.crossed_at is None or promoted_at <= hold.crossed_at):
        return Verdict.PROMOTE
    if hold.crossed_at is not None:
        return Verdict.HOLD
    return Verdict.PAUSED if graded >= rule.cap else Verdict.COLLECTING


def _enough(places: Sequence[Place], crossed_at: int, n_min: int) -> int | None:
    """The smallest n at or after the crossing with `n_min` closed places among the first n."""
    closed = 0
    for n, place in enumerate(places, start=1):
        closed += place.source is not Source.OPEN
        if closed >= n_min and n >= crossed_at:
            return n
    return None
