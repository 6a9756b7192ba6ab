"""`Hz` and every row's `C_iᵀz` of many vectors z of weights, by one pass along them: neither H nor C is formed.

With `ż_h = W_hȧ_{h−1} + Z_hã_{h−1}`, `ȧ_h = φ'∘ż_h`, `δ̇_H = Mḟ` and `δ̇_{h−1} = φ'∘(W_hᵀδ̇_h + Z_hᵀδ_h) +
φ''∘ż_{h−1}∘W_hᵀδ_h` the part of `Hz` in layer h is `Σ_i δ̇_hã_{h−1}ᵀ + δ_h(ȧ_{h−1}, 0)ᵀ + λZ_h`, and `C_iᵀz` is
`W_1ᵀδ̇_1 + Z_1ᵀδ_1` in the features' units. Numbers of all vectors stand side by side, row by row of the data.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import add, mul

from flint import arb, arb_mat

from certify.check.enclosure.activation import ACTIVATIONS
from certify.check.enclosure.network import Forward, Parameters, backward, first_weights
from certify.check.enclosure.objective import Objective
from certify.check.enclosure.units import extended
from certify.check.linalg.blocks import sides
from certify.check.reading.subject import Problem

Flat = list[arb]

HELD = 1 << 19
"""About so many numbers of one layer, of all vectors, are held at a time."""


@dataclass(frozen=True)
class Products:
    """What one pass along q vectors gives.

    Attributes:
        images: `(p, q)`, the columns `Hz`, counted unit by unit.
        forms: `(n·q, d)`, row `i·q + c` is `C_iᵀz` of vector c.
    """

    images: arb_mat
    forms: arb_mat


class Along:
    """The passes at a point, and products along any vectors.

    Args:
        problem: one whose features move, of a network that is twice continuously differentiable.
        parameters, passed, objective: of the point.
    """

    def __init__(self, problem: Problem, parameters: Parameters, passed: Forward, objective: Objective) -> None:
        self._problem, self._rows = problem, passed.outputs.nrows()
        self._weights = [first_weights(problem, parameters), *parameters.weights[1:]]
        adjoint, phi = backward(problem, parameters, passed, objective.slopes), ACTIVATIONS[problem.activation]
        pulled = [(V * W).entries() for V, W in zip(adjoint.adjoints[1:], self._weights[1:], strict=True)]
        bends = [[phi.curvature(z) * x for z, x in zip(before, back, strict=True)]
                 for before, back in zip(passed.before, pulled, strict=True)]
        self._whole = Part({h: extended(problem, h, passed) for h in problem.free}, adjoint.adjoints,
                           adjoint.slopes, bends, objective.curvatures)

    def products(self, vectors: arb_mat, formed: bool = True) -> Products:
        """Both, at every point of the balls: some rows of the data at a time, as `Hz` is a sum over them.

        Args:
            vectors: `(p, q)`, counted unit by unit.
            formed: whether the forms are asked for; else there are none.
        """
        problem, q = self._problem, vectors.ncols()
        widest = max(max(layer.inputs, layer.outputs) for layer in problem.layers)
        parts, images, forms = _parts(problem, vectors), vectors * arb(problem.weight_decay), Flat()
        for some in self._whole.parted(max(1, HELD // (widest * q))):
            found = _products(problem, self._weights, some, parts, q, formed)
            images, forms = images + found.images, forms + found.forms.entries()
        return Products(images, arb_mat(self._rows * q * formed, problem.layers[0].inputs, forms))


@dataclass(frozen=True)
class Part:
    """Passes over some rows of the data.

    Attributes:
        inputs: of the free layers, with a column of ones where there is a bias.
        adjoints: per layer.
        slopes, bends: per hidden layer `φ'` and `φ''∘W_hᵀδ_h`, row-major.
        curvatures: of the rows' terms.
    """

    inputs: dict[int, arb_mat]
    adjoints: tuple[arb_mat, ...]
    slopes: Sequence[Flat]
    bends: Sequence[Flat]
    curvatures: Sequence[arb_mat]

    def parted(self, step: int) -> Iterator[Part]:
        """The same of so many rows of the data at a time."""
        inputs = {h: _parts_of(A, step) for h, A in self.inputs.items()}
        adjoints, n = [_parts_of(V, step) for V in self.adjoints], len(self.curvatures)
        for at, start in enumerate(range(0, n, step)):
            slopes, bends = ([x[start * (len(x) // n):(start + step) * (len(x) // n)] for x in values]
                             for values in (self.slopes, self.bends))
            yield Part({h: parts[at] for h, parts in inputs.items()}, tuple(parts[at] for parts in adjoints),
                       slopes, bends, self.curvatures[start:start + step])


def products(
    problem: Problem, parameters: Parameters, passed: Forward, objective: Objective, vectors: arb_mat,
    formed: bool = True,
) -> Products:
    """Of vectors at one time."""
    return Along(problem, parameters, passed, objective).products(vectors, formed)


def _parts_of(M: arb_mat, step: int) -> list[arb_mat]:
    """So many rows after the others."""
    rows = M.tolist()
    return [arb_mat(rows[start:start + step]) for start in range(0, len(rows), step)]


def _products(
    problem: Problem, weights: list[arb_mat], some: Part, parts: dict[int, list[list[Flat]]], q: int, formed: bool,
) -> Products:
    """Of some rows, and without the decay."""
    depth, n = len(problem.layers), len(some.curvatures)
    slopes = {h: _for_each(values, n, q) for h, values in enumerate(some.slopes, 1)}
    inner, turned = _onward(weights, some, parts, slopes, q)
    outer, k = turned[depth], problem.outputs
    assert outer is not None
    B = [x for i, M in enumerate(some.curvatures) for x in _bent(outer[i * q * k:(i + 1) * q * k], M, k)]
    images: dict[int, list[Flat]] = {}
    for h in range(depth, 0, -1):
        m, d = problem.layers[h - 1].outputs, problem.layers[h - 1].inputs
        V = some.adjoints[h - 1]
        if h in parts:
            own, a = arb_mat(n, q * m, B).transpose() * some.inputs[h], inner[h]
            across = None if a is None else V.transpose() * arb_mat(n, q * d, a)
            images[h] = _image(problem, h, own.entries(), across, q)
        if h == 1 and not formed:
            return Products(_stacked([images[g] for g in problem.free]), arb_mat(0, d))
        u = arb_mat(n * q, m, B) * weights[h - 1]
        if h in parts:
            pulled = V * _without_bias(parts[h], m, d, problem.scale if h == 1 else None)
            u = u + arb_mat(n * q, d, pulled.entries())
        if h == 1:
            return Products(_stacked([images[g] for g in problem.free]), u)
        B, z = list(map(mul, u.entries(), slopes[h - 1])), turned[h - 1]
        if z is not None:
            B = list(map(add, B, map(mul, z, _for_each(some.bends[h - 2], n, q))))
    raise AssertionError("a network has a layer")


def _bent(moved: Flat, M: arb_mat, k: int) -> Flat:
    """`Mḟ` of the k outputs of every vector; of one output by numbers."""
    if k == 1:
        return list(map(mul, moved, [M[0, 0]] * len(moved)))
    return (arb_mat(len(moved) // k, k, moved) * M).entries()


def _parts(problem: Problem, vectors: arb_mat) -> dict[int, list[list[Flat]]]:
    """For every free layer and vector its matrix."""
    found: dict[int, list[list[Flat]]] = {}
    columns, at = vectors.transpose().tolist(), 0
    for h in problem.free:
        m, wide = sides(problem, h)
        found[h] = [[z[at + r * wide:at + (r + 1) * wide] for r in range(m)] for z in columns]
        at += m * wide
    return found


def _onward(
    weights: list[arb_mat], some: Part, parts: dict[int, list[list[Flat]]], slopes: dict[int, Flat], q: int,
) -> tuple[dict[int, Flat | None], dict[int, Flat | None]]:
    """How inputs and pre-activations of every layer move; None where nothing does yet."""
    n, a = len(some.curvatures), None
    inner: dict[int, Flat | None] = {}
    turned: dict[int, Flat | None] = {}
    for h, W in enumerate(weights, 1):
        inner[h] = a
        z = None if a is None else (arb_mat(n * q, len(a) // (n * q), a) * W.transpose()).entries()
        if h in parts:
            stack = arb_mat([row for Z in parts[h] for row in Z])
            own = (some.inputs[h] * stack.transpose()).entries()
            z = own if z is None else list(map(add, z, own))
        turned[h] = z
        a = None if z is None or h not in slopes else list(map(mul, z, slopes[h]))
    return inner, turned


def _for_each(row: Flat, n: int, q: int) -> Flat:
    """The numbers of every row of the data q times after another."""
    m = len(row) // n
    return [x for i in range(n) for _ in range(q) for x in row[i * m:(i + 1) * m]]


def _without_bias(part: list[list[Flat]], m: int, d: int, scale: Sequence[float] | None) -> arb_mat:
    """`(m, q·d)`: the matrices of all vectors side by side, the features in their units."""
    units = None if scale is None else [arb(s) for s in scale]
    return arb_mat([[x for Z in part for x in (Z[r][:d] if units is None else
                                               [y * s for y, s in zip(Z[r], units, strict=False)])]
                    for r in range(m)])


def _image(problem: Problem, h: int, own: Flat, across: arb_mat | None, q: int) -> list[Flat]:
    """For every vector the part of `Hz` in layer h: `own` by vector, unit and input, `across` unit by unit."""
    (m, wide), d = sides(problem, h), problem.layers[h - 1].inputs
    more, found = None if across is None else across.tolist(), []
    for c in range(q):
        flat = own[c * m * wide:(c + 1) * m * wide]
        if more is not None:
            for r, row in enumerate(more):
                for s, x in enumerate(row[c * d:(c + 1) * d]):
                    flat[r * wide + s] += x
        found.append(flat)
    return found


def _stacked(images: list[list[Flat]]) -> arb_mat:
    """The layers one under the other, a column a vector."""
    return arb_mat([[x for part in parts for x in part] for parts in zip(*images, strict=True)]).transpose()
