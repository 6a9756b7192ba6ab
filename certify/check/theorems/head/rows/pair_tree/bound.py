"""D12 in doubles that bound: how far minimisers without any k more rows lie from the sum of single steps."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import nlargest
from math import inf, isfinite, ldexp, sqrt
from operator import mul

from flint import fmpz_mat

from certify.check.theorems.head.rows.boxes.fixed_rows import WEIGHT, few, inverse
from certify.check.theorems.head.rows.boxes.margins import Points
from certify.check.theorems.head.rows.pair_tree.curves import BENT, FEWER, THIRD, curve, kept_part, most_between
from certify.check.theorems.head.rows.pair_tree.formed import form
from certify.check.theorems.head.rows.pair_tree.numbers import UP, both_tops, exp, gram, roots, top, up
from certify.check.theorems.head.rows.pair_tree.steps import Steps, lengths, row_lengths, size_of

FORMED, MANY, LABELS, WIDE = 640, 2560, 20480, 512
"""Pairs that are formed one by one; where there are more than WIDE steps, so many, and so many of labels."""

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
        rho, far, fixed: parts of the distance in the norm of A: of each step, of a far row, and of every choice.
        M: the inverse of A.
    """

    def __init__(self, st: Steps, h: int, k: int, reach: Sequence[float], pairs: int | None = None) -> None:
        self.st, self.h, self.k, self.proved = st, h, k, False
        self.reach, self.pairs, longer, grown = list(reach), pairs, 1.0, 1.0
        self.rows = st.rows[h:]
        self.tau = st.tau[h:]
        self.pulled: tuple[list[list[float]], list[float], list[float]] | None = None
        self.part = 0.5 * (k - 2) / (k - 1) * UP if k > 2 else 0.0
        if st.far and (k > len(self.rows) or st.c.sums.relabels) or not self.rows or not isfinite(st.reach):
            return
        if not self._margins():
            return
        for _ in range(TRIES):
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
        if not all(x < LARGEST for x in (*self.long, *st.lengths, *st.sizes, up(found[2]), up(s.short.epsilon),
                                         *map(up, s.norms))):
            return inf
        if s.relabels:  # no row is gone
            kappa = [0.0] * (len(self.rows) + 1)
        else:
            kappa = self._leverage() if k > 1 else self._own_leverage()
        if not max(kappa) < 1.0:
            return inf
        self.root = sqrt(up(found[2])) * UP
        rho, far = self._shares()
        gone = (1.0 - max(kappa)) / UP
        # one row: its own leverage counts
        each = kappa[: len(rho)] if k == 1 else [max(kappa)] * len(rho)
        self.rho = [x * UP * UP / (1.0 - y) for x, y in zip(rho, each, strict=True)]
        self.far = far / gone * UP
        self.fixed = (k + 2.0) * up(st.c.gradient) * self.root / gone * UP * UP
        a = (top(self.rho, self.far, k) + self.fixed) * UP
        if not a < inf:  # or no number
            return inf
        return max((a * x * UP / y for x, y, kept in zip(self.long, self.reach, st.c.kept, strict=True) if kept),
                   default=0.0)

    def _margins(self) -> bool:
        """What rows of the sum do at a choice of the steps; False where margins are moved too far."""
        st, k, relabels = self.st, self.k, self.st.c.sums.relabels
        self.least, self.most, self.second, self.third = [], [], [], []
        moved: list[list[float]] = []
        self.virtual, self.plain = [], st.most
        for j, line in enumerate(zip(*self.tau, strict=True)):
            t, other, kept = st.t[j], st.most[j], st.c.kept[j]
            forth, back = both_tops(line, other, k)
            forth, back = (forth + k * st.off) * UP, (back + k * st.off) * UP
            far = max(forth, back)
            if not far < FARTHEST:
                return False
            if not kept:
                self.least.append(0.0)
                self.most.append(0.0)
                self.second.append(0.0)
                self.third.append(0.0)
                moved.append([0.0] * len(line))
                self.virtual.append(0.0)
                continue
            farthest = (max(abs(t - back), abs(t + forth)) + st.t_off) * UP
            self.least.append(curve(farthest) / UP)
            most = most_between(t, back, forth, st.t_off)
            self.most.append(most)
            second, own = min(THIRD, most * min(0.5 * farthest, 1.0) * UP), up(st.c.D[j]) * UP
            if far <= SMALL or relabels and _bends_less(second, own, max(max(line), -min(line), other)):
                self.second.append(second)
                self.third.append(most)
                moved.append([abs(x) + st.off for x in line])
                self.virtual.append(other)
                continue
            later = exp(back if t > 0.0 else forth) * UP if k > 3 else 1.0
            self.second.append(own)
            self.third.append(own * later * UP)
            sure = abs(t) > st.t_off
            sign = 1.0 if t > 0.0 else -1.0
            moved.append([x * sign if sure and x * sign > st.off else max(exp(abs(x) + st.off) * UP - 1.0, abs(x))
                          for x in line])
            moved[-1] = [(x + st.off) * UP for x in moved[-1]]
            self.virtual.append(exp(other) * UP - 1.0 if other > 0.0 else 0.0)
        self.moved = [list(line) for line in zip(*moved, strict=True)]
        self.lines = moved
        return True

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
        short_ = [r * x * UP for r, x in zip(root, norms, strict=True)]
        scaled = [r * u for r, u in zip(root, units, strict=True)]
        for a, row in enumerate((whole * coarse.mat * whole.transpose()).tolist()):
            lead, own = scaled[a] * one, short_[a] * loose
            line = [abs(float(int(x))) * lead * y + own * z for x, y, z in zip(row, scaled, short_, strict=True)]
            mine, line[a] = line[a], 0.0
            most = max(most, mine + top(line, side[self.rows[a]] * far, k - 1))
        if st.far:
            most = max(most, far * far + (k - 1) * far * max(far, max(side[i] for i in self.rows)))
        return [most * UP * UP]

    def _gram(self, weight: list[float]) -> tuple[list[list[float]], list[float], float]:
        """What `Σ_j weight_j h_ijh_lj|s_j|` is at most in the norm of A, and with one or two far rows."""
        st = self.st
        light, heavy = self.light, self.heavy
        v = [weight[j] / sqrt(self.low[j]) * UP for j in light]
        some = [[row[j] * row[j] * x for j, x in zip(light, v, strict=True)] for row in self.moved]
        C = [[sqrt(x) * UP for x in row] for row in gram(some)] if self.k > 1 else []
        linear = [sqrt(weight[j] * self.long[j]) * UP for j in heavy]
        if heavy and self.k > 1:
            pushed = [[row[j] * x for j, x in zip(heavy, linear, strict=True)] for row in self.moved]
            C = [[x + y for x, y in zip(a, b, strict=True)] for a, b in zip(C, gram(pushed), strict=True)]
        if not st.far:
            return C, [], 0.0
        grown = [x / y * UP if y > 0.0 else 0.0 for x, y in zip(self.virtual, self.plain, strict=True)]
        lead = self._lead(weight, grown)
        ratio = [lead[j] / sqrt(self.low[j]) * UP for j in light]
        far, all_known = [self.virtual[j] for j in light], all(x < inf for x in ratio)
        squares = [x * x * y for x, y in zip(far, v, strict=True)]
        single = []
        for row, mine in zip(self.moved, some, strict=True):
            x = sqrt(sum(map(mul, mine, squares)))
            if all_known:
                x = min(x, max(map(mul, ratio, [row[j] for j in light]), default=0.0))
            if heavy:
                x += self._beside(weight, lead, row)
            single.append(x * UP)
        two = sqrt(sum(map(mul, squares, squares)))
        if all_known:
            two = min(two, max(map(mul, ratio, far), default=0.0))
        if heavy:
            two += self._beside(weight, lead, self.virtual)
        return C, single, two * UP

    def _beside(self, weight: list[float], lead: dict[int, float], moved: Sequence[float]) -> float:
        """The part of rows that count by their lengths, of a far row and a step or another far row."""
        whole = sum(weight[j] * self.long[j] * moved[j] * self.virtual[j] for j in self.heavy)
        sides = [lead[j] * self.long[j] * moved[j] for j in self.heavy if lead[j] < inf]
        return min(whole, sqrt(sum(map(mul, sides, sides)))) if len(sides) == len(self.heavy) else whole

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
        left = st.left[self.h :]
        single = [(x + y * self.root) * UP for x, y in zip(
            lengths(left, [size_of(row) for row in left], self.M), st.left_off[self.h :], strict=True)]
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
        triple, triple_far = self._triples()
        rho = [x + 0.5 * top(row, z, k - 1) + b * y + q for x, row, z, b, y, q in zip(
            single, C, C_far, bent, long, triple, strict=True)]
        far = rest + 0.5 * (k - 1) * max(C_two, max(C_far, default=0.0)) + beyond + triple_far if st.far else 0.0
        return [x * UP for x in rho], far * UP

    def _labels(self, C: list[list[float]], single: list[float]) -> list[float]:
        """ρ of every step where labels change, and there are no far rows."""
        for a in range(len(C)):
            C[a][a] = 0.0
        self._pairs(C)
        triple, _ = self._triples()
        return [(x + 0.5 * top(row, 0.0, self.k - 1) + q) * UP for x, row, q in zip(single, C, triple, strict=True)]

    def _pulled(self) -> tuple[list[list[float]], list[float], list[float]]:
        """What a step, and a far row, does to the slope of another step's row, and what pairs of them do."""
        st, k, h = self.st, self.k, self.h
        pulled, pulled_far, bent = [], [], []
        for a, i in enumerate(self.rows):
            other = st.most[i]
            own = st.z[i] * st.E[h + a][i]
            base, slope = st.t[i] + self.tau[a][i], own / (1.0 + own)
            base_off = (st.t_off + 2.0 * st.off + 2.0**-50 * abs(base)) * UP
            line, changes = [], []
            for b in range(len(self.rows)):
                q = own * st.E[h + b][i]
                p = q / (1.0 + q)
                line.append(abs(p - slope) + 2.0 * st.blur * (p + slope))
                changes.append(self.tau[b][i])
            line[a] = changes[a] = 0.0
            pulled.append(line)
            pulled_far.append(min(1.0, most_between(base, other, other, base_off)) * other * UP)
            forth, back = (x + k * st.off for x in both_tops(changes, other, k - 1))
            reach = max(abs(base - back), abs(base + forth)) + base_off
            bend = min(most_between(base, back, forth, base_off) * min(0.5 * reach, 1.0) * UP, THIRD)
            bent.append(self.part * bend * top([abs(x) + st.off for x in changes], other, k - 1) ** 2 * UP
                        if k > 2 else 0.0)
        return pulled, pulled_far, bent

    def _far_pulled(self, C_far: list[float], C_two: float, pulled_far: list[float],
                    ) -> tuple[list[float], float, float]:
        """The same for rows of far ones, added to their pairs; and what pairs of steps do to one of them."""
        st, k = self.st, self.k
        away = [self.most[l] * self.long[l] * UP for l in st.far]
        found, loose = [], st.off * max(away)
        for row, x, y in zip(self.tau, C_far, pulled_far, strict=True):
            found.append((x + y + max(map(mul, map(abs, [row[l] for l in st.far]), away)) + loose) * UP)
        two = (C_two + 2.0 * max(z * st.across[l] for l, z in zip(st.far, away, strict=True))) * UP
        beyond = 0.0
        if k > 2:
            for l in st.far:
                reach = top([abs(row[l]) + st.off for row in self.tau], st.across[l], k - 1)
                beyond = max(beyond, min(THIRD, self.most[l]) * self.long[l] * reach * reach)
        return found, two, beyond * self.part * UP

    def _pairs(self, C: list[list[float]]) -> None:
        """Form the pairs of steps whose bounds are largest, with their signs."""
        st, h = self.st, self.h
        f = len(C)
        formed = (FORMED if f <= WIDE else LABELS if st.c.sums.relabels else MANY) if self.pairs is None else self.pairs
        if not formed:
            return
        order = nlargest(formed, ((C[a][b], a, b) for a in range(f) for b in range(a + 1, f)))
        found = form(st, [(h + a, h + b) for _, a, b in order])
        for start in range(0, len(order), 256):
            part, sizes = found[start : start + 256], [size for _, size, _ in found[start : start + 256]]
            long = lengths([G for G, _, _ in part], sizes, self.M)
            for (crude, a, b), x, (_, size, error) in zip(order[start : start + 256], long, part, strict=True):
                C[a][b] = C[b][a] = min(crude, (x + (error + 2.0**-50 * size) * self.root) * UP)

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


class Drops:
    """What a bound leaves of the margins of points.

    Args:
        found: a proved bound.
        e: the points.
    """

    def __init__(self, found: Bound, e: Points) -> None:
        st = found.st
        self.found, self.e = found, e
        self.norms = [up(x) for x in e.norms]
        X, off, big = found.M
        bound = (big + off).upper()
        self.seen = roots(e.forms(X, bound), off, self.norms)
        self.other = roots(e.forms(st.b.X, (st.b.big + st.b.off).upper()), st.b.off, self.norms) if st.far else []
        self.margins = [float(x.lower()) - abs(float(x.mid())) * (UP - 1.0) for x in (e.exact * st.c.w).entries()]
        columns = fmpz_mat(st.delta[found.h :]).transpose()
        self.loose = [up(e.short.epsilon) * x * UP for x in st.sizes[found.h :]]
        self.products = (e.short.mat * columns).tolist()
        self.units = [ldexp(1.0, u) for u in st.unit[found.h :]]

    def _pushes(self, at: int, without: int = 0) -> tuple[list[float], float]:
        """What each step, but for the first ones, and a far row may take of the margin of a point."""
        found, scale = self.found, ldexp(1.0, self.e.short.unit[at])
        seen, norm = self.seen[at], self.norms[at]
        pushes = [max(-float(int(x)) * y * scale, 0.0) + z * norm + r * seen for x, y, z, r in zip(
            self.products[at][without:], self.units[without:], self.loose[without:], found.rho[without:], strict=True)]
        return pushes, (self.other[at] * found.st.reach + seen * found.far) * UP if found.st.far else 0.0

    def holds(self, at: int, without: int) -> bool:
        """Whether the margin of a point stays positive where none of the next so many steps is taken."""
        pushes, far = self._pushes(at, without)
        down = (top(pushes, far, self.found.k) + self.seen[at] * self.found.fixed) * UP * UP
        return down < self.margins[at]

    def blocking(self, at: int) -> list[int]:
        """The rows whose single deletion is not proved to leave the margin positive."""
        pushes, far = self._pushes(at)
        room, fixed, st = self.margins[at], self.seen[at] * self.found.fixed, self.found.st
        found = [i for i, x in zip(self.found.rows, pushes, strict=True) if not (x + fixed) * UP * UP < room]
        return found if (far + fixed) * UP * UP < room else found + st.far
