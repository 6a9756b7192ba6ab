"""One pass along many vectors of weights, against the formed Hessian and the formed mixed derivative."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from flint import arb, arb_mat, ctx
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from certify.check.enclosure.network import forward
from certify.check.enclosure.network import given as exact_parameters
from certify.check.enclosure.objective import objective
from certify.check.kernel import NotSmooth
from certify.check.probed.products import Along, Products, products
from certify.check.systems.nearby import spread
from tests.effort import examples
from tests.unit.check.enclosure.test_hessian import curvature, drawn

SEEDS = st.integers(0, 10**9)


def along(found, V, parameters=None) -> Products:
    problem = found.problem
    if parameters is None:
        return products(problem, found.parameters, found.passed, found.objective, V)
    passed = forward(problem, parameters, problem.features)
    return products(problem, parameters, passed, objective(problem, passed.outputs), V)


def vectors(rng, p: int, q: int) -> arb_mat:
    return arb_mat(p, q, [arb(float(x)) for x in np.round(rng.normal(size=p * q), 2)])


def columns(M: arb_mat) -> list[list[arb]]:
    return M.transpose().tolist()


@settings(max_examples=examples(120), deadline=None)
@given(seed=SEEDS, q=st.integers(1, 4))
def test_both_are_those_of_the_matrices(seed, q):
    rng, problem, _, found = drawn(seed)
    V = vectors(rng, problem.parameters, q)
    with ctx.workprec(128):
        seen = along(found, V)
        whole = found.hessian.balls() * V
        assert all(x.overlaps(y) and x.rad() < 1e-25 * (1 + abs(x)) for x, y in zip(
            seen.images.entries(), whole.entries(), strict=True))
        alone = Along(found.problem, found.parameters, found.passed, found.objective).products(V, formed=False)
        assert (alone.images.mid(), alone.forms.nrows()) == (seen.images.mid(), 0)
        rows = seen.forms.tolist()
        for c, z in enumerate(columns(V)):
            forms = dict(zip(problem.moving, found.feature_forms(z), strict=True))
            for i, form in forms.items():
                assert all(x.overlaps(y) and x.rad() < 1e-25 * (1 + abs(x)) for x, y in zip(
                    rows[i * q + c], form, strict=True))


@settings(max_examples=examples(40), deadline=None)
@given(seed=SEEDS)
def test_over_a_ball_every_point_of_it_is_enclosed(seed):
    rng, problem, tilt, found = drawn(seed)
    problem = found.problem
    V = vectors(rng, problem.parameters, 2)
    with ctx.workprec(128):
        try:
            around = along(found, V, spread(problem, exact_parameters(problem), arb(1e-3)))
            layers = tuple(
                replace(layer, weights=tuple(w + 7e-4 * s for w, s in zip(layer.weights, signs(rng, layer.weights),
                                                                        strict=True)))
                if h in problem.free else layer for h, layer in enumerate(problem.layers, 1))
            inside = curvature(replace(problem, layers=layers))
        except NotSmooth:
            assume(False)
        truth = along(inside, V)
        for near, exact in ((around.images, truth.images), (around.forms, truth.forms)):
            assert near.contains(exact.mid()) or near.overlaps(exact)


def signs(rng, values) -> list[float]:
    return rng.choice([-1.0, 1.0], len(values)).tolist()


@pytest.mark.parametrize("scale", [None, (0.5, 0.0, 2.0)])
def test_a_feature_without_a_unit_moves_nothing(scale):
    for seed in range(5):
        rng, problem, _, found = drawn(seed, widths=[3, 4, 2], loss="squared", scale=scale, activation="tanh",
                                       free=(1, 2))
        forms = along(found, vectors(rng, problem.parameters, 3)).forms.tolist()
        assert all((row[1] == 0) is (scale is not None) for row in forms)
