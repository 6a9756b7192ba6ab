"""Q1: explicit `(κ, r_u, r_w)` with `S(u') ∩ B(w̄, r_w) ⊂ S(u) + κ|u − u'|B` for all `|u|, |u'| ≤ r_u`.

The lower end of the claim is that of the modulus: no κ below `lip S` has the property, whatever the radii.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

import numpy as np

from certify.format.errors import EnclosureError, InputError
from certify.format.quantities import AUBIN, MODULUS, unit
from certify.format.theorems import Q1
from certify.format.words import Rigour
from certify.network.lipschitz.along_paths import path_growth, shares
from certify.network.network import Network
from certify.problem.bound import Bound, Hypothesis
from certify.problem.cost import BASE_MEMORY, Cost
from certify.problem.limits import OutOfTime
from certify.problem.problem import Problem
from certify.problem.question import require_covered
from certify.rigor import fp
from certify.rigor.environment import require_sound
from certify.rigor.fp import RAISE
from certify.spec.aubin import asked_radii
from certify.systems.interpolation.cost import columns
from certify.systems.interpolation.point import InterpolationPoint
from certify.theorems.aubin.centre import Centre, changed_data, enclose_centre, rows_bound
from certify.theorems.aubin.limit import Limit, enclose_limit
from certify.theorems.fits import FitRule

Condition = Callable[[Centre, Fraction, Fraction, Fraction], tuple[Fraction, Fraction]]
"""Of a centre, `r_u`, `r_w` and κ: bounds of the mean of `‖I − XJQᵀ‖` on segments, and of its largest value."""

_AUBIN: Final = (4, 6, 6.0, 2e-4)
"""Measured, one thread: numbers of N²p and N³, operations of N³(p + N), seconds of N² in tangents."""
STEPS = 60
"""Of the iteration for κ."""

ROOM = Fraction(1, 2**17)
"""Part of κ that is left to a checker, which bounds the norms by other means."""

SMALLEST = 2.0**-300
"""Least radius: no product of two of them is near underflow."""

PIECES = 8
"""Of a segment, over which the second-order remainder is averaged."""

FACTOR = 2
"""Radii are looked for with κ at most this multiple of the modulus, where nothing else is asked."""


@dataclass(frozen=True)
class Radii:
    """A claim of Q1 with what was verified for it.

    Attributes:
        kappa, radius_u, radius_w: the claim.
        theta: bound of `‖I − XJ(u, w)Qᵀ‖` over all `|u| ≤ r_u`, `|w − w̄| ≤ r_w + 2κr_u` that Q1 visits.
        mean: bound of its mean along every segment that the proof uses; what has to be less than 1.
        alpha: bound of `‖Q‖·‖XG_u‖` over `|u| ≤ r_u`, `|w − w̄| ≤ r_w`.
    """

    kappa: float
    radius_u: float
    radius_w: float
    theta: float
    mean: float
    alpha: float


class ExplicitRadii(FitRule):
    """Q1."""

    theorem = Q1

    def cost(self, problem: Problem) -> tuple[Cost, ...]:
        """Tensors of N × N × p numbers."""
        N, p = problem.kernel_size, columns(problem)
        tensor = 8 * N * N * (_AUBIN[0] * p + _AUBIN[1] * N)
        return (Cost("aubin", BASE_MEMORY + tensor, _AUBIN[2] * N**3 * (p + N), 0.5 + _AUBIN[3] * N * N,
                     "aubin, after modulus"),)

    def require(self, problem: Problem) -> None:
        """Refuse merged rows."""
        require_own_rows(problem)

    def aubin(self, at: InterpolationPoint) -> Bound:
        """κ for the radii that the spec asks for, or the largest found; from below the modulus."""
        modulus, cost = at.bound(MODULUS.name), self.cost(at.problem)[0]
        refused = self.refused(at, cost)
        if refused or modulus.upper is None:
            return self.open(at, AUBIN.name, refused or modulus.reason, modulus.hypotheses)
        at.progress("explicit radii", 0.3)
        asked = asked_radii(at.problem.spec)
        found = at.attempt(cost.name, lambda: enclose_aubin(at.problem, *asked))
        if isinstance(found, str):
            return self.open(at, AUBIN.name, found, modulus.hypotheses)
        return with_modulus(found, modulus)


def enclose_aubin(
    problem: Problem, radius_u: float | None = None, radius_w: float | None = None, most: float | None = None
) -> Bound:
    """κ of Q1 for the radii given, or for the largest found.

    `T(t) = t − XG(u, w' + Qᵀt)` maps the ball `|t| ≤ τ` into itself where `|XG(u, w')| ≤ α|u − u'|/‖Q‖` and the mean of
    `‖I − XJQᵀ‖` on the segments from 0 is at most `θ̄ < 1`; then `κ = α/(1 − θ̄)` (proofs/aubin.md). θ̄ is bounded by its
    value at the centre, first-order changes as tensors of N × N × p numbers, and a second-order remainder by norms.

    Args:
        problem: interpolation, base `given`, all layers, features in units of the data, set `total` with norm 2,
            Euclidean weights; fully connected, an activation that is C³, or relu or leaky relu with one hidden layer.
            Or targets that move.
        radius_u: `r_u`; None for the largest found (within 1 %) with κ at most `most`.
        radius_w: `r_w`; None for `r_u` times the modulus.
        most: of a search; None, or less than the modulus: twice the modulus.

    Returns:
        A :class:`certify.problem.bound.Bound` of quantity `aubin`: `upper` is κ, the witness has `radius_u` and
        `radius_w`, and for features `limit` and `pair`
        (:mod:`certify.theorems.aubin.limit`). No `upper` where the theorem's
        condition could not be verified.

    Raises:
        InputError: a problem or radii for which Q1 is not built.

    >>> from certify.network.network import Network
    >>> net = Network((np.array([[0.5, -0.2], [0.3, 0.4]]), np.array([[1.0, -1.0]])), (None, None), "tanh")
    >>> bound = enclose_aubin(Problem(net, np.array([[1.0, 0.5], [-0.3, 1.0]]), None, "features", (0, 1)), 1e-3)
    >>> bound.theorem, bound.witness["radius_w"] > 1e-4, round(bound.upper, 2)
    ('Q1', True, 0.43)
    """
    require_covered(problem, AUBIN.name, Q1)
    require_own_rows(problem)
    require_radii(radius_u, radius_w)
    net, parameter = problem.network, problem.parameter
    assert isinstance(net, Network)
    require_sound(*net.arrays, problem.X, problem.y, problem.scale)
    own = unit(AUBIN.name, parameter, problem.set, problem.weight_norm)
    try:
        moves = np.isin(np.arange(problem.n), np.array(problem.rows))
        centre = enclose_centre(net, problem.X, moves, not problem.moving.inputs)
        if isinstance(centre, str):
            return _open(centre, own)
        limit = enclose_limit(problem, centre.point.passed.output)
        if radius_u is None:
            lip = modulus(centre)
            highest = FACTOR * lip if most is None or most < lip else Fraction(most)
            found = largest(centre, radius_w, most=highest)
            words = f"no radii were found, however small, with a factor of at most {fp.up(highest):.6g}"
        else:
            w = fp.up(Fraction(radius_u) * modulus(centre)) if radius_w is None else radius_w
            found = verify_radii(centre, radius_u, w)
            words = "Q1's condition is proved with no κ for these radii: give smaller ones, or none to search"
    except EnclosureError as error:
        return _open(error.reason, own)
    if found is None and limit is not None and radius_u is not None and radius_u >= limit.size:
        i, j = limit.pair
        words = (f"radius_u is {radius_u!r}, and rows {i} and {j}, whose outputs differ, can be moved onto one another "
                 f"within {limit.size:.6g}: give a smaller radius_u, or none to search")
    return _open(words, own) if found is None else _bound(found, limit, own)


def modulus(centre: Centre) -> Fraction:
    """Upper bound of `lip S = ‖G_w⁺G_u‖ ≤ ‖Q‖‖XG_u‖/(1 − ε)`."""
    return centre.size * centre.start / (1 - centre.defect)


def verify_radii(
    centre: Centre, radius_u: float, radius_w: float, condition: Condition | None = None
) -> Radii | None:
    """The least κ found for which Q1's condition holds, verified in exact rationals; None: none was.

    Args:
        centre: from :func:`certify.theorems.aubin.centre.enclose_centre`.
        radius_u, radius_w: the radii.
        condition: what bounds θ; None for :func:`segment_condition`.
    """
    bounded = condition or segment_condition
    u, w = Fraction(radius_u), Fraction(radius_w)
    alpha = centre.size * data_slope(centre, u, w)
    kappa = alpha / (1 - centre.defect)
    for _ in range(STEPS):
        kappa = Fraction(fp.up(kappa * (1 + 2 * ROOM)))
        mean, theta = bounded(centre, u, w, kappa)
        mean *= 1 + ROOM
        if not mean < 1:
            return None
        needed = alpha / (1 - mean) * (1 + ROOM)
        if needed <= kappa:
            return Radii(fp.up(kappa), radius_u, radius_w, fp.up(theta), fp.up(mean), fp.up(alpha))
        kappa = needed
    return None


def data_slope(centre: Centre, u: Fraction, w: Fraction) -> Fraction:
    """Bound of `‖XG_u(u, w)‖` over `|u| ≤ r_u`, `|w − w̄| ≤ r_w`: at the centre, and changes of every row's gradient."""
    parts = shares(centre.point.network.depth)
    growth = path_growth(centre.point, _row_radii(centre, u), fp.up(w) * parts)
    change = fp.up(u) * centre.data_bend + fp.up(w) * centre.mixed + 0.5 * growth.feature_second.max(axis=0)
    if centre.gates is not None:
        change = change + centre.gates.steeper(_row_radii(centre, u), fp.up(w))
    first = fp.require_finite(change * RAISE * (centre.mixed > 0), "change of the gradients")
    return centre.start + changed_data(centre, first)


def segment_condition(centre: Centre, u: Fraction, w: Fraction, kappa: Fraction) -> tuple[Fraction, Fraction]:
    """Bounds of the mean on segments, and of the largest value, of `‖I − XJ(u, w' + Qᵀt)Qᵀ‖` (Q1).

    ε, then first-order changes `r_w·c_w + r_u·c_u + |t|·c_t` (of the mean: half of the last, as it grows from 0), then
    half the second derivative along the line from the centre to `|u| ≤ r_u`, `|Δw| ≤ r_w + 2κr_us` (of the mean: over
    s in [0, 1], as a sum of largest values on pieces). With kinks that is for slopes kept as they are; what units that
    may change sign do comes on top, piece by piece.
    """
    step = 2 * kappa * u  # ‖Q‖·|t| ≤ 2κr_u
    parts = shares(centre.point.network.depth)
    ends = np.array([fp.up(w + step * j / PIECES) for j in range(1, PIECES + 1)])
    radii = (ends[:, None, None] * parts).reshape(-1, parts.shape[1]) * RAISE
    second = path_growth(centre.point, _row_radii(centre, u), radii).second.reshape(PIECES, len(parts), -1)
    rest = [centre.size * rows_bound(centre, e) / 2 for e in second]
    if centre.gates is not None:
        turned = [centre.gates.turned(_row_radii(centre, u), float(end), centre.size) for end in ends]
        if any(bound is None for bound in turned):
            return Fraction(2), Fraction(2)
        rest = [a + (b or 0) for a, b in zip(rest, turned, strict=True)]
    slopes = centre.slopes
    still = centre.defect + slopes.weights * w + slopes.data * u
    inside = slopes.inside * step / centre.size
    return still + inside / 2 + sum(rest, Fraction(0)) / PIECES, still + inside + rest[-1]


def _row_radii(centre: Centre, u: Fraction) -> np.ndarray:
    """Every row may take the whole budget."""
    n = len(centre.point.passed.output.rad)
    moves = centre.mixed.reshape(n, -1).any(axis=1)
    return np.where(moves, fp.up(u), 0.0)


def largest(
    centre: Centre, radius_w: float | None = None, condition: Condition | None = None, most: Fraction | None = None
) -> Radii | None:
    """Largest `r_u` found, to 1 %, with κ at most `most` (None: `FACTOR·lip`); `r_w = lip·r_u` where not given."""
    lip = modulus(centre)
    most = FACTOR * lip if most is None else most

    def tried(radius: float) -> Radii | None:
        w = fp.up(Fraction(radius) * lip) if radius_w is None else radius_w
        try:
            with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is refused
                found = verify_radii(centre, radius, w, condition)
        except EnclosureError:  # too large for the range of floats: try smaller ones
            return None
        return found if found is not None and Fraction(found.kappa) <= most else None

    good, bad = None, 1.0
    try:
        while bad > 2.0**-60:
            if (good := tried(bad / 2)) is not None:
                break
            bad /= 2
        while good is not None and bad > 1.01 * good.radius_u:
            middle = (good.radius_u + bad) / 2
            found = tried(middle)
            good, bad = (good, middle) if found is None else (found, bad)
    except OutOfTime:  # what is proved by then counts
        if good is None:
            raise
    return good


def require_radii(*radii: float | None) -> None:
    """Refuse radii that are out of range.

    Raises:
        InputError: with the range.
    """
    for radius in radii:
        if radius is not None and not SMALLEST <= radius <= 1.0 / SMALLEST:
            raise InputError("aubin", f"radius {radius}", f"give a number from {SMALLEST:.0e} to {1 / SMALLEST:.0e}")


def require_own_rows(problem: Problem) -> None:
    """Refuse merged rows.

    Raises:
        InputError: with what would work.
    """
    if problem.merge_duplicates:
        raise InputError("aubin", "equal rows merged", "Q1 is built for rows without duplicates")


def _bound(found: Radii, limit: Limit | None, unit: str) -> Bound:
    words = "a right inverse of the Jacobian at the data stays one nearly enough within the radii: what it leaves of "
    words += "the identity, averaged on the segments of the proof, is less than 1: at most"
    witness: dict[str, object] = {"radius_u": found.radius_u, "radius_w": found.radius_w}
    if limit is not None:
        witness |= {"limit": limit.size, "pair": list(limit.pair)}
    return Bound(AUBIN.name, Q1.label, Rigour.PROVED, None, found.kappa, unit,
                 (Hypothesis("contraction", words, found.mean, True),), witness)


def with_modulus(found: Bound, modulus: Bound) -> Bound:
    """The same with the lower end of the modulus and its witness, and the hypotheses of both."""
    lower = modulus.lower if modulus.lower is not None and "z" in modulus.witness else None
    witness = dict(found.witness) | ({"z": modulus.witness["z"]} if lower else {})
    return replace(found, lower=lower, hypotheses=(*modulus.hypotheses, *found.hypotheses), witness=witness,
                   unit=modulus.unit)


def _open(reason: str, unit: str) -> Bound:
    return Bound(AUBIN.name, Q1.label, Rigour.PROVED, None, None, unit, (), {}, reason)
