"""D16 in doubles that bound: how far minimisers without one or two rows lie from the sums of single steps.

For each choice T of at most two rows `share_T ≥ R_T/(1 − κ_T)`, infinite where D16 does not speak of T: that is where
it is not below a. Where `∇G_T(Ŵ_T)` is formed R_T is its own length. Else

* `R_{i,l} = |e_i|_* + |e_l|_* + |g|_* + √min(Q_il, Q_li) + λ_i h_li + λ_l h_il`, where Q leaves the rows i and l out,
  as of these `Δ_i − B_il = −(σ(z_i + τ^l_i) − σ(z_i))` is left, and
  `|v·(σ(z + τ) − σ(z)) ⊗ x| ≤ |vx||τ|(e^ρ − 1)/ρ`, `|vx_i|_i ≤ λ_i|v|_A` (Lemma 1);
* where l has no step `∇G_T(Ŵ_T) = e_i − (σ(z_l + τ^i_l) − y_l) ⊗ x_l`, so `R_T = |e_i|_* + |p_l ⊗ x_l|_* + λ_l h_il`;
  where neither has one it is `|g|_* + |p_i ⊗ x_i|_* + |p_l ⊗ x_l|_*`.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Sequence
from math import inf, sqrt
from operator import mul

from flint import fmpz_mat

from certify.check.limits.shares import shared
from certify.check.theorems.head.rows.pair_tree.curves import kept_part
from certify.check.theorems.head.rows.pair_tree.moved import size_of
from certify.check.theorems.head.rows.pair_tree.numbers import UP, exp
from certify.check.theorems.head.rows.softmax_pairs.gradients import Gradients
from certify.check.theorems.head.rows.softmax_pairs.metric import Blocks, Metric, metric, shortened
from certify.check.theorems.head.rows.softmax_pairs.moved import Step, both

TRIES, NEAR, LARGEST = 3, 1.05, 64.0
"""Tries with larger χ, room in these, and the largest distance that is worth one: any `χ_j > 0` will do."""
FORMED, AT_ONCE = 512, 16
"""Pairs that are formed where their bounds are too large, and at a time."""
BITS = 26
"""Of whole numbers in sums for all pairs."""
FARTHEST, LEAST = 128.0, 2.0**-40

Pair = tuple[int, int]


class Bound:
    """D16 at a node, for steps of some rows, none of others, and at most k deleted rows.

    Attributes:
        steps, far: rows with steps, and rows without.
        place: where a row stands among the latter.
        none, single, far_single: shares of no row, of each with a step, and of the others.
        shares: of pairs of steps, for a > b; `most`: the largest for each step.
        beside: the largest share of a step with a row without one; `two`: of two such rows; `extra`: shares of those
            that are excused, which these are without, the row with a step first.
        bent: what second differences of pairs of steps make of the gradient, for a > b.
        M, K: the inverse of A, and its blocks of rows.
    """

    def __init__(self, gradients: Gradients, steps: Sequence[Step], far: Sequence[int], k: int) -> None:
        self.gradients, self.steps, self.far, self.k = gradients, list(steps), list(far), k
        c = gradients.c
        self.lines = [[column[j] for column in c.s] for j in range(c.data.n)]
        self.least = self._least()
        self.formed: dict[Pair, tuple[list[float], float, float]] = {}
        self.excused_pairs: set[Pair] = set()
        self.extra: list[tuple[Pair, float]] = []
        self.place = {l: at for at, l in enumerate(self.far)}

    def _least(self) -> list[float] | None:
        """What of its curvature each row keeps at every sum of steps, `e^−P`; None where they are too long."""
        n = self.gradients.c.data.n
        one, two = [0.0] * n, [0.0] * n
        for step in self.steps:
            for j, x in enumerate(step.range):
                if x > two[j]:
                    one[j], two[j] = (x, one[j]) if x > one[j] else (one[j], x)
        most = [(x + y) * UP if self.k > 1 else x if self.k else 0.0 for x, y in zip(one, two, strict=True)]
        if not max(most, default=0.0) < FARTHEST:
            return None
        return [exp(-x) * (1.0 - 2.0**-40) if self.gradients.c.there(j) else 0.0 for j, x in enumerate(most)]

    def prove(self, reach: Sequence[float], excused: Collection[tuple[int, ...]], whole: Metric | None = None) -> bool:
        """Whether D16 holds with some χ, or a larger one; choices that are excused need not be spoken of.

        Args:
            reach: χ at first.
            excused: rows of such choices, ascending.
            whole: the inverse for `d_j = 1`: then one number d, the least that a row keeps, is taken for all of them.
        """
        self.excused_pairs = {(T[0], T[1]) for T in excused if len(T) > 1}
        taken = list(reach)
        for turn in range(TRIES):
            if not self._with(taken, whole):
                return False
            worst = self._worst(excused)
            if worst < self.a or turn == TRIES - 1 or not worst < LARGEST:
                break
            taken = [max(x, NEAR * worst * y) for x, y in zip(taken, self.seen, strict=True)]
        self._settle()
        return self.none < inf

    def _with(self, reach: Sequence[float], whole: Metric | None) -> bool:
        """All shares for one χ; False where A is not proved positive definite."""
        c = self.gradients.c
        if self.least is None:
            return False
        self.d = [kept_part(x, y) for x, y in zip(self.least, reach, strict=True)]
        if whole is not None:  # A ⪰ d·(the whole), as decay and tie are no less
            least = min((x for j, x in enumerate(self.d) if c.there(j)), default=0.0)
            self.d = [least if c.there(j) else 0.0 for j in range(c.data.n)]
            found = shortened(whole, least) if LEAST < least <= 1.0 else None
        else:
            found = metric(c, self.d)
        if found is None:
            return False
        self.M: Metric = found
        self.K: Blocks = found.blocks(c.data.table)
        self.seen = [self.K.widest(j) for j in range(c.data.n)]
        self.a = min((x / (y * UP) if y < inf else 0.0
                      for j, (x, y) in enumerate(zip(reach, self.seen, strict=True)) if c.there(j)), default=inf)
        self.own = [self.K.own(j, s, c.blur) for j, s in enumerate(self.lines)]
        self.kappa = [d * x * x * UP * UP for d, x in zip(self.d, self.own, strict=True)]
        self._shares()
        return True

    def pulls(self, j: int, at: Sequence[float], blur: float) -> float:
        """At least `|(σ − y_j) ⊗ x_j|_*` from probabilities of the row off by `blur` of themselves."""
        data = self.gradients.c.data
        u = list(at)
        u[data.labels[j]] -= 1.0
        return (self.K.length(j, u) + self.M.root * data.table.norms[j] * (blur + 2.0**-52)) * UP

    def _shares(self) -> None:
        c, M = self.gradients.c, self.M
        left = [c.g, *(x.left for x in self.steps)]
        lengths = M.lengths(left, list(map(size_of, left)))
        still = (lengths[0] + M.root * c.g_off) * UP
        self.still, self.none = still, still
        self.left = [(x + M.root * y.left_off) * UP for x, y in zip(lengths[1:], self.steps, strict=True)]
        self.pulled = [self.pulls(l, self.lines[l], c.blur) for l in self.far]
        self.single = [over(x, self.kappa[y.row]) for x, y in zip(self.left, self.steps, strict=True)]
        self.far_single = [over(x + still, self.kappa[l]) for x, l in zip(self.pulled, self.far, strict=True)]
        self.shares: list[array[float]] = []
        self.most, self.beside = [0.0] * len(self.steps), [0.0] * len(self.steps)
        self.two = 0.0
        if self.k > 1:
            self._pairs()
            self._with_far()

    def _pairs(self) -> None:
        """Shares of pairs of steps."""
        rows = [one.row for one in self.steps]
        n = self.gradients.c.data.n
        on = [j for j in range(n) if self.d[j] > 0.0]
        weight = [1.0 / sqrt(self.d[j]) * UP for j in on]
        Q = crossed([[one.grown[j] for j in on] for one in self.steps],
                    [list(map(mul, (one.long[j] for j in on), weight)) for one in self.steps])
        self.bent = [[min(Q[a][b], Q[b][a]) for b in range(a)] for a in range(len(rows))]
        bare = [j for j in range(n) if self.gradients.c.there(j) and not self.d[j] > 0.0]
        for a, (one, i) in enumerate(zip(self.steps, rows, strict=True)):
            line = array("d")
            for b in range(a):
                other, l = self.steps[b], rows[b]
                lost = inf if any(one.grown[j] and other.grown[j] for j in bare) else 0.0
                C = self.bent[a][b] + self.own[i] * other.long[i] + self.own[l] * one.long[l] + lost
                R = self.left[a] + self.left[b] + self.still + C
                if (a, b) in self.formed:
                    R = min(R, self._formed_length(a, b))
                line.append(over(R, self.kappa[i] + self.kappa[l]))
            self.shares.append(line)
        self._largest()

    def _largest(self) -> None:
        """The largest share of each step with another one."""
        self.most = [max(line, default=0.0) for line in self.shares]
        for line in self.shares:
            for b, x in enumerate(line):
                self.most[b] = max(self.most[b], x)

    def _with_far(self) -> None:
        """The largest shares of pairs with rows that have no step, but for those that are excused."""
        far = [(l, x, self.own[l], self.kappa[l]) for l, x in zip(self.far, self.pulled, strict=True)]
        at = {l: (x, y) for l, x, _, y in far}
        steps = {one.row: a for a, one in enumerate(self.steps)}
        self.extra = []
        for i, l in self.excused_pairs:
            if i in at and l in at:
                self.extra.append(((i, l), over(at[i][0] + at[l][0] + self.still, at[i][1] + at[l][1])))
            elif i in steps and l in at:
                self.extra.append(((i, l), self._beside(steps[i], l, True)))
            elif l in steps and i in at:
                self.extra.append(((l, i), self._beside(steps[l], i, True)))
        for a, (one, x) in enumerate(zip(self.steps, self.left, strict=True)):
            own, long = self.kappa[one.row], one.long
            apart = {i + l - one.row for i, l in self.excused_pairs if one.row in (i, l)}
            self.beside[a] = max((over(x + y + z * long[l], own + q) for l, y, z, q in far if l not in apart),
                                 default=0.0)
        order = sorted(((x, q, l) for l, x, _, q in far), reverse=True)
        widest = 2.0 * max((q for _, q, _ in order), default=0.0)
        for place, (x, q, l) in enumerate(order):
            if over(2.0 * x + self.still, widest) <= self.two:
                break
            for y, r, i in order[place + 1 :]:
                if ordered(i, l) not in self.excused_pairs:
                    self.two = max(self.two, over(x + y + self.still, q + r))

    def _formed_length(self, a: int, b: int) -> float:
        g, size, lost = self.formed[a, b]
        return (self.M.lengths([g], [size])[0] + self.M.root * lost) * UP

    def form(self, pairs: Sequence[Pair]) -> None:
        """Take the gradients at some sums of two steps themselves, where that is less; places a > b."""
        new = [pair for pair in pairs if pair not in self.formed]
        parts = [new[at : at + AT_ONCE] for at in range(0, len(new), AT_ONCE)]
        for part, found in zip(parts, shared(lambda number: self._gradients(parts[number]), len(parts)), strict=True):
            self.formed |= dict(zip(part, found, strict=True))
        lengths = self.M.lengths([self.formed[pair][0] for pair in pairs], [self.formed[pair][1] for pair in pairs])
        for (a, b), x in zip(pairs, lengths, strict=True):
            R = (x + self.M.root * self.formed[a, b][2]) * UP
            share = over(R, self.kappa[self.steps[a].row] + self.kappa[self.steps[b].row])
            self.shares[a][b] = min(self.shares[a][b], share if share < self.a else inf)
        self._largest()

    def _gradients(self, pairs: Sequence[Pair]) -> list[tuple[list[float], float, float]]:
        """The gradients at some sums of two steps, how long they are, and what they are off by."""
        two = [(self.steps[a], self.steps[b]) for a, b in pairs]
        slopes = [both(self.gradients.c, x, y) for x, y in two]
        steps = [[u + v for u, v in zip(x.cut.step, y.cut.step, strict=True)] for x, y in two]
        left = self.gradients.at(steps, [s for s, _ in slopes], [[x.row, y.row] for x, y in two])
        # the sum of two exact steps is rounded
        return [(g, size_of(g), self.gradients.lost(g, one.cut.size + other.cut.size, blur))
                for (one, other), (_, blur), g in zip(two, slopes, left, strict=True)]

    def _worst(self, excused: Collection[tuple[int, ...]]) -> float:
        """The largest share of all choices that are not excused; those of pairs that are too large are formed first."""
        rows = [one.row for one in self.steps]
        singles = [(self.none, ()), *((x, (i,)) for x, i in zip(self.single, rows, strict=True)),
                   *((x, (l,)) for x, l in zip(self.far_single, self.far, strict=True))]
        worst = max((x for x, T in singles if T not in excused), default=0.0)
        if self.k < 2:
            return worst if worst < inf else self.a
        long = sorted(((x, a, b) for a, line in enumerate(self.shares) for b, x in enumerate(line)
                       if x >= self.a and ordered(rows[a], rows[b]) not in excused), reverse=True)[:FORMED]
        a, self.a = self.a, inf
        self.form([(x, y) for _, x, y in long])
        self.a = a
        pairs = (x for at, line in enumerate(self.shares) for b, x in enumerate(line)
                 if x >= self.a and ordered(rows[at], rows[b]) not in excused)
        return max(worst, max(pairs, default=0.0), max(self.beside, default=0.0), self.two)

    def _settle(self) -> None:
        """Choices of which D16 does not speak have infinite shares."""
        a = self.a

        def spoken(x: float) -> float:
            return x if x < a else inf

        self.none, self.two = spoken(self.none), spoken(self.two)
        self.single, self.far_single, self.beside = (list(map(spoken, line)) for line in (
            self.single, self.far_single, self.beside))
        self.shares = [array("d", map(spoken, line)) for line in self.shares]
        self.extra = [(pair, spoken(x)) for pair, x in self.extra]
        self._largest()

    def _beside(self, a: int, l: int, close: bool) -> float:
        """The share of a step with a row without one; closely: by the row's own pull at the step."""
        one = self.steps[a]
        pulled = self.pulled[self.place[l]] + self.own[l] * one.long[l]
        if close:
            pulled = min(pulled, self.pulls(l, [column[l] for column in one.s], one.blur))
        return over(self.left[a] + pulled, self.kappa[one.row] + self.kappa[l])

    def beside_rows(self, a: int, room: float, push: float, seen: float) -> list[Pair]:
        """The rows without a step which, with a step, are not proved to leave so much room: places and rows."""
        found = []
        for l in self.far:
            for close in (False, True):
                share = self._beside(a, l, close)
                if share < self.a and (push + seen * share) * UP < room:
                    break
            else:
                found.append(ordered(self.steps[a].row, l))
        return found


def over(share: float, kappa: float) -> float:
    """`share/(1 − κ)`, from above; infinite where κ is not below 1 or one of them is no number.

    >>> over(1.0, 0.5) >= 2.0, over(float("nan"), 0.5), over(1.0, float("nan"))
    (True, inf, inf)
    """
    kappa = kappa * UP * UP
    found = share * UP * UP / (1.0 - kappa) * UP if kappa < 1.0 else inf
    return found if found < inf else inf


def ordered(i: int, l: int) -> Pair:
    """Two rows, the lesser one first."""
    return (i, l) if i < l else (l, i)


def crossed(first: Sequence[Sequence[float]], second: Sequence[Sequence[float]]) -> list[list[float]]:
    """At least `√Σ_j (u_jav_jb)²` for lines `u_a` and `v_b` of numbers ≥ 0: squares in whole numbers, and one more."""
    def whole(lines: Sequence[Sequence[float]]) -> tuple[list[list[int]], list[float]]:
        tops = [max((x * x for x in line), default=0.0) or 1.0 for line in lines]
        return [[int(x * x / y * 2.0**BITS) + 1 if x > 0.0 else 0 for x in line] for line, y in zip(
            lines, tops, strict=True)], tops

    (U, one), (V, other) = whole(first), whole(second)
    if not U or not U[0]:
        return [[0.0] * len(V) for _ in U]
    scale = [sqrt(x) * 2.0**-BITS * UP for x in other]
    return [[sqrt(float(int(x))) * y * z for x, z in zip(row, scale, strict=True)] for row, y in zip(
        (fmpz_mat(U) * fmpz_mat(V).transpose()).tolist(), [sqrt(x) * UP for x in one], strict=True)]
