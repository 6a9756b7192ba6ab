"""Lipschitz constants of chains of layers, proved from the multipliers of a certificate: LipSDP near a row (Q8, V31).

Layer by layer from the last one: what the units can add to a quadratic form is eliminated by a factorisation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flint import arb, arb_mat

from certify.check.enclosure.activation import ACTIVATIONS
from certify.check.enclosure.network import Forward, Parameters, first_weights, layer_slopes
from certify.check.linalg.balls import ZERO, largest
from certify.check.linalg.definite import Truth, definiteness
from certify.check.lipschitz.reach import Reach
from certify.check.reading.arrays import Array
from certify.check.reading.subject import Problem

SMALL = 0.125
"""Largest q for which no factorisation is tried first."""

Weights = Sequence[arb_mat | None]


@dataclass(frozen=True)
class Slopes:
    """Intervals of a layer's slopes at one row: midpoints and half-widths, one a unit."""

    mids: list[arb]
    halves: list[arb]


class FirstLayer:
    """`WᵀMW ≺ s²I` for the first layer's W: decided in as many dimensions as W has rows, where these are fewer."""

    def __init__(self, W: arb_mat) -> None:
        self.W, self.inverse, self.defect = W, None, ZERO
        if W.nrows() < W.ncols():
            found = definiteness(W * W.transpose())
            if found.truth is Truth.PROVED:
                assert found.R is not None  # ‖RWWᵀRᵀ‖ ≤ 1 + defect, so WᵀMW ⪯ c(1 + defect)I where M ≺ cRᵀR
                self.inverse, self.defect = found.R.transpose() * found.R, found.defect

    @property
    def around(self) -> arb_mat | None:
        """What M is to be multiplied by from both sides before :meth:`below`; None: nothing."""
        return self.W if self.inverse is None else None

    def below(self, form: arb_mat | None, bound: arb) -> bool:
        """Whether `λ_max(WᵀMW) < bound²` is proved; form: `WᵀMW`, or M without `around`, or None."""
        if form is None:
            return False
        right = _diagonal([bound ** 2] * form.nrows()) if self.inverse is None else (
            self.inverse * (bound ** 2 / (1 + self.defect)))
        return definiteness(right - form, sharp=False).truth is Truth.PROVED


def layer_constants(
    problem: Problem, parameters: Parameters, passed: Forward, layer: int, t: arb, stated: Array,
) -> tuple[dict[int, arb], dict[int, arb]]:
    """What is proved of `|a(x_i + v) − a(x_i)|/|v|` and `|W(a(x_i + v) − a(x_i))|/|v|` of a layer, row by row.

    Args:
        problem: the problem.
        parameters, passed: at the given weights.
        layer: the layer, from 2.
        t: the radius of every moving row.
        stated: a line for each moving row: both bounds (0: none), the multipliers of the second, those of the first.
    """
    first, slopes = FirstLayer(first_weights(problem, parameters)), _slopes(problem, parameters, passed, layer, t)
    weights = [first.around, *parameters.weights[1:layer]]
    inputs: dict[int, arb] = {}
    rows: dict[int, arb] = {}
    width = stated.shape[1]
    for at, row in enumerate(problem.moving):
        values = [arb(v) for v in stated.values[at * width:(at + 1) * width]]
        near, rest = slopes[at], values[2:]
        split = sum(len(s.mids) for s in near)
        if values[1] > 0 and _proved(first, parameters.weights[layer - 1], weights, near, rest[:split], values[1]):
            rows[row] = values[1]
        # no slope is larger than the far end of its interval
        far = [abs(m) + h for m, h in zip(near[-1].mids, near[-1].halves, strict=True)]
        last = _scaled(far, parameters.weights[layer - 2]) if layer > 2 else _scaled(far, first.around)
        if not values[0] > 0:
            continue
        if layer == 2:
            proved = first.below(last.transpose() * last, values[0])
        else:
            proved = _proved(first, last, weights, near[:-1], rest[split:], values[0])
        if proved:
            inputs[row] = values[0]
    return inputs, rows


def _proved(
    first: FirstLayer, last: arb_mat, weights: Weights, near: Sequence[Slopes], values: Sequence[arb], bound: arb,
) -> bool:
    """Whether the chain that ends with `last` is proved to be no steeper than `bound`."""
    if not all(v > 0 for v in values):
        return False
    return any(first.below(_through(last, weights, near, values, exact), bound) for exact in (False, True))


def multipliers(problem: Problem, layer: int) -> int:
    """How many a line holds: those of every hidden layer before, and of all but the last of these."""
    widths = [problem.layers[j].outputs for j in range(layer - 1)]
    return 2 * sum(widths) - widths[-1]


def _through(
    last: arb_mat, weights: Weights, near: Sequence[Slopes], values: Sequence[arb], exact: bool,
) -> arb_mat | None:
    """`WᵀMW`, W the first of the weights, with `|last·a|² ≤ zᵀMz`; None: not proved.

    a: the last hidden layer's outputs; z: the first one's pre-activations. At each layer
    `aᵀQa + Σλ(a − αz)(βz − a)` is at most `zᵀMz`, `M = μ(Q + Q(Λ − Q)⁻¹Q)μ + ρΛρ` with μ and ρ the middle and half the
    width of `[α, β]`, if `Λ − Q ≻ 0`; where ρ = 0 exactly `a = μz`, and only the other units take part.

    Args:
        last: the weights after the last of these layers.
        weights: before each layer; None: 1.
        near, values: slopes and multipliers λ > 0, layer by layer.
        exact: whether every inverse is to be bounded by a factorisation.
    """
    end, Q = len(values), None
    for j in range(len(near) - 1, -1, -1):
        layer = near[j]
        factors = values[end - len(layer.mids):end]
        end -= len(factors)
        units = [i for i, half in enumerate(layer.halves) if not half == 0]
        B = _scaled(layer.mids, weights[j])
        if Q is None and last.nrows() < last.ncols():
            form = _thin(last, B, units, factors)
        else:
            form = _full(last.transpose() * last if Q is None else Q, B, units, factors, exact)
        if form is None:
            return None
        spread = [half * factor.sqrt() for half, factor in zip(layer.halves, factors, strict=True)]
        G = _scaled(spread, weights[j])
        Q = form + G.transpose() * G
    return Q


def _thin(C: arb_mat, B: arb_mat, units: list[int], factors: Sequence[arb]) -> arb_mat | None:
    """Upper bound of `Bᵀ(Q + Q(Λ − Q)⁻¹Q)B` for `Q = CᵀC`: that is `(CB)ᵀ(I − CΛ⁻¹Cᵀ)⁻¹CB`, over the units."""
    short = arb_mat([[row[i] / factors[i].sqrt() for i in units] or [ZERO] for row in C.tolist()])
    found = definiteness(_diagonal([arb(1)] * C.nrows()) - short * short.transpose(), sharp=False)
    if found.truth is not Truth.PROVED:
        return None
    assert found.R is not None
    T = found.R * (C * B)
    return T.transpose() * T / (1 - found.defect)


def _full(Q: arb_mat, B: arb_mat, units: list[int], factors: Sequence[arb], exact: bool) -> arb_mat | None:
    """Upper bound of `Bᵀ(Q + Q(Λ − Q)⁻¹Q)B`, the inverse over the units; None where `Λ − Q ≻ 0` is not proved.

    `(Λ − Q)⁻¹ ⪯ RᵀR/(1 − defect)` by a factorisation; or `⪯ Λ⁻¹/(1 − q)`, q the largest row sum of
    `|Λ^−½QΛ^−½|`, where that is small.
    """
    V = Q * B
    form = B.transpose() * V
    if not units:
        return form
    rows, part = V.tolist(), Q.tolist()
    inner = [[part[i][j] for j in units] for i in units]
    weights = [1 / factors[i].sqrt() for i in units]
    if not exact:
        sums = ((arb_mat(inner) * arb(0, 1)) * arb_mat([[w] for w in weights])).entries()
        q = largest([(w * x.abs_upper()).upper() for w, x in zip(weights, sums, strict=True)])
        if q < SMALL:
            T = arb_mat([[w * x for x in rows[i]] for w, i in zip(weights, units, strict=True)])
            return form + T.transpose() * T / (1 - q)
    gap = [[(factors[i] if a == b else ZERO) - inner[a][b] for b in range(len(units))] for a, i in enumerate(units)]
    found = definiteness(arb_mat(gap), sharp=False)
    if found.truth is not Truth.PROVED:
        return None
    assert found.R is not None
    T = found.R * arb_mat([rows[i] for i in units])
    return form + T.transpose() * T / (1 - found.defect)


def _scaled(values: Sequence[arb], W: arb_mat | None) -> arb_mat:
    """`diag(values)W`; None: W is 1."""
    if W is None:
        return _diagonal(values)
    return arb_mat([[v * x for x in row] for v, row in zip(values, W.tolist(), strict=True)])


def _slopes(
    problem: Problem, parameters: Parameters, passed: Forward, layer: int, t: arb,
) -> list[list[Slopes]]:
    """Of every moving row, the intervals of the hidden layers before `layer`."""
    moved = Reach(problem, parameters, passed).before_moved(t)
    place = {row: at for at, row in enumerate(problem.kept)}
    found: list[list[Slopes]] = [[] for _ in problem.moving]
    for h in range(1, layer):
        width = problem.layers[h - 1].outputs
        slopes = layer_slopes(problem, h, passed, kinks=True)
        for at, row in enumerate(problem.moving):
            here = slice(place[row] * width, (place[row] + 1) * width)
            pairs = [quotients(problem.activation, z, s, far) for z, s, far in zip(
                passed.before[h - 1][here], slopes[here], moved[h - 1][at * width:(at + 1) * width], strict=True)]
            found[at].append(Slopes([m for m, _ in pairs], [half for _, half in pairs]))
    return found


def quotients(activation: str, z: arb, slope: arb, far: arb) -> tuple[arb, arb]:
    """Midpoint and half-width of an interval that holds `(φ(z + δ) − φ(z))/δ` for `0 < |δ| ≤ far`.

    Args:
        activation: its name.
        z: the pre-activation.
        slope: `φ'(z)`; where the sign of z is open and φ has a kink, the midpoint of both sides.
        far: how far it moves.
    """
    phi = ACTIVATIONS[activation]
    if not phi.kinked:
        half = far * phi.bend / 2
        low, high = (slope - half).max(arb(phi.gentlest)), (slope + half).min(arb(phi.steepest))
        return (low + high) / 2, ((high - low) / 2).max(ZERO)
    if abs(z) > far:
        return slope, ZERO
    if z > 0 or z < 0:
        beyond = phi.jump * (1 - abs(z) / far).max(ZERO) / 2
        return (slope - beyond if z > 0 else slope + beyond), beyond
    return slope, phi.jump / 2


def _diagonal(values: Sequence[arb]) -> arb_mat:
    return arb_mat([[v if i == j else ZERO for j in range(len(values))] for i, v in enumerate(values)])
