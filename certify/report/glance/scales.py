"""Scales that a reader knows, beside a number: per cent of predictions, per row of data, the weights' own length.

A scale is arithmetic on numbers that the certificate holds. What is derived from a proved end is rounded as the end is:
outward. What is not proved says so.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import ceil, floor, inf, nextafter, sqrt

from certify.certificate.schema import Claim, Problem
from certify.report.digits import as_given, count, cut, lower_end, upper_end
from certify.report.phrases.norms import NORMS, WEIGHT_NORMS
from certify.report.phrases.row_kinds import most_rows
from certify.report.phrases.sets import SETS
from certify.report.statements import Phrase, say

Scale = Callable[[Claim, Problem], tuple[Phrase, ...]]
DIGITS = 3
"""Digits of a number beside another."""


def no_scale(_: Claim, __: Problem) -> tuple[Phrase, ...]:
    """Nothing to compare with."""
    return ()


def percent_down(part: float, whole: float) -> str:
    """A share in per cent, never above the truth.

    >>> percent_down(136, 143), percent_down(143, 143), percent_down(1, 100000)
    ('95.1 %', '100 %', '0 %')
    """
    return _tenths(floor(1000 * Fraction(part) / Fraction(whole)))


def percent_up(part: float, whole: float) -> str:
    """A share in per cent, never below the truth.

    >>> percent_up(136, 143), percent_up(0, 143), percent_up(1, 100000)
    ('95.2 %', '0 %', '0.1 %')
    """
    return _tenths(ceil(1000 * Fraction(part) / Fraction(whole)))


def _tenths(tenths: int) -> str:
    return f"{tenths // 10} %" if not tenths % 1000 else f"{tenths // 10}.{tenths % 10} %"


def counted(claim: Claim, problem: Problem) -> tuple[Phrase, ...]:
    """Counted evaluation rows, as per cent of all of them."""
    rows, low = problem.evaluation_rows or 0, int(claim.lower or 0)
    if not rows:
        return ()
    high = rows if claim.upper is None else int(claim.upper)
    return (say("of the {rows} evaluation rows at least {least} and at most {most}", rows=count(rows),
                least=percent_down(low, rows), most=percent_up(high, rows)), *of_the_data(problem))


def shares(claim: Claim, problem: Problem) -> tuple[Phrase, ...]:
    """Labels that stay, as per cent of all of them, and those that may go for each changed row."""
    first, *others = counted(claim, problem) or ((),)
    changed, rows = most_rows(problem), problem.evaluation_rows or 0
    if not changed or changed < 2 or claim.lower is None or not rows or problem.grouped is not None:
        return (first, *others) if first else ()
    each = upper_end(_over(rows - int(claim.lower), changed), DIGITS)
    return (first, say("at most {each} predictions that get another label for each of the {k} rows that may change",
                       each=each, k=count(changed)), *others)


def of_the_data(problem: Problem) -> tuple[Phrase, ...]:
    """How many rows change, as a part of the training rows."""
    changed = most_rows(problem)
    if not changed:
        return ()
    which = "training rows" if problem.rows == "all" else "listed training rows"
    of = problem.n if problem.rows == "all" else len(problem.rows)
    some = "1 row is" if changed == 1 else f"{count(changed)} rows are"
    if problem.fresh is not None and problem.fresh.rows == "added":
        return (say("what may join: {k}, against {n} training rows that are there",
                    k="1 row" if changed == 1 else f"{count(changed)} rows", n=count(problem.n)),)
    return (say("what may change: {some} at most {share} of the {of} {which}", some=some,
                share=percent_up(min(changed, of), of), of=count(of), which=which),)


def survived(claim: Claim, problem: Problem) -> tuple[Phrase, ...]:
    """The number of rows that half of the predictions survive, as a part of the training rows."""
    if not claim.lower:
        return of_the_data(problem)
    return (say("{k} of {n} training rows are at least {share} of the data", k=count(int(claim.lower)),
                n=count(problem.n), share=percent_down(claim.lower, problem.n)),)


def lengths(claim: Claim, problem: Problem) -> tuple[Phrase, ...]:
    """A distance of weights, against the weights' own length, and for each changed row."""
    if claim.upper is None:
        return of_the_data(problem)
    return (*_own_length(claim.upper, problem, "against the length of the weights that may adjust: at most {share}"),
            *_each(claim.upper, problem), *of_the_data(problem))


def _own_length(upper: float, problem: Problem, template: str) -> tuple[Phrase, ...]:
    """A distance as per cent of the length of the given weights, where the certificate holds that length."""
    if WEIGHT_NORMS[problem.weight_norm].measure or not (problem.weights_length or 0) > 0:
        return ()
    return (say(template, share=percent_up(upper, problem.weights_length or 1)),)


def _each(upper: float, problem: Problem) -> tuple[Phrase, ...]:
    """An upper end for each row that changes, where several do."""
    changed = most_rows(problem)
    if not changed or changed < 2:
        return ()
    return (say("per changed row at most {each}", each=upper_end(_over(upper, changed), DIGITS)),)


def _over(part: float, whole: float) -> float:
    """A quotient, never below the truth.

    >>> _over(7, 2), _over(1, 3) > 1 / 3 or _over(1, 3) == 1 / 3
    (3.5, True)
    """
    near = part / whole
    return near if Fraction(near) >= Fraction(part) / Fraction(whole) else nextafter(near, inf)


def _under(part: float, whole: float) -> float:
    """A quotient, never above the truth."""
    near = part / whole
    return near if Fraction(near) <= Fraction(part) / Fraction(whole) else nextafter(near, -inf)


def factors(claim: Claim, problem: Problem) -> tuple[Phrase, ...]:
    """A factor: against the weights' own length, and how far the rows are apart."""
    if claim.upper is None:
        return ()
    said = [*_own_length(claim.upper, problem, "in the limit, for each unit of δ, within {share} of the length of the "
                         "weights that may adjust")]
    if claim.rows is None and _one_length(problem):
        far = claim.upper * sqrt(problem.n) * (1 + 1e-12)
        said.append(say("row by row: if each of the {n} training rows moves by one length a, then δ = √{n}·a, and the "
                        "nearest solution lies within {far}·a, in the limit", n=count(problem.n),
                        far=upper_end(far, DIGITS)))
    known = sorted(high for high in claim.row_upper or () if high is not None)
    middle = known[len(known) // 2] if known else 0
    if claim.row_upper and len(known) == len(claim.row_upper) > 2 and middle > known[-1] / 1e9:
        said.append(say("row by row: the largest upper end is about {times} times the middle one of {rows} rows",
                        times=cut(known[-1] / middle, DIGITS), rows=count(len(known))))
    return tuple(said)


def _one_length(problem: Problem) -> bool:
    """Whether δ is the Euclidean length of the moves of all rows together."""
    kind, merged = SETS[problem.set], problem.merge_duplicates and problem.groups
    return problem.rows == "all" and not (kind.by_row or kind.one or NORMS[problem.norm].counted or merged)


def outputs(claim: Claim, problem: Problem) -> tuple[Phrase, ...]:
    """A change of outputs, for each changed row."""
    return (*(() if claim.upper is None else _each(claim.upper, problem)), *of_the_data(problem))


def radii(claim: Claim, problem: Problem) -> tuple[Phrase, ...]:
    """A size of moves, against the size in the specification."""
    if not claim.lower or not problem.radius:
        return ()
    return (say("at least {times} times the radius of {radius} in the specification",
                times=lower_end(_under(claim.lower, problem.radius), DIGITS), radius=as_given(problem.radius)),)
