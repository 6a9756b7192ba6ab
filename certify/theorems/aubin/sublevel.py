"""Q5: explicit `(κ, r_u, r_w)` with `S(u') ∩ B(w̄, r_w) ⊂ S(u) + κ|u − u'|B` for `|u|, |u'| ≤ r_u`, sublevel sets.

The lower end of the claim is that of the modulus: no κ below `lip S` has the property, whatever the radii.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

import numpy as np

from certify.format.errors import EnclosureError, InputError
from certify.format.quantities import AUBIN, MODULUS
from certify.format.theorems import Q5
from certify.network.layers.gradients import enclose_gradient
from certify.network.layers.hessian_product import Product, hessian_product
from certify.network.layers.objective import Objective, widened
from certify.network.layers.passes import known_weights
from certify.network.network import Network
from certify.problem.bound import Bound, Hypothesis
from certify.problem.cost import Cost
from certify.problem.limits import OutOfTime
from certify.problem.problem import Problem
from certify.problem.question import require_covered
from certify.rigor import fp
from certify.rigor.arithmetic import Binary64, DoubleDouble, Pair
from certify.rigor.ball import Balls
from certify.rigor.finder import proposed
from certify.rigor.fp import RAISE, Array
from certify.spec.aubin import asked_radii
from certify.systems.sublevel.cost import pass_cost
from certify.systems.sublevel.point import SublevelPoint
from certify.theorems.distance.given_change import CALM, WIDE, normalised
from certify.theorems.rule import Rule

# Measured, one thread: numbers and seconds for each row and unit of the network: some 200 passes forward and backward
# along a direction; and directions that are kept, with their images.
_DESCENTS: Final = (40, 2e-4)
_KRYLOV: Final = 100

PARTS = 8
"""Of the way from the weights to the border of the balls, each with bounds of its own; the checker's are the same."""

FACTOR = 2
"""Radii are looked for with κ at most this multiple of the modulus, where nothing else is asked."""

KRYLOV = 40
"""Products with the Hessian from which directions are proposed."""

SHIFTS = (1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 1e-5)
"""How far singular values of the Hessian are raised for a direction, as shares of the largest."""

REFINED = 2
"""Directions that are tried with all parts, after all were compared by what they promise to first order."""

ITERATIONS = 40
DIGITS = 5
"""Decimals of a direction whose largest entry lies in [½, 1)."""

SMALLEST, LARGEST = 2.0**-300, 2.0**300


@dataclass(frozen=True)
class Radii:
    """A claim of Q5.

    Attributes:
        kappa, radius_u, radius_w: the claim.
        slope: lower bound, along the path of the proof, of the mean of `⟨∇_wL, z⟩/|z|`.
    """

    kappa: float
    radius_u: float
    radius_w: float
    slope: float


@dataclass(frozen=True)
class Sizes:
    """Upper bounds over a ball of weights and data: of `|∇²_wL z|`, `|∇_u⟨∇_wL, z⟩|` and `|∇_uL|`."""

    weights: Fraction
    data: Fraction
    loss: Fraction


class Loss:
    """The training loss of a problem over balls of weights and data.

    Args:
        problem: sublevel, set `total`, features or targets that move.
    """

    def __init__(self, problem: Problem) -> None:
        net = problem.network
        assert isinstance(net, Network)
        self.problem, self.layers = problem, tuple(net.layers(problem.layer))
        self.objective = Objective(net, problem.X, problem.loss, problem.y, problem.labels, problem.weight_decay)
        self.known, self._moves = known_weights(net), np.isin(np.arange(problem.n), np.array(problem.rows))

    def along(self, z: Array, weights: float, data: float) -> Product:
        """What one pass along z says for `|Δw| ≤ weights` and every row that may move within `data`."""
        spread = np.where(self._moves, data, 0.0)
        if self.problem.moving.inputs:
            over = replace(self.objective, spread=spread)
        else:  # the slope of the squared loss is f − y − u: a tilt by u/n
            mid = Pair(np.zeros((len(spread), self.problem.outputs)))
            over = replace(self.objective, tilt=Balls.make(mid, spread / self.problem.n * RAISE, Binary64()))
        return hessian_product(over, z, self.layers, widened(self.known, weights, self.layers))

    def sizes(self, z: Array, weights: float, data: float) -> Sizes:
        """The bounds over these balls."""
        found = self.along(z, weights, data)
        first, second = ((found.moved, found.features) if self.problem.moving.inputs
                         else (found.outputs, found.adjoints))
        return Sizes(found.norm, self._over_rows(first), self._over_rows(second))

    def _over_rows(self, x: Balls) -> Fraction:
        """`(1/n)(Σ|x_i|²)^½` over the rows that move."""
        rows = (fp.row_norms(x.mid.hi) + x.rad) * RAISE * self._moves
        return Fraction(float(fp.row_norms(rows[None, :])[0])) * Fraction(RAISE) / self.problem.n


class Way:
    """A direction z along which the loss can be brought down, and how its slope can change (Q5).

    Args:
        loss: the training loss.
        z: `(p,)` float64; any vector is sound.

    Attributes:
        size: upper bound of `|z|`.
        start: lower bound of `⟨∇_wL, z⟩` at the data and the weights.
        calm: the bounds there.
    """

    def __init__(self, loss: Loss, z: Array) -> None:
        self.z, self._loss = z, loss
        g = enclose_gradient(loss.objective, loss.layers, DoubleDouble())
        value = sum((fp.inner(part, z) for part in (g.mid.hi, g.mid.lo) if part is not None), Fraction(0))
        self.size = Fraction(fp.frobenius(z[None, :]))
        self.start = value - Fraction(g.radius) * self.size - Fraction(fp.FLOOR) ** 2
        self.calm = loss.sizes(z, 0.0, 0.0)

    def sizes(self, weights: float, data: float) -> Sizes:
        """The bounds over `|Δw| ≤ weights`, `|u| ≤ data`, with room for norms of a checker's own."""
        found, calm = self._loss.sizes(self.z, weights, data), self.calm
        pairs = ((found.weights, calm.weights), (found.data, calm.data), (found.loss, calm.loss))
        return Sizes(*(b * CALM + max(a - b, Fraction(0)) * WIDE for a, b in pairs))


def verify_way(way: Way, radius_u: float, radius_w: float, kappa: Fraction) -> tuple[Fraction, Fraction] | None:
    """The mean slope along the path of the proof, and what κ it asks for; None where it is not proved positive.

    `γ(s) = (⟨∇L, z⟩ − (r_w + s)Ā − r_uB̄)/|z|` bounds `|∇_wL|` from below within `r_w + s`, Ā and B̄ means over the
    parts of the way; its mean over `s ≤ 2κr_u` has to be at least Λ/κ.
    """
    u, w = Fraction(radius_u), Fraction(radius_w)
    reach = w + 2 * kappa * u
    try:
        parts = [way.sizes(fp.up(reach * k / PARTS), fp.up(u * k / PARTS)) for k in range(PARTS, 0, -1)]
        steep = way.sizes(radius_w, radius_u).loss
    except EnclosureError:  # a kink within, or a ball so wide that the bounds overflow
        return None
    bent = sum((x.weights for x in parts), Fraction(0)) / PARTS
    mixed = sum((x.data for x in parts), Fraction(0)) / PARTS
    end = way.start - reach * bent - u * mixed
    mean = (way.start - (w + kappa * u) * bent - u * mixed) / way.size
    return (mean, steep / mean) if end > 0 and mean > 0 else None


def radii_for(way: Way, radius_u: float, radius_w: float) -> Radii | None:
    """The least κ found for the radii given; None: none was."""
    kappa = way.calm.loss * way.size / way.start if way.start > 0 else Fraction(0)
    for _ in range(ITERATIONS):
        kappa = Fraction(fp.up(kappa * (1 + Fraction(1, 2**10)) + Fraction(SMALLEST)))
        found = verify_way(way, radius_u, radius_w, kappa)
        if found is None:
            return None
        if found[1] <= kappa:
            return Radii(fp.up(kappa), radius_u, radius_w, fp.down(found[0]))
        kappa = found[1]
    return None


def largest_radii(
    way: Way, lip: Fraction, most: Fraction, radius_w: float | None, check: Callable[[], None]
) -> Radii | None:
    """Largest `r_u` found, to 1 %, with κ at most `most`; `r_w = lip·r_u` where not given."""
    def tried(radius: float) -> Radii | None:
        check()
        if not SMALLEST <= radius <= LARGEST:
            return None
        w = fp.up(Fraction(radius) * lip) if radius_w is None else radius_w
        found = verify_way(way, radius, w, most)
        # the balls were those of `most`, which hold the ones of a smaller κ
        return None if found is None or fp.up(found[1]) > most else Radii(fp.up(found[1]), radius, w, fp.down(found[0]))

    good, bad = None, promise(way, lip, most, radius_w)
    try:
        for _ in range(60):
            if not bad > 0 or (good := tried(bad / 2)) is not None:
                break
            bad /= 2
        while good is not None and bad > 1.01 * good.radius_u:
            middle = (good.radius_u + bad) / 2
            found = tried(middle)
            good, bad = (good, middle) if found is None else (found, bad)
    except OutOfTime:
        if good is None:  # that there are none would not be true
            raise
    return good


def promise(way: Way, lip: Fraction, most: Fraction, radius_w: float | None) -> float:
    """The radius at which the condition would fail if the bounds were everywhere those at the data; 0 for none."""
    room = way.start - way.calm.loss * way.size / most
    slope = way.calm.weights * (most + (lip if radius_w is None else 0)) + way.calm.data
    room -= 0 if radius_w is None else Fraction(radius_w) * way.calm.weights
    if room <= 0:
        return 0.0
    return fp.up(room / slope) if slope > 0 and room / slope < LARGEST else LARGEST


def propose_ways(loss: Loss) -> Iterator[Array]:
    """`z = (H² + μ²)⁻¹∇L` for some μ, in a Krylov space of H, and `∇L` itself; untrusted.

    `max_z (⟨z, ∇L⟩ − ρ|Hz|)/|z|` is the least length of `∇L + HΔw` over `|Δw| ≤ ρ`, attained at such a z.
    """
    try:
        g = enclose_gradient(loss.objective, loss.layers, Binary64()).mid.hi
        scaled = normalised(g)
        if scaled is None:
            return
        yield scaled
        basis = [g / np.linalg.norm(g)]
        images: list[Array] = []
        for _ in range(min(KRYLOV, len(g))):
            image = loss.along(basis[-1], 0.0, 0.0).mid
            images.append(image)
            new = image.copy()
            for _ in range(2):
                new -= np.array(basis).T @ (np.array(basis) @ new)
            size = float(np.linalg.norm(new))
            if not size > 1e-10 * float(np.linalg.norm(image)):
                break
            basis.append(new / size)
    except EnclosureError:
        return
    V, HV = np.array(basis[: len(images)]).T, np.array(images).T
    square, b = HV.T @ HV, V.T @ g
    found = proposed(lambda: np.linalg.eigh((square + square.T) / 2))
    if found is None:
        return
    values, vectors = found
    largest = float(values.max())
    for shift in SHIFTS if largest > 0 else ():
        z = normalised(V @ (vectors @ ((vectors.T @ b) / (np.maximum(values, 0.0) + shift**2 * largest))))
        if z is not None:
            yield z


def enclose_sublevel_aubin(
    problem: Problem, lip: Fraction, radius_u: float | None = None, radius_w: float | None = None,
    most: float | None = None, check: Callable[[], None] = lambda: None,
) -> tuple[Radii, Array] | str:
    """κ of Q5 for the radii given, or for the largest found, with its direction z; in words why there is none.

    From `w' ∈ S(u')` one descends, in `S(u)`'s loss, along a path on which `|∇_wL| ≥ ⟨∇_wL, z⟩/|z|` stays large
    enough (proofs/sublevel.md). No level enters: the inclusion holds for every ℓ.

    Args:
        problem: sublevel, without a level; set `total`, Euclidean weights; features in units of the data, or targets.
        lip: upper bound of the modulus.
        radius_u: `r_u`; None for the largest found (within 1 %) with κ at most `most`.
        radius_w: `r_w`; None for `r_u` times the modulus.
        most: of a search; None, or less than the modulus: twice the modulus.
        check: called between the steps; raises when the time is up.

    Raises:
        InputError: a problem or radii for which Q5 is not built.

    >>> from certify.network.network import Network
    >>> net = Network((np.array([[1.0]]),), (None,), "identity")  # L = ½(w(1 + u) − 3)², boundary w = 1, u = 0
    >>> p = Problem(net, np.array([[1.0]]), np.array([[3.0]]), "features", (0,), map="sublevel")
    >>> radii, z = enclose_sublevel_aubin(p, Fraction(1))
    >>> 0.1 < radii.radius_u < 0.3, radii.kappa <= 2.0
    (True, True)
    """
    require_covered(problem, AUBIN.name, Q5)
    require_radii(radius_u, radius_w)
    highest = FACTOR * lip if most is None or most < lip else Fraction(most)
    if lip <= 0:
        return "the modulus is 0: no data moves the loss to first order, and Q5 has no radii to look for"
    ways, loss = [], Loss(problem)
    for z in propose_ways(loss):
        check()
        z = np.round(z, DIGITS)  # any vector is sound, and this one is written into the certificate
        try:
            way = Way(loss, z)
        except EnclosureError:
            continue
        if way.start > 0:
            ways.append(way)
    if radius_u is None:
        ways.sort(key=lambda way: -promise(way, lip, highest, radius_w))
        tried = []
        for way in ways[:REFINED]:
            try:
                tried.append((largest_radii(way, lip, highest, radius_w, check), way))
            except OutOfTime:
                if not any(radii for radii, _ in tried):
                    raise
        words = f"no radii were found, however small, with a factor of at most {fp.up(highest):.6g}"
    else:
        w = fp.up(Fraction(radius_u) * lip) if radius_w is None else radius_w
        tried = [(radii_for(way, radius_u, w), way) for way in _by_slope(ways, lip, radius_u, w)[:REFINED]]
        words = "Q5's condition is proved with no κ for these radii: give smaller ones, or none to search"
    able = [(radii, way.z) for radii, way in tried if radii is not None]
    return max(able, key=lambda x: (x[0].radius_u, -x[0].kappa)) if able else words


def _by_slope(ways: list[Way], lip: Fraction, u: float, w: float) -> list[Way]:
    """By the slope that is left on the way, to first order."""
    reach = Fraction(w) + 2 * lip * Fraction(u)
    return sorted(ways, key=lambda x: (reach * x.calm.weights + Fraction(u) * x.calm.data - x.start) / x.size)


def require_radii(*radii: float | None) -> None:
    """Refuse radii that are out of range.

    Raises:
        InputError: with the range.
    """
    for radius in radii:
        if radius is not None and not SMALLEST <= radius <= LARGEST:
            raise InputError("aubin", f"radius {radius}", f"give a number from {SMALLEST:.0e} to {LARGEST:.0e}")


class SublevelRadii(Rule[SublevelPoint]):
    """Q5."""

    theorem = Q5

    def cost(self, problem: Problem) -> tuple[Cost, ...]:
        """Passes along directions."""
        return (pass_cost(problem, "aubin", _DESCENTS, "aubin, after modulus", more=_KRYLOV * problem.parameters),)

    def aubin(self, at: SublevelPoint) -> Bound:
        """κ for the radii that the spec asks for, or the largest found; from below the modulus."""
        modulus, cost = at.bound(MODULUS.name), self.cost(at.problem)[0]
        refused = self.refused(at, cost)
        if refused or modulus.upper is None:
            return aubin_bound(refused or modulus.reason, modulus)
        at.progress("explicit radii", 0.3)
        asked, upper = asked_radii(at.problem.spec), Fraction(modulus.upper)
        return aubin_bound(at.attempt(cost.name, lambda: enclose_sublevel_aubin(
            at.problem, upper, *asked, at.limits.check)), modulus)


def aubin_bound(found: tuple[Radii, Array] | str, modulus: Bound) -> Bound:
    """The claim, its lower end and its hypotheses those of the modulus: no κ below it will do, however small the radii.

    Args:
        found: from :func:`enclose_sublevel_aubin`.
        modulus: the bound on the modulus of the same problem.
    """
    whole = replace(modulus, quantity=AUBIN.name, theorem=Q5.label)
    if isinstance(found, str):
        return replace(whole, upper=None, reason=found)
    radii, z = found
    words = "at every weights of the ball, and for all data within radius_u, the training loss falls along the "
    words += "direction of the witness: on the path of the proof its slope is on average at least"
    descent = Hypothesis("descent", words, radii.slope, True)
    witness = {"radius_u": radii.radius_u, "radius_w": radii.radius_w, "z": [float(v) for v in z]}
    return replace(whole, upper=radii.kappa, hypotheses=(*modulus.hypotheses, descent), witness=witness, reason="")
