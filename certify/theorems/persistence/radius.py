"""The persistence radius: the largest ε with `w̄ ∈ S(u)` for all perturbations of budget ε (M6, P3)."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, Final

import numpy as np

from certify.finders.loss_attack import find_attack, no_check
from certify.format.errors import EnclosureError, SpecError
from certify.format.quantities import PERSISTENCE_RADIUS, unit
from certify.format.theorems import M6_PERSISTENCE
from certify.format.words import Parameter, Rigour
from certify.network.layers.gradients import Norm
from certify.network.lipschitz.reach import CHUNK, reach
from certify.network.network import Network
from certify.problem.bound import Bound, Hypothesis, SideArray
from certify.problem.cost import PASS, Cost
from certify.problem.limits import Limits, OutOfTime
from certify.problem.problem import Problem
from certify.rigor import fp
from certify.rigor.activation import activation
from certify.rigor.fp import RAISE, Array
from certify.systems.sublevel.cost import pass_cost, passes
from certify.systems.sublevel.descent import Descent
from certify.systems.sublevel.point import SublevelPoint
from certify.theorems.rule import Rule

# Measured, one thread: of the search numbers of a number of a chunk of per-row Jacobians, and seconds for each row and
# unit of the network.
_PERSISTENCE: Final = (4, 1.2e-4)


class Persistence(Rule[SublevelPoint]):
    """M6 and P3."""

    theorem = M6_PERSISTENCE

    def cost(self, problem: Problem) -> tuple[Cost, ...]:
        """Passes; and the search for the radius, where there is no formula for it."""
        if problem.parameter in _FORMULAS:
            return (passes(problem),)
        chunk = min(CHUNK, problem.n * problem.inputs * max(problem.network.widths[1:]))
        search = pass_cost(problem, "radius", (PASS[0], _PERSISTENCE[1]), "proved radius and attack",
                           more=_PERSISTENCE[0] * chunk, vital=True)
        return passes(problem), search

    def persistence_radius(self, at: SublevelPoint) -> Bound:
        """Both ends, where the limits allow it."""
        cost = self.cost(at.problem)[-1]
        found: Bound | str = self.refused(at, cost) or at.attempt(cost.name, lambda: self._enclosed(at))
        return self.open(at, PERSISTENCE_RADIUS.name, found) if isinstance(found, str) else found

    def _enclosed(self, at: SublevelPoint) -> Bound:
        d = at.descent("passes")
        inside = at.inside(d)
        at.progress("persistence radius", 0.3)
        return persistence_bound(at.problem, d, inside, at.limits)


def persistence_bound(problem: Problem, d: Descent, inside: bool, limits: Limits | None = None) -> Bound:
    """Two-sided bound on the persistence radius.

    Sample weights and targets (squared loss) in closed form; features by :func:`certified_radius` from below and
    by an attack, a perturbation that is proved to lift the loss above the level, from above. When the time is up, the
    ends are what was proved by then.

    Raises:
        SpecError: if the level is not above the loss at the given weights.
    """
    if not inside:
        raise SpecError("persistence_radius", "the level is the loss at the given weights, so the radius is 0",
                        f"give solution.level above {float(d.loss.upper):.6g}")
    assert problem.level is not None
    level = Fraction(problem.level)
    low_room, high_room = (problem.n * (level - d.loss.upper), problem.n * (level - d.loss.lower))
    witness: dict[str, Any] = {}
    if problem.parameter in _FORMULAS:
        lower, upper = _FORMULAS[problem.parameter](problem, d, low_room, high_room)
    else:
        check = no_check if limits is None else limits.check
        radius = certified_radius(problem, d, low_room, check)
        lower, upper = Fraction(radius), None
        attack = find_attack(problem, radius, check)
        if attack is not None:
            upper = Fraction(attack.radius)
            witness = {"array": SideArray("moved", attack.moved)}
    reason = "" if upper is not None else "no attack was found, so nothing bounds the radius from above"
    if limits is not None and limits.expired():
        reason = "; ".join(filter(None, ("time_limit was reached during the search for the radius", reason)))
    hypotheses = (
        Hypothesis("loss", "the training loss at the given weights is at most", fp.up(d.loss.upper), True),
        Hypothesis("interior", "the level exceeds the training loss by at least", fp.down(level - d.loss.upper), True),
    )
    own = unit(PERSISTENCE_RADIUS.name, problem.parameter, problem.set, problem.weight_norm)
    return Bound(PERSISTENCE_RADIUS.name, M6_PERSISTENCE.label, Rigour.PROVED, fp.down(lower),
                 None if upper is None else fp.up(upper), own, hypotheses, witness, reason)


def _sample_weights(problem: Problem, d: Descent, low: Fraction, high: Fraction) -> tuple[Fraction, Fraction | None]:
    """`L(u) = L + (1/n) Σ u_i ℓ_i`: radius `n(ℓ − L)/|(ℓ_i)|`, or `/Σ|ℓ_i|` per sample."""
    size = _size(problem, d)
    return low / size.upper, None if size.lower <= 0 else high / size.lower


def _targets(problem: Problem, d: Descent, low: Fraction, high: Fraction) -> tuple[Fraction, Fraction | None]:
    """`n(L(u) − L) ≤ rε + ½mε²`, equal for the worst u: r = |f − y| and m = 1, or r = Σ|f_i − y_i| and m rows."""
    size = _size(problem, d)
    m = problem.budget.at_once(len(problem.rows), problem.count)
    lower = (fp.sqrt_down(size.upper**2 + 2 * m * low) - size.upper) / m
    return max(lower, Fraction(0)), (fp.sqrt_up(size.lower**2 + 2 * m * high) - size.lower) / m


def _size(problem: Problem, d: Descent) -> Norm:
    """What the rows can do together at ε = 1, to first order."""
    return problem.budget.support(d.row_lower, d.row_upper, problem.most_rows)


_Formula = Callable[[Problem, Descent, Fraction, Fraction], tuple[Fraction, Fraction | None]]
_FORMULAS: Final[dict[str, _Formula]] = {Parameter.SAMPLE_WEIGHTS: _sample_weights, Parameter.TARGETS: _targets}
"""The radius in closed form, by what moves."""


def certified_radius(
    problem: Problem, d: Descent, room: Fraction, check: Callable[[], None] = no_check
) -> float:
    """Largest ε found with `n(L(u) − L) ≤ room` proved for all u of budget ε; 0 if none.

    Args:
        problem: with features that move.
        d: loss and gradients at the data, in binary64.
        room: `n(ℓ − L)`, a lower bound.
        check: raises when the time is up; what is proved by then is the answer.
    """
    growth = Growth(problem, d)
    spare = room - Fraction(fp.FLOOR)  # for products that underflow (P3, "in floats")
    if spare <= 0:
        return 0.0

    def holds(radius: float) -> bool:
        check()
        try:
            with np.errstate(all="ignore"):
                return growth.rise(radius) <= spare
        except EnclosureError:  # overflow at this radius: not proved
            return False

    return _largest(holds, growth.guess(room))


SMALLEST, LARGEST = 1e-150, 1e30
"""Radii that are tried."""


def _largest(holds: Callable[[float], bool], start: float) -> float:
    """A radius near the largest in `[SMALLEST, LARGEST]` for which `holds` is true, 0 if it is true of none tried.

    From `start` in steps of 2, 4, 16, … until it changes, then bisection of the logarithm to one part in 1000; what is
    found when the time is up counts.
    """
    good, bad, step = 0.0, math.inf, 2.0
    trial = min(max(start, SMALLEST), LARGEST)
    while bad - good > 1e-3 * bad or bad == math.inf:
        try:
            held = holds(trial)
        except OutOfTime:
            break
        good, bad = (trial, bad) if held else (good, trial)
        if good == LARGEST or bad == SMALLEST:
            break
        if good > 0.0 and bad < math.inf:
            trial = math.sqrt(good) * math.sqrt(bad)
            continue
        trial = min(good * step, LARGEST) if good > 0.0 else max(bad / step, SMALLEST)
        step = min(step * step, 1e40)
    return good


_Interval = tuple[float, float, tuple[list[tuple[Array, Array]], Array]]
"""Ends of an interval of |u_i|, and the bounds of the growth that hold up to its upper end."""


class Growth:
    """Upper bounds of `n(L(u) − L(0))` over all u of a budget (P3).

    With g = |∂ℓ_i/∂x|, c = |∂ℓ_i/∂f|, λ the Lipschitz constant of `f ↦ ∂ℓ/∂f`, and on the ball |u_i| ≤ τ S ≥ |∂f/∂x|,
    ρ the movement of ∂f/∂x, Δ that of f: for t = |u_i| ≤ τ each of `gt + ½(λS² + cρ/τ)t²` (smooth, ρ/τ nondecreasing),
    `(g + cρ)t + ½λS²t²`, `cSt + ½λS²t²` and `cΔ + ½λΔ²` bounds `ℓ_i(u) − ℓ_i`.
    """

    RATIO = 2.0**0.5
    ENTRIES = 1 << 18
    """Entries of an array of multipliers by rows; more multipliers are taken one batch after the other."""

    def __init__(self, problem: Problem, d: Descent) -> None:
        self._problem, self._d = problem, d
        self._moving = np.isin(np.arange(problem.n), np.array(problem.rows))
        self._table: dict[int, tuple[list[tuple[Array, Array]], Array]] = {}

    def guess(self, room: Fraction) -> float:
        """A radius of the right size, from the quadratics at a point: `aε + ½qε² = room`. Not a bound."""
        try:
            with np.errstate(all="ignore"):
                a, q = self.quadratics(SMALLEST)[0][0]
        except EnclosureError:
            return 1.0
        total = not self._problem.row_budgets
        slope = float(np.linalg.norm(a) if total else a.sum())
        bend = float(q.max() if total else q.sum())
        height = fp.down(min(room, Fraction(10) ** 300))
        both = slope + math.hypot(slope, math.sqrt(2.0 * bend) * math.sqrt(height))
        return 2.0 * height / both if 0.0 < both < math.inf else 1.0

    def quadratics(self, tau: float) -> tuple[list[tuple[Array, Array]], Array]:
        """Pairs `(a, q)`, each with `ℓ_i(u) − ℓ_i ≤ at + ½qt²` for `t ≤ tau`, and a constant bound; moving rows."""
        p, d, moving = self._problem, self._d, self._moving
        assert isinstance(p.network, Network)  # of a graph only targets and sample weights move
        found = reach(p.network, d.passed, np.full(p.n, tau), p.scale)
        S = fp.row_norms((found.centre + found.moved) * RAISE) * RAISE
        rho = fp.row_norms(found.moved) * RAISE
        delta = fp.row_norms(found.output) * RAISE
        c, g, lam = d.terms.slopes.norm, d.row_upper, d.terms.slope_lipschitz
        curved = lam * S * S * RAISE
        pairs = [((g + c * rho) * RAISE, curved), (c * S * RAISE, curved)]
        if activation(p.network.activation).smooth:
            pairs.append((g, (curved + c * fp.row_norms(found.steady) * RAISE / tau) * RAISE))
        constant = (c * delta + 0.5 * lam * delta**2) * RAISE
        return [(a[moving], q[moving]) for a, q in pairs], constant[moving]

    def rise(self, radius: float) -> Fraction:
        """Upper bound of `n(L(u) − L(0))` over the budget `radius`."""
        if self._problem.row_budgets:
            pairs, constant = self.quadratics(radius)
            values = [(a * radius + 0.5 * q * radius**2) * RAISE for a, q in pairs]
            return _sum_up(np.minimum.reduce([constant, *values]))
        return self._total(radius)

    def _total(self, radius: float) -> Fraction:
        """Dual bound for a shared budget: `½με² + Σ_i max_{t ≤ ε} (ℓ_i(t) − ℓ_i − ½μt²)`, the best of a few μ.

        The maximum over t is taken on the intervals of a geometric grid, each with the quadratics of its upper end.
        """
        top = math.ceil(math.log(radius) / math.log(self.RATIO))
        while self.RATIO**top < radius:  # the logarithms are rounded; the intervals must reach the radius
            top += 1
        intervals: list[_Interval] = []
        for k in range(top, top - 16, -1):
            low = 0.0 if k == top - 15 else self.RATIO ** (k - 1)
            intervals.append((low, min(self.RATIO**k, radius), self._at(k)))
        slopes, bends = self._at(top)[0][0]
        size = float(fp.row_norms(slopes[None, :])[0]) / radius
        best: Fraction | None = None
        some = np.geomspace(0.05 * size, 1e3 * (size + float(bends.max())), 60).tolist() if size > 0 else []
        multipliers = np.array([0.0, *some])  # 0: no budget is shared, best where the growth saturates
        for group in np.array_split(multipliers, math.ceil(len(multipliers) * len(slopes) / self.ENTRIES)):
            for mu, row in zip(group.tolist(), self._dual(group[:, None], intervals), strict=True):
                rise = _sum_up(row) + Fraction(mu) * Fraction(radius) ** 2 / 2
                best = rise if best is None else min(best, rise)
        assert best is not None  # 0 is always tried
        return best

    def _dual(self, mu: Array, intervals: list[_Interval]) -> Array:
        """Bounds of `max_{0 ≤ t ≤ ε} (ℓ_i(t) − ℓ_i − ½μt²)`, a row for each of the `(m, 1)` multipliers."""
        most = np.zeros((len(mu), int(self._moving.sum())))
        for low, high, (pairs, constant) in intervals:
            ends = [_peak(a, q, mu, low, high) for a, q in pairs]
            ends.append((constant - 0.5 * mu * low**2) + 2.0**-45 * (constant + 0.5 * mu * low**2))
            most = np.maximum(most, np.minimum.reduce(ends))
        return most

    def _at(self, k: int) -> tuple[list[tuple[Array, Array]], Array]:
        """The quadratics on the ball of radius `RATIO^k` (raised a little against the power's rounding)."""
        if k not in self._table:
            self._table[k] = self.quadratics(self.RATIO**k * RAISE)
        return self._table[k]


def _peak(a: Array, q: Array, mu: Array, low: float, high: float) -> Array:
    """Upper bound of `max_{low ≤ t ≤ high} at + ½(q − μ)t²` for a ≥ 0, but for products that underflow.

    Convex or flat: at `high`. Concave with its vertex inside: `a²/(2(μ − q))`, which bounds it everywhere.
    """
    bend = (mu - q) * (1 - 2.0**-40)
    concave = mu - q > 0
    safe = np.where(concave & (bend > 0), bend, 1.0)
    vertex = a / safe
    top = 0.5 * a * vertex * RAISE  # not a² first: it underflows where the quotient does not
    value = np.where(vertex < low * (1 - 1e-9), _at_end(a, safe, low), top)
    value = np.where(vertex > high * (1 + 1e-9), _at_end(a, safe, high), value)
    return np.where(concave & (bend > 0), value, (a * high + 0.5 * np.maximum(q - mu, 0.0) * high**2) * RAISE)


def _at_end(a: Array, bend: Array, t: float) -> Array:
    """`at − ½·bend·t²`, rounded up."""
    return a * t - 0.5 * bend * t * t + 2.0**-45 * (a * t + 0.5 * bend * t * t)


def _sum_up(values: Array) -> Fraction:
    """Exact sum of upper bounds."""
    return fp.total(fp.require_finite(values, "rise of the loss").tolist())
