"""Parameters counted unit by unit, the weights of a unit, then its bias; and first derivatives in that order."""

from __future__ import annotations

from collections.abc import Sequence

from flint import arb, arb_mat

from certify.check.enclosure.network import Forward, Parameters, backward
from certify.check.linalg.balls import ONE
from certify.check.reading.subject import Problem

Rows = list[list[arb]]


def gradient(problem: Problem, parameters: Parameters, passed: Forward, slopes: arb_mat) -> list[arb]:
    """`Σ_i J_iᵀ s_i + λw` for rows `s_i` of `slopes`, one number a parameter; raises `NotSmooth`.

    Where biases carry no weight decay, they add none.
    """
    found: list[arb] = []
    last = len(problem.layers)  # alone it pulls nothing back through a unit, so that none has to be smooth
    adjoints = ((slopes,) * last if problem.free == (last,) else
                backward(problem, parameters, passed, slopes).adjoints)
    for h in problem.free:
        turned, A, biased = adjoints[h - 1].transpose(), passed.inputs[h - 1], problem.layers[h - 1].biases is not None
        ends = (turned * arb_mat(A.nrows(), int(biased), [ONE] * A.nrows() * biased)).tolist()
        found += [x for row, end in zip((turned * A).tolist(), ends, strict=True) for x in (*row, *end)]
    decay = arb(problem.weight_decay)
    own = weights_by_units(problem, parameters)
    if not problem.bias_decay:
        own = [w for h in problem.free for w in _without_bias(problem, h, parameters)]
    return [g + decay * w for g, w in zip(found, own, strict=True)]


def _without_bias(problem: Problem, h: int, parameters: Parameters) -> list[arb]:
    """The weights of a layer unit by unit, 0 for every bias."""
    end = [] if problem.layers[h - 1].biases is None else [arb(0)]
    return [w for row in parameters.weights[h - 1].tolist() for w in (*row, *end)]


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
        for whole, part in zip(found, outer(adjoints[h - 1].tolist(), inputs), strict=True):
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


def outer(left: Rows, right: Rows) -> Rows:
    """The products of every entry on the left with every one on the right, row by row."""
    return [[x * y for x in u for y in v] for u, v in zip(left, right, strict=True)]
