"""D21: a tree over groups of rows that are deleted, derived again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import isfinite

from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows.boxes.stated import oriented
from certify.check.theorems.head.rows.changes.groups import Groups
from certify.check.theorems.head.rows.group_tree.tree import Out, Tree
from certify.check.theorems.head.rows.head import Head
from certify.format.canonical import show
from certify.format.refusal import Invalid

WHOLE = ("sets", "aside_count", "aside")


def proved(head: Head, arrays: Mapping[str, Array], where: str, asked: list[bool]) -> list[bool]:
    """Which evaluation rows keep today's label whichever groups are deleted.

    Args:
        head: the head.
        arrays: `sets`, `(nodes, count)`: numbers of the groups that are out, ascending, then −1; one node has none.
            `weights`, `(nodes, m)`, near the refits without them; `aside_count` and `aside`, how many groups each node
            sets aside for every point, and their numbers.
        where: the claim, for messages.
        asked: the rows in question.

    Raises:
        Invalid: the arrays are no such nodes, or the theorem is not about this problem.
    """
    kind = head.kind
    if not isinstance(kind, Groups) or kind.relabels or head.relabels:
        raise Invalid(where, "steps of groups are stated", "they are for groups of rows that are deleted")
    s, points = oriented(head, where)
    tree = Tree(s, points, kind.groups, kind.count, _nodes(arrays, where, (kind.count, len(kind.groups), head.m)))
    return [want and old >= 0 and tree.stays(j) for j, (want, old) in enumerate(zip(asked, head.today, strict=True))]


def _nodes(arrays: Mapping[str, Array], where: str, sizes: tuple[int, int, int],
           ) -> dict[Out, tuple[tuple[float, ...], list[int]]]:
    """The weights of every node, and which groups are set aside there, by the groups that are out.

    Raises:
        Invalid: an array is missing, of another kind or shape, or names groups that are none.
    """
    if set(arrays) != {*WHOLE, "weights"}:
        raise Invalid(where, f"its arrays are {show(sorted(arrays))}", f"{', '.join((*WHOLE, 'weights'))} are needed")
    count, groups, m = sizes
    T = arrays["sets"].shape[0] if arrays["sets"].shape else 0
    aside = sum(int(x) for x in arrays["aside_count"].values if arrays["aside_count"].kind == "i")
    shapes = {"sets": (T, count), "weights": (T, m), "aside_count": (T,), "aside": (aside,)}
    for name, shape in shapes.items():
        if arrays[name].shape != shape or arrays[name].kind != ("i" if name in WHOLE else "f") or T < 1:
            raise Invalid(f"{where}, {name}", f"its shape is {arrays[name].shape}, its type {arrays[name].kind}",
                          f"{shape} of {'whole numbers' if name in WHOLE else 'numbers'} is needed")
    if not all(map(isfinite, arrays["weights"].values)):
        raise Invalid(f"{where}, weights", "one is not finite", "numbers are needed")
    found: dict[Out, tuple[tuple[float, ...], list[int]]] = {}
    start = 0
    for at in range(T):
        line = [int(x) for x in arrays["sets"].values[at * count : (at + 1) * count]]
        out, more = tuple(g for g in line if g != -1), int(arrays["aside_count"].values[at])
        if line != [*out, *[-1] * (count - len(out))] or not _ascend(out, groups) or out in found:
            raise Invalid(f"{where}, sets", f"node {at} has {show(line)}",
                          "groups by number, ascending, then -1, and no two nodes with the same")
        apart = [int(x) for x in arrays["aside"].values[start : start + max(more, 0)]]
        if more < 0 or not _ascend(apart, groups) or set(apart) & set(out):
            raise Invalid(f"{where}, aside", f"node {at} has {show(apart)}", "other groups, ascending, are needed")
        found[out], start = (tuple(arrays["weights"].values[at * m : (at + 1) * m]), apart), start + more
    if () not in found:
        raise Invalid(f"{where}, sets", "no node is without groups", "one is needed")
    return found


def _ascend(numbers: Sequence[int], groups: int) -> bool:
    """Whether they are numbers of groups, each larger than the one before."""
    return all(0 <= g < groups for g in numbers) and all(a < b for a, b in pairwise(numbers))
