"""D16: what is proved of a node when one or two of some rows are deleted, for all choices at once and pair by pair."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from certify.rigor import fp
from certify.rigor.activation.elementary import exp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.boxes.trap import top_sums
from certify.systems.head.rows.head import Whole
from certify.systems.head.rows.losses.cross_entropy import softmax
from certify.theorems.head.rows.boxes.stated import Codes, coded, decoded
from certify.theorems.head.rows.softmax.below import block_lengths, inverse_below, lengths_in
from certify.theorems.head.rows.softmax.centre import mean_least, mean_most, roots
from certify.theorems.head.rows.softmax.trap import ROOT2, curved, own_blocks, pairs_of, seen
from certify.theorems.head.rows.softmax_pairs.steps import Steps

TURNS, GROW, ROOM = 6, 1.15, 1.01
"""Attempts at a distance, what it grows by, and what a checker's numbers may need."""

FIRST, FARTHEST, HOPELESS = 0.02, 500.0, 4.0
"""The range beyond the steps that is tried first, the farthest, and a distance from which on nothing is proved of any
evaluation row."""

HEAVY, LIGHTER = 0.45, 8
"""What part of the curvature a row may take with it, where two go together; and attempts at that."""

TIGHT = 0.7
"""What part of the ranges is to be needed: less of them leaves more of the curvature."""

PIECE = 32
"""Pairs at a time."""


@dataclass(frozen=True, eq=False)
class Bound:
    """What is proved of some rows R.

    Attributes:
        steps: the single steps.
        rows: `(r,)` R, those with steps first; `place` `(f,)` which steps these are.
        count: rows that may be deleted, 1 or 2.
        codes: `(1, n)` codes of χ.
        X, off: the inverse of A as `(k, p, k, p)`, and its error, room for products with two rows in it.
        still: at least `|g|_*`.
        single: `(r,)` at least `R_T/(1 − κ_T)` of one row; `pair` `(r, r)` of two, None where one may go.
        reach: more than any of these.
    """

    steps: Steps
    rows: Whole
    place: Whole
    count: int
    codes: Codes
    X: Array
    off: float
    still: float
    single: Array
    pair: Array | None
    reach: float


class Bounds:
    """Everything that does not depend on χ.

    Args:
        st: the steps.
        free: the rows R.
        count: how many of them may be deleted.
        signed: how many pairs are formed with their signs.
        known: those that were.
    """

    def __init__(self, st: Steps, free: Whole, count: int, signed: int, known: Formed) -> None:
        self.st, self.count, self.signed, self.known = st, count, signed, known
        own = np.isin(st.rows, free)
        self.place = np.flatnonzero(own)
        self.rows = np.concatenate([st.rows[own], np.setdiff1d(free, st.rows[own])])
        self.ranges = st.ranges[self.place]
        self.ranges[np.arange(len(self.place)), st.rows[self.place]] = 0.0  # a row that goes is not in the sum
        self.reach = np.asarray(top_sums(self.ranges.T, count)[0] if len(self.place) else np.zeros(st.c.head.n))
        self.E = roots(st.c, self.rows)
        self.counted = np.ones(st.c.head.n)
        self.pairs: tuple[Whole, Whole] | None = None
        self.G, self.G_off = np.zeros((0, 0)), np.zeros(0)
        if count == 2:
            grown = np.asarray(exp(self.ranges) * RAISE - 1.0)
            self.first = np.maximum(grown, self.ranges) ** 2 * RAISE
            self.second = (mean_most(self.ranges) * st.lengths[self.place]) ** 2 * RAISE
            self.second[np.arange(len(self.place)), st.rows[self.place]] = 0.0
            self.bent = self._bent()

    def _bent(self) -> Array:
        """`(f, r, k)` floats: what a step moves the slope of another row by."""
        st, c = self.st, self.st.c
        f = len(self.place)
        base = c.Z[self.rows]
        there, _ = softmax(base)
        moved, _ = softmax(base + st.T[self.place][:, self.rows])
        B = moved - there
        B[np.arange(f), np.arange(f)] = 0.0
        return np.asarray(B)

    def found(self, codes: Codes) -> tuple[Bound, Array] | None:
        """The bound for codes of χ, and how large these have to be; None where it is not proved.

        Curvature that rows of R have is counted less where they would take most of it with them.
        """
        for _ in range(LIGHTER):
            got = self._found(codes)
            if not isinstance(got, np.ndarray):
                return got
            heavy = got > HEAVY
            self.counted[self.rows[heavy]] *= 0.75 * HEAVY / got[heavy]
        return None

    def _found(self, codes: Codes) -> tuple[Bound, Array] | Array | None:
        """The same; or the parts κ of the rows, where two of them are too large together."""
        st, c = self.st, self.st.c
        head, norms = c.head, c.head.phi_norm
        k, p, f = head.k, head.m, len(self.place)
        d = exp(-self.reach) * mean_least(decoded(codes)[0]) * c.kept * self.counted * (1.0 - 2.0**-40)
        if not (d[c.kept > 0.0] > 2.0**-200).all():
            return None
        if (inv := inverse_below(c, d)) is None:
            return None
        flat, off, root = inv
        X = flat.reshape(k, p, k, p)
        own = own_blocks(X, head.phi)
        long = seen(own, off, norms, pairs_of(k)).max(axis=1)
        kappa = d[self.rows] * curved(own[self.rows], off, norms[self.rows], self.E) ** 2 * RAISE
        still = float(root * c.gradient) * RAISE
        left = st.left[self.place].reshape(f, k * p)
        alone = np.empty(len(self.rows))
        alone[:f] = lengths_in(flat, off, left) + st.left_off[self.place] * root
        far = self.rows[f:]
        slope = c.S[far] - head.Y[far]
        alone[f:] = block_lengths(own[far], off, norms[far], slope) + still
        alone[f:] += norms[far] * root * (st.s_off[far] + 4 * U)
        alone *= RAISE
        if kappa.max(initial=0.0) > (HEAVY if self.count == 2 else 1.0 - HEAVY / 2.0):
            return np.asarray(kappa)
        if not kappa.max(initial=0.0) < 1.0:
            return None
        single = np.asarray(alone / (1.0 - kappa) * ROOM * RAISE)
        reach, pair = max(float(single.max(initial=0.0)), still) * ROOM, None
        if self.count == 2:
            C = self._pairs(d, own, (flat, off, root))
            both = (kappa[:, None] + kappa) * RAISE
            if not (both - np.diag(np.diag(both))).max(initial=0.0) < 1.0:
                return None
            np.fill_diagonal(both, 0.0)
            pair = np.asarray((alone[:, None] + alone + C + still) / (1.0 - both) * ROOM * RAISE)
            np.fill_diagonal(pair, 0.0)
            reach = max(reach, float(pair.max(initial=0.0))) if np.isfinite(pair).all() else np.inf
        if not reach < np.inf:
            return None
        reach *= RAISE
        return (Bound(st, self.rows, self.place, self.count, codes, X, off, still, single, pair, reach),
                np.asarray(reach * long * ROOM * RAISE))

    def _pairs(self, d: Array, own: Array, inv: tuple[Array, float, float]) -> Array:
        """`(r, r)` upper bounds of `|Γ_il|_*`; 0 for two rows without steps."""
        st, c, f, r = self.st, self.st.c, len(self.place), len(self.rows)
        flat, off, root = inv
        norms = c.head.phi_norm[self.rows]
        moved = np.einsum("fra,rab,frb->fr", self.bent, own[self.rows], self.bent, optimize=True)
        length2 = np.einsum("fra,fra->fr", self.bent, self.bent) + 1e-30
        wide = np.sqrt(np.maximum(moved, 0.0) + 2.0 * off * (norms * norms) * length2)
        wide += norms * root * (2.0 * st.s_off[self.rows] + 4.0 * U)
        wide[np.arange(f), np.arange(f)] = 0.0
        C = np.zeros((r, r))
        C[:f] = wide
        C[:, :f] += wide.T
        C[:f, :f] += self.crude(d)
        C *= RAISE
        if self.pairs is None:
            self._form(C[:f, :f])
        assert self.pairs is not None
        a, b = self.pairs
        if len(a):
            signed = (lengths_in(flat, off, self.G) + self.G_off * root) * RAISE
            C[a, b] = C[b, a] = np.minimum(signed, C[a, b])
        return C

    def crude(self, d: Array) -> Array:
        """`(f, f)` upper bounds of `|Σ Δ_j ⊗ x_j|_*` over all rows but the two, by second differences (Lemma 2)."""
        weigh = np.where(d > 0.0, self.st.c.kept / np.maximum(d, 2.0**-200), 0.0) * RAISE
        Q = (self.first * weigh) @ self.second.T * fp.sum_up(len(d))
        found = np.sqrt(np.minimum(Q, Q.T)) * RAISE
        np.fill_diagonal(found, 0.0)
        return np.asarray(found)

    def _form(self, C: Array) -> None:
        """Form the pairs whose crude bounds are largest."""
        a, b = np.triu_indices(len(C), 1)
        if len(a) > self.signed:
            take = np.argpartition(-C[a, b], self.signed)[: self.signed]
            a, b = a[take], b[take]
        self.pairs = a, b
        self.G, self.G_off = self.known.pairs(self.place[a], self.place[b])


class Formed:
    """Pairs of steps that were formed, kept for the next bound of the same steps."""

    def __init__(self, st: Steps) -> None:
        self.st, self.known = st, dict[int, int]()
        self.G, self.off = np.zeros((0, st.c.head.k * st.c.head.m)), np.zeros(0)

    def pairs(self, first: Whole, other: Whole) -> tuple[Array, Array]:
        """As of :func:`formed`."""
        key = np.minimum(first, other) * len(self.st.rows) + np.maximum(first, other)
        new = np.flatnonzero([int(x) not in self.known for x in key])
        if len(new):
            G, off = formed(self.st, first[new], other[new])
            self.known |= {int(x): len(self.off) + at for at, x in enumerate(key[new])}
            self.G, self.off = np.concatenate([self.G, G]), np.concatenate([self.off, off])
        at = [self.known[int(x)] for x in key]
        return self.G[at], self.off[at]


def formed(st: Steps, first: Whole, other: Whole) -> tuple[Array, Array]:
    """`Γ` of pairs of steps with its signs, and the errors: `(pairs, kp)`, `(pairs,)`."""
    c, head = st.c, st.c.head
    n, k, p = head.n, head.k, head.m
    G, norms = np.zeros((len(first), k * p)), head.phi_norm
    unit = 4.0 * st.s_off + (fp.dot_unit(n) + 16.0 * U) * 4.0 * ROOT2
    whole = float(norms @ (c.kept * unit)) * fp.sum_up(n)
    kept = c.kept[:, None]
    for start in range(0, len(first), PIECE):
        a, b = first[start : start + PIECE], other[start : start + PIECE]
        both, _ = softmax(c.Z + st.T[a] + st.T[b])
        at, i, j = np.arange(len(a)), st.rows[a], st.rows[b]
        one, two = both[at, i] - st.P[a, i], both[at, j] - st.P[b, j]
        both -= st.P[a]
        both -= st.P[b]
        both += c.S
        both *= kept
        g = (np.ascontiguousarray(both.transpose(0, 2, 1)).reshape(-1, n) @ head.phi).reshape(len(a), k, p)
        g -= one[:, :, None] * head.phi[i][:, None, :] + two[:, :, None] * head.phi[j][:, None, :]
        G[start : start + PIECE] = g.reshape(len(a), k * p)
    i, j = st.rows[first], st.rows[other]
    own = norms[i] * (2.0 * st.s_off[i] + 32.0 * U) + norms[j] * (2.0 * st.s_off[j] + 32.0 * U)
    return G, np.asarray((whole + own) * RAISE)


def bound(st: Steps, free: Whole, count: int, signed: int = 0, known: Formed | None = None,
          first: Array | float = FIRST) -> Bound | None:
    """A proved bound for some rows; None where none was found.

    Args:
        st: the steps.
        free: the rows, none of them out.
        count: how many may be deleted, 1 or 2.
        signed: how many pairs are formed with their signs.
        known: those that were.
        first: the ranges beyond the steps that are tried first.
    """
    all_ = Bounds(st, free, min(count, len(free)), signed, known or Formed(st))
    moved = np.broadcast_to(np.asarray(first, np.float64), (st.c.head.n,))
    best = None
    for _ in range(TURNS):
        codes = coded(moved[None, :])
        with np.errstate(all="ignore"):
            got = all_.found(codes)
        if got is None:
            break
        found, needed = got
        if (needed < decoded(codes)[0]).all():
            best = replace(found, codes=codes)
            if needed.max() > TIGHT * decoded(codes)[0].max():
                break
        elif not (needed.max() < FARTHEST and found.reach < HOPELESS):
            break
        moved = needed * GROW
    return best
