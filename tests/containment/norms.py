"""Containment of what a norm of the weights adds: scaled adjoints, and the kernel with reference rows."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from certify.format.errors import InputError
from certify.network.layer_scale import LARGEST, LayerScale
from certify.network.layers.kernel import Kernel
from certify.problem.norms.function import regularised
from certify.rigor.arithmetic import Arithmetic, Pair
from certify.rigor.ball import Balls
from tests.containment import bounds
from tests.containment.network import direction, kernel_member
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, expect, refusing
from tests.families import adversarial as families
from tests.families.draws import any_arithmetic, pair
from tests.oracles import matrices as exact

Rng = np.random.Generator


def scaled_adjoints(mid: Pair, rad: np.ndarray, square: Fraction, arithmetic: Arithmetic, rng: Rng) -> Outcome:
    """`b/s` lies in the scaled ball for b on the ball, and within its norm; `s⁻²` is a rational, its root is not."""
    balls = refusing(lambda: Balls.make(mid, rad, arithmetic))
    if balls is None:
        return "refused"
    try:
        scale = LayerScale((square,))
    except InputError:
        expect(square > LARGEST or square < 1 / LARGEST, "only what is out of range is refused", square=square)
        return "refused"
    found = refusing(lambda: scale.adjoints((balls, balls), arithmetic))
    if found is None:
        return "refused"
    inputs = {"mid": mid, "rad": rad, "square": square}
    expect(found[0] is balls, "∂f/∂x is left alone", **inputs)

    def holds() -> Outcome:
        t = exact.rational(1) if square == 1 else exact.ball(exact.rational(square)).sqrt()
        for i, row in enumerate(exact.pair(mid)):
            for step in ([0] * len(row), direction(rng, len(row))):
                truth = [(x + exact.rational(float(rad[i])) * v) * t for x, v in zip(row, step, strict=True)]
                centre = exact.pair(found[1].mid)[i]
                gap = exact.square([x - y for x, y in zip(truth, centre, strict=True)])
                expect(exact.at_most(gap, exact.rational(float(found[1].rad[i])) ** 2), f"row {i}", **inputs)
                size = exact.square(truth)
                expect(exact.at_most(size, exact.rational(float(found[1].norm[i])) ** 2), f"norm {i}", **inputs)
        return "decided"

    return exact.decided(holds)


def reference_kernel(K: Kernel, start: int, tau: float, arithmetic: Arithmetic, rng: Rng) -> Outcome:
    """Members of the kernel with τ² on the diagonal from `start` on are members of the regularised one."""
    found = refusing(lambda: regularised(K, start, tau, arithmetic))
    if found is None:
        return "refused"
    inputs = {"mid": K.mid, "e": K.e, "s": K.s, "start": start, "tau": tau}
    mid, e, s = exact.pair(found.mid), exact.vector(found.e), exact.vector(found.s)
    square = exact.rational(tau) ** 2
    for corner in (False, True, True):
        for i, row in enumerate(kernel_member(K, rng, corner)):
            for j, x in enumerate(row):
                truth = x + square if i == j >= start else x
                close = exact.at_most(abs(truth - mid[i][j]), e[i] * s[j] + s[i] * e[j])
                expect(close, f"entry [{i}, {j}]", **inputs)
    return "decided"


@attack("scaled_adjoints", "S1")
def any_adjoints(rng: Rng) -> Outcome:
    arithmetic = any_arithmetic(rng)
    mid = pair(rng, int(rng.integers(1, 5)), int(rng.integers(1, 6)))
    mid = mid if arithmetic.extended else Pair(mid.hi)
    rad = np.abs(mid.hi).max(axis=1) * rng.random(len(mid.hi)) * float(rng.choice([0.0, 2.0**-53, 2.0**-20, 1.0]))
    W = families.any_matrix(rng, ordinary=True)
    square = sum((Fraction(float(w)) ** 2 for w in W.ravel()), Fraction(0))
    return scaled_adjoints(mid, rad, square or Fraction(3), arithmetic, rng)


@attack("reference_kernel", "S2")
def any_reference_kernel(rng: Rng) -> Outcome:
    arithmetic = any_arithmetic(rng)
    K, _ = bounds.random_kernel(rng, arithmetic)
    tau = float(rng.random() * 2.0 ** int(rng.integers(-40, 41)))
    return reference_kernel(K, int(rng.integers(0, len(K.e) + 1)), max(tau, 2.0**-40), arithmetic, rng)
