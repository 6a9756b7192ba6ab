"""N4: closed forms, wrong formulas that must be caught, `sparse` with one row, finders that are not trusted."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import product
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.finders.one_row import propose_signs_and_weights
from certify.format.errors import EnclosureError, SpecError
from certify.network.network import Network
from certify.problem.perturbations.row_sets import RowSets
from certify.problem.problem import Problem
from certify.prove.prover import bound
from certify.rigor.arithmetic import Binary64
from certify.systems.interpolation.congruence import Congruence, congruence
from certify.theorems.modulus import critical_one_row as critical_rows
from certify.theorems.modulus import one_row
from certify.theorems.modulus.critical_one_row import enclose_critical_rows
from certify.theorems.modulus.one_row import FEW, OneRowEnds, enclose_one_row, stretch
from tests.containment.attack import attack
from tests.containment.one_row import check_rows
from tests.containment.rigor import Violation
from tests.effort import examples
from tests.unit.prove.test_critical import toy
from tests.unit.theorems.modulus.test_critical_sets import solved
from tests.unit.theorems.modulus.test_set_quantities import kernel

NAMES = {"one_row": 60, "critical_one_row": 20}


@pytest.mark.parametrize("name", NAMES)
def test_random_attacks(name):
    _, tally, messages, _ = attack(name, 5, range(NAMES[name]))
    assert messages == [] and tally["decided"] > NAMES[name] // 2


def ends_of(A: np.ndarray, G: np.ndarray, norm: int | str) -> OneRowEnds:
    """For a float kernel and float matrices G, `(n, k, d)`."""
    X = congruence(kernel(A), Binary64())
    assert isinstance(X, Congruence)
    n, _, d = G.shape
    return enclose_one_row(X, RowSets(G, np.zeros(n), norm), np.arange(n), np.arange(d))


def critical_ends(A: np.ndarray, C: np.ndarray, norm: int | str) -> OneRowEnds:
    _, inverse, blocks = solved(A, C)
    return enclose_critical_rows(inverse, lambda: blocks, norm, np.arange(C.shape[2]))


def is_(ends: OneRowEnds, truth: list[float], accuracy: float = 1e-7) -> bool:
    values = np.array(truth)
    within = (ends.lower <= values * (1 + 1e-12)).all() and (values <= ends.upper * (1 + 1e-12)).all()
    return bool(within and (ends.upper <= ends.lower * (1 + accuracy)).all())


# closed forms


@pytest.mark.parametrize(("norm", "size"), [(1, 4.0), ("inf", 7.0)])
def test_one_output_takes_the_dual_norm(norm, size):
    g = np.array([[[3.0, -4.0]], [[0.0, 0.0]]])
    ends = ends_of(np.eye(2), g, norm)
    assert is_(OneRowEnds(ends.lower[:1], ends.upper[:1], None), [size])
    assert (ends.lower[1], ends.upper[1]) == (0.0, 0.0)


def test_one_output_is_exact_whatever_the_number_of_features():
    g = np.random.default_rng(0).standard_normal((3, 1, 40))
    A = np.diag([1.0, 4.0, 0.25])
    ends = ends_of(A, g, "inf")
    assert ends.shape is None and is_(ends, list(np.abs(g).sum(axis=(1, 2)) * np.array([1.0, 0.5, 2.0])))


@pytest.mark.parametrize(("norm", "size"), [(1, 5.0), ("inf", 10.0)])
def test_two_outputs(norm, size):
    """Columns (3, 4) and (4, 3): norm 1 the longer, both of length 5; inf their sum, (7, 7), shorter than √2·7 only."""
    G = np.array([[[3.0, 4.0], [4.0, 3.0]]])
    assert is_(ends_of(np.eye(2), G, norm), [size if norm == 1 else 7 * 2**0.5])
    assert is_(critical_ends(np.eye(2), G, norm), [size if norm == 1 else 7 * 2**0.5])


@pytest.mark.parametrize("d", [3, FEW, FEW + 1, 9])
def test_orthogonal_columns_add_in_squares(d):
    """`B = I`: norm 1 gives 1, inf √d, for boxes too (w = 1)."""
    C = np.eye(d)[None]
    for norm, size in ((1, 1.0), ("inf", d**0.5)):
        ends = critical_ends(np.eye(d), C, norm)
        assert is_(ends, [size]) and (ends.shape is not None) == (norm == "inf" and d > FEW)
        assert is_(ends_of(np.eye(d), C, norm), [size])


def test_features_that_stay_take_no_part():
    G = np.zeros((1, 2, 9))
    G[0, :, [2, 5]] = [[3.0, 4.0], [4.0, 3.0]]
    X = congruence(kernel(np.eye(2)), Binary64())
    assert isinstance(X, Congruence)
    ends = enclose_one_row(X, RowSets(G, np.zeros(1), "inf"), np.array([0]), np.array([2, 5]))
    assert ends.shape is None and is_(ends, [7 * 2**0.5])


# brute force over all vertices, and the wrong formulas


def vertices(d: int, norm: int | str) -> list[np.ndarray]:
    return list(np.eye(d)) if norm == 1 else [np.array(s, dtype=float) for s in product((1, -1), repeat=d)]


def largest(V: np.ndarray, norm: int | str) -> float:
    return max(float(np.linalg.norm(V @ u)) for u in vertices(V.shape[1], norm))


@pytest.mark.parametrize("norm", [1, "inf"])
@pytest.mark.parametrize("d", [2, 8])
@pytest.mark.parametrize("k", [1, 3])
def test_both_maps_against_all_vertices(norm, d, k):
    rng = np.random.default_rng([d, k])
    for _ in range(5):
        n = 2
        B = rng.standard_normal((n * k, n * k))
        A, G = B @ B.T + np.eye(n * k), rng.standard_normal((n, k, d)) * 10.0 ** rng.uniform(-3, 3, (1, 1, d))
        inverse = np.linalg.inv(A)
        V = [np.linalg.cholesky(inverse[i * k:(i + 1) * k, i * k:(i + 1) * k]).T @ G[i] for i in range(n)]
        assert is_(ends_of(A, G, norm), [largest(v, norm) for v in V], 0.26)
        C = rng.standard_normal((n, n * k, d))
        assert is_(critical_ends(A, C, norm), [largest(inverse @ c, norm) for c in C], 0.26)


@pytest.mark.parametrize("which", ["all columns at once", "norm q for its dual", "trace for a box"])
def test_wrong_formulas_are_caught(which):
    """Each is refused, in most draws, by the test that the proved ends pass in all."""
    caught = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        norm: int | str = {"all columns at once": 1, "trace for a box": "inf"}.get(which, [1, "inf"][seed % 2])
        d = 4
        C = rng.standard_normal((1, 3, 1)) + 0.2 * rng.standard_normal((1, 3, d))
        found = critical_ends(np.eye(3), C, norm)
        right = bound(toy(set="per_sample", norm=norm), "sample_modulus")
        right = replace(right, rows=(0,), row_lower=(found.lower[0],), row_upper=(found.upper[0],))
        check_rows(right, C[0], norm, rng)
        sizes = np.linalg.norm(C[0], axis=0)
        value = {"norm q for its dual": largest(C[0], "inf" if norm == 1 else 1)}.get(
            which, float(np.linalg.norm(sizes)))
        try:
            check_rows(replace(right, row_lower=(value,), row_upper=(value,)), C[0], norm, rng)
        except Violation:
            caught += 1
    assert caught == 20


# problems


def net(d: int, k: int, n: int) -> Problem:
    rng = np.random.default_rng([d, k, n])
    weights = rng.standard_normal((12, d)), rng.standard_normal((k, 12))
    layers = Network(weights, (rng.standard_normal(12), None), "tanh")
    return Problem(layers, rng.standard_normal((n, d)), None, parameter="features", rows=tuple(range(n)))


@pytest.mark.parametrize("norm", [1, "inf"])
@pytest.mark.parametrize(("d", "k"), [(2, 1), (3, 3), (9, 1), (9, 3)])
def test_one_row_of_sparse_is_the_largest(norm, d, k):
    """Two programs for one number: `sparse` with count 1 and radius 1 goes by ellipsoids and one witness."""
    problem = net(d, k, 4)
    rows = bound(replace(problem, set="per_sample", norm=norm), "sample_modulus")
    one = bound(replace(problem, set="sparse", norm=norm, count=1, radius=1.0), "first_order_distance")
    assert rows.theorem == "N4" and one.lower <= rows.upper and rows.lower <= one.upper
    assert rows.upper <= one.upper * (1 + 1e-9)  # never the looser of the two


@pytest.mark.parametrize("norm", [1, "inf"])
@pytest.mark.parametrize("parameter", ["features", "targets", "sample_weights"])
def test_one_row_of_sparse_at_a_critical_point(norm, parameter):
    rows = bound(toy(set="per_sample", norm=norm, parameter=parameter), "sample_modulus")
    one = bound(toy(set="sparse", norm=norm, count=1, radius=1.0, parameter=parameter), "first_order_distance")
    assert one.lower <= rows.upper and rows.lower <= one.upper and rows.upper <= rows.lower * (1 + 1e-6) + 1e-14


def test_norms_are_ordered_as_they_must_be():
    """`|u|_∞ ≤ |u|₂ ≤ |u|₁ ≤ √d|u|₂ ≤ d|u|_∞`: the balls grow from norm 1 to norm inf."""
    problem = net(9, 2, 3)
    one, two, most = (bound(replace(problem, set="per_sample", norm=q), "sample_modulus") for q in (1, 2, "inf"))
    for a, b, c in zip(one.row_lower, two.row_lower, most.row_lower, strict=True):
        assert a <= b * (1 + 1e-6) and b <= c * 1.05
    for a, b, c in zip(one.row_upper, two.row_upper, most.row_upper, strict=True):
        assert b <= 3 * a * (1 + 1e-6) and c <= 3 * b * 1.05


def test_scale_and_columns_count():
    """A unit of 2 doubles what a feature can do; one that may not move does nothing."""
    problem = replace(net(3, 2, 3), set="per_sample", norm=1, rows=(0, 2))
    alone = [bound(replace(problem, scale=np.eye(3)[a]), "sample_modulus") for a in range(3)]
    whole = bound(problem, "sample_modulus")
    assert whole.rows == (0, 2)
    for i in range(2):
        parts = [b.row_upper[i] for b in alone]
        assert abs(whole.row_upper[i] - max(parts)) <= 1e-9 * max(parts)
        double = bound(replace(problem, scale=2.0 * np.eye(3)[1]), "sample_modulus")
        assert abs(double.row_upper[i] - 2 * parts[1]) <= 1e-9 * parts[1]


def test_sparse_sets_still_have_no_modulus():
    with pytest.raises(SpecError, match="has no modulus"):
        bound(replace(net(2, 1, 2), set="sparse", norm=1, count=1, radius=1.0), "sample_modulus")


# finders are not trusted


@settings(deadline=None, max_examples=examples(40))
@given(seed=st.integers(0, 10**9))
def test_any_signs_and_weights_prove_a_true_enclosure(seed):
    rng = np.random.default_rng(seed)
    k, d = int(rng.integers(2, 4)), 8
    B = rng.standard_normal((k, k))
    A, G = B @ B.T + 0.1 * np.eye(k), rng.standard_normal((1, k, d))
    signs, weights = rng.choice([-1.0, 1.0], (1, d)), 10.0 ** rng.uniform(-4, 4, (1, d))
    inverse = np.linalg.inv(A)

    def proposed(V):
        return signs, weights

    with mock.patch.object(one_row, "propose_signs_and_weights", proposed), \
            mock.patch.object(critical_rows, "propose_signs_and_weights", proposed):
        for ends, V in ((ends_of(A, G, "inf"), np.linalg.cholesky(inverse).T @ G[0]),
                        (critical_ends(A, G, "inf"), inverse @ G[0])):
            truth, chosen = largest(V, "inf"), float(np.linalg.norm(V @ signs[0]))
            assert ends.lower[0] <= chosen * (1 + 1e-12) <= truth * (1 + 1e-11) <= ends.upper[0] * (1 + 1e-10)
            assert ends.lower[0] >= chosen * (1 - 1e-9) and (np.sign(ends.shape) == signs).all()


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
def test_weights_that_make_no_box_are_refused(bad):
    with pytest.raises(EnclosureError, match="not positive"):
        stretch(np.array([[1.0, bad]]))


def test_the_stretch_is_above_the_exact_sum():
    weights = 10.0 ** np.random.default_rng(0).uniform(-9, 9, (200, 7))
    for found, row in zip(stretch(weights).tolist(), weights.tolist(), strict=True):
        exact = sum(1 / Fraction(w) ** 2 for w in row)
        assert exact <= Fraction(found) ** 2 <= exact * (1 + Fraction(1, 10**11))


def test_the_search_finds_what_is_there():
    """All flips tried: within a few per cent of the largest, from below and from above."""
    for seed in range(20):
        V = np.random.default_rng(seed).standard_normal((2, 3, 9))
        signs, weights = propose_signs_and_weights(V)
        for v, s, w in zip(V, signs, weights, strict=True):
            truth = largest(v, "inf")
            above = float(np.linalg.norm(v * w, 2)) * float(np.sqrt((w**-2.0).sum()))
            assert np.linalg.norm(v @ s) >= 0.97 * truth and truth * (1 - 1e-9) <= above <= 1.2534 * truth
    for strange in (np.full((1, 2, 8), np.nan), np.full((1, 2, 8), 1e300), np.zeros((1, 2, 8))):
        signs, weights = propose_signs_and_weights(strange)
        assert (np.abs(signs) == 1).all() and (np.isfinite(weights) & (weights > 0)).all()


@pytest.mark.parametrize("count", [1, 2, None])
def test_budgets_in_norm_1_are_never_looser_than_in_norm_2(count):
    """The Euclidean ball contains that of norm 1: many columns, where the searched ellipsoid is a bad one."""
    problem = replace(net(12, 3, 4), set="sparse" if count else "per_sample", count=count, radius=1.0)
    one, two = (bound(replace(problem, norm=norm), "first_order_distance") for norm in (1, 2))
    assert one.lower <= one.upper <= two.upper * (1 + 1e-9)
