"""The tests' registry of activations: one line each, and the whole suite of this folder runs on it.

An oracle is φ as a function of a power series `x + s` over balls; its coefficients are the derivatives, so that no
formula of the product is used. `right` says on which side of 0: the branch of a piecewise φ, a stable form of others.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import flint
import numpy as np
from flint import arb, arb_series

from certify.rigor.activation import ACTIVATIONS, Activation

Series = Any


@dataclass(frozen=True)
class Case:
    """An activation and what is known of it independently.

    Attributes:
        name: its name.
        oracle: φ of a series.
        at_zero: the orders j for which `sup|φ^(j)|` is attained at 0, exactly the registered bound.
        one_sided: the orders that have a jump at 0.
    """

    name: str
    oracle: Callable[[Series, bool], Series]
    at_zero: tuple[int, ...] = ()
    one_sided: tuple[int, ...] = ()

    @property
    def activation(self) -> Activation:
        return ACTIVATIONS[self.name]

    def derivatives(self, x: arb, right: bool, count: int) -> list[arb]:
        """Balls around φ, φ', … (`count` of them) at every point of the ball x."""
        old, flint.ctx.cap = flint.ctx.cap, count
        try:
            coefficients = self.oracle(arb_series([x, 1]), right).coeffs()
        finally:
            flint.ctx.cap = old
        coefficients += [arb(0)] * (count - len(coefficients))
        return [c * math.factorial(k) for k, c in enumerate(coefficients)]


def logistic(s: Series, right: bool) -> Series:
    """σ without e^|x|."""
    t = (-s if right else s).exp()
    return 1 / (1 + t) if right else t / (1 + t)


CASES = (
    Case("relu", lambda s, right: s if right else 0 * s, one_sided=(1,)),
    Case("leaky_relu", lambda s, right: s if right else arb(0.01) * s, one_sided=(1,)),
    Case("elu", lambda s, right: s if right else s.exp() - 1, one_sided=(2,)),
    Case("tanh", lambda s, right: 2 * logistic(2 * s, right) - 1, at_zero=(1, 3)),
    Case("sigmoid", logistic, at_zero=(1, 3)),
    Case("softplus", lambda s, right: (1 + (-s if right else s).exp()).log() + (s if right else 0), at_zero=(2,)),
    Case("gelu", lambda s, right: s * (-s / arb(2).sqrt()).erfc() / 2),
    Case("silu", lambda s, right: s * logistic(s, right), at_zero=(2,)),
    Case("identity", lambda s, right: s),
)


def adversarial() -> np.ndarray:
    """Floats where a reduction, a clip, an underflow or a rounding could go wrong; both signs."""
    smallest, normal = 5e-324, 2.0**-1022
    tiny = [0.0, smallest, 3 * smallest, normal - smallest, normal, 1e-300, 2.0**-900, 2.0**-899, 1e-160, 1e-30]
    large = [3e2, 709.0, 710.0, 745.2, 1e3, 1e10, 2.0**53, 1e100, 1e154, 1e300, 2.0**1023, np.finfo(float).max]
    k = np.arange(1, 130)
    reductions = np.concatenate([k * math.log(2) / 2, k * math.log(2) / 4, np.sqrt(k * math.log(2))])
    others = np.concatenate([[1e-17, 2.0**-53, 1e-8, 0.25, 0.5, 1.0, 4.0, 8.0, 10.0, 20.0, 40.0, 80.0], reductions])
    near = [others]
    for _ in range(2):
        near = [np.nextafter(near[0], -np.inf), *near, np.nextafter(near[-1], np.inf)]
    x = np.concatenate([np.array(tiny + large), *near])
    return np.concatenate([x, -x])


def sample(count: int, seed: int = 0) -> np.ndarray:
    """Random floats: half where activations bend, half over all magnitudes."""
    rng = np.random.default_rng(seed)
    spread = rng.choice([-1.0, 1.0], count // 2) * 2.0 ** rng.uniform(-60, 12, count // 2)
    return np.concatenate([3.0 * rng.standard_normal(count - count // 2), spread])


def violations(case: Case, x: np.ndarray, order: int) -> list[str]:
    """What of `enclose(x, order)` is not proved by Arb to contain the truth (empty: all is proved)."""
    found = []
    enclosed = case.activation.enclose(x, order)
    assert len(enclosed) == order + 1
    for i, point in enumerate(x.tolist()):
        for right in {point > 0, point >= 0}:
            truths = case.derivatives(arb(point), right, order + 1)
            for j, (truth, part) in enumerate(zip(truths, enclosed, strict=True)):
                if not abs(truth - arb(float(part.mid[i]))) <= arb(float(part.error[i])):
                    found.append(f"{case.name}, derivative {j} at {point!r}: {part.mid[i]!r} ± {part.error[i]:.3g}")
    return found
