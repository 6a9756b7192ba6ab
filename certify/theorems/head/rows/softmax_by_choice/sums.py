"""D18: candidates that are sums of two single steps, whose probabilities are products.

`σ_c(Wx_j) ∝ e^(z_jc)e^((δx_j)_c)` at `W = V + δ`, z the outputs at V: the exponentials of every step are formed once,
and a candidate costs products alone. proofs/heads-softmax-by-choice.md, Rounding.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.rigor import fp
from certify.rigor.activation.elementary import exp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.head import Head, Whole
from certify.theorems.head.rows.softmax_by_choice.metric import Metric

WIDEST = 250.0
"""Largest sizes of differences of outputs whose exponentials are multiplied: their products stay within doubles."""


@dataclass(frozen=True, eq=False)
class Steps:
    """Steps of single refits.

    Attributes:
        delta: `(f, k, p)` the steps, exactly these floats; `size` `(f,)` at least their lengths.
        grown: `(f, k, n)` the exponentials of what they add to outputs; `least` `(f, n)` the least of a row.
        good: `(f,)` whether all of them are within :data:`WIDEST`.
    """

    delta: Array
    size: Array
    grown: Array
    least: Array
    good: Array


def steps_of(head: Head, W: Array, V: Array) -> Steps:
    """The steps from weights V to others `(f, k, p)`."""
    delta = W - V
    f, k, p = delta.shape
    grown, good = np.empty((f, k, head.n)), np.zeros(f, dtype=bool)
    for i in range(f):
        moved = delta[i] @ head.phi.T
        good[i] = np.abs(moved).max(initial=0.0) <= WIDEST
        grown[i] = exp(moved) if good[i] else 1.0
    return Steps(delta, lengths(delta), grown, grown.min(axis=1), good)


def lengths(W: Array) -> Array:
    """`(f,)` at least the lengths of weights."""
    return np.asarray(np.sqrt(np.einsum("fkp,fkp->f", W, W)) * fp.sum_up(W[0].size) + fp.FLOOR if len(W) else W[:, 0, 0])


@dataclass(frozen=True, eq=False)
class Base:
    """Weights to which steps are added, and the centre of a matrix.

    Attributes:
        head: the head.
        V: `(k, p)` the weights; `size` at least their length.
        grown: `(k, n)` about `e^(z − max z)` there; `widest` the largest of these differences.
        turn: `(k, n)` the same over that at the centre; None where the centre has the outputs of V.
        whole: `(n,)` the sums over classes at the centre.
    """

    head: Head
    V: Array
    size: float
    grown: Array
    widest: float
    turn: Array | None
    whole: Array


def base_of(m: Metric, V: Array) -> Base | None:
    """Weights and a centre; None where outputs are too far apart."""
    head, u = m.c.head, m.c.Z.T
    same = V is m.c.V
    z = u if same else V @ head.phi.T
    z, u = z - z.max(axis=0), u - u.max(axis=0)
    widest = float(-np.minimum(z.min(), u.min()))
    if not widest <= WIDEST:
        return None
    grown, centre = exp(z), exp(u)
    return Base(head, V, float(lengths(V[None])[0]), grown, widest, None if same else grown / centre, centre.sum(axis=0))


def sums(base: Base, steps: Steps, which: Whole, rows: Whole, W: Array) -> tuple[Array, Array, Array]:
    """What candidates leave of the gradient, and what rows keep of the curvature of the centre there.

    Args:
        base: the weights V and the centre.
        steps: steps δ.
        which: `(B,)` the steps that are added.
        rows: `(B, r)` the rows that are deleted.
        W: `(B, k, p)` the candidates: V + δ as floats round it.

    Returns:
        `(B, k, p)` gradients in floats; `(B,)` their errors; `(n, B)` at most `min_c σ_c(Wx_j)/σ_c(u_j)`, u the outputs
        of the centre, but for a part of 2⁻⁴¹.
    """
    head, B = base.head, len(which)
    k, p = W.shape[1:]
    g, e, labels = np.empty((B, k, head.n)), np.empty((B, head.n)), head.Y.T
    for b, i in enumerate(which):
        np.multiply(base.grown, steps.grown[i], out=g[b])
        whole = g[b].sum(axis=0)
        least = steps.least[i] if base.turn is None else (base.turn * steps.grown[i]).min(axis=0)
        e[b] = least * base.whole / whole
        g[b] /= whole
        g[b] -= labels
        g[b][:, rows[b]] = 0.0
    gradient = (g.reshape(B * k, head.n) @ head.phi).reshape(B, k, p)
    mid, wrong = head.mu(rows.shape[1])
    pull = np.where(head.decayed, W, 0.0) * mid
    size, norms = lengths(W), head.phi_norm
    # outputs of V and of δ are rounded, and so is V + δ
    off = (fp.dot_unit(p) * (base.size + steps.size[which]) + 2.0 * U * size) * RAISE
    e *= 1.0 - (2.0 * RAISE) * off[:, None] * norms
    share = (2.0 * (base.widest + 8.0) + k + 8.0) * U  # of probabilities, each by itself, and 2u of the difference
    slopes = float(norms.sum()) * (share + 1.5 * fp.dot_unit(head.n)) + 0.5 * float(norms @ norms) * off
    error = slopes * fp.sum_up(head.n) + wrong * size + 4.0 * U * (mid * size + lengths(gradient)) + fp.FLOOR
    return gradient + pull, np.asarray(error * RAISE), e.T
