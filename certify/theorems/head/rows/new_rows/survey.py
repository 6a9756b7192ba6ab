"""Which predictions stay whatever new rows are there, and which some of them flip: both ends (D11)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from certify.finders.head.new_rows.corners import corner_flips
from certify.finders.head.new_rows.search import Sums, compositions, flips
from certify.rigor.finder import proposed
from certify.rigor.fp import Array
from certify.systems.head.rows.change import DELETED, NONE, Choices
from certify.systems.head.rows.changes.new_rows import NewRows
from certify.systems.head.rows.head import Head, Whole
from certify.systems.head.rows.refit import enclose_refits
from certify.theorems.head.rows.method import Budget, Flips, Mask, Part
from certify.theorems.head.rows.new_rows.energies import Energies, Robust

NAME, ATTACK, CORNERS = "new_rows", 0.5, 20.0
"""The method in certificates; share of the time for the search of new rows that flip; and seconds at most for that of
corners, once proofs have ended, for predictions that both leave open."""

Found = tuple[Array, Whole, tuple[int, ...], Array]
"""New rows, their codes, the rows that are left out, and weights near the refit."""
Search = Callable[[Head, NewRows, Whole, Callable[[], float]],
                  Iterable[tuple[int, Array, Whole, tuple[int, ...], Array]]]


@dataclass(frozen=True, eq=False)
class NewFlips(Flips):
    """Changes with new rows that flip predictions.

    Attributes:
        new: `(A, a, d)` features of the new rows.
        labels: `(A, a)` their codes; −1 where there is none.
    """

    new: Array
    labels: Whole


def refusal(head: Head, change: NewRows) -> str:
    """Why nothing is proved of new rows; empty where it is."""
    if head.k != 1 or not (head.loss.sigmoid or head.loss.quadratic):
        return (f"new rows are for one output with the logistic or the squared loss; here are {head.k} with the loss "
                f"{head.loss.name}")
    if head.remaining:
        return "new rows are for a loss divided by a fixed n: use normalization = \"fixed\""
    if head.phi_rad.any() or head.points_rad.any() or len(change.low) + (head.m > len(change.low)) != head.m:
        return "new rows are for a network of one layer: layers before the last one change what a row is"
    if head.weights is not None:
        return "new rows are for rows that count the same, and these carry weights"
    if head.codes is None:
        return "the targets stand for no labels, so that nothing says what a new row's target may be"
    return ""


def with_new(head: Head, X: Array, labels: Whole) -> Head:
    """The head with new rows, which the n of the decay does not count."""
    assert head.codes is not None and head.label is not None
    phi = np.hstack([X, np.ones((len(X), head.m - X.shape[1]))])
    return replace(head, phi=np.vstack([head.phi, phi]), phi_rad=np.append(head.phi_rad, np.zeros(len(X))),
                   Y=np.vstack([head.Y, head.codes[labels]]), label=np.append(head.label, labels),
                   new=head.new + len(X))


def surveyed(head: Head, change: NewRows, known: Mask, budget: Budget, tell: Callable[[str, float], None],
             ) -> tuple[Mask, Part | None, NewFlips]:
    """The points that stay, with what proves it; and those that are flipped.

    Args:
        head, change: with no refusal.
        known: `(N,)` the points whose label today is proved.
        budget: the time.
        tell: told the stage and the fraction done.
    """
    tell("new rows that flip", 0.0)
    kept: list[Found] = []
    point = np.full(len(head.points), -1)
    _flipped(head, change, np.flatnonzero(known), budget.share(ATTACK), flips, point, kept)
    open_ = known & (point < 0)
    tell("energies of new rows", float((~open_).mean()))
    proved, arrays = _proved(head, change, open_, budget)
    rest = np.flatnonzero(open_ & ~proved)
    if len(rest) and budget.left() > 0:
        tell("new rows at corners", float((~open_ | proved).mean()))
        _flipped(head, change, rest, Budget(min(budget.left(), CORNERS)), corner_flips, point, kept)
    return proved, Part(NAME, proved, arrays) if proved.any() else None, _in_one(head, change, point, kept)


def _flipped(head: Head, change: NewRows, points: Whole, budget: Budget, search: Search, point: Whole,
             kept: list[Found]) -> None:
    """Those that a search proposes, each proved by its refit (D1): added to `kept`, with their numbers in `point`."""
    for j, X, labels, gone, w in proposed(lambda: list(search(head, change, points, budget.left))) or ():
        if not change.holds(X) or not change.permits(head, (gone, (DELETED,) * len(gone))):
            continue
        there = with_new(head, X, labels)
        rows = np.array([gone], dtype=np.int64).reshape(1, -1)
        near = enclose_refits(there, Choices(rows, np.full_like(rows, DELETED)), w[None, None])
        side = head.sides(w[None, None], near)[0][0, j]
        if side >= 0 and side != head.today[j]:
            point[j] = len(kept)
            kept.append((X, labels, gone, w))


def _in_one(head: Head, change: NewRows, point: Whole, kept: Sequence[Found]) -> NewFlips:
    """All changes that were kept, in arrays of one width."""
    A, a, d = len(kept), change.added, len(change.low)
    new, codes = np.zeros((A, a, d)), np.full((A, a), NONE, dtype=np.int64)
    rows = np.full((A, change.deleted), NONE, dtype=np.int64)
    for at, (X, labels, gone, _) in enumerate(kept):
        new[at, : len(X)], codes[at, : len(X)], rows[at, : len(gone)] = X, labels, gone
    weights = np.array([w for *_, w in kept]).reshape(A, 1, head.m)
    return NewFlips(point, rows, np.full_like(rows, DELETED), weights, new, codes)


def _proved(head: Head, change: NewRows, open_: Mask, budget: Budget) -> tuple[Mask, dict[str, Array]]:
    """The points whose energy on the hyperplane is above what new rows can add."""
    sums, energies, proved = Sums(head, change), Energies(head, change), np.zeros_like(open_)
    at = np.zeros((len(head.points), head.m))
    assert head.codes is not None
    w0 = proposed(lambda: sums.minimum(head.phi, head.Y[:, 0], head.V[0]))
    if w0 is None or not np.isfinite(w0).all():
        return proved, {}
    robust: list[Robust] = []
    for labels in compositions(change.added, len(head.codes)):
        w = proposed(lambda some=labels: sums.robust(w0, some))  # type: ignore[misc]
        if budget.left() <= 0:
            return proved, {}
        robust.append(energies.robust(w0 if w is None or not np.isfinite(w).all() else w, labels))
    for j in np.flatnonzero(open_):
        if budget.left() <= 0:
            break
        side = 1.0 if head.today[j] == 1 else -1.0
        e, threshold = side * head.points[j], side * head.threshold
        w = proposed(lambda e=e, t=threshold: sums.minimum(head.phi, head.Y[:, 0], w0, e, t))  # type: ignore[misc]
        if w is not None and np.isfinite(w).all() and energies.stays(e, threshold, w, robust):
            proved[j], at[j] = True, w
    return proved, {"robust": np.array([r.w for r in robust]), "weights": at}
