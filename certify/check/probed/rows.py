"""Row by row what is made of proposed motions, each of which is looked at once, and of all of them together (W5)."""

from __future__ import annotations

from collections.abc import Sequence
from operator import mul, sub
from typing import Protocol

from flint import arb, arb_mat, ctx, fmpz, fmpz_mat

from certify.check.linalg.balls import largest, norm
from certify.check.linalg.definite import Truth, definiteness
from certify.check.linalg.deflated import Largest
from certify.check.linalg.fixed import Fixed, enclosed, scale
from certify.check.linalg.large.few_vectors import EXACT, Few
from certify.check.linalg.probes import shortened
from certify.check.probed.answer import FRACTION, Answer
from certify.check.probed.products import Products
from certify.check.reading.subject import Problem

PASS = 62
"""Bits of `Hw` where it meets the motions, and of what they make of a vector, where they meet it again."""

SMALLEST = -400
"""The binary logarithm of the least radius: that `YYᵀ` is 0 proves nothing of C."""


class Looking(Protocol):
    """What is made of every row beside its form."""

    def add(self, number: int, motion: fmpz_mat, turned: fmpz_mat, bits: int, gram: fmpz_mat, size: arb) -> None:
        """The row at that place: `Y_iᵀ`, `2^bits` times, `Y_i`, `Y_iᵀY_i`, and at least `|Y_i|_F`."""
        ...


class Traced(Largest):
    """A matrix without negative values that is known by its trace and what it does to a few vectors."""

    def __init__(self, few: Few) -> None:
        super().__init__(Fixed(fmpz_mat(1, 1, [1]), 0, arb(0)))  # not 0, whatever it is
        self.__dict__["few"] = few

    def below(self, most: arb) -> Truth:
        """By the vectors alone."""
        return self.by_vectors(most)


def traced(V: fmpz_mat, moved: fmpz_mat, bits: int, trace: fmpz) -> Traced | None:
    """Of `G ⪰ 0`: `zᵀGz ≤ tr G − tr((VᵀV)⁻¹VᵀGV)` for unit vectors z with `Vᵀz = 0`, as no value of G is below 0.

    With `R(VᵀV)Rᵀ = I + E`, `‖E‖ ≤ ε`, the second trace is at least `tr(RVᵀGVRᵀ)/(1 + ε)`. None where the vectors are
    not proved independent.

    Args:
        V: `2^40` times the vectors.
        moved: `2^bits` times G times V.
        bits, trace: `2^bits` times that of G.
    """
    with ctx.workprec(EXACT):
        one = scale(2 * FRACTION)
        units, forms = arb_mat(V.transpose() * V) * one, arb_mat(V.transpose() * moved) * one * scale(bits)
        images = arb_mat(moved.transpose() * moved) * one * scale(2 * bits)
        found = definiteness(units)
        if found.R is None:
            return None
        kept = (found.R * forms * found.R.transpose()).trace() / (1 + found.defect)
        left = (arb(trace) * scale(bits) - kept).max(arb(0)).upper()
        return Traced(Few(units, forms, images - forms * forms * 2 + forms * units * forms, left))


def longest(M: arb_mat) -> arb:
    """The length of the longest column, from above."""
    return largest([norm(column).upper() for column in M.transpose().tolist()])


class Rows:
    """The motions of all rows, each asked for once.

    `YYᵀ` is a proposed matrix G, of which `‖G − YYᵀ‖` is bounded by what both do to the drawn vectors; or it is known
    by its trace and by what it does to vectors that are proposed.

    Args:
        problem, answer: of them.
        found: along the drawn vectors.
        drawn: these.
        budgets: what else looks at every row.
    """

    def __init__(
        self, problem: Problem, answer: Answer, found: Products, drawn: fmpz_mat, budgets: Sequence[Looking] = (),
    ) -> None:
        self._problem, self._answer, self._drawn, self._budgets = problem, answer, drawn, budgets
        self.whole = answer.tops is not None or answer.gram is not None
        self._along = drawn if answer.tops is None else answer.tops[1]
        self._images, forms = enclosed(found.images, PASS), enclosed(found.forms, ctx.prec)
        self._forms, self._unit, self._loose = forms.mid.entries(), forms.bits, forms.radius
        self._turned = self._images.mid.transpose()
        self._traces: dict[int, fmpz] = {}
        self._moved: dict[int, fmpz_mat] = {}
        self._lost = arb(0)

    def row(self, number: int) -> tuple[arb_mat, arb]:
        """`Y_iᵀY_i`, and at least the longest `uᵀX(HY_i − C_i)`."""
        answer, images = self._answer, self._images
        M, bits = answer.motion(number), answer.row_bits[number]
        turned = M.transpose()
        gram = M * turned
        trace = sum([gram[j, j] for j in range(gram.nrows())], fmpz(0))
        size = arb(trace).sqrt() * scale(bits)
        if self.whole:
            self._add(M, turned, bits, trace, size)
        for one in self._budgets:
            one.add(number, M, turned, bits, gram, size.upper())
        away = self._away(number, self._turned * turned, bits + images.bits)
        return arb_mat(gram) * scale(2 * bits), (away + self._loose + images.radius * size).upper()

    def _away(self, number: int, met: fmpz_mat, bits: int) -> arb:
        """The length of the longest row of what is met, `2^bits` times, without those of the pass: exact."""
        count, d = _shape(met)
        at, more = count * d * self._problem.moving[number], bits - self._unit
        forms = self._forms[at:at + count * d]
        met, fine = (met * (fmpz(1) << -more), self._unit) if more < 0 else (met, bits)
        off = list(map(sub, met.entries(), [x << more for x in forms] if more > 0 else forms))
        return arb(max([sum(map(mul, row, row)) for row in (off[c:c + d] for c in range(0, count * d, d))])
                   ).sqrt() * scale(fine)

    def _add(self, M: fmpz_mat, turned: fmpz_mat, bits: int, trace: fmpz, size: arb) -> None:
        """`Y_i(Y_iᵀv)` of the vectors v, `Y_iᵀv` cut where these are drawn: each of d entries by less than a unit."""
        own, drop = M * self._along, 0
        if self._answer.tops is None:
            own, drop = shortened(own, PASS)
            self._lost += size * arb(own.nrows()).sqrt() * scale(bits - drop) * bool(drop)
        moved, at = turned * own, 2 * bits - drop
        self._moved[at] = self._moved[at] + moved if at in self._moved else moved
        self._traces[2 * bits] = self._traces.get(2 * bits, fmpz(0)) + trace

    def all(self, least: arb) -> Largest | None:
        """`YYᵀ`, where some vector sees at least so much of any direction; None where the vectors are dependent."""
        answer, most = self._answer, max(self._moved)
        moved = sum((M * (fmpz(1) << most - at) for at, M in self._moved.items()), fmpz_mat(*_shape(self._along)))
        if answer.gram is None:
            trace = sum((x * (fmpz(1) << most - at) for at, x in self._traces.items()), fmpz(0))
            return traced(self._along, moved, most, trace)
        G = answer.gram
        off = longest(arb_mat(G.mid * self._drawn) * scale(G.bits) - arb_mat(moved) * scale(most)) + self._lost
        return Largest(Fixed(G.mid, G.bits, (off / least + arb(2) ** SMALLEST).upper()))


def _shape(M: fmpz_mat) -> tuple[int, int]:
    return int(M.nrows()), int(M.ncols())
