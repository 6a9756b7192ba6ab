"""D12, pairs of steps formed with their signs: what two of them do to the gradient beyond what each does."""

from __future__ import annotations

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array
from certify.rigor.single import floats
from certify.rigor.single.pieces import product, terms
from certify.systems.head.rows.boxes.slabs import Rows
from certify.theorems.head.rows.pair_tree.steps import Steps

PIECE, SMALLER = 64, 16
"""Pairs at a time, and of a large table, where each has so many slopes."""

TOGETHER, PART = 256, 512
"""Of a large table, pairs whose sums are formed together, in single precision and in parts of so many rows."""

KEPT = 4096
"""Pairs of a node that are kept for its next bound."""


def known_or_formed(st: Steps, h: int, first: Rows, other: Rows) -> tuple[Array, Array]:
    """The same as `formed`; of what was formed for the last bound by the same steps nothing is formed again."""
    a, b = st.rows[first + h], st.rows[other + h]
    keys = np.minimum(a, b) * len(st.z) + np.maximum(a, b)
    before, G_before, off_before = st.known.get("pairs", (keys[:0], None, None))
    at = np.searchsorted(before, keys)
    old = np.zeros(len(keys), bool)
    old[at < len(before)] = before[at[at < len(before)]] == keys[at < len(before)]
    G, off = formed(st, h, first[~old], other[~old])
    if old.any():
        new_G, new_off = np.empty((len(keys), G.shape[1])), np.empty(len(keys))
        new_G[~old], new_off[~old] = G, off
        new_G[old], new_off[old] = G_before[at[old]], off_before[at[old]]
        G, off = new_G, new_off
    if len(keys) <= KEPT:
        order = np.argsort(keys)
        st.known["pairs"] = keys[order], G[order], off[order]
    return G, off


def formed(st: Steps, h: int, first: Rows, other: Rows) -> tuple[Array, Array]:
    """What pairs of steps do to the gradient beyond what each does, and the errors: `(pairs, p)`, `(pairs,)`."""
    s, norms = st.c.sums, st.c.sums.norms
    n, p = s.S.shape
    G, error = np.zeros((len(first), p)), np.zeros(len(first))
    unit = (4.0 * st.blur + 4.0 * fp.dot_unit(n)) * RAISE
    halved = s.halved and floats.products_are_exact()
    piece, together = (SMALLER, TOGETHER) if halved else (PIECE, PIECE)
    bends = _Bends(st, first + h, other + h)
    held = np.empty((min(together, len(first)), n), np.float32 if halved else np.float64)
    for start in range(0, len(first), together):
        stop = min(start + together, len(first))
        for low in range(start, stop, piece):
            at = slice(low, min(low + piece, stop))
            P, G[at], error[at] = bends.of(at)
            error[at] *= unit
            if halved:
                lost = floats.dot_unit(terms(n, PART) + 4) * (np.abs(P) @ norms)
                error[at] += lost + n * float(np.sqrt(p)) * floats.LOST
            held[low - start : low - start + len(P)] = P
        some = held[: stop - start]
        G[start:stop] -= product(some, s.short, n, PART) if halved else some @ s.S
    return G, error * fp.sum_up(n)


class _Bends:
    """Second differences of slopes for pairs of steps, by their places among the steps."""

    def __init__(self, st: Steps, a: Rows, b: Rows) -> None:
        self.st, self.each = st, st.c.sums.norms @ st.P
        self.still = float(st.c.sums.norms @ st.P0)
        used = np.unique(np.concatenate([a, b]))
        self.steps = a, b
        self.places = np.searchsorted(used, a), np.searchsorted(used, b)
        self.E, self.slope = _by_step(st.E, used), _by_step(st.P, used)

    def of(self, at: slice) -> tuple[Array, Array, Array]:
        """Those of the rows `(pairs, n)`; the part of the gradient of the two rows; and the sum of all slopes."""
        st, c, S = self.st, self.st.c, self.st.c.sums.S
        (a, b), (first, other) = (x[at] for x in self.steps), (x[at] for x in self.places)
        P = st.z * self.E[first]
        P *= self.E[other]
        P /= 1.0 + P
        each = np.arange(len(a))
        i, j = st.rows[a], st.rows[b]
        gone = 0.0 if c.sums.relabels else 1.0  # rows whose labels change stay in the sum
        x, y = gone * (P[each, i] - st.P[i, a]), gone * (P[each, j] - st.P[j, b])
        P *= c.kept
        sums = P @ c.sums.norms + self.each[a] + self.each[b] + self.still
        P -= self.slope[first]
        P -= self.slope[other]
        P += st.P0
        return P, x[:, None] * S[i] + y[:, None] * S[j], sums + 4.0 * (c.sums.norms[i] + c.sums.norms[j])


def _by_step(values: Array, used: Rows) -> Array:
    """The numbers of some steps side by side, `(steps, n)`."""
    found = np.empty((len(used), len(values)))
    for start in range(0, len(values), 512):
        found[:, start : start + 512] = values[start : start + 512, used].T
    return found
