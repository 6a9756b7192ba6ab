"""D12: how far the minimisers without any k more rows lie from the sum of single steps, all choices at once.

At `ŵ + Σ_T δ_i` the gradient without T is the sum of what the single steps leave and of what pairs and triples of them
do to the slopes. Pairs that a crude bound leaves large are formed one by one, with their signs. All of this is measured
in the inverse of a matrix A below the curvature that rows keep on the way there and within the distance reached.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from certify.rigor import fp
from certify.rigor.activation.elementary import exp
from certify.rigor.blocked.grams import gram, gram_of_roots
from certify.rigor.fp import RAISE, Array, U
from certify.rigor.single.lengths import lengths_above
from certify.systems.head.rows.boxes.inverses import inverse
from certify.systems.head.rows.boxes.slabs import THIRD, Rows
from certify.systems.head.rows.boxes.sums import whole_numbers
from certify.theorems.head.rows.boxes.stated import Codes, coded, decoded
from certify.theorems.head.rows.pair_tree.curves import EVEN, FEWER, curve, kept_part, most_between
from certify.theorems.head.rows.pair_tree.formed import known_or_formed
from certify.theorems.head.rows.pair_tree.steps import Steps, lengths
from certify.theorems.head.rows.pair_tree.together import Together

FORMED, MANY, LABELS, WIDE = 640, 2560, 20480, 512
"""Pairs that are formed one by one; where there are more than WIDE steps, so many, and so many of labels."""

SMALL = 1.0
"""Changes of a margin up to which one bound of the slope's bends serves all pairs of a row."""

TURNS, GROW, ROOM = 6, 1.12, 1.01
"""Attempts at a distance, what it grows by, and what a checker's own numbers may need."""

FIRST, FARTHEST = 0.02, 8.0
"""The distance that is tried first, and the largest."""

PIECE = 512
"""Rows at a time."""


@dataclass(frozen=True, eq=False)
class Bound:
    """What is proved of a node and the rows after its first h hot ones.

    Attributes:
        steps: the single steps; `h`: how many of their rows are kept out.
        k: rows that may follow.
        codes: (1, n) codes of how far margins may move within the distance reached.
        X, off, size: the inverse of A, its error, and a bound of its norm.
        rho: (f,) parts of the distance in the norm of A, the row's share of every choice; `far`: that of a far row.
        fixed: the part that does not depend on the choice.
        reach: the distance at most, of all choices; `needed`: (n,) how far margins move within it.
    """

    steps: Steps
    h: int
    k: int
    codes: Codes
    X: Array
    off: float
    size: float
    rho: Array
    far: float
    fixed: float
    reach: float
    needed: Array

    def drops(self, points: Array) -> tuple[Array, Array, Array]:
        """Margins of points at the centre, what each row may take of them, and what is taken anyway.

        The far rows are all alike: one last column is for any of them.
        """
        st, c = self.steps, self.steps.c
        norms, p = fp.row_norms(points), len(c.w)
        unit = fp.dot_unit(p) * norms * RAISE
        margin = c.sums.margins(points, norms, c.w)
        delta = st.delta[self.h :]
        seen = lengths(self.X, self.off, points, norms)
        pushes = -(points @ delta.T) + np.outer(unit, fp.row_norms(delta))
        pushes = np.maximum(pushes, -0.0) * RAISE + np.outer(seen, self.rho) * RAISE
        if len(st.far):
            other = (lengths(st.b.X, st.b.off, points, norms) * st.reach + seen * self.far) * RAISE
            pushes = np.concatenate([pushes, other[:, None]], axis=1)
        return margin, pushes, seen * self.fixed * RAISE


@dataclass(frozen=True, eq=False)
class _Rows:
    """What rows of the sum do at a choice of the steps: curvatures, bends, and how far a step moves them.

    Attributes:
        least: (n,) least curvature at the candidates; `most`: the largest.
        second, third: (n,) weights of products of two and of three of `moved`.
        moved: (n, f), and `virtual` (n,) that of a far row.
    """

    least: Array
    most: Array
    second: Array
    third: Array
    moved: Array
    virtual: Array


def top(values: Array, other: Array | float, k: int) -> Array:
    """Upper bounds of the sums of the k largest in each row of nonnegative numbers, k more of `other` among them."""
    if k <= 0:
        return np.zeros(len(values))
    f = values.shape[1]
    floor = np.asarray(other, np.float64)
    if f > k == 1:
        values = values.max(axis=1, keepdims=True)
    elif f > k:
        values = np.partition(values, f - k, axis=1)[:, f - k :]
    both = np.maximum(values, floor[:, None] if floor.ndim else floor).sum(axis=1)
    return np.asarray((both + max(k - f, 0) * floor) * RAISE)


def _sides(T: Array, other: Array, k: int) -> tuple[Array, Array]:
    """Upper bounds of the sums of the k largest in each row, and of the k largest of the opposite numbers."""
    f = T.shape[1]
    if f > 2 * k > 2:  # both are at the ends of what one partition leaves
        T = np.partition(T, (k - 1, f - k), axis=1)
        low, high = T[:, :k], T[:, f - k :]
    else:
        low = high = T
    return top(np.maximum(high, 0.0), other, k), top(np.maximum(-low, 0.0), other, k)


def _bends_less(second: Array, own: Array, moved: Array) -> NDArray[np.bool_]:
    """Rows where one bound of the slope's bends is less than growth by exponentials, at their longest move."""
    grown = np.expm1(np.minimum(moved, 50.0))
    return np.asarray(second * moved * moved <= own * grown * grown)


def _rows(st: Steps, h: int, k: int) -> _Rows:
    """The same for the steps after the first h."""
    c = st.c
    t, kept, T = c.at.t, c.kept, st.T[:, h:]
    other = st.most
    slack = k * st.off
    up, down = (x + slack for x in _sides(T, other, k))
    reach = np.maximum(up, down) * RAISE
    if not reach.max(initial=0.0) < FARTHEST * 16.0:
        raise OverflowError
    farthest = (np.maximum(np.abs(t - down), np.abs(t + up)) + c.at.off) * RAISE
    least, most = kept * curve(farthest) / EVEN, kept * most_between(t, down, up, c.at.off)
    own = kept * (c.at.D + c.at.D_off) * RAISE
    near = reach <= SMALL
    second = np.minimum(THIRD * kept, most * np.minimum(0.5 * farthest * RAISE, 1.0))
    if c.sums.relabels:
        near |= _bends_less(second, own, np.maximum(np.abs(T).max(axis=1, initial=0.0), other))
    towards = np.where(t > 0.0, down, up)
    later = exp(np.minimum(towards, 600.0)) * EVEN if k > 3 else 1.0  # triples are looked at where others moved margins
    second = np.where(near, second, own)
    third = np.where(near, most, own * later) * RAISE
    grows = ~near & (kept > 0.0)
    virtual = other.copy()
    virtual[grows] = exp(np.minimum(other[grows], 600.0)) * EVEN - 1.0
    return _Rows(least, most, second, third, _moved(st, T, grows), virtual * kept)


def _moved(st: Steps, T: Array, grows: NDArray[np.bool_]) -> Array:
    """How far steps move margins, as it counts in products: where that grows, `e^x − 1` unless away from 0."""
    c, found = st.c, np.empty(T.shape)
    for start in range(0, len(T), PIECE):
        at = slice(start, start + PIECE)
        some, t, off = T[at], c.at.t[at], st.off[at]
        moved = np.abs(some)
        moved += off[:, None]
        moved *= RAISE
        far = np.flatnonzero(grows[at])
        if len(far):
            sign = np.sign(t[far])
            away = (some[far] * sign[:, None] > off[far, None]) & (np.abs(t[far]) > c.at.off[at][far])[:, None]
            grown = exp(np.minimum(moved[far], 600.0)) * EVEN - 1.0
            moved[far] = np.where(away, moved[far], np.maximum(grown, moved[far]))
        found[at] = moved * c.kept[at, None]
    return found


class Bounds:
    """Everything that does not depend on the distance reached, for one h and k."""

    def __init__(self, st: Steps, h: int, k: int, most: int | None = None) -> None:
        self.st, self.h, self.k, self.most = st, h, k, most
        self.rows = st.rows[h:]
        r = self.r = _rows(st, h, k)
        self.columns = np.arange(len(self.rows))
        self.crude = Together(st, r.moved, r.virtual)
        self.pairs: tuple[Rows, Rows] | None = None
        self.G, self.G_off = np.zeros((0, 0)), np.zeros(0)
        if k > 1:
            self._pull()

    def _pull(self) -> None:
        """What steps do to the rows of other steps."""
        st, h, k = self.st, self.h, self.k
        self.part = 0.5 * (k - 2) / (k - 1) * RAISE if k > 2 else 0.0
        if st.c.sums.relabels:  # rows stay where they are in the sum
            self.pulled, self.pulled_far = np.zeros((1, 1)), np.zeros(1)
            self.bent = np.zeros(len(self.rows))
            return
        T = st.T[self.rows][:, h:]
        self.base = st.c.at.t[self.rows] + T[self.columns, self.columns]
        self.base_off = st.c.at.off[self.rows] + 2.0 * st.off[self.rows] + 4.0 * U * np.abs(self.base)
        across = (np.abs(T) + st.off[self.rows][:, None]) * RAISE
        across[self.columns, self.columns] = 0.0
        self.other = st.most[self.rows]
        z = st.z[self.rows, None] * st.E[self.rows, self.columns + h][:, None]
        q = z * st.E[self.rows, h:]
        P, P1 = q / (1.0 + q), z / (1.0 + z)
        self.pulled = (np.abs(P - P1) + 2.0 * st.blur * (P + P1)) * RAISE  # what a step does to another step's row
        self.pulled[self.columns, self.columns] = 0.0
        bent = most_between(self.base, self.other, self.other, self.base_off)
        self.pulled_far = np.minimum(self.other, bent * self.other)
        sides = [top(np.where(self.columns[:, None] == self.columns, 0.0, np.maximum(s * T, 0.0)), self.other, k - 1)
                 + k * st.off[self.rows] for s in (1.0, -1.0)]
        reach = np.maximum(np.abs(self.base - sides[1]), np.abs(self.base + sides[0])) + self.base_off
        bend = most_between(self.base, sides[1], sides[0], self.base_off)
        bend = np.minimum(bend * np.minimum(0.5 * reach, 1.0), THIRD)
        self.bent = self.part * bend * top(across, self.other, k - 1) ** 2 * RAISE if k > 2 else 0.0 * self.base
        self.away = np.abs(st.T[st.far, h:]) + st.off[st.far, None]  # how far steps move rows that are far
        self.together = top(self.away, st.across[st.far], k - 1) if k > 2 else np.zeros(len(st.far))

    def form(self, C: Array) -> None:
        """Choose the pairs whose crude bounds are largest, and form them."""
        f = len(C)
        most = self.most or (FORMED if f <= WIDE else LABELS if self.st.c.sums.relabels else MANY)
        a, b = np.triu_indices(f, 1)
        if len(a) > most:
            take = np.argpartition(-C[a, b], most)[:most]
            a, b = a[take], b[take]
        self.pairs = a, b
        self.G, self.G_off = known_or_formed(self.st, self.h, a, b)

    def gram(self, weight: Array, inverse_of: Array, long: Array) -> tuple[Array, Array, float]:
        """What two steps do, a step and a far row, and two far rows."""
        f = len(self.rows) if self.k > 1 else 0  # one row has no pair
        return self.crude.pairs(f, weight, inverse_of, long)

    def found(self, codes: Codes) -> Bound | None:
        """The bound for codes of how far margins may move, if they do not move farther; None where there is none."""
        st, r, c, k = self.st, self.r, self.st.c, self.k
        s, n = c.sums, len(c.sums.S)
        least = kept_part(r.least, decoded(codes)[0])
        H, unit = gram_of_roots(s.S, least) if s.vast else gram(s.S, least)
        H[np.diag_indices(len(H))] += s.decay
        unsure = (4.0 * unit * float(least @ (s.norms * s.norms)) * fp.sum_up(n)
                  + 4.0 * U * float(s.decay.sum()) + s.decay_off + whole_numbers(s)) * RAISE
        if not np.isfinite(H).all() or (inv := inverse(H, unsure)) is None:
            return None
        X, off = inv
        off += 4.0 * fp.dot_unit(len(X)) * fp.frobenius(X)
        size = (fp.frobenius(X) + off) * RAISE
        rough = lengths_above(s.short, s.norms, X, off) if s.halved else None
        long = lengths(X, off, s.S, s.norms) if rough is None else rough
        kappa = np.zeros(len(self.rows) + 1) if s.relabels else self._leverage(X, off, least, long)
        if not kappa.max(initial=0.0) < 1.0:
            return None
        heavy = (c.kept > 0.0) & (least * FEWER < c.at.D)
        light = (c.kept > 0.0) & ~heavy & (least > 0.0)
        inverse_of = np.where(light, 1.0 / np.where(light, least, 1.0), 0.0)
        C, C_far, C_two = self.gram(r.second, inverse_of, long)
        rest = (0.5 * C_two + float((c.at.D_off * r.virtual) @ long) * fp.sum_up(n)) * RAISE
        single = lengths(X, off, st.left[self.h :], fp.row_norms(st.left[self.h :]))
        rho = (single + st.left_off[self.h :] * np.sqrt(size)) * RAISE
        if k > 1:
            share, far = self._shares(C, C_far, C_two, X, off, size, long, inverse_of)
            rho, rest = (rho + share) * RAISE, (rest + far) * RAISE
        least_gone = (1.0 - float(kappa.max(initial=0.0))) * (1.0 - 4.0 * U)
        gone = (1.0 - kappa[: len(rho)]) * (1.0 - 4.0 * U) if k == 1 else least_gone  # one row: its own leverage counts
        rho, far = rho / gone * ROOM * RAISE, (rest / least_gone if len(st.far) else 0.0) * ROOM * RAISE
        fixed = (k + 2.0) * c.gradient * float(np.sqrt(size)) / least_gone * ROOM * RAISE
        reach = (float(top(rho[None, :], far, k)[0]) + fixed) * RAISE
        if not reach < np.inf:
            return None
        return Bound(st, self.h, k, codes, X, off, size, rho, far, fixed, reach, reach * long * ROOM * RAISE)

    def _shares(self, C: Array, C_far: Array, C_two: float, X: Array, off: float, size: float, long: Array,
                inverse_of: Array) -> tuple[Array, float]:
        """The share of each step, and of a far row, in what pairs and triples do, from what pairs do to other rows."""
        st, r, k = self.st, self.r, self.k
        pull = long[self.rows][:, None] * self.pulled
        C = (C + pull + pull.T) * RAISE
        C[self.columns, self.columns] = 0.0
        beyond = 0.0
        if len(st.far) and not st.c.sums.relabels:
            away = r.most[st.far] * long[st.far]
            C_far = (C_far + long[self.rows] * self.pulled_far + _most(self.away, away)) * RAISE
            C_two = (C_two + 2.0 * float((away * st.across[st.far]).max())) * RAISE
            bend = np.minimum(THIRD, r.most[st.far]) * long[st.far]
            beyond = float((bend * self.together * self.together).max()) * self.part * RAISE
        if self.pairs is None:
            self.form(C)
        assert self.pairs is not None
        a, b = self.pairs
        signed = lengths(X, off, self.G, fp.row_norms(self.G)) + self.G_off * np.sqrt(size)
        C[a, b] = C[b, a] = np.minimum(signed, C[a, b]) * RAISE
        triple, triple_far = self._triples(inverse_of, long)
        if st.c.sums.relabels and len(st.far):  # of a pair with a far row that takes half of what two of them do
            half, own = 0.5 * C_two, np.maximum(C_far - 0.5 * C_two, 0.0) * RAISE
            return (top(0.5 * C, own, k - 1) + triple) * RAISE, ((k - 1) * half + triple_far) * RAISE
        share = (0.5 * top(C, C_far, k - 1) + long[self.rows] * self.bent + triple) * RAISE
        if not len(st.far):
            return share, 0.0
        return share, (0.5 * (k - 1) * max(C_two, float(C_far.max(initial=0.0))) + beyond + triple_far) * RAISE

    def _leverage(self, X: Array, off: float, least: Array, long: Array) -> Array:
        """At least the largest eigenvalue of the block of `√(d_id_l) s_i·A⁻¹s_l` of any k rows (Gershgorin), by rows.

        The last number is that of far rows.
        """
        S, norms, k = self.st.c.sums.S[self.rows], self.st.c.sums.norms[self.rows], self.k
        root = np.sqrt(least) * RAISE
        side = root * long * RAISE
        far = float(side[self.st.far].max(initial=0.0))
        if k == 1:
            return np.asarray(np.append(side[self.rows], far) ** 2 * RAISE)
        B = (np.abs(S @ X @ S.T) + off * np.outer(norms, norms)) * np.outer(root[self.rows], root[self.rows]) * RAISE
        own = B[self.columns, self.columns].copy()
        B[self.columns, self.columns] = 0.0
        most = own + top(B, side[self.rows] * far, k - 1)
        last = far * far + (k - 1) * far * max(far, float(side[self.rows].max(initial=0.0)))
        return np.asarray(np.append(most, last if len(self.st.far) else 0.0) * RAISE)

    def _triples(self, inverse_of: Array, long: Array) -> tuple[Array, float]:
        """The share of each step, and of a far row, in what three and more steps do to the slopes."""
        r, k = self.r, self.k
        if k < 3:
            return np.zeros(len(self.rows)), 0.0
        rest = top(r.moved, r.virtual, k - 2)
        C, C_far, C_two = self.gram(r.third * rest * RAISE, inverse_of, long)
        C[self.columns, self.columns] = 0.0
        far = (k - 1) * max(C_two, float(C_far.max(initial=0.0))) / 6.0
        return top(C, C_far, k - 1) / 6.0 * RAISE, far * RAISE


def _most(values: Array, weights: Array) -> Array:
    """The largest weighed number of each column."""
    found = np.zeros(values.shape[1])
    for start in range(0, len(values), PIECE):
        at = slice(start, start + PIECE)
        found = np.maximum(found, (values[at] * weights[at, None]).max(axis=0, initial=0.0))
    return found


def bound(st: Steps, h: int, k: int, first: Array | float = FIRST, most: int | None = None) -> Bound | None:
    """A proved bound for the rows after the first h, k of which may follow; None where none was found.

    Args:
        st: the single steps.
        h: how many of their rows are kept out.
        k: rows that may follow.
        first: the distance that is tried first, for each row or for all.
        most: how many pairs are formed one by one; None: few.
    """
    if not (h < len(st.rows) and np.isfinite(st.reach)) or (len(st.far) and k > len(st.rows) - h):
        return None
    try:
        all_ = Bounds(st, h, k, most)
    except OverflowError:
        return None
    moved = np.maximum(first, FIRST) * st.lengths
    for _ in range(TURNS):
        codes = coded(moved[None, :])
        with np.errstate(over="ignore", invalid="ignore"):  # of far rows: what is not finite proves nothing
            found = all_.found(codes)
        if found is None or (found.needed < decoded(codes)[0]).all():
            return found
        if not found.needed.max() < FARTHEST * 64.0:
            return None
        moved = found.needed * GROW
    return None
