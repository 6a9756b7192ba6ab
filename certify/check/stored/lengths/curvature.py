"""The curvature that a certificate proposes, in the norm of which everything is measured, and how it is judged.

`H = Σ r_j²φ_jφ_jᵀ + diag μ` is never formed. A matrix K near it is proposed; one reading of the rows says what `K` errs
by: as a bound by random probes drawn when K is known, or exactly. With `(1 − θ)K ⪯ Ĥ ⪯ (1 + θ)K` for the Ĥ of rows in
integers, whose stacked matrix differs by λ from that of H: `(1 − λs)²(1 − θ)K ⪯ H ⪯ (1 + λs)²(1 + θ)K`, `s = ‖Ĥ⁻¹‖^½`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from flint import arb, fmpz, fmpz_mat

from certify.check.linalg.balls import ZERO
from certify.check.linalg.fixed import Fixed, norm_of, scale
from certify.check.stored.lengths.sizes import Sizes
from certify.check.theorems.head.rows.squared.ridge import FEATURE_BITS, Ridge, Whole, whole_rows
from certify.format.refusal import Invalid

BITS = WEIGHT_BITS = 2 * FEATURE_BITS
"""Bits of the matrix behind the point, and of the weights `r_j²`."""

MEANT, SOME = arb(2) ** -17, arb(2) ** -16
"""What θ and λs have to stay below; and by what part lengths in the norm of H exceed those in that of K then."""

WIDTHS = (28, 31, 40, 50, FEATURE_BITS)
"""Bits of features, of which the first are taken that lose little."""

LITTLE, MARGIN = arb(2) ** -11, arb(2) ** -14
"""What the gradient may lose by the bits of features, against the distance; and a margin."""

FEWEST = 32
"""Columns below which the form of a row is no longer to make than its bound."""

ROOM, WIDE = 6, 40
"""Bits of squared lengths, against those of an average row; and where these do not do."""


class Proposed(Ridge):
    """A symmetric matrix in scaled columns: the integers that floats are cut to.

    Args:
        rows: of the matrix, in columns as they are.
        sizes: how columns are scaled, and how long rows are then.
        n: rows of features.
        mu: the penalty.
        decayed: the columns that bear it.

    Raises:
        Invalid: it is not symmetric, larger than the curvature of so many rows may be, or no inverse is found.
    """

    def __init__(self, rows: Sequence[Sequence[float]], sizes: Sizes, n: int, mu: arb, decayed: Sequence[bool],
                 ) -> None:
        shifts = sizes.shifts
        self.n, self.p, self.shifts, self.longest = n, len(shifts), shifts, sizes.longest
        self.phi, self.loose = Whole(fmpz_mat(0, self.p), FEATURE_BITS, ZERO), ZERO
        found = [whole_rows([row], [s + own for s in shifts], BITS) for row, own in zip(rows, shifts, strict=True)]
        mid = fmpz_mat([one.mid.entries() for one in found])
        self.units = [fmpz(0)] * self.p
        decay = [mu * scale(2 * s) if bears else ZERO for s, bears in zip(shifts, decayed, strict=True)]
        self.decay = [int((x * arb(2) ** BITS).mid().floor().unique_fmpz() or 0) for x in decay]
        most = (n + 1 << BITS) + max(self.decay)
        if mid != mid.transpose() or max(map(abs, mid.entries())) > most:
            raise Invalid("witness file", "it has a curvature",
                          "a symmetric matrix, no larger than these rows may have, is needed")
        self.matrix = Fixed(mid, BITS, ZERO)
        if self.inverse.X is None:
            raise Invalid("witness file", "it has a curvature", "no inverse of it was found")

    @cached_property
    def stretch(self) -> arb:
        """At least `‖K⁻¹‖^½`."""
        X = self.inverse.X
        assert X is not None
        return (X.size.min(X.reach) / (1 - self.inverse.error)).sqrt().upper()

    def short(self, room: int) -> tuple[fmpz_mat, int, arb]:
        """The inverse in few bits, where they end, and what `φᵀX̂φ` may be less than `φᵀK⁻¹φ` of any row."""
        X = self.inverse.X
        assert X is not None
        bits = min(X.bits, (self.n * self.p).bit_length() + room)
        whole, drop = X.mid + X.mid.transpose(), X.bits - bits + 1  # twice its symmetric part, which has its form
        half = fmpz(1) << drop >> 1
        found = fmpz_mat(self.p, self.p, [(x + half) >> drop for x in whole.entries()])
        left = norm_of(Fixed(whole - found * (fmpz(1) << drop), X.bits + 1, ZERO))
        return found, bits, ((self.inverse.error * self.stretch**2 + left) * self.longest**2).upper()


@dataclass(frozen=True)
class Cut:
    """What bits of features lose, all of it no less.

    Attributes:
        bits, room: of features in scaled columns, and of squared lengths.
        row: the length of what a row loses.
        margin: what a margin at the centre loses.
        stacked: λ, the Frobenius norm of what `r_jφ_j` lose together.
        exactly: whether the form of every row is made, and not of those alone that may be the longest or pull most.
    """

    bits: int
    room: int
    row: arb
    margin: arb
    stacked: arb
    exactly: bool = True


def cuts_of(system: Proposed, centre: arb, distance: arb, deletes: bool) -> list[Cut]:
    """What is tried, one after the other: the fewest bits that may do, and the most.

    Args:
        system: the curvature.
        centre: the length of the centre.
        distance: how far the minimum is said to move.
        deletes: whether rows are deleted; where labels change a row pulls as hard as it is long, and bounds would
            leave nearly all that are about as long.
    """
    n, found = arb(system.n).sqrt(), list[Cut]()
    for bits in WIDTHS:
        row = (arb(system.p).sqrt() * scale(bits)).upper()
        # r_j ≤ 0.51, and its square is cut to WEIGHT_BITS
        stacked = (n * (row * 0.51 + system.longest * scale(WEIGHT_BITS).sqrt())).upper()
        found.append(Cut(bits, WIDE if bits == WIDTHS[-1] else ROOM, row, (row * centre).upper(), stacked))
    for one in found:
        lost = n * one.margin + n * n * one.row * system.stretch
        if lost < LITTLE * distance and one.margin < MARGIN and one.stacked * system.stretch * 2 < MEANT:
            first = [replace(one, exactly=False)] if deletes and system.p >= FEWEST else []
            return first + ([one, found[-1]] if one is not found[-1] else [one])
    return [found[-1]]


def theta(system: Proposed, off: arb, lost: Cut) -> tuple[arb, arb]:
    """θ and `λs` from what `‖Ĥ − K‖` is at most.

    Ĥ is a sum of squares, so with θ < 1 the matrix K is positive definite, whatever was proposed: an eigenvalue of K
    that is not above 0 is at most `−‖K⁻¹‖⁻¹`, and that of Ĥ nearby would be below 0.

    Raises:
        Invalid: they are not small.
    """
    part = (off * system.stretch**2).upper()
    if not part < MEANT:
        raise Invalid("witness file", "it has a curvature", "the rows have another one at its centre")
    moved = (lost.stacked * system.stretch / (1 - part).sqrt()).upper()
    if not moved < MEANT:
        raise Invalid("witness file", "it has a curvature",
                      "columns that depend on each other too nearly for features of 60 bits")
    return part, moved
