"""D10 in balls: a tree of softmax boxes that covers every choice of at most m changed rows, point by point."""

from __future__ import annotations

from collections.abc import Sequence

from flint import arb

from certify.check.limits.shares import shared
from certify.check.linalg.balls import ZERO
from certify.check.theorems.head.rows.head import Head
from certify.check.theorems.head.rows.refitted.refit import labels_after
from certify.check.theorems.head.rows.softmax.centre import centre
from certify.check.theorems.head.rows.softmax.trap import Box, Change, box, margins
from certify.check.theorems.head.rows.softmax.tree_stated import Node, alternatives


def proved(head: Head, nodes: Sequence[Node], asked: Sequence[bool]) -> list[bool]:
    """Which points keep today's label under every change.

    A point is proved at a node if its box proves it for sets that avoid the first h hot rows, h its number there, and
    each child of the first h proves it: a set that does not avoid them has a first one among them. At k = 1 rows that
    the box does not prove need a leaf. Where all free rows are hot, or there is no box, the refit of the node itself is
    judged.
    """
    good = [want and number >= 0 for want, number in zip(asked, nodes[0].numbers, strict=True)]

    def left_open(at: int) -> list[int]:
        node = nodes[at]
        live = [j for j, number in enumerate(node.numbers) if number >= 0 and good[j]]
        if not live:
            return []
        return _last(head, node, live) if node.k == 1 and node.free else _inner(head, node, live, nodes)

    open_ = {j for found in shared(left_open, len(nodes)) for j in found}
    return [ok and j not in open_ for j, ok in enumerate(good)]


def _box(head: Head, node: Node) -> Box | None:
    """The box of a node, if it is stated and proved."""
    if node.box < 0:
        return None
    gone, k = set(node.hot[: node.box]), head.k
    free = [i for i in node.free if i not in gone]
    out = frozenset() if head.relabels else frozenset(i for i, _ in node.out)
    if not free or not all(x > 0 for at, x in enumerate(node.outside) if at // (k * (k - 1)) not in out) \
            or not all(x > 0 for x in node.inside):
        return None
    targets = [list(y) for y in head.targets]
    if head.relabels:
        for i, code in node.out:
            targets[i] = list(head.codes.rows[code])
    R = [[[ZERO] * k for _ in range(k)] for _ in range(head.n)]
    pairs = [(a, b) for a in range(k) for b in range(k) if a != b]
    for at, x in enumerate(node.outside):
        a, b = pairs[at % len(pairs)]
        R[at // len(pairs)][a][b] = arb(x)
    changes = []
    for at, i in enumerate(free):
        if head.relabels:
            options = alternatives(head, i)
            changes.append(Change(i, [list(head.codes.rows[t]) for t in options], [[0.0] * k for _ in options], ZERO))
        else:
            changes.append(Change(i, [None], [list(node.shifts[at * k : (at + 1) * k])], arb(node.inside[at])))
    c = centre(head, list(node.weights), out, targets)
    return box(c, changes, min(node.k, len(free)), R)


def _alone(head: Head, node: Node, wanted: Sequence[int]) -> dict[int, bool]:
    """Whether points keep their label at the refit of the node itself."""
    if not wanted:
        return {}
    labels = labels_after(head, [node.out], [node.weights])[0]
    return {j: labels[j] == head.today[j] for j in wanted}


def _inner(head: Head, node: Node, live: list[int], nodes: Sequence[Node]) -> list[int]:
    """The points that a node with k > 1, or without rows that may change, leaves open."""
    whole = [j for j in live if node.numbers[j] == len(node.free)]
    alone = _alone(head, node, whole)
    rest = [j for j in live if not alone.get(j, False) and 0 <= node.box <= node.numbers[j]]
    found = _box(head, node) if rest else None
    boxed = dict(zip(rest, margins(found, rest), strict=True)) if found is not None else {}
    open_ = []
    for j in live:
        number = node.numbers[j]
        covered = all((a, code) in node.children and nodes[node.children[a, code]].numbers[j] >= 0
                      for a in range(number) for code in alternatives(head, node.hot[a]))
        out = set(node.hot[:number])
        if not (covered and (alone.get(j, False) or (
                j in boxed and found is not None and all(margin.holds(found.count, out) for margin in boxed[j])))):
            open_.append(j)
    return open_


def _last(head: Head, node: Node, live: list[int]) -> list[int]:
    """The points that a node with k = 1 leaves open."""
    found = _box(head, node)
    ask: dict[int, list[int]] = {}
    if found is None:
        ask, bare = {j: node.free for j in live}, live
    else:
        bare = []
        for j, part in zip(live, margins(found, live), strict=True):
            ask[j] = [*node.hot[: node.box], *(i for margin in part for i in margin.blocking())]
            if not all(margin.gap > margin.fixed for margin in part):
                bare.append(j)
    open_ = {j for j, ok in _alone(head, node, bare).items() if not ok}
    needed = sorted({(i, code) for rows in ask.values() for i in rows for code in alternatives(head, i)}
                    & set(node.leaves))
    labels = labels_after(head, [(*node.out, leaf) for leaf in needed], [node.leaves[leaf] for leaf in needed])
    at = {leaf: line for leaf, line in zip(needed, labels, strict=True)}
    for j, asked in ask.items():
        if not all((i, code) in at and at[i, code][j] == head.today[j]
                   for i in asked for code in alternatives(head, i)):
            open_.add(j)
    return sorted(open_)
