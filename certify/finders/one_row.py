"""Signs and box weights for one row that moves alone in the largest-change norm: a finder, nothing here is trusted.

For `B_i = V_iᵀV_i` the largest `sᵀB_is` over sign vectors s is wanted from both sides. From above it is at most
`Σ_a d_a` for any diagonal `diag(d) ⪰ B_i`; the least of these is the value of the relaxation `max ⟨B_i, YYᵀ⟩` over
matrices Y with rows of length 1, whose linearisation is maximised again and again (Burer and Monteiro, as in
:mod:`certify.finders.low_rank`). From below signs are rounded from Y and improved by single flips.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import isqrt

import numpy as np

from certify.rigor.fp import Array

TINY = 1e-300
AT_ONCE = 2**24
"""Numbers of the factors of Y that are worked on at a time."""

STEPS, SETTLED = 300, 1e-9
"""Most steps of the search, and the relative growth in ten of them at which it ends."""


def propose_signs_and_weights(V: Array) -> tuple[Array, Array]:
    """Signs s and box weights w of every row, `(m, d)` each: `diag(λ/w²) ⪰ B` should hold with `λΣw⁻²` about `sᵀBs`.

    Args:
        V: `(m, r, d)` float64; rows that are 0 get signs and weights all the same.

    >>> s, w = propose_signs_and_weights(np.array([[[3.0, -4.0]]]))
    >>> s[0].prod()
    np.float64(-1.0)
    """
    signs, weights = [], []
    with np.errstate(all="ignore"):  # a search may overflow: what it proposes is held against what is finite
        for part in _chunks(V):
            Y, size = _relaxed(part)
            least = np.maximum(1e-9 * size.sum(axis=1, keepdims=True), TINY)
            size = np.maximum(size, least)
            weights.append(np.clip(np.sqrt(size.sum(axis=1, keepdims=True) / size), 2.0**-60, 2.0**60))
            signs.append(_rounded(part, Y))
    found = np.concatenate(weights)
    return np.concatenate(signs), np.where(np.isfinite(found), found, 1.0)


def _chunks(V: Array) -> Iterator[Array]:
    m, r, d = V.shape
    step = max(1, AT_ONCE // (d * (_rank(d) + max(r, min(r, d)))))
    for start in range(0, m, step):
        yield V[start:start + step]


def _rank(d: int) -> int:
    """Columns of Y: about √(2d) leave no spurious maxima, and more than some two dozen are dear."""
    return min(isqrt(2 * d) + 2, 24)


def _form(V: Array) -> Callable[[Array], Array]:
    """`Y ↦ BY`, by the smaller of V and B."""
    turned = np.swapaxes(V, 1, 2)
    if V.shape[1] < V.shape[2]:
        return lambda Y: np.matmul(turned, np.matmul(V, Y))
    B = np.matmul(turned, V)
    return lambda Y: np.matmul(B, Y)


def _relaxed(V: Array) -> tuple[Array, Array]:
    """Y at about a fixed point, and the lengths `|(BY)_a|`, which are the dual there."""
    m, _, d = V.shape
    form, value = _form(V), np.zeros(m)
    Y = np.random.default_rng(0).standard_normal((m, d, _rank(d)))
    T = form(Y)
    for step in range(1, STEPS + 1):
        size = np.sqrt(np.einsum("iar,iar->ia", T, T))
        T = form(T / np.maximum(size, TINY)[:, :, None])
        if step % 10 == 0:
            now = size.sum(axis=1)
            if not (np.abs(now - value) > SETTLED * now).any():
                break
            value = now
    size = np.sqrt(np.einsum("iar,iar->ia", T, T))
    return T / np.maximum(size, TINY)[:, :, None], size


def _rounded(V: Array, Y: Array) -> Array:
    """The best signs of some roundings of Y, each improved until no single flip helps (or flips run out)."""
    form = _form(V)
    starts = [V[:, np.argmax(np.einsum("ird,ird->r", V, V))], *(Y[:, :, j] for j in range(min(6, Y.shape[2])))]
    best, most = np.ones(V.shape[::2]), np.full(len(V), -np.inf)
    diagonal = np.einsum("ird,ird->id", V, V)
    for start in starts:
        s = np.where(start < 0, -1.0, 1.0)
        for _ in range(2 * V.shape[2]):
            g = form(s[:, :, None])[:, :, 0]
            gain = diagonal - s * g  # a flip of a adds four times this
            at = np.argmax(gain, axis=1)
            helps = gain[np.arange(len(s)), at] > 1e-12 * np.abs(g).sum(axis=1)
            if not helps.any():
                break
            s[np.flatnonzero(helps), at[helps]] *= -1.0
        value = np.einsum("id,id->i", s, form(s[:, :, None])[:, :, 0])
        better = value > most
        best[better], most[better] = s[better], value[better]
    return best
