"""Second derivatives of the objective by structure: H = ∇²_ww L_c, C = ∇²_wu L_c, C Cᵀ, and forms of the rows of C.

A parameter of layer h is a pair (r, s): unit r and entry s of its input `ã = [a_{h−1}, 1]`. With `δ_h = ∂ψ_i/∂z_h` the
gradient of row i's term is `δ_h[r] ã[s]`, and whatever moves (another parameter, a feature) moves it by
`δ̇_h[r] ã[s] + δ_h[r] ȧ[s]`. Every entry below is a sum over the rows i of a factor with two of the four indices of its
place times a factor with the other two: one product of matrices, in fixed point, for a pair of layers. Parameters are
counted unit by unit here: the weights of a unit, then its bias (:func:`by_units`). Where layers have a scale, whatever
is taken along a parameter of layer h carries `s_h⁻¹`: H stands for `S⁻¹HS⁻¹`, C for `S⁻¹C`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property, wraps
from importlib import import_module
from typing import TypeVar

from flint import arb, arb_mat, ctx

from certify.check.enclosure.activation import ACTIVATIONS
from certify.check.enclosure.network import Forward, Parameters, backward, first_weights
from certify.check.enclosure.objective import Objective
from certify.check.enclosure.units import extended, gradient, matrices
from certify.check.kernel import WIDTH, NotSmooth
from certify.check.linalg.balls import ONE, ZERO
from certify.check.linalg.blocks import assembled, columns_by_layer, placed, rearranged
from certify.check.linalg.fixed import Fixed, enclosed
from certify.check.linalg.large.products import product, total
from certify.check.linalg.outer import facing
from certify.check.reading.subject import Problem

Rows = list[list[arb]]

SPARE = 20
"""Bits more where the square of an inverse stands between: its size meets what is cut off."""

MANY = 10**5
"""Rows times parameters from which equal entries of the Hessian are made once."""

Result = TypeVar("Result")


def _at_width(method: Callable[..., Result]) -> Callable[..., Result]:
    """Let the method of a `Curvature` work with no more bits than its fixed point keeps, and some to spare."""

    @wraps(method)
    def inner(self: Curvature, *arguments: object) -> Result:
        with self.at_width():
            return method(self, *arguments)

    return inner


@dataclass(frozen=True)
class Tangents:
    """How one row's quantities move along q directions, per free layer from some layer on.

    Attributes:
        adjoints: per layer h the matrix `δ̇_h`, `(m_h, q)`.
        inputs: per layer h the matrix of `ã`'s motion, `(m_{h−1} and, with a bias, 1; q)`, whose last row is then 0.
    """

    adjoints: dict[int, arb_mat]
    inputs: dict[int, arb_mat]

    def times(self, E: arb_mat) -> Tangents:
        """Along the columns of E, combinations of the directions."""
        return Tangents({h: M * E for h, M in self.adjoints.items()}, {h: M * E for h, M in self.inputs.items()})

    def over(self, unit: arb) -> Tangents:
        """With adjoints counted in another unit."""
        return Tangents({h: M * (1 / unit) for h, M in self.adjoints.items()}, self.inputs)


class Curvature:
    """Second derivatives at one point, each computed when it is first asked for.

    Args:
        problem: the problem; its kept rows are all rows.
        parameters: weights and biases.
        passed: the forward pass.
        objective: slopes and curvatures of the rows' terms at its outputs.
        scale: `s_h⁻¹` of every free layer; None: all 1.
        width: bits of the numbers in fixed point.

    Raises:
        NotSmooth: f is not proved to be twice continuously differentiable at the data.
    """

    def __init__(
        self, problem: Problem, parameters: Parameters, passed: Forward, objective: Objective,
        scale: Mapping[int, arb] | None = None, width: int = WIDTH,
    ) -> None:
        require_second(problem, passed)
        self.problem, self.parameters, self.passed, self.objective = problem, parameters, passed, objective
        self.rows, self.width = passed.outputs.nrows(), width
        self.scale = dict.fromkeys(problem.free, ONE) if scale is None else scale
        adjoint = backward(problem, parameters, passed, objective.slopes)
        self._adjoints = adjoint.adjoints
        self._deltas = {h: self._adjoints[h - 1].tolist() for h in problem.free}
        self._inputs = {h: extended(problem, h, passed).tolist() for h in problem.free}
        self._seconds: dict[int, Sequence[arb_mat]] = {len(problem.layers): objective.curvatures}
        self.slopes = {h: _cut(found, self.rows) for h, found in enumerate(adjoint.slopes, 1)}

    def at_width(self) -> AbstractContextManager[None]:
        """No more bits than fixed point keeps, and some to spare."""
        found: AbstractContextManager[None] = ctx.workprec(min(ctx.prec, self.width + 2 * SPARE))
        return found

    @property
    def gradient(self) -> list[arb]:
        """`∇_w L_c`, one number a parameter."""
        return gradient(self.problem, self.parameters, self.passed, self.objective.slopes)

    @cached_property
    @_at_width
    def hessian(self) -> Fixed:
        """`∇²_ww L_c`, `(p, p)`, with λ on its diagonal.

        The block of layers h ≤ g: `Σ_i (∂δ_g/∂z_h)[t, r] · ã_s ã_u + Σ_i (∂a_{g−1}/∂z_h)[u, r] · ã_s δ_t` at the
        parameters (r, s) of layer h and (t, u) of layer g; the second sum only for h < g.
        """
        blocks, every = {}, range(self.rows)
        if self.rows * self.problem.parameters > MANY:
            blocks = import_module("certify.check.enclosure.second.halves").blocks(self)
        for h in () if blocks else self.problem.free:
            moves = [self._tangents(i, h) for i in every]
            A, _ = self.factors(h, every)
            for g in self._later(h):
                B, F = self.factors(g, every)
                first = product(self.listed([m.adjoints[g].transpose() for m in moves]).turned,
                                facing(A, B, self.width), self.width)
                second = None if g == h else product(facing(A, F, self.width).turned, self.listed(
                    [m.inputs[g].transpose() for m in moves]), self.width)
                blocks[h, g] = placed(self.problem, h, g, first, second)
        decay = {h: arb(self.problem.weight_decay) * s * s for h, s in self.scale.items()}
        return assembled(self.problem, blocks, decay)

    @_at_width
    def cross(self, weights: Sequence[arb_mat] | None = None, spare: int = SPARE) -> Fixed:
        """`C Cᵀ` without C, where features move; with symmetric `(d, d)` weights `Σ C_iE_iC_iᵀ`, E_i of moving row i.

        With `X_h = δ̇_h`, `Y_h = ȧ_{h−1}` along the features the block of layers h ≤ g is
        `Σ_i (X_hX_gᵀ)[r, t] ã_s ã_u + (Y_hY_gᵀ)[s, u] δ_r δ_t + (Y_hX_gᵀ)[s, t] δ_r ã_u + (X_hY_gᵀ)[r, u] ã_s δ_t`.
        The factors get bits more than the sums: an inverse will stand on both sides.
        """
        blocks, moving, wide = {}, self.problem.moving, self.width + spare
        moves = [self.feature_tangents(i) for i in moving]
        scaled = moves if weights is None else [m.times(E) for m, E in zip(moves, weights, strict=True)]

        def grams(first: str, h: int, second: str, g: int) -> Fixed:
            return self.listed([getattr(m, first)[h] * getattr(other, second)[g].transpose()
                                 for m, other in zip(scaled, moves, strict=True)], wide)

        for h in self.problem.free:
            A, E = self.factors(h, moving, wide)
            for g in self._later(h):
                B, F = self.factors(g, moving, wide)
                blocks[h, g] = placed(self.problem, h, g, total([
                    product(grams("adjoints", h, "adjoints", g).turned, facing(A, B, wide), self.width),
                    product(facing(E, F, wide).turned, grams("inputs", h, "inputs", g), self.width),
                ]), total([
                    product(grams("inputs", h, "adjoints", g).turned, facing(E, B, wide), self.width),
                    product(facing(A, F, wide).turned, grams("adjoints", h, "inputs", g), self.width),
                ]))
        return assembled(self.problem, blocks, {})

    @_at_width
    def feature_grams(self, X: Fixed, spare: int = SPARE) -> list[arb_mat]:
        """`(XC_i)ᵀ(XC_i)`, `(d, d)`, for every moving row, without C; X exact.

        With `M = XᵀX` and `X_h`, `Y_h` as in :meth:`cross` it is the sum over pairs of layers of `X_hᵀP X_g + Y_hᵀQ Y_g
        + X_hᵀU Y_g + Y_hᵀV X_g`, where `P[r, t] = Σ M[(r, s), (t, u)] ã_s ã_u`, `Q[s, u] = Σ M δ_r δ_t`,
        `U[r, u] = Σ M ã_s δ_t` and `V[s, t] = Σ M δ_r ã_u`: for all rows at once products with M's blocks, rearranged.
        Rows are brought to one size first, so that those that hardly count are known as well as the others.
        """
        moving, d, wide = self.problem.moving, self.problem.layers[0].inputs, self.width + spare
        units = [arb(2) ** self.length(i) for i in moving]
        moves = [self.feature_tangents(i).over(unit) for i, unit in zip(moving, units, strict=True)]
        found = [arb_mat(d, d)] * len(moving)
        columns = columns_by_layer(self.problem, X)
        for h in self.problem.free:
            A, E = self.factors(h, moving, wide, units)
            for g in self._later(h):
                B, F = self.factors(g, moving, wide, units)
                first, second = rearranged(self.problem, h, g, product(columns[h].turned, columns[g], wide))
                parts = (
                    ("adjoints", product(facing(A, B, wide), first.turned, wide), "adjoints"),
                    ("inputs", product(facing(E, F, wide), first, wide), "inputs"),
                    ("adjoints", product(facing(A, F, wide), second, wide), "inputs"),
                    ("inputs", product(facing(E, B, wide), second.turned, wide), "adjoints"),
                )
                for left, middles, right in parts:
                    for at, (move, middle) in enumerate(zip(moves, _rows(middles), strict=True)):
                        L, R = getattr(move, left)[h], getattr(move, right)[g]
                        part = L.transpose() * (arb_mat(L.nrows(), R.nrows(), middle) * R)
                        found[at] = found[at] + (part if g == h else part + part.transpose())
        return [G * unit**2 for G, unit in zip(found, units, strict=True)]

    def length(self, i: int) -> int:
        """About the binary logarithm of the size of row i's slope and curvature; 0 where both vanish."""
        values = [*(self.objective.slopes[i, a] for a in range(self.problem.outputs)),
                  *self.objective.curvatures[i].entries()]
        sizes = [(m.bit_length() + int(e)) for m, e in (v.mid().man_exp() for v in values if v.is_finite()) if m != 0]
        return max(sizes, default=0)

    def feature_block(self, i: int) -> arb_mat:
        """`C_i = ∂/∂x_i ∇_w L_c · diag(scale)`, `(p, d)`."""
        return self._moved(i, self.feature_tangents(i))

    def feature_image(self, i: int, u: Sequence[arb]) -> arb_mat:
        """`C_iu`, `(p, 1)`."""
        scale = self.problem.scale or (1.0,) * len(u)
        a = arb_mat([[arb(s) * v] for s, v in zip(scale, u, strict=True)])
        return self._moved(i, self.swept(i, 1, self.parameters.weights[0] * a, a))

    def _moved(self, i: int, moves: Tangents) -> arb_mat:
        """How row i's gradient moves along the directions."""
        found = []
        for h in self.problem.free:
            inputs = list(zip(self._inputs[h][i], moves.inputs[h].tolist(), strict=True))
            for e, N in zip(self._deltas[h][i], moves.adjoints[h].tolist(), strict=True):
                found += [[v * a + e * q for v, q in zip(N, P, strict=True)] for a, P in inputs]
        return arb_mat(found)

    def feature_forms(self, z: Sequence[arb]) -> Rows:
        """`C_iᵀz` for every moving row: `Σ_h δ̇_hᵀ(Zã) + ȧ_{h−1}ᵀ(Zᵀδ_h)`, Z the part of z in layer h as a matrix."""
        found, parts = [], matrices(self.problem, z)
        for i in self.problem.moving:
            moves, total = self.feature_tangents(i), arb_mat(self.problem.layers[0].inputs, 1)
            for h, Z in parts.items():
                a, e = (arb_mat(len(rows[h][i]), 1, rows[h][i]) for rows in (self._inputs, self._deltas))
                total = total + moves.adjoints[h].transpose() * (Z * a) + moves.inputs[h].transpose() * (
                    Z.transpose() * e)
            found.append(total.entries())
        return found

    def second(self, h: int) -> Sequence[arb_mat]:
        """`∂²ψ_i/∂z_h²` of every row: `DWᵀSWD + diag(φ''(z) ∘ Wᵀδ)` with S of the next layer."""
        if h not in self._seconds:
            found, W = [], self.parameters.weights[h]
            for S, D, bend in zip(self.second(h + 1), self.slopes[h], self.bends(h), strict=True):
                rows = (W.transpose() * S * W).tolist()
                for r, (d, own) in enumerate(zip(D, bend, strict=True)):
                    rows[r] = [d * v * e for v, e in zip(rows[r], D, strict=True)]
                    rows[r][r] += own
                found.append(arb_mat(rows))
            self._seconds[h] = found
        return self._seconds[h]

    def bends(self, h: int) -> Rows:
        """`φ''(z_h) ∘ W_{h+1}ᵀδ_{h+1}` of every row."""
        bend, back = ACTIVATIONS[self.problem.activation].curvature, self._adjoints[h] * self.parameters.weights[h]
        return _cut([bend(z) * u for z, u in zip(self.passed.before[h - 1], back.entries(), strict=True)], self.rows)

    def _tangents(self, i: int, h: int) -> Tangents:
        """Row i along the pre-activations of layer h."""
        m, d = self.problem.layers[h - 1].outputs, self.problem.layers[h - 1].inputs
        return self.swept(i, h, _diagonal([self.scale[h]] * m), arb_mat(d, m))

    def feature_tangents(self, i: int) -> Tangents:
        """Row i along its features, in their units."""
        return self.swept(i, 1, *self._features)

    @cached_property
    def _features(self) -> tuple[arb_mat, arb_mat]:
        """How pre-activations and inputs of the first layer move with the features."""
        scale = self.problem.scale or (1.0,) * self.problem.layers[0].inputs
        return first_weights(self.problem, self.parameters), _diagonal([arb(u) for u in scale])

    def swept(self, i: int, h: int, z: arb_mat, a: arb_mat) -> Tangents:
        """From the motion z of the pre-activations of layer h and a of its inputs to all later layers."""
        adjoints, inputs = {}, {}
        for g in range(h, len(self.problem.layers) + 1):
            if g > h:
                a = arb_mat([[d * v for v in row] for d, row in zip(self.slopes[g - 1][i], z.tolist(), strict=True)])
                z = self.parameters.weights[g - 1] * a
            if g in self.problem.free:
                bias = [[ZERO] * a.ncols()] if self.problem.layers[g - 1].biases is not None else []
                t = self.scale[g]
                adjoints[g], inputs[g] = self.second(g)[i] * z * t, arb_mat(a.tolist() + bias) * t
        return Tangents(adjoints, inputs)

    def _later(self, h: int) -> list[int]:
        return [g for g in self.problem.free if g >= h]

    def factors(
        self, h: int, rows: Sequence[int], width: int | None = None, units: Sequence[arb] | None = None,
    ) -> tuple[Fixed, Fixed]:
        """`ã` and `δ` of layer h at some rows, one row each; with units `δ` counted in each row's own."""
        first, second = ([values[h][i] for i in rows] for values in (self._inputs, self._deltas))
        width = self.width if width is None else width
        if units is not None:
            second = [[v / unit for v in row] for row, unit in zip(second, units, strict=True)]
        return enclosed(arb_mat(first), width), enclosed(arb_mat(second), width)

    def listed(self, matrices: Sequence[arb_mat], width: int | None = None) -> Fixed:
        """One matrix a row, row-major."""
        return enclosed(arb_mat([M.entries() for M in matrices]), self.width if width is None else width)


def beside(blocks: Sequence[arb_mat]) -> arb_mat:
    """Matrices of equal height side by side."""
    return arb_mat([[x for part in parts for x in part] for parts in zip(*(b.tolist() for b in blocks), strict=True)])


def require_second(problem: Problem, passed: Forward) -> None:
    """Raise `NotSmooth` where a pre-activation is not proved different from 0 and φ'' jumps there (relu, elu, …)."""
    if not ACTIVATIONS[problem.activation].broken:
        return
    for h, before in enumerate(passed.before, 1):
        width = problem.layers[h - 1].outputs
        for at, z in enumerate(before):
            if not (z > 0 or z < 0):
                row, unit = problem.kept[at // width], at % width
                raise NotSmooth(f"the input of unit {unit} of layer {h} at row {row}", z == 0)


def _rows(M: Fixed) -> Iterator[list[arb]]:
    """Every row as balls of the common radius."""
    error = arb(0, M.radius)
    unit = arb(2) ** -M.bits
    for row in M.mid.tolist():
        yield [unit * x + error for x in row]


def _diagonal(values: Sequence[arb]) -> arb_mat:
    return arb_mat([[v if r == c else ZERO for c in range(len(values))] for r, v in enumerate(values)])


def _cut(values: Sequence[arb], rows: int) -> Rows:
    """A row-major list as rows."""
    width = len(values) // rows
    return [list(values[i * width:(i + 1) * width]) for i in range(rows)]
