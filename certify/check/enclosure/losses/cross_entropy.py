"""The cross-entropy `(Σq) log Σ e^f − q·f` of a row of probabilities, or of the unit vector of a class label."""

from __future__ import annotations

from collections.abc import Sequence

from flint import arb, arb_mat

from certify.check.enclosure.losses.base import Loss, Losses, Matrix, near
from certify.check.linalg.balls import ONE, ZERO, norm
from certify.check.reading.subject import Problem
from certify.format.refusal import Invalid


class CrossEntropy(Loss):
    """Slope `(Σq)π − q`, curvature `(Σq)(diag π − ππᵀ)`, π = softmax f."""

    invariant = True

    def of(self, problem: Problem, rows: Matrix, at: slice) -> Losses:
        """Values and slopes; half the sum of the probabilities."""
        q = [_row(problem, i) for i in range(len(problem.features))[at]]
        terms = [_cross_entropy(f, p) for f, p in zip(rows, q, strict=True)]
        return Losses([value for value, _ in terms], arb_mat([c for _, c in terms]), [sum(p, ZERO) / 2 for p in q])

    def curvature(self, problem: Problem, i: int, f: list[arb]) -> Matrix:
        """`(Σq)(diag π − ππᵀ)`."""
        size, p = weight(problem, i), softmax(f)
        return [[size * (u * (1 - u) if a == b else -u * v) for b, v in enumerate(p)] for a, u in enumerate(p)]

    def bent(self, problem: Problem, i: int, c: list[arb]) -> tuple[arb, Matrix]:
        """`diag(t) − ttᵀ/W`, `t = c + q`."""
        q = _row(problem, i)
        W = sum(q, ZERO)
        t = [x + y for x, y in zip(c, q, strict=True)]
        return W, [[(x if a == b else ZERO) - (x * y / W if W > 0 else ZERO) for b, y in enumerate(t)]
                   for a, x in enumerate(t)]

    def spread(self, problem: Problem, i: int, c: list[arb], r: arb) -> tuple[arb, arb]:
        """The slope is (Σq)/2-Lipschitz, and e^2r times as large at most where q is a unit vector."""
        q, own = _row(problem, i), None if problem.targets is None else problem.targets[i]
        hard = own is None or (set(own) <= {0.0, 1.0} and sum(own) == 1)
        size = sum(q, ZERO)
        loose = near(size / 2, arb(2) if hard else None, norm(c), r)
        if not size > 0:
            return loose, loose
        length = norm([x + y for x, y in zip(c, q, strict=True)]) + loose
        return loose, loose + 2 * length * loose / size

    def relabelled(self, problem: Problem, row: int, old: float, u: Sequence[float]) -> float:
        """The class of the unit vector `e_old + u`."""
        q = [(1.0 if a == old else 0.0) + v for a, v in enumerate(u or [0.0] * problem.outputs)]
        if sorted(q) != [0.0] * (problem.outputs - 1) + [1.0]:
            raise Invalid("change file", f"row {row} does not lead from its class to another",
                          "−1 at the old class and 1 at the new one is needed")
        return float(q.index(1.0))


def softmax(f: list[arb]) -> list[arb]:
    """`e^{f_a} / Σ_b e^{f_b}`."""
    top = max((x.mid() for x in f), key=float)
    e = [(x - top).exp() for x in f]
    whole = sum(e, ZERO)
    return [x / whole for x in e]


def weight(problem: Problem, i: int) -> arb:
    """`Σq` of row i."""
    return ONE if problem.targets is None else sum(map(arb, problem.targets[i]), ZERO)


def _row(problem: Problem, i: int) -> list[arb]:
    """The probabilities of row i."""
    if problem.targets is not None:
        return [arb(v) for v in problem.targets[i]]
    assert problem.labels is not None
    return [ONE if a == problem.labels[i] else ZERO for a in range(problem.outputs)]


def _cross_entropy(f: list[arb], q: list[arb]) -> tuple[arb, list[arb]]:
    """`(Σq) log Σ e^f − q·f` and `(Σq) softmax f − q`, which of the whole of q is `−(Σq) Σ_other e^f / Σ e^f`."""
    top = max((x.mid() for x in f), key=float)
    e = [(x - top).exp() for x in f]
    whole, size = sum(e, ZERO), sum(q, ZERO)
    value = size * (whole.log() + top) - sum((p * x for p, x in zip(q, f, strict=True)), ZERO)
    return value, [-size * sum(e[:a] + e[a + 1:], ZERO) / whole if p == size else size * x / whole - p
                   for a, (x, p) in enumerate(zip(e, q, strict=True))]


LOSS = CrossEntropy()
