"""Attack on the checker's refits in whole numbers (D2), and on one refit in balls and by the prover (D1).

No refit is farther from its weights than is said, and no label is kept that is another one. A case is a head, changes
of equally many rows and weights. The truth is each refit in 600 bits, started near them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import exp, floor
from typing import Any

import numpy as np
from flint import arb, ctx

from certify.check.linalg.balls import norm
from certify.check.theorems.head.rows.head import BITS, Head
from certify.check.theorems.head.rows.refitted.packed import CELL, RADIUS, SLOPE, Change, Packed, Refits, V, fits
from certify.check.theorems.head.rows.refitted.packed_softmax import PackedSoftmax
from certify.check.theorems.head.rows.refitted.refit import distance
from certify.systems.head.rows.change import Choices
from certify.systems.head.rows.head import Head as Given
from certify.systems.head.rows.losses import HEAD_LOSSES
from certify.systems.head.rows.refit import enclose_refits
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, Violation
from tests.families.heads import any_rows, ball_head
from tests.oracles import row_refits_exact as exact
from tests.oracles.row_refits import Problem

NEAR = (1e-7, 1e-5, 1e-4, 1e-3, 1e-2, 0.1)
"""Of the length of a refit: how far from it weights are drawn."""


@dataclass(frozen=True, eq=False)
class Case:
    """Weights for changes of a head of which no points are asked, or some.

    Attributes:
        head: the head.
        relabels: what the changes do.
        changes: of equally many rows.
        weights: of each.
        today: labels that are said to be those of today; None: those at the first weights.
    """

    head: Given
    relabels: bool
    changes: Sequence[Change]
    weights: Sequence[Sequence[float]]
    today: tuple[int, ...] | None = None


def given(loss: str, X: Any, label: Sequence[int], decay: float, points: Any = ((1.0, 0.0),), k: int = 1,
          remaining: bool = False, free: bool = False, threshold: float = 0.0) -> Given:
    """A head from plain numbers; an intercept without decay is a last column of ones. Its given weights are zeros."""
    phi, seen = np.array(X, dtype=np.float64), np.array(points, dtype=np.float64)
    codes = np.eye(k) if k > 1 else np.array([[-1.0], [1.0]])
    decayed = np.ones(phi.shape[1], dtype=bool)
    decayed[-1] = not free
    own = np.array(label, dtype=np.int64)
    return Given(phi, np.zeros(len(phi)), codes[own], codes, own, HEAD_LOSSES[loss], np.zeros((k, phi.shape[1])), decay,
                 decayed, remaining, seen, np.zeros(len(seen)), threshold)


def problem(head: Given) -> Problem:
    """The same for the oracle."""
    return Problem(head.loss.name, head.phi, head.Y, head.codes, head.label, head.weight_decay, head.decayed,
                   head.remaining)


def refit(head: Given, change: Change, start: Sequence[float]) -> list[arb] | None:
    """The refit in 600 bits, None where none is found."""
    if not problem(head).unique(change):
        return None
    with ctx.workprec(exact.BITS):
        return exact.refit(problem(head), change, np.array(start))


def require(case: Case) -> float:
    """The largest share of a stated distance that is needed.

    Raises:
        Violation: it is above 1, or a label is kept that is another one.
    """
    with ctx.workprec(BITS):
        head = ball_head(case.head, any_rows(case.head, len(case.changes[0]), case.relabels))
        head = _of_today(head, case)
        assert fits(head)
        packed = Packed(head) if head.k == 1 else PackedSoftmax(head)
        radii: list[int | None] = [None] * len(case.changes)
        decided = packed._decided

        def listening(first: Any, *more: Any) -> list[bool]:
            radii[:] = first.radii if isinstance(first, Refits) else more[0]
            return decided(first, *more)

        packed._decided = listening  # type: ignore[method-assign]
        balls = [_in_balls(head, change, weights) for change, weights in zip(case.changes, case.weights, strict=True)]
        kept = {j: packed.keep(case.changes, case.weights, [j]) for j, a in enumerate(head.today) if a >= 0}
    said = _by_prover(case)
    share = 0.0
    for b, (change, weights) in enumerate(zip(case.changes, case.weights, strict=True)):
        found = refit(case.head, change, weights)
        if found is None:
            continue
        with ctx.workprec(exact.BITS):
            if (r := radii[b]) is not None:
                part = _distance(case.head, found, weights) * 2**RADIUS / r
                share = max(share, float(part))
                if not part < 1:
                    raise Violation(f"a refit is {float(part):.6f} of its distance away: {case}")
            part = _distance(case.head, found, weights, None) / balls[b]
            if balls[b].is_finite() and part > 1:
                raise Violation(f"a refit is {float(part):.6f} of its distance in balls away: {case}")
            if np.isfinite(said[b]) and _distance(case.head, found, weights, None) > float(said[b]):
                raise Violation(f"a refit is farther away than the prover says: {case}")
            for j, each in kept.items():
                if each[b] and not _stays(case.head, found, j, head.today[j]):
                    raise Violation(f"the label of point {j} is kept after {change}, which it is not: {case}")
    return share


def _of_today(head: Head, case: Case) -> Head:
    """With the labels at the first weights as those of today, which a liar would ask for."""
    if case.today is not None:
        return replace(head, today=list(case.today))
    V0 = np.array(case.weights[0]).reshape(head.k, head.m)
    out = case.head.points @ V0.T
    today = (out[:, 0] > head.threshold).astype(int) if head.k == 1 else out.argmax(axis=1)
    return replace(head, today=today.tolist())


def _by_prover(case: Case) -> np.ndarray:
    """The distances of the prover."""
    B, (k, m), size = len(case.changes), case.head.V.shape, len(case.changes[0])
    pairs = np.array(case.changes, dtype=np.int64).reshape(B, size, 2)
    return enclose_refits(case.head, Choices(pairs[..., 0], pairs[..., 1]), np.array(case.weights).reshape(B, k, m))


def _in_balls(head: Head, change: Change, weights: Sequence[float]) -> arb:
    """The distance by the other check, infinite where there is none."""
    return distance(head, change, weights, head.outputs(list(weights)))


def _distance(head: Given, found: list[arb], weights: Sequence[float], bits: int | None = V) -> arb:
    """From the weights as they are cut off; a common shift of free intercepts, which no output sees, is taken away."""
    m = head.m
    at = [arb(w) if bits is None else arb(int(w * 2.0**bits)) / 2**bits for w in weights]
    off = [a - w for a, w in zip(found, at, strict=True)]
    if head.k > 1 and head.free_intercept:
        shift = sum(off[m - 1 :: m], arb(0)) / head.k
        off = [x - shift if j % m == m - 1 else x for j, x in enumerate(off)]
    return norm(off)


def _stays(head: Given, found: list[arb], j: int, today: int) -> bool:
    x, m = [arb(float(v)) for v in head.points[j]], head.m
    z = [sum((found[a * m + i] * x[i] for i in range(m)), arb(0)) for a in range(head.k)]
    if head.k == 1:
        return bool(z[0] > head.threshold if today == 1 else z[0] < head.threshold)
    return all(z[today] > v for a, v in enumerate(z) if a != today)


# what follows is as tight as one source of error alone makes it


def _slope(t: float) -> float:
    """The slope in the table for the margin t."""
    c = (floor(min(max(t, -16.0), 16.0 - 2.0**-CELL) * 2**CELL) + 0.5) / 2**CELL
    return floor(2**SLOPE / (1 + exp(c))) / 2**SLOPE


def edge() -> Case:
    """All margins at the lower end of their cell, and weights where the gradient is 0 by the middle."""
    s, t = 2.0**-3, 6000 / 2**CELL
    head = given("logistic", [[s, 0.0]] * 64, [1] * 64, _slope(t) * s * s / t)
    return Case(head, True, [()], [[t / s, 0.0]])


def tail() -> Case:
    """Margins far beyond the table, whose slopes are those of its end."""
    s, t = 2.0**10, 40.0
    return Case(given("logistic", [[s, 0.0]], [1], _slope(t) * s * s / t), True, [()], [[t / s, 0.0]])


def tiny(loss: str = "logistic") -> Case:
    """Inputs that are rounded to 0: nothing pulls."""
    k = 2 if loss == "cross_entropy" else 1
    return Case(given(loss, [[1e-7, 0.0]] * 4, [1] * 4, 1e-6, k=k), True, [()], [[0.0, 0.0] * k])


def decay() -> Case:
    """No inputs, and a decay that is cut off to half of itself."""
    return Case(given("logistic", [[0.0, 0.0]] * 3, [1] * 3, 1.999 / 3 * 2.0**-22), True, [()], [[100.0, 7.0]])


def along(head: Given, relabels: bool, change: Change, off: float, upwards: bool = False) -> Case:
    """Weights off the refit along the direction of least curvature, on the side that is stated."""
    found = refit(head, change, [0.0] * head.m * head.k)
    assert found is not None
    with ctx.workprec(exact.BITS):
        H = exact.parts(problem(head), change, found)[1]
        values = np.array([[float(v) for v in row] for row in H.tolist()])
    e = np.linalg.eigh(values)[1][:, 0]
    e = e if (e[-1] > 0) == upwards else -e
    return Case(head, relabels, [change], [[float(v) + off * float(x) for v, x in zip(found, e, strict=True)]])


def shares(a: float) -> Case:
    """A free intercept, and inputs whose mean is 0 before all rows of one sign are deleted."""
    X = [[a, 1.0]] * 4 + [[-a, 1.0]] * 4
    head = given("logistic", X, [0, 1] * 4, 0.01, [[1.0, 0.0]], free=True)
    return along(head, False, tuple((i, -1) for i in range(4)), 0.01)


def mean(loss: str = "logistic") -> Case:
    """A free intercept, and inputs all near 1."""
    k, label = (3, [0, 0, 0, 1, 1, 2] * 3) if loss == "cross_entropy" else (1, [1, 0, 0, 0] * 4)
    X = [[1 + 1e-3 * (i % 2), 1.0] for i in range(len(label))]
    return along(given(loss, X, label, 0.01, [[1.0, 0.0]], k=k, free=True), True, (), 0.02)


def fading() -> Case:
    """A free intercept that has to move to where the curvature is less."""
    X = [[1e-3 * (i % 2), 1.0] for i in range(9)]
    return along(given("logistic", X, [1] + [0] * 8, 100.0, [[1.0, 0.0]], free=True), True, (), 0.3, upwards=True)


def remaining() -> Case:
    """The refit for a decay of all rows, where a deleted one leaves its n."""
    s, t = 1.0, 1.0
    head = given("logistic", [[s, 0.0]] * 2, [1, 1], _slope(t) / 2 / t, remaining=True)
    return Case(head, False, [((0, -1),)], [[t, 0.0]])


def unseen() -> Case:
    """An input that is rounded to 0, and a threshold between its output and 0."""
    x, v = 0.4999 * 2.0**-21, 128.0
    t = v * 2.0**-7
    head = given("logistic", [[2.0**-7, 0.0]] * 64, [1] * 64, _slope(t) * 2.0**-7 / v, [[x, 0.0]], threshold=x * v / 8)
    return Case(head, True, [()], [[v, 0.0]], (0,))


def lanes() -> Case:
    """Outputs that are beyond 64 bits, of the first of two changes."""
    v, s = 183.5, 2.0**-7
    head = given("logistic", [[s, 0.0]] * 64, [1] * 64, _slope(v * s) * s / v, [[-1000.0, 0.0]])
    changes = [((0, 0),), ((1, 0),)]
    weights = [[float(w) for w in refit(head, change, [v, 0.0]) or ()] for change in changes]
    return Case(head, True, changes, weights, (1,))


def edge_softmax() -> Case:
    """As `edge`, of two outputs."""
    s, t = 2.0**-2, 3000 / 2**CELL
    p = floor(2**SLOPE / (1 + exp(t - 2.0 ** -(CELL + 1)))) / 2**SLOPE
    head = given("cross_entropy", [[s, 0.0]] * 16, [0] * 16, p * s * s * 2 / t, k=2)
    return Case(head, True, [()], [[t / s / 2, 0.0, -t / s / 2, 0.0]])


def difference() -> Case:
    """Two outputs that come nearer by √2 of the distance, in a column without inputs."""
    X, label, d = [[1.0, 0.0]] * 4, [0, 0, 0, 1], 0.1
    w = float((refit(given("cross_entropy", X, label, 1.0, k=2), (), [0.0] * 4) or [arb(0)])[0])
    head = given("cross_entropy", X, label, 1.0, [[-0.1 * d / w, 1.0]], k=2)
    return Case(head, True, [()], [[w, d, -w, -d]])


def length() -> Case:
    """An output that is moved to the other side in a column without inputs."""
    X, label, d = [[1.0, 0.0]] * 4, [1, 1, 1, 0], 0.1
    w = float((refit(given("logistic", X, label, 1.0), (), [0.0] * 2) or [arb(0)])[0])
    return Case(given("logistic", X, label, 1.0, [[-0.2 * d / w, 1.0]]), True, [()], [[w, d]])


def unchanged(loss: str = "logistic", relabels: bool = True) -> Case:
    """The refit of the data as they are, for a changed row."""
    k, X = 3 if loss == "cross_entropy" else 1, [[1.0, 0.0], [-2.0, 1.0], [0.5, 1.0]]
    head = given(loss, X, [0, 1, 2] if k == 3 else [0, 1, 1], 0.1, k=k)
    found = refit(head, (), [0.0] * 2 * k) or []
    return Case(head, relabels, [((0, 1 if relabels else -1),)], [[float(v) for v in found]])


CASES: dict[str, Callable[[], Case]] = {
    "packed_edge": edge, "packed_tail": tail, "packed_tiny": tiny, "packed_decay": decay, "packed_mean": mean,
    "packed_shares_of_sum": lambda: shares(1.0), "packed_shares_of_mean": lambda: shares(0.5), "packed_fading": fading,
    "packed_remaining": remaining, "packed_unseen": unseen, "packed_lanes": lanes, "packed_softmax_edge": edge_softmax,
    "packed_softmax_tiny": lambda: tiny("cross_entropy"), "packed_softmax_mean": lambda: mean("cross_entropy"),
    "packed_softmax_difference": difference, "packed_length": length, "packed_unchanged": unchanged,
    "packed_undeleted": lambda: unchanged(relabels=False),
    "packed_softmax_unchanged": lambda: unchanged("cross_entropy"),
    "packed_softmax_undeleted": lambda: unchanged("cross_entropy", False),
}
"""Crafted cases by name."""


SCALES = {"unit": 1.0, "tiny": 1e-9, "huge": 1e3, "mixed": 1.0, "half": 1.0, "same": 1.0, "empty": 1.0}


@attack("rows_packed", "D2", slow=20)
def packed_near(rng: np.random.Generator) -> Outcome:
    """Small heads with weights at all distances from refits, and a threshold between their outputs and the refit's."""
    k, kind = (1, 2, 3, 4)[rng.choice(4, p=(0.5, 0.2, 0.2, 0.1))], str(rng.choice(list(SCALES)))
    n, d = int(rng.integers(2, 8)), int(rng.integers(1, 4))
    free, relabels = bool(rng.random() < 0.4), bool(rng.random() < 0.5)
    X, points = (rng.normal(size=(rows, d)) * SCALES[kind] for rows in (n, 4))
    if kind == "mixed":
        X, points = (A * 10.0 ** rng.uniform(-8, 3, size=A.shape) for A in (X, points))
    if kind == "half":
        X = (np.round(X * 2**21) + 0.4999) / 2**21
    if kind == "same":
        X = np.repeat(X[:1], n, axis=0)
    if kind == "empty":
        X[:, -1], points[0], points[1] = 0.0, np.eye(d)[-1], -np.eye(d)[-1]
    label = rng.permutation(np.arange(n) % max(k, 2))
    X, points = (np.hstack([A, np.ones((len(A), 1))]) for A in (X, points))
    loss, weight_decay = "logistic" if k == 1 else "cross_entropy", float(10 ** rng.uniform(-7, 1))
    head = given(loss, X, label.tolist(), weight_decay, points, k, bool(rng.random() < 0.5), free)
    size = int(rng.integers(0, min(3, n)))
    changes = [_drawn(rng, head, relabels, size) for _ in range(3)]
    found = [refit(head, change, [0.0] * (k * head.m)) for change in changes]
    if any(one is None for one in found):
        return "refused"
    for off in (0.0, *NEAR):
        weights = []
        for b in range(3):
            of = found[(b + 1) % 3] if off == 1e-7 and rng.random() < 0.5 else found[b]  # or weights of another change
            V0 = np.array([float(v) for v in of or ()])
            step = rng.normal(size=V0.shape)
            if kind == "empty" and rng.random() < 0.7:
                step = np.tile(np.eye(head.m)[d - 1], k) * np.repeat(rng.choice([-1.0, 1.0], size=k), head.m)
            weights.append((V0 + off * (np.linalg.norm(V0) + 1e-3) * step / np.linalg.norm(step)).tolist())
        require(Case(_between(rng, head, found[0] or [], weights[0]), relabels, changes, weights))
    return "decided"


def _drawn(rng: np.random.Generator, head: Given, relabels: bool, size: int) -> Change:
    """A change of that many rows."""
    rows = sorted(rng.choice(head.n, size=size, replace=False).tolist())
    assert head.label is not None and head.codes is not None
    return tuple((i, int(rng.choice([c for c in range(len(head.codes)) if c != head.label[i]])) if relabels else -1)
                 for i in rows)


def _between(rng: np.random.Generator, head: Given, found: list[arb], weights: Sequence[float]) -> Given:
    """Of one output, with a threshold that the weights pass and the refit does not, or only just."""
    if head.k > 1 or rng.random() < 0.3:
        return head
    x = head.points[rng.integers(len(head.points))]
    true, said = (sum(float(a) * float(b) for a, b in zip(x, w, strict=True)) for w in (found, weights))
    return replace(head, threshold=true + (said - true) * float(rng.choice([0.0, 1e-3, 0.05, 0.2])))
