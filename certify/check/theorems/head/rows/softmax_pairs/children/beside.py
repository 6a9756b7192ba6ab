"""D16, one choice at a time: what a row more does beside a hot one that is out.

`H = Σ h_j²A_j ⊗ x_jx_jᵀ + decay + tie` at the child's weights, h_j = 0 of the hot row, less than 1 of rows whose
outputs move far, else 1. A row l with a step δ, or none (δ = 0), leaves `|W_T − Ŵ_T|` so short that differences of
outputs of x are off by `|x ⊗ (e_q − e_r)|_* · w_l`, by

* `y = R·e^P·w/(1 − κ) < 1`, `w_l = −ln(1 − y)/w ≤ (R·e^P/(1 − κ))(1 + y/(2(1 − y)))`,

R the length of the gradient at Ŵ_T, P the largest `range δx_j + ln h_j`, w the largest `h_j|x_j ⊗ (e_q − e_r)|_*`.
Steps are those of the root: their gradients here are bounded by what the hot row changes of the curvature (Lemma 4), or
formed from products of probabilities. What these leave open has a leaf, from which a step is made, or a better step.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from functools import cached_property, reduce
from itertools import repeat
from math import inf, sqrt
from operator import add, mul, sub, truediv

from flint import arb, arb_mat

from certify.check.theorems.head.rows.pair_tree.moved import size_of
from certify.check.theorems.head.rows.pair_tree.numbers import UP, exp, up
from certify.check.theorems.head.rows.softmax_pairs.centre import Centre, Columns
from certify.check.theorems.head.rows.softmax_pairs.gradients import SLOPE, Gradients
from certify.check.theorems.head.rows.softmax_pairs.metric import Blocks, Metric
from certify.check.theorems.head.rows.softmax_pairs.moved import FARTHEST, Cut, Step, looked

HEAVY = 0.1
"""A bound of the part of the curvature that a row takes with it, above which that part itself is found."""
AT_ONCE = 16
"""Gradients at a time."""


class Beside:
    """What is proved of one row more at a child.

    Args:
        root, c: the centres of the root and of the child, with the same tie.
        h: of each row a number from 0 to 1, 0 of the one that is out.
        M: the inverse of H.
    """

    def __init__(self, root: Centre, c: Centre, h: Sequence[float], M: Metric) -> None:
        self.root, self.c, self.h, self.M = root, c, list(h), M
        assert c.out is not None
        self.out = c.out
        self.gradients = Gradients(c)
        self.K: Blocks = M.blocks(c.data.table)
        self.lines = [[column[j] for column in c.s] for j in range(c.data.n)]
        self.far = self.K.farthest(self.h)
        self.allowed = array("d", [_below(x) for x in self.h])
        first = M.lengths([c.g, root.g], [size_of(c.g), size_of(root.g)])
        self.still, self.root_still = ((x + M.root * y) * UP for x, y in zip(first, (c.g_off, root.g_off), strict=True))
        self.kappas: dict[int, float] = {}

    def kappa(self, l: int) -> float:
        """Of the curvature what a row takes with it at most."""
        if l not in self.kappas:
            found = self.K.all_own(l, self.lines[l], self.c.blur)
            found = found if found < HEAVY else self.K.own(l, self.lines[l], self.c.blur) ** 2 * UP
            self.kappas[l] = found * self.h[l] * self.h[l] * UP
        return self.kappas[l]

    def share(self, kappa: float, R: float, P: float) -> float:
        """w of a choice, from what its row takes of the curvature."""
        kappa = kappa * UP
        if not (kappa < 1.0 and P < 2.0 * FARTHEST and R < inf):
            return inf
        whole = R * exp(P) * UP / (1.0 - kappa) * UP
        y = whole * self.far * UP
        return whole * (1.0 + y / (2.0 * (1.0 - y))) * UP * UP if y < 1.0 - 2.0**-10 else inf

    def none(self) -> float:
        """w where no row is deleted beside the hot one."""
        return self.share(0.0, self.still, 0.0)

    def still_share(self, l: int) -> float:
        """w of a row without a step."""
        u = list(self.lines[l])
        u[self.c.data.labels[l]] -= 1.0
        return self.share(self.kappa(l), (self.seen(l, u, self.c.blur) + self.still) * UP, 0.0)

    def step_share(self, step: Step, R: float) -> float:
        """w of a row with a step."""
        return self.share(self.kappa(step.row), R, max(max(map(sub, step.range, self.allowed)) * UP, 0.0))

    def seen(self, j: int, u: Sequence[float], off: float) -> float:
        """At least `|x_j ⊗ u|_*`, u off by so much of probabilities, of which it is a difference."""
        return (self.K.length(j, u) + self.M.root * self.c.data.table.norms[j] * (off + 2.0**-51)) * UP

    @cached_property
    def changed(self) -> list[float]:
        """`ρe^(ρ/2)/h` of the way of each row from the root's weights to the child's; 0 of the one that is out."""
        data = self.c.data
        p, k = data.p, data.k
        V = arb_mat([[arb(x) - arb(y) for x, y in zip(self.c.weights[a * p : a * p + p],
                                                      self.root.weights[a * p : a * p + p], strict=True)]
                     for a in range(k)])
        found = []
        for h, row in zip(self.h, (data.table.exact * V.transpose()).tolist(), strict=True):
            mid = [float(x.mid()) for x in row]
            rho = (max(mid) - min(mid) + 2.0 * max(up(x.rad()) for x in row) + 2.0**-50 * max(map(abs, mid))) * UP
            found.append(rho * exp(0.5 * rho) * UP / h * UP if h > 0.0 and rho < 2.0 * FARTHEST else inf)
        found[self.out] = 0.0
        return found

    def second(self, step: Step, left: float) -> float:
        """R of a step of the root by second differences (Lemma 4); `left` is the length of its gradient there."""
        return (self.still + left + self.root_still + self.differences(step) + self.own_moves(step)) * UP

    def differences(self, step: Step) -> float:
        """At least `|Σ Δ_j ⊗ x_j|_*` over all rows but the hot one and that of the step."""
        c = list(map(mul, self.changed, step.long))
        return sqrt(sum(map(mul, c, c)) * UP) * UP

    def own_moves(self, step: Step) -> float:
        """At least how long what each of these two rows does to the other's pull is."""
        c, root, l, q = self.c, self.root, step.row, self.out
        here = self.seen(l, list(map(sub, self.lines[l], (x[l] for x in root.s))), c.blur + root.blur)
        there = self.seen(q, [x[q] - y[q] for x, y in zip(step.s, root.s, strict=True)], step.blur + root.blur)
        return (here + there) * UP

    def lengths(self, steps: Sequence[Step]) -> list[float]:
        """At least the lengths of the gradients of steps, each where it was made."""
        found = self.M.lengths([one.left for one in steps], [size_of(one.left) for one in steps])
        return [(x + self.M.root * one.left_off) * UP for x, one in zip(found, steps, strict=True)]

    def formed(self, steps: Sequence[Step]) -> list[tuple[float, list[float]]]:
        """R of steps of the root from the gradients at the sums themselves, and these."""
        c, root = self.c, self.root
        found: list[tuple[float, list[float]]] = []
        for at in range(0, len(steps), AT_ONCE):
            some = steps[at : at + AT_ONCE]
            slopes = [self._both(one) for one in some]
            left = self.gradients.of([one.cut.step for one in some], slopes, [[one.row] for one in some])
            sizes = [size_of(g) for g in left]
            for one, g, size, x in zip(some, left, sizes, self.M.lengths(left, sizes), strict=True):
                # both factors, what they are divided by, and their sum, as in `both`
                blur = (2.0 * (c.blur + one.blur + root.blur) + (c.data.k + 8) * 2.0**-52) * (1.0 + 2.0**-10)
                lost = self.gradients.lost(g, one.cut.size, blur)
                found.append(((x + self.M.root * lost) * UP if size < inf else inf, g))
        return found

    @cached_property
    def beside(self) -> Columns:
        """The probabilities here in parts of those at the root."""
        return [array("d", map(truediv, x, y)) for x, y in zip(self.c.s, self.root.s, strict=True)]

    def _both(self, one: Step) -> list[list[int]]:
        """Probabilities at the sum of the child's weights and a step of the root, in whole numbers of SLOPE bits."""
        e = [list(map(mul, x, y)) for x, y in zip(self.beside, one.s, strict=True)]
        total: Iterable[float] = reduce(lambda x, y: list(map(add, x, y)), e)
        scale = list(map(truediv, repeat(2.0**SLOPE), total))
        return [list(map(int, map(mul, x, scale))) for x in e]

    def made(self, rows: Sequence[int], cuts: Sequence[Cut]) -> list[tuple[Step, float] | None]:
        """Steps of this child, each with R."""
        found: list[tuple[Step, float] | None] = []
        for at in range(0, len(rows), AT_ONCE):
            some = looked(self.gradients, rows[at : at + AT_ONCE], cuts[at : at + AT_ONCE])
            good = [one for one in some if one is not None]
            long = dict(zip((one.row for one in good), self.lengths(good), strict=True))
            found += [None if one is None else (one, long[one.row]) for one in some]
        return found


def _below(h: float) -> float:
    """At most `−ln h`."""
    return float((-arb(h).log()).lower()) * (1.0 - 2.0**-30) if h > 0.0 else inf
