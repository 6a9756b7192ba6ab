"""D24 of motions: how far outputs and weights of a logistic head go at most, by one box that holds every refit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from math import frexp, inf, isfinite, ldexp

from flint import arb, fmpz_mat

from certify.check.linalg.balls import norm
from certify.check.reading.arrays import Array
from certify.check.theorems.head.in_doubles import raised
from certify.check.theorems.head.rows.bent_box.forms import below
from certify.check.theorems.head.rows.bent_box.linear import UP, Bent
from certify.check.theorems.head.rows.bent_box.method import held, most_along
from certify.check.theorems.head.rows.bent_box.taken import BITS, FINEST, SPLIT, TINY, taken
from certify.check.theorems.head.rows.boxes.stated import oriented
from certify.check.theorems.head.rows.changes.any_rows import AnyRows
from certify.check.theorems.head.rows.head import Head
from certify.check.theorems.head.rows.moves.few_vectors import Vectors, longest_sum
from certify.check.theorems.head.rows.moves.measures import Measure
from certify.check.theorems.head.rows.pair_tree.numbers import top
from certify.format.refusal import Invalid

WIDE = 64
"""Bits of vectors, counted from the largest entry of all."""


def check_bent(measure: Measure, most: float, arrays: Mapping[str, Array], where: str) -> None:
    """No choice moves farther than `most`.

    Args:
        measure: of the motion.
        most: the stated upper end.
        arrays: of the box, `weights`, `slabs` and `rows`; of outputs `points`, `(2, N)`, a λ for each evaluation row
            and for its negative; of weights `share`, `(1,)`, the λ of all directions.
        where: the claim, for messages.

    Raises:
        Invalid: one may, or the arrays have another form, or the theorem is not about this problem.
    """
    N = len(measure.head.lengths)
    if not isinstance(measure.head.change, AnyRows) or measure.head.weights is not None:
        raise Invalid(where, "a box is stated", "any rows that count the same are needed")
    head = replace(measure.head, threshold=0.0, today=[1] * N)
    more = {"points": (2, N)} if measure.by_outputs else {"share": (1,)}
    b = held(head, arrays, more, where)
    if b is None:
        raise Invalid(where, "a box is stated", "it is not proved to hold every refit")
    found = _outputs(head, b, arrays["points"].values, where) if measure.by_outputs else _weights(
        b, arrays["share"].values[0])
    if not found <= most:
        raise Invalid(where, f"{most!r} is stated", f"{found!r} is proved")


def _outputs(head: Head, b: Bent, shares: tuple[float, ...], where: str) -> float:
    """How far any output goes, either way; infinite where a λ is too small, or so large that it leaves no number."""
    _, points = oriented(head, where)
    N, far = len(points.rows), 0.0
    vectors = [(points.rows[j], points.norms[j], (shares[j], shares[N + j])) for j in range(N)]
    for falls, rises in taken(b, vectors):
        if falls is None or rises is None:
            return inf
        ends = (most_along(b, falls, -1) + rises.fixed) * UP, (most_along(b, rises, -1) + falls.fixed) * UP
        if not all(map(isfinite, ends)):  # an order would leave out what is no number
            return inf
        far = max(far, *ends)
    return far


def _weights(b: Bent, share: float) -> float:
    """How far the weights go; infinite where λ is too small."""
    s = b.c.sums
    wide = [raised((b.off * r).upper()) for r in s.norms]
    images: list[list[arb]] = (s.exact * b.X.transpose()).tolist()
    lengths = [(raised(norm(row).upper()) + off) * UP for row, off in zip(images, wide, strict=True)]
    bends = [length * (abs(m) + h) * UP for length, m, h in zip(lengths, b.mid, b.half, strict=True)]
    if not (0.0 <= share < inf and isfinite(sum(bends))):
        return inf
    unit = max(frexp(max(bends))[1] - BITS, FINEST)
    whole = [int(x * ldexp(1.0, -unit)) + 1 for x in bends]
    (form,) = (fmpz_mat([whole]) * b.squares.across).tolist()
    if not below(b, form, whole, unit, share):
        return inf
    rough = sum([x * y for x, y in zip(lengths, b.bent, strict=True)])
    size = raised((norm(b.X.entries()) + b.off).upper())
    fixed = (0.5 * share * (1.0 + 1.0 / SPLIT) * b.rest * b.rest + size * b.gradient + rough) * UP + TINY
    moved = 0.5 * share * (1.0 + SPLIT) * UP * top(b.rho, 0.0, b.k)
    return ((_longest(b, images, wide) + moved) * UP + 2.0 * fixed) * UP


def _longest(b: Bent, images: list[list[arb]], wide: list[float]) -> float:
    """The longest sum of what changed rows pull (D31)."""
    pulls = [[x] if b.c.sums.relabels else [x, -b.back * x * UP] for x in b.pull]
    scale = max(Fraction(x).denominator.bit_length() for row in pulls for x in row)
    every = sorted({tuple(int(Fraction(x) * 2**scale) for x in row) for row in pulls})
    place = {row: at for at, row in enumerate(every)}
    kinds = [place[tuple(int(Fraction(x) * 2**scale) for x in row)] for row in pulls]
    middles = [[x.mid() for x in images[i]] for i in b.free]
    largest = max((float(abs(x)) for row in middles for x in row), default=0.0)
    bits = WIDE - frexp(largest)[1]
    u = [[int((x * arb(2) ** bits).floor().unique_fmpz() or 0) for x in row] for row in middles]
    found = longest_sum(Vectors(u, kinds, [[[x] for x in row] for row in every]), b.k)
    off = [max(map(abs, row)) * (raised(norm([x - x.mid() for x in images[i]]).upper()) + wide[i]
                                 + (b.c.sums.p + 1) * ldexp(1.0, -bits)) * UP
           for i, row in zip(b.free, pulls, strict=True)]
    return (raised((arb(found) * arb(2) ** (-bits - scale)).upper()) + top(off, 0.0, b.k)) * UP
