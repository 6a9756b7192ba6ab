"""D17: what steps take of the curvature of M, `N_l = Σ_j m_jy^l_js_js_jᵀ`, and what the rows that are out are of it."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from math import sqrt

from certify.check.theorems.head.rows.by_choice.products import Gram, Table
from certify.check.theorems.head.rows.pair_tree.bound import Bound
from certify.check.theorems.head.rows.pair_tree.numbers import UP, exps, top

SEEN = 3072
"""Rows whose products with each other are formed."""

AT_ONCE = 256
"""Choices at a time."""

LESS = 1.0 - 2.0**-40
"""Covers what an exponential and its product are off by."""


class Weighed(Bound):
    """A bound in the norm of a matrix that is at most `Σ m_js_js_jᵀ + diag μ`.

    Attributes:
        m: what rows count there.
    """

    m: list[float]


class Taken:
    """Upper bounds of it, the last column that of any far row.

    Attributes:
        own: `m_i|s_i|²` of the rows that are out; `across`: `√(m_im_l)|s_i·M⁻¹s_l|`, 0 of a row with itself.
        share: the largest eigenvalue of `N_l` in the norm of M, row l itself not in it.
        there: `m_i s_i·M⁻¹N_lM⁻¹s_i`, how much of it is where row i is.
    """

    def __init__(self, p: Weighed) -> None:
        st, s, rows, f = p.st, p.st.c.sums, p.rows, len(p.rows)
        w = shares(p)
        for a, i in enumerate(rows):
            w[i][a] = 0.0  # the row itself is out, and counts elsewhere
        out = set(rows)
        heat = [max(line) * x for line, x in zip(w, p.long, strict=True)]
        others = sorted((j for j in range(s.n) if j not in out), key=heat.__getitem__, reverse=True)
        seen, beyond = [*rows, *others[: max(SEEN - f, 0)]], others[max(SEEN - f, 0) :]
        self.rest = _sums([w[j] for j in beyond], [p.long[j] * p.long[j] * UP for j in beyond], f)
        self.m, self.gram, self.w = [p.m[j] for j in seen], Gram(p, seen), [w[j] for j in seen]
        self.share = [(x + y) * UP for x, y in zip(self.gram.largest(list(zip(*self.w, strict=True))), self.rest,
                                                   strict=True)]
        side = [sqrt(x) * y * UP for x, y in zip(p.m, p.long, strict=True)]
        far = max((side[l] for l in st.far), default=0.0)
        self.own = [*(side[i] * side[i] * UP for i in rows), far * far * UP]
        found = self.gram.squares(self.w)
        self.there = [array("d", [min((p.m[i] * x + own * z) * UP, own * y * UP) for x, y, z in zip(
            found[a], self.share, self.rest, strict=True)]) for a, (i, own) in enumerate(
                zip(rows, self.own, strict=False))]
        self.there.append(array("d", [self.own[f] * y * UP for y in self.share]))
        root = [sqrt(p.m[i]) * UP for i in rows]
        self.across = [array("d", [*(x * r * y * UP for x, y in zip(self.gram.above(a)[:f], root, strict=True)),
                                   side[i] * far * UP]) for a, (i, r) in enumerate(zip(rows, root, strict=True))]
        for a in range(f):
            self.across[a][a] = 0.0
        self.across.append(array("d", [*(side[i] * far * UP for i in rows), far * far * UP]))

    def of_choices(self, choices: Sequence[Sequence[int]], few: int) -> list[float]:
        """At least the largest eigenvalue of all that choices of columns take, their own rows among it (Lemma 3)."""
        found, f = list[float](), len(self.own) - 1
        for start in range(0, len(choices), AT_ONCE):
            part = choices[start : start + AT_ONCE]
            found += self.gram.largest([self._column(T) for T in part], len(part), few)
        return [(x + sum([self.rest[l] + (self.own[f] if l == f else 0.0) for l in T])) * UP
                for T, x in zip(choices, found, strict=True)]

    def _column(self, T: Sequence[int]) -> list[float]:
        """Weights of the rows that are seen."""
        line = [min(sum([row[l] for l in T]) * UP, m) for row, m in zip(self.w, self.m, strict=True)]
        for l in T:
            if l < len(self.own) - 1:
                line[l] = self.m[l]  # the rows with steps are the first that are seen
        return line


def _sums(lines: Table, weight: Sequence[float], f: int) -> list[float]:
    """`Σ_j weight_j line_jl` for f columns and one more."""
    found = [0.0] * (f + 1)
    for line, x in zip(lines, weight, strict=True):
        if x > 0.0:
            found = [y + x * z for y, z in zip(found, line, strict=True)]
    return [x * UP for x in found]


def shares(p: Weighed) -> list[array[float]]:
    """For each row of the sum `m_jy^l_j`, `y ≥ 1 − e^{−v}`, of each step l and of a far one.

    v is how far a step moves the margin, but 0 for one that moves it towards 0 where the k largest of these do not lead
    as far beyond 0 as the margin is now: there the curvature is not less (Lemma 1).
    """
    st, k, found = p.st, p.k, []
    for j, line in enumerate(zip(*(one.tau for one in p.own), strict=True)):
        m, t, other = p.m[j], st.t[j], st.most[j]
        if not m > 0.0:
            found.append(array("d", bytes(8 * (len(line) + 1))))
            continue
        sign = 1.0 if t > 0.0 else -1.0
        towards = [abs(x) + st.off if x * sign < st.off else 0.0 for x in line]
        near = 2.0 * (abs(t) - st.t_off)
        safe = top(towards, other, k) * UP < near
        away = [0.0 if safe and x * sign < -st.off else (abs(x) + st.off) * UP for x in line]
        away.append(other)
        found.append(array("d", [(1.0 - e * LESS) * m * UP if v > 0.0 else 0.0
                                 for v, e in zip(away, exps(away), strict=True)]))
    return found
