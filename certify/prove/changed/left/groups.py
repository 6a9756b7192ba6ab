"""What every output becomes when each group of training rows in turn is left out, and which groups matter most."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from certify.finders.head.refits import Refitter
from certify.format.errors import InputError
from certify.problem.problem import Problem
from certify.problem.progress import Progress
from certify.prove.changed.group_labels import group_numbers, labels_of
from certify.prove.changed.left.leads import direction
from certify.prove.changed.left.outputs import EnclosedOutputs
from certify.prove.changed.left.ranked import Ranked
from certify.prove.rows import asked_of
from certify.prove.rows_asked import asked_change
from certify.rigor.fp import Array
from certify.systems.head.rows.centred import centred
from certify.systems.head.rows.change import DELETED, NONE, Choices
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.of_problem import head_of

STAGE = "leaving each group out"

TOLD = 20
"""Batches at least, so that the part that is done is told."""

PLACES = 1 << 22
"""Most numbers of rows in a batch."""


@dataclass(frozen=True)
class GroupInfluence:
    """What leaving out all rows of one group does to one evaluation row.

    Attributes:
        group: its name, as it was given.
        rows: numbers of its training rows.
        lower, upper: ends of the change of the output (of several: of the lead of today's label over the largest
            of the others, whichever that is after training again).
        direction: ``"raises"`` or ``"lowers"`` it, proved; ``"open"``: its sign is not proved.
    """

    group: Any
    rows: tuple[int, ...]
    lower: float
    upper: float
    direction: str


@dataclass(frozen=True, eq=False)
class LeaveGroupsOut(Ranked[GroupInfluence]):
    """The outputs of every evaluation row after each group is left out with all its rows: `lower ≤ output ≤ upper`.

    With the cross-entropy and an intercept without decay the outputs of one evaluation row are determined up to one
    number that is added to all of them; they are then those of one of the refits.

    Attributes:
        lower, upper: `(g, N, k)`, one for each group; infinite where nothing is proved.
        groups: the `g` names, in the order of their first rows.
        members: the rows of each.
        base_lower, base_upper: `(N, k)` the outputs after training to the exact minimum on all rows.
    """

    lower: Array
    upper: Array
    groups: tuple[Any, ...]
    members: tuple[tuple[int, ...], ...]
    base_lower: Array
    base_upper: Array

    def changes(self, point: int) -> list[GroupInfluence]:
        """What leaving out each group changes at one evaluation row, in the order of the groups.

        Of one output its change; of several the change of the lead of today's label, as in
        :meth:`certify.prove.changed.leave_one_out.LeaveOneOut.changes`.

        Args:
            point: number of the evaluation row.
        """
        low, high = self.ends(point)
        return [GroupInfluence(group, rows, a, b, direction(a, b)) for group, rows, a, b in zip(
            self.groups, self.members, low.tolist(), high.tolist(), strict=True)]

    def _left_out(self) -> tuple[str, list[Any]]:
        return "group", list(self.groups)

    def _columns(self) -> dict[str, list[int]]:
        return {"rows": list(map(len, self.members))}

    def __repr__(self) -> str:
        return self._shown(f"{len(self.members)} groups of {sum(map(len, self.members))} rows")


def asked_groups(problem: Problem, X_eval: Any, groups: Any) -> Problem:
    """The question about any one group as a problem.

    Raises:
        InputError: all rows are of one group, or labels that are none.
    """
    if not group_numbers(groups, problem.n).any():
        raise InputError("groups", "one group, without whose rows none would be left", "give two groups or more")
    return asked_of(problem, X_eval, asked_change(problem, 1, None, groups, None))


def groups_left_out(asked: Problem, groups: Any, tell: Progress) -> LeaveGroupsOut:
    """Every group left out by itself, each refit solved and enclosed (D1a, D1b, D1e: of any set of deleted rows).

    Args:
        asked: as of :func:`asked_groups`.
        groups: the group of every row.
        tell: told the stage and the fraction done; it may raise.
    """
    head, members = head_of(asked), asked.together
    assert members is not None
    seen = centred(head)
    head = head if seen is None else seen.head  # the same outputs, from the middle of the rows
    refitter = Refitter(head)
    nothing = Choices(np.full((1, 0), NONE), np.full((1, 0), NONE))
    enclose = EnclosedOutputs.of(head, refitter.V0)
    base = enclose.ends(nothing, refitter.V0[None])
    shape = len(members), len(head.points), head.k
    low, high, done = np.full(shape, -np.inf), np.full(shape, np.inf), 0
    for at in _batches(head, refitter, members):
        tell(STAGE, done / len(members))
        choices = _without([members[g] for g in at])
        V = refitter.from_root(choices, partial(tell, STAGE, done / len(members)))
        some = enclose.ends(choices, V)
        enclose.narrow(choices, some, partial(_as_found, V))
        low[at], high[at] = some
        done += len(at)
    labels = labels_of(groups, asked.n)
    return LeaveGroupsOut(low, high, tuple(labels[rows[0]] for rows in members), members, base[0][0], base[1][0])


def _as_found(V: Array, b: int, one: Choices) -> Array:
    """The weights of one change of a batch, which are as near its refit as they get."""
    return V[b : b + 1]


def _without(members: list[tuple[int, ...]]) -> Choices:
    """The rows of each deleted."""
    rows = np.full((len(members), max(map(len, members))), NONE, dtype=np.int64)
    for b, some in enumerate(members):
        rows[b, :len(some)] = some
    return Choices(rows, np.full_like(rows, DELETED))


def _batches(head: Head, refitter: Refitter, members: tuple[tuple[int, ...], ...]) -> Iterator[list[int]]:
    """Numbers of groups, those of like size together, as many at a time as memory holds."""
    order = sorted(range(len(members)), key=lambda g: len(members[g]))
    step = max(1, min(refitter.step, (1 << 21) // (head.k * head.m), -(-len(order) // TOLD)))
    while order:
        longest = max(1, min(step, PLACES // len(members[order[-1]])))
        yield order[-longest:]
        order = order[:-longest]
