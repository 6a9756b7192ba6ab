"""D34: what a certificate states of a tree of boxes of several outputs, read and judged for form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import isfinite

from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows.boxes.trap import WIDE
from certify.check.theorems.head.rows.changes.base import Choice
from certify.check.theorems.head.rows.head import Head
from certify.check.theorems.head.rows.separate_boxes.outputs import Outputs
from certify.format.canonical import show
from certify.format.refusal import Invalid

WHOLE = ("parent", "branch", "code", "hot_count", "hot", "numbers", "box_output", "box_node", "box_start", "box_wide",
         "slabs", "use_node", "use_start", "use_box", "leaf_node", "leaf_row", "leaf_code")
REAL = ("box_weights", "leaf_weights")


@dataclass
class Node:
    """Changes that are made, and rows of which at most k more change.

    Attributes:
        made: the changes.
        free: rows, ascending; `hot`: some of them, in an order.
        numbers: for each point how many hot rows its children take; −1: nothing is said of it.
        children: of a hot row's place and what it becomes the numbers of nodes.
        uses: a number of hot rows that are left out, and a box for each output.
        leaves: of a row and what it becomes, or of `(−1, −1)`, the number of a refit.
    """

    made: Choice
    free: list[int]
    k: int
    hot: list[int]
    numbers: list[int]
    children: dict[tuple[int, int], list[int]]
    uses: list[tuple[int, list[int]]]
    leaves: dict[tuple[int, int], int]


@dataclass(frozen=True)
class Stated:
    """A box: of an output, at a node, without its first hot rows; a centre, slabs in codes, rows that have products."""

    output: int
    node: int
    start: int
    weights: Sequence[float]
    slabs: Sequence[float]
    wide: int


@dataclass(frozen=True)
class Tree:
    """Nodes, boxes, and weights of refits with the changes that they are of."""

    nodes: list[Node]
    boxes: list[Stated]
    refits: list[tuple[Choice, Sequence[float]]]


def tree_of(o: Outputs, arrays: Mapping[str, Array], where: str) -> Tree:
    """The tree.

    Raises:
        Invalid: an array is missing, of another kind or shape, or a number is out of place.
    """
    flat = _flat(o.head, arrays, where)
    nodes = _nodes(o, flat, where)
    boxes, n, m = list[Stated](), o.head.n, o.head.m
    for b, (a, at, start) in enumerate(zip(flat["box_output"], flat["box_node"], flat["box_start"], strict=True)):
        _placed(0 <= a < o.head.k and 0 <= at < len(nodes) and 0 <= start <= len(nodes[at].hot)
                and WIDE <= flat["box_wide"][b] <= max(WIDE, n), f"{where}, box {b}")
        boxes.append(Stated(a, at, start, arrays["box_weights"].values[b * m : (b + 1) * m],
                            arrays["slabs"].values[b * n : (b + 1) * n], flat["box_wide"][b]))
    k = o.head.k
    for u, (at, start) in enumerate(zip(flat["use_node"], flat["use_start"], strict=True)):
        some = flat["use_box"][u * k : (u + 1) * k]
        _placed(0 <= at < len(nodes) and 0 <= start <= len(nodes[at].hot) and all(
            0 <= b < len(boxes) and boxes[b].output == a for a, b in enumerate(some)), f"{where}, use {u}")
        nodes[at].uses.append((start, some))
    refits, size = list[tuple[Choice, Sequence[float]]](), k * m
    for b, (at, row, code) in enumerate(zip(flat["leaf_node"], flat["leaf_row"], flat["leaf_code"], strict=True)):
        _placed(0 <= at < len(nodes) and nodes[at].k == 1 and (row, code) not in nodes[at].leaves and (
            (row, code) == (-1, -1) or (row in nodes[at].free and code in o.may(row))), f"{where}, leaf {b}")
        nodes[at].leaves[row, code] = b
        refits.append((nodes[at].made if row < 0 else (*nodes[at].made, (row, code)),
                       arrays["leaf_weights"].values[b * size : (b + 1) * size]))
    return Tree(nodes, boxes, refits)


def _placed(good: bool, where: str) -> None:
    """Raise `Invalid` where a number is out of place."""
    if not good:
        raise Invalid(where, "a number of it is out of place", "a node, rows that may change there, what they may "
                      "become, and a box of every output are needed")


def _flat(head: Head, arrays: Mapping[str, Array], where: str) -> dict[str, list[int]]:
    """The whole numbers, all arrays judged for kind and shape.

    Raises:
        Invalid: one is missing, or is of another kind or shape, or not finite.
    """
    if set(arrays) != {*WHOLE, *REAL}:
        raise Invalid(where, f"its arrays are {show(sorted(arrays))}", f"{show(sorted((*WHOLE, *REAL)))} are needed")
    for name, array in arrays.items():
        if array.kind != ("i" if name in WHOLE else "f"):
            raise Invalid(f"{where}, {name}", f"its type is {array.kind}",
                          f"{'whole numbers' if name in WHOLE else 'numbers'} are needed")
    flat = {name: [int(x) for x in arrays[name].values] for name in WHOLE if name != "slabs"}
    T, B, U, L = (len(flat[name]) for name in ("parent", "box_output", "use_node", "leaf_node"))
    n, k, m = head.n, head.k, head.m
    shapes = {"branch": (T,), "code": (T,), "hot_count": (T,), "hot": (sum(flat["hot_count"]),),
              "numbers": (T, len(head.today)), "box_node": (B,), "box_start": (B,), "box_wide": (B,), "slabs": (B, n),
              "box_weights": (B, m), "use_start": (U,), "use_box": (U, k), "leaf_row": (L,), "leaf_code": (L,),
              "leaf_weights": (L, k * m), "parent": (T,), "box_output": (B,), "use_node": (U,), "leaf_node": (L,)}
    for name, shape in shapes.items():
        if arrays[name].shape != shape:
            raise Invalid(f"{where}, {name}", f"its shape is {arrays[name].shape}", f"{shape} is needed")
    if T < 1 or any(c < 0 for c in flat["hot_count"]) or any(
            not 0 <= x < 2**48 or x != int(x) for x in arrays["slabs"].values):
        raise Invalid(where, "a count is negative, a code too large, or there is no node", "none of these can be")
    if not all(isfinite(x) for name in REAL for x in arrays[name].values):
        raise Invalid(where, "a weight is not finite", "numbers are needed")
    return flat


def _nodes(o: Outputs, flat: Mapping[str, list[int]], where: str) -> list[Node]:
    """The nodes, each with its place.

    Raises:
        Invalid: they are no tree, or a row, what it becomes or a number is out of place.
    """
    N, ends = len(o.head.today), [0, *accumulate(flat["hot_count"])]
    found = list[Node]()
    for at, (parent, branch, code) in enumerate(zip(flat["parent"], flat["branch"], flat["code"], strict=True)):
        here, hot = f"{where}, node {at}", flat["hot"][ends[at] : ends[at + 1]]
        if at == 0:
            _placed((parent, branch, code) == (-1, -1, -1), here)
            made: Choice = ()
            free, left = sorted(o.head.moving), o.head.count
        else:
            _placed(0 <= parent < at, here)
            up = found[parent]
            _placed(up.k > 1 and 0 <= branch < len(up.hot) and code in o.may(up.hot[branch]), here)
            up.children.setdefault((branch, code), []).append(at)
            gone = set(up.hot[: branch + 1])
            made, free, left = (*up.made, (up.hot[branch], code)), [i for i in up.free if i not in gone], up.k - 1
        numbers = flat["numbers"][at * N : (at + 1) * N]
        _placed(len(set(hot)) == len(hot) and set(hot) <= set(free) and all(-1 <= h <= len(hot) for h in numbers), here)
        found.append(Node(made, free, left, hot, numbers, {}, [], {}))
    return found
