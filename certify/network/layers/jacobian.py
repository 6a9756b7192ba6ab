"""The Jacobian, formed: the last tier, for kernels too ill-conditioned to be read off `JJᵀ` (W1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.network.layers.passes import Forward
from certify.rigor import fp
from certify.rigor.arithmetic import Arithmetic, Pair
from certify.rigor.ball import Balls
from certify.rigor.fp import RAISE, Array


@dataclass(frozen=True, eq=False)
class Jacobian:
    """Rows `∂f_a(x_i)/∂w` with `|row − mid| ≤ rad`; row `i·k + a`.

    Attributes:
        mid: `(N, p)` pair.
        rad: `(N,)` Euclidean radii.
    """

    mid: Pair
    rad: Array


def jacobian(
    passed: Forward, adjoints: tuple[Balls, ...], layers: tuple[int, ...], biases: tuple[bool, ...],
    arithmetic: Arithmetic,
) -> Jacobian:
    """Form J over the free layers: `∂f/∂W_h = B_h ⊗ a_{h−1}`, `∂f/∂b_h = B_h`.

    A block errs by `r_b α + β r_a` (balls) and `unit·βα` (rounding) in Euclidean norm; blocks add as squares,
    bounded by their sum.

    Args:
        passed: forward pass.
        adjoints: `(B_0, …, B_H)`.
        layers: the free layers, from 1.
        biases: whether each layer has a bias.
        arithmetic: what computes the entries.
    """
    k = passed.output.mid.shape[1]
    parts: list[Pair] = []
    for h in layers:
        a, b = passed.inputs[h - 1], adjoints[h]
        N, m = b.mid.shape
        inputs = Pair(np.repeat(a.mid.hi, k, axis=0), None if a.mid.lo is None else np.repeat(a.mid.lo, k, axis=0))
        block = arithmetic.multiply(b.mid.reshape(N, m, 1), inputs.reshape(N, 1, inputs.shape[1]))
        parts.append(block.reshape(N, m * inputs.shape[1]))
        if biases[h - 1]:
            parts.append(b.mid)
    rad = row_radii(passed, adjoints, layers, biases, arithmetic)
    hi = np.concatenate([part.hi for part in parts], axis=1)
    if any(part.lo is not None for part in parts):
        lo = np.concatenate([np.zeros_like(part.hi) if part.lo is None else part.lo for part in parts], axis=1)
        return Jacobian(Pair(hi, lo), fp.require_finite(rad, "Jacobian"))
    return Jacobian(Pair(hi), fp.require_finite(rad, "Jacobian"))


def row_radii(
    passed: Forward, adjoints: tuple[Balls, ...], layers: tuple[int, ...], biases: tuple[bool, ...],
    arithmetic: Arithmetic,
) -> Array:
    """Euclidean radii of the rows of J around the products of the midpoints, J formed or not (arguments as above)."""
    k = passed.output.mid.shape[1]
    rad = np.zeros(len(adjoints[0].rad))
    for h in layers:
        a, b = passed.inputs[h - 1], adjoints[h]
        alpha, r = np.repeat(a.norm, k), np.repeat(a.rad, k)
        rad = (rad + b.rad * alpha + b.norm * r + arithmetic.unit * b.norm * alpha) * RAISE
        if biases[h - 1]:
            rad = (rad + b.rad) * RAISE
    return rad
