"""LipSDP near a row in whole numbers, where slopes are nearly known: no layer is eliminated by a factorisation (Q8).

For chains of up to two hidden layers. What this leaves open is for :mod:`certify.check.lipschitz.lipsdp`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import mul

from flint import arb, arb_mat, fmpz, fmpz_mat

from certify.check.linalg.balls import ONE, largest
from certify.check.linalg.fixed import scale
from certify.check.linalg.large.products import whole
from certify.check.lipschitz.one_direction import Rest, below
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
        self._layers = [layer(W) for W in weights] if len(weights) <= DEEPEST + 2 else [None]

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
        parts, at = list[Eliminated](), 0
        for known in slopes:
            part = eliminated(known, values[at:at + len(known.halves)])
            if part is None:
                return False
            parts.append(part)
            at += len(known.halves)
        found = self._form(over, parts)
        return found is not None and below(*found, bound ** 2)

    def _form(self, over: Diagonal, parts: Sequence[Eliminated]) -> tuple[Image, Rest | None] | None:
        """A, up to its antisymmetric part, and R with `Q_0 = A + R`; None where nothing is proved.

        With one hidden layer `A = JᵀEJ`, and `R = UᵀDU + W_1ᵀGW_1` with `U = W_2ᵀEJ`. With two of them
        `A = (CμJ)ᵀ(E + ECDCᵀE)CμJ`, and R holds `JᵀG_2J` too, `U = W_2ᵀ(μCᵀ(E + ECDCᵀE)CμJ + G_2J)`.
        """
        first = self.layers[0].weights
        if not parts:
            return first.turned * (over * first), None
        one, last, J, second = parts[0], parts[-1], self.after, self.layers[1]
        q = self.layers[len(parts)].share(over, last.inverse)
        if not q < SMALL:
            return None
        top, around = None, arb(0)
        if last is not one:
            top, around = Top.of(self.layers[2].weights, over, last, q), last.around.most
            q = top.share(second.weights, one.inverse) + second.share(last.around, one.inverse)
            if not q < SMALL:
                return None
        D = one.against(q)

        def seen(X: Image) -> Image:
            Y, W = (J * X).short(), first * X
            reached = over * Y if top is None else top.turned * top.lifted(Y)[1] + last.around * Y
            U = (second.weights.turned * reached).short()
            found = U.turned * (D * U) + W.turned * (one.around * W)
            return found if top is None else found + Y.turned * (last.around * Y)

        # QDQ ⪯ κqQ for Q ⪯ qΛ and D ⪯ κΛ⁻¹
        share, far = one.kappa(D) * q, around * (J.reach + J.radius) ** 2
        spread = far * (1 + share) + one.around.most * (first.reach + first.radius) ** 2
        if top is None:
            form = J.turned * (over * J)
        else:
            low, high = top.lifted(J)
            form = low.turned * high
        return form, Rest(seen, share.upper(), spread.upper())


@dataclass(frozen=True)
class Top:
    """The second hidden layer of two: `P = E + ECDCᵀE` where C comes after it.

    Attributes:
        over: E.
        turned: `μCᵀ`.
        through: `CDCᵀ`.
    """

    over: Diagonal
    turned: Image
    through: Image

    @classmethod
    def of(cls, C: Image, over: Diagonal, last: Eliminated, q: arb) -> Top:
        """With D of the layer."""
        return cls(over, last.mids * C.turned, (C * (last.against(q) * C.turned)).short())

    def lifted(self, Y: Image) -> tuple[Image, Image]:
        """`CμY`, and P times that."""
        low = (self.turned.turned * Y).short()
        once = (self.over * low).short()
        return low, (once + (self.over * (self.through * once).short()).short()).short()

    def share(self, W: Image, factors: Diagonal) -> arb:
        """Upper bound of the trace of `d^½(CμW)ᵀP(CμW)d^½`: a sum of products of entries of CμW and of PCμW."""
        low, high = self.lifted(W)
        columns = [sum(map(mul, u, v), fmpz(0)) for u, v in zip(
            low.turned.mid.tolist(), high.turned.mid.tolist(), strict=True)]
        exact = arb(sum(map(mul, columns, factors.values), fmpz(0))) * scale(low.bits + high.bits + factors.bits)
        off = low.size * high.radius + low.radius * (high.size + high.radius)
        return (exact + factors.most * off).upper()


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

    def kappa(self, D: Diagonal) -> arb:
        """The largest of the numbers in DΛ."""
        return largest([arb(d) * x for d, x in zip(D.values, self.factors, strict=True)]) * scale(D.bits)


def eliminated(near: Hidden, factors: Sequence[arb]) -> Eliminated | None:
    """A hidden layer with multipliers λ > 0; None where one has no size that numbers can say."""
    inverse = raised([1 / x for x in factors])
    around = raised([half ** 2 * x for half, x in zip(near.halves, factors, strict=True)])
    return None if inverse is None or around is None else Eliminated(near.mids, near.halves, factors, inverse, around)
