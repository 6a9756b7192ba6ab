"""Both ends of `distance` over a budget: compensation above (Q4), one change of the budget below (F1)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from certify.finders.nearest_fit import propose_nearest
from certify.format.digits import at_least, at_most
from certify.format.errors import EnclosureError
from certify.format.quantities import DISTANCE
from certify.format.theorems import Q4
from certify.format.words import Rigour
from certify.network.layers.kernel import Kernel
from certify.network.layers.passes import backward, forward, known_weights
from certify.network.network import Network
from certify.problem.bound import Bound, Hypothesis, SideArray
from certify.problem.cost import JACOBIAN_LIMIT, Cost
from certify.problem.limits import Limits, OutOfTime, seconds
from certify.problem.problem import Problem
from certify.problem.progress import silent
from certify.rigor.arithmetic import Binary64, DoubleDouble
from certify.rigor.ball import Balls
from certify.rigor.finder import proposed
from certify.rigor.fp import Array, down, up
from certify.systems.interpolation.equations import moved
from certify.systems.interpolation.linearisation import linearise
from certify.systems.interpolation.point import InterpolationPoint
from certify.theorems.aubin.limit import enclose_limit
from certify.theorems.distance.compensation import Compensation, compensate, total_budget
from certify.theorems.distance.given_change import AtSize, best_lower_end
from certify.theorems.modulus.direct import propose_vector

INSIDE = 1.0 - 2.0**-30
"""A proposed change is shortened by this, so that rounding does not take it out of its budget."""


@dataclass(frozen=True, eq=False)
class Attack:
    """A change of the budget and F1's vector for it: `dist(w̄, S(u)) ≥ lower`."""

    lower: float
    change: Array
    z: Array


class WithinBudget(AtSize):
    """Q4."""

    theorem = Q4

    def proved(self, at: InterpolationPoint, unit: str) -> Bound | str:
        """Both ends over the budget."""
        at.progress("how far one layer can compensate", 0.1)
        constants = next(iter(self.cost(at.problem)[1:]), None)
        return at.attempt(DISTANCE.name, lambda: worst_distance(
            at.problem, unit, at.counting(), at.limits, constants))


def worst_distance(problem: Problem, unit: str, hypotheses: tuple[Hypothesis, ...], limits: Limits,
                   constants: Cost | None = None) -> Bound:
    """`sup_{u ∈ U} dist(w̄, S(u))` from both sides.

    Args:
        problem: interpolation, base `given`, features, set total, per_sample or sparse with a radius.
        unit, hypotheses: of the bound.
        limits: where the time is up, what was proved by then counts.
        constants: what LipSDP for every row would need, where it is tried.
    """
    refused = "" if constants is None else limits.refusal(constants)
    found, attack, late = compensate(problem, limits.check, not refused), None, refused
    try:
        limits.check()
        attack = find_attack(problem, limits.check)
    except OutOfTime:
        late = refused or f"time_limit ({seconds(limits.seconds or 0.0)}) was reached before all was tried"
    witness: dict[str, object] = {}
    upper = found[0].upper if found else None
    if upper is not None:
        witness |= {"layer": found[0].layer, "sigma": found[0].sigma}
        witness |= {} if found[0].constants is None else {
            "constants": SideArray("constants", found[0].constants, of=DISTANCE.name)}
    if attack is not None:
        witness |= {"z": [float(v) for v in attack.z], "array": SideArray("change", attack.change)}
    lower = 0.0 if attack is None else attack.lower
    limit = enclose_limit(problem, _outputs(problem))
    if limit is not None:
        witness |= {"limit": limit.size, "pair": list(limit.pair)}
    reason = "" if upper is not None else _reason(problem, found)
    if upper is None and limit is not None and problem.radius is not None and problem.radius >= limit.size:
        i, j = limit.pair
        reason = (f"a change of the budget puts rows {i} and {j}, whose outputs differ, onto one another, so that "
                  f"there is no exact fit: give a radius below {limit.size:.6g}")
    return Bound(DISTANCE.name, Q4.label, Rigour.PROVED, lower, upper, unit, hypotheses, witness,
                 "; ".join(filter(None, (late, reason))))


def _outputs(problem: Problem) -> Balls:
    """The network's outputs at every row."""
    assert isinstance(problem.network, Network)
    return forward(problem.network, known_weights(problem.network), problem.X, DoubleDouble()).output


def _reason(problem: Problem, found: tuple[Compensation, ...]) -> str:
    """Why there is no upper end, and which radius would have one: ω does not grow where the radius shrinks."""
    rows, radius = len(problem.kept), problem.radius
    assert radius is not None
    if not found:
        return (f"no free layer has at least as many inputs as there are rows ({rows}), so none can compensate for "
                "every change: use a wider layer, fewer rows, or set = \"given\" for one change")
    best = max(found, key=lambda c: c.most)
    if not best.most > 0:
        return (f"the inputs of layer {best.layer} at the {rows} rows are not proved linearly independent, so it can "
                "compensate for no change, however small: use fewer rows, or set = \"given\" for one "
                "change")
    length = total_budget(problem)
    small = at_least(down(Fraction(best.most) * Fraction(radius) / length), 3)
    return (f"layer {best.layer} can compensate for changes of total length below {at_least(best.most, 3)}, and the "
            f"budget allows {at_most(up(length), 3)} (its inputs keep full row rank, σ ≥ {at_least(best.sigma, 3)}, "
            f"rows that move less counting for less, and move at most {at_most(best.lipschitz, 3)} times as far as the "
            f"features): give a radius below {small}")


def find_attack(problem: Problem, check: Callable[[], None]) -> Attack | None:
    """A change within the budget, worst to first order, with a proved lower end; None: none was found."""
    net = problem.network
    assert isinstance(net, Network)
    try:
        change = proposed(lambda: propose_change(problem))
        if change is None or not inside(problem, change) or problem.equations * problem.parameters > JACOBIAN_LIMIT:
            return None
        check()
        one = replace(problem, set="given", change=change, radius=None, count=None, norm=2)
        proposal = proposed(lambda: propose_nearest(moved(one, Binary64()), one.layer_scale))
        if proposal is None:
            return None
        end, z = best_lower_end(moved(one, DoubleDouble()), one.layer_scale, proposal, check)
        return None if z is None else Attack(end, change, z)
    except EnclosureError:
        return None


def propose_change(problem: Problem) -> Array | None:
    """`(n, d)` in units of the scale: `u_i ∝ G_iᵀz_i`, z from Lanczos, as long as the budget allows; untrusted."""
    lin = linearise(replace(problem, set="total", radius=None, count=None, norm=2), Binary64(), silent)
    if not isinstance(lin.kernel, Kernel):
        return None
    z = propose_vector(lin.kernel.mid.hi, lin.Q)
    if z is None:
        return None
    net, kept, k = problem.network, np.array(problem.kept), problem.outputs
    assert isinstance(net, Network)
    weights = known_weights(net)
    adjoints = backward(net, weights, forward(net, weights, problem.X[kept], Binary64()), Binary64())
    G = adjoints[0].mid.hi if problem.scale is None else adjoints[0].mid.hi * problem.scale
    steps = np.einsum("ik,ikd->id", z.reshape(len(kept), k), G.reshape(len(kept), k, -1))
    u = np.zeros_like(problem.X)
    u[kept] = steps
    u[[i for i in range(problem.n) if i not in set(problem.rows)]] = 0.0
    return within_budget(problem, u)


def within_budget(problem: Problem, u: Array) -> Array | None:
    """The change scaled row by row, or as a whole, to (just below) the budget."""
    assert problem.radius is not None
    if not problem.row_budgets:
        size = float(np.linalg.norm(u))
        return u * (problem.radius * INSIDE / size) if 0 < size < math.inf else None
    order = {1: 1.0, 2: 2.0}.get(problem.norm if isinstance(problem.norm, int) else 0, math.inf)
    directions: dict[float, Callable[[Array], Array]] = {1.0: _largest_entry, 2.0: lambda v: v, math.inf: np.sign}
    steepest = directions[order](u)
    sizes = np.linalg.norm(steepest, ord=order, axis=1)
    moving = sizes > 0
    out = np.zeros_like(u)
    out[moving] = steepest[moving] * (problem.radius * INSIDE / sizes[moving])[:, None]
    if problem.count is not None:
        keep = np.argsort(-np.linalg.norm(u, axis=1))[: problem.count]
        out[[i for i in range(len(u)) if i not in set(keep.tolist())]] = 0.0
    return out if np.isfinite(out).all() and out.any() else None


def inside(problem: Problem, u: Array) -> bool:
    """Whether the change lies in the budget, decided in exact arithmetic."""
    assert problem.radius is not None
    r, rows = Fraction(problem.radius), [[Fraction(v) for v in row if v] for row in u.tolist()]
    moving = [i for i, row in enumerate(rows) if row]
    if not set(moving) <= set(problem.rows):
        return False
    if problem.norm == 2:
        squares = [sum((v * v for v in rows[i]), Fraction(0)) for i in moving]
        return problem.budget.holds(squares, r * r, problem.count)
    size: Callable[[Iterable[Fraction]], Fraction] = sum if problem.norm == 1 else max  # type: ignore[assignment]
    return problem.budget.holds([size(map(abs, rows[i])) for i in moving], r, problem.count)


def _largest_entry(u: Array) -> Array:
    """Of every row its largest entry in size, the rest 0."""
    out = np.zeros_like(u)
    at = np.argmax(np.abs(u), axis=1)
    rows = np.arange(len(u))
    out[rows, at] = u[rows, at]
    return out
