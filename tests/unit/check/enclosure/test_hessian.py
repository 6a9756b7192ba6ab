"""Second derivatives of the objective against Taylor series along lines."""

from __future__ import annotations

import numpy as np
import pytest
from flint import arb, arb_mat, ctx, fmpz_mat
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from certify.check.enclosure.activation import ACTIVATIONS
from certify.check.enclosure.hessian import Curvature, require_second
from certify.check.enclosure.network import forward
from certify.check.enclosure.network import given as exact_parameters
from certify.check.enclosure.objective import objective
from certify.check.enclosure.units import by_units, pulled, weights_by_units
from certify.check.kernel import NotSmooth
from certify.check.linalg import fixed
from certify.check.linalg.balls import norm
from certify.check.linalg.fixed import Fixed, scale
from tests.effort import examples
from tests.oracles import taylor as taylor_oracle
from tests.oracles.taylor import Line, mixed, second

SEEDS = st.integers(0, 10**9)


def curvature(problem, tilt=None, scale=None, width=60):
    parameters = exact_parameters(problem)
    passed = forward(problem, parameters, problem.features)
    c = None if tilt is None else arb_mat([[arb(float(v)) for v in row] for row in tilt])
    return Curvature(problem, parameters, passed, objective(problem, passed.outputs, c), scale, width)


def drawn(seed, **fixed):
    """A random problem that is twice smooth at the data, with a random tilt, and its second derivatives."""
    rng = np.random.default_rng(seed)
    problem = taylor_oracle.problem(rng, **fixed)
    tilt = np.round(rng.normal(size=(len(problem.features), problem.outputs)), 2) if rng.random() < 0.5 else None
    try:
        with ctx.workprec(128):
            return rng, problem, tilt, curvature(problem, tilt)
    except NotSmooth:
        assume(False)


def column(values):
    return arb_mat([[v] for v in values])


def close(found, truth, width=1e-25):
    """Two balls of one number, both of them tight."""
    return found.overlaps(truth) and found.rad() <= width * (1 + abs(truth)) and truth.rad() < 1e-60 * (1 + abs(truth))


@settings(max_examples=examples(150), deadline=None)
@given(seed=SEEDS)
def test_the_hessian_is_the_second_derivative_along_lines(seed):
    rng, problem, tilt, found = drawn(seed)
    with ctx.workprec(128):
        H = found.hessian.balls()
        assert H.nrows() == H.ncols() == problem.parameters
        assert all(H[i, j].overlaps(H[j, i]) for i in range(H.nrows()) for j in range(i))
        for _ in range(3):
            v = np.round(rng.normal(size=problem.parameters), 1)
            if rng.random() < 0.5:
                v = np.eye(problem.parameters)[rng.integers(problem.parameters)]
            u = column(by_units(problem, [arb(float(x)) for x in v]))
            assert close((u.transpose() * H * u)[0, 0], second(problem, Line(v), tilt), 1e-11 * (1 + float(v @ v)))


@settings(max_examples=examples(150), deadline=None)
@given(seed=SEEDS)
def test_the_mixed_derivative_of_features(seed):
    rng, problem, tilt, found = drawn(seed)
    d = problem.layers[0].inputs
    with ctx.workprec(128):
        v, i = np.round(rng.normal(size=problem.parameters), 1), int(rng.choice(problem.moving))
        e = np.round(rng.normal(size=d), 1)
        truth = mixed(problem, v, Line(features={i: e}), tilt)
        u, step = column(by_units(problem, [arb(float(x)) for x in v])), column([arb(float(x)) for x in e])
        C = found.feature_block(i)
        assert close((u.transpose() * C * step)[0, 0], truth)
        form = found.feature_forms(u.entries())[problem.moving.index(i)]
        assert close((arb_mat([form]) * step)[0, 0], truth)


@settings(max_examples=examples(60), deadline=None)
@given(seed=SEEDS)
def test_the_square_of_the_mixed_derivative_both_ways(seed):
    rng, problem, _, found = drawn(seed)
    with ctx.workprec(128):
        C = [found.feature_block(i) for i in problem.moving]
        direct = sum((M * M.transpose() for M in C[1:]), C[0] * C[0].transpose())
        R = fmpz_mat(C[0].nrows(), C[0].nrows(), [int(x) for x in rng.integers(-2, 3, C[0].nrows() ** 2)])
        for M, reached in zip(C, found.feature_grams(Fixed(R, 0, arb(0))), strict=True):
            plain = (arb_mat(R) * M).transpose() * (arb_mat(R) * M)
            loose = 1e-11 * (1 + fixed.frobenius(plain))
            assert all(x.overlaps(y) and x.rad() < loose for x, y in zip(
                reached.entries(), plain.entries(), strict=True))
        E = [arb_mat(M.ncols(), M.ncols(), rng.integers(0, 4, M.ncols() ** 2).tolist()) for M in C]
        E = [W + W.transpose() for W in E]
        first = C[0] * E[0] * C[0].transpose()
        weighted = sum((M * W * M.transpose() for M, W in zip(C[1:], E[1:], strict=True)), first)
        for way, truth in ((found.cross(), direct), (found.cross(E), weighted)):
            pairs = zip(way.balls().entries(), truth.entries(), strict=True)
            loose = 1e-11 * (1 + fixed.frobenius(truth))
            assert all(x.overlaps(y) and x.rad() < loose for x, y in pairs)


@settings(max_examples=examples(40), deadline=None)
@given(seed=SEEDS, width=st.sampled_from([24, 60, 120]))
def test_the_stated_radius_holds_what_is_cut_off_and_the_scales(seed, width):
    """`S⁻¹HS⁻¹` and `S⁻¹CCᵀS⁻¹` at few bits hold those at many, within the radius and not far within it."""
    rng, problem, tilt, _ = drawn(seed)
    with ctx.workprec(160):
        t = {h: arb(float(rng.integers(1, 9))) / 4 for h in problem.free}
        few, many, plain = (curvature(problem, tilt, s, w) for s, w in ((t, width), (t, 140), (None, 140)))
        each = [t[h] for h in problem.free for _ in range(problem.layers[h - 1].parameters)]
        for name in ("hessian", "cross"):
            low, high, own = (getattr(found, name) for found in (few, many, plain))
            low, high, own = (found if name == "hessian" else found() for found in (low, high, own))
            gap = norm((x - y).mid() for x, y in zip(
                (arb_mat(low.mid) * scale(low.bits)).entries(), high.balls().entries(), strict=True))
            assert high.radius.is_finite()
            assert gap.lower() <= low.radius * (1 + arb(2) ** -20)
            assert low.radius <= arb(2) ** (24 - width) * (1 + high.size)
            pairs = zip(high.balls().tolist(), own.balls().tolist(), each, strict=True)
            assert all(x.overlaps(y * a * b) for u, v, a in pairs for x, y, b in zip(u, v, each, strict=True))


@settings(max_examples=examples(60), deadline=None)
@given(seed=SEEDS)
def test_the_mixed_derivatives_of_targets_and_sample_weights(seed):
    rng, problem, tilt, found = drawn(seed)
    n, k = len(problem.features), problem.outputs
    with ctx.workprec(128):
        v, i = np.round(rng.normal(size=problem.parameters), 1), int(rng.integers(n))
        u = column(by_units(problem, [arb(float(x)) for x in v]))
        rows = pulled(problem, found.parameters, found.passed, found.objective.plain)
        assert close((rows * u)[i, 0], mixed(problem, v, Line(samples={i: 1.0}), tilt))
        if problem.loss == "squared":
            e = np.round(rng.normal(size=k), 1)
            seeds = arb_mat([[arb(float(x)) / -n for x in e]] * n)
            rows = pulled(problem, found.parameters, found.passed, seeds)
            assert close((rows * u)[i, 0], mixed(problem, v, Line(targets={i: e}), tilt))


@settings(max_examples=examples(60), deadline=None)
@given(seed=SEEDS)
def test_the_gradient_is_the_sum_of_the_rows(seed):
    _, problem, _, found = drawn(seed)
    with ctx.workprec(128):
        w = weights_by_units(problem, found.parameters)
        rows = pulled(problem, found.parameters, found.passed, found.objective.slopes).tolist()
        columns = zip(*rows, strict=True)
        total = [sum(c, arb(0)) + arb(problem.weight_decay) * x for c, x in zip(columns, w, strict=True)]
        assert all(x.overlaps(y) and x.rad() < 1e-25 * (1 + abs(y)) for x, y in zip(found.gradient, total, strict=True))


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_curvatures_are_limits_and_balls_hold_those_of_their_points(name):
    phi, rng = ACTIVATIONS[name], np.random.default_rng(0)
    with ctx.workprec(600):
        h = arb(2) ** -200
        for x in map(arb, np.linspace(-9, 9, 72).tolist()):
            quotient = (phi.slope(x + h) - phi.slope(x - h)) / (2 * h)
            assert abs(quotient - phi.curvature(x)) < arb(2) ** -190
            assert abs(phi.curvature(x)) <= arb(phi.bend) + arb(2) ** -50
    with ctx.workprec(128):
        for _ in range(200):
            centre = arb(float(rng.normal() * 3))
            radius = arb(float(10.0 ** rng.uniform(-9, 0.5)))
            wide = centre + arb(0, radius)
            if phi.broken and wide.contains(0):
                continue
            for t in (-1.0, -0.3, 0.0, 0.8, 1.0):
                assert phi.curvature(wide).overlaps(phi.curvature(centre + radius * t * (1 - arb(2) ** -60)))


@pytest.mark.parametrize("name", sorted(n for n, phi in ACTIVATIONS.items() if phi.broken))
def test_a_unit_at_the_kink_is_refused(name):
    """elu is C¹ at 0, so that first derivatives exist, but its second derivative jumps."""
    rng = np.random.default_rng(3)
    problem = taylor_oracle.problem(rng, activation=name, widths=[2, 3, 1], n=2, loss="squared")
    layer = problem.layers[0]
    flat = type(layer)(3, 2, (0.0, 0.0, *layer.weights[2:]), (0.0, 1.0, 1.0))
    problem = type(problem)(**{**problem.__dict__, "layers": (flat, problem.layers[1])})
    with ctx.workprec(128), pytest.raises(NotSmooth, match="unit 0 of layer 1") as refusal:
        curvature(problem)
    assert refusal.value.exact
    near = type(layer)(3, 2, flat.weights, (1e-300, 1.0, 1.0))
    problem = type(problem)(**{**problem.__dict__, "layers": (near, problem.layers[1])})
    with ctx.workprec(128):
        curvature(problem)
        passed = forward(problem, exact_parameters(problem), problem.features)
        before = tuple(tuple(z + arb(0, 1e-299) for z in layer) for layer in passed.before)
        wide = type(passed)(passed.inputs, before, passed.outputs)
        with pytest.raises(NotSmooth):
            require_second(problem, wide)
