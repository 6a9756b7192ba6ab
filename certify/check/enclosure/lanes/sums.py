"""Gradients in the parameters of a linear node, summed over rows of data: products of the leading bits.

A row of the image times a row of outputs, for all pairs of columns at once; of these products those are summed where
the kernel stands at the same place. Numbers are turned into integers of FLINT once, not once for every window.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import add, mul

from flint import arb, arb_mat, fmpz, fmpz_mat

from certify.check.enclosure.lanes.passes import Words
from certify.check.linalg.balls import ZERO
from certify.check.linalg.fixed import scale
from certify.check.reading.graph import Node


@dataclass(frozen=True)
class Pairs:
    """What some rows of data come to, of a node.

    Attributes:
        products: for every line of the kernel those of a column of an input channel with one of an output channel.
        shifts: of every output channel the sum of its adjoints.
        off: how far a sum of products over the columns is from the true one at most.
    """

    products: list[arb_mat]
    shifts: list[arb]
    off: arb

    def __add__(self, other: Pairs) -> Pairs:
        return Pairs(list(map(add, self.products, other.products)), list(map(add, self.shifts, other.shifts)),
                     (self.off + other.off).upper())


def pairs(node: Node, x: Words, v: Words, count: int) -> Pairs:
    """Of so many rows.

    With η and ξ the errors of the numbers, `|Σ(v+η)(x+ξ) − Σvx| ≤ |v||ξ| + |η||x| + |η||ξ|`, Euclidean norms of so
    many numbers as there are rows and places: a place of the kernel meets an input at one place of the output alone.

    Args:
        node: a convolution, or a linear layer, which is one of images of one place.
        x, v: of its input, and of the adjoints of its value.
        count: of rows.
    """
    (c, h, w), (q, oh, ow) = _images(node)
    (kh, _), (sy, _), (py, _) = node.kernel, node.stride, node.padding
    inputs = [_row(x, c, h, w, y, count) for y in range(h)]
    outputs = [_row(v, q, oh, ow, y, count).transpose() for y in range(oh)]
    found, unit = [], scale(x.bits + v.bits)
    for ky in range(kh):
        total = fmpz_mat(c * w, q * ow)
        for y in range(oh):
            if 0 <= y * sy + ky - py < h:
                total += inputs[y * sy + ky - py] * outputs[y]
        found.append(arb_mat(total) * unit)
    N, each = arb(count * oh * ow), oh * ow
    off = (_longest(v, q) * x.off + _longest(x, c) * v.off) * N.sqrt() + N * x.off * v.off
    lost = arb(0, (N * v.off).upper())
    shifts = [arb(sum(map(sum, v.units[a * each:(a + 1) * each]))) * scale(v.bits) + lost for a in range(q)]
    return Pairs(found, shifts, off.upper())


def gradient(node: Node, known: Pairs) -> arb_mat:
    """`Σ v aᵀ`: a row for each output channel, bias last."""
    (c, _, w), (q, _, ow) = _images(node)
    (_, kw), (_, sx), (_, px) = node.kernel, node.stride, node.padding
    lines, wide = [M.transpose().tolist() for M in known.products], arb(0, known.off)
    there = [[(z, z * sx + kx - px) for z in range(ow) if 0 <= z * sx + kx - px < w] for kx in range(kw)]
    rows = [[x + wide for x in line] for line in lines[0]] if node.op == "linear" else [
        [sum((line[a * ow + z][channel * w + j] for z, j in at), ZERO) + wide
         for channel in range(c) for line in lines for at in there] for a in range(q)]
    return arb_mat([[*row, b] for row, b in zip(rows, known.shifts, strict=True)] if "bias" in node.tensors else rows)


def _images(node: Node) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Channels, height and width of what goes in and comes out."""
    if node.op == "linear":
        return (node.before[0], 1, 1), (node.shape[0], 1, 1)
    (c, h, w), (q, oh, ow) = node.before, node.shape
    return (c, h, w), (q, oh, ow)


def _row(x: Words, channels: int, h: int, w: int, y: int, count: int) -> fmpz_mat:
    """The units in that row of an image, channel by channel, a line each."""
    return fmpz_mat(channels * w, count, [n for channel in range(channels) for unit in
                                          x.units[(channel * h + y) * w:(channel * h + y + 1) * w] for n in unit])


def _longest(x: Words, channels: int) -> arb:
    """Upper bound of the Euclidean norms of all numbers of a channel."""
    each = len(x.units) // channels
    most = max(sum(sum(map(mul, unit, unit)) for unit in x.units[a * each:(a + 1) * each]) for a in range(channels))
    return (arb(fmpz(most)).sqrt() * scale(x.bits)).upper()
