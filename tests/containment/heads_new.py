"""Attacks on heads with new rows (D11) and on how far refits move (D1d): searches and random changes against proofs."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
from flint import ctx

from certify.check.theorems.head.rows.changes import new_rows as check_kind
from certify.check.theorems.head.rows.changes.base import Labels
from certify.check.theorems.head.rows.head import BITS
from certify.check.theorems.head.rows.moves import measures
from certify.check.theorems.head.rows.moves.counted import check_all
from certify.check.theorems.head.rows.new_rows import energies as check_energies
from certify.check.theorems.head.rows.refitted.refit import distance
from certify.finders.head.new_rows.search import Sums, flips
from certify.finders.head.refits import Refitter
from certify.format.refusal import Invalid
from certify.format.words import By
from certify.systems.head.rows.change import DELETED, Choices, RowChange, choices_of
from certify.systems.head.rows.changes.new_rows import NewRows
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.refit import enclose_refits
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.moves import claims
from certify.theorems.head.rows.moves.measures import Distance, Measure, Outputs
from certify.theorems.head.rows.new_rows.survey import with_new
from certify.theorems.head.rows.survey import survey
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, Violation
from tests.families.heads import any_rows, ball_head, drawn_head
from tests.families.logistic_heads import stored

TRIED = 24
"""Random sets of new rows."""


def after(head: Head, change: NewRows, X: np.ndarray, labels: np.ndarray, gone: tuple[int, ...]) -> np.ndarray:
    """The proved label of every point at the refit, −1 where none is."""
    there = with_new(head, X, labels)
    kept = [i for i in range(there.n) if i not in gone]
    w = Sums(head, change).minimum(there.phi[kept], there.Y[kept, 0], head.V[0])
    rows = np.array([gone], dtype=np.int64).reshape(1, -1)
    return head.sides(w[None, None], enclose_refits(
        there, Choices(rows, np.full_like(rows, DELETED)), w[None, None]))[0][0]


def sets(rng: np.random.Generator, change: NewRows, n: int) -> list[tuple[np.ndarray, np.ndarray, tuple[int, ...]]]:
    """New rows, most of them at corners or all alike, with rows that go."""
    found = []
    for _ in range(TRIED):
        r, d = int(rng.integers(1, change.added + 1)), len(change.low)
        inner = rng.uniform(change.low, change.high, (r, d))
        corner = np.where(rng.random((r, d)) < 0.5, change.low, change.high)
        X = np.where(rng.random((r, d)) < 0.8, corner, inner)
        labels = rng.integers(0, 2, r)
        if rng.random() < 0.5:
            X, labels = np.repeat(X[:1], r, axis=0), np.repeat(labels[:1], r)
        gone = rng.choice(n, int(rng.integers(0, change.deleted + 1)), replace=False)
        found.append((X, labels, tuple(int(i) for i in gone)))
    return found


@attack("heads_new_rows", "D11", slow=20)
def new_rows(rng: np.random.Generator) -> Outcome:
    """Scales, decays, free intercepts, none at all, and thin margins; the checker has to follow."""
    loss = str(rng.choice(["logistic", "squared"]))
    d = int(rng.integers(1, 4))
    head = drawn_head(rng, loss, n=int(rng.integers(6, 20)), d=d, N=6, decay=float(10.0 ** rng.uniform(-4, 1)),
                      scale=float(10.0 ** rng.choice([-2.0, 0.0, 0.0, 2.0])), apart=float(rng.uniform(0, 4)))
    bare = bool(rng.random() < 0.3)
    if bare:  # no intercept at all
        head = replace(head, phi=head.phi[:, :d], points=head.points[:, :d], V=head.V[:, :d], decayed=np.ones(d, bool))
        head = replace(head, V=Refitter(head).V0)
    f = head.points @ head.V[0]
    if rng.random() < 0.3:
        head = replace(head, threshold=float(f[0] * (1 + 10.0 ** -rng.uniform(1, 12))))
    X = head.phi[:, :d]
    low, high = X.min(axis=0), X.max(axis=0)
    middle, shrink = (low + high) / 2, float(10.0 ** rng.uniform(-3, 0.2))
    added = int(rng.integers(1, 4))
    change = NewRows(added if rng.random() < 0.4 else 0, added, tuple(range(head.n)), middle + shrink * (low - middle),
                     middle + shrink * (high - middle))
    found = survey(head, change, 30.0)
    if (found.proved & found.attacked).any():
        raise Violation("a point is proved to stay and to be flipped")
    if not found.proved.any():
        return "refused"
    tried = sets(rng, change, head.n)
    search = flips(head, change, np.flatnonzero(found.proved), lambda: 9.0)
    tried += [(x, c, gone) for _, x, c, gone, _ in islice(search, 4)]
    for new, labels, gone in tried:
        label = after(head, change, new, labels, gone)
        if (found.proved & (label >= 0) & (label != head.today)).any():
            raise Violation(f"{loss}: {change.words} flips a point that is proved to stay")
    with ctx.workprec(BITS):
        ball = replace(ball_head(head, RowChange(False, 1, change.rows)), biased=not bare)
        kind = check_kind.NewRows(Labels(head.label.tolist(), 2), change.deleted, added, change.rows,
                                  tuple(change.low.tolist()), tuple(change.high.tolist()))
        arrays = stored(dict(found.parts["new_rows"].arrays))
        own = check_energies.proved(replace(ball, kind=kind), arrays, "it", found.proved.tolist())
    if [yes and not own[j] for j, yes in enumerate(found.proved.tolist())].count(True):
        raise Violation(f"{loss}: the checker refuses what the prover states")
    return "decided"


@attack("heads_motions", "D1", slow=20)
def motions(rng: np.random.Generator) -> Outcome:
    """Random choices of rows move refits no farther than is proved, and the checker follows."""
    loss = str(rng.choice(["logistic", "logistic", "squared", "cross_entropy"]))
    relabels = bool(rng.random() < 0.5)
    head = drawn_head(rng, loss, n=int(rng.integers(6, 14)), d=int(rng.integers(1, 3)), N=4,
                      free=False if loss == "cross_entropy" else None, decay=float(10.0 ** rng.uniform(-4, 1)),
                      scale=float(10.0 ** rng.choice([-2.0, 0.0, 0.0, 2.0])),
                      remaining=bool(rng.random() < 0.5) and not relabels)
    change, kind = any_rows(head, 2, relabels), (Distance, Outputs)[int(rng.integers(2))]
    found = claims.reach(head, change, kind, Budget(30.0))
    if found is None or found.by is not By.COUNTED:
        return "refused"
    refitter, measure = Refitter(head), found.farther.measure
    for choices in change.every(head):
        V = refitter.newton(choices, np.repeat(refitter.V0[None], len(choices), axis=0))
        low, high = measure.ends(V, enclose_refits(head, choices, V))
        if (low > found.upper).any():
            raise Violation(f"{loss}: {change.words} moves by {low.max()!r}, and {found.upper!r} is stated")
        if found.farther.best.low > high.max() and len(choices.rows[0]) == 2 and not np.isinf(high).any():
            farther = max(high.max(), *(_most(head, change, measure, size) for size in (0, 1)))
            if found.farther.best.low > farther:
                raise Violation(f"{loss}: {found.farther.best.low!r} is stated to be reached, and {farther!r} is most")
    with ctx.workprec(BITS):
        ball, flat = ball_head(head, change), measure.today.ravel().tolist()
        own = measures.MEASURES["distance" if kind is Distance else "prediction_change"](
            ball, flat, distance(ball, (), flat, ball.outputs(flat)))
        try:
            check_all(own, found.upper, stored({"weights": found.arrays["counted.weights"]}), "it")
        except Invalid as refused:
            raise Violation(f"{loss}: the checker refuses what the prover states: {refused}") from None
    return "decided"


def _most(head: Head, change: RowChange, measure: Measure, size: int) -> float:
    """The upper end of the motions of changes of so many rows."""
    refitter, most = Refitter(head), 0.0
    for choices in choices_of(head, change, size):
        V = refitter.newton(choices, np.repeat(refitter.V0[None], len(choices), axis=0))
        most = max(most, float(measure.ends(V, enclose_refits(head, choices, V))[1].max()))
    return most
