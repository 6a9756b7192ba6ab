"""Second derivatives of the objective by structure, in balls: H = ∇²_ww L_c, C = ∇²_wu L_c, and C Cᵀ.

A parameter of layer h is a pair (r, s): unit r and entry s of its input `ã = [a_{h−1}, 1]`. With `δ_h = ∂ψ_i/∂z_h` the
gradient of row i's term is `δ_h[r] ã[s]`, and whatever moves (another parameter, a feature) moves it by
`δ̇_h[r] ã[s] + δ_h[r] ȧ[s]`. Every entry below is a sum over the rows i of a factor with two of the four indices of its
place times a factor with the other two: one product of matrices for a pair of layers. Parameters are counted unit by
unit here: the weights of a unit, then its bias (:func:`by_units`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from flint import arb, arb_mat

from certify.check.activation import ACTIVATIONS
from certify.check.balls import ONE, ZERO, gram, mirrored
from certify.check.network import Forward, NotSmooth, Parameters, backward, first_weights, layer_slopes
from certify.check.objective import Objective
from certify.check.subject import Problem

Rows = list[list[arb]]
Sums = dict[str, tuple[Rows, Rows]]
"""Sums over the rows of two factors, each row-major in its two indices, by the four: `rtsu` is `F[r,t] G[s,u]`."""

AT_ONCE = 16
"""Rows whose products with a large matrix are held at a time."""


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


class Curvature:
    """Second derivatives at one point, each computed when it is first asked for.

    Args:
        problem: the problem; its kept rows are all rows.
        parameters: weights and biases.
        passed: the forward pass.
        objective: slopes and curvatures of the rows' terms at its outputs.

    Raises:
        NotSmooth: f is not proved to be twice continuously differentiable at the data.
    """

    def __init__(self, problem: Problem, parameters: Parameters, passed: Forward, objective: Objective) -> None:
        require_second(problem, passed)
        self.problem, self.parameters, self.passed, self.objective = problem, parameters, passed, objective
        self.rows = passed.outputs.nrows()
        self._adjoints = backward(problem, parameters, passed, objective.slopes).adjoints
        self._deltas = {h: self._adjoints[h - 1].tolist() for h in problem.free}
        self._inputs = {h: extended(problem, h, passed).tolist() for h in problem.free}
        self._slopes = {h: _cut(layer_slopes(problem, h, passed.before[h - 1], False), self.rows)
                        for h in range(1, len(problem.layers))}

    @property
    def gradient(self) -> list[arb]:
        """`∇_w L_c`, one number a parameter."""
        return gradient(self.problem, self.parameters, self.passed, self.objective.slopes)

    @cached_property
    def hessian(self) -> arb_mat:
        """`∇²_ww L_c`, `(p, p)`, with λ on its diagonal.

        The block of layers h ≤ g: `Σ_i (∂δ_g/∂z_h)[t, r] · ã_s ã_u + Σ_i (∂a_{g−1}/∂z_h)[u, r] · ã_s δ_t` at the
        parameters (r, s) of layer h and (t, u) of layer g; the second sum only for h < g.
        """
        blocks = {}
        for h in self.problem.free:
            moves = [self._tangents(i, h) for i in range(self.rows)]
            A = self._inputs[h]
            for g in self._later(h):
                sums = {"rtsu": ([m.adjoints[g].transpose().entries() for m in moves], _outer(A, self._inputs[g]))}
                if g > h:
                    sums["rust"] = ([m.inputs[g].transpose().entries() for m in moves], _outer(A, self._deltas[g]))
                blocks[h, g] = self._block(h, g, sums)
        return self._assembled(blocks, arb(self.problem.weight_decay))

    @cached_property
    def cross(self) -> arb_mat:
        """`C Cᵀ`, `(p, p)`, where the features of the moving rows move; by structure if that is cheaper."""
        p, moving = self.problem.parameters, self.problem.moving
        if len(moving) * self.problem.layers[0].inputs > 2 * p:
            return self.structured_cross()
        return gram(beside([self.feature_block(i) for i in moving]))

    def structured_cross(self, weights: Sequence[arb_mat] | None = None) -> arb_mat:
        """`C Cᵀ` without C, block by block; with symmetric `(d, d)` weights `Σ C_iE_iC_iᵀ`, E_i that of moving row i.

        With `X_h = δ̇_h`, `Y_h = ȧ_{h−1}` along the features the block of layers h ≤ g is
        `Σ_i (X_hX_gᵀ)[r, t] ã_s ã_u + (X_hY_gᵀ)[r, u] ã_s δ_t + (Y_hX_gᵀ)[s, t] δ_r ã_u + (Y_hY_gᵀ)[s, u] δ_r δ_t`.
        """
        blocks, moving = {}, self.problem.moving
        moves = [self._feature_tangents(i) for i in moving]
        scaled = moves if weights is None else [m.times(E) for m, E in zip(moves, weights, strict=True)]

        def grams(first: str, h: int, second: str, g: int) -> Rows:
            return [(getattr(m, first)[h] * getattr(other, second)[g].transpose()).entries()
                    for m, other in zip(scaled, moves, strict=True)]

        for h in self.problem.free:
            A, E = ([rows[h][i] for i in moving] for rows in (self._inputs, self._deltas))
            for g in self._later(h):
                B, F = ([rows[g][i] for i in moving] for rows in (self._inputs, self._deltas))
                blocks[h, g] = self._block(h, g, {
                    "rtsu": (grams("adjoints", h, "adjoints", g), _outer(A, B)),
                    "rust": (grams("adjoints", h, "inputs", g), _outer(A, F)),
                    "stru": (grams("inputs", h, "adjoints", g), _outer(E, B)),
                    "surt": (grams("inputs", h, "inputs", g), _outer(E, F)),
                })
        return self._assembled(blocks, ZERO)

    def feature_block(self, i: int) -> arb_mat:
        """`C_i = ∂/∂x_i ∇_w L_c · diag(scale)`, `(p, d)`."""
        return self._moved(i, self._feature_tangents(i))

    def feature_image(self, i: int, u: Sequence[arb]) -> arb_mat:
        """`C_iu`, `(p, 1)`."""
        scale = self.problem.scale or (1.0,) * len(u)
        a = arb_mat([[arb(s) * v] for s, v in zip(scale, u, strict=True)])
        return self._moved(i, self._swept(i, 1, self.parameters.weights[0] * a, a))

    def _moved(self, i: int, moves: Tangents) -> arb_mat:
        """How row i's gradient moves along the directions."""
        found = []
        for h in self.problem.free:
            inputs = list(zip(self._inputs[h][i], moves.inputs[h].tolist(), strict=True))
            for e, N in zip(self._deltas[h][i], moves.adjoints[h].tolist(), strict=True):
                found += [[v * a + e * q for v, q in zip(N, P, strict=True)] for a, P in inputs]
        return arb_mat(found)

    def feature_grams(self, R: arb_mat) -> list[arb_mat]:
        """`(RC_i)ᵀ(RC_i)`, `(d, d)`, for every moving row."""
        return [gram(image.transpose()) for image in self.feature_images(R)]

    def feature_images(self, R: arb_mat) -> Iterator[arb_mat]:
        """`RC_i`, `(p, d)`, for every moving row.

        With the columns of R that belong to layer h read as `R[(·, r), s]`, `RC_i = Σ_h (Rã)X_h + (Rδ)Y_h`: a few rows
        at a time, `Rã` over s and `Rδ` over r are products with one matrix.
        """
        p, at, layers = R.nrows(), 0, {}
        for h in self.problem.free:
            m, D = len(self._deltas[h][0]), len(self._inputs[h][0])
            own = [row[at:at + m * D] for row in R.tolist()]
            layers[h] = (m, D, arb_mat([row[r * D:(r + 1) * D] for row in own for r in range(m)]),
                         arb_mat([row[s::D] for row in own for s in range(D)]))
            at += m * D
        moving = self.problem.moving
        for start in range(0, len(moving), AT_ONCE):
            some = moving[start:start + AT_ONCE]
            through = {h: ((by_input * arb_mat([self._inputs[h][i] for i in some]).transpose()).transpose().tolist(),
                           (by_unit * arb_mat([self._deltas[h][i] for i in some]).transpose()).transpose().tolist())
                       for h, (_, _, by_input, by_unit) in layers.items()}
            for place, i in enumerate(some):
                moves, total = self._feature_tangents(i), arb_mat(p, self.problem.layers[0].inputs)
                for h, (m, D, _, _) in layers.items():
                    total = total + arb_mat(p, m, through[h][0][place]) * moves.adjoints[h]
                    total = total + arb_mat(p, D, through[h][1][place]) * moves.inputs[h]
                yield total

    def feature_forms(self, z: Sequence[arb]) -> Rows:
        """`C_iᵀz` for every moving row: `Σ_h δ̇_hᵀ(Zã) + ȧ_{h−1}ᵀ(Zᵀδ_h)`, Z the part of z in layer h as a matrix."""
        found, parts = [], matrices(self.problem, z)
        for i in self.problem.moving:
            moves, total = self._feature_tangents(i), arb_mat(self.problem.layers[0].inputs, 1)
            for h, Z in parts.items():
                a, e = (arb_mat(len(rows[h][i]), 1, rows[h][i]) for rows in (self._inputs, self._deltas))
                total = total + moves.adjoints[h].transpose() * (Z * a) + moves.inputs[h].transpose() * (
                    Z.transpose() * e)
            found.append(total.entries())
        return found

    @cached_property
    def _seconds(self) -> list[dict[int, arb_mat]]:
        """`∂²ψ_i/∂z_h²` for every row and layer: `DWᵀSWD + diag(φ''(z) ∘ Wᵀδ)`, from the last layer down."""
        depth, found = len(self.problem.layers), []
        phi, deltas = ACTIVATIONS[self.problem.activation], self._adjoints
        bends = {h: _cut([phi.curvature(z) * u for z, u in zip(
            self.passed.before[h - 1], (deltas[h] * self.parameters.weights[h]).entries(), strict=True)], self.rows)
            for h in range(1, depth)}
        for i, M in enumerate(self.objective.curvatures):
            S = {depth: M}
            for h in range(depth - 1, 0, -1):
                W, D = self.parameters.weights[h], self._slopes[h][i]
                rows = (W.transpose() * S[h + 1] * W).tolist()
                for r, (d, bend) in enumerate(zip(D, bends[h][i], strict=True)):
                    rows[r] = [d * v * e for v, e in zip(rows[r], D, strict=True)]
                    rows[r][r] += bend
                S[h] = arb_mat(rows)
            found.append(S)
        return found

    def _tangents(self, i: int, h: int) -> Tangents:
        """Row i along the pre-activations of layer h."""
        m, d = self.problem.layers[h - 1].outputs, self.problem.layers[h - 1].inputs
        return self._swept(i, h, _diagonal([ONE] * m), arb_mat(d, m))

    def _feature_tangents(self, i: int) -> Tangents:
        """Row i along its features, in their units."""
        scale = self.problem.scale or (1.0,) * self.problem.layers[0].inputs
        return self._swept(i, 1, first_weights(self.problem, self.parameters), _diagonal([arb(u) for u in scale]))

    def _swept(self, i: int, h: int, z: arb_mat, a: arb_mat) -> Tangents:
        """From the motion z of the pre-activations of layer h and a of its inputs to all later layers."""
        adjoints, inputs = {}, {}
        for g in range(h, len(self.problem.layers) + 1):
            if g > h:
                a = arb_mat([[d * v for v in row] for d, row in zip(self._slopes[g - 1][i], z.tolist(), strict=True)])
                z = self.parameters.weights[g - 1] * a
            if g in self.problem.free:
                bias = [[ZERO] * a.ncols()] if self.problem.layers[g - 1].biases is not None else []
                adjoints[g], inputs[g] = self._seconds[i][g] * z, arb_mat(a.tolist() + bias)
        return Tangents(adjoints, inputs)

    def _later(self, h: int) -> list[int]:
        return [g for g in self.problem.free if g >= h]

    def _block(self, h: int, g: int, sums: Sums) -> Rows:
        """The entries at the parameters of layer h (rows) and of layer g (columns)."""
        m, width = len(self._deltas[h][0]), len(self._inputs[h][0])
        M, N = len(self._deltas[g][0]), len(self._inputs[g][0])
        places: dict[str, Callable[[Rows, int, int, int, int], arb]] = {
            "rtsu": lambda F, r, s, t, u: F[r * M + t][s * N + u],
            "rust": lambda F, r, s, t, u: F[r * N + u][s * M + t],
            "stru": lambda F, r, s, t, u: F[s * M + t][r * N + u],
            "surt": lambda F, r, s, t, u: F[s * N + u][r * M + t],
        }
        total: Rows = []
        for name, (left, right) in sums.items():
            F, at = (arb_mat(left).transpose() * arb_mat(right)).tolist(), places[name]
            part = [[at(F, r, s, t, u) for t in range(M) for u in range(N)] for r in range(m) for s in range(width)]
            total = part if not total else [[x + y for x, y in zip(*rows, strict=True)]
                                            for rows in zip(total, part, strict=True)]
        return total

    def _assembled(self, blocks: dict[tuple[int, int], Rows], diagonal: arb) -> arb_mat:
        """The symmetric matrix from the blocks of layers h ≤ g, plus `diagonal` times I."""
        full: Rows = []
        for h in self.problem.free:
            parts = [blocks[h, g] if g >= h else [list(c) for c in zip(*blocks[g, h], strict=True)]
                     for g in self.problem.free]
            full += [[x for part in rows for x in part] for rows in zip(*parts, strict=True)]
        for r, row in enumerate(full):
            row[r] += diagonal
        return mirrored(full)


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


def gradient(problem: Problem, parameters: Parameters, passed: Forward, slopes: arb_mat) -> list[arb]:
    """`Σ_i J_iᵀ s_i + λw` for rows `s_i` of `slopes`, one number a parameter; raises `NotSmooth`."""
    found: list[arb] = []
    adjoints = backward(problem, parameters, passed, slopes).adjoints
    for h in problem.free:
        found += (adjoints[h - 1].transpose() * extended(problem, h, passed)).entries()
    decay = arb(problem.weight_decay)
    return [g + decay * w for g, w in zip(found, weights_by_units(problem, parameters), strict=True)]


def extended(problem: Problem, h: int, passed: Forward) -> arb_mat:
    """`Ã_{h−1}`: the inputs of layer h, with a column of ones if it has a bias."""
    A = passed.inputs[h - 1]
    return A if problem.layers[h - 1].biases is None else arb_mat([[*row, ONE] for row in A.tolist()])


def pulled(problem: Problem, parameters: Parameters, passed: Forward, seeds: arb_mat | None = None) -> arb_mat:
    """`(rows, p)`: row i is `J_iᵀ` of the i-th row of `seeds`, `(rows, k)`; without seeds J, `(rows·k, p)`."""
    adjoints = backward(problem, parameters, passed, seeds).adjoints
    each = problem.outputs if seeds is None else 1
    found: Rows = [[] for _ in range(adjoints[0].nrows())]
    for h in problem.free:
        inputs = [row for row in extended(problem, h, passed).tolist() for _ in range(each)]
        for whole, part in zip(found, _outer(adjoints[h - 1].tolist(), inputs), strict=True):
            whole += part
    return arb_mat(found)


def by_units(problem: Problem, z: Sequence[arb]) -> list[arb]:
    """A vector over the free layers, weights in row-major order and then biases, counted unit by unit."""
    found: list[arb] = []
    at = 0
    for h in problem.free:
        layer = problem.layers[h - 1]
        d, end = layer.inputs, at + layer.inputs * layer.outputs
        for r in range(layer.outputs):
            found += z[at + r * d:at + (r + 1) * d]
            if layer.biases is not None:
                found.append(z[end + r])
        at = end + (layer.outputs if layer.biases is not None else 0)
    return found


def weights_by_units(problem: Problem, parameters: Parameters) -> list[arb]:
    """The parameters of the free layers as one vector, unit by unit."""
    flat: list[arb] = []
    for h in problem.free:
        flat += [*parameters.weights[h - 1].entries(), *(parameters.biases[h - 1] or ())]
    return by_units(problem, flat)


def matrices(problem: Problem, z: Sequence[arb]) -> dict[int, arb_mat]:
    """A vector by units as one matrix a free layer: a row for each unit, its bias last."""
    found, at = {}, 0
    for h in problem.free:
        layer = problem.layers[h - 1]
        width = layer.inputs + (layer.biases is not None)
        found[h] = arb_mat(layer.outputs, width, list(z[at:at + width * layer.outputs]))
        at += width * layer.outputs
    return found


def _outer(left: Rows, right: Rows) -> Rows:
    """The products of every entry on the left with every one on the right, row by row."""
    return [[x * y for x in u for y in v] for u, v in zip(left, right, strict=True)]


def _diagonal(values: Sequence[arb]) -> arb_mat:
    return arb_mat([[v if r == c else ZERO for c in range(len(values))] for r, v in enumerate(values)])


def _cut(values: Sequence[arb], rows: int) -> Rows:
    """A row-major list as rows."""
    width = len(values) // rows
    return [list(values[i * width:(i + 1) * width]) for i in range(rows)]
