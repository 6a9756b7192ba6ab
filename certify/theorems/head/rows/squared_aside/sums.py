"""D4e: what contrasts keep at least, whichever m rows go, when some rows are set aside together.

    ½(z + z') − ¼(σG_c + G_r/σ) − T_m(w)
    w_i = ½(c_i r_i + c'_i x'_i + |c'_i|ξ_i) + ¼(σ(c'_i²/(D'_i(1 − κ)) − c_i²) + (r'_i x'_i + |r'_i|ξ_i − r_i²)/σ)

where primes are for the head without the rows set aside, and i is one of the other rows that may go.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.theorems.head.rows.squared.contrasts import Bools, Ints
from certify.theorems.head.rows.squared.majorant import Majorant
from certify.theorems.head.rows.squared_aside.both import Both
from certify.theorems.head.rows.squared_tree.root import Influences
from certify.theorems.head.rows.squared_tree.state import State
from certify.theorems.head.rows.squared_tree.sums import Terms, sums_at, terms

STEPS, LEAST = 8, 0.02
"""Steps of the power iteration for κ, and the least entry of its vector."""

SPARE = 1.002
"""Factor of what is taken, and of `1/(1 − κ)` fifteen times as much: so much a checker's κ and sums may be larger."""

WEIGHTS = (0.6, 1.0, 1.7)
"""Multiples of the σ that balances the constant; any σ > 0 is allowed."""

TOP = 3
"""Rows of each kind that count where σ is chosen."""

AT_ONCE = 2**20
"""Numbers of a block of contrasts and rows."""


@dataclass(frozen=True, eq=False)
class Kappa:
    """A bound below which the coupling of any m rows stays, and which rows couple most.

    Attributes:
        value: `T_{m−1}(|K'_il|v_l) ≤ value·D'_i v_i` for some v > 0.
        rank: `(n,)` the larger, the more of the coupling goes through the row.
    """

    value: float
    rank: Array


def coupling(state: State, hat: Majorant, m: int) -> Kappa:
    """κ for at most m rows, infinite where a leverage is not proved below 1."""
    low = (1.0 - state.d - state.eK) * (1 - 4 * U)
    v, best, root = np.ones(len(low)), np.inf, np.sqrt(np.maximum(low, 1e-6))
    for _ in range(STEPS):
        s = sums_at(state, hat, v, m - 1)
        best = min(best, float((s / (np.maximum(low, 1e-300) * v)).max(initial=0.0)) * (RAISE * RAISE))
        w = s / root
        v = np.maximum(w / max(float(w.max(initial=0.0)), 1e-300), LEAST) / root
    return Kappa(1.0 - (1.0 - best) / SPARE**15 if (low > 0).all() and best < 1.0 else np.inf, v * root)


def comparison_of(both: Both, R: Array, m: int) -> Terms | None:
    """`|(N'⁻¹r')_i − x'_i| ≤ ξ_i` for at most m rows, residuals of sizes R, `(n,)`."""
    state = both.state
    size = (R + state.pair_error) * (RAISE * (1 + 4 * U))
    return terms(state, both.rest.hat, np.ones(len(state.d), dtype=bool), size, m)


def kept(both: Both, found: Terms, kappa: float, C: tuple[Influences, Influences], at: Ints, m: int) -> Bools:
    """Which of some contrasts stay positive whatever m rows go, those set aside among them."""
    pairs, good = both.rest.pairs, np.zeros(len(at), dtype=bool)
    step = max(1, AT_ONCE // max(1, len(both.left)))
    turn = np.argsort(pairs.point[at], kind="stable")  # influences of a point are formed once
    for start in range(0, len(at), step):
        here = turn[start : start + step]
        good[here] = _kept(both, found, kappa, C, at[here], m)
    return good


def _kept(both: Both, found: Terms, kappa: float, C: tuple[Influences, Influences], at: Ints, m: int) -> Bools:
    """The same of a block."""
    whole, rest, state, pairs = both.whole, both.rest, both.state, both.rest.pairs
    points, low = pairs.point[at], (1.0 - state.d - state.eK) * (1 - 4 * U)
    c, after = (part.at(points) for part in C)
    ec, ea = whole.root.ec[points][:, None], rest.ec[points][:, None]
    # at least every |c|, |c'|: of true ones, and of those that are computed
    far, fa = ((np.sqrt(x.reach[points]) + x.ec[points])[:, None] * RAISE for x in (whole.root, rest))
    r, ra = pairs.of(whole.root.R[both.left], at), pairs.of(state.R, at)
    er, en = whole.pair_error, state.pair_error
    x = ra / (1.0 - state.d)
    ex = ((en + found.most * state.eK) / found.low + 8 * U * found.most) * RAISE
    # squares: the terms with + from above, those with − from below
    size, most = np.abs(after) + ea, np.abs(ra) + en
    p = size * size / (low * (1.0 - kappa) * (1 - 4 * U)) - np.maximum(np.abs(c) - ec, 0.0) ** 2
    q = most * (most / low + found.xi) - np.maximum(np.abs(r) - er, 0.0) ** 2
    half = 0.5 * (c * r + after * x + size * found.xi)
    top = np.abs(r).max(axis=1, initial=0.0)[:, None] + er
    slack = 0.5 * (far * er + top * ec + fa * ex + (found.most + ex) * ea)
    wide = fa * fa / (found.low * (1.0 - kappa)) + far * far
    tall = found.most * (found.most + float(found.xi.max(initial=0.0))) + top * top
    round_ = 0.5 * (far * top + fa * (found.most + ex + float(found.xi.max(initial=0.0))))
    gained, reached = both.gained[at][:, None], both.reached[points][:, None]
    sigma = np.sqrt((gained + _first(q)) / (reached + _first(p)))
    best = np.full((len(at), 1), -np.inf)
    z = (whole.root.z - whole.root.ez)[at] + (rest.z - rest.ez)[at]
    for weight in WEIGHTS:
        s = weight * sigma
        w = np.maximum(half + 0.25 * (s * p + q / s), 0.0)
        w = np.partition(w, w.shape[1] - m, axis=1)[:, w.shape[1] - m :] if m < w.shape[1] else w
        total = w.sum(axis=1)[:, None] * fp.sum_up(m) + 0.25 * (s * reached + gained / s) * RAISE
        error = m * (slack + 64 * U * (round_ + 0.25 * (s * wide + tall / s)))
        best = np.maximum(best, 0.5 * z[:, None] - (total + error) * SPARE - 8 * U * np.abs(z)[:, None])
    return np.asarray(best[:, 0] > fp.FLOOR)


def _first(w: Array) -> Array:
    """About what the largest few of each row add up to; above 0."""
    k = min(TOP, w.shape[1])
    largest = np.partition(w, w.shape[1] - k, axis=1)[:, w.shape[1] - k :].sum(axis=1)
    return np.asarray(np.maximum(largest, 0.0)[:, None] + 1e-200)
