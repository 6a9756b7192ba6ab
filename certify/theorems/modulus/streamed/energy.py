"""`zᵀKz = |Jᵀz|²` from above, layer by layer and without the kernel (M2k)."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from certify.network.layers.kernel import KernelParts
from certify.rigor import fp
from certify.rigor.ball import Balls
from certify.rigor.fp import RAISE, Array

ROWS = 2048
"""Samples whose gradients are added in one product."""


def energy_above(parts: KernelParts, z: Array) -> Fraction:
    """Upper bound of `zᵀKz = Σ_h |Σ_i c_i [a_i, 1]ᵀ|_F²`, `c_i = Σ_a z_(i,a) B_h^(i,a)`, whichever the exact parts are.

    What is off in a layer, in norm, is at most `Σ_i |z_i|(β q + r α)` for the radii r, q of B and a, and
    `(b + k + 2m + 9)u Σ_i |z_i|βα` for the sums, m products of at most b samples each (R2b), k outputs.

    Args:
        parts: what the kernel is made of.
        z: `(n·k,)`, entries at most 1 in size.
    """
    squares, missing = Fraction(0), Fraction(fp.FLOOR)
    weights = np.abs(z)
    for b, a, bias in parts.layers:
        squares += _square(b, a, bias, z.reshape(-1, parts.outputs))
        alpha, q = np.repeat(a.norm, parts.outputs), np.repeat(a.rad, parts.outputs)
        if bias:
            alpha = np.sqrt(alpha * alpha + 1.0) * RAISE
        m = -(-parts.samples // ROWS)
        unit = float(fp.block_unit(min(ROWS, parts.samples) + parts.outputs + 3, m)) * RAISE
        each = (b.norm * q + b.rad * alpha + unit * b.norm * alpha) * RAISE
        missing += fp.total((weights * each * RAISE).tolist())
    return (fp.sqrt_up(squares) + missing) ** 2


def _square(b: Balls, a: Balls, bias: bool, z: Array) -> Fraction:
    """Upper bound of the squared norm of the computed `Σ_i c_i [a_i, 1]ᵀ`."""
    n, k = z.shape
    total = np.zeros((b.mid.hi.shape[1], a.mid.hi.shape[1]))
    ones = np.zeros(b.mid.hi.shape[1])
    for start in range(0, n, ROWS):
        own = slice(start, start + ROWS)
        B = b.mid.hi[start * k : (start + ROWS) * k]
        c = np.einsum("ik,ikm->im", z[own], B.reshape(-1, k, B.shape[1]))
        total += c.T @ a.mid.hi[own]
        ones += c.sum(axis=0)
    found = Fraction(fp.frobenius(total)) ** 2
    return found + Fraction(fp.frobenius(ones[None, :])) ** 2 if bias else found
