"""D17, Lemma 4: a matrix below one whose inverse is known, with its own: few rows lose much of what they count.

`A = Σ a_js_js_jᵀ + diag μ`. What a row counts may fall, by `c_j`. With J the rows that lose most, the inverse of
`A − Σ_J c_js_js_jᵀ` is that of A and as many products as J has rows; what all others lose is a small part of that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import inf, ldexp, sqrt
from operator import mul

from flint import arb, arb_mat

from certify.check.linalg.balls import largest
from certify.check.linalg.definite import Truth, definiteness
from certify.check.theorems.head.rows.boxes.fixed_rows import WEIGHT, Sums, few, size
from certify.check.theorems.head.rows.pair_tree.numbers import UP, up

APART, REST, MOST = 160, 2.0**-8, 0.125
"""Rows that are counted by themselves at most; what the others are to lose of the matrix, and what they may."""

LARGEST = 2.0**100
"""Of a matrix that is looked at in few bits."""

SLACK = 2.0**-48
"""By how much of itself the square of a rounded root may be too large."""


@dataclass(frozen=True)
class Metric:
    """A matrix M with `Σ low_js_js_jᵀ ⪯ M ⪯ Σ m_js_js_jᵀ + diag μ`.

    Attributes:
        weights: whole numbers of `2^−WEIGHT` that M is the sum of; None where it is only held by both sums.
        inverse: X, what it is off by from the inverse of M, and a bound of the norm of that.
        m, low: see above.
        long: upper bounds of the lengths of all rows in the norm of the inverse; where M is the sum of its weights, in
            that of X and what it is off by, which may be more.
    """

    weights: list[int] | None
    inverse: tuple[arb_mat, arb, arb]
    m: list[float]
    low: list[float]
    long: list[float]


def lowered(s: Sums, A: Metric, weights: Sequence[int]) -> Metric | None:
    """A matrix below `Σ min(a_j, weights_j)s_js_jᵀ + diag μ`; None where that is not proved, or far below.

    Args:
        s: the rows.
        A: a matrix that is the sum of its weights a.
        weights: whole numbers of `2^−WEIGHT`, none negative.
    """
    if A.weights is None:
        return None
    lost = [ldexp(max(a - x, 0), -WEIGHT) for a, x in zip(A.weights, weights, strict=True)]
    J = _apart(lost, A.long)
    X, off, big = A.inverse
    # A⁻¹ is at most X + off, which is at most A⁻¹ + 2 off, and 1 + zeta times A⁻¹
    above = X + arb_mat(s.p, s.p, [off if i == j else 0 for i in range(s.p) for j in range(s.p)])
    whole = up(largest(s.decay)) + sum(
        [m * up(r) * up(r) for m, r in zip(A.m, s.norms, strict=True)]) * UP
    zeta = 2.0 * up(off) * whole * UP
    W, defect = _factor(s, above, J, [sqrt(lost[j]) * (1.0 + 0.25 * SLACK) for j in J])
    if W is None:
        return None
    long = _lengths(s, A.long, W, 1.0 / (1.0 - defect) * UP)
    kept = list(A.m)
    for j in J:
        lost[j], kept[j] = 0.0, max(kept[j] - lost[j], 0.0)
    rest = sum([c * x * x for c, x in zip(lost, long, strict=True)]) * UP
    eta = (zeta + SLACK) * sum([A.m[j] * long[j] * long[j] for j in J]) * UP
    if not (rest <= MOST and eta < 0.5 and zeta < 0.5):
        return None
    part = (1.0 - rest) / UP
    inverse = (above + W * W.transpose() / (1 - arb(defect))) / arb(part)
    mid = inverse.mid()
    mid = ((mid + mid.transpose()) * arb(0.5)).mid()
    size_of = ((big + 2 * off + size(W) ** 2 / (1 - arb(defect))) / arb(part)).upper()
    fall = part * (1.0 - defect) / (1.0 + defect) / ((1.0 + zeta) * (1.0 + eta)) / UP
    found = [ldexp(min(a, x), -WEIGHT) for a, x in zip(A.weights, weights, strict=True)]
    return Metric(None, (mid, size(inverse - mid), size_of), found, [x * fall for x in kept],
                  [x / sqrt(part) * UP for x in long])


def _apart(lost: Sequence[float], long: Sequence[float]) -> list[int]:
    """The rows that lose most, until the others lose little."""
    heat = [c * x * x for c, x in zip(lost, long, strict=True)]
    order = sorted((j for j, x in enumerate(heat) if x > 0.0), key=heat.__getitem__, reverse=True)
    rest = [*accumulate([heat[j] for j in reversed(order)])][::-1]
    return order[: min(next((at for at, x in enumerate(rest) if x <= REST), len(order)), APART)]


def _factor(s: Sums, above: arb_mat, J: Sequence[int], root: Sequence[float]) -> tuple[arb_mat | None, float]:
    """W and d with `B⁻¹ ⪯ above + WWᵀ/(1 − d) ⪯ (1 + d)/(1 − d)·B⁻¹`, `B = above⁻¹ − Σ_J root_j²s_js_jᵀ`."""
    if not J:
        return arb_mat(s.p, 1), 0.0
    U = arb_mat([[arb(x) * y for x in s.rows[j]] for j, y in zip(J, root, strict=True)]).transpose()
    V = above * U
    G = -(U.transpose() * V)
    for a in range(len(J)):
        G[a, a] = G[a, a] + 1
    G = (G + G.transpose()) * arb(0.5)
    found = definiteness(G)
    if found.truth is not Truth.PROVED or found.R is None:
        return None, inf
    W, defect = V * found.R.transpose(), float(found.defect.upper()) * UP
    return (W, defect) if size(W) < LARGEST and defect < 0.5 else (None, inf)


def _lengths(s: Sums, long: Sequence[float], W: arb_mat, scale: float) -> list[float]:
    """Upper bounds of `√(long_j² + scale·|Wᵀs_j|²)`, from products in few bits."""
    coarse, wide = few(W, s.p), W.ncols()
    epsilon = up(s.short.epsilon)
    loose = ((up(coarse.off) + up(size(W - W.mid()))) * (1.0 + epsilon) + up(size(W)) * epsilon) * UP
    flat, found = list(map(float, map(int, (s.short.mat * coarse.mat).entries()))), []
    for j, (x, r) in enumerate(zip(long, s.norms, strict=True)):
        row = flat[j * wide : (j + 1) * wide]
        y = sqrt(sum(map(mul, row, row))) * ldexp(1.0, s.short.unit[j] + coarse.unit) + loose * up(r)
        found.append(sqrt(x * x + scale * y * y * UP) * UP)
    return found
