"""The checker's activations against the prover's, and slopes against difference quotients."""

from __future__ import annotations

import numpy as np
import pytest
from flint import arb, ctx

from certify.check.enclosure.activation import ACTIVATIONS
from certify.rigor.activation import ACTIVATIONS as PROVERS

POINTS = np.concatenate([np.linspace(-12, 12, 97), [-745.0, -80.5, 80.5, 1e3, -1e300, 1e300, 5e-324, -5e-324]])


def test_the_same_names():
    assert set(ACTIVATIONS) == set(PROVERS)


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_values_and_slopes_are_those_the_prover_encloses(name):
    phi, points = ACTIVATIONS[name], POINTS[(POINTS != 0) & (np.abs(POINTS) > 1e-300)]
    enclosed = PROVERS[name].enclose(points)
    with ctx.workprec(256):
        for f, found in zip((phi.value, phi.slope), enclosed, strict=True):
            for x, mid, error in zip(points.tolist(), found.mid.tolist(), found.error.tolist(), strict=True):
                ball = f(arb(x))
                assert ball.is_finite() and abs(ball - mid) <= error, (name, x)


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_balls_hold_the_values_of_their_points(name):
    phi, rng = ACTIVATIONS[name], np.random.default_rng(0)
    with ctx.workprec(128):
        for _ in range(200):
            centre, radius = arb(float(rng.normal() * 3)), arb(float(10.0 ** rng.uniform(-9, 0.5)))
            wide = centre + arb(0, radius)
            for t in (-1.0, -0.3, 0.0, 0.8, 1.0):
                point = centre + radius * t * (1 - arb(2) ** -60)
                for f in (phi.value, phi.slope):
                    assert f(wide).contains(f(point).mid()) or f(wide).overlaps(f(point))


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
@pytest.mark.parametrize("centre, radius", [(1e26, 1e7), (-1e26, 1e7), (2.0**62, 100.0), (1e45, 1e30)])
def test_wide_balls_far_out_have_finite_values_and_slopes(name, centre, radius):
    """Far out the rounding of a pre-activation is a wide ball, for which Arb's sech knows nothing."""
    phi = ACTIVATIONS[name]
    with ctx.workprec(64):
        ball = arb(centre) + arb(0, radius)
        assert phi.value(ball).is_finite()
        assert abs(phi.slope(ball)) <= phi.steepest + arb(2) ** -20
        assert phi.slope(ball).overlaps(phi.slope(arb(centre)))


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_slopes_are_limits_and_stay_within_their_bounds(name):
    phi = ACTIVATIONS[name]
    with ctx.workprec(600):
        h = arb(2) ** -200
        for x in map(arb, np.linspace(-9, 9, 73).tolist()):
            if phi.kinked and x == 0:
                assert phi.slope(x).contains(1) and phi.slope(x).contains(1 - phi.jump.mid())
                continue
            quotient = (phi.value(x + h) - phi.value(x - h)) / (2 * h)
            assert abs(quotient - phi.slope(x)) < arb(2) ** -190
            assert abs(phi.slope(x)) <= phi.steepest
            bend = (phi.slope(x + h) - phi.slope(x - h)) / (2 * h)
            assert abs(bend) <= phi.bend + arb(2) ** -100
        if phi.spread is not None:
            assert phi.value(arb(20)) - phi.value(arb(-20)) <= phi.spread
