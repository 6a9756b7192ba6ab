"""The modulus of every row alone at a critical point (M5b, M5c; V35)."""

from __future__ import annotations

from functools import partial

from flint import arb, arb_mat

from certify.check.kernel import Finding, judged
from certify.check.linalg.balls import ZERO
from certify.check.linalg.definite import Truth, definiteness
from certify.check.linalg.small.topmost import SOON, Topmost
from certify.check.reading.certificate import Claim, Witness
from certify.check.reading.subject import Problem
from certify.check.rule import Rule, Side, check_rows, expect_rows, modulus
from certify.check.systems.critical import stationary
from certify.check.systems.critical_cases import HYPOTHESES, in_turn, nonsingular, shown_root, theorem_of
from certify.check.systems.point import Ladder, Point

SMALL = 5
"""Up to so many columns a factorisation takes no longer than the search for a vector."""


def check_form(claim: Claim[Witness], problem: Problem) -> None:
    """V8: both ends of every row, and no witness.

    Raises:
        Invalid: the claim has another form.
    """
    check_rows(claim, problem)


def check_ends(claim: Claim[Witness], ladder: Ladder, side: Side) -> None:
    """Both ends of every row, each by its rule.

    Raises:
        Invalid: one cannot be re-derived.
    """
    expect_rows(claim, ladder, lambda number, _, end: partial(row_upper, number=number, upper=end),
                lambda number, _, end: partial(row_lower, number=number, lower=end))


def row_upper(point: Point, number: int, upper: float) -> Finding:
    """V35: `‖A⁻¹C_i‖ ≤ upper` for the moving row at that place.

    With `G = (XC_i)ᵀ(XC_i)` and ε the defect, `C_iᵀA⁻²C_i` lies between `G/(1+ε)` and `G/(1−ε)`: it is enough that
    `upper²(1−ε)I − G ≻ 0` (or G = 0), and wrong if `upper²(1+ε)I − G` takes a negative value.
    """
    return _tried(point, number, upper, Truth.PROVED)


def row_lower(point: Point, number: int, lower: float) -> Finding:
    """V35: `‖A⁻¹C_i‖ ≥ lower`: a negative value of `lower²(1+ε)I − G`."""
    if lower == 0:
        return Finding(Truth.PROVED, "a modulus is not negative")
    return _tried(point, number, lower, Truth.DISPROVED)


def _tried(point: Point, number: int, end: float, wanted: Truth) -> Finding:
    """Whether `end²(1∓ε)I − G ≻ 0` is what is wanted, − for an upper end, with each G in turn."""
    definite = nonsingular(point)
    if definite.truth is not Truth.PROVED:
        return definite
    at = point.of(stationary)

    def judge(grams: list[arb_mat]) -> Finding:
        G, slack = grams[number], at.slack(arb(end), number)
        if wanted is Truth.PROVED and slack < 1 and G[0, 0] == 0 and all(x == 0 for x in G.entries()):
            return Finding(Truth.PROVED, "the row has no effect")
        top = point.once((_tried, number, id(grams)), partial(Topmost, G, SOON))
        return _judged(G, top, arb(end) ** 2, slack, wanted)

    return in_turn(at.grams(), judge)


def _judged(G: arb_mat, top: Topmost, square: arb, defect: arb, wanted: Truth) -> Finding:
    """By one vector, or else by a factorisation."""
    hard, easy = (square * (1 + side * defect) for side in ((-1, 1) if wanted is Truth.PROVED else (1, -1)))
    if G.nrows() == 1:
        x = G[0, 0]
        return (judged(x <= hard, x > easy, _row_words(G)) if wanted is Truth.PROVED else
                judged(x >= hard, x < easy, _row_words(G)))
    proved = G.nrows() > SMALL and top.below(hard) is wanted
    if not proved and G.nrows() > SMALL and wanted is Truth.PROVED:
        from certify.check.linalg.small import by_floats
        proved = by_floats.proved(_beyond(G, hard))
    if proved or definiteness(_beyond(G, hard)).truth is wanted:
        return Finding(Truth.PROVED, "by what the row does to a vector, or a factor")
    other = Truth.DISPROVED if wanted is Truth.PROVED else Truth.PROVED
    return judged(False, definiteness(_beyond(G, easy)).truth is other, _row_words(G))


def _beyond(G: arb_mat, square: arb) -> arb_mat:
    """`square·I − G`."""
    return arb_mat([[(square if r == c else ZERO) - x for c, x in enumerate(row)] for r, row in enumerate(G.tolist())])


def _row_words(G: arb_mat) -> str:
    """The size of a row's block in digits: the root of the trace for more than one column, an upper bound."""
    trace = sum((G[r, r] for r in range(G.nrows())), ZERO)
    return f"the row's modulus is {'' if G.nrows() == 1 else 'at most '}{shown_root(trace)}"


RULE = Rule(theorem_of, modulus, check_form, check_ends, lambda claim, problem: HYPOTHESES, Witness)
