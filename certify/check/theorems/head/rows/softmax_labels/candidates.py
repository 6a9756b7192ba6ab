"""D18 for changed labels: what candidates leave of the gradient, and what rows keep of their curvature there.

A candidate is the weights of no change and a step in whole numbers. A changed label adds `(e_old − e_new) ⊗ x` to the
gradient, which nothing else depends on. The tie is that around the candidate, and has no gradient there.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isfinite
from operator import sub, truediv

from certify.check.theorems.head.rows.pair_tree.moved import size_of
from certify.check.theorems.head.rows.pair_tree.numbers import UP, exps
from certify.check.theorems.head.rows.refitted.refit import Change
from certify.check.theorems.head.rows.softmax_labels.margins import Margins
from certify.check.theorems.head.rows.softmax_pairs.centre import Centre
from certify.check.theorems.head.rows.softmax_pairs.gradients import Gradients
from certify.check.theorems.head.rows.softmax_pairs.moved import BLURRED, Cut, changes, cut, grown, strayed

FARTHEST = 100.0
"""Largest change of an output: with differences of 200 at the centre no product of probabilities underflows."""
FORMS = 2.0**-33
"""What the curvature of rows in a matrix is more than it says of itself (the products of probabilities there)."""


@dataclass(frozen=True)
class Candidate:
    """What is known at one.

    Attributes:
        at: its number among those of the batch; `cut`: its step.
        g, size, off: the gradient after the change, at least its length, and what it is off by.
        kept: by row at most e with `A(Vx_j) ⪰ eA_j`.
    """

    at: int
    cut: Cut
    g: list[float]
    size: float
    off: float
    kept: array[float]


@dataclass
class Candidates:
    """Those of some choices about which something is known.

    Attributes:
        gradients: at steps from the centre, whose tie has no part in them.
        choices: the changes, of one row at most.
        weights: floats, `km` each.
        margins: of the evaluation rows in question.
    """

    gradients: Gradients
    choices: Sequence[Change]
    weights: Sequence[Sequence[float]]
    margins: Margins
    known: list[Candidate] = field(default_factory=list)
    _left: dict[int, list[array[float]]] = field(default_factory=dict)

    def left(self, one: Candidate) -> list[array[float]]:
        """By class at most the margins at a candidate."""
        if one.at not in self._left:
            self._left[one.at] = self.margins.at(one.cut)
        return self._left[one.at]

    def __post_init__(self) -> None:
        free, c = self.gradients, self.gradients.c
        cuts = [cut(list(map(sub, V, c.weights))) if all(map(isfinite, V)) else None for V in self.weights]
        some = [(b, one) for b, one in enumerate(cuts) if one is not None]
        kept, blurs = [], []
        for (b, one), tau in zip(some, changes(c, [one for _, one in some]) if some else [], strict=True):
            far = max(max(max(x), -min(x)) for x in tau)
            off = strayed(c, one, far)
            # both factors of each product and the sum of products are off by so much of themselves at most
            blur = (2.0 * c.blur + 2.0**-46 + 5.0 * off + (c.data.k + 8) * 2.0**-52) * (1.0 + 2.0**-10)
            if far < FARTHEST and blur < BLURRED:
                kept.append((b, one, grown(c, tau, exps)))
                blurs.append(blur)
        left = free.at([one.step for _, one, _ in kept], [s for _, _, s in kept], [[]] * len(kept)) if kept else []
        for (b, one, s), blur, g in zip(kept, blurs, left, strict=True):
            moved = _changed(c, self.choices[b], g)
            size = size_of(moved)
            off = (free.lost(g, one.size, blur) + 2.0**-50 * size) * UP
            if all(map(isfinite, moved)) and isfinite(off):
                ratios = [map(truediv, x, y) for x, y in zip(s, c.s, strict=True)]
                least = 1.0 - 4.0 * (blur + c.blur) - FORMS
                self.known.append(Candidate(b, one, moved, size, off, array("d", [
                    x * least for x in map(min, *ratios)])))


def _changed(c: Centre, choice: Change, g: Sequence[float]) -> list[float]:
    """The gradient after a change of labels, rounded once an entry."""
    found, data = list(g), c.data
    for i, code in choice:
        new = list(data.head.codes.rows[code]).index(1.0)
        for sign, a in ((1.0, data.labels[i]), (-1.0, new)):
            at = slice(a * data.p, (a + 1) * data.p)
            found[at] = [x + sign * y for x, y in zip(found[at], data.table.rows[i], strict=True)]
    return found
