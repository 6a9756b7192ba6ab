"""D4, branch and bound for one contrast at one evaluation row: which rows that hurt most are among the deleted ones.

A node `(I, R, k)`: the rows I are gone, any k of R may follow. With the order `q_0, q_1, …` of R and a number h it is
proved if the sum bound holds for `R ∖ {q_0 … q_{h−1}}` and each child `I ∪ {q_a}`, `R ∖ {q_0 … q_a}`, `k − 1`, a < h,
is: a set of at most k rows of R avoids the first h or has a first one among them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array
from certify.theorems.head.rows.squared.contrasts import Ints
from certify.theorems.head.rows.squared.node import Compared, Node, compare, row_terms, without

BARE = (0, 2, 4, 8, 16, 32, 64)
"""Numbers of rows of most leverage that are set apart before the rest is compared."""


@dataclass(frozen=True)
class Record:
    """How one node was proved, for the checker; nodes stand in the order of a depth-first walk.

    Attributes:
        apart: how many rows of `order` were set apart before the rest was compared.
        order: the rows that have children, in order, by their numbers in the data.
        comparison: place of the comparison vector of all rows but those set apart, ascending, among those kept.
    """

    apart: int
    order: tuple[int, ...]
    comparison: int


@dataclass(eq=False)
class Comparisons:
    """Comparison vectors that were proved, kept for other points: they depend on no evaluation row.

    Attributes:
        kept: the vectors.
        places: where that of a node stands, None where none was found.
    """

    kept: list[Array] = field(default_factory=list)
    places: dict[tuple[object, ...], int | None] = field(default_factory=dict)

    def of(self, part: Node, key: tuple[object, ...], k: int) -> tuple[Compared, int] | None:
        """That of a node and its place, by a key that tells the rows gone, in order, and those left."""
        if key in self.places:
            place = self.places[key]
            if place is None:
                return None
            found = compare(part, k, self.kept[place])
            assert found is not None  # the same numbers as before
            return found, place
        found = compare(part, k)
        if found is None:
            self.places[key] = None
            return None
        self.places[key] = len(self.kept)
        self.kept.append(found.xi)
        return found, len(self.kept) - 1


@dataclass(eq=False)
class Walk:
    """One tree on its way.

    Attributes:
        contrast: what tells the residuals apart, for the comparisons.
        comparisons: shared among points.
        late: asked at each node; once true the point is left open.
        nodes: most of them.
        records: of the proved nodes.
        flip: rows whose deletion turns the contrast round, if such were met.
    """

    contrast: object
    comparisons: Comparisons
    late: Callable[[], bool]
    nodes: int
    records: list[Record] = field(default_factory=list)
    flip: Ints | None = None

    def proves(self, node: Node, rows: Ints, k: int, gone: tuple[int, ...] = ()) -> bool:
        """Whether every deletion of at most k of the rows leaves the contrast positive.

        Args:
            node: the state after the rows `gone`; its arrays belong to `rows`, ascending.
            rows: numbers of the rows that may go.
            k: how many.
            gone: those that are, in the order in which they went.
        """
        if not node.least > 0:
            if node.most < 0 and self.flip is None:
                self.flip = np.array(sorted(gone), dtype=np.int64)
            return False
        if self.flip is not None or len(self.records) >= self.nodes or self.late():
            return False
        if k == 0 or len(rows) == 0:
            return True
        return self._single(node, rows, gone) if k == 1 else self._branch(node, rows, k, gone)

    def _single(self, node: Node, rows: Ints, gone: tuple[int, ...]) -> bool:
        """One more row: exact but for rounding."""
        found = compare(node, 1)
        if found is None:
            return False
        w, slack = row_terms(node, 1, False, found)
        worst = int(np.argmax(w))
        if self.flip is None and float(w[worst]) - slack > node.most * RAISE:
            self.flip = np.array(sorted((*gone, int(rows[worst]))), dtype=np.int64)
        return _hot(w, slack, node, 1) == 0

    def _branch(self, node: Node, rows: Ints, k: int, gone: tuple[int, ...]) -> bool:
        """The number of rows set apart with the fewest children; comparisons get better as it grows."""
        rough = np.argsort(-np.diagonal(node.K) if node.signs is None else np.abs(node.pivots), kind="stable")
        best: tuple[Ints, Record] | None = None
        for apart in BARE:
            if apart >= len(rows) or (best is not None and apart >= len(best[0])):
                break
            proposal = self._apart(node, rows, k, gone, rough[:apart])
            if proposal is not None and (best is None or len(proposal[0]) < len(best[0])):
                best = proposal
        return best is not None and self._children(node, rows, k, gone, *best)

    def _apart(self, node: Node, rows: Ints, k: int, gone: tuple[int, ...], bare: Ints) -> tuple[Ints, Record] | None:
        """The children that are left if these rows are set apart, and the record; None without a comparison."""
        rest = np.setdiff1d(np.arange(len(rows)), bare)
        part = node.part(rest) if len(bare) else node
        found = self.comparisons.of(part, (self.contrast, gone, rows[rest].tobytes(), k), k)
        if found is None:
            return None
        w, slack = row_terms(part, k, False, found[0])
        if (hot := _hot(w, slack, node, k)) > 0:
            w, slack = row_terms(part, k, True, found[0])
            hot = _hot(w, slack, node, k)
        order = np.concatenate([bare, rest[np.argsort(-w, kind="stable")[:hot]]])
        return order, Record(len(bare), tuple(rows[order].tolist()), found[1])

    def _children(self, node: Node, rows: Ints, k: int, gone: tuple[int, ...], order: Ints, record: Record) -> bool:
        self.records.append(record)
        left = np.ones(len(rows), dtype=bool)
        for i in order:
            left[i] = False
            rest = np.flatnonzero(left)
            child = without(node, int(i), rest)
            if child is None or not self.proves(child, rows[rest], k - 1, (*gone, int(rows[i]))):
                return False
        return True


def _hot(w: Array, slack: float, node: Node, k: int) -> int:
    """Fewest rows, those of largest terms first, without which the k largest terms leave the contrast positive."""
    room = (node.least - slack) * (1 - 2.0**-50)
    if not room > 0:
        return len(w)
    terms = np.maximum(np.sort(w)[::-1], 0.0)
    sums = np.concatenate([[0.0], np.cumsum(terms)])
    ends = np.minimum(np.arange(len(w) + 1) + k, len(w))
    # a window of a running sum: its rounding is that of the whole sum
    windows = sums[ends] - sums[: len(w) + 1] + sums[-1] * (fp.sum_up(len(w)) - 1.0)
    return int(np.argmax(windows < room)) if (windows < room).any() else len(w)
