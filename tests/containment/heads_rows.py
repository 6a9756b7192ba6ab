"""Attack on D1 to D10: small heads of every loss and option, every method asked alone, against every refit there is.

All changes of a head are refitted once (`tests.oracles.row_refits`) and judge all methods: what is proved to stay
stays, what is said to flip flips, numbers of tolerated changes and distances to refits hold. The checker has to follow
what the prover hands over, and what it accepts of arrays that were made for an easier problem has to be true as well.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from importlib import import_module

import numpy as np
from flint import ctx
from numpy.typing import NDArray

from certify.check.theorems.head.rows.head import BITS
from certify.format.refusal import Invalid
from certify.systems.head.rows.change import NONE, Choices, RowChange
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.refit import enclose_refits
from certify.theorems.head.rows.method import Budget, Flips, Method, Part
from certify.theorems.head.rows.searches.methods import CLASSES
from certify.theorems.head.rows.survey import survey, vanishing
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, Violation
from tests.families.row_heads import as_checked, blurred, row_change, row_head, stored
from tests.oracles import row_refits_exact as exact
from tests.oracles.row_refits import Pairs, Problem, Refits, changes, refits, weakest

LOSSES = {"squared_labels": ("squared",), "squared_deletions": ("squared",), "squared_tree": ("squared",),
          "squared_aside": ("squared",), "box": ("logistic",),
          "box_tree": ("logistic",), "pair_tree": ("logistic",), "cells": ("logistic",),
          "softmax_box": ("cross_entropy",), "softmax_tree": ("cross_entropy",),
          "softmax_pairs": ("cross_entropy",), "energy": ("logistic", "cross_entropy"),
          "enumeration": ("squared", "logistic", "cross_entropy")}
"""Of every method the losses that it is about."""

BLURRED = ("enumeration", "squared_labels")
"""Methods that take features known within radii."""

SHORT = 3
"""Changed rows, at most; where rows of three classes are relabelled one less."""

SECONDS = 1.0
"""What a method may use."""

MANY = 40
"""Refits to which the tightest distances are asked."""

TRIES = 8
"""Heads that are drawn until a method is about one."""


class Processor(Budget):
    """A budget in processor seconds, so that a busy machine proves as much as an idle one."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds, time.process_time())

    def left(self) -> float:
        """Seconds left."""
        return self.seconds - (time.process_time() - self.started)

    def share(self, part: float) -> Budget:
        """A budget that ends earlier."""
        return Processor(max(self.left(), 0.0) * part)


@dataclass(frozen=True, eq=False)
class Drawn:
    """A head and, when first asked for, all its refits.

    Attributes:
        head: the head.
        meant: rows and evaluation rows that it may stand for, where it knows them within radii; None: its own.
    """

    head: Head
    meant: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None

    @cached_property
    def problem(self) -> Problem:
        """The same, without the product's classes."""
        h, phi = self.head, self.head.phi if self.meant is None else self.meant[0]
        return Problem(h.loss.name, phi, h.Y, h.codes, h.label, h.weight_decay, h.decayed, h.remaining)

    def most(self, relabels: bool) -> int:
        """The largest number of changed rows that is asked about."""
        return SHORT - 1 if relabels and self.head.codes is not None and len(self.head.codes) > 2 else SHORT

    def truth(self, relabels: bool) -> Truth:
        """Of deleted or of relabelled rows."""
        return self._relabelled if relabels else self._deleted

    @cached_property
    def _relabelled(self) -> Truth:
        return self._truth(True)

    @cached_property
    def _deleted(self) -> Truth:
        return self._truth(False)

    def _truth(self, relabels: bool) -> Truth:
        every = changes(self.problem, relabels, self.most(relabels))
        with np.errstate(all="ignore"):
            points = self.head.points if self.meant is None else self.meant[1]
            found = refits(self.problem, points, every)
        return Truth(self.head, self.problem, points, found, found.margins(self.head.today, self.head.threshold))


@dataclass(frozen=True, eq=False)
class Truth:
    """Every refit, and how far every label of today is from being lost after it."""

    head: Head
    problem: Problem
    points: NDArray[np.float64]
    refits: Refits
    margins: NDArray[np.float64]
    _signs: dict[tuple[int, int], int] = field(default_factory=dict)

    def within(self, change: RowChange) -> NDArray[np.int64]:
        """Numbers of the changes that a statement is about."""
        rows = set(change.rows)
        return np.array([b for b, pairs in enumerate(self.refits.choices)
                         if len(pairs) <= change.count and all(r in rows for r, _ in pairs)], dtype=np.int64)

    def sign(self, b: int, j: int) -> int:
        """1 where label j surely stays after change b, −1 where it surely does not, 0 where nobody knows."""
        if not self.refits.exists[b]:
            return -1
        m = self.margins[b, j]
        if abs(m) > self.refits.off[b, j]:
            return 1 if m > 0 else -1
        if (b, j) not in self._signs:
            self._signs[b, j] = exact.sign(self.problem, self.points[j], self.refits.choices[b],
                                           int(self.head.today[j]), self.head.threshold, self.refits.V[b])
        return self._signs[b, j]

    def broken(self, at: NDArray[np.int64], j: int) -> int | None:
        """A change among these after which label j is lost, or tied; None where there is none."""
        clear = self.refits.exists[at] & (self.margins[at, j] > self.refits.off[at, j])
        return next((int(b) for b in at[~clear] if self.sign(int(b), j) <= 0), None)

    def where(self, pairs: Pairs) -> int:
        """The number of a change; −1 where it is none of them."""
        return self._numbers.get(pairs, -1)

    @cached_property
    def _numbers(self) -> dict[Pairs, int]:
        return {pairs: b for b, pairs in enumerate(self.refits.choices)}


def shown(head: Head, change: RowChange) -> str:
    """A problem as text that reproduces it."""
    given = {name: np.asarray(getattr(head, name)).tolist() for name in (
        "phi", "Y", "codes", "label", "V", "weight_decay", "decayed", "remaining", "points", "threshold")}
    return f"{head.loss.name} {given} {change}"


def require_stays(truth: Truth, change: RowChange, proved: NDArray[np.bool_], who: str) -> None:
    """Nothing that is proved to stay is lost by any change, and every change has its one refit."""
    at = truth.within(change)
    for j in np.flatnonzero(proved):
        if (b := truth.broken(at, int(j))) is not None:
            raise Violation(f"{who}: point {j} is proved to stay, and {truth.refits.choices[b]} leaves "
                            f"{truth.margins[b, j]:.3g}: {shown(truth.head, change)}")


def require_flips(truth: Truth, change: RowChange, flips: Flips, who: str) -> int:
    """What is said to flip flips, by a change that is allowed. How many do."""
    at = set(truth.within(change).tolist())
    for j in np.flatnonzero(flips.point >= 0):
        a = int(flips.point[j])
        there = flips.rows[a] != NONE
        pairs = tuple(sorted(zip(flips.rows[a][there].tolist(), flips.codes[a][there].tolist(), strict=True)))
        b = truth.where(pairs)
        if b not in at or not truth.refits.exists[b] or truth.sign(b, int(j)) >= 0:
            raise Violation(f"{who}: point {j} is said to be flipped by {pairs}: {shown(truth.head, change)}")
    return int((flips.point >= 0).sum())


def require_tolerated(truth: Truth, change: RowChange, ends: tuple[NDArray[np.int64], NDArray[np.int64]], todo:
                      NDArray[np.bool_], most: int, who: str) -> None:
    """Both ends of the number of changes that a point survives, as far as changes were counted out."""
    for size in range(min(most, len(change.rows)) + 1):
        at = truth.within(replace(change, count=size))
        for j in np.flatnonzero(todo):
            lost = truth.broken(at, int(j))
            kept = lost is None and all(truth.sign(int(b), int(j)) > 0 for b in at)
            if (ends[0][j] >= size and lost is not None) or (ends[1][j] < size and kept):
                raise Violation(f"{who}: point {j} survives {ends[0][j]} to {ends[1][j]} changes; of {size} it "
                                f"{'does not' if lost else 'does'}: {shown(truth.head, change)}")


def able(name: str, head: Head, change: RowChange) -> Method | None:
    """The method, where it is about the problem."""
    module, _, kind = CLASSES[name].partition(":")
    made: Method = getattr(import_module(f"certify.theorems.head.rows.{module}"), kind)()
    return None if made.able(head, change) else made


def judged(
    name: str, drawn: Drawn, change: RowChange, seconds: float, tally: Counter[str], checks: bool,
) -> Part | None:
    """One method alone on one problem: what it proves and flips against the truth, and the checker's answer."""
    head = drawn.head
    method = able(name, head, change)
    if method is None or vanishing(head, change):
        return None
    todo = head.today >= 0
    tally[f"{name} asked"] += 1
    tally[f"{name} points"] += int(todo.sum())
    with np.errstate(all="ignore"):
        part = method.prove(head, change, todo, Processor(seconds))
    if part is None:
        return None
    truth = drawn.truth(change.relabels)
    require_stays(truth, change, part.proved, name)
    tally[f"{name} proved"] += int(part.proved.sum())
    if part.flips is not None:
        tally[f"{name} flipped"] += require_flips(truth, change, part.flips, name)
    if part.tolerated is not None:
        require_tolerated(truth, change, part.tolerated, todo, drawn.most(change.relabels), name)
    if checks and part.proved.any() and drawn.meant is None:
        followed(name, truth, change, part)
        tally[f"{name} checked"] += 1
    return part


def answer(name: str, head: Head, change: RowChange, arrays: dict[str, NDArray[np.generic]], asked: NDArray[np.bool_]
           ) -> NDArray[np.bool_]:
    """What the checker proves; nothing where it refuses."""
    twin = import_module(f"certify.check.theorems.head.rows.{name}")
    with ctx.workprec(BITS):
        try:
            return np.array(twin.proved(as_checked(head, change), stored(arrays), "claim", asked.tolist()), dtype=bool)
        except Invalid:
            return np.zeros(len(asked), dtype=bool)


def followed(name: str, truth: Truth, change: RowChange, part: Part) -> None:
    """The checker proves all that the prover does; where asked for more it proves nothing wrong."""
    found = answer(name, truth.head, change, dict(part.arrays), part.proved)
    if (found != part.proved).any():
        raise Violation(f"{name}: the checker does not follow: proved {np.flatnonzero(part.proved).tolist()}, checked "
                        f"{np.flatnonzero(found).tolist()}: {shown(truth.head, change)}")
    more = answer(name, truth.head, change, dict(part.arrays), np.ones(len(found), dtype=bool))
    require_stays(truth, change, more, f"{name}, checker asked for all")


def forged(name: str, drawn: Drawn, change: RowChange, rng: np.random.Generator, tally: Counter[str],
           seconds: float = 1.0) -> None:
    """Arrays of an easier problem, or damaged ones: what the checker accepts of them for this one is true."""
    head = drawn.head
    easy, less = _easier(rng, head, change)
    method = able(name, easy, less)
    if method is None or drawn.meant is not None or able(name, head, change) is None or vanishing(head, change):
        return
    if not less.rows:  # nobody can ask about a change of no rows
        return
    with np.errstate(all="ignore"):
        part = method.prove(easy, less, easy.today >= 0, Processor(seconds))
    if part is None or not part.proved.any():
        return
    arrays = dict(part.arrays)
    if arrays and rng.random() < 0.3:
        which = str(rng.choice(sorted(arrays)))
        arrays[which] = _damaged(rng, arrays[which])
    tally[f"{name} forged"] += 1
    for asked in (np.ones(len(part.proved), dtype=bool), part.proved):
        found = answer(name, head, change, arrays, asked)
        tally[f"{name} forged accepted"] += int(found.any())
        require_stays(drawn.truth(change.relabels), change, found, f"{name}, checker with forged arrays")


def _easier(rng: np.random.Generator, head: Head, change: RowChange) -> tuple[Head, RowChange]:
    """More decay, fewer changes, fewer rows that may change, a point that was pushed away, the other kind of change."""
    kind = int(rng.integers(7))
    if kind == 0:
        return replace(head, weight_decay=head.weight_decay * float(rng.choice([1.01, 2.0, 10.0]))), change
    if kind == 1 and change.count > 1:
        return head, replace(change, count=change.count - 1)
    if kind == 2 and len(change.rows) > 1:
        rows = tuple(r for r in change.rows if r != change.rows[int(rng.integers(len(change.rows)))])
        return head, replace(change, rows=rows, count=min(change.count, len(rows)))
    if kind == 3:
        return replace(head, points=head.points * np.where(np.arange(head.m) == head.m - 1, 1.0, 1.3)), change
    if kind == 4:
        return replace(head, decayed=np.ones(head.m, dtype=bool)), change
    if kind == 5 and head.remaining:
        return replace(head, remaining=False), change
    if kind == 6 and head.codes is not None:
        return head, replace(change, relabels=not change.relabels)
    Y, label = head.Y.copy(), head.label
    i = int(rng.integers(head.n))
    if head.codes is not None and label is not None:
        label = label.copy()
        label[i] = (label[i] + 1) % len(head.codes)
        Y[i] = head.codes[label[i]]
    return replace(head, Y=Y, label=label), change


def _damaged(rng: np.random.Generator, a: NDArray[np.generic]) -> NDArray[np.generic]:
    """One entry changed, or all of them scaled."""
    b = a.copy()
    if b.size and b.dtype.kind == "f":
        b = b * b.dtype.type(rng.choice([0.5, 0.9, 1.1, 0.0]))
    elif b.size:
        b.ravel()[int(rng.integers(b.size))] += int(rng.choice([-1, 1]))
    return b


def require_today(head: Head) -> None:
    """Labels of today are those of the given weights, in rationals."""
    V = [[Fraction(x) for x in row] for row in head.V.tolist()]
    for j, (x, a) in enumerate(zip(head.points.tolist(), head.today.tolist(), strict=True)):
        z = [sum((v * Fraction(t) for v, t in zip(row, x, strict=True)), Fraction(0)) for row in V]
        if head.k == 1:
            good = a < 0 or (z[0] > Fraction(head.threshold) if a == 1 else z[0] < Fraction(head.threshold))
        else:
            good = a < 0 or all(z[a] > v for b, v in enumerate(z) if b != a)
        if not good:
            raise Violation(f"point {j} has the label {a} today, {[float(v) for v in z]}: "
                            f"{shown(head, RowChange(False, 0, ()))}")


def _distances(
    truth: Truth, relabels: bool, some: NDArray[np.int64], V: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Distances that are proved from weights to some refits, none of them too short; and which refits are known."""
    head = truth.head
    rows, codes = np.full((len(some), SHORT), NONE), np.full((len(some), SHORT), NONE)
    for b, at in enumerate(some):
        for place, (row, code) in enumerate(truth.refits.choices[at]):
            rows[b, place], codes[b, place] = row, code
    true = truth.refits.V[some]
    near = enclose_refits(head, Choices(rows, codes), V)
    move = V - true
    if head.loss.shifted and head.free_intercept:
        move[:, :, -1] -= move[:, :, -1].mean(axis=1, keepdims=True)
    way = np.sqrt((move**2).sum(axis=(1, 2)))
    sure = np.isfinite(truth.refits.off[some]).all(axis=1) & truth.refits.exists[some]
    size = np.sqrt((true**2).sum(axis=(1, 2)))
    if (sure & (way * (1 - 1e-9) - 1e-11 * size > near)).any():
        b = int(np.argmax(sure * (way - near)))
        raise Violation(f"distance {way[b]} beyond {near[b]} after {truth.refits.choices[some[b]]}: "
                        f"{shown(head, RowChange(relabels, SHORT, ()))}")
    if not truth.refits.exists[some][np.isfinite(near)].all():
        raise Violation(f"a distance to a refit that is not there: {shown(head, RowChange(relabels, SHORT, ()))}")
    return near, sure


def require_weakest(drawn: Drawn, relabels: bool) -> None:
    """Distances to refits from weights beside them in the direction in which they curve least: the bound is tight."""
    truth = drawn.truth(relabels)
    some = np.flatnonzero(truth.refits.exists)[:MANY]
    true = truth.refits.V[some]
    away = weakest(drawn.problem, true, [truth.refits.choices[b] for b in some])
    size = np.sqrt((true**2).sum(axis=(1, 2))) + 1e-12
    _distances(truth, relabels, some, true + away * (size * 10.0 ** -(1.0 + np.arange(len(some)) % 6))[:, None, None])


def require_near(drawn: Drawn, relabels: bool, rng: np.random.Generator) -> None:
    """Distances to refits and enclosed outputs, from weights beside them (D1)."""
    if drawn.meant is None:
        require_today(drawn.head)
    head, truth = drawn.head, drawn.truth(relabels)
    some = np.sort(rng.choice(len(truth.refits.choices), min(20, len(truth.refits.choices)), False))
    true = truth.refits.V[some]
    V = true * (1 + rng.standard_normal(true.shape) * 10.0 ** rng.uniform(-8, 0, (len(some), 1, 1)))
    near, sure = _distances(truth, relabels, some, V)
    labels, _ = head.sides(V, near)
    for b, j in np.argwhere((labels >= 0) & (head.today >= 0)):
        # what is told of the label of a refit is so
        if truth.sign(int(some[b]), int(j)) != (1 if labels[b, j] == head.today[j] else -1):
            raise Violation(f"label {labels[b, j]} of point {j} after {truth.refits.choices[some[b]]}: "
                            f"{shown(head, RowChange(relabels, SHORT, ()))}")
    F, off = head.outputs(V, near)
    Z = truth.refits.Z[some]
    if not (head.loss.shifted and head.free_intercept):
        out = np.abs(F - Z).max(axis=2) - off.max(axis=2) > truth.refits.off[some]
        if (out & sure[:, None]).any():
            raise Violation(f"an output is not enclosed: {shown(head, RowChange(relabels, SHORT, ()))}")


def require_survey(drawn: Drawn, change: RowChange, tally: Counter[str]) -> None:
    """The whole survey, its search for flips included."""
    found = survey(drawn.head, change, 2.0)
    truth = drawn.truth(change.relabels)
    require_stays(truth, change, found.proved, "survey")
    require_flips(truth, change, found.flips, "survey")
    tally["survey asked"] += 1
    tally["survey proved"] += int(found.proved.sum())
    tally["survey flipped"] += int(found.attacked.sum())
    tally["survey undecided"] += int(found.undecided.sum())


def stays(truth: Truth, change: RowChange) -> int:
    """How many labels surely stay, by counting out."""
    at, today = truth.within(change), truth.head.today >= 0
    clear = truth.refits.exists[at, None] & (truth.margins[at] > truth.refits.off[at])
    return int((clear.all(axis=0) & today).sum())


def kinds(head: Head) -> Iterator[bool]:
    """Deletion, and where targets are labels relabelling."""
    yield False
    if head.codes is not None:
        yield True


def _alone(name: str) -> Callable[[np.random.Generator], Outcome]:
    def draw(rng: np.random.Generator) -> Outcome:
        tally: Counter[str] = Counter()
        for _ in range(TRIES):
            drawn = Drawn(row_head(rng, str(rng.choice(LOSSES[name]))))
            if name in BLURRED and rng.random() < 0.15:
                drawn = Drawn(*blurred(rng, drawn.head))
            for relabels in kinds(drawn.head):
                change = row_change(rng, drawn.head, relabels, drawn.most(relabels))
                judged(name, drawn, change, SECONDS, tally, checks=True)
                forged(name, drawn, change, rng, tally, SECONDS)
            if tally[f"{name} asked"]:
                break
        return "decided" if tally[f"{name} proved"] else "refused"

    draw.__doc__ = f"The method {name} alone, its checker, and forged arrays."
    return draw


THEOREMS = {"squared_labels": "D3", "squared_deletions": "D4", "squared_tree": "D4",
            "squared_aside": "D4", "box": "D5", "box_tree": "D6", "pair_tree": "D12",
            "energy": "D7", "cells": "D8", "softmax_box": "D9", "softmax_tree": "D10",
            "softmax_pairs": "D16", "enumeration": "D2"}

for _name, _theorem in THEOREMS.items():
    attack(f"rows_{_name}", _theorem, slow=20)(_alone(_name))


@attack("rows_refits", "D1", slow=4)
def refits_near(rng: np.random.Generator) -> Outcome:
    """Distances from proposed weights to refits, of every loss."""
    drawn = Drawn(row_head(rng, str(rng.choice(["squared", "logistic", "cross_entropy"]))))
    if rng.random() < 0.2:
        drawn = Drawn(*blurred(rng, drawn.head))
    for relabels in kinds(drawn.head):
        require_near(drawn, relabels, rng)
        require_weakest(drawn, relabels)
    return "decided"
