"""A critical point nearby of which another process proposed X, and a factor for a bound of `‖X‖`.

That X is an inverse is seen by what one pass along random vectors gives, where it shows enough: neither the Hessian
nor a product with it is made then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from flint import arb, arb_mat

from certify.check.enclosure.hessian import SPARE
from certify.check.enclosure.network import Forward, Parameters
from certify.check.kernel import CHANCE
from certify.check.linalg.balls import squares
from certify.check.linalg.definite import Truth
from certify.check.linalg.deflated import LARGE, Largest
from certify.check.linalg.fixed import Fixed, scale
from certify.check.linalg.fixed import longest as longest_of
from certify.check.linalg.inverse import Inverse
from certify.check.linalg.probes import ROOM, drawn, may_draw, together
from certify.check.probed.bounding import is_below
from certify.check.probed.over_ball import hessian_off
from certify.check.probed.products import Along
from certify.check.probed.rows import longest
from certify.check.probed.suited import passing
from certify.check.reading.certificate import Claim
from certify.check.reading.subject import Problem
from certify.check.systems.critical import Stationary
from certify.check.systems.data_derivative.motion import squared, trace


@dataclass(frozen=True)
class Told:
    """What was proposed: X, and R for this bound of `‖X‖`; None where it was not asked for, or is not there.

    `enough` is the error of X that is taken from the pass.
    """

    X: Fixed
    R: Fixed | None = None
    most: float | None = None
    enough: float = 2.0**-32


ROUGH, SHARP, PART, HALF = 2.0**-25, 2.0**-32, 2.0**-4, 2.0**-3
"""The error of X that the pass shows may be `SHARP`, or this part of what lies between the nearest ends where that
is `ROUGH` at most: ends farther apart are so for other reasons, and do not say how near an inverse there was. Where
motions are judged beside X fewer vectors show it, and it may be the last part: half of what two ends leave `rank`."""

LOOSE, LOOSEST, APART = 9, 12, 2.0**-28
"""The share of the largest entry that some vector sees of any direction is `2^−9`, or with fewer vectors `2^−12` where
the error may be so large."""

NEAR = 2.0**-30
"""By how much `‖X‖` may lie below what `rank` states, where X lacks less of an inverse: ends are stated so near."""

WIDE, WIDER = 200, 4
"""Parameters from which the pass takes less time than the Hessian, and columns of C a row of it from which `X(CCᵀ)Xᵀ`
takes less than `XC` and its square."""


class Asked(Stationary):
    """What the rules look at.

    Args:
        problem, parameters, passed, width: as of :class:`Stationary`, without a tilt; the balls are `around` this.
        told: what was proposed, of which nothing is proved.
        around: the middle of the balls, exact, and the radius of a ball that they hold.
    """

    def __init__(
        self, problem: Problem, parameters: Parameters, passed: Forward, width: int, told: Told,
        around: tuple[Parameters, arb],
    ) -> None:
        super().__init__(problem, parameters, passed, None, width, told.X)
        self._told, self.around = told, around
        self._together: Largest | None = None

    @cached_property
    def inverse(self) -> Inverse:
        """By one pass, of a small ball, where that shows enough; else by the Hessian."""
        found = self._by_pass() if self.problem.parameters >= WIDE and passing(self.problem) else None
        return super().inverse if found is None else found

    def _by_pass(self) -> Inverse | None:
        """`‖XH − I‖` by `H(Xᵀu) − u` of vectors u that are drawn here (W5), H nowhere formed."""
        said, X, (middle, radius) = CHANCE.get(), self._told.X, self.around
        if said is None or not may_draw(self.problem.parameters):
            return None
        said.append("XH − I")  # all that it is of is fixed now
        share = LOOSEST if self._told.enough > APART else LOOSE
        u = drawn(self.problem.parameters, together(1, share))
        with self.plain.at_width():
            along = arb_mat(X.mid.transpose() * u) * scale(X.bits)
            images = self._passes.products(along, formed=False).images
            seen = longest(images - arb_mat(u)) * scale(ROOM - share)
            far = hessian_off(self.problem, middle, self.passed, radius)  # the middle is one of the points of the balls
            error = (seen + X.size * far).upper()
        return Inverse(X, error, (2 * error + error**2).upper()) if error < self._told.enough else None

    @cached_property
    def _passes(self) -> Along:
        """With the bits of fixed point, and some to spare."""
        with self.plain.at_width():
            return Along(self.problem, self.parameters, self.passed, self.plain.objective)

    def energy(self, z: Sequence[arb]) -> arb:
        """`|Hz|²`, by one pass where H is nowhere formed."""
        if "completed" in self.__dict__:
            return super().energy(z)
        column = arb_mat(len(z), 1, list(z))
        with self.plain.at_width():
            found = self._passes.products(column, formed=False)
        return squares(found.images.entries())

    def motions(self) -> Iterator[Largest]:
        """First by what `XC` does to vectors, where both are large and C is there."""
        if not self.data.structured and may_draw(self.problem.parameters):
            from certify.check.systems.near.together import together, worth

            if worth(self.X, self.data.columns):
                if self._together is None:
                    self._together = together(self.X, self.data.columns)
                yield self._together
        p, n = (1, 0) if self.data.structured or "reached" in self.__dict__ else self.data.columns.shape
        if n > WIDER * p:
            C = self.data.columns
            Q = squared(C.mid, C.bits, C.radius)
            C.__dict__.setdefault("size", trace(Q).sqrt().upper())  # which others ask for, and is had so for nothing
            yield self.reached_by(Q.at(Q.bits - max(0, longest_of(Q.mid.entries()) - self.width - SPARE)))
        yield from super().motions()

    @cached_property
    def _below(self) -> bool:
        """Whether R proves the bound of `‖X‖`."""
        R, most = self._told.R, self._told.most
        return R is not None and most is not None and self.inverse.X is not None and is_below(self.inverse.X, R, most)

    def rank(self, least: float) -> Truth:
        """Whether `‖X‖ < (1 − ε)/least`, by R where it was made for no more; else as it is found without."""
        most = self._told.most
        if most is not None and arb(most) * least <= 1 - self.inverse.error and self._below:
            return Truth.PROVED
        return super().rank(least)


def enough_of(claims: Sequence[Claim[object]], part: float = PART) -> float:
    """The error of X with which every stated end is expected to be decided: where one is not, H is formed after all.

    An error of ε makes ends ε of their size wider, on both sides. An end alone says nothing of how near it is.
    """
    ends = [pair for claim in claims for pair in ((claim.lower, claim.upper),
                                                  *zip(claim.row_lower, claim.row_upper, strict=True))]
    gaps = [(high - low) / high if low is not None and high else 0.0 for low, high in ends if high or low]
    found = part * min(gaps, default=0.0)
    return found if SHARP < found <= ROUGH else SHARP


def most_of(problem: Problem, claims: Sequence[Claim[object]], part: float = PART) -> float | None:
    """The bound of `‖X‖` that the largest stated `rank` asks for; None where none is, or of too many parameters."""
    stated = [hypothesis.value for claim in claims for hypothesis in claim.hypotheses
              if hypothesis.name == "rank" and hypothesis.holds and isinstance(hypothesis.value, float)]
    least = max(stated, default=0.0)
    lacks = enough_of(claims, part)  # what is left is for what X lacks of an inverse
    near = 1 - (2 * lacks if lacks > APART else min(2 * lacks, NEAR))
    return near / least if 1e-300 < least < 1e300 and problem.parameters <= LARGE else None
