"""D23: no deletion of at most m rows moves a prediction of a squared-loss head farther, by the trees of D4d.

Every output of every evaluation row has a bound. Its fall and its rise are contrasts that start at that bound, and the
trees prove that they stay above 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import isfinite

from flint import arb

from certify.check.linalg.balls import norm
from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows.head import Head
from certify.check.theorems.head.rows.losses.squared import Squared
from certify.check.theorems.head.rows.moves.measures import Measure
from certify.check.theorems.head.rows.squared.ridge import Ridge, ridge_of
from certify.check.theorems.head.rows.squared_tree.root import root_of
from certify.check.theorems.head.rows.squared_tree.trees import DEEPEST, FEW, Tree, trees_of
from certify.check.theorems.head.rows.squared_tree.walk import Shared, Walk
from certify.format.refusal import Invalid

BOUNDS = "bounds"


def check_deleted(measure: Measure, most: float, arrays: Mapping[str, Array], where: str) -> None:
    """No choice of deleted rows moves the outputs at an evaluation row farther than `most`.

    Args:
        measure: of the motion.
        most: the stated upper end.
        arrays: `bounds`, `(N, k)`, and for each output trees as of `squared_tree`.
        where: the claim, for messages.

    Raises:
        Invalid: one may, or the arrays have other shapes.
    """
    head = measure.head
    if words := refused(measure):
        raise Invalid(where, "trees of deletions are stated", words)
    N, rows = len(head.lengths), sorted(head.moving)
    bounds = bounds_of(arrays, where, (N, head.k), most)
    parts = trees_of({name: array for name, array in arrays.items() if name != BOUNDS}, where, rows, N, head.k)
    count, shared = min(head.count, len(rows)), Shared()
    system = ridge_of(head, count)
    if system.inverse.X is None:
        raise Invalid(where, "numbers are stated", "the normal matrix is not proved to have an inverse")
    for a, trees in enumerate(parts):
        one = replace(head, targets=[[y[a]] for y in head.targets], k=1)
        left = _left(one, system, rows, trees, {j: bounds[j][a] for j in range(N)}, shared)
        if left:
            j = min(left)
            raise Invalid(f"{where}, evaluation row {j}", f"{bounds[j][a]!r} is stated to bound output {a}",
                          "the trees do not prove it")


def refused(measure: Measure) -> str:
    """Why the theorem says nothing; empty where it applies."""
    head = measure.head
    if not measure.by_outputs or not isinstance(head.loss, Squared):
        return "outputs of the squared loss are needed"
    if head.relabels or head.kind is not None or head.weights is not None or head.balanced or head.remaining:
        return "any few rows that carry no weights, deleted with a decay that stays, are needed"
    if not head.moving or not 0 < head.count <= DEEPEST:
        return f"from 1 to {DEEPEST} deletions are needed"
    return ""


def bounds_of(arrays: Mapping[str, Array], where: str, shape: tuple[int, int], most: float) -> list[tuple[float, ...]]:
    """What bounds every output of every evaluation row; together no more than `most`.

    Raises:
        Invalid: there are no such numbers, or they are larger.
    """
    array = arrays.get(BOUNDS)
    if array is None or array.shape != shape or array.kind != "f" or not all(
            isfinite(v) and v >= 0 for v in array.values):
        raise Invalid(f"{where}.{BOUNDS}", "it is missing, or of another form", f"{shape} numbers from 0 on are needed")
    k, values = shape[1], [float(v) for v in array.values]
    found = [tuple(values[j * k:(j + 1) * k]) for j in range(shape[0])]
    for j, row in enumerate(found):
        if not norm([arb(v) for v in row]) <= most if k > 1 else not row[0] <= most:
            raise Invalid(f"{where}.{BOUNDS}", f"those of evaluation row {j} are {row}", f"{most!r} is stated")
    return found


def _left(head: Head, system: Ridge, rows: list[int], trees: list[Tree], bounds: dict[int, float],
          shared: Shared) -> set[int]:
    """Which evaluation rows are not proved: a few columns of the hat matrix first, all for what they leave."""
    hot = sorted({q for tree in trees for q in tree.order})
    left, count, nodes = set(bounds), min(head.count, len(rows)), shared.nodes
    named = {j for tree in trees for j in tree.points}
    for few in (FEW, None) if len(rows) > 4 * FEW else (None,):
        at = sorted(left & named)
        if not at:
            break
        root, terms = root_of(head, system, rows, hot, at, few, None, bounds), Shared(nodes=nodes)
        for tree in trees:
            left -= Walk(root, tree.order, terms).proves([j for j in tree.points if j in left], count)
        nodes = terms.nodes
    shared.nodes = nodes
    return left
