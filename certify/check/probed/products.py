"""`Hz` and every row's `C_iᵀz` of many vectors z of weights, by one pass along them: neither H nor C is formed.

With `ż_h = W_hȧ_{h−1} + Z_hã_{h−1}`, `ȧ_h = φ'∘ż_h`, `δ̇_H = Mḟ` and `δ̇_{h−1} = φ'∘(W_hᵀδ̇_h + Z_hᵀδ_h) +
φ''∘ż_{h−1}∘W_hᵀδ_h` the part of `Hz` in layer h is `Σ_i δ̇_hã_{h−1}ᵀ + δ_h(ȧ_{h−1}, 0)ᵀ + λZ_h`, and `C_iᵀz` is
`W_1ᵀδ̇_1 + Z_1ᵀδ_1` in the features' units. Numbers of all vectors stand side by side, row by row of the data.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

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


def products(
    problem: Problem, parameters: Parameters, passed: Forward, objective: Objective, vectors: arb_mat,
) -> Products:
    """Both, at every point of the balls: some rows of the data at a time, as `Hz` is a sum over them.

    Args:
        problem: one whose features move, of a network that is twice continuously differentiable.
        parameters, passed, objective: of the point.
        vectors: `(p, q)`, counted unit by unit.
    """
    n, widest = passed.outputs.nrows(), max(max(layer.inputs, layer.outputs) for layer in problem.layers)
    step, images = max(1, HELD // (widest * vectors.ncols())), vectors * arb(problem.weight_decay)
    parts, forms = _parts(problem, vectors), Flat()
    for some, own in _parted(passed, objective, step):
        found = _products(problem, parameters, some, own, parts, vectors.ncols())
        images, forms = images + found.images, forms + found.forms.entries()
    return Products(images, arb_mat(n * vectors.ncols(), problem.layers[0].inputs, forms))


def _parted(passed: Forward, objective: Objective, step: int) -> Iterator[tuple[Forward, Objective]]:
    """The same of so many rows of the data at a time."""
    n = passed.outputs.nrows()
    inputs = [_parts_of(A, step) for A in passed.inputs]
    others = [_parts_of(A, step) for A in (passed.outputs, objective.plain, objective.slopes)]
    for at, start in enumerate(range(0, n, step)):
        before = tuple(z[start * (len(z) // n):(start + step) * (len(z) // n)] for z in passed.before)
        outputs, plain, slopes = (parts[at] for parts in others)
        yield (Forward(tuple(parts[at] for parts in inputs), before, outputs),
               Objective(plain, slopes, objective.curvatures[start:start + step]))


def _parts_of(M: arb_mat, step: int) -> list[arb_mat]:
    """So many rows after the others."""
    rows = M.tolist()
    return [arb_mat(rows[start:start + step]) for start in range(0, len(rows), step)]


def _products(
    problem: Problem, parameters: Parameters, passed: Forward, objective: Objective,
    parts: dict[int, list[list[Flat]]], q: int,
) -> Products:
    """Of some rows, and without the decay."""
    depth, n = len(problem.layers), passed.outputs.nrows()
    adjoint = backward(problem, parameters, passed, objective.slopes)
    slopes = dict(enumerate(adjoint.slopes, 1))
    inner, turned = _onward(problem, parameters, passed, parts, slopes, q)
    outer = turned[depth]
    assert outer is not None
    k = problem.outputs
    B = [x for i, M in enumerate(objective.curvatures)
         for x in (arb_mat(q, k, outer[i * q * k:(i + 1) * q * k]) * M).entries()]
    adjoints, phi = adjoint.adjoints, ACTIVATIONS[problem.activation]
    images: dict[int, list[Flat]] = {}
    for h in range(depth, 0, -1):
        m, d = problem.layers[h - 1].outputs, problem.layers[h - 1].inputs
        V = adjoints[h - 1]
        if h in parts:
            own, a = arb_mat(n, q * m, B).transpose() * extended(problem, h, passed), inner[h]
            across = None if a is None else V.transpose() * arb_mat(n, q * d, a)
            images[h] = _image(problem, h, own.entries(), across, q)
        W = first_weights(problem, parameters) if h == 1 else parameters.weights[h - 1]
        u = (arb_mat(n * q, m, B) * W).entries()
        if h in parts:
            scale = problem.scale if h == 1 else None
            pulled = (V * _without_bias(parts[h], m, d, scale)).entries()
            u = [x + y for x, y in zip(u, pulled, strict=True)]
        if h == 1:
            return Products(_stacked([images[g] for g in problem.free]), arb_mat(n * q, d, u))
        B = _times(u, slopes[h - 1], n, q)
        z = turned[h - 1]
        if z is not None:
            back = (V * parameters.weights[h - 1]).entries()
            bends = [phi.curvature(y) * x for y, x in zip(passed.before[h - 2], back, strict=True)]
            B = [x + y for x, y in zip(B, _times(z, bends, n, q), strict=True)]
    raise AssertionError("a network has a layer")


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
    problem: Problem, parameters: Parameters, passed: Forward, parts: dict[int, list[list[Flat]]],
    slopes: dict[int, Flat], q: int,
) -> tuple[dict[int, Flat | None], dict[int, Flat | None]]:
    """How inputs and pre-activations of every layer move; None where nothing does yet."""
    n = passed.outputs.nrows()
    a: Flat | None = None
    inner: dict[int, Flat | None] = {}
    turned: dict[int, Flat | None] = {}
    for h in range(1, len(problem.layers) + 1):
        inner[h] = a
        z = None if a is None else (
            arb_mat(n * q, len(a) // (n * q), a) * parameters.weights[h - 1].transpose()).entries()
        if h in parts:
            stack = arb_mat([row for Z in parts[h] for row in Z])
            own = (extended(problem, h, passed) * stack.transpose()).entries()
            z = own if z is None else [x + y for x, y in zip(z, own, strict=True)]
        turned[h] = z
        a = None if z is None or h not in slopes else _times(z, slopes[h], n, q)
    return inner, turned


def _times(values: Flat, row: Flat, n: int, q: int) -> Flat:
    """Numbers of q vectors for every row of the data, each times the row's."""
    m = len(row) // n
    return [x * s for i in range(n) for c in range(q)
            for x, s in zip(values[(i * q + c) * m:(i * q + c + 1) * m], row[i * m:(i + 1) * m], strict=True)]


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
