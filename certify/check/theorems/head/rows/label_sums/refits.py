"""D20, Lemma 3: single choices of changed labels, by weights near their refits, which are found here.

In the norm of A the refit lies within `|∇G_T(V)|_*/(φ(1 − κ))` of weights V that are within a of the sum of the steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, inf, sqrt

from flint import arb, arb_mat

from certify.check.linalg.balls import norm
from certify.check.theorems.head.rows.boxes.margins import Points
from certify.check.theorems.head.rows.boxes.slabs import slope
from certify.check.theorems.head.rows.label_sums.bound import Bound
from certify.check.theorems.head.rows.pair_tree.numbers import UP, up

TURNS, NEWTON = (2, 6, 8), 2
"""Steps with the inverse at the centre: what most choices need, and what those do that these leave open; from that
place on by the inverse at the weights reached."""

Near = tuple[arb_mat, float]
"""Weights, a column, and above the distance of the refit in the norm of A."""


class Refits:
    """Choices of a setting, each looked at once for all points, with few steps first.

    Args:
        found: the bound of all of them.
        weights: at the centre.
        points: oriented evaluation rows.
        lengths: above theirs in the norm of the inverse of A.
    """

    def __init__(self, found: Bound, weights: Sequence[float], points: Points, lengths: Sequence[float]) -> None:
        self.found, self.points, self.lengths = found, points, lengths
        st = found.steps
        self._own = [float(st.b.c.counts(j).mid()) for j in range(st.setting.sums.n)]
        self._near: list[dict[tuple[int, ...], Near]] = [{} for _ in TURNS]
        self._centre = list(map(float, weights))

    def keep(self, choices: Sequence[tuple[int, ...]], at: int) -> bool:
        """Whether a point stays positive at the refit of each of some choices."""
        line = arb_mat([self.points.rows[at]])
        for place, known in enumerate(self._near):
            if new := [which for which in choices if which not in known]:
                known |= dict(zip(new, self._looked(new, place), strict=True))
            choices = [which for which in choices if not self._stays(line, known[which], at)]
        return not choices

    def _stays(self, line: arb_mat, near: Near, at: int) -> bool:
        w, far = near
        return far < inf and bool((line * w)[0, 0] - self.points.levels[at] > self.lengths[at] * far * UP)

    def _looked(self, choices: Sequence[tuple[int, ...]], place: int) -> list[Near]:
        """Weights near the refits of some choices, with how near they are proved."""
        if place >= NEWTON and len(choices) > 1:
            return [near for which in choices for near in self._looked([which], place)]
        st = self.found.steps
        s, setting = st.setting.sums, st.setting
        sums = [[x + sum((step[u] for u in which), arb(0)) for x, step in zip(
            map(arb, self._centre), st.delta.tolist(), strict=True)] for which in choices]
        W = arb_mat(sums).mid()
        changed = [[(setting.rows[u], float(setting.after[setting.rows[u]].mid())) for u in which] for which in choices]
        for _ in range(TURNS[place]):
            pulls = [self._pulled(line, new) for line, new in zip(self._margins(W), changed, strict=True)]
            if pulls != [pull for pull in pulls if pull]:
                return [(arb_mat(s.p, 1), inf)] * len(choices)
            G = W * s.diagonal - arb_mat(pulls) * s.exact
            W = (W - G * (self._inverse(pulls[0], changed[0]) if place >= NEWTON else st.b.X)).mid()
        return [self._distance(which, arb_mat([[x] for x in w]), line) for which, w, line in zip(
            choices, W.tolist(), sums, strict=True)]

    def _margins(self, W: arb_mat) -> list[list[arb]]:
        found: list[list[arb]] = (W * self.found.steps.setting.sums.across).tolist()
        return found

    def _pulled(self, line: list[arb], changed: Sequence[tuple[int, float]]) -> list[float]:
        """Slopes times weights in doubles, which prove nothing; none where a margin is too large."""
        try:
            pull = [c / (1.0 + exp(float(x))) for c, x in zip(self._own, line, strict=True)]
            for i, weight in changed:
                pull[i] = -weight / (1.0 + exp(-float(line[i])))
        except OverflowError:
            return []
        return pull

    def _inverse(self, pull: list[float], changed: Sequence[tuple[int, float]]) -> arb_mat:
        """Near the inverse of the curvature where slopes are these, or of that at the centre; it proves nothing."""
        s, own = self.found.steps.setting.sums, self._own[:]
        for i, weight in changed:
            own[i] = weight
        d = [abs(y) * (1.0 - abs(y) / c) for y, c in zip(pull, own, strict=True)]
        H = s.across * arb_mat([[x * row for row in line] for x, line in zip(d, s.rows, strict=True)]) + s.diagonal
        try:
            return H.inv().mid()
        except ZeroDivisionError:
            return self.found.steps.b.X

    def _distance(self, which: tuple[int, ...], w: arb_mat, start: list[arb]) -> Near:
        """Weights with how near the refit is proved; infinite where they are too far from the sum of the steps."""
        found, st = self.found, self.found.steps
        s, c = st.setting.sums, st.b.c
        away = w - arb_mat([[x] for x in start])
        if not (away.transpose() * found.A * away)[0, 0].abs_upper().sqrt() < found.reach:
            return w, inf
        t = (s.exact * w).entries()
        pull = [c.counts(j) * slope(x)[0] for j, x in enumerate(t)]
        for i in (st.setting.rows[u] for u in which):
            pull[i] = -st.setting.after[i] * slope(-t[i])[0]
        g = s.diagonal * w - s.across * arb_mat([[x] for x in pull])
        square = (g.transpose() * found.M * g)[0, 0].abs_upper() + found.off * norm(g.entries()) ** 2
        least = found.phi * found.kept
        return w, sqrt(up(square)) * UP / least * UP if least > 0.0 else inf
