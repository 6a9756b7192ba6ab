"""What stands beside every row once the rows were read: residuals of the model, and how much of what is known it is."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from heapq import nlargest

from flint import arb, fmpz, fmpz_mat

from certify.check.limits.shares import JOBS, shared
from certify.check.linalg.balls import ZERO
from certify.check.linalg.fixed import cut, scale
from certify.check.stored.conditions import Condition
from certify.check.stored.ground import Ground, Summed
from certify.check.stored.whole import matrix
from certify.check.theorems.head.rows.squared.ridge import FEATURE_BITS, Solution, Whole
from certify.format.refusal import Invalid

BITS, INVERSE = 40, 61
"""Bits of a residual and a leverage behind the point, and about those of the inverse that leverages are formed with."""

AT_ONCE = 32
"""Rows that are multiplied with each other for their leverages."""

FINEST = 28
"""Bits behind the point to which leverages are formed at most."""

SEEN = arb(2) ** -24
"""What leverages may err by before each row is solved for."""

ONE = 1 << BITS
"""The number 1."""

MOST = 1 << 62
"""What no number here exceeds."""


@dataclass(frozen=True)
class Beside:
    """Numbers of every row.

    Attributes:
        residuals: of each output, in units of `2^−BITS`.
        widest: the largest residual of a contrast of each row in size, in these units, no less.
        off: of each output, at least the Euclidean length of what all its residuals are off by.
        leverages: `K_ii` in units of `2^−BITS`, no less.
        above: by how much one of them may exceed `K_ii` at most.
        xi: of a comparison, in these units, what others may add to a residual that is divided (D4a).
    """

    residuals: tuple[array[int], ...]
    widest: array[int]
    off: tuple[arb, ...]
    leverages: array[int]
    above: int
    xi: array[int] | None = None

    def largest(self, count: int) -> tuple[arb, arb, arb]:
        """Of the `count` largest: leverages together, the length of the residuals, and `Σ√K_ii|r_i|`, all no less.

        The residuals are those that were computed.
        """
        kappa = arb(sum(nlargest(count, self.leverages))) * scale(BITS)
        length = arb(sum(nlargest(count, (x * x for x in self.widest)))).sqrt() * scale(BITS)
        # what is under the root is in units of 2^−4BITS
        squares = nlargest(count, (k * r * r for k, r in zip(self.leverages, self.widest, strict=True)))
        both = sum((arb(x).sqrt() for x in squares), ZERO) * scale(BITS) * scale(BITS).sqrt()
        return kappa.upper(), length.upper(), both.upper()

    def divided(self) -> Beside:
        """The same with `r_i/(1 − K̄_ii)` for residuals, `K̄_ii` the bound of each leverage, all below 1 (D4f).

        What they are off by grows as much as that of the row of the largest leverage, and each is rounded down once
        more.

        Raises:
            Invalid: one of them is beyond what a number here may be.
        """
        left = [ONE - k for k in self.leverages]
        try:
            residuals = tuple(array("q", [(r << BITS) // d for r, d in zip(own, left, strict=True)])
                              for own in self.residuals)
            widest = widest_of(residuals)
        except OverflowError:
            raise Invalid("claim", "predictions stay when one row is deleted",
                          "a row may carry all that is known of a direction, so nothing follows") from None
        grown = 1 / (arb(min(left)) * scale(BITS))
        off = tuple((e * grown + arb(len(left)).sqrt() * scale(BITS)).upper() for e in self.off)
        return Beside(residuals, widest, off, self.leverages, self.above)

    def contrast(self, condition: Condition, row: int) -> int:
        """The residual of a contrast at a row, in units of `2^−BITS`."""
        return sum(sign * self.residuals[a][row] for a, sign in condition.outputs)

    def off_of(self, condition: Condition) -> arb:
        """What the residuals of a contrast are off by."""
        return sum((self.off[a] for a, _ in condition.outputs), ZERO)


def beside(ground: Ground, tell: Callable[[str], None]) -> Beside:
    """Read the rows once more.

    Args:
        ground: of the rows.
        tell: told what was done.
    """
    solutions = _solutions(ground)
    inverse, short = short_inverse(ground.system)
    error, drop = error_of(ground.system, scale(short)), 2 * ground.bits + short - BITS
    across = fmpz_mat([s.u for s in solutions]).transpose()
    ups = [ground.bits + s.bits - BITS for s in solutions]
    more = ceiling(error) + 1
    turns = JOBS.get()

    def work(turn: int) -> list[tuple[int, list[array[int]], array[int]]]:
        found = []
        for first, part in ground.rows.parts(ground.system.shifts, ground.bits, turn=turn, turns=turns):
            block = matrix(part, ground.system.p)
            own = _residuals(ground, block, first, ups, (block * across).transpose().tolist())
            if error < SEEN:
                those = [max(0, _moved(x, drop)) + more for x in _energies(part, ground.system.p, inverse)]
            else:
                radius = cut((block.nrows(), ground.system.p), ground.bits) if ground.system.loose > 0 else ZERO
                those = _solved(ground.system, Whole(block, ground.bits, radius))
            found.append((first, own, array("q", those)))
        return found

    residuals: list[array[int]] = [array("q") for _ in solutions]
    leverages = array("q")
    for _, own, those in sorted(part for found in shared(work, turns) for part in found):
        leverages.extend(those)
        for every, values in zip(residuals, own, strict=True):
            every.extend(values)
    tell("residuals and leverages of all rows are known")
    return Beside(tuple(residuals), widest_of(residuals), tuple(
        (s.off + arb(ground.system.n).sqrt() * scale(BITS)).upper() for s in solutions), leverages,
        2 * more if error < SEEN else ONE)


def _residuals(ground: Ground, block: fmpz_mat, first: int, ups: Sequence[int], fitted: list[list[fmpz]],
               ) -> list[array[int]]:
    """Of some rows, for every output.

    Raises:
        Invalid: one of them is so large that nothing follows.
    """
    here = ground.rows.classes[first:first + block.nrows()]
    found: list[array[int]] = []
    for a, (up, values) in enumerate(zip(ups, fitted, strict=True)):
        of = a if len(ups) > 1 else 1
        own = [(ONE if y == of else -ONE) - _moved(x, up) for y, x in zip(here, values, strict=True)]
        if max(map(abs, own)) > MOST // 2:
            raise Invalid("problem", "the model is the one minimum",
                          f"residuals beyond 2^{MOST.bit_length() - 2 - BITS} are found, of which nothing follows")
        found.append(array("q", own))
    return found


def widest_of(residuals: Sequence[array[int]]) -> array[int]:
    """The largest residual of a contrast of each row in size, a unit more for each output that it is of."""
    if len(residuals) == 1:
        return array("q", [abs(x) + 1 for x in residuals[0]])
    return array("q", [max(row) - min(row) + 2 for row in zip(*residuals, strict=True)])


def _solutions(ground: Ground) -> list[Solution]:
    """Weights of every output."""
    found, sums = list[Solution](), ground.by_class.transpose().tolist()
    total = [sum(column, fmpz(0)) for column in zip(*sums, strict=True)]
    length = arb(ground.system.n).sqrt()
    for own in sums if len(sums) > 2 else sums[1:]:  # targets are 1 for the own output and −1 for the others
        right = Whole(fmpz_mat([[2 * x - y for x, y in zip(own, total, strict=True)]]), FEATURE_BITS, ZERO)
        found += ground.system.solved(right, [(ground.system.loose * length).upper()])
    return found


def _energies(part: list[int], p: int, X: fmpz_mat) -> Iterator[fmpz]:
    """`φ̂ᵀXφ̂` of every row: the diagonals of products of few rows with themselves."""
    for at in range(0, len(part), AT_ONCE * p):
        block = matrix(part[at:at + AT_ONCE * p], p)
        squares = (block * X) * block.transpose()
        yield from (squares[i, i] for i in range(block.nrows()))


def _solved(system: Summed, part: Whole) -> list[int]:
    """Leverages by solutions with their residuals: they take longer, and err little where the inverse does."""
    lengths = energies(part.mid.tolist(), part.bits, part.radius, system.solved(part))
    return [ceiling(length**2) for length in lengths]


def short_inverse(system: Summed) -> tuple[fmpz_mat, int]:
    """The inverse in about `INVERSE` bits, or as many as leverages need, and where they end."""
    X = system.inverse.X
    assert X is not None
    longest = max(x.bit_length() for x in X.mid.entries())
    bits = min(X.bits - max(0, longest - INVERSE), FINEST + 2 * system.p.bit_length())
    return X.at(bits).mid, bits


def error_of(system: Summed, unit: arb) -> arb:
    """What `φ̂ᵀX̂φ̂` may be less than `φᵀH⁻¹φ` by; no row is longer than `√p` in scaled columns.

    `|X − H⁻¹| ≤ ε‖H⁻¹‖` on either side of a row (W2), the cut of X is `p·unit` at most, and rows are known within a
    distance.
    """
    X = system.inverse.X
    assert X is not None
    lost, longest = system.loose, arb(system.p).sqrt() + system.loose
    return (system.inverse.error * system.stretch**2 * longest**2 + X.size * (2 * longest * lost + lost**2)
            + system.p * unit * longest**2).upper()


def ceiling(error: arb) -> int:
    """A number that is not negative in units of `2^−BITS`, rounded up; `MOST` where it is larger or no number.

    >>> ceiling(arb(0)), ceiling(arb(2) ** -BITS), ceiling(arb("inf")) == MOST
    (0, 1, True)
    """
    top = (error * arb(2) ** BITS).upper().ceil().upper() if error.is_finite() else arb(MOST)
    return MOST if not top < MOST else int(top.unique_fmpz() or 0)


def _moved(x: fmpz, drop: int) -> int:
    """`x·2^−drop`, rounded down."""
    return int(x >> drop) if drop >= 0 else int(x) << -drop


def energies(rows: Sequence[Sequence[fmpz]], bits: int, radius: arb, solutions: Sequence[Solution]) -> list[arb]:
    """At least `|e|_{H⁻¹}` of evaluation rows in integers: `|e|² = e·u + e·H⁻¹ρ` with `|ρ|_{H⁻¹} ≤ off`."""
    found = []
    for row, s in zip(rows, solutions, strict=True):
        inner = arb(sum((x * y for x, y in zip(row, s.u, strict=True)), fmpz(0))) * scale(bits + s.bits)
        found.append((s.off + (inner + radius * s.size).max(ZERO).upper().sqrt()).upper())
    return found
