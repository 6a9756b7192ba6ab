"""Symmetry fields (M5b): directions of the parameters along which the objective cannot change, found by the checker.

A field of the table in proofs/certificate-format.md is used only if the condition in its line is proved here, at every
row, and if the layers it moves are free. With weight decay there is none. Nothing in a certificate has a say in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flint import arb, arb_mat, ctx

from certify.check.enclosure.losses.base import loss_of
from certify.check.enclosure.network import Forward, Parameters
from certify.check.linalg.balls import ONE, ZERO, gram
from certify.check.linalg.definite import definiteness
from certify.check.reading.subject import Problem

Place = tuple[int, int, int]
"""A parameter: layer (from 1), unit, and entry of the unit's input; the entry after the last is the bias."""

Field = dict[Place, arb]


@dataclass(frozen=True)
class Fields:
    """Independent symmetry fields T at a point.

    Attributes:
        columns: `(p, s)`, nearly orthonormal: `T Rᵀ` with an exact nonsingular R. None where there is no field, or
            where independence could not be proved. Over balls it is proved of `T(w)ᵀT(w')` for any two points of them
            that it is nonsingular.
        found: how many fields there are, dependent ones too.
    """

    columns: arb_mat | None = None
    found: int = 0

    @property
    def dimension(self) -> int:
        """Number s of independent fields."""
        return 0 if self.columns is None else int(self.columns.ncols())


def symmetries(problem: Problem, parameters: Parameters, passed: Forward) -> Fields:
    """All fields whose conditions are proved, and a maximal set of them that is proved independent.

    Args:
        problem: a problem with the critical map.
        parameters: where the fields are taken: exact weights, or balls that hold them.
        passed: the forward pass over all rows.
    """
    place = _places(problem)
    vectors = []
    for field in _fields(problem, parameters, passed):
        vector = [ZERO] * problem.parameters
        for at, value in field.items():
            vector[place[at]] = value
        if any(v.mid() != 0 for v in vector):
            vectors.append(vector)
    chosen = _independent(vectors)
    if not chosen:
        return Fields(found=len(vectors))
    T = arb_mat([vectors[j] for j in chosen])
    found = definiteness(gram(T))
    return Fields(None if found.R is None else (found.R * T).transpose(), len(vectors))


def _fields(problem: Problem, parameters: Parameters, passed: Forward) -> Iterator[Field]:
    if problem.weight_decay:
        return
    for h in range(1, len(problem.layers)):
        dead, linear = _classified(problem, h, passed)
        for j in range(problem.layers[h - 1].outputs):
            if j in dead:
                yield from _coordinates(problem, h, j)
        if h in problem.free and problem.layers[h].outputs == 1:
            yield from _unfelt(problem, parameters, h, linear)
        if not {h, h + 1} <= set(problem.free):
            continue
        for i in linear:
            yield from (_mixed(problem, parameters, h, i, j) for j in linear)
            if problem.layers[h - 1].biases is not None and problem.layers[h].biases is not None:
                yield _shifted(problem, parameters, h, i)
        if problem.activation in ("relu", "leaky_relu"):
            others = [j for j in range(problem.layers[h - 1].outputs) if j not in dead and j not in linear]
            yield from (_mixed(problem, parameters, h, j, j) for j in others)
    if loss_of(problem).invariant and len(problem.layers) in problem.free:
        yield from _softmax(problem)


def _classified(problem: Problem, h: int, passed: Forward) -> tuple[list[int], list[int]]:
    """Units of hidden layer h that are 0 near every row (relu), and those that are their pre-activation there."""
    m = problem.layers[h - 1].outputs
    if problem.activation == "identity":
        return [], list(range(m))
    if problem.activation not in ("relu", "leaky_relu"):
        return [], []
    inputs = [passed.before[h - 1][j::m] for j in range(m)]
    dead = [j for j in range(m) if problem.activation == "relu" and all(z < 0 for z in inputs[j])]
    return dead, [j for j in range(m) if all(z > 0 for z in inputs[j])]


def _coordinates(problem: Problem, h: int, j: int) -> Iterator[Field]:
    """Every weight of a dead unit alone: into it, its bias, out of it."""
    layer = problem.layers[h - 1]
    if h in problem.free:
        yield from ({(h, j, s): ONE} for s in range(layer.inputs + (layer.biases is not None)))
    if h + 1 in problem.free:
        yield from ({(h + 1, r, j): ONE} for r in range(problem.layers[h].outputs))


def _mixed(problem: Problem, parameters: Parameters, h: int, i: int, j: int) -> Field:
    """`W_h[i] += W_h[j]`, `b_h[i] += b_h[j]`, `W_{h+1}[:, j] −= W_{h+1}[:, i]`."""
    W, V, b = parameters.weights[h - 1], parameters.weights[h], parameters.biases[h - 1]
    field = {(h, i, s): W[j, s] for s in range(W.ncols())}
    if b is not None:
        field[h, i, W.ncols()] = b[j]
    return field | {(h + 1, r, j): -V[r, i] for r in range(V.nrows())}


def _unfelt(problem: Problem, parameters: Parameters, h: int, linear: list[int]) -> Iterator[Field]:
    """`W_h[i] += v_j δ`, `W_h[j] −= v_i δ` for linear i, j that feed one unit with v: its input does not change."""
    v, layer = parameters.weights[h], problem.layers[h - 1]
    if not linear:
        return
    i = max(linear, key=lambda j: abs(v[0, j]).mid())
    for j in (j for j in linear if j != i):
        yield from ({(h, i, s): v[0, j], (h, j, s): -v[0, i]} for s in range(layer.inputs + (layer.biases is not None)))


def _shifted(problem: Problem, parameters: Parameters, h: int, j: int) -> Field:
    """`b_h[j] += 1`, `b_{h+1} −= W_{h+1}[:, j]`."""
    V = parameters.weights[h]
    return {(h, j, problem.layers[h - 1].inputs): ONE} | {(h + 1, r, V.ncols()): -V[r, j] for r in range(V.nrows())}


def _softmax(problem: Problem) -> Iterator[Field]:
    """One number added to all outputs: for each input of the last layer, and for its bias."""
    last, layer = len(problem.layers), problem.layers[-1]
    for m in range(layer.inputs + (layer.biases is not None)):
        yield {(last, a, m): ONE for a in range(layer.outputs)}


def _places(problem: Problem) -> dict[Place, int]:
    """Where every free parameter stands in a vector counted unit by unit."""
    found: dict[Place, int] = {}
    for h in problem.free:
        layer = problem.layers[h - 1]
        for r in range(layer.outputs):
            for s in range(layer.inputs + (layer.biases is not None)):
                found[h, r, s] = len(found)
    return found


def _independent(vectors: Sequence[list[arb]]) -> list[int]:
    """Propose a maximal independent subset: elimination with pivots on the Gram matrix of the midpoints.

    Nothing is proved: what is chosen is judged by its own Gram matrix, what is left out by A.
    """
    if not vectors:
        return []
    M = arb_mat([[v.mid() for v in vector] for vector in vectors])
    sizes = [sum((v * v for v in row), ZERO).mid().sqrt() for row in M.tolist()]
    G = [[(x / (a * b)).mid() for x, b in zip(row, sizes, strict=True)]
         for row, a in zip((M * M.transpose()).tolist(), sizes, strict=True)]
    least, chosen = arb(2) ** -(ctx.prec // 2), []
    left = list(range(len(vectors)))
    while left:
        j = max(left, key=lambda c: float(G[c][c]))
        if not G[j][j] > least:
            break
        chosen.append(j)
        left.remove(j)
        for i in left:
            factor = (G[i][j] / G[j][j]).mid()
            for c in left:
                G[i][c] = (G[i][c] - factor * G[j][c]).mid()
    return sorted(chosen)
