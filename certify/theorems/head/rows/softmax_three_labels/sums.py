"""D27: what is left of the gradient at sums of two steps, by what each step does to the probabilities of rows.

With `p = σ(z)` and `ψ^v = σ(z + τ^v)/p`, `φ^v = ψ^v − 1`, the second difference of σ along two moves is exactly
`pφ^vφ^w − sσ(z + τ^v + τ^w)`, `s = Σ pφ^vφ^w`. Its length in the norm of `A(z)⁻¹` is at most
`ω^vω^w(Σ p(φ^vφ^w)²)^½`, `ω = (Σ pψ⁴)^¼(Σ pψ⁻²)^½`: what it adds up to over rows are products of two vectors.
proofs/heads-softmax-labels.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.rigor import fp
from certify.rigor.activation.elementary import exp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.change import Choices
from certify.systems.head.rows.head import Whole
from certify.systems.head.rows.refit import enclose_slopes
from certify.theorems.head.rows.method import Mask
from certify.theorems.head.rows.softmax.centre import Centre, mean_least
from certify.theorems.head.rows.softmax_by_choice.candidates import left_of, long_of
from certify.theorems.head.rows.softmax_by_choice.metric import LEAST, Metric, as_it_is, level, metric
from certify.theorems.head.rows.softmax_by_choice.pairs import SURE
from certify.theorems.head.rows.softmax_by_choice.sums import lengths

WIDEST = 40.0
"""Largest size of what a step adds to an output: sums of products of fourth powers stay within doubles."""

UNSURE, ROOM = 2.0**-18, 1.0 + 2.0**-14
"""At least what probabilities and their quotients are off by, as a part of themselves; and factor on what follows."""

SHARE, COUNTS = 0.05, 0.7
"""Of the steps, the share that leave less of a row's curvature than counts; and how much of the rest does."""

FEW = 128
"""About how many steps, evenly drawn, tell what most leave."""

AROUND = 2.0 ** np.arange(-8.0, 1.5, 0.5)
"""How far is looked around candidates."""

NEARLY_ALL = 0.99


@dataclass(frozen=True, eq=False)
class Sums:
    """Steps from one centre.

    Attributes:
        m: the matrix.
        turned: `(f, nk)` at least `ω²φ²√(p/h)`: products of two add up to the square of what both do together.
        left: `(f,)` at least the gradients at the steps and half of that at the centre, in the norm of the inverse.
        lost: `(f,)` at least the share of H that a step takes.
        psi: `(f, k, n)` in floats what steps do to probabilities; `unsure` what each of them is off by, of itself.
    """

    m: Metric
    turned: Array
    left: Array
    lost: Array
    psi: Array
    unsure: float

    def single(self) -> Array:
        """`(f,)` at least the distances from steps to refits; infinite where none is proved."""
        return self._within(2.0 * self.left, self.lost)

    def distances(self, v: slice, w: slice) -> Array:
        """At least the distances from sums of two steps, one of each, to refits; infinite where none is proved."""
        both = self.turned[v] @ self.turned[w].T
        both = np.sqrt(both * fp.sum_up(self.turned.shape[1]) + fp.FLOOR) * ROOM
        both += self.left[v, None] + self.left[w]
        return self._within(both * RAISE, self.lost[v, None] + self.lost[w])

    def formed(self, v: Whole, w: Whole) -> Array:
        """`(B,)` at least the distances from sums of two steps to refits, by the gradients there."""
        head, S = self.m.c.head, self.m.c.S.T
        D = self.psi[v] * self.psi[w]
        D /= (S * D).sum(axis=1, keepdims=True)
        D -= self.psi[v]
        D -= self.psi[w]
        D += 1.0
        D *= S
        gradient = (D.reshape(-1, head.n) @ head.phi).reshape(len(v), head.k, -1)
        error = (4.0 * self.unsure + 4.0 * fp.dot_unit(head.n)) * float(head.phi_norm.sum()) * fp.sum_up(head.n)
        R = long_of(self.m, gradient, np.full(len(v), error)) + self.left[v] + self.left[w]
        return self._within(R * RAISE, self.lost[v] + self.lost[w])

    def _within(self, R: Array, lost: Array) -> Array:
        """Distances where so much is left of the gradient and lost of the curvature."""
        m = self.m
        a, wide = AROUND[:, None], float(np.quantile(m.long, NEARLY_ALL))
        theta = mean_least(wide * AROUND * RAISE)
        q = mean_least(m.long * a * RAISE) * (1.0 - 2.0**-40) / theta[:, None]
        few = float((np.maximum(1.0 - q, 0.0) @ m.lever).max()) * fp.sum_up(len(m.h)) + 2.0**-20
        part = 1.0 - (lost + few) * RAISE
        r = np.where(part > LEAST, R / np.maximum(part, LEAST) * (RAISE * RAISE), np.inf)
        # within a the distance is r/θ if that is below a; the first such a has the largest θ
        reach = np.minimum.accumulate((AROUND * theta / RAISE)[::-1])[::-1]
        first = np.searchsorted(reach, r, side="right")
        return np.asarray(r / np.append(theta, 1.0)[first] * RAISE + np.append(np.zeros(len(theta)), np.inf)[first])


def sums_of(c: Centre, before: Choices, W: Array, choices: Choices) -> Sums | None:
    """What steps from a centre do; None where nothing is known.

    Args:
        c: the centre.
        before: `(1, r)` the changes that are made there.
        W: `(f, k, p)` weights near the refits with one more change each.
        choices: `(f, r + 1)` these changes.
    """
    head, known = c.head, as_it_is(c)
    if not float(c.off.max(initial=0.0)) <= SURE:
        return None
    psi, unsure, good = grown(c, W - c.V)
    squares = psi * psi
    p = c.S[:, :, None]
    keeps = psi.min(axis=1) / np.sqrt((p * squares).sum(axis=1)) * (1.0 - 4.0 * UNSURE)
    m = metric(known, COUNTS * np.quantile(keeps[:, :: 1 + len(W) // FEW], SHARE, axis=1) ** 2)
    if m is None or not (m.h > 0.0).all():
        return None
    omega = np.sqrt((p * squares * squares).sum(axis=1)) * (p / squares).sum(axis=1)
    phi = np.abs(psi - 1.0) + UNSURE * psi
    turned = phi * phi * np.sqrt(p) * (omega / np.sqrt(m.h)[:, None])[:, None, :]
    turned = np.ascontiguousarray(turned.reshape(-1, len(W)).T)
    lost = level(np.maximum(1.0 - keeps / np.sqrt(m.h)[:, None], 0.0) + 2.0**-20, m.lever)
    left = _left(m, choices, W, psi, unsure)
    left += 0.5 * left_of(m, enclose_slopes(head, before, c.V[None]))
    left = np.where(good, left * RAISE, np.inf)
    return Sums(m, turned, left, lost, np.ascontiguousarray(psi.transpose(2, 1, 0)), unsure)


def _left(m: Metric, choices: Choices, W: Array, psi: Array, unsure: float) -> Array:
    """`(f,)` at least the gradients at steps, in the norm of the inverse, from what they do to probabilities."""
    head, (f, k, p) = m.c.head, W.shape
    assert head.codes is not None
    slopes = m.c.S[:, :, None] * psi
    slopes -= head.Y[:, :, None]
    for at, codes in zip(choices.rows.T, choices.codes.T, strict=True):
        slopes[at, :, np.arange(f)] += head.Y[at] - head.codes[codes]
    gradient = (head.phi.T @ slopes.reshape(head.n, k * f)).reshape(p, k, f).transpose(2, 1, 0)
    mid, wrong = head.mu()
    long, whole = lengths(W), lengths(gradient)
    row_by_row = (unsure + 4.0 * U + 1.5 * fp.dot_unit(head.n)) * float(head.phi_norm.sum()) * fp.sum_up(head.n)
    error = row_by_row + wrong * long + 4.0 * U * (mid * long + whole) + fp.FLOOR
    return long_of(m, gradient + np.where(head.decayed, W, 0.0) * mid, error * RAISE)


def grown(c: Centre, delta: Array) -> tuple[Array, float, Mask]:
    """What steps `(f, k, p)` do to the probabilities of rows.

    Returns:
        `(n, k, f)` ψ, what each of them is off by at most as a part of itself, where `(f,)` that is known.
    """
    head, (f, k, p) = c.head, delta.shape
    T = (head.phi @ delta.transpose(2, 1, 0).reshape(p, k * f)).reshape(head.n, k, f)
    size = np.sqrt(np.einsum("fkp,fkp->f", delta, delta)) * fp.sum_up(k * p)
    off = (fp.dot_unit(p) + 2.0 * U) * size * float(head.phi_norm.max()) * RAISE
    widest = float((c.Z.max(axis=1) - c.Z.min(axis=1)).max(initial=0.0))
    good = (np.abs(T).max(axis=(0, 1), initial=0.0) <= WIDEST) & (off <= SURE)
    psi = exp(np.where(good, T, 0.0))
    psi /= (c.S[:, :, None] * psi).sum(axis=1, keepdims=True)
    known = 4.0 * float(off[good].max(initial=0.0)) + 4.0 * float(c.off.max(initial=0.0))
    unsure = (known + (4.0 * (widest + 8.0) + 4.0 * k + 32.0) * U) * RAISE
    return psi, unsure, np.asarray(good & (widest <= 250.0))
