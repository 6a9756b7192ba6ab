"""LipSDP near a row in whole numbers, where slopes are nearly known: no layer is eliminated by a factorisation (Q8).

For chains of up to two hidden layers. What this leaves open is for :mod:`certify.check.lipschitz.lipsdp`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from flint import arb, arb_mat, fmpz_mat

from certify.check.linalg.balls import ONE, largest
from certify.check.linalg.fixed import scale, whole
from certify.check.lipschitz.by_squaring import norms
from certify.check.lipschitz.whole_numbers import WIDTH, Diagonal, Image, image, raised

SMALL, DEEPEST = 0.125, 2
"""Largest q for which no factorisation is needed, and hidden layers of a chain, at most."""


@dataclass(frozen=True)
class Layer:
    """A layer's weights, the same for all rows.

    Attributes:
        weights: in whole numbers.
        squares: of these.
    """

    weights: Image
    squares: fmpz_mat

    def share(self, over: Diagonal, factors: Diagonal) -> arb:
        """Upper bound of the trace of `d^½WᵀEWd^½`, E and d diagonal: of the square of `|E^½Wd^½|_F`."""
        across = fmpz_mat(1, len(over.values), over.values) * self.squares
        exact = arb((across * fmpz_mat(len(factors.values), 1, factors.values))[0, 0])
        middle = (exact * scale(over.bits + factors.bits + 2 * self.weights.bits)).sqrt()
        return ((middle + (over.most * factors.most).sqrt() * self.weights.radius) ** 2).upper()


def layer(W: arb_mat) -> Layer | None:
    """A layer from its weights; None where they are not finite."""
    found = image(W)
    if found is None:
        return None
    squares = [x * x for x in found.mid.entries()]
    return Layer(found, fmpz_mat(W.nrows(), W.ncols(), squares))


@dataclass(frozen=True)
class Hidden:
    """The slopes of a hidden layer at a row lie within ρ of μ, both exact.

    Attributes:
        mids: μ.
        halves: ρ.
    """

    mids: Diagonal
    halves: list[arb]

    @property
    def steepest(self) -> Diagonal | None:
        """Upper bounds of the squares of all slopes."""
        unit = scale(self.mids.bits)
        return raised([(abs(arb(m)) * unit + half) ** 2 for m, half in zip(self.mids.values, self.halves, strict=True)])


def hidden(mids: Sequence[arb], halves: Sequence[arb]) -> Hidden | None:
    """Slopes within `halves` of `mids`, balls: the middles are rounded, and the intervals widened by as much."""
    unit, found, wide = scale(WIDTH), [], []
    for mid, half in zip(mids, halves, strict=True):
        value = (mid.mid() / unit).floor().unique_fmpz() if mid.is_finite() else None
        if value is None:
            return None
        found.append(value)
        wide.append((abs(mid - arb(value) * unit) + half).upper())
    return Hidden(Diagonal(found, WIDTH, largest([abs(arb(value)) * unit for value in found])), wide)


class Unfactored:
    """What is the same for all rows.

    Args:
        weights: L with `W_1W_1ᵀ ⪯ LLᵀ` for the first layer, the features counted in their units, and those after it.
    """

    def __init__(self, weights: Sequence[arb_mat]) -> None:
        self._layers = [layer(W) for W in weights]

    def near(self, slopes: Sequence[tuple[Sequence[arb], Sequence[arb]]]) -> Near | None:
        """At one row: the middles and half-widths of the intervals of slopes, layer by layer."""
        layers = [found for found in self._layers if found is not None]
        known = [found for found in (hidden(*pair) for pair in slopes) if found is not None]
        return Near(layers, known) if (len(layers), len(known)) == (len(self._layers), len(slopes)) else None


class Near:
    """What chains that start at one row's features have in common.

    Args:
        layers: of :class:`Unfactored`, of which the last one's outputs may be asked for, or its inputs.
        slopes: of the hidden layers.
    """

    def __init__(self, layers: Sequence[Layer], slopes: Sequence[Hidden]) -> None:
        self.layers, self.slopes = layers, slopes

    @cached_property
    def start(self) -> Image:
        """`B = μW_1`."""
        return self.slopes[0].mids * self.layers[0].weights

    @cached_property
    def after(self) -> Image:
        """`J = W_2μW_1`."""
        return (self.layers[1].weights * self.start).short()

    def rows_below(self, values: Sequence[arb], bound: arb) -> bool:
        """Whether `|Wa| ≤ bound·|x|` is proved, W the last weights and a their inputs, from λ layer by layer."""
        return self._below(raised([ONE] * self.layers[-1].weights.mid.nrows()), self.slopes, values, bound)

    def inputs_below(self, values: Sequence[arb], bound: arb) -> bool:
        """Whether `|a| ≤ bound·|x|` is proved: as of the weights before, where every slope is the largest it can be."""
        return self._below(self.slopes[-1].steepest, self.slopes[:-1], values, bound)

    def _below(self, over: Diagonal | None, slopes: Sequence[Hidden], values: Sequence[arb], bound: arb) -> bool:
        """Whether `|E^½Ca| ≤ bound·|x|` is proved, a the outputs of the last hidden layer of those with slopes.

        `Q_L = CᵀEC`; `Q_{j−1} = W_jᵀ(μ(Q_j + Q_jDQ_j)μ + G)W_j` with diagonal `G ≥ ρΛρ`, `D ≥ Λ⁻¹/(1 − q_j)` and
        `q_j ≥ tr(Λ^-½Q_jΛ^-½)`, which is below 1; and `‖Q_0‖ < bound²`.

        Args:
            over: E.
            slopes: of the hidden layers.
            values: the λ.
            bound: the number.
        """
        if over is None or len(slopes) > DEEPEST or not all(v > 0 and v.is_finite() for v in (bound, *values)):
            return False
        parts, at = [], 0
        for known in slopes:
            parts.append(eliminated(known, values[at:at + len(known.halves)]))
            at += len(known.halves)
        form = self._form(over, [part for part in parts if part is not None]) if None not in parts else None
        if form is None:
            return False
        most = (bound ** 2 - form.radius) / scale(form.bits + 1)
        return any(norm < most for norm in norms(form.mid + form.mid.transpose()))

    def _form(self, over: Diagonal, parts: Sequence[Eliminated]) -> Image | None:
        """`Q_0` up to its antisymmetric part; None where nothing is proved."""
        first = self.layers[0].weights
        if not parts:
            return first.turned * (over * first)
        one, last = parts[0], parts[-1]
        q = self.layers[len(parts)].share(over, last.inverse)
        if not q < SMALL:
            return None
        if last is one:
            inner = over * self.after
        else:
            inner, most = self._second(over, last, q), last.most(q)
            q = arb(1) if most is None else self.layers[1].share(most, one.inverse)
            if not q < SMALL:
                return None
        U = (self.layers[1].weights.turned * inner).short()
        return self.start.turned * U + U.turned * (one.against(q) * U) + first.turned * (one.around * first)

    def _second(self, over: Diagonal, last: Eliminated, q: arb) -> Image:
        """`(μ(Q + QDQ)μ + G)J` with `Q = CᵀEC`: `(Cμ)ᵀ(E + E(CDCᵀ)E)CμJ`, and GJ."""
        C, J = self.layers[2].weights, self.after
        turned = last.mids * C.turned
        reached = (over * (turned.turned * J).short()).short()
        through = (C * (last.against(q) * C.turned)).short()
        more = over * (through * reached).short()
        return turned * (reached + more).short() + last.around * J


@dataclass(frozen=True)
class Eliminated(Hidden):
    """And its multipliers λ.

    Attributes:
        factors: λ > 0.
        inverse: d, at least `1/λ`.
        around: G, at least `ρ²λ`.
    """

    factors: Sequence[arb]
    inverse: Diagonal
    around: Diagonal

    def against(self, q: arb) -> Diagonal:
        """D, at least `Λ⁻¹/(1 − q)`: `(Λ − Q)⁻¹ ⪯ D` where no eigenvalue of `Λ^-½QΛ^-½` is above q."""
        factor = whole((1 / (1 - q) / scale(WIDTH)).upper().ceil())
        values = [(x * factor >> WIDTH) + 1 for x in self.inverse.values]
        return Diagonal(values, self.inverse.bits, (arb(max(values)) * scale(self.inverse.bits)).upper())

    def most(self, q: arb) -> Diagonal | None:
        """At least `μ(Q + QDQ)μ + G` where `Q ⪯ qΛ`: `QDQ ⪯ κq²Λ`, κ the largest of the numbers in DΛ."""
        D = self.against(q)
        kappa = largest([arb(d) * x for d, x in zip(D.values, self.factors, strict=True)]) * scale(D.bits)
        share, unit, more = q + kappa * q ** 2, scale(2 * self.mids.bits), scale(self.around.bits)
        return raised([arb(m * m) * unit * share * x + arb(g) * more for m, x, g in zip(
            self.mids.values, self.factors, self.around.values, strict=True)])


def eliminated(near: Hidden, factors: Sequence[arb]) -> Eliminated | None:
    """A hidden layer with multipliers λ > 0; None where one has no size that numbers can say."""
    inverse = raised([1 / x for x in factors])
    around = raised([half ** 2 * x for half, x in zip(near.halves, factors, strict=True)])
    return None if inverse is None or around is None else Eliminated(near.mids, near.halves, factors, inverse, around)
