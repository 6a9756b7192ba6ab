"""D20: a tree over groups of rows that are deleted, derived again."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows.boxes.stated import oriented
from certify.check.theorems.head.rows.changes.groups import Groups
from certify.check.theorems.head.rows.group_tree.tree import Out, Tree
from certify.check.theorems.head.rows.head import Head
from certify.format.canonical import show
from certify.format.refusal import Invalid


def proved(head: Head, arrays: Mapping[str, Array], where: str, asked: list[bool]) -> list[bool]:
    """Which evaluation rows keep today's label whichever groups are deleted.

    Args:
        head: the head.
        arrays: `sets`, `(nodes, count)`: numbers of the groups that are out, ascending, then −1; the first node has
            none. And `weights`, `(nodes, m)`, near the refits without them.
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


def _nodes(arrays: Mapping[str, Array], where: str, sizes: tuple[int, int, int]) -> dict[Out, tuple[float, ...]]:
    """The weights of every node by the groups that are out.

    Raises:
        Invalid: an array is missing, of another kind or shape, or names groups that are none.
    """
    if set(arrays) != {"sets", "weights"}:
        raise Invalid(where, f"its arrays are {show(sorted(arrays))}", "sets and weights are needed")
    sets, weights, (count, groups, m) = arrays["sets"], arrays["weights"], sizes
    T = sets.shape[0] if sets.shape else 0
    if sets.kind != "i" or sets.shape != (T, count) or T < 1:
        raise Invalid(f"{where}, sets", f"its shape is {sets.shape}, its type {sets.kind}",
                      f"numbers of {count} groups a node are needed")
    if weights.kind != "f" or weights.shape != (T, m):
        raise Invalid(f"{where}, weights", f"its shape is {weights.shape}, its type {weights.kind}",
                      f"{m} weights a node are needed")
    found: dict[Out, tuple[float, ...]] = {}
    for at in range(T):
        line = [int(x) for x in sets.values[at * count : (at + 1) * count]]
        out = tuple(g for g in line if g != -1)
        if line != [*out, *[-1] * (count - len(out))] or not all(0 <= g < groups for g in out) or any(
                a >= b for a, b in pairwise(out)) or out in found:
            raise Invalid(f"{where}, sets", f"node {at} has {show(line)}",
                          "groups by number, ascending, then -1, and no two nodes with the same")
        found[out] = tuple(weights.values[at * m : (at + 1) * m])
    if () not in found:
        raise Invalid(f"{where}, sets", "no node is without groups", "one is needed")
    return found
