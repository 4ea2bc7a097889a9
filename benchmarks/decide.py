"""
The figures of docs/statistics.md, and what a look costs: `python benchmarks/decide.py`, about three minutes.

Times are also given as a ratio to a floor measured in the same run (one pass over the places in plain Python), since machines differ.
"""

from __future__ import annotations

from random import Random
from time import perf_counter
from typing import TYPE_CHECKING

from evalharness.decide import PRESETS, Place, Rule, course, evidence, first_promotion, grades_needed
from evalharness.model import Metric, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

HISTORIES = 2000


def presets() -> None:
    """Errors, power and expected pairs of the presets, exact, with a look after every place up to 5,000."""
    print("preset       p0/p1       false promotion  false hold  power   E[pairs] phi1, phi1/2, phi1/4   first promotion 0..3 lost")
    for accuracy, (p0, p1) in PRESETS.items():
        rule = Rule.of(accuracy=accuracy)
        good = course(rule, rule.phi1)
        pairs = [course(rule, rule.phi1 / k).pairs for k in (1, 2, 4)]
        firsts = [first_promotion(rule, lost) for lost in range(4)]
        print(
            f"{accuracy:<12} {p0}/{p1:<6} {course(rule, rule.phi0).promote:12.6f} {good.hold:14.6f} {good.promote:9.4f}   "
            f"{pairs[0]:.1f} / {pairs[1]:.1f} / {pairs[2]:.1f}   {firsts}"
        )


def three_valued() -> None:
    """False promotions and power where no recursion reaches; seeded, one look at the end is a look after every place."""
    print(f"\nmetric            truth                promoted   mean places to it   (R = {HISTORIES}, 2,000 places)")
    cases: list[tuple[Rule, str, Sequence[float], Sequence[float]]] = [
        (Rule.of(Metric.PREFERENCE), "d = -.10 (null)", (0, 0.5, 1), (0.20, 0.50, 0.30)),
        (Rule.of(Metric.PREFERENCE), "d = 0", (0, 0.5, 1), (0.25, 0.50, 0.25)),
        (Rule.of(Metric.NET_REGRESSION), "excess .05 (null)", (-1, 0, 1), (0.03, 0.89, 0.08)),
        (Rule.of(Metric.NET_REGRESSION), "no excess", (-1, 0, 1), (0.04, 0.92, 0.04)),
    ]
    for rule, truth, losses, weights in cases:
        rng = Random(5)  # noqa: S311 - a simulation
        at = []
        for _ in range(HISTORIES):
            seen = evidence([Place(x, x) for x in rng.choices(losses, weights, k=2000)], rule)
            if seen.verdict is Verdict.PROMOTE:
                at.append(max(seen.promote.crossed_at or 0, rule.n_min))
        print(f"{rule.metric:<17} {truth:<19} {len(at) / HISTORIES:9.4f} {sum(at) / max(1, len(at)):12.0f}")


def seconds(work: Callable[[], object]) -> float:
    """The best of three runs."""
    best = float("inf")
    for _ in range(3):
        start = perf_counter()
        work()
        best = min(best, perf_counter() - start)
    return best


def speed() -> None:
    """One look at a route, and one plan."""
    print("\nlook at        places      time      per place    ratio to one pass")
    rng = Random(6)  # noqa: S311 - a simulation
    for metric, weights in ((Metric.REGRESSION, (0.93, 0.0, 0.07)), (Metric.PREFERENCE, (0.27, 0.46, 0.27))):
        rule = Rule.of(metric)
        for n in (100, 1000, 100_000 if metric is Metric.REGRESSION else 5000):
            places = [Place(x, x) for x in rng.choices((0.0, 0.5, 1.0), weights, k=n)]
            look, floor = seconds(lambda: evidence(places, rule)), seconds(lambda: sum(p.plus for p in places))  # noqa: B023 - called at once
            print(f"{metric:<12} {n:8,} {look * 1e3:9.2f} ms {look / n * 1e6:9.2f} us {look / floor:12.0f}")
        plan = seconds(lambda: grades_needed(evidence([], rule), rule, rng))  # noqa: B023 - called at once
        print(f"{metric:<12} plan     {plan * 1e3:9.2f} ms")


if __name__ == "__main__":
    presets()
    three_valued()
    speed()
