"""Truth ∈ enclosure, for every registered activation, against power series over balls."""

from __future__ import annotations

import flint
import numpy as np
import pytest
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.format.errors import EnclosureError
from certify.rigor.activation import ACTIVATIONS
from tests.effort import examples
from tests.unit.rigor.activation.registry import CASES, Case, adversarial, sample, violations

every = pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)


def test_every_activation_is_in_the_registry():
    assert {c.name for c in CASES} == set(ACTIVATIONS)
    assert all(ACTIVATIONS[name].name == name for name in ACTIVATIONS)


@every
def test_adversarial_points(case: Case):
    assert violations(case, adversarial(), 2) == []


@every
def test_random_points(case: Case):
    assert violations(case, sample(2000), 2) == []


@settings(max_examples=examples(150), deadline=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=4), st.integers(0, 2))
def test_any_floats(x: list[float], order: int):
    flint.ctx.prec = 160
    for case in CASES:
        assert violations(case, np.array(x), order) == []


@every
def test_errors_are_a_few_units_of_the_larger_of_one_and_x(case: Case):
    x = np.concatenate([adversarial(), sample(1000)])
    limit = np.where(x == 0, 0.6, 16.0 * 2.0**-53) * np.maximum(1.0, np.abs(x))
    for part in case.activation.enclose(x, 2):
        assert (part.error > 0).all() and (part.error <= np.where(np.abs(x) < 1e-250, 0.6, limit)).all()


@every
def test_shape_order_and_blocks_do_not_matter(case: Case):
    phi = case.activation
    x = sample(40_000)
    whole = phi.enclose(x.reshape(50, -1, 2)[:, ::-1], 2)
    for order in (0, 1, 2):
        parts = phi.enclose(x[:7], order)
        assert len(parts) == order + 1
        for part, full in zip(parts, whole, strict=False):
            flat = full.mid[:, ::-1].ravel()[:7], full.error[:, ::-1].ravel()[:7]
            assert np.array_equal(part.mid, flat[0]) and np.array_equal(part.error, flat[1])
    assert whole[0].mid.shape == (50, 400, 2)
    assert phi.enclose(np.zeros((0, 3)))[0].mid.shape == (0, 3)
    assert phi.enclose(np.array(1.5))[1].error.shape == ()


def test_the_input_is_left_alone():
    x = np.array([-1.0, 0.0, 2.0])
    for phi in ACTIVATIONS.values():
        phi.enclose(x, 2)[0].mid[:] = 7.0
        assert x.tolist() == [-1.0, 0.0, 2.0]


def pairs(count: int) -> tuple[np.ndarray, np.ndarray]:
    hi = np.concatenate([adversarial()[::5], sample(count)])
    lo = hi * np.random.default_rng(1).uniform(-1.0, 1.0, hi.size) * 2.0**-53
    return hi, lo


@every
def test_extended_values_and_slopes(case: Case):
    flint.ctx.prec = 400
    check_extended(case, *pairs(200))
    assert flint.ctx.prec == 400  # left as it was


def check_extended(case: Case, hi: np.ndarray, lo: np.ndarray) -> None:
    parts = case.activation.enclose_extended(hi, lo)
    for i, (h, rest) in enumerate(zip(hi.tolist(), lo.tolist(), strict=True)):
        x = arb(h) + arb(rest)
        for right in {h > 0, h >= 0}:
            for j, (truth, part) in enumerate(zip(case.derivatives(x, right, 2), parts, strict=True)):
                value, error = arb(float(part.hi[i])) + arb(float(part.lo[i])), float(part.error[i])
                assert abs(truth - value) <= arb(error), (case.name, j, h, rest)
                nominal = 2.0**-99 * (1.0 + abs(float(part.hi[i])))
                assert error <= (0.6 if j in case.one_sided and abs(h) < 1e-250 else nominal)
                assert abs(part.lo[i]) <= max(2.0**-53 * abs(part.hi[i]), 2.0**-1022)


@every
def test_extended_agrees_in_shape_and_with_the_plain_enclosure(case: Case):
    hi = sample(30).reshape(5, 3, 2)
    extended, plain = case.activation.enclose_extended(hi), case.activation.enclose(hi)
    for a, b in zip(extended, plain, strict=True):
        assert a.hi.shape == a.lo.shape == a.error.shape == hi.shape
        assert (np.abs(a.hi - b.mid) <= b.error + 2.0**-52 * np.abs(a.hi)).all()
    assert case.activation.enclose_extended(np.zeros((0, 2)))[1].hi.shape == (0, 2)


@every
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_pairs_with_parts_far_apart(case: Case, sign: float):
    """hi + lo needs more bits than Arb works with, and is a wide ball."""
    flint.ctx.prec = 400
    check_extended(case, sign * np.array([1e300, 1e100]), np.array([1e250, -1e40]))


@every
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_pairs_at_the_end_of_the_range(case: Case, sign: float):
    """The largest float and up to half an ulp above it: the sum rounds to infinity, the pair is finite."""
    flint.ctx.prec = 400
    largest = sign * np.finfo(np.float64).max
    for low in (0.0, largest * 2.0**-53, largest * 2.0**-54, -largest * 2.0**-53):
        check_extended(case, np.array([largest]), np.array([low]))
    beyond = np.array([largest]), np.array([largest * 2.0**-51])
    try:
        value, slope = case.activation.enclose_extended(*beyond)
    except EnclosureError as error:
        assert "a value beyond the largest float" in str(error) and "defect" not in str(error)
    else:
        assert np.isfinite([*value.hi, *value.lo, *slope.hi]).all()
