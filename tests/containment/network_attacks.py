"""Random attacks on balls, passes, kernels and factors: adversarial networks for `tests.containment.network`."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from certify.rigor.arithmetic import Binary64, DoubleDouble, Pair
from certify.rigor.witness import propose
from tests.containment import bounds, network
from tests.containment.registry import attack
from tests.containment.rigor import Outcome
from tests.families import adversarial as families
from tests.families.draws import any_arithmetic, net_and_data, pair

Rng = np.random.Generator


@attack("affine", "R2")
def affine(rng: Rng) -> Outcome:
    arithmetic = any_arithmetic(rng)
    m, n = int(rng.integers(1, 6)), int(rng.integers(1, 4))
    mid = pair(rng, n, m)
    mid = mid if arithmetic.name != "binary64" else Pair(mid.hi)
    W = pair(rng, int(rng.integers(1, 5)), m)
    rad = rng.random(n) * float(rng.choice([0.0, 1e-300, 1e-16, 1e-6, 1.0]))
    b = None if rng.random() < 0.4 else rng.standard_normal(W.shape[0]) * float(rng.choice([1.0, 1e8, 1e-8]))
    bias = None if b is None else Pair(b, b * 2.0**-53 * rng.uniform(-1, 1, len(b)) if W.lo is not None else None)
    if arithmetic.name == "binary64":
        W, bias = Pair(W.hi), None if b is None else Pair(b)
    radii = rng.random(2) * rng.choice([0.0, 0.0, 1e-16, 1e-9, 1e-3, 1.0], 2)
    return network.affine_balls(mid, rad, W, bias, (float(radii[0]), float(radii[1])), arithmetic, rng)


@attack("forward", "R8", "R9")
def forward(rng: Rng) -> Outcome:
    return network.forward_pass(*net_and_data(rng), any_arithmetic(rng))


@attack("backward", "R8", "R9")
def backward(rng: Rng) -> Outcome:
    return network.backward_pass(*net_and_data(rng), any_arithmetic(rng))


@attack("tangent_kernel", "M3", "R10")
def tangent_kernel(rng: Rng) -> Outcome:
    net, X = net_and_data(rng)
    layers = net.layers("all") if rng.random() < 0.6 else (int(rng.integers(1, net.depth + 1)),)
    return network.kernel(net, X, layers, any_arithmetic(rng), tile=int(rng.integers(1, 5)))


@attack("rounded_passes")
def rounded_passes(rng: Rng) -> Outcome:
    net, X = net_and_data(rng)
    return network.kernel(net, X, net.layers("all"), Binary64(), passes=DoubleDouble())


@attack("jacobian", "M3", "W1")
def jacobian(rng: Rng) -> Outcome:
    net, X = net_and_data(rng)
    layers = net.layers("all") if rng.random() < 0.6 else (int(rng.integers(1, net.depth + 1)),)
    return network.jacobian_rows(net, X, layers, any_arithmetic(rng))


@attack("feature_factor", "M3")
def feature_factor(rng: Rng) -> Outcome:
    arithmetic = any_arithmetic(rng)
    n, k, d = int(rng.integers(1, 4)), int(rng.integers(1, 4)), int(rng.integers(1, 5))
    mid = pair(rng, n * k, d)
    mid = mid if arithmetic.name != "binary64" else Pair(mid.hi)
    rad = rng.random(n * k) * float(rng.choice([0.0, 1e-16, 1e-6, 1.0]))
    return network.factor(mid, rad, k, rng.random(n) < 0.8, families.scale(rng, d), arithmetic, rng)


@attack("congruence", "C1", "W1", slow=1)
def congruence(rng: Rng) -> Outcome:
    arithmetic = any_arithmetic(rng)
    return network.congruent(bounds.random_kernel(rng, arithmetic)[0], arithmetic, rng)


@attack("witness", slow=1)
def witness(rng: Rng) -> Outcome:
    arithmetic = any_arithmetic(rng)
    J, _ = bounds.random_jacobian(rng)
    A = J.mid if arithmetic.name != "binary64" else Pair(J.mid.hi)
    X = propose(A.hi)
    if X is None:
        return "refused"
    if rng.random() < 0.3:  # any witness is allowed
        X = X * (1.0 + 0.1 * rng.uniform(-1, 1, X.shape))
    radius = Fraction(float(J.rad.max())) if rng.random() < 0.3 else J.rad
    return network.orthonormal(A, radius, X, arithmetic, rng)
