"""What the rules look at, recomputed from the problem in balls, at one precision after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

from flint import arb, arb_mat, ctx

from certify.check.enclosure import norms
from certify.check.enclosure.gradients import Descent, descend
from certify.check.enclosure.graph_gradients import GraphDescent
from certify.check.enclosure.hessian import WIDTH
from certify.check.enclosure.network import Backward, Forward, NotSmooth, Parameters, backward, forward, given
from certify.check.enclosure.tangents import at_point
from certify.check.linalg.balls import ONE, ZERO
from certify.check.linalg.definite import Definiteness, Truth, definiteness
from certify.check.reading.subject import Problem
from certify.check.systems.critical import Stationary, Unproved
from certify.check.systems.critical_nearby import WIDTHS as NEARBY
from certify.check.systems.interpolation import contrasted_kernel, moved_blocks, moved_sets
from certify.check.systems.nearby import PRECISION as SOLVED
from certify.check.systems.nearby import Centre
from certify.check.theorems.aubin.centre import Centre as AubinCentre
from certify.check.theorems.excess.window import LayerWindow
from certify.check.theorems.predictions.first_order import FitPredictions, Predictions

PRECISIONS = (128, 256, 512)
"""Bits tried in turn while a statement is neither proved nor disproved."""

WIDTHS = (WIDTH, 2 * WIDTH, 4 * WIDTH)
"""Bits in fixed point that go with them (critical map)."""


@dataclass(frozen=True)
class Finding:
    """What became of one statement.

    Attributes:
        truth: proved, disproved or not decided.
        found: the recomputed side, in words.
    """

    truth: Truth
    found: str


class Evidence:
    """Values of one problem at one precision, each computed when it is first asked for.

    Args:
        problem: the problem.
        precision: bits of the midpoints.
        centre: the ball that holds the weights of the solution; None for the weights in the file.
        known: what is known over that ball already (critical map).
        tilt: critical map, base given: what makes the weights a critical point.
        width: critical map, bits in fixed point.

    Use it only while python-flint works at that precision (see :func:`decide`).
    """

    def __init__(
        self, problem: Problem, precision: int, centre: Centre | None = None, known: Stationary | None = None,
        tilt: str | None = None, width: int = WIDTH,
    ) -> None:
        self.problem, self.precision, self.centre, self.tilt = problem, precision, centre, tilt
        self._known, self._width = known, width
        self._shifted: dict[float, Truth] = {}
        self.weighted: dict[tuple[object, ...], Truth] = {}
        self.means: dict[tuple[float | None, ...], arb] = {}
        self.descents: dict[tuple[str | float | None, ...], tuple[arb, arb]] = {}
        self.last_layers: dict[float, object] = {}
        self.alone: dict[int, list[arb]] = {}

    @cached_property
    def parameters(self) -> Parameters:
        """Weights and biases."""
        return given(self.problem) if self.centre is None else self.centre.ball(self.problem)

    @cached_property
    def forward(self) -> Forward:
        """The forward pass."""
        return forward(self.problem, self.parameters, [self.problem.features[i] for i in self.problem.kept])

    @cached_property
    def backward(self) -> Backward:
        """The backward pass; raises `NotSmooth`."""
        return backward(self.problem, self.parameters, self.forward)

    @cached_property
    def descent(self) -> Descent | GraphDescent:
        """Loss and gradients (sublevel map)."""
        if self.problem.graph is not None:
            return GraphDescent(self.problem, self.problem.graph)
        return descend(self.problem, self.parameters, self.forward)

    @cached_property
    def stationary(self) -> Stationary:
        """Hessian, mixed derivative and symmetry fields (critical map); raises `NotSmooth`."""
        if self._known is not None:
            return self._known.finer(self._width)
        return Stationary(self.problem, self.parameters, self.forward, self.tilt, self._width)

    @cached_property
    def predictions(self) -> Predictions | FitPredictions:
        """First-order changes of predictions; raises `NotSmooth`, `Unproved`."""
        if self.problem.map == "critical":
            return Predictions(self.stationary)
        found = self.kernel_definite
        if found.R is None or not found.defect < 1:
            raise Unproved(f"K ≻ 0 is not proved at {self.precision} bits")
        return FitPredictions(self.problem, self.parameters, self.forward, self.backward, found.R, found.defect)

    @cached_property
    def kernel(self) -> arb_mat:
        """The tangent kernel K in the norm of the weights; function norm: with the reference rows.

        Of the contrasts where critical points of the cross-entropy are solutions of an interpolation system (M5a).
        """
        K = norms.kernel(self.problem, self.forward, self.backward, self.reference)
        k = self.problem.outputs
        return contrasted_kernel(K, k, len(self.problem.kept) * k) if self.problem.contrasts else K

    @cached_property
    def reference(self) -> norms.Reference | None:
        """The passes over the reference rows of the function norm; raises `NotSmooth`."""
        return norms.reference(self.problem) if self.problem.reference else None

    @cached_property
    def kernel_definite(self) -> Definiteness:
        """Whether K ≻ 0, with R such that `K⁻¹ = Rᵀ(I + E)⁻¹R`, `‖E‖ ≤ defect`."""
        return definiteness(self.kernel)

    def shifted_definite(self, least: float) -> Truth:
        """Whether `K − least²·I ≻ 0`; computed once for each number."""
        if least not in self._shifted:
            square = arb(least) ** 2
            rows = self.kernel.tolist()
            for r, row in enumerate(rows):
                row[r] -= square
            self._shifted[least] = definiteness(arb_mat(rows), sharp=False).truth
        return self._shifted[least]

    @cached_property
    def moved(self) -> dict[int, list[list[arb]]]:
        """The diagonal blocks of Q that are not zero by definition: kept position → `k × k` block.

        Features: `G_i G_iᵀ` (G_i in the units of `scale`); targets: the unit matrix. Rows that may not move: zero.
        Function norm: τ² times that, as the kernel is τ² times too large (S2). Critical map: of M5a.
        """
        square = ONE if self.problem.tau is None else arb(self.problem.tau) ** 2
        if self.problem.map == "critical":
            found = moved_blocks(self.problem, self.forward, self.backward)
            return {at: [[square * x for x in row] for row in block] for at, block in found.items()}
        k, place = self.problem.outputs, {row: at for at, row in enumerate(self.problem.kept)}
        at_rows = [place[row] for row in self.problem.moving]
        passed = self.backward  # also the targets' modulus needs a network that is smooth at the data
        if self.problem.parameter == "targets":
            unit = [[square if a == b else ZERO for b in range(k)] for a in range(k)]
            return {at: unit for at in at_rows}
        G = passed.gradients.tolist()
        return {at: [[square * _dot(G[at * k + a], G[at * k + b]) for b in range(k)] for a in range(k)]
                for at in at_rows}

    @cached_property
    def effects(self) -> dict[int, list[list[arb]]]:
        """`G_i`, what a change of the row does to its equations, of each kept position that may move.

        Features: `∂f_i/∂x` in the units of `scale`; targets: I (its sign does not matter). Critical map: of M5a.
        Targets too need a network that is smooth at the data. Function norm: τ times that (S2).
        """
        found = moved_sets(self.problem, self.forward, self.backward)
        if self.problem.tau is None:
            return found
        return {at: [[arb(self.problem.tau) * x for x in row] for row in G] for at, G in found.items()}

    @cached_property
    def aubin_centre(self) -> AubinCentre:
        """What Q1 needs at the data, for R of :attr:`kernel_definite`, which must have been proved."""
        R, N = self.kernel_definite.R, self.kernel.nrows()
        assert R is not None
        rows, k = [[ZERO] * N for _ in range(N)], self.problem.block
        for at, block in self.moved.items():
            for a in range(k):
                rows[at * k + a][at * k:at * k + k] = block[a]
        point = at_point(self.problem, self.parameters, self.forward, self.backward)
        return AubinCentre(self.problem, point, R, self.kernel_definite.defect, arb_mat(rows))

    @cached_property
    def layer_window(self) -> LayerWindow:
        """The last layer before and after the one change (S14); raises `Unproved`."""
        return LayerWindow(self.problem, self.parameters, self.forward)

    @cached_property
    def inverse_columns(self) -> list[list[arb]]:
        """Columns of R of :attr:`kernel_definite`, which must have been proved."""
        R = self.kernel_definite.R
        assert R is not None
        return R.transpose().tolist()

    def kernel_block(self, at: int) -> arb_mat:
        """The diagonal block `K_ii` of the kept row at that position."""
        k = self.problem.block
        at *= k
        return arb_mat([[self.kernel[at + a, at + b] for b in range(k)] for a in range(k)])

    def inverse_block(self, at: int) -> arb_mat:
        """`P = R_iᵀR_i`, R_i the columns of R that belong to that row: `(K⁻¹)_ii` up to the defect.

        `P/(1 + defect) ⪯ (K⁻¹)_ii ⪯ P/(1 − defect)`.
        """
        k = self.problem.block
        columns = [self.inverse_columns[at * k + a][at * k:] for a in range(k)]
        return arb_mat([[_dot(u, v) for v in columns] for u in columns])


class Ladder:
    """The evidence at every precision, made when it is needed and shared by all rules.

    Args:
        problem: the problem.
        tell: called with a line of progress.
        centre, known, tilt: as in :class:`Evidence`. Where something is known the balls keep its precision, and only
            the numbers in fixed point get more bits.
    """

    def __init__(
        self, problem: Problem, tell: Callable[[str], None] = lambda _: None, centre: Centre | None = None,
        known: Stationary | None = None, tilt: str | None = None,
    ) -> None:
        self.problem = problem
        self.tell = tell
        self.centre, self.known, self.tilt = centre, known, tilt
        self._made: dict[int, Evidence] = {}

    def __iter__(self) -> Iterator[Evidence]:
        """Evidence from the lowest precision up."""
        rungs = list(zip(PRECISIONS, WIDTHS, strict=True))
        if self.known is not None:
            rungs = [(SOLVED, width) for width in NEARBY if width >= self.known.width]
        for precision, width in rungs:
            if width not in self._made:
                self.tell(f"{precision}-bit balls, {self.problem.equations} equations")
                self._made[width] = Evidence(self.problem, precision, self.centre, self.known, self.tilt, width)
            yield self._made[width]


def decide(rule: Callable[[Evidence], Finding], ladder: Ladder, once: bool = False) -> Finding:
    """Apply a rule at rising precision until its statement is proved or disproved.

    A network that is not proved smooth at the data disproves nothing and proves nothing: every rule that needs
    derivatives then stays undecided, at once if a pre-activation is exactly zero. With `once` the lowest precision is
    the only one tried.
    """
    finding = Finding(Truth.UNDECIDED, "nothing was tried")
    for evidence in ladder:
        with ctx.workprec(evidence.precision):
            try:
                finding = rule(evidence)
            except NotSmooth as kink:
                what = "is zero" if kink.exact else f"is not proved nonzero at {evidence.precision} bits"
                kind = ladder.problem.activation or "the network"
                words = f"{kink.where} {what}, where {kind} has no derivative"
                finding = Finding(Truth.UNDECIDED, words)
                if kink.exact:
                    break
            except Unproved as missing:
                finding = Finding(Truth.UNDECIDED, missing.words)
        if once or finding.truth is not Truth.UNDECIDED:
            break
    return finding


def _dot(u: list[arb], v: list[arb]) -> arb:
    return sum((x * y for x, y in zip(u, v, strict=True)), ZERO)
