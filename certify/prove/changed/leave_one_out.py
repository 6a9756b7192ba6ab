"""What every output becomes when each training row in turn is left out, enclosed, and which rows matter most."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, overload

import numpy as np

from certify.finders.head.refits import Refitter
from certify.problem.problem import Problem
from certify.problem.progress import Progress, part, told
from certify.prove.changed.each_row import Ends, able, each_left_out
from certify.prove.changed.left.groups import LeaveGroupsOut, asked_groups, groups_left_out
from certify.prove.changed.left.leads import direction
from certify.prove.changed.left.outputs import EnclosedOutputs
from certify.prove.changed.left.ranked import Ranked
from certify.prove.changed.lost import tell_of_lost
from certify.prove.rows import asked_any, distance_of
from certify.rigor.fp import Array
from certify.systems.head.rows.centred import centred
from certify.systems.head.rows.change import DELETED, NONE, Choices, RowChange, choices_of
from certify.systems.head.rows.changes.groups import GroupChange
from certify.systems.head.rows.head import Head, Whole
from certify.systems.head.rows.of_problem import head_of

GOAL = 1e-7
"""Of μ: the length of a gradient that is short enough where every step with a large head takes long."""

ALONE, WIDEST = "leaving each row out", "once more the rows whose absence is known least"
TOLD = 20
"""Batches at least, so that the part that is done is told, where several are solved one after the other anyway."""

Each = Callable[[Refitter, Choices, Array], None]
"""Somebody who is shown refits."""


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
class LeaveOneOut(Ranked[Influence]):
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
        return [Influence(row, a, b, direction(a, b))
                for row, a, b in zip(self.rows.tolist(), low.tolist(), high.tolist(), strict=True)]

    def _left_out(self) -> tuple[str, list[int]]:
        return "row", self.rows.tolist()

    def __repr__(self) -> str:
        return self._shown(f"{len(self.rows)} rows")


@overload
def leave_one_out(problem: Problem, X_eval: Any, *, groups: None = None, progress: Progress | None = None,
                  ) -> LeaveOneOut: ...


@overload
def leave_one_out(problem: Problem, X_eval: Any, *, groups: Any, progress: Progress | None = None,
                  ) -> LeaveGroupsOut: ...


def leave_one_out(problem: Problem, X_eval: Any, *, groups: Any = None, progress: Progress | None = None,
                  ) -> LeaveOneOut | LeaveGroupsOut:
    """The outputs of every evaluation row after the model is trained again without each row in turn, enclosed.

    With `groups` each group is left out in turn, with all its rows: `.lower` and `.upper` have a first axis of groups,
    and `.most_influential(13)` names the groups that move a prediction most.

    Args:
        problem, X_eval, progress: as of :func:`certify.stable_predictions`.
        groups: the group of every row, e.g. its user or source; None: rows are left out one by one.

    Raises:
        InputError: all rows are of one group, or labels of groups that are none.
    """
    if groups is not None:
        asked = asked_groups(problem, X_eval, groups)
        assert asked.together is not None
        tell_of_lost(problem, GroupChange(False, 1, asked.together))
        distance_of(head_of(asked), problem.ended)
        with told(progress) as tell:
            return groups_left_out(asked, groups, tell)
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
    enclose = EnclosedOutputs.of(head, refitter.V0)
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
            enclose.narrow(choices, some, partial(_to_the_end, refitter, partial(own, ALONE), len(choices)))
        lows.append(some[0])
        highs.append(some[1])
        done += len(choices)
    return np.concatenate(lows), np.concatenate(highs), (low[0], high[0])


def _to_the_end(refitter: Refitter, tell: Callable[[float], None], of: int, place: int, one: Choices) -> Array:
    """Weights as near a refit as rounding lets them be."""
    tell(place / of)
    return refitter.solve(one)


def _by_one_hessian(head: Head, rows: Whole, tell: Progress) -> Ends | None:
    """By D1h, and the rows that it leaves wide by the curvature at their own refits (D1e)."""
    ends = each_left_out(head, rows, partial(tell, ALONE))
    if ends is None:
        return None
    for done, (where, V) in enumerate(zip(ends.wide.tolist(), ends.V, strict=True)):
        tell(WIDEST, done / len(ends.wide))
        one = Choices(rows[where].reshape(1, 1), np.array([[DELETED]]))
        low, high = EnclosedOutputs.of(head, V).ends(one, V[None])
        if (high - low).max() < (ends.high[where] - ends.low[where]).max():
            ends.low[where], ends.high[where] = low[0], high[0]
    return ends
