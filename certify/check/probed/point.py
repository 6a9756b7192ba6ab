"""A critical point of many parameters and the motions of its rows, proved by what random vectors see (W5).

X near `H⁻¹` and `Y_i` near `H⁻¹C_i` are proposed. With `w = Xᵀu` one pass gives `Hw` and all `C_iᵀw`, so `uᵀ(XH − I)`
and `uᵀX(HY_i − C_i)`; of random u these bound `‖XH − I‖`, and how far every `Y_i` is from the truth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain

from flint import arb, arb_mat, ctx, fmpz

from certify.check.enclosure.hessian import SPARE
from certify.check.enclosure.network import Forward, Parameters, forward
from certify.check.enclosure.objective import objective
from certify.check.enclosure.units import gradient
from certify.check.judgements import HasZero
from certify.check.kernel import CHANCE, WIDTH
from certify.check.linalg.balls import norm, squares
from certify.check.linalg.definite import Truth
from certify.check.linalg.deflated import Largest
from certify.check.linalg.fixed import Fixed, enclosed, scale
from certify.check.linalg.large.products import product
from certify.check.linalg.probes import MATRICES, ROOM, drawn, may_draw, together
from certify.check.probed.answer import (
    SHARP,
    Answer,
    Wanted,
    asked,
    asked_square,
    joined,
    times,
    transposed_times,
)
from certify.check.probed.bounding import is_below
from certify.check.probed.budgets.weights import Weights
from certify.check.probed.budgets.within import Within
from certify.check.probed.over_ball import hessian_off
from certify.check.probed.products import Along
from certify.check.probed.rows import SMALLEST, Rows, longest, traced
from certify.check.probed.structure.judged import Structured, by_structure
from certify.check.reading.subject import Problem
from certify.check.systems.critical import Stationary
from certify.check.systems.critical_nearby import CLOSE, gradient_at, moved
from certify.check.systems.nearby import Centre, spread

STEPS = 2
"""Chord steps to the middle, at most."""

SHARES, FEWER, FEWEST, LAST = (11, 7), (12, 10), (16, 14), (5, 5)
"""Of the largest entry of the direction of any row some vector sees `2^−11`, and of that of `XH − I`, which is one, as
many see `2^−7`; with a sharp X, of which less is left to see, fewer do, where no budgets stand beside, and fewest where
no ends are near each other; where a rule is left open both see `2^−5`."""

APART = 2.0**-28
"""What an X may lack of an inverse where ends are not near each other."""

LONG, BITS = 120, WIDTH + 2 * SPARE
"""Bits of the gradient in a chord step, and of the passes along vectors."""


@dataclass(frozen=True)
class Judged:
    """What is proved of an answer.

    Attributes:
        error: `‖XH(w) − I‖` for every w of the ball, below 1.
        off: for every moving row at least `‖H⁻¹C_i − Y_i‖`.
        grams: `Y_iᵀY_i`.
        all: `YYᵀ`, where it was asked for.
        inside: weights e with `A² − Σ C_iE_iC_iᵀ ≻ 0` for all `E_i ⪯ e_i`.
    """

    error: arb
    off: list[arb]
    grams: list[arb_mat]
    all: Largest | None
    inside: list[Weights]

    @cached_property
    def together(self) -> arb:
        """`‖H⁻¹C − Y‖` of all rows."""
        return norm(self.off).upper()


class Probed(Stationary):
    """What the rules of M5c look at, where an answer was judged.

    Args:
        problem, parameters, passed: as of :class:`Stationary`; the balls hold the critical point.
        answer: what was proposed.
        along: the passes at the balls.
        judgements: what is proved of it: so much that the point is, and then, drawn anew, more.
        leave: called before whole matrices are made, which takes longer.
        most: a bound of `‖X‖` for which a factor was asked.
    """

    def __init__(
        self, problem: Problem, parameters: Parameters, passed: Forward, answer: Answer,
        along: Along, judgements: Iterator[Judged], leave: Callable[[], None], most: float | None,
    ) -> None:
        super().__init__(problem, parameters, passed, None, WIDTH)
        self._leave, self._most, self._along = leave, most, along
        self._answer, self._judgements, self._judged = (
            replace(answer, motions=memoryview(b"")), judgements, next(judgements))

    def finer(self, width: int) -> Stationary:
        """The same by whole matrices, where a rule is left open."""
        if width != self.width:
            self._judgements = iter(())  # and with them the motions of all rows
            self._leave()
        return super().finer(width)

    @property
    def proved(self) -> bool:
        """It was."""
        return True

    def _more(self) -> bool:
        """Whether more is proved, by vectors that are drawn for it now."""
        found = next(self._judgements, None)
        self._judged = self._judged if found is None else replace(found, grams=self._judged.grams)
        return found is not None

    def _known(self) -> Iterator[Judged]:
        """What is proved, and then more."""
        yield self._judged
        while self._more():
            yield self._judged

    def slack(self, end: arb, number: int | None = None) -> arb:
        """`δ = 2e/end + (e/end)²` with how far e the motion is from Y: `end²(1 − δ) ≤ (end − e)²` where `e ≤ end`."""
        part = (self._judged.together if number is None else self._judged.off[number]) / end
        return (2 * part + part ** 2).upper()

    def motions(self) -> Iterator[Largest]:
        """The one, known better and better."""
        for judged in self._known():
            assert judged.all is not None
            yield judged.all

    def grams(self) -> Iterator[list[arb_mat]]:
        """The one, while of the motions more and more is proved."""
        for judged in self._known():
            yield judged.grams

    def within(self, weights: Sequence[arb_mat]) -> Truth:
        """By weights that are as large, of which it is proved."""
        proved = any(known.cover(weights) for judged in self._known() for known in judged.inside)
        return Truth.PROVED if proved else Truth.UNDECIDED

    def rank(self, least: float) -> Truth:
        """Whether `(1 − ε)/‖X‖ > least`, with more vectors where it is left open."""
        found = self._rank(least)
        while found is Truth.UNDECIDED and self._more():
            found = self._rank(least)
        return found

    def _rank(self, least: float) -> Truth:
        """The same by `|X|_F` or by vectors; false where `‖X‖ > (1 + ε)/least`."""
        error, stated = self._judged.error, arb(least)
        if (1 - error) > stated * self._answer.size:
            return Truth.PROVED
        if self._most is not None and arb(self._most) * least <= 1 - error and self._below:
            return Truth.PROVED
        if self._squared is None:
            return Truth.UNDECIDED
        if self._squared.below(((1 - error) / stated) ** 2) is Truth.PROVED:
            return Truth.PROVED
        wrong = self._squared.below(((1 + error) / stated) ** 2) is Truth.DISPROVED
        return Truth.DISPROVED if wrong else Truth.UNDECIDED

    @cached_property
    def _below(self) -> bool:
        """Whether that is a bound of `‖X‖`, by the factor that was proposed for it."""
        answer = self._answer
        if answer.bounding is None or self._most is None:
            return False
        return is_below(Fixed(joined(answer.bands), answer.bits, arb(0)), answer.bounding, self._most)

    @cached_property
    def _squared(self) -> Largest | None:
        """`XXᵀ`: itself, or known by what it does to a few vectors."""
        answer = self._answer
        if answer.tops is None:
            X = Fixed(joined(answer.bands), answer.bits, arb(0))
            return Largest(product(X, X.turned, self.width))
        V = answer.tops[0]
        moved = times(answer.bands, transposed_times(answer.bands, V))
        return traced(V, moved, 2 * answer.bits, fmpz(answer.square))

    def along(self, z: Sequence[arb]) -> tuple[list[list[arb]], arb]:
        """`C_iᵀz` and `|Hz|²`, by one pass."""
        with ctx.workprec(min(ctx.prec, BITS)):
            found = self._along.products(arb_mat(len(z), 1, list(z)))
        rows = found.forms.tolist()
        return [rows[i] for i in self.problem.moving], squares(found.images.entries())


def probed_point(
    problem: Problem, start: Parameters, leave: Callable[[], None] = lambda: None, most: float | None = None,
    weights: tuple[Weights, ...] = (), whole: bool = True, lacks: float = 0.0,
) -> tuple[Centre, Stationary] | None:
    """A small ball with a zero of ∇L near `start`, as of `critical_nearby`; None where nothing is proved so.

    Args:
        problem, start: the problem, and the stated centre.
        leave, most: as of :class:`Probed`.
        weights, whole: what claims ask of all rows: budgets, and the length of all motions together.
        lacks: what an X that decides their ends may lack of an inverse.

    Raises:
        NotSmooth: a pre-activation is not proved away from a kink.
    """
    said = CHANCE.get()
    if said is None or not may_draw(problem.parameters) or len(problem.moving) > MATRICES - 3 - len(weights):
        return None
    at = forward(problem, start, problem.points)
    wanted, terms = Wanted(most, whole, tuple(own.roots for own in weights)), objective(problem, at.outputs)
    split = by_structure(problem, weights)
    answer = (asked_square if split else asked)(problem, start, at, terms, wanted)
    if answer is None:
        return None
    middle, step = start, _step(arb_mat([gradient(problem, start, at, terms.plain)]).transpose(), answer)
    for _ in range(STEPS):
        if norm(step.entries()) * (1 + answer.size) < CLOSE:
            break
        middle = moved(problem, middle, step)
        step = _step(gradient_at(problem, middle, at), answer)
    last = norm(step.entries()).upper()
    if not last.is_finite():
        return None
    radius = (4 * last + arb(2) ** SMALLEST).upper()
    around = spread(problem, middle, radius)
    passed = forward(problem, around, problem.points, at)
    far = hessian_off(problem, middle, passed, radius)  # the middle is one of the points of the balls
    with ctx.workprec(min(ctx.prec, BITS)):
        ends = objective(problem, passed.outputs)
        along = Along(problem, around, passed, ends)
    structured = Structured(problem, around, passed, ends, answer) if split else None

    def judgements() -> Iterator[Judged]:
        first = SHARES if problem.parameters > SHARP or weights else FEWEST if lacks > APART else FEWER
        for shares in (first, LAST):
            if not may_draw(problem.parameters):
                return
            said.append("X(HY − C), XH − I" + ", G − YYᵀ" * (answer.gram is not None)
                        + ", R(c²I − YeYᵀ)Rᵀ − I" * bool(weights))  # all that they are of is fixed now
            found = _judged(problem, along, far, answer, shares, weights, structured)
            if found is not None and HasZero(last, found.error, radius, "a critical point").judged().truth is (
                    Truth.PROVED):
                yield found

    found = judgements()
    first = next(found, None)
    if first is None:
        return None
    return Centre(middle, radius), Probed(problem, around, passed, answer, along, chain((first,), found), leave, most)


def _step(slope: arb_mat, answer: Answer) -> arb_mat:
    """`X∇L`, a column."""
    g = enclosed(slope, LONG)
    found = arb_mat(times(answer.bands, g.mid)) * scale(g.bits + answer.bits)
    error = arb(0, (answer.size * g.radius).upper())
    return arb_mat(found.nrows(), 1, [x + error for x in found.entries()])


def _judged(
    problem: Problem, along: Along, far: arb, answer: Answer, shares: tuple[int, int], weights: tuple[Weights, ...],
    structured: Structured | None = None,
) -> Judged | None:
    """By vectors that are drawn here: with `|⟨u, e⟩| ≥ s` for one of them where e is the direction that counts.

    Of `XH − I`, one matrix, as many vectors see more. That it or another is missed has a probability below 2^-74.
    """
    p, least, alone = problem.parameters, *(arb(2) ** (ROOM - share) for share in shares)
    u = drawn(p, max(together(len(problem.moving) + 2 + len(weights), shares[0]), together(1, shares[1])))
    w = arb_mat(transposed_times(answer.bands, u)) * scale(answer.bits)
    with ctx.workprec(min(ctx.prec, BITS)):
        found = along.products(w)
    seen = longest(found.images - arb_mat(u)) / alone
    error = (seen + answer.size * far).upper()
    if not error < 1:
        return None
    if structured is not None:
        rest = structured.judged(error, found.forms, u, least)
        return None if rest is None else Judged(error, *rest, [])
    budgets = [Within(own, R, k, u) for own, (k, R) in zip(weights, answer.inside, strict=True)]
    rows, off, grams = Rows(problem, answer, found, u, budgets), [], []
    for number in range(len(problem.moving)):
        gram, away = rows.row(number)
        grams.append(gram)
        off.append((away / least / (1 - error)).upper())
    if not rows.whole:
        return Judged(error, off, grams, None, [one.weights for one in budgets if one.proved(off, least)])
    found_all = rows.all(least)
    return None if found_all is None else Judged(
        error, off, grams, found_all, [one.weights for one in budgets if one.proved(off, least)])
