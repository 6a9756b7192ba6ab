"""Containment of D30: what is said of each choice of two or three deleted rows, in the matrix without them."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from itertools import combinations
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from certify.finders.head.boxes import minimiser
from certify.rigor.fp import Array
from certify.systems.head.rows.boxes.sums import Sums
from certify.systems.head.rows.boxes.trap import centre
from certify.systems.head.rows.change import RowChange
from certify.theorems.head.rows.box_tree import oriented
from certify.theorems.head.rows.boxes.leaves import base
from certify.theorems.head.rows.by_choice import metric as metrics
from certify.theorems.head.rows.deleted_triples import bends as bent
from certify.theorems.head.rows.deleted_triples import closer as close
from certify.theorems.head.rows.deleted_triples import curvature as curved
from certify.theorems.head.rows.deleted_triples import nearer as nearest
from certify.theorems.head.rows.deleted_triples import numbers as numbered
from certify.theorems.head.rows.deleted_triples import overlaps as over
from certify.theorems.head.rows.deleted_triples import points as seen
from certify.theorems.head.rows.deleted_triples import thirds as thirded
from certify.theorems.head.rows.deleted_triples.numbers import Numbers
from certify.theorems.head.rows.pair_tree import steps as stepping
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, Violation
from tests.families.logistic_heads import logistic_head, refit

NEAR = 1e-8
SLACK = 1e-9
"""Of one, what inverses and eigenvalues in doubles may be wrong by here."""


@attack("changed_rows_deleted_triples", "D30", slow=10)
def changed_rows_deleted_triples(rng: np.random.Generator) -> Outcome:
    """Small heads, few steps, pairs and products, so that every way is taken: parts, distances, points."""
    n, k = int(rng.integers(8, 13)), int(rng.integers(2, 4))
    head = logistic_head(rng, n, points=12, decay=float(10.0 ** rng.uniform(-0.5, 1.7)))
    s, points = oriented(head, RowChange(False, k, tuple(range(n))))
    out = rng.choice(n, int(rng.random() < 0.3), replace=False)  # a node, or the root
    s, kept = replace(s, level=float(rng.choice([0.0, 0.0, 0.3]))), s.whole.copy()
    kept[out] = 0.0
    c = centre(s, kept, minimiser(s, kept, head.V[0]))
    b = base(c)
    if b is None:
        return "refused"
    n -= len(out)
    own = int(rng.integers(k + 1, n + 1))
    few = {2: int(rng.integers(1, n)), 3: int(rng.integers(1, n))}
    with patch.multiple(metrics, FEW=few, MORE=int(rng.integers(2, n)), SEEN=int(rng.integers(own, n + 1))), \
            patch.multiple(over, MOST={2: int(rng.integers(0, n)), 3: int(rng.integers(0, n))}), patch.multiple(
            numbered, EACH=int(rng.integers(1, n)), TOGETHER=2), patch.multiple(
            thirded, LITTLE=float(rng.choice([0.0, 0.02, 0.5])), DEEP=float(rng.choice([1.0, 44.0]))), patch.multiple(
            curved, SEEN=int(rng.integers(1, n))), patch.multiple(seen, ROOM=1.0), patch.multiple(
            close, ROOM=1.0), patch.multiple(nearest, ROOM=1.0, TURNS=int(rng.choice([0, 1, 2, 4, 12]))):
        free = stepping.in_order(b, np.setdiff1d(np.arange(len(kept)), out))
        st = stepping.steps(b, free, k, own, settled=bool(rng.random() < 0.5))
        a = None if st is None else metrics.metric(st, float(rng.choice([0.3, 1.0, 2.2, 4.0])))
        if st is None or a is None or not np.isfinite(st.reach):
            return "refused"
        try:
            x = numbered.numbers(st, a, k)
        except OverflowError:
            return "refused"
        if x is None:
            return "refused"
        one, two = np.triu_indices(own, 1)
        some = rng.permutation(len(one))[: int(rng.integers(0, len(one) + 1))]
        for at in (some[::2], some[1::2]):
            x = x.forming(one[at], two[at], lambda: None)
        return Truth(x, s).hold(points, int(rng.integers(1, n)))


class Truth:
    """What is true of choices.

    Attributes:
        x: the bounds; `rows`: those with steps of their own, the first f, and far ones after them; `delta` their steps.
    """

    def __init__(self, x: Numbers, s: Sums) -> None:
        self.x, self.s, a = x, s, x.metric
        st = a.st
        self.rows, self.S, self.w, self.m, self.f = np.concatenate([st.rows, st.far]), s.S, st.c.w, a.m, x.f
        self.D, self.t, self.kept = st.c.at.D, s.S @ st.c.w, st.c.kept
        self.M = (s.S.T * a.m) @ s.S + np.diag(s.decay)
        H = np.linalg.inv((s.S.T * (self.D * self.kept)) @ s.S + np.diag(s.decay))
        far = [-(H @ s.S[l]) * st.c.at.p[l] / (1.0 - self.D[l] * (s.S[l] @ H @ s.S[l])) for l in st.far]
        self.delta = np.concatenate([st.delta, *[one[None] for one in far]])
        self.moves = self.delta @ s.S.T
        self.thirds = thirded.Thirds(x)

    def columns(self, T: tuple[int, ...]) -> NDArray[np.int64]:
        """Where the bounds have a choice: far rows, and what is missing, are column f; of two rows the last is none."""
        at = sorted([min(i, self.f) for i in T] + [self.f] * (self.x.k - len(T)))
        return np.array([at + [self.f + 2] * (3 - self.x.k)])

    def hold(self, points: Array, few: int) -> Outcome:
        """All choices, as they are bounded first and looked at closer."""
        decided, p = False, seen.points_of(self.x, points)
        closer, nearer = close.Closer(self.x, p), nearest.Nearer(self.x, p)
        worst = self.x.choices(self.f + 1, np.array([self.f + 1]), self.f + 1 if self.x.k > 2 else self.f + 2,
                               np.array([np.inf]))
        if self.x.k == 3 and np.isfinite(worst[0]).any():
            raise Violation("infinite thirds leave a distance")
        for size in range(self.x.k + 1):
            for T in combinations(range(len(self.rows)), size):
                decided |= self._choice(T, points, p, closer)
                if sum(T) % 3 == 0:  # a third of all, as each takes a refit's time
                    decided |= self._near(T, points, nearer, few)
        return "decided" if decided else "refused"

    def _choice(self, T: tuple[int, ...], points: Array, p: seen.Points, closer: close.Closer) -> bool:
        x, (i, j, l) = self.x, self.columns(T)[0]
        own = len(T) == x.k and max(T, default=0) < self.f
        out, kept = self.rows[list(T)], self.kept.copy()
        kept[out] = 0.0
        third = self._third(T, i, j, l) if x.k == 3 else np.zeros(1)
        r, more = x.choices(int(i), np.array([j]), np.array([l]), third)
        _, left = x.kept(int(i), np.array([j]), np.array([l]))
        without = self.M - (self.S[out].T * self.m[out]) @ self.S[out]
        eigen = np.linalg.eigvalsh(without)
        if not np.isfinite(more[0]):
            return False
        if not eigen[0] > 0.0:
            raise Violation(f"{T}: there is no matrix without the rows")
        self._rows_of_pair(T, without)
        lost, gone = self._lost(T, kept, without, self.t + self.moves[list(T)].sum(axis=0)), [left[0]]
        for number in gone:
            if number > max(0.0, 1.0 - lost) + SLACK:
                raise Violation(f"{T}: {number} of the curvature is said to be left, and {1.0 - lost} is")
        if np.isfinite(r[0]):
            g = self._gradient(kept, self.w + self.delta[list(T)].sum(axis=0))
            true = float(np.sqrt(g @ np.linalg.solve(without, g)))
            if true > r[0] * left[0] + SLACK:
                raise Violation(f"{T}: {true} is left of the gradient, not {r[0] * left[0]}")
        w = refit(self.S, kept, self.s.decay)
        v = w - self.w - self.delta[list(T)].sum(axis=0)
        if (np.isfinite(r[0]) and np.sqrt(v @ without @ v) > r[0] + NEAR) and (own or max(T, default=0) < self.f):
            raise Violation(f"without {T}: {np.sqrt(v @ without @ v)} above {r[0]}")
        margin = points @ self.s.aimed(w)
        at = self.columns(T)
        open_ = p.open_by(at, r, more)[1]
        for number in gone:
            open_ &= closer.open_by(at, third, np.array([number]))[1]
        if (margin < -NEAR)[~open_].any():
            raise Violation(f"without {T}: a point is moved that was said to stay")
        if own and np.isfinite(r[0]):
            self._next_to_it(T, w, without @ v, gone, (at, r, more, third))
        return bool(np.isfinite(r[0])) and not open_.all()

    def _beside(self, w: Array, away: Array) -> Array:
        """Points that a refit has just on the other side, along a direction and elsewhere."""
        rng, aim = np.random.default_rng(len(self.S)), self.s.aimed(w)
        E = np.array([-away, away, *(-away + np.linalg.norm(away) * rng.standard_normal((4, len(w))))])
        E = E / np.maximum(np.linalg.norm(E, axis=1), 1e-300)[:, None]
        E = E - (E @ aim + 1e-7)[:, None] / max(float(aim @ aim), 1e-12) * aim  # the refit's output is −1e-7
        return np.asarray(E[E @ self.s.aimed(self.w) > 1e-6])

    def _extremal(self, w: Array, v: Array, without: Array) -> Array:
        """Such a point that loses what it does by the length of the move in the matrix without the rows alone."""
        aim, E = self.s.aimed(w), -without @ v
        other = without @ aim
        E = E - (E @ aim) / max(float(aim @ other), 1e-300) * other
        size = float(np.linalg.norm(E))
        if not size > 1e-12 * float(np.linalg.norm(without @ v)):
            return np.zeros((0, len(w)))
        E = E / size - 1e-7 / max(float(aim @ aim), 1e-12) * aim
        return np.array([E]) if E @ self.s.aimed(self.w) > 1e-6 else np.zeros((0, len(w)))

    def _next_to_it(self, T: tuple[int, ...], w: Array, away: Array, gone: list[float], said: Any) -> None:
        """Such points, along where the refit lies from the sum of steps."""
        E = self._beside(w, away)
        if not len(E):
            return
        at, r, more, third = said
        p = seen.points_of(self.x, E)
        if not p.open_by(at, r, more)[1].all():
            raise Violation(f"without {T}: a point next to it is said to stay, by the distance")
        for number in gone:
            if not close.Closer(self.x, p).open_by(at, third, np.array([number]))[1].all():
                raise Violation(f"without {T}: a point next to it is said to stay, by the ball")

    def _third(self, T: tuple[int, ...], i: int, j: int, l: int) -> Array:
        """The least of what is said of thirds, held against what they are."""
        said = [float(self.x.triples(int(i))[j, l])]
        if max(i, j, l) < self.f:
            said.append(float(self.thirds.first(int(i)).of(int(j), np.array([l]))[0]))
        elif j < self.f:
            said.append(self.thirds.far(int(i), int(j)))
        if len(T) == 3:
            moves = [np.where(np.isin(np.arange(len(self.S)), self.rows[list(T)]), 0.0, self.moves[a]) for a in T]
            y = sum((-1.0) ** (3 - size) * slope(self.t + sum(moves[a] for a in some))
                    for size in range(4) for some in combinations(range(3), size))
            y[self.rows[list(T)]] = y[self.kept == 0.0] = 0.0
            without = self.M - (self.S[self.rows[list(T)]].T * self.m[self.rows[list(T)]]) @ self.S[self.rows[list(T)]]
            if np.linalg.eigvalsh(without)[0] > 0.0:
                g = np.asarray(y @ self.S, dtype=np.float64)
                true = float(np.sqrt(g @ np.linalg.solve(without, g)))
                for number in said:
                    if true > number + 1e-12 and number < 1.0:
                        raise Violation(f"{T}: third differences are {true} long, not {number}")
        return np.array([min(said)])

    def _rows_of_pair(self, T: tuple[int, ...], without: Array) -> None:
        """What two steps do to rows that stay, of pairs that are not formed and of those with a far row."""
        if len(T) != 2 or T[0] >= self.f or (T[1] < self.f and self.x.place[T] > 0):
            return
        one, two = (self.moves[i] for i in T)
        y = slope(self.t + one + two) - slope(self.t + one) - slope(self.t + two) + slope(self.t)
        y[self.rows[list(T)]] = y[self.kept == 0.0] = 0.0
        g = np.asarray(y @ self.S, dtype=np.float64)
        true, j = float(np.sqrt(g @ np.linalg.solve(without, g))), min(T[1], self.f)
        said = [self.x.rows[T[0], j], *([bent.Bends(self.x.metric).pair(T[0])] if j == self.f else [])]
        if true > min(said) * (1.0 + SLACK) + 1e-12:
            raise Violation(f"{T}: two steps are {true} long in rows that stay, not {said}")

    def _near(self, T: tuple[int, ...], points: Array, nearer: nearest.Nearer, few: int) -> bool:
        """At weights nearer to the refit, far rows looked at as any of them."""
        at, many = self.columns(T), sum(i < self.f for i in T)
        open_ = nearer.open_by(at, few)
        if not many:
            if not open_[0].all():
                raise Violation(f"{T}: a choice without steps is closed")
            return False
        near, out, kept = nearer.near(at, many, few), self.rows[list(T)], self.kept.copy()
        kept[out] = 0.0
        without = self.M - (self.S[out].T * self.m[out]) @ self.S[out]
        w = near.weights[0]
        if np.isfinite(near.more[0]):
            g, lost = self._gradient(kept, w), self._lost(T, kept, without, self.S @ w)
            if np.sqrt(g @ np.linalg.solve(without, g)) > near.left[0] * (1.0 + SLACK) + 1e-18:
                raise Violation(f"{T}: nearer, the gradient is longer than {near.left[0]}")
            if near.kept[0] > max(0.0, 1.0 - lost) + SLACK:
                raise Violation(f"{T}: nearer, {near.kept[0]} of the curvature is said to be left, and {1.0 - lost} is")
        true = refit(self.S, kept, self.s.decay)
        v = true - w
        if np.isfinite(near.r[0]) and not near.r[0] * np.sqrt(near.more[0]) < self.x.metric.reach:
            raise Violation(f"without {T}: a distance of {near.r[0]} is beyond reach")
        if np.isfinite(near.r[0]) and np.sqrt(v @ without @ v) > near.r[0] + NEAR:
            raise Violation(f"without {T}: {np.sqrt(v @ without @ v)} above {near.r[0]}, nearer")
        if (points @ self.s.aimed(true) < -NEAR)[~open_[1]].any() or (not open_[0].any() and open_[1].any()):
            raise Violation(f"without {T}: a point is moved that was said to stay, nearer")
        other = copy(nearer)
        for E in (self._beside(true, without @ v), self._beside(true, v), self._extremal(true, v, without)):
            other.p, other.norms = seen.points_of(self.x, E), np.linalg.norm(E, axis=1) * (1.0 + SLACK)
            if len(E) and not other.open_by(at, few)[1].all():
                raise Violation(f"without {T}: a point next to it is said to stay, nearer")
        return bool(np.isfinite(near.r[0])) and not open_[1].all()

    def _gradient(self, kept: Array, w: Array) -> Array:
        """Without some rows, in long doubles until its end."""
        S, at = self.S.astype(np.longdouble), w.astype(np.longdouble)
        return np.asarray(self.s.decay * at - (kept * slope(S @ at)) @ S, dtype=np.float64)

    def _lost(self, T: tuple[int, ...], kept: Array, without: Array, t: Array) -> float:
        """The share of the matrix without the rows that is not there within reach of such margins."""
        D = self._curvature(t)
        least = kept * np.maximum(self.m - D * self.m / self.D, 0.0)
        root = np.linalg.inv(np.linalg.cholesky(without))
        return float(np.linalg.eigvalsh(root @ ((self.S.T * least) @ self.S) @ root.T)[-1])

    def _curvature(self, t: Any) -> Array:
        return np.asarray(1.0 / (2.0 + np.exp(t) + np.exp(-t)))


def slope(t: Any) -> Any:
    """`p`, as of margins that are far its differences keep their digits."""
    return 1.0 / (1.0 + np.exp(t.astype(np.longdouble)))
