"""Units that change their sign: what they add to a row of a Jacobian, against the worst weights that may be reached."""

from __future__ import annotations

import numpy as np
import pytest
from flint import arb

from certify.check.theorems.aubin.switching_units import Gates


@pytest.mark.parametrize("rho", [0.0, 0.1, 2.0])
def test_a_row_is_steeper_by_no_less_than_turned_units_make_it(rho):
    """The weights of one unit move by ρ in all, on either side of it: a short inner row counts by what it may be."""
    rng, jump = np.random.default_rng(2), 0.99
    for _ in range(20):
        inner, outer = rng.random(4) * 0.05, rng.standard_normal(4)
        gates = object.__new__(Gates)
        gates.jump, gates.outer = arb(jump), [[arb(float(x)) for x in outer]]
        gates.inner, gates.lengths = [arb(float(x)) for x in inner], [arb(1)]
        gates.before = [[arb(0.0), arb(0.01), arb(50.0), arb(0.0)]]
        found = gates.steeper(0, arb(0.5), arb(rho))
        turned = [j for j in range(4) if (inner[j] + rho) * 0.5 + rho >= float(gates.before[0][j])]
        assert 0 in turned and 2 not in turned
        most = max(jump * sum((abs(outer[j]) + out * (j == moved)) * (
            inner[j] + np.sqrt(rho**2 - out**2) * (j == moved))
                              for j in turned) for moved in turned for out in np.linspace(0.0, rho, 9))
        assert most <= found * (1 + 1e-12)
