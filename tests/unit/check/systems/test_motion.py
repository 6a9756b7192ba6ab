"""What moving data does, with C in parts, against C itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from flint import arb, arb_mat, ctx, fmpz_mat
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.check.enclosure.hessian import Curvature
from certify.check.linalg import fixed
from certify.check.linalg.balls import norm
from certify.check.linalg.fixed import Fixed, scale
from certify.check.systems.data_derivative import base
from certify.check.systems.data_derivative import motion as motions
from certify.check.systems.data_derivative.base import data_derivative
from certify.check.systems.data_derivative.motion import Motion
from tests.effort import examples
from tests.oracles import taylor
from tests.unit.check.enclosure.test_hessian import curvature, drawn

SEEDS = st.integers(0, 10**9)


def motion(found, D) -> Motion:
    return motions.motion(data_derivative(found), D)


def test_rows_alone_are_the_same():
    rng, _, _, found = drawn(1)
    with ctx.workprec(128):
        D = exact(rng, found.problem.parameters)
        both, alone = motion(found, D), motions.motion(data_derivative(found), D, False)
        assert alone.all is None and [M.str() for M in alone.rows] == [M.str() for M in both.rows]


def exact(rng, p):
    return Fixed(fmpz_mat(p + 1, p, [int(x) for x in rng.integers(-2, 3, (p + 1) * p)]), 0, arb(0))


@settings(max_examples=examples(60), deadline=None)
@given(seed=SEEDS, some=st.sampled_from([1, 100, 1 << 20]))
def test_all_rows_and_each_row_are_those_of_c_itself(seed, some):
    rng, problem, _, found = drawn(seed)
    D = exact(rng, problem.parameters)
    with pytest.MonkeyPatch.context() as m, ctx.workprec(128):
        m.setattr(base, "ENTRIES", some)
        C = [found.feature_block(i) for i in problem.moving]
        Y = [arb_mat(D.mid) * M for M in C]
        whole = sum((y * y.transpose() for y in Y[1:]), Y[0] * Y[0].transpose())
        seen = motion(found, D)
        for near, truth in ((seen.all.plain.balls(), whole),
                            *((M, y.transpose() * y) for M, y in zip(seen.rows, Y, strict=True))):
            loose = 1e-11 * (1 + fixed.frobenius(whole))
            assert all(x.overlaps(y) and x.rad() < loose for x, y in zip(
                near.entries(), truth.entries(), strict=True))


@settings(max_examples=examples(40), deadline=None)
@given(seed=SEEDS, parameter=st.sampled_from(["targets", "sample_weights"]), some=st.sampled_from([1, 1 << 20]))
def test_so_are_those_of_targets_and_sample_weights(seed, parameter, some):
    rng, problem, _, found = drawn(seed, parameter=parameter, loss="squared")
    D, data = exact(rng, problem.parameters), data_derivative(found)
    with pytest.MonkeyPatch.context() as m, ctx.workprec(128):
        m.setattr(base, "ENTRIES", some)
        Y, q = arb_mat(D.mid) * data.columns.balls(), data.each
        seen, columns = motion(found, D), Y.transpose().tolist()
        parts = [arb_mat(columns[i:i + q]) for i in range(0, len(columns), q)]
        assert len(parts) == len(problem.moving) == len(seen.rows)
        for near, truth in ((seen.all.plain.balls(), Y * Y.transpose()),
                            *((M, y * y.transpose()) for M, y in zip(seen.rows, parts, strict=True))):
            loose = 1e-11 * (1 + fixed.frobenius(Y * Y.transpose()))
            assert all(x.overlaps(y) and x.rad() < loose for x, y in zip(
                near.entries(), truth.entries(), strict=True))


@settings(max_examples=examples(40), deadline=None)
@given(seed=SEEDS, some=st.sampled_from([1, 1 << 20]))
def test_effects_on_predictions_are_those_of_c_itself(seed, some):
    """Whatever the order of the rows."""
    rng, problem, _, found = drawn(seed)
    Y = exact(rng, problem.parameters)
    with pytest.MonkeyPatch.context() as m, ctx.workprec(128):
        m.setattr(base, "ENTRIES", some)
        left = [found.feature_block(i) for i in problem.moving]
        for S, size in data_derivative(found).through(Y):
            near = [C for C in left if norm(C.entries()) * (1 - 1e-9) <= size <= norm(C.entries()) * (1 + 1e-9) + 1e-9
                    and all(x.overlaps(y) for x, y in zip(arb_mat(S).entries(), (arb_mat(Y.mid) * C).entries(),
                                                          strict=True))]
            assert near and all(x.rad() < 1e-9 * (1 + size) for row in S for x in row)
            left.remove(near[0])
        assert not left


@settings(max_examples=examples(40), deadline=None)
@given(seed=SEEDS, width=st.sampled_from([24, 60]))
def test_the_stated_radius_holds_what_is_cut_off(seed, width):
    rng, problem, tilt, _ = drawn(seed)
    D = exact(rng, problem.parameters)
    with ctx.workprec(160):
        few, many = (motion(curvature(problem, tilt, width=w), D).all.plain for w in (width, 140))
        gap = norm((x - y).mid() for x, y in zip(
            (arb_mat(few.mid) * scale(few.bits)).entries(), many.balls().entries(), strict=True))
        assert gap.lower() <= few.radius * (1 + arb(2) ** -20) and many.radius.is_finite()


def test_the_radius_of_a_square_is_needed(monkeypatch):
    """All of it: a vector that is longer by what may be off has a square at the very rim."""
    M, r = fmpz_mat([[3, 4]]), arb(0.25)
    with ctx.workprec(128):
        N = arb_mat(M) * (1 + r / 5)
        truth, found = arb_mat([[(5 + r) ** 2]]), motions.squared(M, 0, r)
        assert truth.overlaps(N * N.transpose()) and found.radius < (10 + r) * r * (1 + arb(2) ** -40)
        assert found.balls().contains(truth)
        plain = Fixed(found.mid, found.bits, arb(0))
        assert not plain.balls().contains(truth)
        wide = motions.squared(M, 0, r, arb(10**4))
        assert wide.radius > found.radius


def test_rows_that_hardly_count_are_known_as_well_as_the_others():
    """Whose slope and curvature are 2^-40 times those of the rows beside them."""
    rng = np.random.default_rng(5)
    problem = taylor.problem(rng, loss="squared", activation="tanh", widths=[3, 4, 1], n=6, free=(1, 2),
                             moving=tuple(range(6)), scale=None)
    with ctx.workprec(160):
        plain = curvature(problem)
        small = [arb(2) ** (-40 * (i % 2)) for i in range(6)]
        terms = replace(plain.objective, slopes=arb_mat([[small[i] for _ in row] for i, row in enumerate(
            plain.objective.slopes.tolist())]), curvatures=tuple(
            M * s for M, s in zip(plain.objective.curvatures, small, strict=True)))
        found = Curvature(problem, plain.parameters, plain.passed, terms)
        for place, G in enumerate(motion(found, exact(rng, problem.parameters)).rows):
            trace = sum((G[j, j] for j in range(G.nrows())), arb(0))
            assert trace.rad() <= arb(2) ** -30 * trace.mid()
            assert place % 2 == 0 or trace < arb(2) ** -50


@settings(max_examples=examples(40), deadline=None)
@given(seed=SEEDS, parameter=st.sampled_from(["targets", "sample_weights"]))
def test_columns_times_numbers_are_known_as_well_as_columns(seed, parameter):
    """Of very different size, each of its own column."""
    rng, problem, _, found = drawn(seed, parameter=parameter, loss="squared")
    with ctx.workprec(128):
        data = data_derivative(found)
        factors = [arb(2) ** int(e) / 3 for e in rng.integers(-30, 31, data.columns.shape[1])]
        C = data.columns.balls().tolist()
        plain = arb_mat([[x * u for x, u in zip(row, factors, strict=True)] for row in C])
        scaled = data.times(factors)
        assert all(x.overlaps(y) for x, y in zip(scaled.balls().entries(), plain.entries(), strict=True))
        assert scaled.radius < 1e-13 * (1 + fixed.frobenius(plain))
