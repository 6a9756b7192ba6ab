"""What leaving out each training row does to predictions and weights: both ends, the row that does most first."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Final, Protocol

import numpy as np

from certify.auditing.shown.owners import Owners
from certify.finders.head.refits import Refitter
from certify.format.errors import CertifyError
from certify.problem.problem import Problem
from certify.problem.progress import Progress
from certify.prove.changed.leave_one_out import left_out
from certify.prove.changed.left.leads import Leads, direction
from certify.prove.rows import asked_any
from certify.rigor.fp import Array
from certify.systems.head.rows.change import NONE, Choices
from certify.systems.head.rows.head import Head, Whole
from certify.systems.head.rows.of_problem import head_of
from certify.systems.head.rows.refit import enclose_refits
from certify.systems.head.rows.root_curvature import RootCurvature
from certify.theorems.head.rows.moves.measures import Distance

MOST: Final = 1 << 24
"""Outputs that are held at once: rows left out times predictions times outputs of each."""

FLIPS, STAYS, UNKNOWN = 1, 0, -1
"""Whether leaving out a row alone gives a prediction another label."""


@dataclass(frozen=True)
class Effect:
    """What leaving out one training row does.

    Attributes:
        row: its number.
        prediction: the evaluation row whose output it changes most, or the one that was asked about.
        lower, upper: ends of the change there of the output, or of the lead of a label (`Ranking.lead`).
        direction: ``"raises"`` or ``"lowers"`` it, proved; ``"open"``: its sign is not proved.
        flips: the evaluation rows in question that get another label by it, proved, and had none without any change;
            None where outputs are amounts.
        undecided: of how many of them it is not known.
        weights: ends of how far the weights go (of a free intercept: without it), None where nothing is proved.
    """

    row: int
    prediction: int
    lower: float
    upper: float
    direction: str
    flips: tuple[int, ...] | None
    undecided: int
    weights: tuple[float, float] | None

    @property
    def size(self) -> tuple[float, float]:
        """Both ends of the length of the change."""
        return max(self.lower, -self.upper, 0.0), max(-self.lower, self.upper)


@dataclass(frozen=True)
class Ranking:
    """All rows, the one first whose absence changes most.

    Attributes:
        prediction: the evaluation row that was asked about; None: the one that each row changes most.
        lead: whether changes are of the lead of today's label, as there are several outputs: by how much its output
            is above the largest of the others, whichever that is after training again. It is the label of the given
            weights; where that is not proved or outputs are amounts, the largest output at today's exact minimum.
        aside: whether the intercepts are left aside where weights are measured.
        today: number of the label of that prediction today, -1 where it is not proved or there is none.
        already: evaluation rows in question whose label at today's exact minimum, with no row left out, is another
            than that of the given weights, proved.
        upper: no row's absence changes any of these predictions by more.
        rest: none of the rows but the first does.
        effects: of the rows.
        owners: whose each training row is, where groups are ranked: a row of an effect is then the number of a group.
    """

    prediction: int | None
    lead: bool
    aside: bool
    today: int
    already: tuple[int, ...]
    upper: float
    rest: float
    effects: tuple[Effect, ...]
    owners: Owners | None = None

    @property
    def word(self) -> str:
        """What is left out."""
        return "row" if self.owners is None else "group"

    def called(self, number: int) -> str:
        """What is left out, by its number."""
        return f"training row {number}" if self.owners is None else self.owners.called(number)

    @property
    def most(self) -> Effect:
        """The first."""
        return self.effects[0]

    def renumbered(self, prediction: int) -> Ranking:
        """The same, the one prediction by another number."""
        effects = tuple(replace(one, prediction=prediction, flips=one.flips and (prediction,)) for one in self.effects)
        return replace(self, prediction=prediction, effects=effects, already=self.already and (prediction,))

    @property
    def flipping(self) -> tuple[int, ...]:
        """Rows each of which alone flips the prediction that was asked about, proved."""
        return tuple(effect.row for effect in self.effects if effect.flips)

    @property
    def undecided(self) -> int:
        """Of how many rows it is not known whether they flip it."""
        return sum(effect.undecided > 0 for effect in self.effects)


class TimeUp(Exception):
    """There is no more time."""


@dataclass(frozen=True)
class Asked:
    """What is ranked for.

    Attributes:
        prediction: the evaluation row in question; None: all.
        labels: whether outputs stand for labels.
    """

    prediction: int | None
    labels: bool


class Moved(Protocol):
    """How far the weights go without each row, or group."""

    aside: bool

    def ends(self, r: int) -> tuple[float, float] | None:
        """Of one by its place; None where nothing is known."""


class Unmoved:
    """Nothing of the weights."""

    aside = False

    def ends(self, r: int) -> tuple[float, float] | None:
        """None."""
        return None


def ranking(problem: Problem, prediction: int | None, labels: bool, seconds: float, tell: Progress) -> Ranking | str:
    """Leave out every row in turn, and rank them.

    Args:
        problem: of a head, with its evaluation rows.
        prediction: one of these; None: all.
        labels: whether outputs stand for labels.
        seconds: time.
        tell: told the stage and the fraction done.

    Returns:
        The rows; or why there are none.
    """
    points = problem.X if problem.evaluation is None else problem.evaluation
    points = points if prediction is None else points[prediction : prediction + 1]
    size = len(problem.rows) * len(points) * problem.outputs
    if size > MOST:
        return (f"each of {len(problem.rows)} rows left out, with {len(points)} predictions, is more than is held at "
                "once: ask about one prediction with --prediction NUMBER")
    until = time.monotonic() + seconds

    def told(stage: str, share: float) -> None:
        if time.monotonic() > until:
            raise TimeUp
        tell(stage, share)

    weights = _Weights(told)
    try:
        found = left_out(problem, points, told, weights)
    except TimeUp:
        return "the time was up before every row had been left out once: give more of it with --seconds"
    except CertifyError as error:
        return str(error)
    head = head_of(asked_any(problem, points, "delete", 1))
    return ordered(found, found.rows.tolist(), head, Asked(prediction, labels), weights)


def ordered(found: Leads, numbers: list[int], head: Head, asked: Asked, weights: Moved, owners: Owners | None = None,
            ) -> Ranking | str:
    """A ranking from enclosed outputs.

    Args:
        found: without each row, or group.
        numbers: of these.
        head: with the evaluation rows in question.
        asked: about which of these.
        weights: how far the weights go.
        owners: of the groups; None: rows are ranked.
    """
    prediction, labels, points = asked.prediction, asked.labels, head.points
    flips, first = None, prediction or 0
    already: tuple[int, ...] = ()
    if labels:
        before = _flips(found.base_lower[None], found.base_upper[None], head)[0] == FLIPS
        already = tuple((np.flatnonzero(before) + first).tolist())
        flips = np.where(before, STAYS, _flips(found.lower, found.upper, head))  # no row alone flips these
    *best, tops = _largest(found, head.today if labels else np.full(len(points), -1))
    if not (np.isfinite(best[1]) & np.isfinite(best[2])).any():
        return f"no refit without a {'row' if owners is None else 'group'} is enclosed"
    effects = [Effect(row, int(at) if prediction is None else prediction, float(low), float(high),
                      direction(float(low), float(high)),
                      None if flips is None else tuple((np.flatnonzero(flips[r] == FLIPS) + first).tolist()),
                      0 if flips is None else int((flips[r] == UNKNOWN).sum()),
                      weights.ends(r))
               for r, (row, at, low, high) in enumerate(zip(numbers, *best, strict=True))]
    order = sorted(range(len(effects)), key=lambda r: _place(effects[r]))
    rest = float(tops[order[1:]].max(initial=0.0))
    today = int(head.today[0]) if labels and prediction is not None else -1
    return Ranking(prediction, found.lower.shape[2] > 1, weights.aside, today, already, float(tops.max(initial=0.0)),
                   rest, tuple(effects[r] for r in order), owners)


def _place(effect: Effect) -> tuple[float, int]:
    """Where a row stands among all: by the middle of both ends, and last where one of them is open."""
    middle = effect.lower + effect.upper
    return (-abs(middle) if np.isfinite(middle) else np.inf, effect.row)


def _largest(found: Leads, today: Whole) -> tuple[Array, Array, Array, Array]:
    """Per row the evaluation row that it changes most, by the middle of both ends, both ends there; and its most.

    Args:
        found: outputs without each row.
        today: `(N,)` the label whose lead is meant, where there are several outputs; -1: the largest output.
    """
    r, N = found.lower.shape[:2]
    at: Array = np.zeros(r, dtype=np.int64)
    low: Array = np.full(r, -np.inf)
    high: Array = np.full(r, np.inf)
    most, tops = np.full(r, -np.inf), np.zeros(r)
    for point in range(N):
        below, above = found.ends(point, None if today[point] < 0 else int(today[point]))
        tops = np.maximum(tops, np.maximum(-below, above))
        with np.errstate(invalid="ignore"):
            size = np.where(np.isfinite(above - below), np.abs(below + above), -np.inf)
        better = size > most
        at[better], low[better], high[better], most[better] = point, below[better], above[better], size[better]
    return at, low, high, tops


def _flips(low: Array, high: Array, head: Head) -> Array:
    """`(r, N)` whether each prediction has another label than that of the given weights, for ends of outputs."""
    today = head.today
    if head.k == 1:
        above, below = low[:, :, 0] > head.threshold, high[:, :, 0] < head.threshold
        stays, goes = np.where(today == 1, above, below), np.where(today == 1, below, above)
    else:
        own = np.maximum(today, 0)[None, :, None]
        low_own, high_own = (np.take_along_axis(ends, np.broadcast_to(own, (len(low), len(today), 1)), axis=2)
                             for ends in (low, high))
        others = np.arange(head.k) != own
        stays = np.asarray(np.where(others, low_own > high, True).all(axis=2))
        goes = np.asarray(np.where(others, low > high_own, False).any(axis=2))
    known = np.where(goes, FLIPS, np.where(stays, STAYS, UNKNOWN))
    return np.asarray(np.where(today < 0, UNKNOWN, known))


class _Weights:
    """How far the weights go without each row, both ends; of a free intercept without it.

    Args:
        tell: told the stage and the fraction done.
    """

    def __init__(self, tell: Progress) -> None:
        self.tell, self.aside = tell, False
        self._low: list[float] = []
        self._high: list[float] = []
        self._measure: Distance | None = None
        self._root: RootCurvature | None = None

    def __call__(self, refitter: Refitter, choices: Choices, V: Array) -> None:
        """Take refits, in the order of the rows."""
        head = refitter.head
        if self._measure is None:
            self.aside = head.free_intercept
            # from the middle of the rows intercepts are others, and the weights beside them the same
            self._root = RootCurvature.of(head, refitter.V0) if self.aside and head.read_off else None
            nothing = Choices(np.full((1, 0), NONE), np.full((1, 0), NONE))
            near = float(self._near(head, nothing, refitter.V0[None])[0])
            self._measure = Distance(head, refitter.V0[:, self._kept], near)
        low, high = self._measure.ends(V[:, :, self._kept], self._near(head, choices, V))
        self._low += low.tolist()
        self._high += high.tolist()

    def ends(self, r: int) -> tuple[float, float] | None:
        """Of a row by its place; None where nothing is proved."""
        return (self._low[r], self._high[r]) if np.isfinite(self._high[r]) else None

    @property
    def _kept(self) -> slice:
        return slice(None, -1) if self.aside else slice(None)

    def _near(self, head: Head, choices: Choices, V: Array) -> Array:
        """Distances to the refits, with or without intercepts."""
        if self._root is None:
            return enclose_refits(head, choices, V)
        found = self._root.distances(choices, V)
        for b in np.flatnonzero(~np.isfinite(found)):  # where a row held much the curvature without it is another
            self.tell("how far weights go", 0.0)
            one = choices.part(slice(b, b + 1))
            found[b] = RootCurvature.of(head, V[b]).distances(one, V[b : b + 1])[0]
        return found
