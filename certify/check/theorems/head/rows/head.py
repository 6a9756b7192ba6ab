"""A convex head on fixed features, in balls: data, targets, decay, evaluation rows and their labels today."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from flint import arb, arb_mat

from certify.check.enclosure.network import forward
from certify.check.linalg.balls import ONE, ZERO, norm
from certify.check.reading.optional.class_weight import Balanced, Labelled
from certify.check.reading.subject import Problem
from certify.check.systems.point import Ladder, Point
from certify.check.theorems.head.rows.changes.any_rows import AnyRows
from certify.check.theorems.head.rows.changes.base import Labels, Plain, Rows
from certify.check.theorems.head.rows.changes.of_problem import kind_of
from certify.check.theorems.head.rows.codes import Codes, codes_of
from certify.check.theorems.head.rows.losses.base import RowLoss, row_loss

BITS = 64
"""Precision of everything here: witnesses are floats, and what is proved of them has room."""

RELABELS = {"labels": True, "deletions": False, "targets": False}
FOLLOWS = {"fixed": False, "remaining": True}
"""Whether labels change; whether a deleted row leaves the n of the decay: by the words of the spec."""

FAR, FAR_BITS = 19.0, 192
"""Distance of the mean of the rows from the origin beyond which a free intercept is counted from that mean, a little
less than a prover's; and the precision that this takes, as numbers of the size of rows cancel."""

OPEN = -1
"""In the place of a label: it is not proved."""


@dataclass(frozen=True)
class Middle:
    """A place from which a free intercept is counted: `Ux + tβ = U(x − tc) + tβ'`; any c is as good (D1b).

    Attributes:
        c: the place.
        sizes, lengths: `|(x − tc, t)|` of training rows, where t is 1, and of evaluation rows.
        stretch: `2 + |c|`: what distances may grow by on the way back to β.
    """

    c: list[float]
    sizes: list[arb]
    lengths: list[arb]
    stretch: arb


@dataclass(frozen=True)
class Head:
    """`G_M(V) = Σ_i c_i ℓ(Vφ_i; y_i) + (μ_M/2)|V|²` without decay of the intercept where the spec says so.

    Attributes:
        phi: `(n, m)` inputs, a 1 last for the intercept.
        rows: the same, row by row.
        sizes: `|φ_i|`.
        targets: of every row, as the loss takes them.
        codes: what labels may become, and every row's label.
        loss: of one row.
        k, m: outputs, inputs.
        biased, bias_decay: whether there is an intercept, and whether it carries decay.
        decay: λ.
        remaining: whether deleted rows leave the n of `μ = nλ`.
        evaluated: `(N, m)` evaluation inputs; of functionals what is stated last.
        lengths: their norms.
        threshold: of one output.
        today: label of every evaluation row at the given weights.
        moving: rows that may change.
        count: most of them at once.
        relabels: whether labels change; else rows are deleted.
        kind: what may happen to the rows, where that is not that any `count` of `moving` change; these say then the
            change of any rows that contains it, of no rows where there is none.
        weights: the c_i, which stay with the rows whatever labels these get; None: all 1.
        balanced: whether they do not stay: they are `n'/(c·n'_y)` of the rows that are left, and `weights` are today's.
        labelled: what a row of every label counts, where weights go by the label that a row has; else None.
        new: how many rows, the last ones, are new: the n of `μ = nλ` does not count them.
    """

    phi: arb_mat
    rows: list[list[arb]]
    sizes: list[arb]
    targets: list[list[float]]
    codes: Codes
    loss: RowLoss
    k: int
    m: int
    biased: bool
    bias_decay: bool
    decay: arb
    remaining: bool
    evaluated: arb_mat
    lengths: list[arb]
    threshold: float
    today: list[int]
    moving: tuple[int, ...]
    count: int
    relabels: bool
    kind: Rows | None = None
    new: int = 0
    weights: list[arb] | None = None
    balanced: bool = False
    labelled: tuple[arb, ...] | None = None

    @property
    def change(self) -> Rows:
        """What may happen to the rows."""
        labels = Labels(self.codes.label, len(self.codes.rows))
        return AnyRows(labels, self.relabels, self.count, self.moving) if self.kind is None else self.kind

    @property
    def n(self) -> int:
        """Number of training rows."""
        return len(self.rows)

    @property
    def free_intercept(self) -> bool:
        """Whether the last column carries no decay."""
        return self.biased and not self.bias_decay

    @cached_property
    def made(self) -> dict[str, Any]:
        """What methods made of this head and may use again."""
        return {}

    @cached_property
    def far(self) -> bool:
        """Whether the intercept is free and the mean of the rows far from the origin."""
        if not self.free_intercept or self.m < 2:
            return False
        mean = (arb_mat([[ONE] * self.n]) * self.phi).entries()[:-1]
        return bool(norm([x / self.n for x in mean]) > FAR)

    def middle(self, D: list[arb]) -> Middle:
        """A mean of the rows, by numbers that are not negative; of all alike where these are 0."""
        total = sum(D, ZERO)
        if not total > 0:
            D, total = [ONE] * self.n, arb(self.n)
        c = [float((x / total).mid()) for x in (arb_mat([D]) * self.phi).entries()[:-1]]

        def seen(rows: list[list[arb]]) -> list[arb]:
            return [norm([*(x - row[-1] * y for x, y in zip(row, c, strict=False)), row[-1]]).upper() for row in rows]

        return Middle(c, seen(self.rows), seen(self.evaluated.tolist()), (norm([arb(x) for x in c]) + 2).upper())

    @property
    def scale(self) -> arb:
        """The size of numbers in the gradient, over the least that curvature can be: below it nothing is told apart."""
        counts = [ONE] * self.n if self.weights is None else self.weights
        return sum((c * size for c, size in zip(counts, self.sizes, strict=True)), ZERO) / self.mu()

    def outputs(self, flat: list[float]) -> list[list[arb]]:
        """`(n, k)` outputs at weights given row by row."""
        V = arb_mat([flat[a * self.m : (a + 1) * self.m] for a in range(self.k)])
        found: list[list[arb]] = (self.phi * V.transpose()).tolist()
        return found

    def mu(self, deleted: int = 0) -> arb:
        """`μ_M` after that many deletions."""
        return self.decay * (self.n - self.new - (deleted if self.remaining else 0))


def head_of(point: Point) -> Head:
    """The head of a problem whose last layer alone is free."""
    problem, last = point.problem, point.problem.layers[-1]
    biased, stated = last.biases is not None, problem.functionals.intercepts if problem.functionals else None
    V = given_weights(problem)
    rows = _inputs(point.forward.inputs[-1], biased)
    phi = arb_mat(rows)
    points = list(problem.evaluation)
    evaluated = arb_mat(0, phi.ncols()) if not points else arb_mat(_inputs(
        forward(problem, point.parameters, points).inputs[-1], biased, stated))
    relabels = RELABELS[problem.parameter]
    by_label = isinstance(problem.row_weights, Balanced | Labelled)
    codes = codes_of(problem, relabels or by_label or bool(problem.kind and (
        problem.kind["relabelled"] or problem.kind["fresh"])))
    kind = kind_of(problem, codes, relabels)
    plain = Plain(relabels, problem.count or 0, problem.moving) if kind is None else (
        kind.plain or Plain(relabels, 0, ()))
    threshold = problem.threshold or 0.0
    outputs = (evaluated * arb_mat(V).transpose()).tolist()
    return Head(
        phi=phi, rows=rows, sizes=[norm(row).upper() for row in rows],
        targets=codes.targets, codes=codes, loss=row_loss(problem.loss),
        k=problem.outputs, m=phi.ncols(), biased=biased, bias_decay=problem.bias_decay, decay=arb(problem.weight_decay),
        remaining=FOLLOWS[problem.normalization], evaluated=evaluated,
        lengths=[norm(row).upper() for row in evaluated.tolist()], threshold=threshold,
        today=[label(f, threshold, ZERO) for f in outputs], moving=plain.moving, count=plain.count,
        relabels=plain.relabels, kind=kind,
        weights=None if problem.row_weights is None else [arb(c) for c in problem.row_weights],
        balanced=isinstance(problem.row_weights, Balanced),
        labelled=problem.row_weights.of if isinstance(problem.row_weights, Labelled) else None,
    )


def head_at(ladder: Ladder) -> Head:
    """That of a ladder's problem, made once; to be used at a precision of `BITS`."""
    if "head" not in ladder.kept:
        point = Point(ladder.problem, BITS)
        known = next((p.forward for p in ladder.made.values() if "forward" in vars(p) and p.centre is None), None)
        if known is not None and len(ladder.problem.layers) == 1:
            vars(point)["forward"] = known  # its inputs are the features, at any precision
        ladder.kept["head"] = head_of(point)
    found: Head = ladder.kept["head"]
    return found


def given_weights(problem: Problem) -> list[list[float]]:
    """The last layer's weights in the file, row by row, the bias last."""
    last = problem.layers[-1]
    rows = [list(last.weights[a * last.inputs:(a + 1) * last.inputs]) for a in range(last.outputs)]
    return rows if last.biases is None else [[*row, b] for row, b in zip(rows, last.biases, strict=True)]


def _inputs(A: arb_mat, biased: bool, last: Sequence[float] | None = None) -> list[list[arb]]:
    rows: list[list[arb]] = A.tolist()
    t = [ONE] * A.nrows() if last is None else map(arb, last)
    return [[*row, x] for row, x in zip(rows, t, strict=True)] if biased else rows


def label(f: list[arb], threshold: float, slack: arb) -> int:
    """The label that outputs have wherever each pair of them differs by at most `slack` more; `OPEN` if not proved."""
    if len(f) == 1:
        above = f[0] - threshold
        return 1 if above > slack else 0 if -above > slack else OPEN
    best = max(range(len(f)), key=lambda a: float(f[a].mid()))
    return best if all(f[best] - x > slack for a, x in enumerate(f) if a != best) else OPEN


