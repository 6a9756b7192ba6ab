"""Single choices of changed labels, by their refits (D1): weights near these are found here, and prove nothing."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp
from operator import mul

from flint import arb, arb_mat

from certify.check.theorems.head.rows.head import Head
from certify.check.theorems.head.rows.label_sums.bound import Bound
from certify.check.theorems.head.rows.refitted.refit import Change, labels_after

TURNS, NEAR, STEEP = 12, 2.0**-36, 500.0
"""Steps with the inverse at the centre at most, of what length none follows, and margins beyond which slopes are 0."""


class Refits:
    """The labels of all evaluation rows after some choices, each looked at once.

    Args:
        head: the head whose labels change.
    """

    def __init__(self, head: Head) -> None:
        self.head = head
        self._labels: dict[Change, list[int]] = {}

    def keep(self, found: Bound, weights: list[float], choices: Sequence[tuple[int, ...]], point: int) -> bool:
        """Whether a point has today's label at the refit of each of some choices of a setting."""
        rows, label = found.steps.setting.rows, self.head.codes.label
        changes = [tuple(sorted((rows[u], 1 - label[rows[u]]) for u in which)) for which in choices]
        new = [at for at, change in enumerate(changes) if change not in self._labels]
        if new:
            near = _near(found, weights, [choices[at] for at in new])
            some = [changes[at] for at in new]
            self._labels |= dict(zip(some, labels_after(self.head, some, near), strict=True))
        return all(self._labels[change][point] == self.head.today[point] for change in changes)


def _near(found: Bound, weights: list[float], choices: Sequence[tuple[int, ...]]) -> list[list[float]]:
    """Weights near the refits: from the sums of steps on by the inverse at the centre, in doubles."""
    st = found.steps
    s, setting, count = st.b.c.sums, st.setting, len(choices)
    delta = [[float(x.mid()) for x in column] for column in st.delta.transpose().tolist()]
    W = [[x + sum(y) for x, *y in zip(weights, *(delta[u] for u in which), strict=True)] for which in choices]
    own = [float(st.b.c.counts(j).mid()) for j in range(s.n)]
    changed = [{setting.rows[u]: float(setting.after[setting.rows[u]].mid()) for u in which} for which in choices]
    decay = [float(x.mid()) for x in s.decay]
    for _ in range(TURNS):
        T = (s.exact * arb_mat(W).transpose()).transpose().tolist()
        pulls = []
        for line, new in zip(T, changed, strict=True):
            t = [float(x.mid()) for x in line]
            pull = list(map(mul, own, map(_slope, t)))
            for i, weight in new.items():
                pull[i] = -weight * _slope(-t[i])
            pulls.append([arb(x) for x in pull])
        pulled = (arb_mat(pulls) * s.exact).tolist()
        G = [[d * x - y for d, x, y in zip(decay, w, line, strict=True)] for w, line in zip(W, pulled, strict=True)]
        moves = (arb_mat(G) * st.b.X).tolist()
        W = [[x - float(y.mid()) for x, y in zip(w, move, strict=True)] for w, move in zip(W, moves, strict=True)]
        if max(abs(float(y.mid())) for move in moves for y in move) < NEAR * max(abs(x) for w in W for x in w):
            break
    assert len(W) == count
    return W


def _slope(t: float) -> float:
    return 1.0 / (1.0 + exp(min(t, STEEP)))
