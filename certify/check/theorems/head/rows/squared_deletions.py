"""D4: any m rows deleted from a squared-loss head, derived again: trees, each node proved, or one sum.

Deleting M takes `c_Mᵀ(I − K_MM)⁻¹r_M` from a contrast of outputs. Where the certificate holds trees each is walked: at
a node the stated children and the sum bound for the other rows cover every set of at most k rows.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TypeVar

from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows.head import Head
from certify.check.theorems.head.rows.losses.squared import Squared
from certify.check.theorems.head.rows.squared.node import (
    BITS,
    Compared,
    Hat,
    Later,
    Node,
    State,
    compare,
    first_terms,
    grown,
    later,
    lows,
    pair_terms,
    part,
    top_sum,
    without,
)
from certify.check.theorems.head.rows.squared.ridge import Ridge, influences, nearest, ridge_of
from certify.check.theorems.head.rows.squared.root import Sides, hat
from certify.check.theorems.head.rows.squared.spectral import spectral
from certify.check.theorems.head.rows.squared.two_rows import two_stay
from certify.format.canonical import show
from certify.format.refusal import Invalid

NAMES = {"points", "nodes", "apart", "hot", "comparison", "order", "kept", "lengths", "vectors"}

T = TypeVar("T")

FAINT = 10
"""Residuals of up to so many bits more than their errors count as next to nothing."""

GROWN = 48
"""How often a comparison that does not hold is grown and judged again."""

DEEPEST = 128
"""Deletions above a node: one below more of them is not proved, as every level takes frames of the interpreter."""
KEPT = 64
"""Hat matrices after deletions that are kept for the next point."""


def proved(head: Head, arrays: Mapping[str, Array], where: str, asked: list[bool]) -> list[bool]:
    """Which evaluation rows keep today's label after at most `count` of the rows that may go are deleted.

    Args:
        head: the head.
        arrays: trees as the format has them, or none: then the largest eigenvalue of blocks of the hat matrix decides.
        where: the claim, for messages.
        asked: the rows in question.

    Raises:
        Invalid: another loss or change, or arrays that are no trees.
    """
    if not isinstance(head.loss, Squared) or head.relabels:
        raise Invalid(where, "another loss, or labels change", "deleted rows and the squared loss are needed")
    count = min(head.count, len(head.moving))
    sizes = list(range(count + 1)) if head.remaining else [count]
    want = [yes and today >= 0 for yes, today in zip(asked, head.today, strict=True)]
    trees = Trees(arrays, where, head, len(sizes)) if arrays else None
    for place, size in enumerate(sizes):
        system = ridge_of(head, size)
        if system.inverse.X is None:
            return [False] * len(asked)
        at = [j for j, yes in enumerate(want) if yes]
        stays = spectral(head, system, at, size) if trees is None else _walked(head, system, trees, place, at, size)
        found = dict(zip(at, stays, strict=True))
        want = [found.get(j, False) for j in range(len(want))]
    return want


class Trees:
    """The witness, member by member.

    Raises:
        Invalid: members are missing, or their lengths do not fit.
    """

    def __init__(self, arrays: Mapping[str, Array], where: str, head: Head, bases: int) -> None:
        if set(arrays) != NAMES:
            raise Invalid(where, f"its arrays are {show(sorted(arrays))}", f"{show(sorted(NAMES))} are needed")
        for name, array in arrays.items():
            if len(array.shape) != 1 or (array.kind != "i") != (name == "vectors"):
                raise Invalid(f"{where}.{name}", f"its shape is {array.shape}, its type {array.kind}",
                              "one axis, and whole numbers but for vectors, are needed")
        whole = {name: [int(v) for v in arrays[name].values] for name in NAMES - {"vectors"}}
        self.contrasts = 1 if head.k == 1 else head.k - 1
        self.points = {j: place for place, j in enumerate(whole["points"])}
        nodes, apart, hot = whole["nodes"], whole["apart"], whole["hot"]
        fits = (len(nodes) == bases * len(self.points) * self.contrasts and len(whole["kept"]) == bases
                and len(self.points) == len(whole["points"])
                and len(apart) == len(hot) == len(whole["comparison"]) == sum(nodes)
                and len(whole["order"]) == sum(hot) and len(whole["lengths"]) == sum(whole["kept"])
                and sum(whole["lengths"]) == len(arrays["vectors"].values)
                and all(v >= 0 for name in ("nodes", "apart", "hot", "kept", "lengths", "comparison")
                        for v in whole[name]) and all(a <= h for a, h in zip(apart, hot, strict=True)))
        if not fits:
            raise Invalid(where, "lengths of its arrays do not fit", "those of one set of trees are needed")
        order = _cut(whole["order"], hot)
        self.records = list(zip(apart, order, whole["comparison"], strict=True))
        self.starts = [0]
        for size in nodes:
            self.starts.append(self.starts[-1] + size)
        vectors = _cut(list(arrays["vectors"].values), whole["lengths"])
        self.vectors = _cut(vectors, whole["kept"])

    def of(self, base: int, j: int, c: int) -> Iterator[tuple[int, list[int], int]]:
        """The nodes of one tree; none for a point without trees."""
        if j not in self.points:
            return iter(())
        tree = (base * len(self.points) + self.points[j]) * self.contrasts + c
        return iter(self.records[self.starts[tree]:self.starts[tree + 1]])


def _cut(values: list[T], sizes: Sequence[int]) -> list[list[T]]:
    """One list in pieces of these sizes."""
    pieces, at = [], 0
    for size in sizes:
        pieces.append(values[at:at + size])
        at += size
    return pieces


@dataclass
class Shared:
    """What no evaluation row has a part in: comparisons that were judged, and hat matrices."""

    vectors: list[list[float]]
    judged: dict[tuple[object, ...], list[int] | None] = field(default_factory=dict)
    hats: OrderedDict[tuple[object, ...], Hat] = field(default_factory=OrderedDict)


def _walked(head: Head, system: Ridge, trees: Trees, base: int, at: list[int], count: int) -> list[bool]:
    """Which points are proved by their trees."""
    rows = sorted(head.moving)
    K, eK = hat(system, [head.rows[i] for i in rows], system.roots and system.roots.of(rows))
    evaluated = head.evaluated.tolist()
    points, loose = nearest([evaluated[j] for j in at])
    solutions = system.solutions(points, loose)
    shared, sides = Shared(trees.vectors[base]), Sides(head, system, rows)
    half = system.roots.half if system.roots else 0  # vectors are stated for residuals times roots of the weights
    found = []
    for place, q in enumerate(influences(system, solutions)):
        j, good = at[place], True
        others = [-1] if head.k == 1 else [b for b in range(head.k) if b != head.today[j]]
        for c, b in enumerate(others):
            root, unit = sides.root(K, eK, head.today[j], b, solutions[place], [q[i] for i in rows])
            records = trees.of(base, j, c)
            walk = Walk(shared, records, frozenset((head.today[j], b)), unit + half)
            good = good and walk.proves(root, count, ()) and next(records, None) is None
        found.append(good)
    return found


@dataclass
class Walk:
    """One tree: every node is proved from the state after its deletions."""

    shared: Shared
    records: Iterator[tuple[int, list[int], int]]
    contrast: frozenset[int]
    shift: int

    def proves(self, node: State, k: int, gone: tuple[int, ...]) -> bool:
        """Whether deleting at most k of the rows of a node leaves its contrast positive."""
        if not node.least > 0:
            return False
        if k == 0 or not node.rows:
            return True
        if k == 1:
            low = lows(node)
            return low is not None and _holds(
                node, 1, first_terms(node, 1, Compared([0] * len(low), [], low)), set())
        record = next(self.records, None)
        if record is None or len(gone) > DEEPEST:
            return False
        apart, order, place = record
        if len(set(order)) != len(order) or not set(order) <= set(node.rows) or place >= len(self.shared.vectors):
            return False
        if len(self.shared.vectors[place]) != len(node.rows) - apart:
            return False
        if not (k == 2 and two_stay(node, set(order))):  # else nothing has to be compared
            node = node.formed() if isinstance(node, Later) else node
            rest = part(node, set(order[:apart]))
            found = self._compared(rest, k, gone, place)
            if found is None:
                return False
            apart_rows = set(order)
            if not _holds(rest, k, first_terms(rest, k, found), apart_rows) and not _holds(
                    rest, k, pair_terms(rest, k, found), apart_rows):
                return False
        return all(self._child(node, k, gone, order[:a], row) for a, row in enumerate(order))

    def _compared(self, rest: Node, k: int, gone: tuple[int, ...], place: int) -> Compared | None:
        """The stated comparison; one judged for the same rows, gone and left, is not judged again.

        It says something of K and of residuals that may have either sign, whatever integers stand for them here.
        """
        vector = self.shared.vectors[place]
        xi = [max(int(Fraction(v) * Fraction(2) ** (BITS - self.shift)), 1) for v in vector]
        key = (self.contrast, gone, tuple(rest.rows), k, place)
        if key not in self.shared.judged:
            self.shared.judged[key] = _judged(rest, k, xi)
        judged = self.shared.judged[key]
        # rounded down where it is judged, up where it is used
        return None if judged is None else compare(rest, k, [v + 1 for v in judged], proved=True)

    def _child(self, node: State, k: int, gone: tuple[int, ...], before: list[int], row: int) -> bool:
        """One child; its K may be known from another point."""
        if k <= 3 or isinstance(node, Later):  # at most two more rows: few entries of K are looked at
            after = later(node, row, set(before))
            return after is not None and self.proves(after, k - 1, (*gone, row))
        key = ((*gone, row), tuple(node.rows), tuple(before))
        child = without(node, row, set(before), self.shared.hats.get(key))
        if child is None:
            return False
        self.shared.hats[key] = (child.K, child.eK)
        self.shared.hats.move_to_end(key)
        if len(self.shared.hats) > KEPT:
            self.shared.hats.popitem(last=False)
        return self.proves(child, k - 1, (*gone, row))


def _judged(node: Node, k: int, xi: list[int]) -> list[int] | None:
    """A comparison that holds, the stated one or one grown from it; None if none is met.

    Errors here are not those of the prover: it stated too little where all residuals are next to nothing, or what it
    stated holds but for these errors, and only there a comparison is grown.
    """
    if compare(node, k, xi) is not None:
        return xi
    faint = max(map(abs, node.r), default=0) <= node.er << FAINT
    for _ in range(GROWN if faint or compare(_least(node), k, xi) is not None else 0):
        larger = grown(node, k, xi)
        if larger is None:
            return None
        xi = larger
        if compare(node, k, xi) is not None:
            return xi
    return None


def _least(node: Node) -> Node:
    """The smallest hat matrix and residuals that the errors leave room for, without errors: not what is proved."""
    K = [[x - node.eK if a == b else max(abs(x) - node.eK, 0) for b, x in enumerate(row)]
         for a, row in enumerate(node.K)]
    return replace(node, K=K, r=[max(abs(x) - node.er, 0) for x in node.r], eK=0, er=0)


def _holds(node: State, k: int, terms: tuple[list[int], int], apart: set[int]) -> bool:
    """Whether the k largest terms, but those of some rows, and the slack leave the contrast positive."""
    w, slack = terms
    return top_sum([v for row, v in zip(node.rows, w, strict=True) if row not in apart], k) + slack < node.least
