"""One random attack a kernel: draws adversarial inputs from a generator and checks containment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np

from certify.rigor.activation import ACTIVATIONS
from certify.rigor.arithmetic import Arithmetic, Binary64, DoubleDouble, Pair
from certify.rigor.witness import propose
from tests.containment import aubin, bounds, network, norms, rigor, second, sets, solution_sets, sublevel
from tests.containment import compensation as compensations
from tests.containment import convex as convex_
from tests.containment import critical as critical_
from tests.containment import critical_distance as critical_distances
from tests.containment import critical_seen as critical_seen_
from tests.containment import critical_sets as critical_sets_
from tests.containment import distance as distances
from tests.containment import graph as graphs
from tests.containment import nearby as nearby_
from tests.containment import one_row as one_rows
from tests.containment import predictions as predictions_
from tests.containment import sublevel_aubin as sublevel_aubin_
from tests.containment.rigor import Outcome
from tests.families import adversarial as families
from tests.families import critical as critical_families
from tests.families import training
from tests.oracles.head import Unsolved

Rng = np.random.Generator


def _fraction(rng: Rng) -> Fraction:
    x = Fraction(int(rng.integers(0, 2**62)), int(rng.integers(1, 2**62)))
    x *= Fraction(2) ** int(rng.integers(-1200, 1000))
    if rng.random() < 0.2:
        x = Fraction(float(np.ldexp(rng.random(), int(rng.integers(-1070, 1000)))))
    if rng.random() < 0.3:
        x += Fraction(2) ** int(rng.integers(-1200, -200))
    return x


def rounding(rng: Rng) -> Outcome:
    return rigor.rounding(_fraction(rng) * int(rng.choice([-1, 0, 1, 1])))


def square_roots(rng: Rng) -> Outcome:
    return rigor.square_roots(_fraction(rng))


def norms_of_rows(rng: Rng) -> Outcome:
    return rigor.norms_of_rows(families.any_matrix(rng, m=int(rng.integers(1, 30))))


def norm_of_nonnegative(rng: Rng) -> Outcome:
    R = np.abs(families.any_matrix(rng))
    return rigor.norm_of_nonnegative(R, R * rng.choice([-1.0, 1.0, 0.5, 0.0], R.shape))


def error_free(rng: Rng) -> Outcome:
    return rigor.error_free(families.any_matrix(rng, 3, 5), families.any_matrix(rng, 3, 5))


def pair(rng: Rng, n: int, m: int, extreme: bool = False) -> Pair:
    """A pair with `|lo| ≤ 2u|hi|`, at the limit in some entries."""
    hi = families.any_matrix(rng, n, m, ordinary=not extreme)
    if rng.random() < 0.3:
        return Pair(hi)
    lo = hi * 2.0**-52 * rng.choice([-1.0, 1.0, 0.5, 0.0, 0.3], hi.shape)
    return Pair(hi, lo * (rng.random(hi.shape) if rng.random() < 0.5 else 1.0))


def _product(rng: Rng, arithmetic: Arithmetic) -> Outcome:
    k = int(rng.choice([1, 2, 3, 8, 9, 17, 33]))
    A, B = pair(rng, int(rng.integers(1, 5)), k, rng.random() < 0.1), pair(rng, int(rng.integers(1, 5)), k)
    if rng.random() < 0.2:  # sparse rows leave no room for averaging
        A.hi[:, rng.random(k) < 0.7] = 0.0
        A = Pair(A.hi)
    if arithmetic.name == "binary64":
        A, B = Pair(A.hi), Pair(B.hi)
    return rigor.product(A, B, arithmetic)


def product_binary64(rng: Rng) -> Outcome:
    return _product(rng, Binary64())


def product_double_double(rng: Rng) -> Outcome:
    return _product(rng, DoubleDouble())


def _elementwise(rng: Rng, arithmetic: Arithmetic) -> Outcome:
    A, B = pair(rng, 3, 4, True), pair(rng, 3, 4, True)
    if arithmetic.name == "binary64":
        A, B = Pair(A.hi), Pair(B.hi)
    if rng.random() < 0.2:  # cancellation
        B = Pair(-A.hi * (1 + 2.0**-52 * rng.integers(-2, 3)), B.lo)
        B = Pair(B.hi, None if A.lo is None else A.lo * 0.7) if arithmetic.name != "binary64" else Pair(B.hi)
    outcomes = {rigor.elementwise(A, B, arithmetic, "add"), rigor.elementwise(A, B, arithmetic, "multiply")}
    return "decided" if "decided" in outcomes else "refused"


def elementwise_binary64(rng: Rng) -> Outcome:
    return _elementwise(rng, Binary64())


def elementwise_double_double(rng: Rng) -> Outcome:
    return _elementwise(rng, DoubleDouble())


def _arguments(rng: Rng) -> np.ndarray:
    x = rng.standard_normal(8) * np.array([1.0, 10.0, 1e-3, 1e-9, 40.0, 0.3, 1e5, 1.0])
    x[7] = float(rng.choice([0.0, -0.0, 1e300, -1e300, 5e-324, 2.0**-540, 40.0, 19.06, 20.0, 0.5493061443340549, 2e-8]))
    return x


def activation_float(rng: Rng) -> Outcome:
    return rigor.activation_values(str(rng.choice(list(ACTIVATIONS))), _arguments(rng))


def activation_arb(rng: Rng) -> Outcome:
    x = _arguments(rng)
    low = x * 2.0**-53 * rng.choice([-1.0, 1.0, 0.3, 0.0], 8)
    return rigor.activation_values(str(rng.choice(list(ACTIVATIONS))), x, low)


def residual_norm(rng: Rng) -> Outcome:
    L = families.any_matrix(rng, ordinary=True)
    L = np.tril(L) if rng.random() < 0.5 else L
    n = len(L)
    L = L[:, :n] if L.shape[1] >= n else np.hstack([L, np.zeros((n, n - L.shape[1]))])
    M = L @ L.T if rng.random() < 0.6 else families.any_symmetric(rng, n)
    return rigor.residual(np.tril(M) + np.tril(M, -1).T, L)


def _method(rng: Rng) -> str:
    return str(rng.choice(["residual", "a-priori"]))


def positive_definite(rng: Rng) -> Outcome:
    A = families.any_symmetric(rng)
    return rigor.definite(A, families.radius_for(rng, A), _method(rng), rng)


def lambda_min(rng: Rng) -> Outcome:
    A = families.any_symmetric(rng)
    return rigor.lambda_min(A, families.radius_for(rng, A), _method(rng), rng)


def sigma_min(rng: Rng) -> Outcome:
    A = families.any_matrix(rng)
    return rigor.sigma_min(A, families.radius_for(rng, A), _method(rng), rng)


def sigma_min_ill(rng: Rng) -> Outcome:
    """Condition numbers up to 1e16, where the witness decides, with no radius or a tiny one."""
    n, m = (int(x) for x in rng.integers(1, 7, 2))
    r = min(n, m)
    U, V = np.linalg.qr(rng.standard_normal((n, r)))[0], np.linalg.qr(rng.standard_normal((m, r)))[0]
    condition = float(rng.uniform(5, 16))
    A = (U * np.logspace(0, -condition, r)) @ V.T * float(families.powers(rng, 1, -60, 60)[0])
    if rng.random() < 0.3:  # rows of very different sizes
        A = A * families.powers(rng, (n, 1), -30, 0)
    radius = None
    if rng.random() < 0.5:
        radius = np.abs(A).max() * 10.0 ** -float(rng.uniform(condition - 2, 20)) * rng.random(A.shape)
    return rigor.sigma_min(A, radius, _method(rng), rng)


def norm2(rng: Rng) -> Outcome:
    A = families.any_matrix(rng)
    return rigor.norm2(A, families.radius_for(rng, A), _method(rng), rng)


def witness(rng: Rng) -> Outcome:
    arithmetic = _arithmetic(rng)
    J, _ = bounds.random_jacobian(rng)
    A = J.mid if arithmetic.name != "binary64" else Pair(J.mid.hi)
    X = propose(A.hi)
    if X is None:
        return "refused"
    if rng.random() < 0.3:  # any witness is allowed
        X = X * (1.0 + 0.1 * rng.uniform(-1, 1, X.shape))
    radius = Fraction(float(J.rad.max())) if rng.random() < 0.3 else J.rad
    return network.orthonormal(A, radius, X, arithmetic, rng)


def quadratic_form(rng: Rng) -> Outcome:
    G = families.any_symmetric(rng)
    return rigor.form(G, families.any_matrix(rng, 1, len(G), ordinary=True)[0])


def _arithmetic(rng: Rng) -> Arithmetic:
    return DoubleDouble() if rng.random() < 0.35 else Binary64()


def affine(rng: Rng) -> Outcome:
    arithmetic = _arithmetic(rng)
    m, n = int(rng.integers(1, 6)), int(rng.integers(1, 4))
    mid = pair(rng, n, m)
    mid = mid if arithmetic.name != "binary64" else Pair(mid.hi)
    W = pair(rng, int(rng.integers(1, 5)), m)
    rad = rng.random(n) * float(rng.choice([0.0, 1e-300, 1e-16, 1e-6, 1.0]))
    b = None if rng.random() < 0.4 else rng.standard_normal(W.shape[0]) * float(rng.choice([1.0, 1e8, 1e-8]))
    bias = None if b is None else Pair(b, b * 2.0**-53 * rng.uniform(-1, 1, len(b)) if W.lo is not None else None)
    if arithmetic.name == "binary64":
        W, bias = Pair(W.hi), None if b is None else Pair(b)
    radii = rng.random(2) * rng.choice([0.0, 0.0, 1e-16, 1e-9, 1e-3, 1.0], 2)
    return network.affine_balls(mid, rad, W, bias, (float(radii[0]), float(radii[1])), arithmetic, rng)


def _net_and_data(rng: Rng) -> tuple[families.Network, np.ndarray]:
    net = families.network(rng)
    return net, families.data(rng, int(rng.integers(1, 4)), net.widths[0])


def forward(rng: Rng) -> Outcome:
    return network.forward_pass(*_net_and_data(rng), _arithmetic(rng))


def backward(rng: Rng) -> Outcome:
    return network.backward_pass(*_net_and_data(rng), _arithmetic(rng))


def tangent_kernel(rng: Rng) -> Outcome:
    net, X = _net_and_data(rng)
    layers = net.layers("all") if rng.random() < 0.6 else (int(rng.integers(1, net.depth + 1)),)
    return network.kernel(net, X, layers, _arithmetic(rng), tile=int(rng.integers(1, 5)))


def rounded_passes(rng: Rng) -> Outcome:
    net, X = _net_and_data(rng)
    return network.kernel(net, X, net.layers("all"), Binary64(), passes=DoubleDouble())


def jacobian(rng: Rng) -> Outcome:
    net, X = _net_and_data(rng)
    layers = net.layers("all") if rng.random() < 0.6 else (int(rng.integers(1, net.depth + 1)),)
    return network.jacobian_rows(net, X, layers, _arithmetic(rng))


def feature_factor(rng: Rng) -> Outcome:
    arithmetic = _arithmetic(rng)
    n, k, d = int(rng.integers(1, 4)), int(rng.integers(1, 4)), int(rng.integers(1, 5))
    mid = pair(rng, n * k, d)
    mid = mid if arithmetic.name != "binary64" else Pair(mid.hi)
    rad = rng.random(n * k) * float(rng.choice([0.0, 1e-16, 1e-6, 1.0]))
    return network.factor(mid, rad, k, rng.random(n) < 0.8, families.scale(rng, d), arithmetic, rng)


def congruence(rng: Rng) -> Outcome:
    arithmetic = _arithmetic(rng)
    return network.congruent(bounds.random_kernel(rng, arithmetic)[0], arithmetic, rng)


def moduli(rng: Rng) -> Outcome:
    arithmetic = _arithmetic(rng)
    return bounds.moduli(*bounds.random_kernel(rng, arithmetic), arithmetic, rng)


def jacobian_moduli(rng: Rng) -> Outcome:
    return bounds.jacobian_moduli(*bounds.random_jacobian(rng), DoubleDouble(), rng)


def direct_modulus(rng: Rng) -> Outcome:
    return bounds.direct(*bounds.random_kernel(rng, Binary64()), rng)


def modulus(rng: Rng) -> Outcome:
    return bounds.whole_problem(families.problem(rng), "modulus")


def sample_modulus(rng: Rng) -> Outcome:
    return bounds.whole_problem(families.problem(rng), "sample_modulus")


def refuting_pair(rng: Rng) -> Outcome:
    problem = families.problem(rng)
    if not problem.groups and problem.n > 1:
        X = problem.X.copy()
        X[-1] = X[0]
        problem = replace(problem, X=X, groups=None)
    return bounds.refutation(problem)


def base_point(rng: Rng) -> Outcome:
    return bounds.base(families.problem(rng))


def loss_terms(rng: Rng) -> Outcome:
    arithmetic, problem = _arithmetic(rng), training.training(rng)
    balls = sublevel.output_balls(problem, arithmetic, rng)
    return "refused" if balls is None else sublevel.loss_terms(problem, balls, arithmetic, rng)


def descent(rng: Rng) -> Outcome:
    return sublevel.descent(training.training(rng), _arithmetic(rng))


def sublevel_modulus(rng: Rng) -> Outcome:
    problem = training.training(rng)
    problem = sublevel.open_level(problem, rng) if rng.random() < 0.1 else problem
    return sublevel.sublevel(problem, "modulus")


def sublevel_sample_modulus(rng: Rng) -> Outcome:
    return sublevel.sublevel(training.training(rng), "sample_modulus")


def persistence_radius(rng: Rng) -> Outcome:
    problem = training.training(rng, mild=rng.random() < 0.8)
    return sublevel.persistence(sublevel.open_level(problem, rng), rng)


def reach(rng: Rng) -> Outcome:
    problem = training.training(rng, mild=rng.random() < 0.7)
    t = rng.random(problem.n) * float(rng.choice([1e-12, 1e-6, 1e-3, 0.1, 1.0, 10.0]))
    return sublevel.reached(problem, t, rng)


def rise(rng: Rng) -> Outcome:
    problem = replace(training.training(rng, mild=rng.random() < 0.7), parameter="features")
    return sublevel.rise(problem, float(rng.random() * rng.choice([1e-9, 1e-4, 0.1, 1.0, 5.0])), rng)


def uncertain_passes(rng: Rng) -> Outcome:
    net, X = _net_and_data(rng)
    layers = net.layers("all") if rng.random() < 0.6 else (int(rng.integers(1, net.depth + 1)),)
    radius = float(rng.random() * rng.choice([0.0, 1e-30, 1e-16, 1e-9, 1e-4, 0.1]))
    return nearby_.uncertain_passes(net, X, nearby_.centre(rng, net), radius, layers, _arithmetic(rng), rng)


def congruence_tier(rng: Rng) -> Outcome:
    return nearby_.tier(families.problem(rng), _arithmetic(rng), False, rng)


def jacobian_tier(rng: Rng) -> Outcome:
    return nearby_.tier(families.problem(rng), _arithmetic(rng), True, rng)


def direct_tier(rng: Rng) -> Outcome:
    return nearby_.direct_tier(families.problem(rng), rng)


def nearby(rng: Rng) -> Outcome:
    return nearby_.nearby(training.nearly_fitted(rng))


def weight_norms(rng: Rng) -> Outcome:
    problem = families.normed(rng, families.problem(rng))
    quantity = str(rng.choice(["modulus", "sample_modulus"]))
    return "refused" if problem is None else bounds.whole_problem(problem, quantity)


def sublevel_weight_norms(rng: Rng) -> Outcome:
    problem = families.normed(rng, training.training(rng, mild=rng.random() < 0.5))
    return "refused" if problem is None else sublevel.sublevel(problem, str(rng.choice(["modulus", "sample_modulus"])))


def scaled_adjoints(rng: Rng) -> Outcome:
    arithmetic = _arithmetic(rng)
    mid = pair(rng, int(rng.integers(1, 5)), int(rng.integers(1, 6)))
    mid = mid if arithmetic.extended else Pair(mid.hi)
    rad = np.abs(mid.hi).max(axis=1) * rng.random(len(mid.hi)) * float(rng.choice([0.0, 2.0**-53, 2.0**-20, 1.0]))
    W = families.any_matrix(rng, ordinary=True)
    square = sum((Fraction(float(w)) ** 2 for w in W.ravel()), Fraction(0))
    return norms.scaled_adjoints(mid, rad, square or Fraction(3), arithmetic, rng)


def reference_kernel(rng: Rng) -> Outcome:
    arithmetic = _arithmetic(rng)
    K, _ = bounds.random_kernel(rng, arithmetic)
    tau = float(rng.random() * 2.0 ** int(rng.integers(-40, 41)))
    return norms.reference_kernel(K, int(rng.integers(0, len(K.e) + 1)), max(tau, 2.0**-40), arithmetic, rng)


def distance(rng: Rng) -> Outcome:
    return distances.distance(training.one_change(rng), rng)


def critical_distance(rng: Rng) -> Outcome:
    return critical_distances.attack(rng)


def compensation(rng: Rng) -> Outcome:
    return compensations.compensation(compensations.random_budget(rng), rng)


def second_derivatives(rng: Rng) -> Outcome:
    return aubin.second_derivatives(rng)


def path_growth(rng: Rng) -> Outcome:
    return aubin.path_growth_kept(rng)


def sublevel_aubin(rng: Rng) -> Outcome:
    return sublevel_aubin_.attack(rng)


def critical(rng: Rng) -> Outcome:
    return critical_.whole_problem(critical_families.critical_problem(rng))


def critical_sets(rng: Rng) -> Outcome:
    return critical_sets_.budgets(rng)


def prediction_changes(rng: Rng) -> Outcome:
    return predictions_.predictions(rng)


def fit_predictions(rng: Rng) -> Outcome:
    return predictions_.fits(rng)


def critical_seen(rng: Rng) -> Outcome:
    return critical_seen_.attack(rng)


def convex(rng: Rng) -> Outcome:
    try:
        training_problem = convex_.random_training(rng)
        return convex_.motion(training_problem, convex_.random_change(training_problem, rng), rng)
    except Unsolved:  # by the oracle, which then has nothing to hold against the bound
        return "refused"


def graph_windows(rng: Rng) -> Outcome:
    return graphs.window_maps(rng, _arithmetic(rng))


def graph_channels(rng: Rng) -> Outcome:
    return graphs.channel_maps(rng, _arithmetic(rng))


def graph_maxima(rng: Rng) -> Outcome:
    return graphs.maxima(rng, _arithmetic(rng))


def graph_activations(rng: Rng) -> Outcome:
    return graphs.activations(rng, _arithmetic(rng))


def graph_parameters(rng: Rng) -> Outcome:
    return graphs.parameter_gradients(rng, _arithmetic(rng))


def graph_gradients(rng: Rng) -> Outcome:
    return graphs.gradients(rng, _arithmetic(rng))


def box(rng: Rng) -> Outcome:
    return sets.budgets(rng, sparse=False)


def sparse(rng: Rng) -> Outcome:
    return sets.budgets(rng, sparse=True)


def one_row(rng: Rng) -> Outcome:
    return one_rows.of_kernel(rng)


def critical_one_row(rng: Rng) -> Outcome:
    return one_rows.of_critical(rng)


def given_change(rng: Rng) -> Outcome:
    return sets.given_change(rng)


def hessian(rng: Rng) -> Outcome:
    return second.hessian(training.tilted(rng), _arithmetic(rng), rng)


def mixed(rng: Rng) -> Outcome:
    return second.mixed(training.tilted(rng), _arithmetic(rng), rng)


def stacks(rng: Rng) -> Outcome:
    return second.stacks(rng, _arithmetic(rng))


def second_sums(rng: Rng) -> Outcome:
    return second.sums(rng)


def loss_hessians(rng: Rng) -> Outcome:
    arithmetic, problem = _arithmetic(rng), training.training(rng)
    balls = sublevel.output_balls(problem, arithmetic, rng)
    return "refused" if balls is None else second.loss_hessians(problem, balls, arithmetic, rng)


def window_excess(rng: Rng) -> Outcome:
    return solution_sets.window_excess(rng)


ATTACKS: dict[str, Callable[[Rng], Outcome]] = {
    f.__name__: f
    for f in (
        rounding, square_roots, norms_of_rows, norm_of_nonnegative, error_free, product_binary64,
        product_double_double, elementwise_binary64, elementwise_double_double, activation_float, activation_arb,
        residual_norm, positive_definite, lambda_min, sigma_min, sigma_min_ill, norm2, quadratic_form, affine,
        forward, backward, tangent_kernel, rounded_passes, jacobian, feature_factor, congruence, witness, moduli,
        jacobian_moduli, direct_modulus, modulus, sample_modulus, refuting_pair, base_point, loss_terms, descent,
        sublevel_modulus,
        sublevel_sample_modulus, persistence_radius, reach, rise, uncertain_passes, congruence_tier, jacobian_tier,
        direct_tier, nearby, graph_windows, graph_channels, graph_maxima, graph_activations,
        hessian, mixed, stacks, second_sums, loss_hessians, critical, critical_sets,
        critical_seen, prediction_changes, fit_predictions,
        graph_parameters, graph_gradients, weight_norms, sublevel_weight_norms, scaled_adjoints, reference_kernel,
        distance, critical_distance, compensation, convex, second_derivatives, path_growth, sublevel_aubin,
        box, sparse, given_change, one_row, critical_one_row,
        solution_sets.polytopes, solution_sets.polyhedra, solution_sets.affine_sets, solution_sets.solved_again,
        window_excess,
    )
}
"""Attack by name; the name says which kernel it is aimed at."""

SLOW: dict[str, int] = {
    "congruence": 1, "witness": 1, "moduli": 1, "jacobian_moduli": 1, "direct_modulus": 1, "modulus": 1,
    "sample_modulus": 1, "uncertain_passes": 1, "congruence_tier": 1, "jacobian_tier": 1, "direct_tier": 1,
    "sublevel_modulus": 1, "sublevel_sample_modulus": 1, "nearby": 1, "rise": 4, "persistence_radius": 20,
    "weight_norms": 2, "sublevel_weight_norms": 2, "distance": 4, "critical_distance": 8, "compensation": 2,
    "convex": 2, "sublevel_aubin": 4,
    "box": 1, "sparse": 1, "given_change": 1, "one_row": 1, "critical_one_row": 8,
    "critical": 8, "critical_sets": 8, "critical_seen": 8,
    "prediction_changes": 8, "fit_predictions": 4,
    "polytopes": 1, "polyhedra": 1, "affine_sets": 1, "solved_again": 4,
    "window_excess": 1,
}
"""Attacks on whole problems, with the divisor of their number of cases."""
