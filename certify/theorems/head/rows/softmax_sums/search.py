"""D25: predictions under any three deleted rows, by one bound of nearly all choices and a look at each of the others.

Most choices of three are so near the sum of their steps that one number says so for all of them: of these an evaluation
row needs the largest sums of what single steps take. Choices that are far, and those with large sums, are compared with
it one by one, at last by what is left of the gradient at their own weights, or by their refit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from certify.finders.head.refits import Refitter
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head, Whole
from certify.theorems.head.rows.flips import Found
from certify.theorems.head.rows.method import Mask
from certify.theorems.head.rows.searches.ended import ended, in_memory
from certify.theorems.head.rows.softmax.centre import Centre, centre
from certify.theorems.head.rows.softmax_by_choice.candidates import Lines, lines_of
from certify.theorems.head.rows.softmax_by_choice.metric import Metric, as_it_is, metric, root_metric
from certify.theorems.head.rows.softmax_by_choice.pairs import SURE
from certify.theorems.head.rows.softmax_by_choice.singles import near_refits
from certify.theorems.head.rows.softmax_by_choice.sums import Steps, steps_of
from certify.theorems.head.rows.softmax_sums.far import Far, Tables, far_choices
from certify.theorems.head.rows.softmax_sums.formed import formed, strongest
from certify.theorems.head.rows.softmax_sums.judge import Judge
from certify.theorems.head.rows.softmax_sums.moves import moves_of
from certify.theorems.head.rows.softmax_sums.nearer import LOW, Nearer, Sums, not_near
from certify.theorems.head.rows.softmax_sums.table import cubed, pairs, table
from certify.theorems.head.rows.step_sums.listed import listed

PARTS, SHARP = (0.3, 0.1, 0.03), (1, 2)
"""Parts of all curvature in further matrices: less is lost of them, and lengths are longer; and of which of them all
eigenvalues say what is lost."""

ENTRIES, PAIRS = 12_000_000, 60_000
"""Most numbers of gradients of pairs that are formed, and pairs."""

MOST, EACH = 1_000_000, 2e-4
"""Choices that are far for all, at most, and seconds that each takes to be listed and looked at."""

OPEN, ALL = 300_000, 10_000_000
"""Choices that a point, and all of them, may leave to a look at each."""


@dataclass(eq=False)
class Search:
    """The search.

    Attributes:
        head, change: the problem: up to three rows deleted.
        check: raises when the time is up.
        left: seconds left.
        why, late: what kept it from proving more, in words, and whether that was the time.
        found: rows whose deletion flips evaluation rows.
        proved: `(N,)` evaluation rows of which every choice was looked at.
    """

    head: Head
    change: RowChange
    check: Callable[[], None]
    left: Callable[[], float] = lambda: float("inf")
    why: str = ""
    late: bool = False
    found: Found = field(init=False)
    proved: Mask = field(init=False)

    def run(self, todo: Mask) -> Mask:
        """Which points are proved to stay."""
        self.found, self.proved = Found(self.head), np.zeros_like(todo)
        with ended(self), in_memory(self):
            self._run(np.flatnonzero(todo & (self.head.today >= 0)))
        return np.asarray(self.proved & ~self.found.flipped)

    def _run(self, at: Whole) -> None:
        head, refitter = self.head, Refitter(self.head)
        c = centre(head, refitter.V0)
        root = root_metric(as_it_is(c))
        if root is None or not float(c.off.max(initial=0.0)) <= SURE or not (root.h > 0.0).all():
            self.why = "the curvature of the unchanged head could not be bounded below"
            return
        self.check()
        rows = np.array(self.change.rows, dtype=np.int64)
        W = near_refits(root, refitter, rows, self.check)
        W[~np.isfinite(W).all(axis=(1, 2))] = c.V  # any weights will do
        long = lines_of(head, at).lengths(root)
        sound = (np.isfinite(long) & (long > 0.0)).all(axis=1)  # one that has no length would leave others no scale
        if not sound.all():
            self.why = "the lengths of evaluation rows are no finite numbers"
        if not len(at := at[sound]):
            return
        lines = lines_of(head, at)
        steps = steps_of(head, W, c.V)
        tables = self._tables(root, c, rows, W, lines, steps)
        far = far_choices(tables, self.check, min(MOST, self.left() / EACH))
        if far is None:
            self.why = "too many choices of three rows move the weights far"
            return
        takes, gap = takes_of(lines, W, c.V)
        ease = ((gap - np.sort(np.maximum(takes, 0.0), axis=0)[-3:].sum(axis=0)) / tables.lengths).min(axis=1)
        near = Nearer(tables, Sums(rows, W, steps), self.check)
        third = self.left() / 3.0
        far = near.brought(far, float(np.median(ease)), lambda: self.left() >= third)
        judge = Judge(head, refitter, tables, rows, W - c.V, lines, self.found, self.check)
        easy = ease > far.least  # of these all that is asked about is far for every row
        for some in (easy, ~easy):
            judge.ask(list(self._asked(tables, far, (takes, gap), ease, some, at)))
            for place in judge.proved(lambda place, T: not_near(
                    T, near.distances(T), takes[:, place], gap[place], tables.lengths[place])):
                self.proved[at[place]] = True
        if not self.why and not (self.proved | self.found.flipped)[at].all():
            self.why = "choices of three rows were left whose refits are not known near enough"

    def _asked(self, tables: Tables, far: Far, margins: tuple[Array, Array], ease: Array, some: Mask,
               at: Whole) -> Iterator[tuple[int, Whole]]:
        """What some evaluation rows ask about, those first that bear most; those that ask nothing are proved."""
        count, half, (takes, gap) = 0, 0.5 * self.left(), margins
        for place in (one for one in np.argsort(-ease, kind="stable").tolist() if some[one]):
            self.check()
            if self.left() < half:  # the others would need longer lists
                self.why, self.late = "its time was up", True
                return
            T = opened(tables, far, takes[:, place], gap[place], tables.lengths[place])
            if T is None:
                self.why = self.why or "no short list names all choices of three rows that may move a prediction"
                continue
            if count + len(T) > ALL:
                self.why = "predictions together leave more choices of three rows to looks at each than are held"
                continue
            if len(T):
                yield place, T
                count += len(T)
            self.proved[at[place]] = not len(T)

    def _tables(self, root: Metric, c: Centre, rows: Whole, W: Array, lines: Lines, steps: Steps) -> Tables:
        """Tables of some matrices, with the strongest pairs formed."""
        delta = W - c.V
        s = moves_of(c, rows, delta, self.change.count, self.check)
        metrics = [root]
        for part in PARTS:
            self.check()
            if (m := metric(root.c, np.full(self.head.n, part))) is not None:
                metrics.append(m)
        strong = strongest(pairs(metrics[len(metrics) // 2], s, self.change.count, self.check),
                           min(PAIRS, ENTRIES // delta[0].size))
        f = formed(root, rows, W, steps, strong, self.check)
        each = tuple(table(m, s, W, f, self.change.count, self.check, number in SHARP)
                     for number, m in enumerate(metrics))
        long = [lines.lengths(m) for m in metrics]
        scale = np.array([float(np.median(one / long[0])) for one in long]) if len(lines.at) else np.ones(len(long))
        whole = np.max([one / x for one, x in zip(long, scale, strict=True)], axis=0) * RAISE
        return Tables(each, cubed(s), scale, whole, tuple(x for x in SHARP if x < len(each)))


def takes_of(lines: Lines, W: Array, V: Array) -> tuple[Array, Array]:
    """`(f + 1, L, k − 1)` at least what single steps take of margins, of no row 0; and the margins, at least.

    Args:
        lines: the evaluation rows.
        W: `(f, k, p)` the weights that steps lead to; V `(k, p)` the centre.
    """
    gap, most = lines.gaps(V[None])[0], -lines.gaps(-V[None])[0]
    low = lines.gaps(W)
    found = most - low + 2.0 * U * (np.abs(most) + np.abs(low))
    return np.concatenate([found, np.zeros((1, *gap.shape))]), gap


def opened(tables: Tables, far: Far, takes: Array, gap: Array, lengths: Array) -> Whole | None:
    """`(B, 3)` the choices that tables leave open for an evaluation row; None where these are too many.

    Args:
        tables: with the lengths of all evaluation rows.
        far: the choices that are not near the sums of their steps.
        takes: `(f + 1, k − 1)` what steps take of margins, `gap` `(k − 1,)` the margins.
        lengths: `(k − 1,)` of the row.
    """
    left = gap - lengths * (far.least * RAISE)
    if not ((left > 0.0).all() and np.isfinite(takes).all()):  # what is no number would be on no list
        return None
    each = np.sort(np.maximum(takes, 0.0), axis=0)[-3:].sum(axis=0)
    bears = float(((gap - each - (1.0 - LOW) * np.abs(gap)) / lengths).min()) * LOW  # no choice takes more than each
    some = far.T[: np.searchsorted(-far.r, -bears, side="right")] if bears > 0.0 else far.T
    found = [some[not_near(some, far.r[: len(some)], takes, gap, lengths)]]
    for one, need in zip(np.maximum(takes, 0.0).T, left, strict=True):
        count = 0
        if np.sort(one)[-3:].sum() < need * LOW:
            continue
        for batch in listed(one[:-1], 3, float(need)):
            T = np.full((len(batch), 3), len(one) - 1)
            T[:, : batch.shape[1]] = batch
            count += len(T)
            if count > OPEN:
                return None
            T = T[not_near(T, tables.far(T), takes, gap, lengths)]
            found.append(T[not_near(T, tables.far(T, sharp=True), takes, gap, lengths)])
    T, base = np.sort(np.concatenate(found), axis=1), len(takes)
    T = T[np.unique((T[:, 0] * base + T[:, 1]) * base + T[:, 2], return_index=True)[1]]
    return T if len(T) <= OPEN else None
