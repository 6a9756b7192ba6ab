from __future__ import annotations

import pytest

from tests.attack import one


@pytest.mark.parametrize("name", ["polytopes", "polyhedra", "affine_sets", "solved_again", "window_excess"])
def test_a_few_cases_of_each_attack(name):
    """A violation raises; the full runs are in reports/studies/attacks."""
    outcomes = [one(name, 7, case) for case in range(6)]
    assert outcomes.count("decided") >= 4
