"""The rule of a route: what is claimed, at which error, and the bets that test it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from evalharness.decide.losses import HIGHEST, lowest
from evalharness.model import PRESETS, Accuracy, Metric

ENGINE = "1"
"""Version of the arithmetic and of the grids; stored with every decision, raised when either changes."""

BINARY = frozenset({Metric.REGRESSION, Metric.ACCEPTABLE})
"""The metrics whose single grade is 0 or 1."""

BINARY_CAP = 400
PREFERENCE_CAP = 1500


@dataclass(frozen=True, slots=True)
class Bets:
    """
    The mixture of bets behind one e-process: stakes in (0, 1) and their weights, which sum to 1.

    Raises:
        ValueError: Lengths differ, a stake is outside (0, 1), a weight is not positive, or they do not sum to 1.
    """

    stakes: tuple[float, ...]
    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.stakes or len(self.stakes) != len(self.weights):
            raise ValueError(f"a mixture needs one weight per stake, not {len(self.weights)} for {len(self.stakes)}")
        if not all(0 < stake < 1 for stake in self.stakes):
            raise ValueError(f"stakes lie strictly between 0 and 1: {self.stakes!r}")
        if not all(weight > 0 for weight in self.weights) or not math.isclose(sum(self.weights), 1, abs_tol=1e-9):
            raise ValueError(f"weights are positive and sum to 1: {self.weights!r}")


_GRIDS: dict[tuple[float, float], tuple[Bets, Bets]] = {
    (0.90, 0.95): (
        Bets((0.55, 0.82, 0.91, 0.99), (0.53, 0.21, 0.19, 0.07)),
        Bets((0.026, 0.042, 0.07, 0.35), (0.19, 0.13, 0.64, 0.04)),
    ),
    (0.95, 0.98): (
        Bets((0.60, 0.77, 0.96, 0.994), (0.30, 0.57, 0.10, 0.03)),
        Bets((0.023, 0.031, 0.13), (0.10, 0.87, 0.03)),
    ),
    (0.98, 0.995): (
        Bets((0.78, 0.86, 0.94, 0.993), (0.34, 0.42, 0.11, 0.13)),
        Bets((0.010, 0.0155, 0.0225, 0.047), (0.14, 0.78, 0.05, 0.03)),
    ),
}
"""Promote and hold bets per preset, optimised by exact recursion."""

_PREFERENCE = Bets((0.02, 0.05, 0.10, 0.20, 0.40, 0.70), (0.10, 0.25, 0.30, 0.20, 0.10, 0.05))
_NET_REGRESSION = Bets((0.15, 0.30, 0.50, 0.70, 0.90), (0.10, 0.20, 0.30, 0.25, 0.15))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """
    What has to be shown before a route may go cheaper. Build it with `Rule.of`; every field is part of the audit.

    Raises:
        ValueError: A field is outside its range, named in the message.
    """

    metric: Metric
    p0: float
    """The success rate (1 - mean loss) that must be beaten: the claim of a promotion."""
    p1: float
    """The success rate that the gate is planned for: hold claims that it is not reached."""
    alpha: float = 0.05
    """Chance of a promotion at or below p0, over all looks."""
    beta: float = 0.10
    """Chance of a hold at or above p1, over all looks."""
    n_min: int = 30
    """Fewest closed places before a promotion."""
    cap: int = BINARY_CAP
    """Places graded by humans after which an undecided route pauses."""
    promote_bets: Bets
    hold_bets: Bets

    def __post_init__(self) -> None:
        if not self.low < self.phi1 < self.phi0 < self.high:
            raise ValueError(
                f"need {1 - self.high:g} < p0 < p1 < {1 - self.low:g} for {self.metric.value}, not p0 = {self.p0!r}, p1 = {self.p1!r}"
            )
        for name, chance in (("alpha", self.alpha), ("beta", self.beta)):
            if not 0 < chance < 1:
                raise ValueError(f"{name} lies strictly between 0 and 1, not {chance!r}")
        if self.n_min < 1 or self.cap < self.n_min:
            raise ValueError(f"need 1 <= n_min <= cap, not n_min = {self.n_min!r}, cap = {self.cap!r}")

    @classmethod
    def of(  # noqa: PLR0913 - one keyword per knob of a policy
        cls,
        metric: Metric = Metric.REGRESSION,
        *,
        accuracy: Accuracy = "standard",
        p0: float | None = None,
        p1: float | None = None,
        delta: float | None = None,
        alpha: float = 0.05,
        beta: float = 0.10,
        n_min: int = 30,
        cap: int | None = None,
    ) -> Rule:
        """
        The rule of a policy.

        Args:
            metric: What a loss is.
            accuracy: Preset of p0 and p1 (`regression`, `acceptable`) or of the margin 1 - p0 (`net_regression`).
            p0: Together with `p1`, instead of the preset; binary metrics only.
            p1: As `p0`.
            delta: The margin of `net_regression` (else by `accuracy`) or `preference` (else 0.10), in (0, 1).
            alpha: Chance of a false promotion.
            beta: Chance of a false hold.
            n_min: Fewest closed places before a promotion.
            cap: Graded places before a pause; None: 400, or 1,500 for `preference`.

        Raises:
            ValueError: An argument is outside its range, or does not belong to the metric.
        """
        if accuracy not in PRESETS:
            raise ValueError(f"accuracy is one of {', '.join(PRESETS)}, not {accuracy!r}")
        if metric in BINARY:
            if delta is not None:
                raise ValueError(f"{metric.value} has p0 and p1, not delta")
            if (p0 is None) != (p1 is None):
                raise ValueError("p0 and p1 are given together")
            p0, p1 = (p0, p1) if p0 is not None and p1 is not None else PRESETS[accuracy]
            promote_bets, hold_bets = _GRIDS.get((p0, p1)) or recentred(p0, p1)
        else:
            if p0 is not None or p1 is not None:
                raise ValueError(f"{metric.value} has delta, not p0 and p1")
            if metric is Metric.PREFERENCE:
                delta = 0.10 if delta is None else delta
                p0, p1 = (1 - delta) / 2, 0.5
                promote_bets = hold_bets = _PREFERENCE
            else:
                p0, p1 = (PRESETS[accuracy][0] if delta is None else 1 - delta), 1.0
                promote_bets = hold_bets = _NET_REGRESSION
        if cap is None:
            cap = max(n_min, PREFERENCE_CAP if metric is Metric.PREFERENCE else BINARY_CAP)
        return cls(
            metric=metric,
            p0=p0,
            p1=p1,
            alpha=alpha,
            beta=beta,
            n_min=n_min,
            cap=cap,
            promote_bets=promote_bets,
            hold_bets=hold_bets,
        )

    @property
    def low(self) -> float:
        """The smallest loss."""
        return lowest(self.metric)

    @property
    def high(self) -> float:
        """The largest loss; above 1 once places carry weights."""
        return HIGHEST

    @property
    def phi0(self) -> float:
        """The mean loss at p0."""
        return 1 - self.p0

    @property
    def phi1(self) -> float:
        """The mean loss at p1."""
        return 1 - self.p1

    @property
    def promote_threshold(self) -> float:
        """What log E+ must reach: ln(1/alpha)."""
        return -math.log(self.alpha)

    @property
    def hold_threshold(self) -> float:
        """What log E- must reach: ln(1/beta)."""
        return -math.log(self.beta)


def recentred(p0: float, p1: float) -> tuple[Bets, Bets]:
    """
    Promote and hold bets for a p0 and p1 without an optimised grid.

    The best stake against a true mean loss phi (Kelly's) is 1 - phi/phi0 for promote and (phi - phi1)/(1 - phi1) for
    hold. The optimised grids are such stakes for phi at about 0.9, 0.45, 0.15 and 0.02 times phi1 (promote), and at
    phi1 plus about 0.6, 1, 1.4 and 4 times phi0 - phi1 (hold); this takes the same ones. Ville's inequality keeps alpha and beta for
    any stakes; tests/decide/test_rule.py verifies it, and the price in pairs, by exact recursion.

    Raises:
        ValueError: Not 0 < p0 < p1 < 1.
    """
    if not 0 < p0 < p1 < 1:
        raise ValueError(f"need 0 < p0 < p1 < 1, not p0 = {p0!r}, p1 = {p1!r}")
    phi0, phi1 = 1 - p0, 1 - p1
    promote = tuple(1 - t * phi1 / phi0 for t in (0.9, 0.45, 0.15, 0.02))
    hold = tuple(min(t * (phi0 - phi1) / (1 - phi1), 0.99) for t in (0.6, 1.0, 1.4, 4.0))
    return Bets(promote, (0.40, 0.40, 0.12, 0.08)), Bets(hold, (0.15, 0.65, 0.15, 0.05))
