"""Containment of D33 and D32: rows deleted and others relabelled at once, against every refit."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, product

import numpy as np

from certify.finders.head.plain import PlainRefits
from certify.rigor.fp import Array
from certify.systems.head.rows.change import DELETED, Choices, RowChange
from certify.systems.head.rows.changes.both import BothChange
from certify.systems.head.rows.head import Head, Whole
from certify.theorems.head.rows.both_refits.method import BothRefits
from certify.theorems.head.rows.both_refits.walk import margins
from certify.theorems.head.rows.both_squared.method import BothSquared
from certify.theorems.head.rows.both_sums.case import single_changes, single_steps
from certify.theorems.head.rows.both_sums.method import BothSums
from certify.theorems.head.rows.method import Budget, Mask, Method
from certify.theorems.head.rows.step_sums.bound import bound
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, Violation
from tests.families.heads import drawn_head
from tests.families.near_flips import cornered
from tests.families.other_heads import other_head

NEAR = 1e-7


class Grown(BothSums):
    """Sums of steps that grow their tree, however few choices there are."""

    quick = 0.0


def drawn(rng: np.random.Generator, loss: str) -> tuple[Head, BothChange]:
    """A head of few rows, a third of whose points lie near its border, and what may happen to some of its rows."""
    n, decay = int(rng.integers(8, 12)), float(10.0 ** rng.uniform(-1.5, 0.5))
    if loss == "logistic" and rng.random() < 0.3:
        head = other_head(rng, loss, n, 2, 15, None, None, 1.0, decay, weights=str(rng.choice(["rows", "labels"])))
    elif loss == "squared" and rng.random() < 0.3:
        head = cornered(rng, loss, n, 15, decay, remaining=bool(rng.random() < 0.4))
    else:
        head = drawn_head(rng, loss, n, int(rng.integers(1, 4)), 15, decay=decay, apart=float(rng.uniform(0, 5)),
                          remaining=bool(loss == "squared" and rng.random() < 0.4))
    if head.k == 1:
        w, points = head.V[0], head.points.copy()
        points[::3, :-1] -= np.outer((points[::3] @ w) * rng.uniform(0.6, 0.95, len(points[::3])),
                                     w[:-1]) / max(float(w[:-1] @ w[:-1]), 1e-300)
        head = replace(head, points=points, threshold=float(rng.choice([0.0, 0.1 * rng.normal()])))
    assert head.label is not None
    may = np.arange(n)
    if head.free_intercept:  # a row of each label stays
        may = np.setdiff1d(may, [int(np.flatnonzero(head.label == label)[0]) for label in np.unique(head.label)])
    rows = np.sort(rng.choice(may, int(rng.integers(4, len(may) + 1)), replace=False)).tolist()
    return head, BothChange(*(int(x) for x in 1 + (rng.random(2) < 0.3)), tuple(rows))


def every_choice(head: Head, change: BothChange) -> list[Choices]:
    """All choices, those of as many rows together: counted out here, and not by the change itself."""
    found: dict[int, list[tuple[list[int], list[int]]]] = {}
    codes = {row: RowChange(True, 1, change.rows).alternatives(head, row) for row in change.rows}
    for d, r in product(range(change.deleted + 1), range(change.relabelled + 1)):
        for rows in combinations(change.rows, d + r):
            for gone in combinations(rows, d):
                new = [row for row in rows if row not in gone]
                for become in product(*(codes[row] for row in new)):
                    found.setdefault(d + r, []).append(([*gone, *new], [DELETED] * d + list(become)))
    return [Choices(*(np.array(part, dtype=np.int64).reshape(len(some), size)
                      for part in zip(*some, strict=True))) for size, some in found.items()]


def refitted(head: Head, choices: list[Choices]) -> tuple[list[Array], Array]:
    """Weights of every refit, and `(N,)` the least margin of every point over all of them, both in floats."""
    plain = PlainRefits(head)
    V = [plain.newton(some, np.repeat(head.V[None], len(some), axis=0)) for some in choices]
    least = np.min([margins(head, W, np.arange(len(head.points))).min(axis=1) for W in V], axis=0)
    return V, least


def judged(method: Method, head: Head, change: BothChange, least: Array) -> Mask:
    """The points that a method proves; whatever it says is held against the margins of all refits."""
    part = method.prove(head, change, head.today >= 0, Budget())
    assert part is not None and part.flips is not None
    if (part.proved & (least < -NEAR)).any():
        raise Violation(f"{method.name} says of a point that it stays, and a choice flips it")
    if ((part.flips.point >= 0) & (least > NEAR)).any():
        raise Violation(f"{method.name} says of a point that it flips, and it stays")
    allowed = [change.permits(head, (tuple(r[r >= 0].tolist()), tuple(c[r >= 0].tolist())))
               for r, c in zip(part.flips.rows, part.flips.codes, strict=True)]
    if not all(allowed):
        raise Violation(f"{method.name} names a choice that is not asked about")
    return part.proved


def distances(head: Head, change: BothChange, choices: list[Choices], V: list[Array]) -> bool:
    """Whether the bound of sums of steps (D33) holds any choice; each refit has to be as near as is said."""
    single, kinds = single_changes(head, change)
    st = single_steps(head, single, lambda: None)
    b = None if st is None else bound(st, kinds)
    if b is None:
        return False
    numbers = {(int(row), int(code)): f for f, (row, code) in enumerate(
        zip(single.rows[:, 0], single.codes[:, 0], strict=True))}
    A = np.linalg.inv(b.X)
    for some, W in zip(choices, V, strict=True):
        which: Whole = np.array([[numbers[pair] for pair in zip(*one, strict=True)] for one in
                                 zip(some.rows.tolist(), some.codes.tolist(), strict=True)], dtype=np.int64)
        if which.size:
            away = W[:, 0] - b.steps.w - b.steps.delta[which].sum(axis=1)
            size = np.sqrt(np.maximum(np.einsum("bi,ij,bj->b", away, A, away), 0.0))
            if (size > b.far(which) * (1 + NEAR) + NEAR).any():
                raise Violation("a refit lies farther from the sum of its steps than was said")
    return True


@attack("changed_rows_both", "D33", "D32", slow=10)
def changed_rows_both(rng: np.random.Generator) -> Outcome:
    """Up to two rows deleted and up to two others relabelled: every point, and every distance that is stated."""
    loss = str(rng.choice(["logistic", "logistic", "squared", "cross_entropy"]))
    head, change = drawn(rng, loss)
    able = [method for method in (Grown(), BothRefits(), BothSquared()) if not method.able(head, change)]
    if not able:
        return "refused"
    choices = every_choice(head, change)
    V, least = refitted(head, choices)
    said = any(judged(method, head, change, least).any() for method in able)
    held = BothSums().name in [method.name for method in able] and distances(head, change, choices, V)
    return "decided" if said or held else "refused"
