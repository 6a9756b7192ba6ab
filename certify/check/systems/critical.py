"""The critical map at its base point: the tilt that makes it one, H, C, the symmetry fields, and `A = H + TTᵀ` (M5).

`∇L_c(0, w) = 0` holds exactly at the exact base point (proofs/certificate-format.md, section 12); the balls here hold
the exact matrices at that point, for which `HT = 0` and `CᵀT = 0`. That the balls do not show it does not matter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from flint import arb, arb_mat, ctx, fmpz_mat

from certify.check.enclosure.hessian import Curvature, require_second
from certify.check.enclosure.losses.base import loss_of
from certify.check.enclosure.network import Forward, Parameters
from certify.check.enclosure.norms import layer_squares
from certify.check.enclosure.objective import objective
from certify.check.enclosure.symmetry import Fields, symmetries
from certify.check.enclosure.units import pulled
from certify.check.kernel import WIDTH, Unproved
from certify.check.linalg.balls import ONE, ZERO, gram, root, squares
from certify.check.linalg.definite import Truth, definiteness
from certify.check.linalg.deflated import Largest
from certify.check.linalg.fixed import Fixed, enclosed, norm_of
from certify.check.linalg.inverse import Inverse, judged, proposed
from certify.check.linalg.large.products import product, total
from certify.check.reading.subject import Problem
from certify.check.systems.data_derivative.base import DataDerivative, data_derivative
from certify.check.systems.point import Point

if TYPE_CHECKING:
    from certify.check.systems.critical_function_norm import Seen
    from certify.check.systems.data_derivative.motion import Motion

MOST, BESIDE = 45_000, 500
"""Features times parameters and these up to which columns of C take less time than products of factors, without C."""


class Stationary:
    """What the rules of M5b to M5d look at, each computed when it is first asked for.

    Args:
        problem: a problem with the critical map.
        parameters: weights and biases, exact or (base `nearby`) balls that hold an exact critical point.
        passed: the forward pass over all rows.
        tilt: `output`, `weights` or None: what makes the parameters a critical point.
        width: bits of the numbers in fixed point.
        near: an approximate inverse of A from a point nearby, to be judged; None: one is looked for.

    Raises:
        NotSmooth: f is not proved to be twice continuously differentiable at the data.
    """

    def __init__(
        self, problem: Problem, parameters: Parameters, passed: Forward, tilt: str | None, width: int = WIDTH,
        near: Fixed | None = None,
    ) -> None:
        self.problem, self.parameters, self.passed, self.kind = problem, parameters, passed, tilt
        self.width, self._near = width, near
        require_second(problem, passed)
        self._ranks: dict[float, Truth] = {}

    def finer(self, width: int) -> Stationary:
        """The same with other bits in fixed point."""
        return self if width == self.width else Stationary(self.problem, self.parameters, self.passed, self.kind, width)

    @cached_property
    def plain(self) -> Curvature:
        """Second derivatives of the objective without a tilt."""
        terms = objective(self.problem, self.passed.outputs)
        return Curvature(self.problem, self.parameters, self.passed, terms, self.scale, self.width)

    @cached_property
    def scale(self) -> dict[int, arb] | None:
        """`s_h⁻¹` of every free layer with the relative norm, else None."""
        if not self.problem.lengths.layered:
            return None
        found = layer_squares(self.problem)
        return {h: root(found[h]) for h in self.problem.free}

    @cached_property
    def fields(self) -> Fields:
        """The symmetry fields of the network (a tilt in weight space is refused beside any)."""
        return symmetries(self.problem, self.parameters, self.passed)

    @cached_property
    def tilt(self) -> arb_mat | None:
        """The c of an output tilt, `(n, k)`; raises `Unproved`."""
        return output_tilt(self.plain, self.fields) if self.kind == "output" else None

    @cached_property
    def curvature(self) -> Curvature:
        """Second derivatives of the tilted objective (those of the plain one, if the tilt is in weight space)."""
        if self.tilt is None:
            return self.plain
        terms = objective(self.problem, self.passed.outputs, self.tilt)
        return Curvature(self.problem, self.parameters, self.passed, terms, self.scale, self.width)

    @cached_property
    def completed(self) -> Fixed:
        """`A = H + |H|_F·TTᵀ` with nearly orthonormal columns T of the span of the fields, in the coordinates `Sw`."""
        H, T = self.curvature.hessian, self.fields.columns
        if T is None:
            return H
        if self.scale is not None:
            each = [t for h, t in self.scale.items() for _ in range(self.problem.layers[h - 1].parameters)]
            T = arb_mat([[v / t for v in row] for row, t in zip(T.tolist(), each, strict=True)])
            found = definiteness(gram(T.transpose()))
            if found.R is None:
                raise Unproved(f"the symmetry fields are not proved independent in this norm at {ctx.prec} bits")
            T = (found.R * T.transpose()).transpose()
        return self._with(T)

    def _with(self, T: arb_mat) -> Fixed:
        """`H + |H|_F·TTᵀ`."""
        H = self.curvature.hessian
        size = H.size.mid() if H.size.is_finite() and H.size > 0 else ONE
        across = product(enclosed(T * size, self.width), enclosed(T, self.width).turned, self.width)
        return total([H, across])

    @cached_property
    def inverse(self) -> Inverse:
        """Whether A is nonsingular: X with `‖XA − I‖ ≤ error < 1`."""
        return judged(self.completed, self.proposal)

    @cached_property
    def proposal(self) -> Fixed | None:
        """An approximate inverse of A, of which nothing is proved."""
        return proposed(self.completed, self.width) if self._near is None else self._near

    @property
    def X(self) -> Fixed:  # noqa: N802
        """The approximate inverse, which must have been proved one."""
        assert self.inverse.X is not None
        return self.inverse.X

    @cached_property
    def seen(self) -> Seen | None:
        """F of the function norm; None with another norm."""
        if not self.problem.lengths.seen:
            return None
        from certify.check.systems.critical_function_norm import seen
        return seen(self.problem, self.width)

    @cached_property
    def measured(self) -> Inverse:
        """What lengths are measured by: the inverse, with the function norm a D with `|FA⁻¹g| ≈ |Dg|`."""
        if self.seen is None or self.inverse.X is None:
            return self.inverse
        if self.fields.columns is None:
            return self.seen.measured(self.completed, self.inverse.X, self.width)
        columns = self.seen.completing(self.fields.columns)  # the shortest motion in S is another than in |·|
        if columns is None:
            raise Unproved(f"the symmetry fields are not proved independent in this norm at {ctx.prec} bits")
        A = self._with(columns)
        X = proposed(A, self.width)
        return Inverse() if X is None else self.seen.measured(A, X, self.width)

    @property
    def D(self) -> Fixed:  # noqa: N802
        """X, or the D of the function norm, which must have been proved one."""
        assert self.measured.X is not None
        return self.measured.X

    @property
    def proved(self) -> bool:
        """Whether A is proved nonsingular."""
        return self.measured.X is not None

    def slack(self, end: arb, number: int | None = None) -> arb:
        """A δ: squares below `end²(1 − δ)`, above `end²(1 + δ)` decide how long motions are, of one row or of all."""
        return self.measured.defect

    def rank(self, least: float) -> Truth:
        """Whether `|Av| > least·|v|` for all v: `(1 − ε)/|X|_F > least`, or `‖X‖ < (1 − ε)/least`."""
        if self.inverse.X is None:
            return Truth.UNDECIDED
        error, stated = self.inverse.error, arb(least)
        if (1 - error) > stated * self.X.size:
            return Truth.PROVED
        if least not in self._ranks:
            size = Largest(product(self.X, self.X.turned, self.width))
            found = size.below(((1 - error) / stated) ** 2)
            if found is Truth.DISPROVED:  # for a number a little larger too, else nothing is known
                found = size.below(((1 + error) / stated) ** 2)
                found = found if found is Truth.DISPROVED else Truth.UNDECIDED
            self._ranks[least] = found
        return self._ranks[least]

    @cached_property
    def data(self) -> DataDerivative:
        """`C = ∂_u∇_w L_c`, the columns of every row that moves."""
        return data_derivative(self.curvature)

    @cached_property
    def swept(self) -> Motion | None:
        """What is found with C in parts, where its columns are not too many."""
        if self.data.structured and self.data.each * (self.problem.parameters + BESIDE) > MOST:
            return None
        from certify.check.systems.data_derivative.motion import motion
        return motion(self.data, self.D, self.data.structured)

    def motions(self) -> Iterator[Largest]:
        """Matrices of which each has `‖DC‖²` as its largest eigenvalue, to be tried in turn."""
        if self.data.structured and self.swept is not None and self.swept.all is not None:
            yield self.swept.all
        yield self.motion

    def grams(self) -> Iterator[list[arb_mat]]:
        """`(DC_i)ᵀ(DC_i)` of every moving row, to be tried in turn: first from DC where it is there."""
        there = "reached" in self.__dict__
        if not there and self.swept is not None:
            yield self.swept.rows
        yield self.row_grams
        if there and self.swept is not None:
            yield self.swept.rows

    @cached_property
    def motion(self) -> Largest:
        """A matrix whose largest eigenvalue is `‖DC‖²` (D is X but for the function norm, here and below)."""
        if self.data.structured:
            return self.reached_by(self.curvature.cross())
        Y = min(self.reached, self.reached.turned, key=lambda M: M.shape[0])
        return Largest(product(Y, Y.turned, self.width))

    def within(self, weights: Sequence[arb_mat]) -> Truth:
        """Whether `A² − ΣC_iE_iC_iᵀ ≻ 0` with the symmetric weights E_i of the moving rows."""
        from certify.check.systems.data_derivative.weighted import weighted
        return weighted(self, weights).below((1 - self.measured.error) ** 2)

    def reached_by(self, Q: Fixed) -> Largest:
        """`XQXᵀ`."""
        return Largest(product(product(self.D, Q, self.width), self.D.turned, self.width))

    @cached_property
    def reached(self) -> Fixed:
        """`XC`."""
        return product(self.D, self.data.columns, self.width)

    @cached_property
    def row_grams(self) -> list[arb_mat]:
        """`(XC_i)ᵀ(XC_i)` of every moving row."""
        if self.data.structured:
            return self.curvature.feature_grams(self.D)
        from certify.check.systems.data_derivative.motion import squared
        Y, q = self.reached, self.data.each
        rows = Y.mid.transpose().tolist()
        return [squared(fmpz_mat(rows[at:at + q]), Y.bits, Y.radius).balls() for at in range(0, len(rows), q)]

    @cached_property
    def products(self) -> arb_mat:
        """`(XC)ᵀ(XC)` of all pairs of rows."""
        return product(self.reached.turned, self.reached, 2 * self.width).balls()

    def response(self, change: Mapping[int, Sequence[arb]]) -> arb:
        """`|XCu|²` of a change by moving row."""
        return squares(product(self.D, self.data.image(change), self.width).balls().entries())

    def along(self, z: Sequence[arb]) -> tuple[list[list[arb]], arb]:
        """`C_iᵀz` of every moving row, and `|Hz|²` (function norm: `|S⁻¹Hz|²`), z counted unit by unit."""
        return self.data.row_forms(z), self.energy(z)

    def energy(self, z: Sequence[arb]) -> arb:
        """The second of them alone."""
        image = product(self.curvature.hessian, enclosed(arb_mat(len(z), 1, list(z)), self.width), self.width)
        return (norm_of(image) + arb(0, image.radius)) ** 2 if self.seen is None else (
            self.seen.dual_square(image, self.width))


def completed(H: arb_mat, fields: Fields) -> arb_mat:
    """`H + |H|_F·TTᵀ`: on the span of the fields as large as H can be anywhere else."""
    if fields.columns is None:
        return H
    size = squares(x.mid() for x in H.entries()).mid().sqrt().mid()
    return H + gram(fields.columns) * (size if size > 0 else ONE)


def output_tilt(plain: Curvature, fields: Fields) -> arb_mat:
    """The shortest c (in the range of Π) with `Jᵀc = ∇L`: `c = ΠJB⁻¹∇L`, `B = JᵀΠJ + TTᵀ ≻ 0`.

    Π takes from every row of outputs its mean if the loss is cross-entropy and there is no weight decay, else nothing.
    With R for B, `B⁻¹ = RᵀR − RᵀE(I + E)⁻¹R`, and `‖ΠJRᵀ‖² ≤ ‖RBRᵀ‖ ≤ 1 + ε`: what is left out of `ΠJRᵀR∇L` is at most
    `√(1+ε)·ε/(1−ε)·|R∇L|` long.

    Raises:
        Unproved: B is not proved positive definite.
    """
    problem, passed = plain.problem, plain.passed
    k = problem.outputs
    J = pulled(problem, plain.parameters, passed)
    if loss_of(problem).invariant and not problem.weight_decay:
        rows = J.tolist()
        means = [[sum(c, ZERO) / k for c in zip(*rows[i:i + k], strict=True)] for i in range(0, len(rows), k)]
        J = arb_mat([[v - m for v, m in zip(row, means[at // k], strict=True)] for at, row in enumerate(rows)])
    found = definiteness(completed(gram(J.transpose()), fields))
    if found.R is None:
        raise Unproved(f"there is no output tilt: JᵀJ + TTᵀ ≻ 0 is not proved at {ctx.prec} bits")
    g = arb_mat(problem.parameters, 1, plain.gradient)
    short = found.R * g
    epsilon = found.defect
    left = (1 + epsilon).sqrt() * epsilon / (1 - epsilon) * squares(short.entries()).sqrt()
    error = arb(0, left.upper())
    c = (J * (found.R.transpose() * short)).entries()
    return arb_mat(passed.outputs.nrows(), k, [v + error for v in c])


def stationary(point: Point) -> Stationary:
    """What is known at a critical point, at the precision of the point; raises `NotSmooth`."""
    if isinstance(point.known, Stationary):
        return point.known.finer(point.width)
    return Stationary(point.problem, point.parameters, point.forward, point.tilt, point.width)
