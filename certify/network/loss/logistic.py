"""The logistic loss `log(1 + e^(−sf))`, s = ±1: slope `c = −s/(1 + e^(sf))`, curvature `|c|(1 − |c|)` (L1, H2)."""

from __future__ import annotations

import flint
import numpy as np

from certify.format.errors import SpecError
from certify.network.layers.stacks import Stack
from certify.network.loss.base import Loss, LossTerms
from certify.network.loss.by_arb import enclose_by_arb
from certify.rigor.arithmetic import Arithmetic, Pair
from certify.rigor.ball import Balls
from certify.rigor.fp import RAISE, Array


class Logistic(Loss):
    """`log(1 + e^(−sf))` of one output, s = ±1 from labels 0/1 or −1/1."""

    name, unit = "logistic", "log-odds"

    def terms(self, output: Balls, targets: Array | None, labels: Array | None, arithmetic: Arithmetic) -> LossTerms:
        """By balls at the midpoints."""
        if labels is None:
            raise SpecError("logistic loss", "no labels", "name data.targets")
        return _logistic(output, np.where(labels > 0, 1.0, -1.0))

    def ball(
        self, f: list[flint.arb], target: Array | None, label: int | None
    ) -> tuple[flint.arb, list[flint.arb]]:
        """Of one row."""
        if label is None:
            raise SpecError("logistic loss", "no labels" if target is not None else "no target", "name data.targets")
        return _logistic_ball(f, 1.0 if label > 0 else -1.0)

    def curvatures(
        self, terms: LossTerms, targets: Array | None, labels: Array | None, arithmetic: Arithmetic
    ) -> Stack:
        """From the slopes alone."""
        return _curvatures(terms, arithmetic)

    def alphabets(self, k: int) -> tuple[set[int], ...]:
        """0 and 1, or −1 and 1."""
        return {0, 1}, {-1, 1}

    def lacking(self, y: Array | None, labels: Array | None) -> tuple[str, str] | None:
        """Class labels."""
        return None if labels is not None else ("none that fit the logistic loss", "give class labels")

    def aims(self, y: Array | None, labels: Array | None, k: int) -> Array:
        """The signs, `(n, 1)`."""
        assert labels is not None
        return np.where(np.asarray(labels) > 0, 1.0, -1.0)[:, None]

    def rough(self, f: Array, aims: Array) -> tuple[Array, int]:
        """A tie predicts no label."""
        margin = aims[:, 0] * f[:, 0]
        return np.logaddexp(0.0, -margin), int(np.sum(margin > 0))

    def ascent(self, f: Array, aims: Array) -> tuple[float, Array]:
        """`log(1 + e^(−sf))`, `−s/(1 + e^(sf))`."""
        slopes = -aims / (1.0 + np.exp(np.clip(aims * f, -700, 700)))
        return float(np.logaddexp(0.0, -aims * f).sum()), slopes

    def rough_curvature(self, slopes: Array, aims: Array, a: int, b: int) -> Array:
        """`|c|(1 − |c|)`."""
        return np.asarray(np.abs(slopes[:, 0]) * (1 - np.abs(slopes[:, 0])))

    def endless(self, aims: Array) -> bool:
        """Always."""
        return True

    def rough_products(self, slopes: Array, aims: Array, directions: Array) -> Array:
        """`|c|(1 − |c|)d`."""
        return np.asarray(np.abs(slopes) * (1 - np.abs(slopes)) * directions)


def _logistic_ball(f: list[flint.arb], s: float) -> tuple[flint.arb, list[flint.arb]]:
    e = (-s * f[0]).exp()
    return e.log1p(), [-s * e / (1 + e)]


def _logistic(output: Balls, sign: Array) -> LossTerms:
    if output.mid.shape[1] != 1:
        raise SpecError("logistic loss", f"{output.mid.shape[1]} outputs", "use one output, or cross_entropy")
    return enclose_by_arb(output, sign.tolist(), _logistic_ball, np.full(len(sign), 0.25), np.ones(len(sign)))


def _curvatures(terms: LossTerms, arithmetic: Arithmetic) -> Stack:
    """`s(1 − s)`, `s = |c| ∈ [0, 1]`, is 1-Lipschitz in s."""
    c = terms.slopes
    sign = np.where(c.mid.hi < 0, -1.0, 1.0)
    s = Pair(c.mid.hi * sign, None if c.mid.lo is None else c.mid.lo * sign)
    minus = Pair(-s.hi, None if s.lo is None else -s.lo)
    other = arithmetic.add(Pair(np.ones((1, 1))), minus)
    value = arithmetic.multiply(s, other)
    size = c.norm
    # the midpoint may leave [0, 1] by rad; 1 − s and the product are rounded, by unit·(1 + s)s each
    rad = (1.0 + c.rad) * c.rad + 2.0 * arithmetic.unit * size * (1.0 + size)
    n = len(c.rad)
    return Stack.make(value.reshape(n, 1, 1), rad * RAISE, arithmetic)
