"""The critical map at its base point: the tilt that makes it one, H, C, the symmetry fields, and `A = H + TTᵀ` (M5).

`∇L_c(0, w) = 0` holds exactly at the exact base point (proofs/certificate-format.md, section 12); the balls here hold
the exact matrices at that point, for which `HT = 0` and `CᵀT = 0`. That the balls do not show it does not matter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

from flint import arb, arb_mat, ctx

from certify.check.balls import ONE, ZERO, gram, mirrored, root, squares
from certify.check.definite import Definiteness, Truth, definiteness
from certify.check.hessian import Curvature, beside, pulled
from certify.check.network import Forward, Parameters
from certify.check.norms import layer_squares
from certify.check.objective import objective
from certify.check.subject import Problem
from certify.check.symmetry import Fields, symmetries


class Unproved(Exception):  # noqa: N818 — an answer at this precision, not a defect
    """Something a rule rests on was not proved.

    Attributes:
        words: what.
    """

    def __init__(self, words: str) -> None:
        self.words = words
        super().__init__(words)


class Stationary:
    """What the rules of M5b to M5d look at, each computed when it is first asked for.

    Args:
        problem: a problem with the critical map.
        parameters: weights and biases, exact or (base `nearby`) balls that hold an exact critical point.
        passed: the forward pass over all rows.
        tilt: `output`, `weights` or None: what makes the parameters a critical point.

    Raises:
        NotSmooth: f is not proved to be twice continuously differentiable at the data.
    """

    def __init__(self, problem: Problem, parameters: Parameters, passed: Forward, tilt: str | None) -> None:
        self.problem, self.parameters, self.passed, self.kind = problem, parameters, passed, tilt
        self.plain = Curvature(problem, parameters, passed, objective(problem, passed.outputs))
        self._shifted: dict[float, Truth] = {}

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
        return Curvature(self.problem, self.parameters, self.passed, terms)

    @cached_property
    def completed(self) -> arb_mat:
        """`A = H + |H|_F·TTᵀ` with nearly orthonormal columns T of the span of the fields, in the coordinates `Sw`."""
        if self.scale is None:
            return completed(self.hessian, self.fields)
        T = self.fields.columns
        if T is None:
            return self.hessian
        T = arb_mat([[v / t for v in row] for row, t in zip(T.tolist(), self.scale, strict=True)])
        found = definiteness(gram(T.transpose()))
        if found.R is None:
            raise Unproved(f"the symmetry fields are not proved independent in this norm at {ctx.prec} bits")
        return completed(self.hessian, Fields((found.R * T.transpose()).transpose(), self.fields.found))

    @cached_property
    def scale(self) -> list[arb] | None:
        """`s_h⁻¹` of every parameter, unit by unit; None in the Euclidean norm."""
        if self.problem.weight_norm == "euclidean":
            return None
        found = layer_squares(self.problem)
        return [root(found[h]) for h in self.problem.free for _ in range(self.problem.layers[h - 1].parameters)]

    @cached_property
    def hessian(self) -> arb_mat:
        """`S⁻¹HS⁻¹`."""
        return self._both(self.curvature.hessian)

    def _both(self, M: arb_mat) -> arb_mat:
        """`S⁻¹MS⁻¹`."""
        t = self.scale
        if t is None:
            return M
        return mirrored(self._right(self._left(M)).tolist())

    def _left(self, M: arb_mat) -> arb_mat:
        """`S⁻¹M`."""
        t = self.scale
        return M if t is None else arb_mat([[a * v for v in row] for row, a in zip(M.tolist(), t, strict=True)])

    def _right(self, R: arb_mat) -> arb_mat:
        """`RS⁻¹`."""
        t = self.scale
        return R if t is None else arb_mat([[v * b for v, b in zip(row, t, strict=True)] for row in R.tolist()])

    @cached_property
    def square(self) -> arb_mat:
        """`A²`, as `AAᵀ`."""
        return gram(self.completed)

    @cached_property
    def definite(self) -> Definiteness:
        """Whether A is nonsingular (`A² ≻ 0`), with R such that `A⁻² = Rᵀ(I + E)⁻¹R`, `‖E‖ ≤ defect`."""
        return definiteness(self.square)

    def shifted(self, least: float) -> Truth:
        """Whether `A² − least²·I ≻ 0`; computed once for each number."""
        if least not in self._shifted:
            unit = arb(least) ** 2
            rows = self.square.tolist()
            for r, row in enumerate(rows):
                row[r] -= unit
            self._shifted[least] = definiteness(arb_mat(rows), sharp=False).truth
        return self._shifted[least]

    @cached_property
    def cross(self) -> arb_mat:
        """`C Cᵀ` over the moving rows."""
        return self._both(self.curvature.cross) if self.problem.parameter == "features" else gram(self._columns)

    @property
    def narrow(self) -> bool:
        """Whether C is at hand and has no more columns than rows."""
        return self.problem.parameter != "features" and self._columns.ncols() <= self.problem.parameters

    @cached_property
    def reached(self) -> arb_mat:
        """`(RC)ᵀ(RC)` where C is narrow, R from :attr:`definite`, which must be proved."""
        assert self.definite.R is not None
        return gram((self.definite.R * self._columns).transpose())

    @cached_property
    def row_grams(self) -> list[arb_mat]:
        """`(RC_i)ᵀ(RC_i)` of every moving row, R from :attr:`definite`, which must be proved."""
        assert self.definite.R is not None
        if self.problem.parameter == "features":
            return self.curvature.feature_grams(self._right(self.definite.R))
        rows = (self.definite.R * self._columns).transpose().tolist()
        each = len(rows) // len(self.problem.moving)
        return [gram(arb_mat(rows[i:i + each])) for i in range(0, len(rows), each)]

    @property
    def width(self) -> int:
        """Columns of C for each row that moves."""
        problem = self.problem
        return {"features": problem.layers[0].inputs, "targets": problem.outputs}.get(problem.parameter, 1)

    @cached_property
    def products(self) -> arb_mat:
        """`(RC)ᵀ(RC)` of all pairs of rows, R from :attr:`definite`, which must be proved."""
        if self.problem.parameter != "features":
            return self.reached
        assert self.definite.R is not None
        return gram(beside(list(self.curvature.feature_images(self._right(self.definite.R)))).transpose())

    def weighted(self, weights: Sequence[arb_mat]) -> arb_mat:
        """`Σ C_iE_iC_iᵀ` with the symmetric weights E_i of the moving rows."""
        if self.problem.parameter == "features":
            if len(weights) * self.width > 2 * self.problem.parameters:
                return self._both(self.curvature.structured_cross(weights))
            blocks = [self._left(self.curvature.feature_block(i)) for i in self.problem.moving]
        else:
            columns, q = self._columns.transpose().tolist(), self.width
            blocks = [arb_mat(columns[i:i + q]).transpose() for i in range(0, len(columns), q)]
        left = beside([block * E for block, E in zip(blocks, weights, strict=True)])
        return mirrored((left * beside(blocks).transpose()).tolist())

    def image(self, change: Mapping[int, Sequence[arb]]) -> arb_mat:
        """`Cu`, `(p, 1)`, of a change by moving row."""
        if self.problem.parameter == "features":
            total = arb_mat(self.problem.parameters, 1)
            for row, u in change.items():
                total = total + self.curvature.feature_image(row, u)
            return self._left(total)
        return self._columns * arb_mat([[v] for row in self.problem.moving for v in change[row]])

    def row_forms(self, z: Sequence[arb]) -> list[list[arb]]:
        """`C_iᵀS⁻¹z` of every moving row, z counted unit by unit."""
        if self.problem.parameter == "features":
            return self.curvature.feature_forms(z if self.scale is None else
                                                [v * t for v, t in zip(z, self.scale, strict=True)])
        flat, q = (self._columns.transpose() * arb_mat(len(z), 1, list(z))).entries(), self.width
        return [flat[i:i + q] for i in range(0, len(flat), q)]

    def forms(self, z: Sequence[arb]) -> tuple[arb, arb]:
        """`|CᵀS⁻¹z|²` and `|S⁻¹HS⁻¹z|²`, z counted unit by unit."""
        c = squares(x for form in self.row_forms(z) for x in form)
        return c, squares((self.hessian * arb_mat(len(z), 1, list(z))).entries())

    @cached_property
    def _columns(self) -> arb_mat:
        """`S⁻¹C` where targets move, `−J_iᵀ/n` row by row, or sample weights, `J_iᵀg_i/n` (the tilt carries none)."""
        moving, n = self.problem.moving, len(self.problem.features)
        if self.problem.parameter == "sample_weights":
            rows = pulled(self.problem, self.parameters, self.passed, self.plain.objective.plain).tolist()
            return self._left(arb_mat([rows[i] for i in moving]).transpose())
        k = self.problem.outputs
        rows = (pulled(self.problem, self.parameters, self.passed) * (-ONE / n)).tolist()
        return self._left(arb_mat([rows[i * k + a] for i in moving for a in range(k)]).transpose())


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
    if problem.loss == "cross_entropy" and not problem.weight_decay:
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
