"""The squared loss `½|f − y|²`: slope `f − y`, curvature I (L1, H2)."""

from __future__ import annotations

import flint
import numpy as np

from certify.format.errors import SpecError
from certify.network.layers.stacks import Stack
from certify.network.loss.base import Loss, LossTerms
from certify.rigor import fp
from certify.rigor.arithmetic import Arithmetic, Pair
from certify.rigor.ball import Balls
from certify.rigor.fp import RAISE, Array


class Squared(Loss):
    """`½|f − y|²` of real targets; labels are not read."""

    name = "squared"
    slides = quadratic = True

    def terms(self, output: Balls, targets: Array | None, labels: Array | None, arithmetic: Arithmetic) -> LossTerms:
        """In the arithmetic that is given: f − y errs by the radius of f and by one rounding."""
        if targets is None:
            raise SpecError("squared loss", "no real targets", "name data.targets")
        return _squared(output, targets, arithmetic)

    def ball(
        self, f: list[flint.arb], target: Array | None, label: int | None
    ) -> tuple[flint.arb, list[flint.arb]]:
        """Of one row."""
        if target is None:
            raise SpecError("squared loss", "no target", "name data.targets")
        c = [x - flint.arb(y) for x, y in zip(f, target.tolist(), strict=True)]
        return sum((x * x for x in c), flint.arb(0)) / 2, c

    def curvatures(
        self, terms: LossTerms, targets: Array | None, labels: Array | None, arithmetic: Arithmetic
    ) -> Stack:
        """I, exactly."""
        n, k = terms.slopes.mid.shape
        return Stack.make(Pair(np.tile(np.eye(k), (n, 1, 1))), np.zeros(n), arithmetic)

    def alphabets(self, k: int) -> tuple[set[int], ...]:
        """None."""
        return ()

    def lacking(self, y: Array | None, labels: Array | None) -> tuple[str, str] | None:
        """Real targets."""
        return None if y is not None else (
            "none that fit the squared loss",
            'give real targets y, or for labels loss = "logistic" (one output) or "cross_entropy"')

    def aims(self, y: Array | None, labels: Array | None, k: int) -> Array:
        """The targets."""
        assert y is not None
        return y

    def rough(self, f: Array, aims: Array) -> tuple[Array, int]:
        """No label is predicted."""
        return 0.5 * np.sum((f - aims) ** 2, axis=1), 0

    def ascent(self, f: Array, aims: Array) -> tuple[float, Array]:
        """`½|f − y|²`, `f − y`."""
        r = f - aims
        return 0.5 * float(np.sum(r * r)), r

    def rough_curvature(self, slopes: Array, aims: Array, a: int, b: int) -> Array:
        """The identity."""
        return np.full(len(slopes), float(a == b))

    def rough_products(self, slopes: Array, aims: Array, directions: Array) -> Array:
        """The directions."""
        return directions


def _squared(output: Balls, y: Array, arithmetic: Arithmetic) -> LossTerms:
    c = arithmetic.add(output.mid, Pair(-y))
    rad = (output.rad + arithmetic.unit * (output.norm + fp.row_norms(y))) * RAISE
    slopes = Balls.make(c, rad, arithmetic)
    square = np.sum(c.hi * c.hi, axis=1)
    size = fp.row_norms(c.hi)
    low = 0.0 if c.lo is None else fp.row_norms(c.lo)
    error = (fp.dot_unit(c.shape[1]) + 4 * fp.U) * size**2 + (size + slopes.norm) * (rad + low)
    return LossTerms(0.5 * square, 0.5 * error * RAISE, slopes, np.ones(len(y)))
