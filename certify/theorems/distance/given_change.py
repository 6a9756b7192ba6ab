"""F1, Q7: how far the nearest exact fit lies after one given change of the data, at finite size, from both sides."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from certify.finders.nearest_fit import Proposal, propose_nearest, steadied
from certify.format.errors import EnclosureError
from certify.format.quantities import DISTANCE
from certify.format.theorems import Q7
from certify.format.words import Rigour
from certify.network.layer_scale import LayerScale
from certify.network.layers.gradients import weight_gradient_norm
from certify.network.layers.passes import backward, forward, known_weights
from certify.network.network import Network
from certify.problem.bound import Bound, Hypothesis, SideArray
from certify.problem.cost import JACOBIAN_LIMIT, Cost
from certify.problem.problem import Problem
from certify.rigor import fp
from certify.rigor.arithmetic import Arithmetic, Binary64, DoubleDouble
from certify.rigor.ball import exact_points, rounded
from certify.rigor.finder import proposed
from certify.rigor.fp import Array
from certify.systems.interpolation.equations import System, moved
from certify.systems.interpolation.nearby import Solution, ball_of, given, prove_solution, residual_balls
from certify.systems.interpolation.point import InterpolationPoint
from certify.systems.interpolation.witnesses import solution_arrays
from certify.theorems.distance.cost import distance_cost
from certify.theorems.fits import FitRule

TRIALS = 12

PARTS = 4
"""Parts of the way to the lower end, each with a Lipschitz constant of its own (F1); the checker's are the same."""

STEADIED, ENOUGH = 5, 1.001
"""Vectors that are tried beside the multipliers, and by how much one has to be better for another."""

CALM = Fraction(1) + Fraction(1, 2**30)
WIDE = Fraction(1) + Fraction(1, 2**10)
"""Factors on the slope at the given weights and on what the ball adds to it: room for a checker's own norms."""


@dataclass(frozen=True, eq=False)
class DistanceEnds:
    """Proved ends of `dist(w̄, S(u))` (None: not proved), and what proves them.

    Attributes:
        lower, upper: the ends.
        z: the vector of F1; None where the lower end is 0.
        solution: an exact fit of the moved data; None, or in words why none was proved.
    """

    lower: float
    upper: float | None
    z: Array | None
    solution: Solution | str


class AtSize(FitRule):
    """What theorems about the distance of exact fits at finite size share."""

    def cost(self, problem: Problem) -> tuple[Cost, ...]:
        """An exact fit of the moved data, or what one layer can compensate for."""
        return distance_cost(problem)

    def doubt(self, problem: Problem) -> str:
        """Equal rows are no obstacle to an exact fit."""
        return ""

    def at_equal_rows(self, at: InterpolationPoint, quantity: str, i: int, j: int) -> None:
        """There an exact fit may exist all the same."""

    def distance(self, at: InterpolationPoint) -> Bound:
        """Both ends, where the limits allow it."""
        if refused := self.refused(at, self.cost(at.problem)[0]):
            return self.open(at, DISTANCE.name, refused, at.counting())
        found = self.proved(at, at.unit(DISTANCE.name))
        return self.open(at, DISTANCE.name, found, at.counting()) if isinstance(found, str) else found

    @abstractmethod
    def proved(self, at: InterpolationPoint, unit: str) -> Bound | str:
        """Both ends, or in words what blocked them or ran out."""


class GivenChange(AtSize):
    """Q7."""

    theorem = Q7

    def proved(self, at: InterpolationPoint, unit: str) -> Bound | str:
        """Both ends after the one change."""
        at.progress("an exact fit of the moved data", 0.1)
        ends = at.attempt(DISTANCE.name, lambda: enclose_distance(at.problem, at.limits.check))
        return ends if isinstance(ends, str) else distance_bound(ends, unit, at.counting())


def enclose_distance(problem: Problem, check: Callable[[], None]) -> DistanceEnds:
    """Enclose `dist(w̄, S(u))` in the norm of the weights.

    Upper end (Q7): an exact solution ŵ of the moved system is proved near a proposal (Q2), `|ŵ − w̄| + ρ`. Lower end
    (F1): with any z, `⟨z, G(u, ·)⟩` is `Λ(s)`-Lipschitz on `B(w̄, s)`, so `dist ≥ r` if `∫₀ʳΛ ≤ |⟨z, G(u, w̄)⟩|`.

    Args:
        problem: interpolation, base and set `given`, norm `euclidean` or `relative`.
        check: called between the steps; raises when the time is up.
    """
    scale, net = problem.layer_scale, problem.network
    assert isinstance(net, Network)
    fine = moved(problem, DoubleDouble())
    proposal = Proposal(given(net), ())
    if problem.equations * problem.parameters <= JACOBIAN_LIMIT:
        proposal = proposed(lambda: propose_nearest(moved(problem, Binary64()), scale)) or proposal
    check()
    solution = prove_solution(fine, proposal.parameters, check)
    lower, witness = best_lower_end(fine, scale, proposal, check)
    upper = None if isinstance(solution, str) else solution_distance(net, scale, solution)
    return DistanceEnds(lower, upper, normalised(witness), solution)


def distance_bound(ends: DistanceEnds, unit: str, hypotheses: tuple[Hypothesis, ...]) -> Bound:
    """The ends as a bound on `distance`, with the witness of each."""
    witness: dict[str, Any] = {}
    if ends.z is not None and ends.lower > 0:
        witness["z"] = [float(v) for v in ends.z]
    if isinstance(ends.solution, Solution):
        witness["array"] = SideArray("centre", solution_arrays(ends.solution), of=DISTANCE.name)
    reason = ends.solution if isinstance(ends.solution, str) else ""
    return Bound(DISTANCE.name, Q7.label, Rigour.PROVED, ends.lower, ends.upper, unit, hypotheses, witness, reason)


def solution_distance(network: Network, scale: LayerScale, solution: Solution) -> float:
    """Upper bound of the distance, in the norm of the weights, of the solution from those in the file."""
    squares: dict[int, Fraction] = {}
    for h in solution.layers:
        total = Fraction(0)
        found = solution.parameters
        for own, pair in ((network.weights[h - 1], found.weights[h - 1]), (network.biases[h - 1], found.biases[h - 1])):
            if own is None or pair is None:
                continue
            gap = np.abs(pair[0] - own) + np.abs(pair[1])
            size = fp.frobenius(np.atleast_2d(gap)) if gap.any() else 0.0
            total += (Fraction(size) * Fraction(fp.RAISE)) ** 2
        squares[h] = total
    least = min(scale.squares[h - 1] for h in solution.layers)
    return fp.up(scale.length(squares) + Fraction(solution.radius) * fp.sqrt_up(1 / least))


def best_lower_end(
    system: System, scale: LayerScale, proposal: Proposal, check: Callable[[], None]
) -> tuple[float, Array | None]:
    """The largest lower end of a few vectors, and its vector: the multipliers, then steadier ones (`steadied`).

    Args:
        system: the moved system, in double-double.
        scale: the norm of the weights.
        proposal: of the same system.
        check: called between the steps; raises when the time is up.
    """
    best: tuple[float, Array | None] = (0.0, None)
    for z in proposal.multipliers:
        check()
        best = max(best, (lower_end(system, scale, z), z), key=lambda pair: pair[0])
    if best[1] is None or proposal.gram is None or proposal.residual is None:
        return best
    outputs = system.network.widths[-1]
    aim = float(np.sqrt(abs(proposal.residual @ proposal.multipliers[0])))  # to first order
    for _ in range(STEADIED):
        check()
        growth = _growth(system, scale, best[1], best[0])
        steady = None if growth is None else steadied(proposal.gram, proposal.residual, outputs, aim * growth)
        end = 0.0 if steady is None else lower_end(system, scale, steady)
        if end > best[0] * ENOUGH:
            best, aim = (end, steady), end
        elif aim > best[0] * ENOUGH:
            aim = best[0]
        else:
            break
    return best


def _growth(system: System, scale: LayerScale, z: Array, radius: float) -> float | None:
    """How fast `|S⁻¹J(w)ᵀz|` may grow with the radius, for each unit of `Σ_i|z_i|`, in floats."""
    vector = normalised(z)
    assert vector is not None
    wide, calm = (_steepness(system, scale, vector, r, Binary64()) for r in (radius, 0.0))
    if wide is None or calm is None or radius <= 0:
        return None
    rows = np.linalg.norm(vector.reshape(-1, system.network.widths[-1]), axis=1)
    return max(float(wide - calm), 0.0) / (radius * float(rows.sum()))


def lower_end(system: System, scale: LayerScale, z: Array) -> float:
    """The largest r tried with `|⟨z, G(u, w̄)⟩| ≥ (r/m)·Σ_k Λ(kr/m)`, k = 1 … m.

    Λ(s) is a Lipschitz constant of `⟨z, G(u, ·)⟩` on `B(w̄, s)`, so at distance t of w̄ the pairing has changed by at
    most `∫₀ᵗΛ`.

    Args:
        system: the moved system, in double-double.
        scale: the norm of the weights.
        z: any vector.
    """
    vector = normalised(z)
    if vector is None:
        return 0.0
    gap = _pairing(system, vector)
    calm = _steepness(system, scale, vector, 0.0, DoubleDouble())
    if gap <= 0 or calm is None or calm <= 0:
        return 0.0
    arithmetic, least = _arithmetic(system, scale, vector, calm), calm

    def slope(r: float) -> Fraction | None:
        total = Fraction(0)
        for k in range(PARTS, 0, -1):
            found = _steepness(system, scale, vector, fp.up(fp.exact(r) * k / PARTS), arithmetic)
            if found is None:
                return None
            total += least * CALM + max(found - least, Fraction(0)) * WIDE
        return total / PARTS

    return largest_reach(gap, least * CALM, slope)


def largest_reach(gap: Fraction, calm: Fraction, slope: Callable[[float], Fraction | None]) -> float:
    """Largest tried r with `r·slope(r) ≤ gap`: slope is nearly affine in r, so a chord finds it, bisection the rest."""
    best, beyond = 0.0, fp.up(gap / calm)  # nothing further can be feasible
    trial = beyond
    for _ in range(TRIALS):
        found = slope(trial)
        if found is not None and Fraction(trial) * found <= gap:
            best = trial
        else:
            beyond = trial
        if best >= beyond * (1 - 1e-9):
            break
        guess = (best + beyond) / 2
        if found is not None:
            rise = (found - calm) / Fraction(trial)  # root of rise·r² + calm·r = gap
            square = calm * calm + 4 * rise * gap
            guess = fp.down(2 * gap / (calm + fp.sqrt_up(square)) * (1 - Fraction(1, 10**9)))
        trial = guess if best < guess < beyond else (best + beyond) / 2
        if not best < trial < beyond:
            break
    return best


def normalised(z: Array | None) -> Array | None:
    """z with its largest entry in [½, 1)."""
    if z is None or not np.isfinite(z).all() or not z.any():
        return None
    return np.asarray(np.ldexp(z, -int(np.frexp(np.max(np.abs(z)))[1])))


def _pairing(system: System, z: Array) -> Fraction:
    """Lower bound of `|⟨z, G(u, w̄)⟩|`."""
    arithmetic = DoubleDouble()
    output = forward(system.network, known_weights(system.network), system.points, arithmetic).output
    r, error = residual_balls(system, output, arithmetic)
    value = sum((fp.inner(part.ravel(), z) for part in (r.hi, r.lo) if part is not None), Fraction(0))
    rows = fp.row_norms(z.reshape(r.shape))
    slack = fp.exact(float(rows @ error)) * (1 + 2 * Fraction(fp.dot_unit(len(rows)))) + Fraction(fp.FLOOR) ** 2
    return abs(value) - slack


def _steepness(
    system: System, scale: LayerScale, z: Array, radius: float, arithmetic: Arithmetic
) -> Fraction | None:
    """Upper bound of `|S⁻¹J(w)ᵀz|` over `|w − w̄|_S ≤ radius`; None where a kink lies within."""
    net, layers = system.network, system.layers
    points = system.points if arithmetic.extended else rounded(system.points)
    try:
        weights = ball_of(given(net), scale.reach(layers, radius), layers, arithmetic)
        passed = forward(net, weights, points, arithmetic)
        if passed.kinks[0]:
            return None
        n, k = passed.output.mid.shape
        adjoints = backward(net, weights, passed, arithmetic, exact_points(z.reshape(n, k), arithmetic))
        return n * weight_gradient_norm(net, passed, adjoints, layers, 0.0, arithmetic, scale).upper
    except EnclosureError:  # the ball is so wide that the bounds overflow
        return None


def _arithmetic(system: System, scale: LayerScale, z: Array, steep: Fraction) -> Arithmetic:
    """Binary64 where its rounding adds little to the slope at the given weights, which cancellation may make small."""
    found = _steepness(system, scale, z, 0.0, Binary64())
    return Binary64() if found is not None and found <= steep * WIDE else DoubleDouble()
