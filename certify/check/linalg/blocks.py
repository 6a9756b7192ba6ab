"""The place of an entry in a matrix over the parameters: a pair of layers, and a unit and an input of each.

An entry at the parameters (r, s) of layer h and (t, u) of layer g (:mod:`certify.check.enclosure.hessian`) stands in
the matrix at row rs and column tu. Sums over the data make it at row rt and column su, or at row st and column ru.
"""

from __future__ import annotations

from collections.abc import Mapping

from flint import arb, arb_mat, fmpz, fmpz_mat

from certify.check.linalg.balls import ZERO
from certify.check.linalg.fixed import Fixed, enclosed
from certify.check.linalg.large.products import common, total
from certify.check.reading.subject import Problem

DIAGONAL = 200
"""Bits of the numbers added on the diagonal, before they are cut to those of the matrix."""


def sides(problem: Problem, h: int) -> tuple[int, int]:
    """Units of layer h, and entries of their input: one more where there is a bias."""
    layer = problem.layers[h - 1]
    return layer.outputs, layer.inputs + (layer.biases is not None)


def placed(problem: Problem, h: int, g: int, first: Fixed, second: Fixed | None) -> Fixed:
    """The entries at the parameters of layer h (rows) and g (columns): `first[rt, su] + second[st, ru]`."""
    (m, width), (M, N) = sides(problem, h), sides(problem, g)
    shape, F = (m * width, M * N), first.mid.tolist()
    values = [x for r in range(m) for s in range(width) for t in range(M) for x in F[r * M + t][s * N:s * N + N]]
    found = Fixed(fmpz_mat(*shape, values), first.bits, first.radius)
    if second is None:
        return found
    F = second.mid.tolist()
    values = [x for r in range(m) for s in range(width) for t in range(M) for x in F[s * M + t][r * N:r * N + N]]
    return total([found, Fixed(fmpz_mat(*shape, values), second.bits, second.radius)])


def rearranged(problem: Problem, h: int, g: int, block: Fixed) -> tuple[Fixed, Fixed]:
    """The entries at the parameters of layers h and g as `[rt, su]` and as `[st, ru]`."""
    (m, width), (M, N) = sides(problem, h), sides(problem, g)
    F = block.mid.tolist()
    first = [x for r in range(m) for t in range(M) for s in range(width) for x in F[r * width + s][t * N:t * N + N]]
    second = [x for s in range(width) for t in range(M) for r in range(m) for x in F[r * width + s][t * N:t * N + N]]
    return (Fixed(fmpz_mat(m * M, width * N, first), block.bits, block.radius),
            Fixed(fmpz_mat(width * M, m * N, second), block.bits, block.radius))


def columns_by_layer(problem: Problem, X: Fixed) -> dict[int, Fixed]:
    """The columns of X that belong to every free layer."""
    found, at, rows = {}, 0, X.mid.tolist()
    for h in problem.free:
        end = at + problem.layers[h - 1].parameters
        found[h] = Fixed(fmpz_mat([row[at:end] for row in rows]), X.bits, X.radius)
        at = end
    return found


def assembled(problem: Problem, blocks: Mapping[tuple[int, int], Fixed], diagonal: Mapping[int, arb]) -> Fixed:
    """The symmetric matrix from the blocks of layers h ≤ g, plus a number a layer on its diagonal.

    Squares of the blocks' radii add up, twice those of blocks that stand there twice; and so do those of the numbers
    on the diagonal, which stand where a block stands already: the roots of both are added.
    """
    numbers = {h: enclosed(arb_mat([[diagonal.get(h, ZERO)]]), DIAGONAL) for h in problem.free}
    cutoff = common([*blocks.values(), *numbers.values()])
    parts = dict(zip(blocks, cutoff, strict=False))
    numbers = dict(zip(problem.free, cutoff[len(blocks):], strict=True))
    square = sum((part.radius**2 * (1 if h == g else 2) for (h, g), part in parts.items()), ZERO)
    flat: list[fmpz] = []
    p, at, beside = problem.parameters, 0, ZERO
    for h in problem.free:
        across = [(parts[h, g].mid if g >= h else parts[g, h].mid.transpose()).tolist() for g in problem.free]
        for rows in zip(*across, strict=True):
            for row in rows:
                flat += row
            flat[at * p + at] += numbers[h].mid[0, 0]
            beside += numbers[h].radius**2
            at += 1
    return Fixed(fmpz_mat(p, p, flat), cutoff[0].bits, (square.sqrt() + beside.sqrt()).upper())
