"""A head's outputs as one linear map, its targets, and what every alternative adds to them (D7)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from flint import arb, arb_mat, fmpz_mat

from certify.check.linalg.balls import ZERO
from certify.check.theorems.head.in_doubles import exponent
from certify.check.theorems.head.rows.head import Head

BITS = 62
"""Of inputs in whole numbers."""


@dataclass(frozen=True)
class Lines:
    """`z = A w`: a line is a row (one output) or a row and a class (several), w the weights row by row.

    Attributes:
        head: the head.
        A: `(N, p)`.
        tau: `(N)` targets, 0 or 1.
        alternatives: of all rows that may move: row and code, ascending.
        deltas: what each adds to the targets: lines and −1 or 1.
        level: c: the label stays while e·w > c, the threshold with the sign of a point; 0 of several outputs.
    """

    head: Head
    A: arb_mat
    tau: list[int]
    alternatives: list[tuple[int, int]]
    deltas: list[list[tuple[int, int]]]
    level: arb = ZERO

    @property
    def width(self) -> int:
        """Lines of a row."""
        return self.head.k

    @cached_property
    def free(self) -> list[int]:
        """Weights without decay."""
        head = self.head
        return [a * head.m + head.m - 1 for a in range(head.k)] if head.free_intercept else []

    @cached_property
    def mu(self) -> arb:
        """The decay μ."""
        return self.head.mu()

    @cached_property
    def steps(self) -> list[list[arb]]:
        """What an alternative adds to the gradient: `−Aᵀ` of what it adds to the targets."""
        head, found = self.head, []
        for delta in self.deltas:
            step = [ZERO] * (head.k * head.m)
            for line, change in delta:
                i, a = divmod(line, head.k)
                for j, x in enumerate(head.rows[i]):
                    step[a * head.m + j] = -change * x
            found.append(step)
        return found

    @cached_property
    def whole(self) -> tuple[fmpz_mat, arb, arb]:
        """A in whole numbers: these, their unit, and what an entry is off by at most."""
        entries = self.A.entries()
        unit = arb(2) ** (exponent(entries) - BITS)
        # of balls with more bits than are worked with the middle is rounded, by less than a unit; all are finite
        numbers = [x for y in entries if (x := (y.mid() / unit).mid().floor().unique_fmpz()) is not None]
        return fmpz_mat(self.A.nrows(), self.A.ncols(), numbers), unit, 2 * unit + max(x.rad() for x in entries)

    def targets(self, chosen: list[int], more: int = -1, times: int = 0) -> list[int]:
        """Targets after alternatives, and one more counted several times."""
        tau = list(self.tau)
        for number, count in [*((c, 1) for c in chosen), *([(more, times)] if more >= 0 else [])]:
            for line, change in self.deltas[number]:
                tau[line] += count * change
        return tau


def lines_of(head: Head) -> Lines:
    """The lines of a head with the logistic loss or cross-entropy."""
    k, codes = head.k, head.codes
    if k == 1:
        A = head.phi
        tau = [int(y[0] > 0) for y in head.targets]
    else:
        zeros = [ZERO] * head.m
        A = arb_mat([sum((row if b == a else zeros for b in range(k)), []) for row in head.rows for a in range(k)])
        tau = [int(v) for y in head.targets for v in y]
    alternatives = [(i, c) for i in head.moving for c in range(len(codes.rows)) if c != codes.label[i]]
    if k == 1:
        deltas = [[(i, 1 - 2 * tau[i])] for i, _ in alternatives]
    else:
        deltas = [[(i * k + codes.label[i], -1), (i * k + c, 1)] for i, c in alternatives]
    return Lines(head, A, tau, alternatives, deltas)
