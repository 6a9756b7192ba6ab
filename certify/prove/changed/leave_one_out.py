"""What every output becomes when each training row in turn is left out, enclosed, and which rows matter most."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from importlib import import_module
from math import inf, isfinite
from typing import Any

import numpy as np

from certify.finders.head.refits import Refitter
from certify.format.errors import InputError
from certify.problem.problem import Problem
from certify.problem.progress import Progress, part, told
from certify.prove.changed.each_row import Ends, able, each_left_out
from certify.prove.changed.lost import tell_of_lost
from certify.prove.rows import asked_any, distance_of
from certify.rigor.fp import Array
from certify.systems.head.rows.centred import centred
from certify.systems.head.rows.change import DELETED, NONE, Choices, RowChange, choices_of
from certify.systems.head.rows.head import Head, Whole
from certify.systems.head.rows.of_problem import head_of
from certify.systems.head.rows.refit import enclose_refits
from certify.systems.head.rows.root_curvature import RootCurvature

GOAL = 1e-7
"""Of μ: the length of a gradient that is short enough where every step with a large head takes long."""

WIDE = 2.0**-21
"""Width of outputs over the largest at a row above which they are worth more steps."""

ALONE, WIDEST = "leaving each row out", "once more the rows whose absence is known least"
TOLD = 20
"""Batches at least, so that the part that is done is told, where several are solved one after the other anyway."""

Each = Callable[[Refitter, Choices, Array], None]
"""Somebody who is shown refits."""

RAISES, LOWERS, OPEN = "raises", "lowers", "open"


@dataclass(frozen=True)
class Influence:
    """What leaving out one training row does to one evaluation row.

    Attributes:
        row: number of the training row.
        lower, upper: ends of the change of the output (of several: of the lead of today's label over the largest
            of the others, whichever that is after training again).
        direction: ``"raises"`` or ``"lowers"`` it, proved; ``"open"``: its sign is not proved.
    """

    row: int
    lower: float
    upper: float
    direction: str


@dataclass(frozen=True, eq=False)
class LeaveOneOut:
    """The outputs of every evaluation row after each row alone is left out: `lower ≤ output ≤ upper`.

    With the cross-entropy and an intercept without decay the outputs of one evaluation row are determined up to one
    number that is added to all of them; they are then those of one of the refits.

    Attributes:
        lower, upper: `(r, N, k)`, one for each row that the problem lets change, all n as a rule; infinite where
            nothing is proved.
        rows: `(r,)` numbers of these rows.
        base_lower, base_upper: `(N, k)` the outputs after training to the exact minimum on all rows.
    """

    lower: Array
    upper: Array
    rows: Whole
    base_lower: Array
    base_upper: Array

    @cached_property
    def middle(self) -> Array:
        """`(r, N, k)` midpoints."""
        return np.asarray((self.lower + self.upper) / 2)

    def changes(self, point: int) -> list[Influence]:
        """What leaving out each row changes at one evaluation row, in the order of the rows.

        Of one output its change; of several the change of the lead of today's label, the largest output after
        training on all rows: by how much that output is above the largest of the others, whichever that is after
        training again. Where another one is above it, the lead is below 0. No number that is added to all outputs
        touches it.

        Args:
            point: number of the evaluation row.
        """
        low, high = self.ends(point)
        return [Influence(row, a, b, RAISES if a > 0 else LOWERS if b < 0 else OPEN)
                for row, a, b in zip(self.rows.tolist(), low.tolist(), high.tolist(), strict=True)]

    def ends(self, point: int, label: int | None = None) -> tuple[Array, Array]:
        """`(r,)` lower and upper ends of these changes, in the order of the rows.

        Args:
            point: number of the evaluation row.
            label: the output whose lead it is, where there are several; None: the largest after training on all rows.
        """
        N = self.base_lower.shape[0]
        if not isinstance(point, int | np.integer) or not 0 <= point < N:
            raise InputError("point", f"{point!r}", f"give the number of an evaluation row, 0 to {N - 1}")
        if self.lower.shape[2] == 1:
            return self._changes(point, _alone)
        some = self._largest(point) if label is None else [label]
        each = [self._changes(point, partial(_lead, own=own)) for own in some]  # more than one where two may be it
        return np.min([low for low, _ in each], axis=0), np.max([high for _, high in each], axis=0)

    def most_influential(self, point: int, count: int = 10) -> list[Influence]:
        """The training rows whose absence changes one evaluation row most, largest change first.

        Args:
            point: number of the evaluation row.
            count: how many.
        """
        def place(one: Influence) -> tuple[float, int]:
            middle = one.lower + one.upper
            return (-abs(middle) if isfinite(middle) else inf, one.row)  # what is not enclosed comes last

        return sorted(self.changes(point), key=place)[:count]

    def to_frame(self, point: int | None = None) -> Any:
        """A pandas DataFrame: for one evaluation row a line a training row; else a line a pair, with every output.

        Args:
            point: number of an evaluation row; None: all pairs of rows.

        Raises:
            InputError: pandas is not installed, or there is no such row.
        """
        try:
            pandas = import_module("pandas")
        except ImportError:
            raise InputError("to_frame", "pandas is not installed", "run pip install pandas, or use lower and upper",
                             ) from None
        if point is not None:
            every = self.changes(point)
            members = {name: [getattr(one, name) for one in every] for name in ("lower", "upper", "direction")}
            return pandas.DataFrame(members, index=pandas.Index([one.row for one in every], name="row"))
        r, N, k = self.lower.shape
        levels = [self.rows.tolist(), range(N), range(k)]
        index = pandas.MultiIndex.from_product(levels, names=("row", "point", "output"))
        return pandas.DataFrame({"lower": self.lower.ravel(), "upper": self.upper.ravel()}, index=index)

    def __repr__(self) -> str:
        r, N, k = self.lower.shape
        return f"LeaveOneOut({r} rows, each left out: {N} evaluation rows, {k} {'output' if k == 1 else 'outputs'})"

    def _largest(self, point: int) -> list[int]:
        """The output that is the largest of an evaluation row after training on all rows; all that may be it."""
        low, high = self.base_lower[point], self.base_upper[point]
        return [int(c) for c in np.flatnonzero(high >= low.max())]

    def _changes(self, point: int, read: Callable[[Array, Array], tuple[Array, Array]]) -> tuple[Array, Array]:
        """Ends of what leaving out each row adds to a number that is read off the outputs of an evaluation row."""
        low, high = read(self.lower[:, point], self.upper[:, point])
        old_low, old_high = read(self.base_lower[None, point], self.base_upper[None, point])
        with np.errstate(invalid="ignore"):
            return _below(low - old_high[0]), _above(high - old_low[0])


def _alone(low: Array, high: Array) -> tuple[Array, Array]:
    """Ends of the one output, for ends `(r, 1)` of outputs."""
    return low[:, 0], high[:, 0]


def _lead(low: Array, high: Array, own: int) -> tuple[Array, Array]:
    """Ends of an output less the largest of the others, for ends `(r, k)` of outputs."""
    with np.errstate(invalid="ignore"):
        return (_below(low[:, own] - np.delete(high, own, axis=1).max(axis=1)),
                _above(high[:, own] - np.delete(low, own, axis=1).max(axis=1)))


def _below(x: Array) -> Array:
    return np.asarray(np.where(np.isnan(x), -np.inf, np.nextafter(x, -np.inf)))


def _above(x: Array) -> Array:
    return np.asarray(np.where(np.isnan(x), np.inf, np.nextafter(x, np.inf)))


def leave_one_out(problem: Problem, X_eval: Any, *, groups: Any = None, progress: Progress | None = None,
                  ) -> LeaveOneOut:
    """The outputs of every evaluation row after the model is trained again without each row in turn, enclosed.

    Args:
        problem, X_eval, progress: as of :func:`certify.stable_predictions`.
        groups: none can be left out here; which of them flip a prediction others say.

    Raises:
        InputError: groups are given.
    """
    if groups is not None:
        raise InputError("groups", "given, and rows are left out one by one", "ask certify.stable_predictions(problem, "
                         "X_new, delete=1, groups=…) which predictions some one group flips (.witness(13).groups), or "
                         "certify.tolerated_changes(problem, X_new, 'delete', groups=…) how many groups each survives")
    tell_of_lost(problem, RowChange(False, 1, tuple(problem.rows)))
    with told(progress) as tell:
        return left_out(problem, X_eval, tell)


def left_out(problem: Problem, X_eval: Any, tell: Progress, each: Each | None = None) -> LeaveOneOut:
    """The same, and every batch of refits shown to somebody.

    Args:
        problem, X_eval: as of :func:`leave_one_out`.
        tell: told the stage and the fraction done, also between the steps of a solver; it may raise.
        each: given the solver with its head, a batch of changes, and weights near their refits.
    """
    asked = asked_any(problem, X_eval, "delete", 1)
    head = head_of(asked)
    given, seen = head, centred(head)
    head = head if seen is None else seen.head  # the same outputs, from the middle of the rows
    rows = np.array(asked.rows, dtype=np.int64)
    ends = _by_one_hessian(head, rows, tell) if each is None and able(head) else None
    if each is None:  # an audit, which looks at every refit, says it in its certificates
        distance_of(given, problem.ended, None if ends is None or seen is not None else ends.whole)
    if ends is None:
        low, high, base = _one_by_one(head, rows, tell, each)
        return LeaveOneOut(low, high, rows, *base)
    without = np.flatnonzero(~(np.isfinite(ends.low) & np.isfinite(ends.high)).all(axis=(1, 2)))
    if len(without):
        ends.low[without], ends.high[without], _ = _one_by_one(head, rows[without], tell, None)
    return LeaveOneOut(ends.low, ends.high, rows, *ends.base)


def _one_by_one(head: Head, rows: Whole, tell: Progress, each: Each | None) -> tuple[Array, Array, tuple[Array, Array]]:
    """Ends without each row, every refit solved and enclosed by itself, and those with all rows."""
    refitter = Refitter(head)
    nothing = Choices(np.full((1, 0), NONE), np.full((1, 0), NONE))
    enclose = _Enclosed.of(head, refitter.V0)
    low, high = enclose.ends(nothing, refitter.V0[None])
    lows, highs, done = [], [], 0
    held, steps = max(1, (1 << 21) // (head.k * head.m)), -(-len(rows) // (TOLD * refitter.step))
    change, at_once = RowChange(False, 1, tuple(rows.tolist())), min(held, steps * refitter.step)
    for choices in choices_of(head, change, 1, at_once=at_once):
        share = done / len(rows)
        tell(ALONE, share)
        V = refitter.solve(choices, GOAL * head.mu()[0] if refitter.large else 0.0, partial(tell, ALONE, share))
        if each is not None:
            each(refitter, choices, V)
        some = enclose.ends(choices, V)
        if refitter.large:
            own = part(tell, share, share + len(choices) / len(rows))
            enclose.narrow(choices, some, refitter, partial(own, ALONE))
        lows.append(some[0])
        highs.append(some[1])
        done += len(choices)
    return np.concatenate(lows), np.concatenate(highs), (low[0], high[0])


def _by_one_hessian(head: Head, rows: Whole, tell: Progress) -> Ends | None:
    """By D1h, and the rows that it leaves wide by the curvature at their own refits (D1e)."""
    ends = each_left_out(head, rows, partial(tell, ALONE))
    if ends is None:
        return None
    for done, (place, V) in enumerate(zip(ends.wide.tolist(), ends.V, strict=True)):
        tell(WIDEST, done / len(ends.wide))
        one = Choices(rows[place].reshape(1, 1), np.array([[DELETED]]))
        low, high = _Enclosed.of(head, V).ends(one, V[None])
        if (high - low).max() < (ends.high[place] - ends.low[place]).max():
            ends.low[place], ends.high[place] = low[0], high[0]
    return ends


@dataclass(frozen=True, eq=False)
class _Enclosed:
    """Outputs after changes: by D1e where the intercept is free and the loss knows its curvature, else by D1a, D1b."""

    head: Head
    root: RootCurvature | None

    @staticmethod
    def of(head: Head, V: Array) -> _Enclosed:
        return _Enclosed(head, RootCurvature.of(head, V) if head.free_intercept and head.read_off else None)

    def ends(self, choices: Choices, V: Array) -> tuple[Array, Array]:
        """What lies within a distance of outputs; it holds the rounding of the difference (`Head.outputs`)."""
        if self.root is None:
            F, off = self.head.outputs(V, enclose_refits(self.head, choices, V))
            return F - off, F + off
        near = self.root.distances(choices, V)
        F, off = self.root.outputs(V, near)
        open_ = np.flatnonzero(~np.isfinite(near))
        if len(open_):
            part = Choices(choices.rows[open_], choices.codes[open_])
            F[open_], off[open_] = self.head.outputs(V[open_], enclose_refits(self.head, part, V[open_]))
        return F - off, F + off

    def narrow(self, choices: Choices, ends: tuple[Array, Array], refitter: Refitter,
               tell: Callable[[float], None]) -> None:
        """Solve those to the end, in place, whose outputs are known to less than `WIDE` of the largest at a row.

        Their own curvature is then the reference: where a row held much, that of the refit with it says little.
        """
        low, high = ends
        with np.errstate(all="ignore"):
            wide = (high - low) / np.abs(high + low).max(axis=2, keepdims=True)
        for b in np.flatnonzero(~(wide.max(axis=(1, 2)) <= WIDE)):
            tell(b / len(choices))
            one = choices.part(slice(b, b + 1))
            V = refitter.solve(one)
            own = self if self.root is None else _Enclosed.of(self.head, V[0])
            new = own.ends(one, V)
            if (new[1] - new[0]).max() < (high[b] - low[b]).max():
                low[b], high[b] = new[0][0], new[1][0]
