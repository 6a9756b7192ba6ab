"""D18: what candidates leave of the gradient and of the curvature.

`σ_c(Wx_j) ∝ e^(z_jc)e^((δx_j)_c)` at `W = V + δ`, z the outputs at V: the exponentials of every step are formed once,
and a sum of steps costs products alone. proofs/heads-softmax-by-choice.md, Rounding.
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
    return np.asarray(np.sqrt(np.einsum("fkp,fkp->f", W, W)) * fp.sum_up(W.shape[1] * W.shape[2]) + fp.FLOOR)


@dataclass(frozen=True, eq=False)
class Base:
    """Weights to which steps are added, and the centre of a matrix.

    Attributes:
        head: the head.
        V: `(k, p)` the weights; `size` at least their length.
        grown: `(k, n)` about `e^(z − max z)` there; `widest` the largest of these differences.
        centre: `(k, n)` the same at the centre; `whole` `(n,)` the sums over classes.
        turn: `(k, n)` the one over the other; None where the centre has the outputs of V.
    """

    head: Head
    V: Array
    size: float
    grown: Array
    widest: float
    centre: Array
    whole: Array
    turn: Array | None


def base_of(m: Metric, V: Array) -> Base | None:
    """Weights and a centre; None where outputs are too far apart."""
    head, u = m.c.head, m.c.Z.T
    same = np.array_equal(V, m.c.V)
    z = u if same else V @ head.phi.T
    z, u = z - z.max(axis=0), u - u.max(axis=0)
    widest = float(-np.minimum(z.min(), u.min()))
    if not widest <= WIDEST:
        return None
    grown, centre = exp(z), exp(u)
    size, turn = float(lengths(V[None])[0]), None if same else grown / centre
    return Base(head, V, size, grown, widest, centre, centre.sum(axis=0), turn)


@dataclass(frozen=True, eq=False)
class Found:
    """What candidates leave of the gradient, and of the curvature.

    Attributes:
        gradient: `(B, k, p)` in floats; `error` `(B,)` of these, infinite where outputs are too far apart.
        e: `(n, B)` at most `min_c σ_c(Wx_j)/σ_c(u_j)`, u the outputs of the centre, but for a part of 2⁻⁴¹.
    """

    gradient: Array
    error: Array
    e: Array


def at_sums(base: Base, steps: Steps, which: Whole, rows: Whole, W: Array) -> Found:
    """Candidates that are weights V with a step.

    Args:
        base: the weights V and the centre.
        steps: steps δ.
        which: `(B,)` the steps that are added.
        rows: `(B, r)` the rows that are deleted.
        W: `(B, k, p)` the candidates: V + δ as floats round it.
    """
    B, (k, n) = len(which), base.grown.shape
    g, e = np.empty((B, k, n)), np.empty((B, n))
    for b, i in enumerate(which):
        np.multiply(base.grown, steps.grown[i], out=g[b])
        least = steps.least[i] if base.turn is None else (base.turn * steps.grown[i]).min(axis=0)
        _shared(base, g[b], e[b], least, rows[b])
    size = (base.size + steps.size[which]) * RAISE
    good = np.where(steps.good[which], 1.0, np.inf)  # of the others nothing is known
    return _found(base, g, e, W, size, good * base.widest, rows.shape[1])


def at_weights(base: Base, rows: Whole, W: Array, new: Array | None = None) -> Found:
    """Any candidates.

    Args:
        base: any weights, and the centre.
        rows: `(B, r)` the rows that are deleted, or get other targets.
        W: `(B, k, p)` the candidates.
        new: `(B, r, k)` these targets; None: the rows are deleted.
    """
    B, k, p = W.shape
    g = (W.reshape(B * k, p) @ base.head.phi.T).reshape(B, k, -1)
    g -= g.max(axis=1, keepdims=True)
    widest = np.maximum(-g.min(axis=(1, 2)), base.widest)
    g[~(widest <= WIDEST)] = 0.0
    e = np.empty((B, g.shape[2]))
    for b in range(B):
        g[b] = exp(g[b])
        _shared(base, g[b], e[b], (g[b] / base.centre).min(axis=0), rows[b], None if new is None else new[b])
    gone = rows.shape[1] if new is None else 0
    return _found(base, g, e, W, lengths(W), np.where(widest <= WIDEST, widest, np.inf), gone)


def _shared(base: Base, g: Array, e: Array, least: Array, rows: Whole, new: Array | None = None) -> None:
    """Slopes in the place of exponentials `(k, n)`, and what rows keep."""
    whole = g.sum(axis=0)
    np.multiply(least, base.whole, out=e)
    e /= whole
    g /= whole
    own = 0.0 if new is None else g[:, rows] - new.T
    g -= base.head.Y.T
    g[:, rows] = own


def _found(base: Base, g: Array, e: Array, W: Array, size: Array, widest: Array, gone: int) -> Found:
    """Gradients from slopes, with all that is rounded.

    Args:
        base: with the head.
        g: `(B, k, n)` slopes; `e` `(B, n)` what rows keep.
        W: `(B, k, p)` the candidates.
        size: `(B,)` at least the lengths of all weights whose outputs are added up.
        widest: `(B,)` the largest differences of outputs of a row.
        gone: how many rows are deleted.
    """
    head, (B, k, p) = base.head, W.shape
    gradient = (g.reshape(B * k, -1) @ head.phi).reshape(B, k, p)
    mid, wrong = head.mu(gone)
    pull, long, norms = np.where(head.decayed, W, 0.0) * mid, lengths(W), head.phi_norm
    off = (fp.dot_unit(p) * size + 2.0 * U * long) * RAISE  # of outputs, for inputs of length 1, and of V + δ
    e *= 1.0 - (2.0 * RAISE) * off[:, None] * norms
    share = (2.0 * (widest + 8.0) + k + 8.0) * U  # of probabilities, each by itself, and 2u of the difference
    slopes = float(norms.sum()) * (share + 1.5 * fp.dot_unit(head.n)) + 0.5 * float(norms @ norms) * off
    error = slopes * fp.sum_up(head.n) + wrong * long + 4.0 * U * (mid * long + lengths(gradient)) + fp.FLOOR
    return Found(gradient + pull, np.asarray(error * RAISE), e.T)
