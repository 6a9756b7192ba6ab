"""D12 in doubles that bound: how far minimisers without any k more rows lie from the sum of single steps."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from heapq import nlargest
from itertools import chain
from math import inf, isfinite, ldexp, sqrt
from operator import mul

from flint import fmpz_mat

from certify.check.theorems.head.rows.boxes.fixed_rows import LOST, WEIGHT, few
from certify.check.theorems.head.rows.boxes.products import inverse
from certify.check.theorems.head.rows.pair_tree.curves import BENT, FEWER, THIRD, curve, kept_part, most_between
from certify.check.theorems.head.rows.pair_tree.formed import form
from certify.check.theorems.head.rows.pair_tree.moved import size_of
from certify.check.theorems.head.rows.pair_tree.numbers import UP, both_tops, exp, exps, largest, products, top, up
from certify.check.theorems.head.rows.pair_tree.steps import Steps, lengths, row_lengths

FORMED, MANY, LABELS, WIDE = 640, 1024, 20480, 512
"""Pairs that are formed one by one; where there are more than WIDE steps, so many, and so many of labels."""

AT_ONCE = 256
"""Pairs at a time."""

SMALL, FARTHEST = 1.0, 128.0

LEAST, LARGEST = 2.0**-39, 2.0**100
"""Least curvature that bounds what a far row moves, and the largest length of anything: no product overflows."""

NEAR, GROWN, TRIES = 1.05, 8.0, 3
"""Room where margins move farther than stated, how many times as far they may, and tries: any such numbers will do."""


class Bound:
    """The bound for the steps after the first h, k of which may follow, if margins move by at most `reach` more.

    Where that is not enough for this program's own steps, `reach` grows a little; `pairs` are formed with their signs.

    Attributes:
        proved: whether it is.
        single, rest, C, C_far, C_two: for k > 1 the share of each step and of a far row before their pairs, and what
            pairs of steps, with a far row, and of far rows add; kappa: for k = 2 the block of `√(d_id_l) s_i·A⁻¹s_l`.
        rho, far, fixed: parts of the distance in the norm of A: of each step, of a far row, and of every choice.
        M: the inverse of A.
    """

    def __init__(self, st: Steps, h: int, k: int, reach: Sequence[float], pairs: int | None = None) -> None:
        self.st, self.h, self.k, self.proved = st, h, k, False
        self.reach, self.pairs, longer, grown = list(reach), pairs, 1.0, 1.0
        self.kappa: list[array[float]] = []
        self.rows, self.own = st.rows[h:], st.own[h:]
        self.pulled: tuple[list[list[float]], list[float], list[float]] | None = None
        self.part = 0.5 * (k - 2) / (k - 1) * UP if k > 2 else 0.0
        if st.far and (k > len(self.rows) or st.c.sums.relabels) or not self.rows or not isfinite(st.reach):
            return
        if not self._margins():
            return
        for _ in range(2 * TRIES if st.c.sums.relabels else TRIES):  # labels are at roots alone
            self.reach = [longer * x for x in self.reach]
            needed = self._needed()
            longer = needed * NEAR
            self.proved, grown = needed < 1.0, grown * longer
            if self.proved or not grown < GROWN:
                return

    def _needed(self) -> float:
        """Where all margins move by at most `reach` more, what part of that is needed; infinite where all fails."""
        st, k, s = self.st, self.k, self.st.c.sums
        weights = [int(kept_part(least, x) * 2.0**WEIGHT) for least, x in zip(self.least, self.reach, strict=True)]
        found = inverse(s, weights)
        if found is None:
            return inf
        self.M = found
        self.low = [ldexp(w, -WEIGHT) for w in weights]
        self.long = row_lengths(s, found)
        sizes = (one.size for one in st.own)
        if not all(x < LARGEST for x in (*self.long, *st.lengths, *sizes, up(found[2]), up(s.short.epsilon),
                                         *map(up, s.norms))):
            return inf
        if s.relabels:  # no row is gone
            kappa = [0.0] * (len(self.rows) + 1)
        else:
            kappa = self._leverage() if k > 1 else self._own_leverage()
        if not all(x < 1.0 for x in kappa):  # a largest one would pass over what is no number
            return inf
        self.root = sqrt(up(found[2])) * UP
        rho, far = self._shares()
        gone = (1.0 - max(kappa)) / UP
        # one row: its own leverage counts
        each = kappa[: len(rho)] if k == 1 else [max(kappa)] * len(rho)
        self.rho = [x * UP * UP / (1.0 - y) for x, y in zip(rho, each, strict=True)]
        self.far = far / gone * UP
        self.fixed = (k + 2.0) * up(st.c.gradient) * self.root / gone * UP * UP + LOST  # the product may underflow
        a = (top(self.rho, self.far, k) + self.fixed) * UP
        if not a < inf:  # or no number
            return inf
        return max((a * x * UP / y for x, y, kept in zip(self.long, self.reach, st.c.kept, strict=True) if kept),
                   default=0.0)

    def _margins(self) -> bool:
        """What rows of the sum do at a choice of the steps; False where margins are moved too far."""
        st, k, relabels = self.st, self.k, self.st.c.sums.relabels
        self.least, self.second, self.third = ([0.0] * st.c.sums.n for _ in range(3))
        self.most, self.virtual, self.lines = [0.0] * st.c.sums.n, [0.0] * st.c.sums.n, list[Sequence[float]]()
        for j, line in enumerate(zip(*(one.tau for one in self.own), strict=True)):
            t, other = st.t[j], st.most[j]
            forth, back = both_tops(line, other, k)
            forth, back = (forth + k * st.off) * UP, (back + k * st.off) * UP
            far = max(forth, back)
            if not far < FARTHEST:
                return False
            if not st.c.kept[j]:
                self.lines.append(bytes(len(line) if k > 1 else 0))
                continue
            farthest = (max(abs(t - back), abs(t + forth)) + st.t_off) * UP
            self.least[j] = curve(farthest) / UP
            self.most[j] = most = most_between(t, back, forth, st.t_off)
            second, own = min(THIRD, most * min(0.5 * farthest, 1.0) * UP), up(st.c.D[j]) * UP
            if far <= SMALL or relabels and _bends_less(second, own, max(max(line), -min(line), other)):
                self.second[j], self.third[j], self.virtual[j] = second, most, other
                self.lines.append(array("d", [abs(x) + st.off for x in line] if k > 1 else ()))
                continue
            later = exp(back if t > 0.0 else forth) * UP if k > 3 else 1.0
            self.second[j], self.third[j] = own, own * later * UP
            self.virtual[j] = exp(other) * UP - 1.0 if other > 0.0 else 0.0
            self.lines.append(array("d", self._grown(line, t) if k > 1 else ()))
        return True

    def _grown(self, line: Sequence[float], t: float) -> list[float]:
        """What moves of a margin towards 0 do as growth of its curvature, and those away from 0 by their length."""
        off, sign = self.st.off, 0.0 if abs(t) <= self.st.t_off else 1.0 if t > 0.0 else -1.0
        return [(x + off) * UP if y * sign > off else (max(e * UP - 1.0, x) + off) * UP for x, y, e in zip(
            map(abs, line), line, exps([-(abs(x) + off) for x in line]), strict=True)]

    def _own_leverage(self) -> list[float]:
        """The same of one row: for every step, and for the far rows."""
        own = [d * x * x * UP * UP for d, x in zip(self.low, self.long, strict=True)]
        return [*(own[i] for i in self.rows), max((own[l] for l in self.st.far), default=0.0)]

    def _leverage(self) -> list[float]:
        """At least the largest eigenvalue of the block of `√(d_id_l) s_i·A⁻¹s_l` of any k rows (Gershgorin)."""
        st, s, k = self.st, self.st.c.sums, self.k
        X, off, big = self.M
        coarse = few(X, s.p)
        side = [sqrt(d) * x * UP for d, x in zip(self.low, self.long, strict=True)]
        far = max((side[l] for l in st.far), default=0.0)
        whole = fmpz_mat([s.short.rows[i] for i in self.rows])
        norms = [up(s.norms[i]) for i in self.rows]
        loose = (3.0 * up(s.short.epsilon) * up(big + off) + up(coarse.off) * 1.01 + up(off)) * UP
        root = [sqrt(self.low[i]) * UP for i in self.rows]
        units = [ldexp(1.0, s.short.unit[i]) for i in self.rows]
        one, most = ldexp(1.0, coarse.unit), 0.0
        self.kappa = []
        short_ = [r * x * UP for r, x in zip(root, norms, strict=True)]
        scaled = [r * u for r, u in zip(root, units, strict=True)]
        for a, row in enumerate((whole * coarse.mat * whole.transpose()).tolist()):
            lead, own = scaled[a] * one, short_[a] * loose
            line = [abs(float(int(x))) * lead * y + own * z for x, y, z in zip(row, scaled, short_, strict=True)]
            if k == 2:
                self.kappa.append(array("d", line))
            mine, line[a] = line[a], 0.0
            most = max(most, mine + top(line, side[self.rows[a]] * far, k - 1))
        if st.far:
            most = max(most, far * far + (k - 1) * far * max(far, max(side[i] for i in self.rows)))
        return [most * UP * UP]

    def _gram(self, weight: list[float]) -> tuple[list[array[float]], list[float], float]:
        """What `Σ_j weight_j h_ijh_lj|s_j|` is at most in the norm of A, and with one or two far rows."""
        st, light, heavy, f = self.st, self.light, self.heavy, len(self.rows) if self.k > 1 else 0
        lines, steps_ = self.lines, f + bool(st.far)
        if st.far:  # one step more
            lines = [array("d", [*line, x]) for line, x in zip(lines, self.virtual, strict=True)]
        C = products([lines[j] for j in light], [weight[j] / sqrt(self.low[j]) * UP for j in light], steps_, True)
        D = products([lines[j] for j in heavy], [weight[j] * self.long[j] * UP for j in heavy], steps_, False)
        single, two = list[float](), 0.0
        if st.far:
            grown = [x / y * UP if y > 0.0 else 0.0 for x, y in zip(self.virtual, st.most, strict=True)]
            lead = self._lead(weight, grown)
            near = largest([lines[j] for j in light], [lead[j] / sqrt(self.low[j]) * UP for j in light], f + 1)
            near = list(map(min, near, C.pop()))
            for line in (*C, *D[:-1]):
                line.pop()
            if heavy:
                sides = [lead[j] * self.long[j] * UP for j in heavy]
                beside = [0.0 if all(x < inf for x in sides) else inf] * (f + 1)
                for x, j in zip(sides, heavy, strict=True) if beside[0] == 0.0 else ():
                    moved = [v * x for v in lines[j]]
                    beside = [y + z * z for y, z in zip(beside, moved, strict=True)]  # a power would raise
                near = [x + min(sqrt(y), z) for x, y, z in zip(near, beside, D.pop(), strict=True)]
            *single, two = [x * UP for x in near]
        if heavy:
            C = [array("d", map(sum, zip(x, y, strict=True))) for x, y in zip(C, D, strict=True)]
        return C, single, two

    def _lead(self, weight: list[float], grown: list[float]) -> dict[int, float]:
        """What the step of a far row brings to a row at most, by its reach and the row's curvature in `H`."""
        st, found = self.st, {}
        for j in (*self.light, *self.heavy):
            D = float(st.c.D[j].lower()) - 2.0**-40  # in whole numbers it is less than that below the true one
            found[j] = weight[j] * grown[j] * st.reach / sqrt(D) * UP if D > LEAST else inf
        return found

    def _shares(self) -> tuple[list[float], float]:
        """ρ of every step, and of a far row, before the division by 1 − κ."""
        st, k, f = self.st, self.k, len(self.rows)
        kept = [j for j, there in enumerate(st.c.kept) if there]
        self.heavy = [j for j in kept if not self.low[j] * FEWER > up(st.c.D[j])]
        heavy = set(self.heavy)
        self.light = [j for j in kept if j not in heavy]
        C, C_far, C_two = self._gram(self.second)
        # a curvature whose ball is no point is rounded down from its lower end
        lost = BENT + 2.0 * max((up(st.c.D[j].rad()) for j in kept), default=0.0) if st.far else 0.0
        rest = (0.5 * C_two + lost * sum(map(mul, self.virtual, self.long))) * UP if st.far else 0.0
        left = [one.left for one in self.own]
        single = [(x + one.left_off * self.root) * UP for x, one in zip(
            lengths(left, [size_of(row) for row in left], self.M), self.own, strict=True)]
        if k == 1:
            return single, rest
        if st.c.sums.relabels:  # rows stay where they are in the sum
            return self._labels(C, single), 0.0
        if self.pulled is None:
            self.pulled = self._pulled()
        pulled, pulled_far, bent = self.pulled
        long = [self.long[i] * UP for i in self.rows]
        for a in range(f):
            for b in range(a):
                x = C[a][b] + pulled[a][b] * long[a] + pulled[b][a] * long[b]
                C[a][b] = C[b][a] = x
            C[a][a] = 0.0
        pulled_far = list(map(mul, pulled_far, long))
        beyond = 0.0
        if st.far:
            C_far, C_two, beyond = self._far_pulled(C_far, C_two, pulled_far)
        self._pairs(C)
        C_far = C_far or [0.0] * f
        self.single, self.C, self.C_far, self.rest, self.C_two = single, C, C_far, rest, C_two
        triple, triple_far = self._triples()
        rho = [x + 0.5 * top(row, z, k - 1) + b * y + q for x, row, z, b, y, q in zip(
            single, C, C_far, bent, long, triple, strict=True)]
        far = rest + 0.5 * (k - 1) * max(C_two, max(C_far, default=0.0)) + beyond + triple_far if st.far else 0.0
        return [x * UP for x in rho], far * UP

    def _labels(self, C: list[array[float]], single: list[float]) -> list[float]:
        """ρ of every step where labels change, and there are no far rows."""
        for a in range(len(C)):
            C[a][a] = 0.0
        self._pairs(C)
        self.single, self.C, self.C_far, self.rest, self.C_two = single, C, [0.0] * len(C), 0.0, 0.0
        triple, _ = self._triples()
        return [(x + 0.5 * top(row, 0.0, self.k - 1) + q) * UP for x, row, q in zip(single, C, triple, strict=True)]

    def _pulled(self) -> tuple[list[list[float]], list[float], list[float]]:
        """What a step, and a far row, does to the slope of another step's row, and what pairs of them do."""
        st, k = self.st, self.k
        pulled, pulled_far, bent = [], [], []
        for a, i in enumerate(self.rows):
            other = st.most[i]
            changes = [one.tau[i] for one in self.own]
            own = st.z[i] * self.own[a].E[i]
            base, slope = st.t[i] + changes[a], own / (1.0 + own)
            base_off = (st.t_off + 2.0 * st.off + 2.0**-50 * abs(base)) * UP
            line = [abs((p := (q := own * one.E[i]) / (1.0 + q)) - slope) + 2.0 * st.blur * (p + slope)
                    for one in self.own]
            line[a] = changes[a] = 0.0
            pulled.append(line)
            pulled_far.append(min(1.0, most_between(base, other, other, base_off)) * other * UP)
            forth, back = (x + k * st.off for x in both_tops(changes, other, k - 1))
            reach = max(abs(base - back), abs(base + forth)) + base_off
            bend = min(most_between(base, back, forth, base_off) * min(0.5 * reach, 1.0) * UP, THIRD)
            both = top([abs(x) + st.off for x in changes], other, k - 1)
            bent.append(self.part * bend * both * both * UP if k > 2 else 0.0)
        return pulled, pulled_far, bent

    def _far_pulled(self, C_far: list[float], C_two: float, pulled_far: list[float],
                    ) -> tuple[list[float], float, float]:
        """The same for rows of far ones, added to their pairs; and what pairs of steps do to one of them."""
        st, k = self.st, self.k
        away = [self.most[l] * self.long[l] * UP for l in st.far]
        found, loose = [], st.off * max(away)
        for one, x, y in zip(self.own, C_far, pulled_far, strict=True):
            found.append((x + y + max(map(mul, map(abs, [one.tau[l] for l in st.far]), away)) + loose) * UP)
        two = (C_two + 2.0 * max(z * st.across[l] for l, z in zip(st.far, away, strict=True))) * UP
        beyond = 0.0
        if k > 2:
            for l in st.far:
                reach = top([abs(one.tau[l]) + st.off for one in self.own], st.across[l], k - 1)
                beyond = max(beyond, min(THIRD, self.most[l]) * self.long[l] * reach * reach)
        return found, two, beyond * self.part * UP

    def _pairs(self, C: list[array[float]]) -> None:
        """Form the pairs of steps whose bounds are largest, with their signs."""
        st, f = self.st, len(C)
        formed = (FORMED if f <= WIDE else LABELS if st.c.sums.relabels else MANY) if self.pairs is None else self.pairs
        if not formed or f < 2:
            return
        least = nlargest(formed, chain.from_iterable(row[:a] for a, row in enumerate(C)))[-1]
        self.form(C, [(a, b) for b, row in enumerate(C) for a, x in enumerate(row[:b]) if x >= least][:formed])

    def form(self, C: list[array[float]], pairs: Sequence[tuple[int, int]]) -> None:
        """Take some pairs of steps with their signs, where that is less."""
        for start in range(0, len(pairs), AT_ONCE):
            part = pairs[start : start + AT_ONCE]
            found = form(self.st, [(self.h + a, self.h + b) for a, b in part])
            long = lengths([list(G) for G, _, _ in found], [size for _, size, _ in found], self.M)
            for (a, b), x, (_, size, error) in zip(part, long, found, strict=True):
                C[a][b] = C[b][a] = min(C[a][b], (x + (error + 2.0**-50 * size) * self.root) * UP)

    def _triples(self) -> tuple[list[float], float]:
        """The share of each step, and of a far row, in what three and more steps do to the slopes."""
        k, f = self.k, len(self.rows)
        if k < 3:
            return [0.0] * f, 0.0
        weight = [x * top(line, other, k - 2) * UP for x, line, other in zip(
            self.third, self.lines, self.virtual, strict=True)]
        C, C_far, C_two = self._gram(weight)
        for a in range(f):
            C[a][a] = 0.0
        far = (k - 1) * max(C_two, max(C_far, default=0.0)) / 6.0 * UP
        return [top(row, other, k - 1) / 6.0 * UP for row, other in zip(C, C_far or [0.0] * f, strict=True)], far


def _bends_less(second: float, own: float, moved: float) -> bool:
    """Whether one bound of the slope's bends is less than growth by exponentials, at a row's longest move."""
    grown = exp(min(moved, 50.0)) - 1.0
    return second * moved * moved <= own * grown * grown
