"""Checked array arguments of the public kernels, and simple norm bounds."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from certify.format.errors import EnvironmentRefused, InputError
from certify.rigor import fp
from certify.rigor.fp import Array


def as_matrix(A: object, name: str) -> Array:
    """A as a finite, nonempty 2-d float64 array with exactly the given values.

    Accepts float16/32/64 and integers up to 2^53; everything else is refused rather than rounded.

    Raises:
        InputError: naming the argument, what was found and what to give.
    """
    if isinstance(A, np.ma.MaskedArray):
        raise InputError(name, "a masked array", "fill or drop the masked entries")
    try:
        a = np.asarray(A)
    except ValueError:
        raise InputError(name, "rows of different lengths", "give a rectangular array") from None
    if a.dtype.kind not in "fiu" or a.dtype.itemsize > 8:
        raise InputError(name, f"an array of dtype {a.dtype}", "give float64 (float16, float32 and integers are exact)")
    if a.ndim != 2 or a.size == 0:
        raise InputError(name, f"an array of shape {a.shape}", "give a nonempty matrix (2-d)")
    if a.dtype.kind in "iu" and (a.astype(object) != a.astype(np.float64).astype(object)).any():
        raise InputError(name, "integers that float64 cannot represent", "give integers up to 2^53 in size")
    if fp.has_subnormal(a) and fp.flushes():
        raise EnvironmentRefused(name, "subnormal entries while this thread flushes them to zero",
                                 "turn flush-to-zero off, or rescale the matrix")
    a = a.astype(np.float64)
    if not np.isfinite(a).all():
        i, j = np.argwhere(~np.isfinite(a))[0]
        raise InputError(name, f"{a[i, j]} at [{i}, {j}]", "give finite numbers only")
    return a


def as_radius(radius: object, shape: tuple[int, ...], name: str = "radius") -> Array | None:
    """A radius argument: None, a number ≥ 0 for every entry, or an array ≥ 0 of the matrix's shape."""
    if radius is None:
        return None
    if np.ndim(radius) == 0:  # type: ignore[arg-type]
        radius = np.full(shape, as_matrix([[radius]], name)[0, 0])
    r = as_matrix(radius, name)
    if r.shape != shape:
        raise InputError(name, f"shape {r.shape} for a matrix of shape {shape}", "give one radius an entry")
    if (r < 0).any():
        raise InputError(name, f"negative entry {r.min():.3g}", "radii are at least 0")
    return r if r.any() else None


def require_symmetric(G: Array, name: str) -> None:
    """Refuse a matrix that is not square and exactly symmetric."""
    if G.shape[0] != G.shape[1]:
        raise InputError(name, f"shape {G.shape}", "give a square matrix")
    if not np.array_equal(G, G.T):
        i, j = np.argwhere(G != G.T)[0]
        raise InputError(name, f"not symmetric: entries [{i}, {j}] and [{j}, {i}] differ", "give (A + A.T) / 2")


def nonnegative_norm(R: Array) -> Fraction:
    """Upper bound of the spectral norm of every matrix with `|M| ≤ R`: `min(‖R‖_F, √(‖R‖₁‖R‖_∞))`.

    >>> float(nonnegative_norm(np.array([[3.0, 4.0]]))) - 5.0 < 1e-12
    True
    """
    k = max(R.shape)
    factor = 1 + Fraction(k + 8) * Fraction(fp.U)
    floor = Fraction(fp.FLOOR)
    ones = [fp.exact(float(fp.require_finite(R.sum(axis=a), "norm").max())) * factor + floor for a in (0, 1)]
    return min(Fraction(fp.frobenius(R)), fp.sqrt_up(ones[0] * ones[1]))


def unit_scaled(A: Array) -> tuple[Array, int]:
    """`A·2^(−e)` with largest entry in [½, 1), and e. Entries pushed below 2^-1022 move by at most 2^-1074.

    That error is far below `FLOOR`, which every later norm bound contains (R0).
    """
    largest = float(np.max(np.abs(A)))
    e = int(np.frexp(largest)[1]) if largest > 0 else 0
    half = e // 2  # two steps: 2^e itself may overflow or be subnormal
    return np.ldexp(np.ldexp(A, -half), half - e), e


def scaled_spread(r: Array | None, e: int) -> Fraction:
    """Bound of the spectral norm of everything within the radius r, computed at the scale 2^e of its matrix."""
    if r is None:
        return Fraction(0)
    half = e // 2
    with np.errstate(over="ignore", under="ignore"):
        small = np.ldexp(np.ldexp(r, -half), half - e)
    if np.isfinite(small).all():
        norm: Fraction = nonnegative_norm(small) + Fraction(fp.FLOOR) * max(r.shape)
        return norm * power_of_two(e)
    return nonnegative_norm(r)


def power_of_two(e: int) -> Fraction:
    """2^e as a rational."""
    return Fraction(1 << e) if e >= 0 else Fraction(1, 1 << -e)
