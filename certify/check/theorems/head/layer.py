"""A strongly convex last layer at the weights in the file, in the metric of θ, and what bounds its motion (Q6)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any, cast

from flint import arb, arb_mat, ctx

from certify.check.enclosure.activation import ACTIVATIONS
from certify.check.enclosure.gradients import losses
from certify.check.enclosure.losses.base import loss_of
from certify.check.enclosure.network import first_weights, forward, given
from certify.check.linalg.balls import ONE, ZERO, largest, norm, root, squares
from certify.check.linalg.definite import Truth, definiteness
from certify.check.linalg.small.spectral import spectral
from certify.check.systems.point import Point
from certify.check.theorems.head.norms import Rows, circles, total_of

GRAM = 4000
"""Most rows whose inner products are formed."""


SHORT, WHOLE = 80, "certify.check.theorems.head.whole"
"""Bits of the factor of a matrix that is made of whole numbers, and where these are, which small layers do without."""

Blocks = tuple[dict[tuple[int, int], Rows], arb]


@dataclass(frozen=True)
class Effect:
    """N, the part κ of B lost, what the rows' spans grow by, the spread ς of the outputs at w̄; a dearer bound of N."""

    gradient: arb
    lost: arb = ZERO
    wider: arb = ZERO
    bent: arb = ZERO
    closer: Callable[[], arb] | None = None


@dataclass(frozen=True)
class Motion:
    """`|w(u) − w̄|_B < reach` for every change of the budget, proved; else why not."""

    layer: Layer | None
    reach: arb
    start: arb
    words: str = ""


def pairs(size: int) -> list[tuple[int, int]]:
    """Places on and below the diagonal."""
    return [(a, b) for a in range(size) for b in range(a + 1)]


class Layer:
    """The last layer at the weights in the file, in the metric of θ: `B = θ(H − λ) + λ`.

    `|y|_{B⁻¹} ≤ scale·√(yᵀPy)`, `P = RᵀR`; the Gram matrix of row i is `⟨e_a ⊗ φ_i, P(e_b ⊗ φ_i)⟩`.

    Args:
        point: the weights in the file.
        theta: θ.
        whole: whether sums of many products are those of whole numbers, with one radius for all: a proof less often.
    """

    def __init__(self, point: Point, theta: float, whole: bool = False) -> None:
        problem = self.problem = point.problem
        self.theta, self.decay, self.whole = arb(theta), arb(problem.weight_decay), whole
        passed, self.k = point.forward, problem.outputs
        last = problem.layers[-1]
        self.W, self.biased = point.parameters.weights[-1], last.biases is not None
        V = self.W.tolist()
        if last.biases is not None:
            V = [[*row, b] for row, b in zip(V, map(arb, last.biases), strict=True)]
        self.phi = self._inputs(passed.inputs[-1])
        self.n, self.m = self.phi.nrows(), self.phi.ncols()
        self.slopes = losses(problem, passed.outputs).slopes
        self.loss = loss_of(problem)
        bent = [self.loss.bent(problem, i, c) for i, c in enumerate(self.slopes.tolist())]
        self.weights, self.curves = [W for W, _ in bent], [M for _, M in bent]
        gradient = self.slopes.transpose() * self.phi / arb(self.n) + self.decay * arb_mat(V)
        self.residual = norm(gradient.entries()).upper()
        self.effect: Effect | None = None
        self.inverse: arb_mat | None = None
        self.pulls: Any = None
        self._factorise()

    def _inputs(self, A: arb_mat) -> arb_mat:
        return arb_mat([[*row, ONE] for row in A.tolist()]) if self.biased else A

    def _factorise(self) -> None:
        k, m, size, (blocks, off) = self.k, self.m, self.k * self.m, self._blocks()
        entries = [[blocks[max(a, b), min(a, b)][j][c] for b in range(k) for c in range(m)]
                   for a in range(k) for j in range(m)]
        for i in range(size):
            entries[i][i] += self.decay
        with ctx.workprec(SHORT if self.whole else ctx.prec):
            found = definiteness(arb_mat(entries))
            if found.truth is not Truth.PROVED or found.R is None:
                return
            defect = found.defect + off * squares(found.R.entries())
            if not defect < 1:
                return
            self.scale = (1 / (1 - defect).sqrt()).upper()
            self.factor = found.R
            self.inverse = found.R.transpose() * found.R
        P = self.inverse.tolist()
        self.parts = {(a, b): arb_mat([row[b * m:(b + 1) * m] for row in P[a * m:(a + 1) * m]])
                      for a in range(k) for b in range(a + 1)}
        self.grams = self.grams_of(self.phi)
        self.spans = [self._span(G) for G in self.grams]

    def _blocks(self) -> Blocks:
        """Those of `θ(H − λ)`, `(θ/n) Σ M_i[a, b]φ_iφ_iᵀ`, for b up to a; and how far the whole may be from them."""
        each, factor = pairs(self.k), self.theta / self.n
        if self.whole:
            return cast("Blocks", import_module(WHOLE).blocks(self, factor))
        left, rows, blocks = self.phi.transpose(), self.phi.tolist(), {}
        for a, b in each:
            scaled = [[M[a][b] * x for x in row] for M, row in zip(self.curves, rows, strict=True)]
            blocks[a, b] = (left * arb_mat(scaled) * factor).tolist()
        return blocks, ZERO

    def grams_of(self, phi: arb_mat) -> list[Rows]:
        """The Gram matrix of every row of inputs."""
        n = phi.nrows()
        if self.whole:
            parts = import_module(WHOLE).forms(self, phi)
        else:
            rows = phi.tolist()
            parts = {key: [sum((x * y for x, y in zip(*pair, strict=True)), ZERO)
                           for pair in zip((phi * P).tolist(), rows, strict=True)] for key, P in self.parts.items()}
        return [[[parts[max(a, b), min(a, b)][i] for b in range(self.k)] for a in range(self.k)] for i in range(n)]

    def at(self, point: Point) -> tuple[list[Rows], Rows]:
        """Gram matrices and outputs at the evaluation rows."""
        passed = forward(self.problem, point.parameters, list(self.problem.evaluation))
        self.evaluated = self._inputs(passed.inputs[-1])
        return self.grams_of(self.evaluated), passed.outputs.tolist()

    def _span(self, G: Rows) -> arb:
        """`σ_i`."""
        if self.k == 1:
            return (root(G[0][0]) * self.scale).upper()
        return (root(largest([G[a][a] + G[b][b] - 2 * G[a][b] for a in range(self.k) for b in range(a)]))
                * self.scale).upper()

    def lever(self, i: int) -> arb:
        """`sup_{|c| = 1} |c ⊗ φ_i|_{B⁻¹}`."""
        return (root(circles(self.grams[i])) * self.scale).upper()

    @cached_property
    def reach(self) -> arb:
        """ω, the Lipschitz constant of the last layer's input in the features, in units of their scale."""
        problem = self.problem
        steepest = arb(ACTIVATIONS[problem.activation].steepest)
        unit = ONE if problem.scale is None else arb(max(map(abs, problem.scale)))
        if len(problem.layers) == 1:
            return unit
        omega = spectral(first_weights(problem, given(problem))) * steepest
        for spec in problem.layers[1:-1]:
            omega *= spectral(arb_mat(spec.outputs, spec.inputs, [arb(v) for v in spec.weights])) * steepest
        return omega.upper()

    @property
    def radius(self) -> arb:
        """The size of one row's change, or of all; 1 for labels, which have none."""
        return arb(1.0 if self.problem.radius is None else self.problem.radius)

    @property
    def count(self) -> int:
        """How many rows may move by the whole radius at once."""
        return self.problem.full

    def top(self, values: list[arb]) -> arb:
        """The sum of the largest values that may be taken together."""
        return total_of(values, self.count)

    def together(self, values: list[arb]) -> arb:
        """`Σ |u_i|v_i` over changes of radius 1: by Cauchy and Schwarz where the rows share it, else the largest."""
        return norm(values) if self.problem.budget.joint else self.top(values)

    def turned(self, bent: arb) -> arb:
        """How far slopes turn where one row may have the whole radius: `ς/4`, and by no more than 1 each."""
        return bent / 4 if self.problem.budget.joint else (bent / 4).min(ONE)
