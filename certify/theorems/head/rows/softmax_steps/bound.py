"""D35: one bound of all choices of a node, by numbers of single rows: the largest few of them bound every sum.

`R_T ≤ Σ_T ρ_i` with half of the largest pairs of each row in ρ_i and a third of its largest triples, so that
`Σ_T (t_i + L·r_T)` is at most a sum over T of numbers of its rows. proofs/heads-softmax-trees.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from certify.rigor.fp import Array
from certify.systems.head.rows.head import Whole
from certify.theorems.head.rows.softmax_steps.node import Node
from certify.theorems.head.rows.softmax_sums.moves import Moves
from certify.theorems.head.rows.softmax_sums.table import AROUND, Table, triples, weights

UP, DOWN = 1.0 + 2.0**-30, 1.0 - 2.0**-30
"""Factors on sums of nonnegative numbers, and on what these are compared with."""

LOOKED = (1, 2, 3, 4)
"""How far is looked around sums of steps: numbers of `AROUND`."""


@dataclass(frozen=True, eq=False)
class Margins:
    """What the steps of a node do to the margins of some evaluation rows.

    Attributes:
        takes: `(f + 1, L, c)` at least what each takes of a margin, of no row 0.
        gap: `(L, c)` at most the margins at the centre.
        lengths: `(L, c)` in the norm of each matrix's inverse, at least.
    """

    takes: Array
    gap: Array
    lengths: tuple[Array, ...]

    def part(self, some: Whole) -> Margins:
        """Of some evaluation rows."""
        return Margins(self.takes[:, some], self.gap[some], tuple(one[some] for one in self.lengths))


def top(v: Array, most: int) -> Array:
    """The sums of the `most` largest numbers along the last axis, in floats.

    >>> top(np.array([[3.0, 1.0, 2.0]]), 2).tolist(), top(np.array([[3.0, 1.0]]), 5).tolist()
    ([5.0], [4.0])
    """
    if most <= 0:
        return np.zeros(v.shape[:-1])
    return np.asarray(np.sort(v, axis=-1)[..., -most:].sum(axis=-1))


def added(t: Table, s: Moves, some: Whole, most: int) -> Array:
    """`(r + 1,)` numbers ρ of some steps, and at last of none: sums over at most so many of them are at least R_T.

    Args:
        t: the numbers in one matrix.
        s: what steps do; `some` `(r,)` those that may be taken.
        most: how many may be.
    """
    rho = t.single[some] + 0.5 * top(t.pair[np.ix_(some, some)], most - 1)
    if most > 2 and len(some):
        part = replace(s, rows=s.rows[some], ranges=s.ranges[some], grown=s.grown[some], pulled=s.pulled[some])
        n = triples(part, weights(t.m, part, most))
        rho = rho + n * (pairs_of(np.sort(n)[::-1][: most - 1]) / 3.0)
    none = t.single[-1]
    return np.append(np.maximum(rho * UP, none), none)


def pairs_of(n: Array) -> float:
    """The sum of all products of two numbers ≥ 0, in floats.

    >>> pairs_of(np.array([1.0, 2.0, 3.0]))
    11.0
    """
    found, before = 0.0, 0.0
    for one in n.tolist():
        found, before = found + one * before, before + one
    return found


def shares(node: Node, m: Margins, some: Whole) -> Iterator[tuple[Array, float | Array]]:
    """Numbers `(L, c, r + 1)` of rows, and what counts for all choices, in parts of the margins.

    Where the `most` largest and what counts for all are less than 1 together, the margin is positive whatever is taken.

    Args:
        node: the node.
        m: the margins.
        some: `(r,)` the steps that may be taken.
    """
    most, at = node.most, np.append(some, len(node.rows))
    takes, gap = np.maximum(m.takes[at], 0.0).transpose(1, 2, 0), m.gap[..., None]
    for t, lengths in zip(node.tables, m.lengths, strict=True):
        rho = added(t, node.moves, some, most)
        for number in LOOKED:
            lost, theta, few, a = t.lost[number][at], float(t.theta[number]), float(t.few[number]), AROUND[number]
            whole = float(top(rho + a * theta * lost, most)) * UP + a * theta * few
            if not whole < a * theta * DOWN:  # some choice may lie farther than is looked
                continue
            far = lengths[..., None] * rho
            if (kept := theta * (1.0 - (float(top(lost, most)) + few) * UP) * DOWN) > 0.0:
                yield (takes + far / kept) / gap, 0.0
            yield (far / theta + takes) / gap + lost, few


def worst(node: Node, m: Margins, some: Whole) -> tuple[Array, Array]:
    """`(L,)` at most what choices take of margins, in parts of these: below 1 all stay positive; and shares of rows.

    The second, `(r, L)`, is no bound: it says which rows to set apart. Of what cannot be bounded the first is infinite.

    Args:
        node: the node.
        m: the margins.
        some: `(r,)` the steps that may be taken.
    """
    best, part = np.full(m.gap.shape, np.inf), np.full((*m.gap.shape, len(some)), np.nan)
    for each, all_ in shares(node, m, some):
        whole = np.where(m.gap > 0.0, (top(each, node.most) + all_) * UP / DOWN, np.inf)
        better = whole < best
        best[better], part[better] = whole[better], each[better][:, :-1]
    unknown = np.isnan(part).any(axis=-1)
    if unknown.any():
        part[unknown] = _rough(node, m, some)[unknown]
    return best.max(axis=-1, initial=-np.inf), part.max(axis=1, initial=-np.inf).transpose(1, 0)


def _rough(node: Node, m: Margins, some: Whole) -> Array:
    """`(L, c, r)` about what rows take where nothing is bounded: of the matrix, by pairs and triples, of margins."""
    t = node.tables[-1]
    rho = added(t, node.moves, some, node.most)[:-1]
    each = np.where(np.isfinite(rho), rho, 1e3) + t.lost[LOOKED[1]][some]
    return np.asarray(np.maximum(m.takes[some], 0.0).transpose(1, 2, 0) / np.abs(m.gap[..., None]) + each)
