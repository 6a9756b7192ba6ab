"""D10: the nodes of a tree as a certificate states them, and where each of them stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows.changes.base import DELETED
from certify.check.theorems.head.rows.head import Head
from certify.check.theorems.head.rows.refitted.refit import Change
from certify.format.refusal import Invalid

WHOLE = ("parent", "branch", "code", "hot_count", "hot", "numbers", "box", "leaf_count", "leaf")
REAL = ("weights", "outside", "leaf_weights")
DELETES = ("inside", "shifts")
"""Arrays of trees where rows are deleted."""


@dataclass
class Node:
    """One node.

    Attributes:
        out: rows that are changed, and what they became.
        free: rows that may change, ascending; `k`: how many.
        weights: near the refit.
        hot: the sequence of hot rows.
        numbers: for each point how many hot rows its children take; −1: nothing is said of it.
        box: hot rows before the box; −1: there is none. Its slabs, lengths and shifts.
        leaves: by a row and what it becomes the weights.
        children: by branch and code their numbers.
    """

    out: tuple[tuple[int, int], ...]
    free: list[int]
    k: int
    weights: Sequence[float]
    hot: list[int]
    numbers: Sequence[int]
    box: int = -1
    outside: Sequence[float] = ()
    inside: Sequence[float] = ()
    shifts: Sequence[float] = ()
    leaves: dict[tuple[int, int], Sequence[float]] = field(default_factory=dict)
    children: dict[tuple[int, int], int] = field(default_factory=dict)


def alternatives(head: Head, row: int) -> list[int]:
    """What a row may become: other labels, or `DELETED`."""
    if not head.relabels:
        return [DELETED]
    return [t for t in range(len(head.codes.rows)) if t != head.codes.label[row]]


class _Flat:
    """An array that is read piece by piece."""

    def __init__(self, name: str, array: Array, where: str) -> None:
        self.name, self.where, self.at = name, where, 0
        self.values = array.values

    def take(self, count: int) -> Sequence[float]:
        """The next numbers.

        Raises:
            Invalid: there are fewer.
        """
        if not 0 <= count <= len(self.values) - self.at:
            raise Invalid(f"{self.where}, {self.name}", f"it has {len(self.values)} numbers", "more are needed")
        self.at += count
        return self.values[self.at - count : self.at]

    def whole(self, count: int) -> list[int]:
        """The same as whole numbers."""
        return [int(x) for x in self.take(count)]


def nodes(head: Head, arrays: Mapping[str, Array], where: str) -> list[Node]:
    """The nodes of a tree from its flat arrays.

    Args:
        head: the head.
        arrays: a number a node: `parent` (−1: none), `branch`, `code`, `hot_count`, `box` (−1: none), `leaf_count`;
            `numbers` a node and point, `weights` a node; `hot`; `outside`, `inside`, `shifts` of boxes as in D9;
            `leaf`, pairs of a row and a code, and `leaf_weights`.
        where: the claim, for messages.

    Raises:
        Invalid: an array is missing, is of another kind, or does not fit the others.
    """
    names = {*WHOLE, *REAL, *(() if head.relabels else DELETES)}
    if set(arrays) != names:
        raise Invalid(where, f"its arrays are {', '.join(sorted(arrays))}", f"{', '.join(sorted(names))} are needed")
    for name in names:
        if arrays[name].kind != ("i" if name in WHOLE else "f"):
            raise Invalid(f"{where}, {name}", f"its type is {arrays[name].kind}", "another is needed")
        if name in REAL + DELETES and not all(x - x == 0 for x in arrays[name].values):
            raise Invalid(f"{where}, {name}", "a number is not finite", "finite numbers are needed")
    flat = {name: _Flat(name, arrays[name], where) for name in names}
    found: list[Node] = []
    for at in range(len(arrays["parent"].values)):
        found.append(_node(head, flat, found, f"{where}.nodes[{at}]"))
    if not found or any(one.at != len(one.values) for one in flat.values()):
        raise Invalid(where, f"there are {len(found)} nodes", "one at least, and arrays that they use up are needed")
    return found


def _node(head: Head, flat: Mapping[str, _Flat], found: list[Node], here: str) -> Node:
    """The next node.

    Raises:
        Invalid: it does not fit those before.
    """
    size, k = head.k * head.m, head.k
    parent, branch, code, hots, box, leaves = (
        flat[name].whole(1)[0] for name in ("parent", "branch", "code", "hot_count", "box", "leaf_count"))
    out: Change
    if not found:
        if parent != -1:
            raise Invalid(here, f"its parent is {parent}", "the first node has none, -1")
        out, free, left = (), sorted(head.moving), min(head.count, len(head.moving))
    else:
        if not 0 <= parent < len(found):
            raise Invalid(here, f"its parent is {parent}", "an earlier node is needed")
        up = found[parent]
        if not 0 <= branch < len(up.hot) or (branch, code) in up.children or up.k < 2 \
                or code not in alternatives(head, up.hot[branch]):
            raise Invalid(here, f"it is branch {branch}, {code}", "a branch of its parent that no other node is")
        up.children[branch, code] = len(found)
        gone = set(up.hot[: branch + 1])
        out, free, left = (*up.out, (up.hot[branch], code)), [i for i in up.free if i not in gone], up.k - 1
    weights, hot = flat["weights"].take(size), flat["hot"].whole(hots)
    node = Node(out, free, left, weights, hot, flat["numbers"].whole(len(head.today)), box)
    inside = set(free)
    if len(set(hot)) != len(hot) or not set(hot) <= inside:
        raise Invalid(here, "a hot row is twice there or not free", "each is one of the free rows")
    if any(not -1 <= h <= len(hot) for h in node.numbers) or not -1 <= box <= len(hot) or box >= len(free) > 0:
        raise Invalid(here, "a number of hot rows", f"there are {len(hot)} of {len(free)} rows")
    if leaves < 0:
        raise Invalid(here, f"there are {leaves} leaves", "a count is needed")
    if box >= 0:
        node.outside = flat["outside"].take(head.n * k * (k - 1))
        if not head.relabels:
            f = len(free) - box
            node.inside, node.shifts = flat["inside"].take(f), flat["shifts"].take(f * k)
    for _ in range(leaves):
        row, to = flat["leaf"].whole(2)
        if row not in inside or to not in alternatives(head, row):
            raise Invalid(here, f"a leaf of row {row}, {to}", "a free row and what it may become are needed")
        node.leaves[row, to] = flat["leaf_weights"].take(size)
    return node
