"""The survey: attack first, then one method after another on the points that are left, cheapest first."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from typing import Any, Final

import numpy as np

from certify.format.errors import EnclosureError
from certify.format.methods import ANY_SIZE, FIRST, FLIPPED, OPEN, UNCHECKED, status_of
from certify.rigor.finder import proposed
from certify.systems.head.rows.centred import Centred, centred
from certify.systems.head.rows.change import Choices, RowChange
from certify.systems.head.rows.changes.base import Change
from certify.systems.head.rows.changes.new_rows import NewRows
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.refit import enclose_refits
from certify.systems.head.rows.weights import settled
from certify.theorems.head.rows.flips import Found, already
from certify.theorems.head.rows.method import Budget, Flips, Mask, Method, Part, attempt, seconds_of_all
from certify.theorems.head.rows.searches.ended import MEMORY
from certify.theorems.head.rows.searches.methods import CHECKED, CLASSES, STAGES
from certify.theorems.head.rows.searches.searched import Searches, Tell
from certify.theorems.head.rows.searches.stopped import Stopped, hardly, nearest

ATTACK = 0.25
"""Share of the time for the search of changes that flip."""

HEAVY: Final = ("every_choice",)
"""Those whose certificates take far longer to check than to make: in calls alone they go first by their time."""

REFITS, CHOICES = ("enumeration", "every_choice"), "softmax_labels"
"""Methods that refit every choice; and one that looks at each, and leaves little to them."""

TABLE = "pair_table"
"""What goes before refits of all pairs: where these fit into half of the time, both do."""

ROOM = 4.0
"""Times distances of stored weights that a checker may find, who looks at other roundings of them."""

FITS = 0.5
"""Share of the time left into which a method's own time must fit to go before one that may use it all."""

TREES = ("pair_tree", "box_tree")
"""Trees, in the order in which they go."""

ASIDE_FROM = 6
"""Deletions from which on rows are set aside together before trees are grown: of fewer, trees decide nearly all."""

FEW_DELETED, FEW_ROWS = 10, 2000
"""Deletions, and rows of training data, up to which a tree goes before covers, with half of the time that is left."""

QUICK_DELETED = 3
"""Deletions from such data up to which trees of boxes go before those of pairs: as sharp there, and checked sooner."""

WAITS: Final = "more time helps once it is enough for a method that did not begin: "
LONGER: Final = ("every proof that applies was tried to its end, and more time only makes the search for changes that "
                 "flip longer")
MENTIONED, SMALL = 3, 3

REWEIGHED = ("every change of rows changes all balanced weights; rows left out, and wrong labels of a logistic "
             "regression of two labels, have bounds of their own, and else every choice is refitted")
COUNTED: Final = frozenset({"by_counts", "squared_by_counts", "label_sums", "step_sums"})
TWINS: Final = {"label_sums": "step_sums", "both_pairs": "both_refits"}
"""Methods that state what a checker follows, and those that prove as much and more where none has to."""


@dataclass(frozen=True, eq=False)
class Survey:
    """What became of every point.

    Attributes:
        status: `(N,)` as of :mod:`certify.format.methods`.
        parts: by method what it proved.
        flips: the changes that flip.
        reasons: why a method was not tried or left points open, in words.
        tried: how many methods were, the search of changes that flip among them.
        cut: whether the time of one was up before its end, so that more of it may decide more.
        more: what more time would do, where no method of proof used up all that it had, or why it would hardly help;
            "" where it may.
        fewer: the most changes below these of which every choice is refitted in the time; 0: none is known.
        near: what a method that was stopped is measured to need, where that is not far more than there was; else "".
    """

    status: np.ndarray
    parts: Mapping[str, Part]
    flips: Flips
    reasons: tuple[str, ...]
    tried: int = 0
    cut: bool = False
    more: str = ""
    fewer: int = 0
    near: str = ""

    @property
    def proved(self) -> Mask:
        """`(N,)` which points stay under every change."""
        return np.asarray(self.status >= FIRST)

    @property
    def attacked(self) -> Mask:
        """`(N,)` which points a change flips."""
        return np.asarray(self.status == FLIPPED)

    @property
    def undecided(self) -> Mask:
        """`(N,)` the others."""
        return np.asarray(self.status == OPEN)


def survey(head: Head, change: Change, seconds: float = float("inf"), tell: Tell = lambda stage, share: None,
           methods: tuple[str, ...] = CHECKED) -> Survey:
    """What every point's label does under all choices of a change.

    Args:
        head, change: the head, and what may happen to its rows.
        seconds, tell: time, with less of which fewer points are decided; told the stage and the fraction decided.
        methods: those that may be used; as a rule those that certificates state.
    """
    if isinstance(change, NewRows):
        return _of_new_rows(head, change, Budget(seconds), tell)
    head, methods = settled(head, change), tuple(x for x in methods if TWINS.get(x) not in methods)
    budget, seen = Budget(seconds), centred(head)
    found, status, known = Found(head, seen), np.full(len(head.points), OPEN), head.today >= 0
    reasons = too_near(known)
    if head.weights is not None and head.weights.balanced and all(isinstance(asked_of(name, head, change), str)
                                                                  for name in COUNTED.intersection(methods)):
        reasons.append(REWEIGHED)
    if gone := vanishing(head, change):  # then there is no refit that could keep a label
        reasons, known = [*reasons, *gone], np.zeros_like(known)
    already(found, change, known)
    parts, said, search = dict[str, Part](), list[str](), Searches(head, change, found, tell)
    attacked, tried, searched, held, stopped = False, 0, False, "", list[Stopped]()
    first = leading(head, change, budget, methods, seen)
    for name in order(head, change, budget, methods, seen, first):
        todo = known & ~found.flipped & (status == OPEN)
        if not todo.any():
            break
        near = head if seen is None or name not in REFITS else seen.head
        asked = asked_of(name, near, change)
        if isinstance(asked, str):
            reasons += [f"{name}: {asked}"] if name in CHECKED else []
            continue
        least = partial(_method(name).least, near, asked)
        if tried and budget.left() <= 0:
            stopped, reasons = [*stopped, Stopped(name, 0.0, 0, least)], [*reasons, f"{name}: no time was left for it"]
            continue
        if not attacked and name not in first and not _method(name).complete(head, asked):
            searched, attacked, tried = search.run(todo, budget, ATTACK), True, tried + 1
            todo = todo & ~found.flipped
        tell(STAGES[name], float((~todo).mean()))
        halved = name in TREES and tree_first(head, change, methods) or (
            name == "box_tree" and boxes_first(head, change, methods))
        own = Budget(budget.left() * (0.5 if halved else 1.0))
        began, part = time.monotonic(), _proved(name, head, seen, asked, todo, own)
        late = own.left() <= 0 or own.ended or (part is not None and part.late)
        waits = part.why if part is not None and not part.begun else ""
        tried, held, spent = tried + 1, waits or held, time.monotonic() - began
        if part is None:
            said.append(attempt(name, int(todo.sum()), "" if late else "no bound could be enclosed", late))
            stopped += [Stopped(name, spent, 0, least)] * late
            continue
        _flipped(found, part, head, change, seen is not None and name in REFITS)
        new = part.proved & todo
        status[new] = status_of(name)
        if new.any():
            parts[name] = part
            if name not in CHECKED:
                said.append(f"{name} proved {int(new.sum())}, and no certificate states what it proves")
        if left := int((todo & ~new & ~found.flipped).sum()):
            said.append(attempt(name, left, part.why, late))
            stopped += [Stopped(name, spent, int(todo.sum()) - left, least, bool(waits))] * late
    again = (searched or not attacked) and (not tried or budget.left() > 0)  # it had a share of the time at first
    if again and (todo := known & ~found.flipped & (status == OPEN)).any():
        searched, tried = search.last(todo, budget), tried + 1
    require_consistent(status, found)
    status[found.flipped & (status == OPEN)] = FLIPPED
    fewer = _fewer(head, change, seconds, methods, seen) if (known & (status == OPEN)).any() else 0
    cut, more, needs = _of_time(stopped, known & (status == OPEN), seconds, WAITS + held if held else LONGER * searched)
    return Survey(status, parts, found.flips(), (*said, *reasons, *search.reasons), tried, cut, more, fewer, needs)


def _of_time(stopped: list[Stopped], open_: Mask, seconds: float, else_: str) -> tuple[bool, str, str]:
    """Whether a method was stopped, or what else is known; what more time would do; and how near to a need it was."""
    if all(one.waits for one in stopped):
        return bool(else_), else_, ""
    return True, hardly(stopped, seconds) if open_.any() else "", nearest(stopped, seconds)


def _flipped(found: Found, part: Part, head: Head, change: Change, stored: bool) -> None:
    """Keep the changes that a method met: as they are stored, of refits from the middle of the rows."""
    if part.flips is not None and len(part.flips.rows) and stored:
        found.prove(Choices(part.flips.rows, part.flips.codes), part.flips.weights)
    elif part.flips is not None:
        found.merge(part.flips, lambda choice: change.permits(head, choice))


def _fewer(head: Head, change: Change, seconds: float, methods: tuple[str, ...], seen: Centred | None) -> int:
    """The most changes below these of which all choices are refitted in the time, by what goes first; or 0."""
    if not isinstance(change, RowChange):
        return 0
    near = head if seen is None else seen.head
    for count in range(min(change.count - 1, SMALL), 0, -1):
        smaller, budget = replace(change, count=count), Budget(seconds)
        first = leading(head, smaller, budget, methods, seen)
        turns = ((one, asked_of(one, near if one in REFITS else head, smaller))
                 for one in order(head, smaller, budget, methods, seen, first) if one != TABLE)
        name, asked = next(((one, asked) for one, asked in turns if isinstance(asked, RowChange)), ("", smaller))
        left = FITS * budget.left()
        if name in first.intersection(REFITS) and seconds_of_all(_method(name), near, asked, left) <= left:
            return count
    return 0


def _of_new_rows(head: Head, change: NewRows, budget: Budget, tell: Tell) -> Survey:
    """The same where rows are new, which no other method knows (D11)."""
    from certify.theorems.head.rows.new_rows.survey import NAME, refusal, surveyed

    status, known = np.full(len(head.points), OPEN), head.today >= 0
    if gone := [why] if (why := refusal(head, change)) else vanishing(head, change):
        return Survey(status, {}, Found(head).flips(), tuple(gone))
    proved, part, flips = surveyed(head, change, known, budget, tell)
    status[proved] = status_of(NAME)
    status[flips.point >= 0] = FLIPPED
    reasons = too_near(known)
    return Survey(status, {} if part is None else {NAME: part}, flips, tuple(reasons), 1, budget.left() <= 0)


def _proved(name: str, head: Head, seen: Centred | None, asked: Change, todo: Mask, budget: Budget) -> Part | None:
    """What a method proves; of refits from the middle of the rows, if they lie far from the origin.

    Nothing where it leaves the range of floats: features of 1e20 make singular matrices, and others go on; as they do
    where its tables do not fit into memory.
    """
    moved = None if seen is None or name not in REFITS else seen
    try:
        part = proposed(lambda: _method(name).prove(head if moved is None else moved.head, asked, todo, budget))
    except MemoryError:
        return Part(name, np.zeros_like(todo), why=MEMORY)
    if part is None or moved is None:
        return part
    flips = part.flips if part.flips is None else replace(part.flips, weights=moved.back(part.flips.weights))
    arrays = moved.restored(part.arrays)
    return replace(part, arrays=arrays, flips=flips, proved=_stored(moved, asked, arrays, part.proved))


def _stored(seen: Centred, asked: Change, arrays: Mapping[str, Any], proved: Mask) -> Mask:
    """Which points the weights prove that are stored: rounded on the way back, they are what a checker looks at."""
    if not arrays or not proved.any():
        return proved
    head, at = seen.head, 0
    V = arrays["weights"].astype(np.float64)
    if "again" in arrays:
        V[arrays["again"]] = arrays["exact"]
    V, which = V.reshape(-1, head.k, head.m), np.flatnonzero(proved)
    stays = np.ones(len(which), dtype=bool)
    for choices in asked.every(head):
        near = seen.forth(V[at : at + len(choices)])
        # the sum of intercept and U·c is rounded here and exact there, and pulls as far as that is off
        radius = ROOM * (enclose_refits(head, choices, near) + seen.rounded(near))
        sides, _ = head.sides(near, radius, which)
        stays &= (sides == head.today[which]).all(axis=0)
        at += len(choices)
    kept = np.zeros_like(proved)
    kept[which[stays]] = True
    return kept


def require_consistent(status: np.ndarray, found: Found) -> None:
    """Refuse to answer at all where a point is proved both to stay and to be flipped: then a proof is wrong.

    Raises:
        EnclosureError: there is such a point.
    """
    both = np.flatnonzero(found.flipped & (status >= FIRST))
    if len(both):
        raise EnclosureError("changed rows", f"evaluation row {both[0]} is proved to stay and to be flipped",
                             "report this with the data: it is a defect of certify, and no answer counts")


def leading(head: Head, change: Change, budget: Budget, methods: tuple[str, ...], seen: Centred | None = None,
            ) -> frozenset[str]:
    """Methods that go first, before any search for changes that flip: they find both ends in the time."""
    def leads(name: str) -> bool:
        asked = _method(name).takes(change)
        near = head if seen is None or name not in REFITS else seen.head
        return not isinstance(asked, str) and (_method(name).complete(head, asked) or (
            (calls or name not in HEAVY) and _method(name).sure(near, asked, budget.left())))

    calls, found = not set(UNCHECKED).isdisjoint(methods), set[str]()
    for name in CLASSES:
        # to measure refits of every choice some are made, which is for nothing where few points are left to them
        if name in methods and not (name in REFITS and CHOICES in found) and leads(name):
            found.add(name)
    return frozenset(found)


def order(head: Head, change: Change, budget: Budget, methods: tuple[str, ...], seen: Centred | None = None,
          first: frozenset[str] | None = None) -> Iterator[str]:
    """The methods in turn, those that decide everything first.

    Before one that may use all the time goes one whose own time is known to fit into half of what is left.
    """
    first = leading(head, change, budget, methods, seen) if first is None else first

    def fits(name: str) -> bool:
        near = head if seen is None or name not in REFITS else seen.head
        asked = asked_of(name, near, change)
        return not isinstance(asked, str) and _method(name).seconds(near, asked) <= FITS * budget.left()

    waiting = sorted((name for name in CLASSES if name in methods), key=lambda name: name not in first)
    if {"separate_bent", "separate_boxes"} <= set(waiting):  # the one does all that the other does
        waiting.remove("separate_boxes")
    if tree_first(head, change, methods):
        for name in (name for name in TREES if name in waiting):
            waiting.remove(name)
            waiting.insert(waiting.index("cells"), name)
    many = isinstance(change, RowChange) and change.count >= ASIDE_FROM
    if many and {"squared_tree", "squared_aside"} <= set(waiting):
        waiting.remove("squared_aside")
        waiting.insert(waiting.index("squared_tree"), "squared_aside")
    if {"box", "pair_tree"} <= set(waiting) and _late_box(head, change, budget):
        waiting.remove("box")
        waiting.insert(waiting.index("pair_tree") + 1, "box")
    if boxes_first(head, change, methods):
        waiting.remove("box_tree")
        waiting.insert(waiting.index("pair_tree"), "box_tree")
    while waiting:
        name = waiting[0]
        if _method(name).takes_all and not isinstance(asked_of(name, head, change), str):
            name = next((other for other in waiting[1:] if fits(other)), name)
        waiting.remove(name)
        yield name


def asked_of(name: str, head: Head, change: Change) -> Change | str:
    """The change that a method is asked about: this one, or one that contains it; else why it does not apply."""
    asked = _method(name).takes(change)
    if isinstance(asked, str):
        return asked
    if head.weights is not None and not _method(name).weighs:
        return "it is for rows that count the same, and these carry weights"
    if name not in ANY_SIZE and head.beyond:
        return head.beyond
    gone = vanishing(head, asked) if asked is not change else []
    return (gone[0] if gone else _method(name).able(head, asked)) or asked


def tree_first(head: Head, change: Change, methods: tuple[str, ...]) -> bool:
    """Whether a tree of deletions goes before covers that would do as well, but take longer."""
    return (isinstance(change, RowChange) and "cells" in methods and "box_tree" in methods
            and not change.relabels and change.count <= FEW_DELETED
            and head.n <= FEW_ROWS and not any(_method(name).able(head, change) for name in ("cells", "box_tree")))


def boxes_first(head: Head, change: Change, methods: tuple[str, ...]) -> bool:
    """Whether a tree of boxes goes before one of pairs."""
    return (isinstance(change, RowChange) and {"pair_tree", "box_tree"} <= set(methods) and not change.relabels
            and change.count <= QUICK_DELETED and head.n <= FEW_ROWS)


def _late_box(head: Head, change: Change, budget: Budget) -> bool:
    from certify.theorems.head.rows.box import late

    return isinstance(change, RowChange) and late(head, change, budget.left()) and isinstance(
        asked_of("pair_tree", head, change), RowChange)


def too_near(known: Mask) -> list[str]:
    """How many points have no label today; empty where all have one."""
    return [] if known.all() else [f"{int((~known).sum())} points lie too near a tie for today's label to be known"]


def vanishing(head: Head, change: Change) -> list[str]:
    """Why nothing can be proved where the changes may leave no row of a class, and something rests on these."""
    if head.free_intercept and isinstance(change, RowChange) and not change.relabels and (
            why := head.loss.bottomless(head.Y, change.rows, change.count)):
        return [why]
    balanced = head.weights is not None and head.weights.balanced
    if head.label is None or head.codes is None or not (head.free_intercept or balanced) or (
            head.loss.floored and not balanced):
        return []
    left = np.bincount(head.label, minlength=len(head.codes))
    why = "balanced weights have no meaning" if balanced else "the free intercept has no finite minimum"
    return [f"class {head.called(c)} has {left[c]} rows, and without them {why}"
            for c in change.emptied(head)[:MENTIONED]]


def _method(name: str) -> Method:
    module, _, kind = CLASSES[name].partition(":")
    made: Method = getattr(import_module(f"certify.theorems.head.rows.{module}"), kind)()
    return made
