"""Is the largest eigenvalue of a small symmetric matrix of balls below a number? Decided from one vector (W3)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from flint import arb, arb_mat, ctx

from certify.check.linalg.balls import ONE, largest, root
from certify.check.linalg.definite import Truth
from certify.check.linalg.fixed import filled

BITS, ROUNDS, STEPS, ENOUGH, SOON = 64, 12, 6, 2.0**-28, 2.0**-16
"""Of the search for the vector: bits, most rounds, steps in one, and the relative residual with which it ends. It
counts squared, so that a larger one is often small enough."""


class Topmost:
    """Bounds of the largest eigenvalue of the symmetric matrices in balls.

    Args:
        G: the balls, with finite middles.
        enough: the residual with which the search ends, and goes on to `ENOUGH` where that decides nothing.
    """

    def __init__(self, G: arb_mat, enough: float = ENOUGH) -> None:
        self.G, self._enough = G, enough

    def below(self, most: arb) -> Truth:
        """Whether `most·I − G ≻ 0` for every member G.

        With `E = Gv − θv`, `s = most·|v|² − vᵀGv` and `τ ≥ ‖G − θvvᵀ‖`: it is if `s > 0` and `|E|² < s(most − τ)`; a
        negative s is a negative value of it.
        """
        size, form, error = self._seen
        s = most * size - form
        if s < 0:
            return Truth.DISPROVED
        if s > 0 and any(most > tau and error < s * (most - tau) for tau in self._left_over()):
            return Truth.PROVED
        return self._sharper.below(most) if self._enough > ENOUGH else Truth.UNDECIDED

    @cached_property
    def _sharper(self) -> Topmost:
        """The same with another search."""
        return Topmost(self.G)

    def _left_over(self) -> Iterator[arb]:
        """Bounds of `‖G − θvvᵀ‖`, the nearer first, each made when it is asked for."""
        yield self._by_entries
        yield self._by_rows

    @cached_property
    def _vector(self) -> arb_mat:
        """About the eigenvector, of length about 1, exact: nothing is proved of it."""
        d = self.G.nrows()
        with ctx.workprec(BITS):
            G, v = (self.G * ONE).mid(), arb_mat(d, 1, [ONE + arb(j) / (3 * d) for j in range(d)]).mid()
            for _ in range(ROUNDS):
                for _ in range(STEPS):
                    v = (G * v).mid()
                v = _short(v)
                image = (G * v).mid()
                theta = (v.transpose() * image)[0, 0].mid()
                if not _length(image - v * theta).mid() > abs(theta) * self._enough:
                    break
            return v

    @cached_property
    def theta(self) -> arb:
        """A number near the eigenvalue, exact."""
        return self._seen[1].mid()

    @cached_property
    def _seen(self) -> tuple[arb, arb, arb]:
        """`|v|²`, `vᵀGv` and `|Gv − θv|²`."""
        v, image = self._vector, self.G * self._vector
        form = (v.transpose() * image)[0, 0]
        off = image - v * form.mid()
        return (v.transpose() * v)[0, 0], form, (off.transpose() * off)[0, 0]

    @cached_property
    def _left(self) -> arb_mat:
        """`G − θvvᵀ`."""
        return self.G - self._vector * self._vector.transpose() * self.theta

    @cached_property
    def _by_rows(self) -> arb:
        """The largest sum of absolute values in a row of what is left: no eigenvalue is larger."""
        d = self.G.nrows()
        sums = (self._left * arb(0, 1)) * filled((d, 1), ONE)
        return largest([x.abs_upper() for x in sums.entries()])

    @cached_property
    def _by_entries(self) -> arb:
        """The Frobenius norm of what is left: all entries as a row, times themselves."""
        flat = self._left.entries()
        return _length(arb_mat(len(flat), 1, flat)).upper()


def _length(v: arb_mat) -> arb:
    """Of a column."""
    return root((v.transpose() * v)[0, 0])


def _short(v: arb_mat) -> arb_mat:
    """A vector with a length of about 1; itself where that is 0 or not finite."""
    length = _length(v).mid()
    return (v * (1 / length)).mid() if length > 0 and length.is_finite() else v
