"""D20: what is said of a choice and of all choices at once, against the page's formulas in exact fractions."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest

from certify.finders.head.plain import PlainRefits
from certify.systems.head.rows.change import Choices
from certify.theorems.head.rows.step_sums.bound import Bound, drops
from certify.theorems.head.rows.step_sums.method import settings
from certify.theorems.head.rows.step_sums.search import Case
from tests.families.heads import any_rows
from tests.unit.theorems.head.rows.step_sums.test_step_sums import bounded, drawn

STILL = 0.01
"""A centre that is no minimum: what it leaves of the gradient, in the norm of the inverse."""


def known(seed: int, weights: str, k: int) -> Bound:
    """A bound around a centre that leaves something of the gradient."""
    b = bounded(drawn(seed, weights, n=10, decay=(0.0, 0.5)), k)
    assert b is not None
    return replace(b, still=STILL)


def distance(b: Bound, which: tuple[int, ...]) -> Fraction:
    """`R_T/(1 − κ_T)`, by Lemma 1."""
    left = (len(which) + 1) * Fraction(b.still) + sum(Fraction(float(b.alone[u])) for u in which)
    left += sum(Fraction(float(b.pairs[u, v])) for u, v in combinations(which, 2))
    return left / (1 - sum(Fraction(float(b.taken[u])) for u in which))


def choices(b: Bound) -> list[tuple[int, ...]]:
    return [which for r in range(1, b.k + 1) for which in combinations(range(len(b.alone)), r)]


@pytest.mark.parametrize("weights", ["rows", "labels"])
@pytest.mark.parametrize("k", [1, 2, 3])
def test_a_choice_is_as_far_as_the_page_says_and_all_at_once_farther(weights: str, k: int) -> None:
    b = known(1, weights, k)
    assert weights == "rows" or b.taken.max() > 0.01
    fixed, shares = Fraction(b.still) / Fraction(b.kept), [Fraction(float(one)) for one in b.shares]
    for which in choices(b):
        said, page = Fraction(float(b.far(np.array([which]))[0])), distance(b, which)
        assert page <= said <= page * (1 + Fraction(1, 10**9))
        assert page <= (fixed + sum(shares[u] for u in which))


@pytest.mark.parametrize(("weights", "exactly"), [("rows", False), ("labels", False), ("labels", True)])
def test_what_choices_take_of_margins(weights: str, exactly: bool) -> None:
    """From the margin there is for another threshold than 0, and for a length of each point that is known."""
    b = known(2, weights, 2)
    b = replace(b, pairs=0.01 * b.pairs, still=1e-4)  # some changes add to a margin whatever the distance takes
    head = replace(b.steps.head, threshold=0.25, points=b.steps.head.points[::6], points_rad=np.zeros(10))
    d = drops(b, head, np.arange(10), exactly)
    assert {0, 1} == set(head.today.tolist())
    for j, x in enumerate(head.points):
        sign, e = (1 if head.today[j] else -1), [Fraction(float(v)) for v in x]
        margin = sign * (dot(e, b.steps.w) - Fraction(head.threshold))
        assert float(d.seen[j]) ** 2 >= float(x @ b.X @ x)
        assert Fraction(float(d.margin[j])) <= margin <= Fraction(float(d.margin[j])) + Fraction(1, 10**9)
        seen = Fraction(float(d.seen[j]))
        for which in choices(b):
            if exactly and len(which) < b.k:
                continue
            taken = sum((-sign * dot(e, b.steps.delta[u]) for u in which), seen * distance(b, which))
            said = Fraction(float(d.fixed[j])) + sum(Fraction(float(d.each[j, u])) for u in which)
            assert taken <= said
    assert (d.each >= 0.0).all() and exactly == bool((d.fixed < 0.0).any())


def dot(e: list[Fraction], v: np.ndarray) -> Fraction:
    return sum((a * Fraction(float(b)) for a, b in zip(e, v, strict=True)), Fraction(0))


def test_every_setting_has_the_refits_of_the_balanced_head() -> None:
    """Weights and decay by the numbers of labels after the changes."""
    head = drawn(0, "balanced", n=9)
    assert head.label is not None
    for s in settings(head, any_rows(head, 3, True)):
        assert s.exactly is not None
        which = np.array([c for c in combinations(range(9), s.k) if head.label[list(c)].sum() == s.exactly[1]])
        found, start = Choices(which, 1 - head.label[which]), np.repeat(head.V[None], len(which), axis=0)
        one, two = (PlainRefits(h).newton(found, start) for h in (head, s.head))
        assert np.allclose(one, two, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("exactly", [None, (1, 2), (2, 0), (0, 3), (2, 2)])
def test_choices_of_a_case(exactly: tuple[int, int] | None) -> None:
    """Which are asked about, and what they take at most, against all of them."""
    b, rng = known(1, "labels", 3 if exactly is None else sum(exactly)), np.random.default_rng(3)
    labels, each = np.arange(len(b.alone)) % 2, rng.exponential(size=(4, len(b.alone)))
    case, most = Case(b, labels, exactly), np.zeros(4)
    for r in range(1, b.k + 1):
        which = np.array(list(combinations(range(len(labels)), r)))
        ones = labels[which].sum(axis=1).tolist()
        asked = [exactly is None or (r - one, one) == exactly for one in ones]
        assert case.asked(which).tolist() == asked
        most = np.maximum(most, each[:, which[asked]].sum(axis=-1).max(axis=1, initial=0.0))
    assert (case.most(each) >= most).all() and np.allclose(case.most(each), most, rtol=1e-12)
    worst = case.worst(each)
    assert case.asked(worst).all() and np.allclose(np.take_along_axis(each, worst, axis=1).sum(axis=1), most)
