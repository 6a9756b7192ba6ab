"""The range of every weight of a head, or of stated combinations, under every choice of changed rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import replace as replaced
from decimal import Decimal
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

from certify.format.errors import InputError
from certify.format.words import Loss, Parameter
from certify.inputs.given import given_numbers
from certify.inputs.sklearn.front import Front
from certify.inputs.sklearn.wrapped import Prepared
from certify.network.network import Network
from certify.problem.problem import Problem
from certify.problem.progress import Progress, told
from certify.prove.changed.lost import tell_of_lost
from certify.prove.rows import VERBS, asked_any, distance_of, kind_of
from certify.rigor.fp import Array
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.of_problem import head_of
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.moves.both_ends import BothEnds, Rows
from certify.theorems.head.rows.moves.boxed import able
from certify.theorems.head.rows.moves.boxed_ranges import boxed_ranges
from certify.theorems.head.rows.moves.counted_ranges import Ranges, counted_ranges
from certify.theorems.head.rows.moves.searched_ranges import searched_ranges
from certify.theorems.head.rows.moves.squared_ranges import deleted_ranges, label_ranges

LEAVES, FEW = 2_000_000, 20_000
"""Most refits; and how many choices are refitted before anything else is asked."""


@dataclass(frozen=True, eq=False)
class Coefficients:
    """The smallest and the largest value of each number under all changes, none included, each between two ends.

    Attributes:
        kind: ``"delete"`` or ``"relabel"``.
        count: the most rows that change.
        names: of the numbers.
        today: `(q,)` at the given weights, about.
        lower, upper: `(q,)` no change takes the number below `lower` or above `upper`.
        reached_lower, reached_upper: `(q,)` some change takes it to `reached_lower` or below, and some to
            `reached_upper` or above.
        lower_rows, upper_rows: these changes.
        reason: why ends are missing, where some are infinite; else empty.
    """

    kind: str
    count: int
    names: tuple[str, ...]
    today: Array
    lower: Array
    upper: Array
    reached_lower: Array
    reached_upper: Array
    lower_rows: tuple[Rows, ...]
    upper_rows: tuple[Rows, ...]
    reason: str = ""

    @property
    def keeps_sign(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """`(q,)` whether the number has one sign under every change, proved."""
        return np.asarray((self.lower > 0) | (self.upper < 0))

    @property
    def loses_sign(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """`(q,)` whether two changes, or one and none, give it different signs, proved."""
        return np.asarray((self.reached_lower < 0) & (self.reached_upper > 0))

    def to_frame(self) -> Any:
        """A pandas DataFrame, a line a number: today, both ends of the range, and the rows that reach them.

        Raises:
            InputError: pandas is not installed.
        """
        try:
            pandas = import_module("pandas")
        except ImportError:
            raise InputError("to_frame", "pandas is not installed", "run pip install pandas, or use lower and upper",
                             ) from None
        members = ("today", "lower", "upper", "reached_lower", "reached_upper", "lower_rows", "upper_rows")
        return pandas.DataFrame({name: list(getattr(self, name)) for name in members},
                                index=pandas.Index(list(self.names), name="coefficient"))

    def __repr__(self) -> str:
        rows = "row" if self.count == 1 else "rows"
        q, kept, lost = len(self.names), int(self.keeps_sign.sum()), int(self.loses_sign.sum())
        said = (f"Coefficients(any {self.count} {rows} {VERBS[self.kind]}: {kept} of {q} proved to keep their sign, "
                f"{lost} proved to lose it)")
        open_ = int((~(np.isfinite(self.lower) & np.isfinite(self.upper))).sum())
        return f"{said}\n  {open_} without both ends: {self.reason}" if open_ else said


def coefficients(
    problem: Problem, *, delete: int | None = None, relabel: int | None = None, combinations: Any = None,
    seconds: float = 60.0, progress: Progress | None = None,
) -> Coefficients:
    """The range of every weight of a convex head when any `delete` rows are left out or any `relabel` relabelled.

    Every choice of rows is refitted and enclosed where these are few. Else, of the squared loss, wrong labels take one
    sort (D3), and of deleted rows trees bound how far any choice moves a number (D23; not where rows carry weights);
    of the logistic loss with one output trees of boxes do that (D6), after every choice is refitted if the time is
    enough, as for all other heads; and a choice that was found is refitted for each end. Where nothing bounds what all
    choices do (e.g. any 5 rows of a PoissonRegressor), ends are infinite, and what some rows do is proved all the same:
    `reached_lower`, `reached_upper`, and so which numbers lose their sign. With cross-entropy and an
    intercept without decay the intercepts are those whose sum is 0. Behind layers that stay as they are, and of a
    kernel, a weight is that of a feature which these make, and not of a column.

    Args:
        problem: as of :func:`certify.stable_predictions`.
        delete, relabel: one of them.
        combinations: `(q, k·m)` numbers, each row a combination of the weights, output by output, each with its
            intercept last where there is one; None: every weight alone.
        seconds: time; an end that is not proved by then is infinite, and `reason` says what would help.
        progress: told the stage and the fraction done.

    Raises:
        InputError: there are too many choices and combinations, or combinations of another shape.
        SpecError: no theorem answers.
    """
    if (delete is None) == (relabel is None):
        raise InputError("coefficients", "none or both kinds of changes", "give delete or relabel, one of them")
    kind, count = kind_of(delete=delete, relabel=relabel)
    linear = getattr(problem.network, "depth", 0) == 1
    if linear and problem.weight_decay == 0 and Loss(problem.loss).least_squares:
        raise InputError("coefficients", "plain least squares, whose solution without a penalty need not be stable",
                         "ask certify.sign_survives(X, y, column), which is for it, or fit Ridge with an alpha above 0")
    before = problem.prepare
    own = linear and (before is None or isinstance(before, Prepared | Front) and not before.of_rows)
    asked = asked_any(replaced(problem, prepare=None), problem.X[:1], kind, count)  # X is prepared already
    head, change = head_of(asked), RowChange(Parameter(asked.parameter).relabels, count, tuple(asked.rows))
    tell_of_lost(asked, change)
    distance_of(head, problem.ended)
    A, names = _functionals(head, combinations, asked, "input" if own else "feature")
    with told(progress) as tell:
        found = ranges(head, change, A, Budget(seconds), tell)
    if isinstance(found, str):
        raise InputError(kind, f"{count}, {found}", f"{'give' if count > 1 else 'fit to'} fewer rows")
    return Coefficients(kind, count, names, Ranges(A, head).at(head.V[None])[0][0], found.lower, found.upper,
                        found.reached_lower, found.reached_upper, found.lower_rows, found.upper_rows,
                        "" if found.bounded else _why(found, head, change, seconds))


def ranges(head: Head, change: RowChange, A: Array, budget: Budget,
           tell: Callable[[str, float], None] = lambda stage, done: None) -> BothEnds | str:
    """Both ends of every combination by what answers in the time; or why none of it is for so many choices.

    Few choices are all refitted. Of more the ways that count none come first, and all are refitted where a sign is
    open after that and the time is enough.

    Args:
        head, change: any rows of the head.
        A: `(q, km)` combinations.
        budget: the time.
        tell: told the stage and the fraction done.
    """
    leaves = sum(change.choices(head, size) for size in range(change.count + 1))
    few = leaves <= min(FEW, LEAVES)
    counted = partial(counted_ranges, tell=tell)
    found: BothEnds | None = None
    for way in [counted] * few + [label_ranges, deleted_ranges] + [counted] * (not few and leaves <= LEAVES) + [_boxed]:
        if found is not None and (budget.left() <= 0 or found.bounded and (few or found.signed)):
            break
        more = way(head, change, A, Budget(max(budget.left(), 0.0)))
        found = more if found is None else found if more is None else found.narrowed(more)
    if (found is None or not found.bounded) and budget.left() > 0:
        more = searched_ranges(head, change, A, Budget(budget.left()))
        found = more if found is None else found if more is None else found.narrowed(more)
    return found or f"which has {Decimal(leaves):.1e} choices of rows, and {LEAVES:.0e} can be refitted"


def _boxed(head: Head, change: RowChange, A: Array, budget: Budget) -> BothEnds | None:
    return boxed_ranges(head, change, A, budget) if head.k == 1 else None


def _why(found: BothEnds, head: Head, change: RowChange, seconds: float) -> str:
    """Why ends are missing, and what would help."""
    if found.needs > seconds:
        return f"to refit every choice takes about {found.needs:.0f} s, and there were {seconds:g}: give that many"
    if not head.loss.quadratic and not able(head, change):
        leaves = [sum(change.choices(head, size) for size in range(m + 1)) for m in range(change.count + 1)]
        how = "with some labels changed" if change.relabels else "without some rows"
        fewer = max(m for m, many in enumerate(leaves) if many <= LEAVES)
        return (f"of this model nothing but a refit of every choice says what the worst rows do, and there are "
                f"{Decimal(leaves[-1]):.1e} choices, of which {LEAVES:.0e} can be refitted; reached_lower and "
                f"reached_upper are proved, each by the refit {how}"
                + (f"; ask about {fewer} {'row' if fewer == 1 else 'rows'} or fewer" if fewer else ""))
    return f"trees did not bound them in the time: give more seconds{', or fewer rows' if change.count > 1 else ''}"


def _functionals(head: Head, given: Any, problem: Problem, what: str) -> tuple[Array, tuple[str, ...]]:
    """The combinations and their names; what layers before the last make of columns is called otherwise than these."""
    size = head.k * head.m
    if given is not None:
        A = np.atleast_2d(given_numbers(given, "combinations"))
        if A.ndim != 2 or A.shape[1] != size:
            raise InputError("combinations", f"shape {A.shape}", f"give (q, {size}) numbers, one for each weight")
        return A, tuple(f"combination {a}" for a in range(len(A)))
    net = problem.network
    assert isinstance(net, Network)
    biased = net.biases[-1] is not None
    named = problem.names if problem.names is not None and net.depth == 1 else None
    inputs = [*(named or (f"{what} {j}" for j in range(head.m - biased))), *["intercept"] * biased]
    return np.eye(size), tuple(one if head.k == 1 else f"{one}, output {c}" for c in range(head.k) for one in inputs)
