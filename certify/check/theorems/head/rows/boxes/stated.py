"""What a certificate states of boxes and their trees, read and judged for form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from math import frexp

from flint import arb

from certify.check.linalg.balls import ZERO
from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows.boxes.fixed_rows import Sums, sums
from certify.check.theorems.head.rows.boxes.margins import Points, points
from certify.check.theorems.head.rows.boxes.trap import WIDE
from certify.check.theorems.head.rows.boxes.tree import Node
from certify.check.theorems.head.rows.head import Head
from certify.check.theorems.head.rows.losses.on_slabs import LOGISTIC, OnSlabs
from certify.format.canonical import show
from certify.format.refusal import Invalid

WHOLE = ("parent", "branch", "hot_count", "hot", "numbers", "box_count", "box", "slabs", "leaf_count", "leaf")
REAL = ("weights", "leaf_weights")
SECOND, BROAD = "second", "wide"
"""Arrays that need not be there: λ of points, and of how many rows each box forms the products."""


def oriented(head: Head, where: str, loss: OnSlabs = LOGISTIC) -> tuple[Sums, Points]:
    """Rows times their labels, and evaluation rows times today's side of the threshold, all of them exact.

    Args:
        head: the head.
        where: the claim, for messages.
        loss: the one that the head has to have.

    Raises:
        Invalid: the theorem is not about this problem.
    """
    if not isinstance(head.loss, loss.of) or head.k != 1 or head.remaining or head.threshold - head.threshold != 0:
        raise Invalid(where, "boxes are stated", "they are for the logistic loss, some for the squared hinge, with a "
                      "fixed decay and a finite threshold")
    if head.free_intercept and not loss.smooth:
        raise Invalid(where, "a box is stated", "the intercept carries no decay, and where a loss is flat nothing else "
                      "holds it")
    if head.balanced:
        raise Invalid(where, "boxes are stated", "labels are balanced, and boxes are for weights that stay")
    if head.count < 1 or (not head.relabels and head.free_intercept and head.count >= head.n):
        raise Invalid(where, f"{head.count} rows change", "at least one is needed, and fewer deleted than there are")
    if sorted(head.codes.rows) != [[-1.0], [1.0]]:
        raise Invalid(where, f"labels stand for {show(head.codes.rows)}", "boxes are for −1 and 1")
    mu = head.mu()
    decay = [mu] * (head.m - 1) + [ZERO if head.free_intercept else mu]
    rows = [[x * y[0] for x in row] for row, y in zip(exact_rows(head.rows, where), head.targets, strict=True)]
    signs = [1.0 if label == 1 else -1.0 for label in head.today]
    seen = [[x * s for x in row] for row, s in zip(exact_rows(head.evaluated.tolist(), where), signs, strict=True)]
    weights, scale = head.weights, loss.unit
    if weights is not None:  # divided by a power of two the sum has the same minimiser, and weights up to 1
        unit = arb(2) ** -max(frexp(float(c))[1] for c in weights)
        weights, scale = [c * unit for c in weights], scale * unit
    return sums(rows, [x * scale for x in decay], head.relabels, weights), points(
        seen, head.m, [x * head.threshold for x in signs])


def exact_rows(rows: Sequence[Sequence[arb]], where: str) -> list[list[float]]:
    """The floats that balls without radius are.

    Raises:
        Invalid: one has a radius, or is a number of more digits, as a sum that a graph makes may be.
    """
    if not all(x.is_exact() and x == float(x) for row in rows for x in row):
        raise Invalid(where, "boxes are stated",
                      "the inputs of the last layer are not exact, and boxes need exact ones")
    return [[float(x) for x in row] for row in rows]


def nodes(head: Head, arrays: Mapping[str, Array], where: str, asked: list[bool]) -> list[Node]:
    """The nodes of a tree from its flat arrays.

    At the last level a point has the number of hot rows before the box, or of all where there is none.

    Raises:
        Invalid: an array is missing, is of another kind, or does not fit the others.
    """
    if set(arrays) - {SECOND, BROAD} != {*WHOLE, *REAL}:
        raise Invalid(where, f"its arrays are {show(sorted(arrays))}", f"{show(sorted((*WHOLE, *REAL)))} are needed")
    for name in (*WHOLE, *({BROAD} & set(arrays))):
        if arrays[name].kind != "i":
            raise Invalid(f"{where}, {name}", f"its type is {arrays[name].kind}", "whole numbers are needed")
    flat = {name: [int(x) for x in arrays[name].values] if name in WHOLE and name != "slabs" else arrays[name].values
            for name in arrays}
    T, N, n, p = len(flat["parent"]), len(head.today), head.n, head.m
    depth = _depths([int(x) for x in flat["parent"]], where)
    inner = [d < head.count - 1 for d in depth]
    counts = {name: [int(x) for x in flat[name]] for name in ("hot_count", "box_count", "leaf_count")}
    shapes = {"branch": (T,), "weights": (T, p), "hot_count": (T,), "box_count": (T,), "leaf_count": (T,),
              "numbers": (sum(inner), N), "hot": (sum(counts["hot_count"]),), "box": (sum(counts["box_count"]),),
              "slabs": (sum(counts["box_count"]), n), "leaf": (sum(counts["leaf_count"]),),
              "leaf_weights": (sum(counts["leaf_count"]), p)}
    ends = [0, *accumulate(b if deep else 0 for b, deep in zip(counts["box_count"], inner, strict=False))]
    if SECOND in arrays:
        shapes[SECOND] = (ends[-1], N)
    if BROAD in arrays:
        shapes[BROAD] = shapes["box"]
    for name, shape in shapes.items():
        if arrays[name].shape != shape:
            raise Invalid(f"{where}, {name}", f"its shape is {arrays[name].shape}", f"{shape} is needed")
    if any(c < 0 for one in counts.values() for c in one) or T < 1 or any(not 0 <= x < 2**48 for x in flat["slabs"]):
        raise Invalid(where, "a count is negative, a code too large, or there is no node", "none of these can be")
    broad = [int(x) for x in flat[BROAD]] if BROAD in arrays else [WIDE] * len(flat["box"])
    if not all(WIDE <= x <= max(WIDE, n) for x in broad):
        raise Invalid(f"{where}, wide", "a box has none of the numbers from 48 to that of the rows", "one is needed")
    found: list[Node] = []
    hot = box = leaf = row = 0
    for at in range(T):
        h, b, w = (counts[name][at] for name in ("hot_count", "box_count", "leaf_count"))
        parent, branch = int(flat["parent"][at]), int(flat["branch"][at])
        starts = [int(x) for x in flat["box"][box : box + b]]
        if inner[at]:
            numbers = [int(x) for x in flat["numbers"][row * N : (row + 1) * N]]
            row += 1
        else:
            live = asked if parent < 0 else [number > branch for number in found[parent].numbers]
            numbers = [h if yes else -1 for yes in live]
        found.append(Node(
            parent, branch, flat["weights"][at * p : (at + 1) * p], [int(x) for x in flat["hot"][hot : hot + h]],
            numbers, [(start, flat["slabs"][(box + a) * n : (box + a + 1) * n], broad[box + a])
                      for a, start in enumerate(starts)],
            [(int(flat["leaf"][a]), flat["leaf_weights"][a * p : (a + 1) * p]) for a in range(leaf, leaf + w)],
            [flat[SECOND][a * N : (a + 1) * N] for a in range(ends[at], ends[at + 1])] if SECOND in flat else ()))
        hot, box, leaf = hot + h, box + b, leaf + w
    return found


def _depths(parents: Sequence[int], where: str) -> list[int]:
    """How many rows are out at each node.

    Raises:
        Invalid: a parent does not come before.
    """
    depth: list[int] = []
    for at, parent in enumerate(parents):
        if not (parent == -1 if at == 0 else 0 <= parent < at):
            raise Invalid(f"{where}, parent", f"that of node {at} is {parent}",
                          "the first has -1, the others an earlier one")
        depth.append(0 if at == 0 else depth[parent] + 1)
    return depth
