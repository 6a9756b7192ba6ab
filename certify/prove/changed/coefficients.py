"""The range of every weight of a head, or of stated combinations, under every choice of changed rows."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import replace as replaced
from decimal import Decimal
from importlib import import_module
from typing import Any

import numpy as np

from certify.finders.head.refits import Refitter
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
from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.change import NONE, RowChange, choices_of
from certify.systems.head.rows.head import Head, Whole
from certify.systems.head.rows.of_problem import head_of
from certify.systems.head.rows.refit import enclose_refits
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.moves.boxed_ranges import boxed_ranges

LEAVES = 2_000_000
"""Most refits."""
AT_ONCE = 1 << 21
"""Numbers of the weights of a batch."""

Rows = tuple[int, ...]


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
        return (f"Coefficients(any {self.count} {rows} {VERBS[self.kind]}: {kept} of {q} proved to keep their sign, "
                f"{lost} proved to lose it)")


def coefficients(
    problem: Problem, *, delete: int | None = None, relabel: int | None = None, combinations: Any = None,
    seconds: float = 60.0, progress: Progress | None = None,
) -> Coefficients:
    """The range of every weight of a convex head when any `delete` rows are left out or any `relabel` relabelled.

    Every choice of rows is refitted and enclosed where the choices are few enough to be counted out; else, of the
    logistic loss, trees of boxes bound what any choice does (D6), and one choice is refitted for each end. With
    cross-entropy and an intercept without decay the intercepts are those whose sum is 0. Behind layers that stay as
    they are, and of a kernel, a weight is that of a feature which these make, and not of a column.

    Args:
        problem: as of :func:`certify.stable_predictions`.
        delete, relabel: one of them.
        combinations: `(q, k·m)` numbers, each row a combination of the weights, output by output, each with its
            intercept last where there is one; None: every weight alone.
        seconds: time for the trees; with less of it fewer numbers are bounded, the others stay infinite.
        progress: told the stage and the fraction done.

    Raises:
        InputError: there are too many choices, or combinations of another shape.
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
    leaves = sum(change.choices(head, size) for size in range(count + 1))
    if leaves > LEAVES:
        boxed = boxed_ranges(head, change, A, Budget(seconds)) if head.k == 1 else None
        if boxed is not None:
            return Coefficients(kind, count, names, A @ head.V[0], boxed.lower, boxed.upper, boxed.reached_lower,
                                boxed.reached_upper, boxed.lower_rows, boxed.upper_rows)
        raise InputError(kind, f"{count}, which has {Decimal(leaves):.1e} choices of rows, and {LEAVES:.0e} can be "
                         "refitted", "give fewer rows")
    ranges, refitter, done = _Ranges(A, head), Refitter(head), 0
    with told(progress) as tell:
        for size in range(count + 1):
            for choices in choices_of(head, change, size, at_once=max(1, AT_ONCE // (head.k * max(head.m, head.n)))):
                tell("refitting", done / leaves)
                V = refitter.solve(choices)
                ranges.take(choices.rows, V, enclose_refits(head, choices, V))
                done += len(choices)
    return Coefficients(kind, count, names, ranges.at(head.V[None])[0][0], ranges.low, ranges.high, ranges.reached_low,
                        ranges.reached_high, tuple(ranges.low_rows), tuple(ranges.high_rows))


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


class _Ranges:
    """Smallest and largest values so far, each between what is proved and what is reached.

    Args:
        A: `(q, km)` combinations.
        head: the head.
    """

    def __init__(self, A: Array, head: Head) -> None:
        self.A, self.centred = A, head.free_intercept and head.loss.shifted
        q = len(A)
        self.norm = np.asarray(fp.row_norms(A) * RAISE)
        self.low, self.high = np.full(q, np.inf), np.full(q, -np.inf)
        self.reached_low, self.reached_high = np.full(q, np.inf), np.full(q, -np.inf)
        self.low_rows: list[Rows] = [()] * q
        self.high_rows: list[Rows] = [()] * q

    def at(self, V: Array) -> tuple[Array, Array]:
        """`(B, q)` the combinations of a batch of weights, and bounds of their rounding."""
        B, k, m = V.shape
        W, slack = V, np.zeros(B)
        if self.centred:  # the sum of the intercepts is free: those whose sum is 0
            mean = V[..., -1].mean(axis=1)
            W = V.copy()
            W[..., -1] -= mean[:, None]
            slack = (np.abs(V[..., -1]).sum(axis=1) + np.abs(W[..., -1]).sum(axis=1)) * (k + 8) * U * np.sqrt(k)
        flat = W.reshape(B, k * m)
        size = np.sqrt(np.einsum("bx,bx->b", flat, flat)) * fp.sum_up(k * m) + fp.FLOOR
        off = self.norm[None, :] * (fp.dot_unit(k * m) * size + slack)[:, None] * RAISE + fp.FLOOR
        return np.asarray(flat @ self.A.T), off

    def take(self, rows: Whole, V: Array, radius: Array) -> None:
        """Widen the ranges by the refits of a batch of changes, each within its radius."""
        mid, off = self.at(V)
        with np.errstate(all="ignore"):
            off = (off + self.norm[None, :] * radius[:, None]) * RAISE + 4 * U * np.abs(mid) + fp.FLOOR
            off = np.where(np.isfinite(off) & np.isfinite(mid), off, np.inf)
            mid = np.where(np.isfinite(mid), mid, 0.0)
            low, high = mid - off, mid + off
        self.low, self.high = np.minimum(self.low, low.min(axis=0)), np.maximum(self.high, high.max(axis=0))
        for j, (a, b) in enumerate(zip(high.argmin(axis=0), low.argmax(axis=0), strict=True)):
            if high[a, j] < self.reached_low[j]:
                self.reached_low[j], self.low_rows[j] = high[a, j], _rows(rows[a])
            if low[b, j] > self.reached_high[j]:
                self.reached_high[j], self.high_rows[j] = low[b, j], _rows(rows[b])


def _rows(rows: Whole) -> Rows:
    return tuple(int(row) for row in rows if row != NONE)
