"""D7: every evaluation row's tree replayed; what a node drops must have a negative score, what it lists a refit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from flint import arb, arb_mat

from certify.check.linalg.balls import ZERO, norm
from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows.energy.duals import Duals, child, duals, slopes
from certify.check.theorems.head.rows.energy.families import Family, bowl, flat
from certify.check.theorems.head.rows.energy.lines import lines_of
from certify.check.theorems.head.rows.energy.listed import Narrow, settled
from certify.check.theorems.head.rows.energy.node import Node
from certify.check.theorems.head.rows.head import Head
from certify.check.theorems.head.rows.refitted.refit import distance
from certify.format.refusal import Invalid

FLAT, BOWL, KEEP, SPLIT, REST, LIST, CLOSED, FRESH = range(1, 9)
NAMES = ("numbers", "points", "vectors", "whole")
DEEPEST = 128
"""Nodes above another one: what is deeper is refused, as every level takes frames of the interpreter."""


class Stream:
    """The arrays of the method, read from the front."""

    def __init__(self, arrays: Mapping[str, Array], where: str, p: int) -> None:
        self.where, self.p = where, p
        if tuple(sorted(arrays)) != NAMES:
            raise Invalid(where, f"its arrays are {', '.join(sorted(arrays))}", f"{', '.join(NAMES)} are needed")
        vectors = arrays["vectors"]
        if len(vectors.shape) != 2 or vectors.shape[1] != p:
            raise Invalid(f"{where}, vectors", f"its shape is {vectors.shape}", f"lines of {p} weights are needed")
        for name in ("points", "whole"):
            if arrays[name].kind != "i" or len(arrays[name].shape) != 1:
                raise Invalid(f"{where}, {name}", f"its shape is {arrays[name].shape}",
                              "a list of whole numbers is needed")
        self.values = {name: array.values for name, array in arrays.items()}
        self.at = dict.fromkeys(arrays, 0)

    def take(self, name: str, count: int) -> list[float]:
        """The next entries."""
        start = self.at[name]
        some = self.values[name][start : start + count]
        if count < 0 or len(some) != count:
            raise Invalid(f"{self.where}, {name}", "it ends too early", f"{count} more entries are needed")
        self.at[name] = start + count
        return list(some)

    def whole(self, below: int) -> int:
        """The next whole number, from 0 to `below` − 1."""
        value = int(self.take("whole", 1)[0])
        if not 0 <= value < below:
            raise Invalid(f"{self.where}, whole", f"entry {self.at['whole'] - 1} is {value}",
                          f"0 to {below - 1} is needed")
        return value

    def kept(self, count: int) -> list[int]:
        """Numbers of some of `count` alternatives, ascending."""
        found = [self.whole(count) for _ in range(self.whole(count + 1))]
        if any(a >= b for a, b in zip(found, found[1:], strict=False)):
            raise Invalid(f"{self.where}, whole", "alternatives that stay are out of order",
                          "ascending ones are needed")
        return found

    def vectors(self, count: int) -> list[list[float]]:
        """The next vectors of weights."""
        flat_ = self.take("vectors", count * self.p)
        return [flat_[i * self.p : (i + 1) * self.p] for i in range(count)]

    def end(self) -> None:
        """Nothing is left over."""
        for name, at in self.at.items():
            if at != len(self.values[name]):
                raise Invalid(f"{self.where}, {name}", f"{len(self.values[name]) - at} entries are left over",
                              "none may be")


def proved(head: Head, arrays: Mapping[str, Array], where: str, asked: list[bool]) -> list[bool]:
    """Which evaluation rows keep today's label after every change.

    Args:
        head: the head.
        arrays: `points`, the evaluation rows in order; `whole`, `vectors` and `numbers`, their trees.
        where: the claim, for messages.
        asked: the rows in question.

    Raises:
        Invalid: the arrays are no tree, or a step of one does not hold.
    """
    # one output has the logistic loss in `Lines`, several the cross-entropy
    fits = (head.loss.sigmoid if head.k == 1 else head.loss.shifted) and head.codes.label != []
    if not head.relabels or head.threshold - head.threshold != 0 or not fits:
        raise Invalid(where, "the energy method",
                      "labels of a logistic or cross-entropy head with a finite threshold are needed")
    stream, lines = Stream(arrays, where, head.k * head.m), lines_of(head)
    if not all(x.is_finite() for x in head.phi.entries()):  # they are put in whole numbers
        raise Invalid(where, "an input of a row is beyond all numbers", "finite ones are needed")
    found, level = [False] * len(asked), 0.0 if head.k > 1 else head.threshold
    sides = [Narrow(replace(lines, level=arb(x)) if x else lines) for x in (-level, level)]
    for _ in range(len(stream.values["points"])):
        j = int(stream.take("points", 1)[0])
        if not 0 <= j < len(asked) or head.today[j] < 0:
            raise Invalid(f"{where}, points", f"{j}", "an evaluation row with a label is needed")
        if lines.free and not head.evaluated[j, head.m - 1] != 0:  # ν has to balance the free intercept
            raise Invalid(f"{where}, points", f"{j}", "a functional that takes the intercept without decay is needed")
        for e in normals(head, j):
            Replay(sides[head.k == 1 and head.today[j] == 1], stream, e).prove()
        found[j] = True
    stream.end()
    return [yes and want for yes, want in zip(found, asked, strict=True)]


def normals(head: Head, j: int) -> list[list[arb]]:
    """Vectors e with e·w > c as long as the label of evaluation row j beats another."""
    x, a = head.evaluated.tolist()[j], head.today[j]
    if head.k == 1:
        return [x if a == 1 else [-v for v in x]]
    nothing = [ZERO] * head.m
    return [[v for c in range(head.k) for v in (x if c == a else [-t for t in x] if c == b else nothing)]
            for b in range(head.k) if b != a]


class Replay:
    """One tree."""

    def __init__(self, narrow: Narrow, stream: Stream, e: list[arb]) -> None:
        self.narrow, self.lines, self.stream, self.e = narrow, narrow.lines, stream, e

    def prove(self) -> None:
        """The tree's root: all alternatives, with dual points at the weights given."""
        lines = self.lines
        free = list(range(len(lines.alternatives)))
        k = min(lines.head.count, len(lines.head.moving))
        W = self.stream.vectors(len(free) + 1)
        self.node([], free, k, lambda: duals(lines, slopes(lines, W), [], free, k, self.e))

    def node(self, chosen: list[int], free: list[int], k: int, points: Callable[[], Duals]) -> None:
        """The steps of one node, until one closes it."""
        self.need(len(chosen) <= DEEPEST, f"a node has more than {DEEPEST} above it")
        at, gone = Node(self.lines, free, k, points), set[int]()
        while True:
            step = self.stream.whole(FRESH + 1)
            if step in (FLAT, BOWL) and k and free:
                at.families.append(self.family(step, chosen, free, k))
            elif step == FRESH and k and not gone:
                at = Node(self.lines, free, k, self.fresh(chosen, free, k))
            elif step == KEEP:
                kept = self.stream.kept(len(free))
                self.need(not gone and at.drop(set(kept)), "alternatives leave a node")
                free = [free[x] for x in kept]
                at = Node(self.lines, free, k, at.only(kept))
            elif step == CLOSED:
                self.need(at.empty() and at.drop(set()), "a node is closed")
                return
            elif step == SPLIT and k:
                self.split(chosen, at, gone)
            elif step == REST:
                kept = [x for x in range(len(free)) if x not in gone]
                free, gone = [free[x] for x in kept], set()
                at = Node(self.lines, free, k, at.only(kept))
            elif step == LIST:
                self.need(not gone, "a node is split")
                self.sets(chosen, at)
                return
            else:
                raise Invalid(f"{self.stream.where}, whole", f"step {step}", "it has no place there")

    def fresh(self, chosen: list[int], free: list[int], k: int) -> Callable[[], Duals]:
        """Dual points at new weights: `w − c P s` for every alternative, other ones where they are given."""
        lines, stream = self.lines, self.stream
        own = stream.kept(len(free))
        (w, *P), given = stream.vectors(1 + stream.p), stream.vectors(len(own))
        lengths = stream.take("numbers", len(free))

        def points() -> Duals:
            along = (arb_mat([lines.steps[l] for l in free]) * arb_mat(P)).tolist()
            W = [[a - c * float(b) for a, b in zip(w, line, strict=True)]
                 for line, c in zip(along, lengths, strict=True)]
            for x, weights in zip(own, given, strict=True):
                W[x] = weights
            return duals(lines, slopes(lines, [*W, w]), chosen, free, k, self.e)

        return points

    def need(self, good: bool, words: str) -> None:
        """Raise unless a step holds."""
        if not good:
            raise Invalid(f"{self.stream.where}, entry {self.stream.at['whole']} of whole", words,
                          "a set of changes with a score that is not negative is left out")

    def family(self, step: int, chosen: list[int], free: list[int], k: int) -> Callable[[], Family]:
        """Weights for every set, which are looked at when a step rests on them."""
        lines, tau = self.lines, self.lines.targets(chosen)
        if step == FLAT:
            w = self.stream.vectors(1)[0]
            return lambda: flat(lines, tau, free, w, self.e)
        self.need(lines.width == 1, "weights follow the sets of a head of several outputs")
        numbers = self.stream.vectors(2 + self.stream.p), self.stream.take("numbers", len(free))
        return lambda: bowl(lines, tau, free, k, numbers, self.e)

    def split(self, chosen: list[int], at: Node, gone: set[int]) -> None:
        """A child with one alternative in; those beside it whose common sets all have a negative score are left out."""
        free = at.free
        x = self.stream.whole(len(free))
        kept = self.stream.kept(len(free))
        gone.add(x)
        needed = {y for y, row in enumerate(at.rows) if row != at.rows[x]} - gone - set(kept)
        self.need(at.apart(x, needed), "alternatives are left out of a child")
        self.need(gone.isdisjoint(kept), "an alternative comes twice")
        below, inside = [*chosen, free[x]], [free[y] for y in kept]
        if len(chosen) % 8 == 7:  # points that wait for points take frames of the interpreter
            _ = at.points
        self.node(below, inside, at.k - 1, lambda: child(
            self.lines, at.points, below, x, kept, inside, at.k, self.e))

    def sets(self, chosen: list[int], at: Node) -> None:
        """Every set that is left is listed, and its refit keeps the label."""
        lines, count, free = self.lines, self.stream.whole(2**53), at.free
        weights = self.stream.vectors(count)  # first: there are no more sets than weights, also of no alternatives
        listed = [tuple(self.stream.whole(len(free) + 1) for _ in range(at.k)) for _ in range(count)]
        have = {tuple(sorted(s)) for s in listed}
        at.drop({x for some in have for x in some})
        self.need(all(s in have for s in at.left()), "sets are listed")
        long = norm(self.e).upper()
        inside = [[*chosen, *(free[x] for x in items if x < len(free))] for items in listed]
        done = settled(self.narrow, self.e, inside, weights)
        rest = [x for x, yes in enumerate(done) if not yes]
        for start in range(0, len(rest), 64):
            some = [weights[x] for x in rest[start : start + 64]]
            near_ = self.distances([inside[x] for x in rest[start : start + 64]], some)
            for near, w in zip(near_, some, strict=True):
                along = sum((a * v for a, v in zip(self.e, w, strict=True)), -lines.level)
                self.need(bool(along > near * long), "the refit of a listed set does not show the label")

    def distances(self, sets: list[list[int]], weights: list[list[float]]) -> list[arb]:
        """How near the refits of sets are to weights (D1); with one gradient for each where all weights decay."""
        lines, head = self.lines, self.lines.head
        if not weights:
            return []
        Z = (lines.A * arb_mat(weights).transpose()).transpose().tolist()
        if lines.width == 1 and not lines.free:
            off = [[1 / (1 + (-z).exp()) - t for z, t in zip(line, lines.targets(some), strict=True)]
                   for line, some in zip(Z, sets, strict=True)]
            pulled = (arb_mat(off) * lines.A).tolist()
            return [norm([a + lines.mu * v for a, v in zip(line, w, strict=True)]).upper() / lines.mu
                    for line, w in zip(pulled, weights, strict=True)]
        return [distance(head, tuple(lines.alternatives[l] for l in some), w,
                         [line[i : i + lines.width] for i in range(0, len(line), lines.width)])
                for some, w, line in zip(sets, weights, Z, strict=True)]
