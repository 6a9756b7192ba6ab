"""D18: the matrix in which distances from candidates are measured, and what a choice takes of it.

`H = Σ h_jA_j ⊗ x_jx_jᵀ + diag μ + ∇²N`, `A_j` at a centre, `0 ≤ h_j ≤ 1`. Of its `A_j` a row keeps what
its classes leave (Lemma 0, never less than `e^(−ρ_j)` of a range ρ_j) times `f(aw_j)` around a candidate; what is
missing of `h_jA_j` is a share `y_j`, and `t + Σ (y_j − t)₊ℓ_j` is at least the share κ of all rows together, for any t.
proofs/heads-softmax-by-choice.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from certify.rigor import fp
from certify.rigor.activation.elementary import exp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.head import Whole
from certify.systems.head.rows.losses.cross_entropy import softmax
from certify.theorems.head.rows.softmax.below import inverse_below
from certify.theorems.head.rows.softmax.centre import Centre, mean_least, roots
from certify.theorems.head.rows.softmax.trap import curved, own_blocks, pairs_of, seen

FIRST, GROW, TURNS = 2.0, 1.2, 3
"""Times what is left of the gradient: how far around a candidate is looked first; what that grows by; attempts."""

WIDE, NEARLY_ALL = 1.0, 0.99
"""Times the median of the lengths of rows, beyond which their curvature counts less; and what part of them keeps as
much as θ."""

HALVINGS, LOWEST = 6, 2.0**-7
"""Steps of the search for the level t; and the lowest one, below which most rows are."""

GRID = 4
"""How far is looked are powers of two with exponents of so many parts, so that many candidates share one."""

LEAST, TINY = 2.0**-10, 2.0**-100
"""Part of H that has to be kept, and parts of a row's curvature that count as none."""

FARTHEST = 500.0
"""Largest range of outputs that counts: beyond it nothing of a row's curvature is left in floats."""

AROUND = 2.0 ** np.arange(-9.0, 0.0)
"""How far is looked around candidates that are not looked at one by one."""


@dataclass(frozen=True, eq=False)
class Metric:
    """The matrix H.

    Attributes:
        c: the centre.
        h: `(n,)` floats, 0 for rows that are out.
        flat: `(kp, kp)` the inverse, off by at most `off` with room for products; `root`² is at least its norm.
        own: `(n, k, k)` its blocks of rows.
        long: `(n,)` at least `w_j = max |x_j ⊗ (e_q − e_r)|` in the norm of the inverse.
        wide: lengths up to which rows keep as much as θ.
        lever: `(n,)` at least `ℓ_j`, the largest eigenvalue of `h_jA_j ⊗ x_jx_jᵀ` in the norm of H.
    """

    c: Centre
    h: Array
    flat: Array
    off: float
    root: float
    own: Array
    long: Array
    wide: float
    lever: Array

    @property
    def blocks(self) -> Array:
        """The inverse as `(k, p, k, p)`."""
        k, p = self.c.head.k, self.c.head.m
        return self.flat.reshape(k, p, k, p)


def as_it_is(c: Centre) -> Centre:
    """A centre at the outputs that floats found, exactly: D18 holds for any outputs.

    The tie is as strong as the decay at least, which keeps the inverse small.
    """
    none = np.zeros(c.head.n)
    tie = max(c.tie, float(c.decay.max(initial=0.0))) if c.tie > 0.0 else 0.0
    return replace(c, off=none, s_off=none + softmax(c.Z)[1], tie=tie)


def root_metric(c: Centre) -> Metric | None:
    """The matrix at the refit without any change."""
    m = metric(c, np.ones(c.head.n))
    return metric(c, shorter(m)) if m is not None else None


def shorter(m: Metric) -> Array:
    """`(n,)` parts h: less of rows whose outputs move farther than those of others, so that θ may be larger."""
    return np.asarray(np.minimum(1.0, WIDE * np.median(m.long) / m.long))


def metric(c: Centre, h: Array) -> Metric | None:
    """The matrix; None where it is not proved to be one, or its numbers are beyond doubles.

    Args:
        c: the centre, as it is in floats.
        h: `(n,)` parts of the rows' curvature, between 0 and 1; those of rows that are out do not count.
    """
    h = np.where(h > TINY, h, 0.0) * c.kept
    if (inv := inverse_below(c, h)) is None:
        return None
    flat, off, root = inv
    head, norms = c.head, c.head.phi_norm
    own = own_blocks(flat.reshape(head.k, head.m, head.k, head.m), head.phi)
    long = seen(own, off, norms, pairs_of(head.k)).max(axis=1)
    lever = h * curved(own, off, norms, roots(c, np.arange(head.n))) ** 2 * RAISE
    if not (np.isfinite(long).all() and np.isfinite(lever).all()):
        return None
    wide = float(np.quantile(h * long, NEARLY_ALL))
    return Metric(c, h, flat, off, root, own, long, wide, np.asarray(lever))


def ranges(m: Metric, Z: Array, off: Array) -> Array:
    """`(n, B)` at least the ranges by which outputs of rows moved from the centre.

    Args:
        m: the matrix.
        Z: `(n, B, k)` outputs in floats, off by at most `off` `(n, B)` as vectors.
    """
    D = Z - m.c.Z[:, None, :]
    top, low = D.max(axis=-1), D.min(axis=-1)
    wide = top - low + 2.0 * off + 8.0 * U * np.maximum(np.abs(top), np.abs(low))
    return np.asarray(wide * RAISE)


def left_at(rho: Array) -> Array:
    """`e^(−ρ)`, but for the rounding of :func:`kept`: what rows keep of their curvature at outputs moved by ranges.

    Nothing is kept where a range is no number or too large.
    """
    return exp(-np.fmin(rho, FARTHEST))


def kept(m: Metric, e: Array, a: Array, out: Whole) -> Array:
    """`(B,)` at most `θ(1 − κ)`, the part of H that is kept where choices are deleted.

    Args:
        m: the matrix.
        e: `(n, B)` what rows keep of their curvature at candidates, within a part of 2⁻⁴¹.
        a: `(B,)` how far around them is looked.
        out: `(B, r)` the deleted rows.
    """
    some, of = np.unique(a, return_inverse=True)
    theta = mean_least(m.wide * some * RAISE)
    h = np.where(m.h > 0.0, m.h, 1.0)
    keeps = mean_least(m.long * some[:, None] * RAISE) * (1.0 - 2.0**-40) / (h * theta[:, None])
    y = np.maximum(1.0 - e * keeps[of.ravel()].T, 0.0) + 2.0**-40
    y[out.T, np.arange(out.shape[0])] = 1.0
    return np.asarray(theta[of.ravel()] * (1.0 - level(y, m.lever)) * (1.0 - 4.0 * U))


def level(y: Array, lever: Array) -> Array:
    """`(B,)` at least the least of `t + Σ (y_j − t)₊ℓ_j` over t between 0 and 1, or little more, for each column of y.

    >>> bool(0.5 <= level(np.array([[1.0], [0.5]]), np.array([0.0, 2.0]))[0] < 0.52)
    True
    """
    some = np.flatnonzero(~((y.max(axis=1) <= LOWEST) & (lever < np.inf)))  # others count at no level from there on
    y, lever = y[some], lever[some]
    low, high = np.full(y.shape[1], LOWEST), np.ones(y.shape[1])
    for _ in range(HALVINGS):
        t = 0.5 * (low + high)
        heavy = lever @ (y > t) > 1.0
        low, high = np.where(heavy, t, low), np.where(heavy, high, t)
    sums = [t + (lever @ np.maximum(y - t, 0.0)) * fp.sum_up(len(y)) for t in (low, high)]
    return np.asarray(np.minimum(*sums) * RAISE)


def distances(m: Metric, e: Array, left: Array, out: Whole) -> Array:
    """`(B,)` upper bounds of the distances from candidates to refits in the norm of H; infinite where none is proved.

    Args:
        m: the matrix.
        e: `(n, B)` what rows keep of their curvature at candidates, within a part of 2⁻⁴¹.
        left: `(B,)` at least the gradients there, in the norm of the inverse.
        out: `(B, r)` the deleted rows.
    """
    found, a = np.full(len(left), np.inf), FIRST * left
    todo = np.flatnonzero(a < FARTHEST)
    for _ in range(TURNS):
        if not len(todo):
            break
        a[todo] = 2.0 ** (np.ceil(GRID * np.log2(np.maximum(a[todo], TINY))) / GRID)
        part = kept(m, e[:, todo], a[todo], out[todo])
        r = np.where(part > LEAST, left[todo] / np.maximum(part, LEAST) * RAISE, np.inf)
        good = r * RAISE < a[todo]
        found[todo[good]] = r[good]
        more = ~good & (GROW * r < FARTHEST)
        a[todo[more]] = GROW * np.maximum(r, a[todo])[more]
        todo = todo[more]
    return found


def without_steps(m: Metric, e: Array, left: Array, beside: Array, out: Whole) -> Array:
    """`(f,)` the same of one candidate and one more deleted row each, without a step for it.

    Args:
        m: the matrix.
        e: `(n,)` what rows keep of their curvature at the candidate, within a part of 2⁻⁴¹.
        left: `(f,)` at least the gradients there.
        beside: `(f,)` the levers of the rows.
        out: `(r,)` the rows that are deleted as well.
    """
    many = np.broadcast_to(e[:, None], (len(e), len(AROUND)))
    parts = kept(m, many, AROUND, np.broadcast_to(out, (len(AROUND), len(out))))
    found = np.full(len(left), np.inf)
    for a, keeps in zip(AROUND, parts, strict=True):
        own = keeps - beside * RAISE
        r = np.where(own > LEAST, left / np.maximum(own, LEAST) * RAISE, np.inf)
        found = np.where(r * RAISE < a, np.minimum(r, found), found)
    return found
