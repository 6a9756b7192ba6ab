"""Draws that attacks on several kernels share: an arithmetic, a pair at its limit, a network with its data."""

from __future__ import annotations

import numpy as np

from certify.rigor.arithmetic import Arithmetic, Binary64, DoubleDouble, Pair
from tests.families import adversarial as families

Rng = np.random.Generator


def any_arithmetic(rng: Rng) -> Arithmetic:
    return DoubleDouble() if rng.random() < 0.35 else Binary64()


def pair(rng: Rng, n: int, m: int, extreme: bool = False) -> Pair:
    """A pair with `|lo| ≤ 2u|hi|`, at the limit in some entries."""
    hi = families.any_matrix(rng, n, m, ordinary=not extreme)
    if rng.random() < 0.3:
        return Pair(hi)
    lo = hi * 2.0**-52 * rng.choice([-1.0, 1.0, 0.5, 0.0, 0.3], hi.shape)
    return Pair(hi, lo * (rng.random(hi.shape) if rng.random() < 0.5 else 1.0))


def net_and_data(rng: Rng) -> tuple[families.Network, np.ndarray]:
    net = families.network(rng)
    return net, families.data(rng, int(rng.integers(1, 4)), net.widths[0])
