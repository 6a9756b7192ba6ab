"""How budgets add up: each set against the definition, by random changes that lie on its boundary."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from certify.format.words import Set
from certify.problem.sets.table import BUDGETS, SETS


def test_every_word_has_a_set_and_those_with_a_radius_are_budgets():
    assert set(SETS) == {str(word) for word in Set}
    assert set(BUDGETS) == {str(word) for word in Set if word.sized}
    assert all(SETS[word].word == word for word in SETS)


def changes(word: str, n: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """Sizes of the rows' changes at ε = 1."""
    t = rng.random(n)
    if word == "total":
        return t / np.linalg.norm(t)
    t[rng.permutation(n)[count:]] = 0.0
    return np.where(t > 0, 1.0, 0.0)


@pytest.mark.parametrize("word", list(BUDGETS))
def test_what_rows_do_together_holds_every_change_and_is_attained(word):
    """`Σ a_i t_i` stays below the support function, and one change reaches it; `Σ t_i²` likewise."""
    rng, budget, n = np.random.default_rng(3), BUDGETS[word], 5
    count = 2 if word == "sparse" else n
    stated = count if word == "sparse" else None
    a = rng.random(n)
    exact, (below, above) = budget.support(a, a, count), budget.supports(a[None], a[None], count)
    assert below[0] <= exact.lower <= exact.upper <= above[0] and above[0] - below[0] < 1e-10
    worst = {"total": a / np.linalg.norm(a)}.get(word, (a >= np.sort(a)[-count]).astype(float))
    assert abs(worst @ a - above[0]) < 1e-10
    for _ in range(50):
        t = changes(word, n, count, rng)
        assert t @ a <= above[0] + 1e-12 and t @ t <= budget.at_once(n, stated) + 1e-12
        assert (t[0] + t[1]) ** 2 <= int(budget.meeting(np.array([2]), stated)[0]) + 1e-12
        assert budget.size(t) >= 1 - 1e-12


@pytest.mark.parametrize(("word", "sizes", "count", "held"), [
    ("total", (0.5, 0.5), None, True), ("total", (0.5, 0.75), None, False),
    ("per_sample", (1.0, 1.0), None, True), ("per_sample", (1.0, 1.0 + 2**-30), None, False),
    ("sparse", (1.0, 1.0), 2, True), ("sparse", (1.0, 1.0), 1, False), ("sparse", (1.5,), 1, False),
])
def test_a_change_beyond_the_budget_is_not_held(word, sizes, count, held):
    assert BUDGETS[word].holds([Fraction(size) for size in sizes], Fraction(1), count) is held


@pytest.mark.parametrize("word", ["total", "per_sample"])
def test_a_projected_change_lies_within(word):
    u = np.random.default_rng(1).standard_normal((4, 3))
    inner, outer = BUDGETS[word].projected(u, 0.5), BUDGETS[word].projected(u * 1e-3, 0.5, stretch=True)
    for found, boundary in ((inner, False), (outer, True)):
        size = BUDGETS[word].size(np.linalg.norm(found, axis=1))
        assert size <= 0.5 + 1e-12 and (not boundary or size > 0.5 - 1e-12)
