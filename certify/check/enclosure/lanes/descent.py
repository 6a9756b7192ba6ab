"""The sublevel map of a plain network of gelu in whole numbers: losses, gradients and rows' lengths (L1, M6)."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from functools import cached_property
from operator import rshift

from flint import arb, arb_mat, fmpz, fmpz_mat

from certify.check.enclosure.activation import ACTIVATIONS
from certify.check.enclosure.gradients import Descent, dual_norm, losses
from certify.check.enclosure.lanes import chain
from certify.check.enclosure.lanes.chain import LONG, ROOM, Map, Rows, Sums, applied
from certify.check.enclosure.lanes.lanes import Open
from certify.check.enclosure.losses.base import Losses, loss_of
from certify.check.linalg.balls import ZERO, largest, norm
from certify.check.linalg.fixed import scale
from certify.check.reading.subject import Problem

ROWS, FEW = 2048, 256
"""Rows of data side by side at most, and least: fewer take longer than balls."""

SHORT = 60
"""Bits of values in sums over rows."""

TIGHT = 53
"""Places after the point down to which slopes of a row are off by less, once they are brought near 1."""

FAR = 200
"""Binary places by which slopes of rows may lie apart before the smaller ones are 0 in a sum over rows."""


@dataclass(frozen=True)
class Part:
    """What some rows come to.

    Attributes:
        losses: of these rows.
        sums: of every layer `Σ_i v^i (a^i, 1)ᵀ` within `off`, in Frobenius norm of all layers together.
        lengths: `|∂ℓ_i/∂x_i|`, where features move.
    """

    losses: Losses
    sums: list[arb_mat]
    off: arb
    lengths: list[arb]


class WholeDescent(Descent):
    """Loss and gradients from whole numbers; no pass in balls is kept."""

    def __init__(self, problem: Problem, parts: list[Part]) -> None:
        self.problem, self.parts = problem, parts
        found = [part.losses for part in parts]
        self.losses = Losses([v for part in found for v in part.values],
                             arb_mat([row for part in found for row in part.slopes.tolist()]),
                             [v for part in found for v in part.bends])

    @cached_property
    def weight_gradient(self) -> arb:
        """`|∇_w L|`, the norm of a sum within `off` of the true one."""
        n, decay = len(self.problem.features), arb(self.problem.weight_decay)
        gradient = {}
        for h in self.problem.free:
            layer = self.problem.layers[h - 1]
            total, *others = [part.sums[h - 1] for part in self.parts]
            G = sum(others, total).tolist()
            W = [layer.weights[i * layer.inputs:(i + 1) * layer.inputs] for i in range(layer.outputs)]
            if layer.biases is not None:
                W = [(*row, b) for row, b in zip(W, layer.biases, strict=True)]
            gradient[h] = [[g / n + decay * w for g, w in zip(*rows, strict=True)] for rows in zip(G, W, strict=True)]
        return dual_norm(self.problem, gradient) + arb(0, (sum((part.off for part in self.parts), ZERO) / n).upper())

    @cached_property
    def row_sizes(self) -> list[arb]:
        """`n·|∇_{u_i} L|` for every row that may move."""
        if not self.problem.moves.inputs:
            return super().row_sizes
        lengths = [v for part in self.parts for v in part.lengths]
        return [lengths[i] for i in self.problem.moving]


def descend(problem: Problem) -> WholeDescent | None:
    """None where the network or the norm is another, rows are few, features have units, or numbers are too long."""
    if (problem.graph is not None or ACTIVATIONS[problem.activation] is not chain.GELU
            or problem.lengths.layered or problem.reference or problem.scale is not None
            or len(problem.features) < FEW or sys.byteorder != "little"):
        return None
    try:
        maps = [chain.linear(layer) for layer in problem.layers]
        known = dict[int, list[int]]()
        return WholeDescent(problem, [_part(problem, maps, slice(start, start + ROWS), known)
                                      for start in range(0, len(problem.features), ROWS)])
    except Open:
        return None


def _part(problem: Problem, maps: list[Map], some: slice, known: dict[int, list[int]]) -> Part:
    """Some rows, forward and back; `known` are polynomials of gelu that are made already."""
    a, inputs, slopes = chain.entered(list(zip(*problem.features[some], strict=True))), list[Rows](), list[Rows]()
    for M, after, layer in zip(maps, [*maps[1:], None], problem.layers, strict=True):
        inputs.append(a.cut(SHORT))
        z = applied(M, a, layer.biases)
        if after is not None:
            a, slope = chain.curved(z, ROOM - 1 - after.most.bit_length(), known)
            slopes.append(slope)
    found, B, ups = _seeds(problem, z, some)
    sums, off = list[arb_mat](), list[arb]()
    for h in range(len(maps), 0, -1):
        G, lost = _sum(B, inputs[h - 1], ups, problem.layers[h - 1].biases is not None)
        sums, off = [G, *sums], [*off, lost]
        if h > 1:
            B = chain.times(applied(maps[h - 1].turned, B).cut(LONG - 1), slopes[h - 2])
    if not problem.moves.inputs:
        return Part(found, sums, norm(off).upper(), [])
    rows = applied(maps[0].turned, B).cut(LONG)
    lengths = [(arb(s).sqrt() * scale(rows.bits) + arb(0, rows.off)) * scale(up)
               for s, up in zip(chain.squares(rows.units), ups, strict=True)]
    return Part(found, sums, norm(off).upper(), lengths)


def _seeds(problem: Problem, z: Sums, some: slice) -> tuple[Losses, Rows, list[int]]:
    """Losses, and their slopes row by row `2^up` times: the largest near 1, unless they are off by `2^-TIGHT` then.

    What one row is off by counts for all. A row that is nearly right, and whose slopes are off as much as others, is
    left as much smaller: with `away·2^up < 2^-TIGHT` it is off by no more than the others, and what is cut off later,
    `2^{1−LONG−up}` a number, is at most `2^{TIGHT+2−LONG}·away`, or `2^{2−LONG}` of the largest slope.

    Values and slopes c are those of outputs off by `r = z.off` at most: a slope by what `spread` says, a value by
    r times the length of the longest slope between.
    """
    r, unit, half = z.off, scale(z.bits), 2 << ROOM
    high, low = ([chain.words(v, z.count, "Q", at) for v in z.lanes] for at in (1, 0))
    numbers = [[(u << 64 | v) - half for u, v in zip(*pair, strict=True)] for pair in zip(high, low, strict=True)]
    rows = [[arb(fmpz(v)) * unit for v in row] for row in zip(*numbers, strict=True)]
    known, loss = losses(problem, arb_mat(rows), some), loss_of(problem)
    values, slopes, seeds, ups, off = list[arb](), list[list[arb]](), list[list[int]](), list[int](), ZERO
    for at, (value, c) in enumerate(zip(known.values, known.slopes.tolist(), strict=True), some.start):
        away = loss.spread(problem, at, c, r)[0].upper()
        values.append(value + arb(0, ((norm(c) + away) * r).upper()))
        slopes.append([x + arb(0, away) for x in c])
        longest = largest([abs(x) for x in c]).upper()
        if not (longest.is_finite() and away.is_finite()):
            raise Open
        up = min((-least - places(x) for least, x in ((0, longest), (TIGHT, away)) if not x.is_zero()), default=0)
        scaled = [x / scale(LONG - 1 + up) for x in c]
        whole = [x.mid().floor().unique_fmpz() for x in scaled]
        if None in whole:
            raise Open
        seeds.append([int(v) for v in whole if v is not None])
        off = off.max((away / scale(up) + norm([x.rad() + 1 for x in scaled]) * scale(LONG - 1)).upper())
        ups.append(up)
    return (replace(known, values=values, slopes=arb_mat(slopes)),
            Rows(list(map(list, zip(*seeds, strict=True))), LONG - 1, off), ups)


def places(x: arb) -> int:
    """The least e with `x < 2^e`, of an exact number above 0.

    >>> places(arb(0.75)), places(arb(1)), places(arb(5))
    (0, 1, 3)
    """
    mantissa, exponent = x.man_exp()
    return int(exponent) + int(mantissa.bit_length())


def _sum(B: Rows, A: Rows, ups: list[int], bias: bool) -> tuple[arb_mat, arb]:
    """`Σ_i 2^−up_i b_i (a_i, 1)ᵀ`, and how far it is from the true one in Frobenius norm.

    With b̂ cut once more, and η and ξ how far b and a are, `|Σ(ba − b̂â)|_F ≤ Σ(η|a| + |b̂|ξ)`.
    """
    if A.bits < 0:
        raise Open
    least = min(ups)
    drops = [min(up - least, FAR) for up in ups]
    b = [list(map(rshift, unit, drops)) for unit in B.units]
    units = [*A.units, [1 << A.bits] * len(ups)] if bias else A.units
    left, right = (fmpz_mat(len(M), len(ups), [v for unit in M for v in unit]) for M in (b, units))
    off = ZERO
    for d, u, v in zip(drops, A.lengths, B.lengths, strict=True):
        off += (B.off * scale(d) + B.lost) * (u + A.off + (1 if bias else 0)) + (v * scale(d) + B.lost) * A.off
    return arb_mat(left * right.transpose()) * scale(B.bits + A.bits + least), (off * scale(least)).upper()
