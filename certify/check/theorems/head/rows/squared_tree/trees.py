"""D4d: any m rows deleted from a squared-loss head, by trees that many points share: the witness, and the answer.

The certificate holds orders of rows and the points that each is for; how far each order is gone, the comparisons and
all sums are found here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows.head import Head
from certify.check.theorems.head.rows.losses.squared import Squared
from certify.check.theorems.head.rows.squared.ridge import ridge_of
from certify.check.theorems.head.rows.squared_tree.root import root_of
from certify.check.theorems.head.rows.squared_tree.walk import Shared, Walk
from certify.format.canonical import show
from certify.format.refusal import Invalid

NAMES = {"trees", "lengths", "order", "points"}

DEEPEST = 128
"""Most deletions: of more nothing is proved, as every level of a tree takes frames of the interpreter."""


LONGEST = 128
"""Most rows of an order, of which the prover takes half: columns of all of them are held, and nodes grow with it."""


FEW = 256
"""Columns of each kind of the hat matrix that are formed first, where there are more than four times as many rows."""


@dataclass(frozen=True)
class Tree:
    """Rows in the order in which they are set apart, and the evaluation rows that it is for."""

    order: list[int]
    points: list[int]


def proved(head: Head, arrays: Mapping[str, Array], where: str, asked: list[bool]) -> list[bool]:
    """Which evaluation rows keep today's label after at most `count` of the rows that may go are deleted.

    Args:
        head: the head.
        arrays: trees as the format has them.
        where: the claim, for messages.
        asked: the rows in question.

    Raises:
        Invalid: another loss or change, or arrays that are no trees.
    """
    if not isinstance(head.loss, Squared) or head.relabels:
        raise Invalid(where, "another loss, or labels change", "deleted rows and the squared loss are needed")
    rows = sorted(head.moving)
    count = min(head.count, len(rows))
    sizes = list(range(count + 1)) if head.remaining else [count]
    bases = trees_of(arrays, where, rows, len(asked), len(sizes))
    want = {j for j, yes in enumerate(asked) if yes and head.today[j] >= 0} if rows and count <= DEEPEST else set()
    for size, trees in zip(sizes, bases, strict=True):
        system = ridge_of(head, size)
        mine = sorted(want & {j for tree in trees for j in tree.points})
        if system.inverse.X is None or not mine:
            want = set()
            break
        hot, stay, shared = sorted({q for tree in trees for q in tree.order}), set[int](), Shared()
        for few in (FEW, None) if len(rows) > 4 * FEW else (None,):
            if left := [j for j in mine if j not in stay]:  # all columns for what some of them leave
                root = root_of(head, system, rows, hot, left, few)
                shared = Shared(nodes=shared.nodes)
                for tree in trees:
                    stay |= Walk(root, tree.order, shared).proves([j for j in tree.points if j in set(left)], size)
        want = stay
    return [j in want for j in range(len(asked))]


def trees_of(arrays: Mapping[str, Array], where: str, rows: list[int], points: int, bases: int,
             longest: int = LONGEST) -> list[list[Tree]]:
    """The trees of every weight decay, rows by their places among those that may go.

    Raises:
        Invalid: members are missing, lengths do not fit, or numbers are not of rows, or stand twice.
    """
    if set(arrays) != NAMES:
        raise Invalid(where, f"its arrays are {show(sorted(arrays))}", f"{show(sorted(NAMES))} are needed")
    for name, array in arrays.items():
        if len(array.shape) != 1 or array.kind != "i":
            raise Invalid(f"{where}.{name}", f"its shape is {array.shape}, its type {array.kind}",
                          "one axis of whole numbers is needed")
    numbers, lengths, order, at = ([int(v) for v in arrays[name].values]
                                   for name in ("trees", "lengths", "order", "points"))
    if (len(numbers) != bases or min([*numbers, *lengths], default=0) < 0 or len(lengths) != 2 * sum(numbers)
            or sum(lengths[::2]) != len(order) or sum(lengths[1::2]) != len(at)):
        raise Invalid(where, "lengths of its arrays do not fit", "those of one set of trees are needed")
    place = {row: q for q, row in enumerate(rows)}
    every, i, j = [], 0, 0
    if max(lengths[::2], default=0) > longest:
        raise Invalid(where, f"a tree sets {max(lengths[::2])} rows apart", f"at most {longest} rows are needed")
    for size, N in zip(lengths[::2], lengths[1::2], strict=True):
        here, seen = order[i:i + size], at[j:j + N]
        if not set(here) <= set(place) or len(set(here)) != size or len(set(seen)) != N or not all(
                0 <= p < points for p in seen):
            raise Invalid(where, f"a tree has the rows {show(here[:8])} and the points {show(seen[:8])}",
                          "different rows that may go, and different evaluation rows, are needed")
        every.append(Tree([place[row] for row in here], seen))
        i, j = i + size, j + N
    found, start = [], 0
    for number in numbers:
        found.append(every[start:start + number])
        start += number
    return found
