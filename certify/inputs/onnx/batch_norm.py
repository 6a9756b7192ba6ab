"""BatchNorm in eval mode, folded into the linear layer beside it: other parameters of the same function, but rounded.

In eval mode BatchNorm is `x ↦ s(x − m)/√(v + ε) + t`, entry by entry, with constants: an affine map, which together
with the linear layer before or behind it is a linear layer. The root is irrational in general, so no float64 weights
give exactly that layer. What is certified is therefore *defined* by the folded numbers: `1/√(v + ε)` as a multiple
of a power of two with a relative error below 2^-256 (none where it is such a number), everything else in exact rational
arithmetic, and one rounding to the nearest float64 at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import isqrt
from typing import Any, Final

import numpy as np

from certify.format.errors import InputError
from certify.inputs.numbers import exact_float64

_BITS: Final = 256
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class BatchNorm:
    """The map `x_j ↦ factor_j x_j + shift_j`, in rational numbers."""

    factor: tuple[Fraction, ...]
    shift: tuple[Fraction, ...]


def batch_norm(numbers: Sequence[Array], epsilon: float, asked: str) -> BatchNorm:
    """BatchNorm in eval mode as a map with rational numbers.

    Args:
        numbers: scale s, shift t, running mean m and running variance v, one number a feature each.
        epsilon: ε.
        asked: how to name the file in messages.

    Raises:
        InputError: shapes that differ, a number that is not finite, or `v + ε ≤ 0`.

    >>> net = batch_norm([np.array([3.0]), np.array([1.0]), np.array([2.0]), np.array([3.75])], 0.25, "m.onnx")
    >>> net.factor[0], net.shift[0]
    (Fraction(3, 2), Fraction(-2, 1))
    """
    names = ("scale", "shift", "mean", "variance")
    for array in numbers:
        if array.ndim != 1 or array.shape != numbers[0].shape:
            raise InputError(asked, f"a BatchNorm with numbers of shapes {[a.shape for a in numbers]}", "export again")
    s, t, m, v = ([Fraction(x) for x in exact_float64(array, f"{name} of a BatchNorm in {asked}").tolist()]
                  for name, array in zip(names, numbers, strict=True))
    least = min(v) + Fraction(epsilon)
    if least <= 0:
        raise InputError(asked, f"a BatchNorm with variance + epsilon = {float(least)}, which has no real root above 0",
                         "export a trained network in eval mode")
    factor = [scale * inverse_root(variance + Fraction(epsilon)) for scale, variance in zip(s, v, strict=True)]
    return BatchNorm(tuple(factor), tuple(b - f * mean for b, f, mean in zip(t, factor, m, strict=True)))


def inverse_root(q: Fraction) -> Fraction:
    """`⌊2^b/√q⌋/2^b` for `q = n/d > 0`, with `b = max(0, 258 + ⌊(len n − len d + 1)/2⌋)`, len: length in bits.

    As `q < 2^(len n − len d + 1)`, it is `1/√q` with a relative error below 2^-256: none where that is a multiple of
    2^-b. A denominator that is a power of two keeps long sums of such numbers short.

    >>> inverse_root(Fraction(1, 4)), inverse_root(Fraction(16))
    (Fraction(2, 1), Fraction(1, 4))
    """
    n, d = q.numerator, q.denominator
    bits = max(0, _BITS + 2 + (n.bit_length() - d.bit_length() + 1) // 2)
    return Fraction(isqrt((d << 2 * bits) // n), 1 << bits)


def fold(weight: Array, bias: Array | None, before: BatchNorm | None, behind: BatchNorm | None, asked: str
         ) -> tuple[Array, Array]:
    """Weight and bias of the linear layer that a linear layer and the BatchNorms beside it make together.

    `W'_ij = h_i W_ij g_j` and `b'_i = h_i (b_i + Σ_j W_ij t_j) + r_i`, for `g_j x_j + t_j` before and `h_i z_i + r_i`
    behind it; computed in rational numbers, each entry rounded once.

    Args:
        weight: `(outputs, inputs)`, as stored.
        bias: `(outputs,)` as stored, or None; the layer made has one.
        before, behind: the BatchNorms, at least one of them.
        asked: how to name the file in messages.

    Raises:
        InputError: other lengths than the layer has, or a number that is not finite, stored or made.
    """
    for norm, length in ((before, weight.shape[1]), (behind, weight.shape[0])):
        if norm is not None and len(norm.factor) != length:
            raise InputError(asked, f"a BatchNorm of {len(norm.factor)} features beside {length} units of a layer",
                             "only chains of fully connected layers can be read")
    rows = exact_float64(weight, f"a weight in {asked}").tolist()
    biases = [0.0] * len(rows) if bias is None else exact_float64(bias, f"a bias in {asked}").tolist()
    folded: list[list[float]] = []
    for i, (row, constant) in enumerate(zip(rows, biases, strict=True)):
        entries, total = [Fraction(w) for w in row], Fraction(constant)
        if before is not None:
            total += sum((w * t for w, t in zip(entries, before.shift, strict=True)), Fraction(0))
            entries = [w * g for w, g in zip(entries, before.factor, strict=True)]
        if behind is not None:
            entries, total = [behind.factor[i] * w for w in entries], behind.factor[i] * total + behind.shift[i]
        try:
            folded.append([*(x.numerator / x.denominator for x in entries), total.numerator / total.denominator])
        except OverflowError:
            raise InputError(asked, "a BatchNorm that makes a parameter too large for float64", "train again") from None
    made = np.array(folded)
    return np.ascontiguousarray(made[:, :-1]), np.ascontiguousarray(made[:, -1])
