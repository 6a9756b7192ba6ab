from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify import bound
from certify.format.errors import InputError
from certify.network.network import Network
from certify.problem.problem import Problem

sympy = pytest.importorskip("sympy")

from certify.symbolic import AlgebraicFamily, System, critical, interpolation  # noqa: E402
from tests.effort import examples  # noqa: E402

u, v, w, t = sympy.symbols("u v w t")


def toy() -> System:
    return critical([[[1, 2]]], [[1], [2]], [2, 4], product=True)


def test_the_papers_toy():
    system = toy()
    assert system.modulus() == sympy.Rational(2, 5) and system.names == ("rescaling of w1 against w2",)
    assert 0.4 in system.enclosure() and system.enclosure().width < 1e-15
    interpolating = interpolation([[[1, 2]]], [[1], [2]], [2, 4], product=True)
    assert interpolating.rank == 1 < 2 and interpolating.aubin().holds is not True
    both = interpolating.G_u.row_join(interpolating.G_w)
    assert both.rank() == 2  # of the residuals; of the gradient, as the paper has it, it is 1
    L = sum((sympy.prod(interpolating.w) * (x + s) - y) ** 2 / 4
            for x, y, s in zip((1, 2), (2, 4), interpolating.u, strict=True))
    R = sympy.Matrix([sympy.diff(L, s) for s in interpolating.w])
    at = dict(zip((*interpolating.w, *interpolating.u), (1, 2, 0, 0), strict=True))
    assert R.jacobian(sympy.Matrix([*interpolating.w, *interpolating.u])).subs(at).rank() == 1  # Assumption 2 fails


def test_toy_derivative_is_the_affine_set_and_its_member_the_shortest():
    system = toy()
    mu = [Fraction(-1, 5), Fraction(-2, 5)]
    derivative, member = system.graphical_derivative(mu), system.member(mu)
    assert derivative.contains([Fraction(int(x.p), int(x.q)) for x in member])
    assert derivative.distance([0, 0]).square == Fraction(*sympy.fraction((member.T * member)[0]))
    assert all(system.coderivative([1, x]) is None for x in (0, 3))  # not in the range of G_wᵀ
    q = [2, 1]
    p = system.coderivative(q)
    assert p is not None and p.distance([0, 0]).lower > 0


@st.composite
def networks(draw):
    widths = draw(st.sampled_from([[1, 2, 1], [2, 2, 1], [2, 3, 2], [3, 1]]))
    activation = draw(st.sampled_from(["identity", "relu", "leaky_relu"]))
    small = st.integers(-4, 4).filter(bool).map(lambda k: k / 2)
    pairs = list(zip(widths[1:], widths[:-1], strict=True))
    weights = [[[draw(small) for _ in range(j)] for _ in range(i)] for i, j in pairs]
    biases = [[draw(small) for _ in range(i)] for i, _ in pairs] if draw(st.booleans()) else [None] * len(pairs)
    X = draw(st.lists(st.tuples(*[small] * widths[0]), min_size=1, max_size=2, unique=True))
    return weights, biases, activation, [list(x) for x in X]


@settings(max_examples=examples(60), deadline=None)
@given(networks(), st.sampled_from(["features", "targets"]))
def test_exact_moduli_lie_in_the_proved_intervals(net, parameter):
    weights, biases, activation, X = net
    try:
        system = interpolation(weights, X, biases=biases, activation=activation, parameter=parameter)
    except InputError as refused:
        assert "kink" in str(refused)
        return
    shifts = tuple(None if b is None else np.array(b) for b in biases)
    network = Network(tuple(np.array(W) for W in weights), shifts, activation)
    problem = Problem(network, np.array(X), None, parameter, tuple(range(len(X))))
    found = bound(problem, "modulus")
    if not system.surjective:
        assert found.upper is None
        return
    exact = system.enclosure()
    if found.upper is not None:
        assert exact.lower <= found.upper
    if found.lower is not None:
        assert found.lower <= exact.upper


@settings(max_examples=examples(200), deadline=None)
@given(st.integers(0, 10**6))
def test_graphical_derivative_against_sets_solved_again(seed):
    """`w₁…w_m x = y`: the nearest point of the moved set, found by Newton, follows the minimum-norm member."""
    rng = np.random.default_rng(seed)
    m = int(rng.integers(2, 4))
    at = [Fraction(int(k), 2) for k in rng.choice([-4, -3, -2, -1, 1, 2, 3, 4], m)]
    X = [[Fraction(int(k))] for k in rng.choice([-3, -2, -1, 1, 2, 3], int(rng.integers(1, 4)))]
    product = Fraction(1)
    for k in at:
        product *= k
    system = critical([[at]], X, [product * x[0] for x in X], product=True)  # singular Hessian: m − 1 symmetries
    assert len(system.names) == m - 1
    mu = rng.integers(-3, 4, len(X))
    member = np.array([float(x) for x in system.member([int(k) for k in mu])])
    step = 1e-6
    x, y = np.array([float(r[0]) for r in X]), float(product) * np.array([float(r[0]) for r in X])
    target = ((x + step * mu) @ y) / ((x + step * mu) @ (x + step * mu))  # all minimisers have this product
    moved = np.array([float(k) for k in at])
    for _ in range(30):  # nearest point of {∏w = target}, to second order in the step
        gradient = np.array([np.prod(np.delete(moved, j)) for j in range(m)])
        moved = moved - (np.prod(moved) - target) / (gradient @ gradient) * gradient
    slope = (moved - np.array([float(k) for k in at])) / step
    assert np.allclose(slope, member, atol=1e-3 * (1 + np.abs(member).max()))


def test_isolated_solutions_move_as_the_influence_function_says():
    X, y, decay = [[1, 0], [1, 1], [2, 1]], [1, 2, 0], Fraction(1, 3)
    A = sympy.Matrix(X)
    theta = (A.T * A / 3 + sympy.Rational(1, 3) * sympy.eye(2)).LUsolve(A.T * sympy.Matrix(y) / 3)
    system = critical([[[Fraction(int(k.p), int(k.q)) for k in theta]]], X, y, parameter="sample_weights",
                      weight_decay=decay)  # fmt: skip
    H = A.T * A / 3 + sympy.Rational(1, 3) * sympy.eye(2)
    for i, x in enumerate(X):  # independent of G: −H⁻¹ ∇ℓ_i / n
        r = (A[i, :] * theta)[0] - y[i]
        influence = -H.LUsolve(sympy.Matrix(x) * r / 3)
        assert system.member([int(i == j) for j in range(3)]) == influence and not system.kernel()


def test_families_that_are_nowhere_lipschitz_like_and_their_limits():
    squares = AlgebraicFamily(w**2 - u, u, w)
    assert squares.outer_limit(0) == [0] and squares.inner_limit(0) == [] and squares.at(-1) == []
    assert squares.aubin(0, 0).holds is False and squares.aubin(4, 2).modulus.upper == 0.25
    cubes = AlgebraicFamily(w**3 - u, u, w)
    assert cubes.outer_limit(0) == cubes.inner_limit(0) == [0] and cubes.aubin(0, 0).holds is False
    rank = AlgebraicFamily(u * w, u, w)
    assert rank.at(0) is None and rank.outer_limit(0) == rank.inner_limit(0) == [0]
    assert rank.aubin(0, 1).holds is False and rank.aubin(0, 0).holds is None
    assert AlgebraicFamily(u * w - 1, u, w).outer_limit(0) == []  # the root runs to infinity
    circle = AlgebraicFamily((w - 1) * (w**2 + u**2), u, w)
    assert circle.at(0) == [0, 1] and circle.outer_limit(0) == [1]
    assert AlgebraicFamily(w**3 - u**3, u, w).aubin(0, 0).holds is None  # lip 1, but the criterion does not see it


@settings(max_examples=examples(150), deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(-3, 3)), min_size=1, max_size=5))
def test_limits_against_roots_close_by(terms):
    polynomial = sympy.expand(sum(c * u**i * w**j for i, j, c in terms))
    if polynomial == 0:
        with pytest.raises(InputError):
            AlgebraicFamily(polynomial, u, w)
        return
    family = AlgebraicFamily(polynomial, u, w)
    near = [family.at(Fraction(s, 10**9)) for s in (1, -1)]
    if any(r is None for r in near):
        return
    for r in family.outer_limit(0):
        assert any(abs(float(x) - float(r)) < 0.01 for side in near for x in side)
    for r in family.inner_limit(0):
        assert all(any(abs(float(x) - float(r)) < 0.01 for x in side) for side in near)
    for side in near:
        for x in side:
            if abs(float(x)) < 100:  # it does not run away
                assert any(abs(float(x) - float(r)) < 0.01 for r in family.outer_limit(0)), (polynomial, x)


@pytest.mark.parametrize(("call", "said"), [
    (lambda: System((w - 1,), (w,), (u,), (0,), (0,)), "equation 0 is -1.0000 at the"),
    (lambda: System((), (w,), (u,), (0,), (0,)), "0 equations, 1 weights"),
    (lambda: System((w**2,), (w,), (u,), (0,), (0,)).modulus(), "G_w has rank 0 of 1"),
    (lambda: critical([[[1, 2]]], [[1], [2]], [3, 4], product=True), "∇L is ['-1', '-1/2'] at the"),
    (lambda: interpolation([[[1]], [[1]]], [[0]], activation="relu"), "a pre-activation at the kink"),
    (lambda: interpolation([[[1]]], [[1]], activation="sine"), "'sine'"),
    (lambda: interpolation([[[1]]], [[1]], parameter="sample_weights"), "sample_weights with interpolation"),
    (lambda: interpolation([[[1]]], [], [1]), "no rows"),
    (lambda: interpolation([[[1]]], [[1]], [1], rows=[3]), "[3]"),
    (lambda: AlgebraicFamily(sympy.sin(w), u, w), "sin(w)"),
    (lambda: interpolation([], [[1]]), "matrices of shapes []"),
    (lambda: interpolation([[1, 2]], [[1, 2]]), "1"),
    (lambda: interpolation([[[1, 2], [3]]], [[1, 2]]), "rows of [1, 2] numbers"),
    (lambda: interpolation([[[1, 2]], [[1, 2]]], [[1, 2]]), "matrices of shapes [(1, 2), (1,"),
    (lambda: interpolation([[[1, 2]]], [[1, 2, 3]]), "3 numbers in dimension 2"),
    (lambda: interpolation([[[1, 2]]], [[1, 2], [1]]), "1 numbers in dimension 2"),
    (lambda: interpolation([[[1]]], [[1]], biases=[[1], [2]]), "[1, 1] numbers"),
    (lambda: interpolation([[[1]]], [[1]], biases=[[1, 2]]), "[2] numbers"),
    (lambda: interpolation([[[1]]], [[1]], rows=[0, 0]), "[0, 0]"),
    (lambda: interpolation([[[1, 2]]], [[1, 2]], product=True), "2 numbers in dimension 1"),
    (lambda: System((w**2 * t - u,), (w,), (u,), (0,), (0,)).graphical_derivative([1, 2]), "2 numbers in dimension 1"),
])  # fmt: skip
def test_bad_input_is_refused_in_words(call, said):
    with pytest.raises(InputError) as refused:
        call()
    assert refused.value.found.startswith(said)


def test_a_modulus_needs_all_eigenvalues():
    w, u = sympy.symbols("w1:7"), sympy.symbols("u1:7")
    B = sympy.diag(sympy.root(2, 4) / 10, sympy.Matrix(5, 5, lambda i, j: int(j == i + 1) or (3 + i) * int(i == j)))
    system = System(tuple(w[i] + sum(B[i, j] * u[j] for j in range(6)) for i in range(6)), w, u, (0,) * 6, (0,) * 6)
    with pytest.raises(InputError, match="no closed form"):  # roots() finds √2/100 alone; the modulus is about 7.2
        system.modulus()


def test_the_derivative_of_a_singular_graph_is_not_that_of_its_linearisation():
    w, u = sympy.symbols("w u")
    crossing = System((w**2 - u**2,), (w,), (u,), (0,), (0,))  # S(u) = {−u, u}: the derivative at 1 is {−1, 1}
    assert crossing.linear_solutions([1]).contains([7])
    for ask in (crossing.graphical_derivative, crossing.member):
        with pytest.raises(InputError, match="rank 0"):
            ask([1])
    with pytest.raises(InputError, match="no v"):  # S(u) = ±√u has no derivative in this direction
        System((w**2 - u,), (w,), (u,), (0,), (0,)).member([1])
