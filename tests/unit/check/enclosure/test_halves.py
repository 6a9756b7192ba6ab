"""Equal entries of a Hessian that are made once, against the Hessian of which all are made."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pytest
from flint import arb, ctx, fmpz_mat
from hypothesis import given, settings

from certify.check.enclosure import hessian
from certify.check.enclosure.second.halves import own_block, squared, turning
from certify.check.linalg.fixed import Fixed
from certify.check.linalg.outer import facing
from tests.effort import examples
from tests.unit.check.enclosure.test_hessian import SEEDS, curvature, drawn


@settings(max_examples=examples(100), deadline=None)
@given(seed=SEEDS)
def test_both_hold_one_matrix(seed):
    rng, problem, tilt, _ = drawn(seed)
    units = {h: arb(float(rng.uniform(0.1, 9))) for h in problem.free} if rng.random() < 0.5 else None
    with ctx.workprec(128):
        plain = curvature(problem, tilt, units).hessian
        with patch.object(hessian, "MANY", -1):
            halves = curvature(problem, tilt, units).hessian
        away = plain.balls() - halves.balls()
        assert all(x.contains(0) for x in away.entries())
        assert halves.mid == halves.mid.transpose() and halves.radius < 16 * plain.radius + arb(2) ** -50
        assert halves.radius > 0


def fixed(values, bits=0, radius=0) -> Fixed:
    return Fixed(fmpz_mat(np.asarray(values).tolist()), bits, arb(radius))


@pytest.mark.parametrize("radius", [0, 0.25])
@pytest.mark.parametrize("width", [200, 8])
def test_squares_are_among_all_products(width, radius):
    rows = np.random.default_rng(0).integers(-99, 100, (5, 4))
    A = fixed(rows, 2, radius)
    found, every = squared(A, width), facing(A, A, width)
    balls, others = found.balls(), every.balls()
    at = 0
    for s in range(4):
        for u in range(s, 4):
            assert all((balls[i, at] * 2 ** 4).contains(int(rows[i, s] * rows[i, u])) for i in range(5))
            assert all(balls[i, at].overlaps(others[i, 4 * s + u]) for i in range(5))
            at += 1
    assert found.shape == (5, at) and found.radius <= 4 * every.radius
    assert (found.radius == 0) == (radius == 0 and width == 200)


def test_rows_that_are_a_little_off_are_in_the_radius():
    """One row, one entry: `(a + r)² − a²` is what the radius has to be."""
    assert squared(fixed([[8]], 0, 1), 60).radius >= 17


def test_the_error_of_an_own_block_counts_at_four_places():
    found = own_block([[arb(0), arb(1, 0.5), arb(0)]], 2, fixed([[1, 2]]), 60)
    truth = np.kron([[0, 1.5], [1.5, 0]], np.outer([1, 2], [1, 2]))
    middle = np.array([[float(x) for x in row] for row in found.mid.tolist()]) * 2.0 ** -found.bits
    assert np.linalg.norm(truth - middle) <= found.radius


def test_inputs_of_the_next_layer_move_alone():
    """And a bias, the last of its inputs, does not."""
    slopes = [[arb(1), arb(2)], [arb(3), arb(4)]]
    with ctx.workprec(128):
        found = turning(slopes, 3, fixed([[1, 10], [100, 1000]]), arb(2), 60).balls()
    truth = [[602, 0, 0, 0, 804, 0], [6020, 0, 0, 0, 8040, 0]]
    assert all(abs(x - y) < 1e-6 for row, others in zip(found.tolist(), truth, strict=True)
               for x, y in zip(row, others, strict=True))
