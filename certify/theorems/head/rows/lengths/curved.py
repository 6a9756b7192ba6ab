"""One reading for curvature and gradient at some weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import Array
from certify.systems.head.rows.stored import rows as parts
from certify.systems.head.rows.stored.normal import longer, summed
from certify.systems.head.rows.stored.tally import PerRow, Told
from certify.systems.head.rows.stored.tree import Tree
from certify.theorems.head.rows.lengths.slopes import At


@dataclass(frozen=True, eq=False)
class Curved:
    """`Σ r_j²φ_jφ_jᵀ` and `Σ p_js_j` at the weights w."""

    w: Array
    Y: PerRow
    beside: int = 0

    def tally(self) -> CurvedFound:
        """Nothing yet."""
        return CurvedFound(self)


class CurvedFound:
    """Of the parts so far.

    Attributes:
        longest: bound of the length of a row.
        flattest: the least curvature.
        unsure: the largest share of its curvature that is not known of a row.
    """

    def __init__(self, task: Curved) -> None:
        self._at = At(task.w, task.Y)
        self.longest, self.flattest, self.unsure = 0.0, np.inf, 0.0
        self._gram, self._pull, self._weighs, self._columns = Tree(), Tree(), Tree(), Tree(longer)

    def take(self, number: int, start: int, part: Array) -> None:
        """Another part."""
        at = self._at.slopes(start, part)
        self.longest = max(self.longest, float(at.norms.max()))
        self.flattest = min(self.flattest, float(at.D.min()))
        if self.flattest > 0.0:
            self.unsure = max(self.unsure, float((at.D_off / at.D).max()))
        pull, pulls = np.zeros(part.shape[1]), (at.sign * at.p)
        for first in range(0, len(part), parts.BLOCK):
            some = slice(first, first + parts.BLOCK)
            pull += pulls[some] @ part[some]
        W = part * at.root[:, None]
        self._gram.take(number, summed(W, None))
        self._columns.take(number, fp.row_norms(np.ascontiguousarray(W.T)))
        self._pull.take(number, pull)
        self._weighs.take(number, np.array([at.p_off @ at.norms, at.p @ at.norms]))

    def gram(self) -> tuple[Array, Array]:
        """The matrix, and upper bounds of the lengths of the columns that it is made of."""
        return _some(self._gram), _some(self._columns)

    def pull(self) -> tuple[Array, Array]:
        """The sum of all pulls, and sums of the lengths that were added: times errors, and times pulls."""
        return _some(self._pull), _some(self._weighs)

    def told(self) -> Told:
        """As arrays."""
        return {"ends": np.array([self.longest, self.flattest, self.unsure]), **self._gram.told("gram"),
                **self._pull.told("pull"), **self._weighs.told("weighs"), **self._columns.told("columns")}

    def add(self, told: Told) -> None:
        """Of the parts that follow."""
        longest, flattest, unsure = told["ends"].tolist()
        self.longest, self.flattest = max(self.longest, longest), min(self.flattest, flattest)
        self.unsure = max(self.unsure, unsure)
        for tree, name in ((self._gram, "gram"), (self._pull, "pull"), (self._weighs, "weighs"),
                           (self._columns, "columns")):
            tree.add(told, name)


def _some(tree: Tree) -> Array:
    found = tree.total()
    assert found is not None  # a source without rows is refused where it is opened
    return found
