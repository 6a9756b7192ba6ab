"""The critical map (M5): exact cases, solutions found by solving again, wrong formulas, and what must be refused."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.format.errors import InputError
from certify.network.network import Network
from certify.problem.problem import Problem
from certify.problem.progress import silent
from certify.prove.prover import answer, bound
from certify.rigor.arithmetic import Binary64
from certify.rigor.inverse import NoInverse, invert
from certify.systems.critical import symmetry
from certify.systems.critical.point import CriticalPoint
from certify.systems.critical.reduction import completed, spanning
from tests.containment import critical as contained
from tests.containment.rigor import Violation
from tests.effort import examples
from tests.families import critical as families
from tests.oracles import critical as oracle

TOY = Network((np.array([[1.0]]), np.array([[2.0]])), (None, None), "identity")
TOY_X, TOY_Y = np.array([[1.0], [2.0]]), np.array([[2.0], [4.0]])


def toy(y: np.ndarray = TOY_Y, **members) -> Problem:
    """The paper's example, `f = w₁w₂x`."""
    return Problem(TOY, TOY_X, y, **{"parameter": "features", "rows": (0, 1), "map": "critical"} | members)


def always_active(seed: int = 0, n: int = 12, **members) -> Problem:
    """2-3-1 relu: unit 0 is active at every row, units 1 and 2 are active at some."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 2))
    W, v = rng.standard_normal((3, 2)), rng.standard_normal((1, 3))
    b = np.array([1.0 + float(np.abs(X @ W[0]).max()), 0.1, -0.1])
    network = Network((W, v), (b, rng.standard_normal(1)), "relu")
    return Problem(network, X, rng.standard_normal((n, 1)), "features", tuple(range(n)), map="critical", **members)


def deep_linear(seed: int = 1, n: int = 6) -> Problem:
    """3-2-2, two linear layers without biases."""
    rng = np.random.default_rng(seed)
    network = Network((rng.standard_normal((2, 3)), rng.standard_normal((2, 2))), (None, None), "identity")
    return Problem(network, rng.standard_normal((n, 3)), rng.standard_normal((n, 2)), "features", tuple(range(n)),
                   map="critical")


def interpolating_tanh(seed: int = 2, n: int = 3) -> Problem:
    """2-4-1 tanh, 3 rows, 17 parameters."""
    rng = np.random.default_rng(seed)
    network = Network((rng.standard_normal((4, 2)), rng.standard_normal((1, 4))),
                      (rng.standard_normal(4), rng.standard_normal(1)), "tanh")
    return Problem(network, rng.standard_normal((n, 2)), rng.standard_normal((n, 1)), "features", tuple(range(n)),
                   map="critical")


def test_the_papers_toy_has_modulus_two_fifths_and_its_symmetry_is_named():
    b = bound(toy(), "modulus")
    assert b.lower <= 0.4 <= b.upper and b.upper - b.lower < 1e-9
    assert Fraction(b.lower) <= Fraction(2, 5) <= Fraction(b.upper)
    named = next(h for h in b.hypotheses if h.name == "symmetry")
    assert b.theorem == "M5b" and named.holds and named.value == 1 and "linear" in named.statement


def test_the_papers_assumption_2_fails_on_its_own_toy():
    """`[∇_wR, ∇_xR]` of `L = ½Σ(w₁w₂x − y)²` at (1, 2): rank 1 of 2, in exact numbers."""
    w1, w2, x, y = Fraction(1), Fraction(2), [Fraction(1), Fraction(2)], [Fraction(2), Fraction(4)]
    sxx = sum(v * v for v in x)
    inner = [w1 * w2 * a - b for a, b in zip(x, y, strict=True)]
    assert inner == [0, 0]
    H = [[w2 * w2 * sxx, w1 * w2 * sxx], [w1 * w2 * sxx, w1 * w1 * sxx]]
    C = [[w2 * w1 * w2 * v for v in x], [w1 * w1 * w2 * v for v in x]]  # the residuals are 0
    rows = [H[0] + C[0], H[1] + C[1]]
    minors = [rows[0][i] * rows[1][j] - rows[0][j] * rows[1][i] for i in range(4) for j in range(i)]
    assert all(m == 0 for m in minors) and any(rows[0])  # rank 1


def stepped(problem: Problem, proving: CriticalPoint, t: float) -> tuple[float, float]:
    """Distance over t of the critical point found by solving again after a step t in the worst direction, and `‖H⁺C‖`.

    Newton's method with the pseudo-inverse of the tilted system in 50 digits, from the given weights.
    """
    centred = problem.loss == "cross_entropy" and not problem.weight_decay
    found = oracle.output_tilt(problem, centred)
    rows, _ = found if found is not None else (None, None)
    system = oracle.System(problem, rows)
    w = system.weights()
    H, C = (np.array(A.tolist(), dtype=float) for A in (oracle.derive(system, w).H, oracle.derive(system, w).C))
    image = np.linalg.pinv(H, rcond=1e-10) @ C
    _, sizes, V = np.linalg.svd(image)
    u = (t * V[0]).reshape(len(problem.rows), -1)
    X = problem.X.copy()
    X[list(problem.rows)] += u
    moved = oracle.System(replace(problem, X=X, rows=problem.rows[:1], groups=None), rows)
    at, rank = w, np.linalg.matrix_rank(H, tol=1e-9 * sizes.max())
    for _ in range(6):
        jet = moved.whole(at)
        g = oracle.matrix(jet.g, range(moved.p), range(1))
        values, vectors = oracle.mp.eigsy(oracle.matrix(jet.h, range(moved.p), range(moved.p)))
        keep = sorted(range(len(values)), key=lambda i: -abs(values[i]))[:rank]
        step = sum((vectors[:, i] * ((vectors[:, i].T * g)[0] / values[i]) for i in keep), oracle.mp.zeros(moved.p, 1))
        at = [x - oracle.arb(oracle.mp.nstr(step[j], 60)) for j, x in enumerate(at)]
    g = oracle.matrix(moved.whole(at).g, range(moved.p), range(1))
    assert oracle.mp.norm(g) < 1e-25
    return float(contained.distance(at, w)) / t, float(sizes[0])


@pytest.mark.parametrize("make, theorem, kinds", [
    (always_active, "M5b", ("linear", "shift", "rescaling")), (deep_linear, "M5b", ("linear",)),
    (interpolating_tanh, "M5a", ()), (toy, "M5b", ("linear",)),
])
def test_singular_hessians_against_solving_again(make, theorem, kinds):
    """The ratio that solving again shows at t = 1e-4 agrees with the proved modulus to 1e-3."""
    problem = make()
    proving = CriticalPoint(problem, answer, silent)
    b = proving.bound("modulus")
    assert b.theorem == theorem and b.upper <= b.lower * (1 + 1e-6)
    statement = " ".join(h.statement for h in b.hypotheses if h.name == "symmetry")
    assert all(kind in statement for kind in kinds)
    with oracle.precision():
        ratio, pointwise = stepped(problem, proving, 1e-4)
    assert b.lower * (1 - 1e-9) <= pointwise <= b.upper * (1 + 1e-9)
    assert abs(ratio / b.upper - 1) < 1e-3


@settings(max_examples=examples(12), deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(["given", "nearby"]))
def test_the_truth_lies_in_the_bounds(seed, base):
    with np.errstate(all="ignore"):
        contained.whole_problem(families.critical_problem(np.random.default_rng(seed), base))


# wrong formulas


def float_system(problem: Problem, tilted: bool) -> tuple[np.ndarray, np.ndarray]:
    """H and C in floats, with the output tilt or without (what a weight-space tilt leaves)."""
    with oracle.precision():
        found = oracle.output_tilt(problem, False) if tilted else None
        system = oracle.System(problem, None if found is None else found[0])
        truth = oracle.derive(system, system.weights())
    return tuple(np.array(A.tolist(), dtype=float) for A in (truth.H, truth.C))


def paper(problem: Problem) -> float:
    """`max_i |∂_x f_i|/|∂_w f_i|` (the paper's κ)."""
    with oracle.precision():
        system = oracle.System(problem)
        outputs = [row[0] for row in system.outputs(system.weights())]
        gradients = [np.array([float(f.g[j, 0].mid()) for j in range(system.m)]) for f in outputs]
    return max(float(np.linalg.norm(g[system.p:]) / np.linalg.norm(g[:system.p])) for g in gradients)


def test_wrong_formulas_are_caught_by_the_same_comparison():
    """A tilt in weight space beside a symmetry, and the paper's κ: neither number passes as an end."""
    problem = toy(np.array([[2.0], [5.0]]))
    proving = CriticalPoint(problem, answer, silent)
    b = proving.bound("modulus")
    H, C = float_system(problem, tilted=False)
    wrong = [contained.float_modulus(H, C), paper(problem)]
    with oracle.precision():
        system, w = contained.base_of(problem, proving)
        truth = oracle.derive(system, w)
        contained.contained(problem, b, truth)
        for value in wrong:
            assert abs(value / float(truth.modulus) - 1) > 1e-3
            with pytest.raises(Violation):
                contained.contained(problem, replace(b, lower=value * (1 - 1e-9), upper=value * (1 + 1e-9)), truth)


def test_a_weight_tilt_has_another_modulus_however_small_it_is():
    """Targets (2, 4 + ε): H⁻¹C of the loss without output tilt tends to 1/2, not to 2/5, as ε → 0."""
    limits = []
    for eps in (1e-1, 1e-2, 1e-3):
        H, C = float_system(toy(np.array([[2.0], [4.0 + eps]])), tilted=False)
        limits.append(float(np.linalg.norm(np.linalg.solve(H, C), 2)))
        assert abs(bound(toy(np.array([[2.0], [4.0 + eps]])), "modulus").upper - 0.4) < eps
    assert min(limits) > 0.49 and abs(limits[-1] - 0.5) < 1e-3


@pytest.mark.parametrize("kind", [kind.name for kind in symmetry.KINDS])
def test_a_kind_of_field_left_out_leaves_the_rank_unproved(kind, monkeypatch):
    """Each kind is needed somewhere: without it the completed Hessian is not proved nonsingular."""
    makers = {"dead": dead_unit, "linear": deep_linear, "softmax": softmax_problem, "kernel": two_active}
    problem = makers.get(kind, always_active)()
    settled = CriticalPoint(problem, answer, silent).settled
    point, layout = settled.point, symmetry.Layout(problem.network, problem.network.layers("all"))
    assert settled.theorem == "M5b" and point.fields.counts[kind] and point.inverse is not None
    monkeypatch.setattr(symmetry, "KINDS", tuple(k for k in symmetry.KINDS if k.name != kind))
    units = symmetry.classify(problem.network, point.passed)
    fields = symmetry.symmetry_fields(layout, units, problem.loss)
    A = completed(point.H, spanning(fields, 1.0), Binary64())
    refused = invert(A, Binary64())
    assert isinstance(refused, NoInverse) and refused.tiny > 0


def test_no_tilt_in_weight_space_beside_a_symmetry(monkeypatch):
    """Without output tilt H is nonsingular only because the tilt breaks the symmetries: 131.5 in place of 14.5."""
    from certify.systems.critical import settle as critical_base

    monkeypatch.setattr(critical_base, "_tilt", lambda *_: "none")
    b = bound(always_active(), "modulus")
    assert b.upper is None and "without symmetries" in b.reason
    H, C = float_system(always_active(), tilted=False)
    assert np.linalg.norm(np.linalg.solve(H, C), 2) > 100


def two_active() -> Problem:
    """3-2-1 relu whose units are active at every row and feed one output: linear, 11 parameters for 4 coefficients."""
    rng = np.random.default_rng(4)
    X, W = rng.standard_normal((9, 3)), rng.standard_normal((2, 3))
    b = 1.0 + np.maximum(-(X @ W.T), 0).max(axis=0)
    network = Network((W, rng.standard_normal((1, 2))), (b, rng.standard_normal(1)), "relu")
    return Problem(network, X, rng.standard_normal((9, 1)), "features", tuple(range(9)), map="critical")


def dead_unit() -> Problem:
    """2-3-1 relu with one unit that is inactive at every row."""
    problem = always_active()
    W, v = problem.network.weights
    b, c = problem.network.biases
    b = np.array([b[0], -1.0 - float(np.maximum(problem.X @ W[1], 0).max()), b[2]])
    return replace(problem, network=Network((W, v), (b, c), "relu"))


def softmax_problem() -> Problem:
    """Softmax regression with soft targets, more rows than parameters."""
    rng = np.random.default_rng(5)
    y = rng.random((9, 3)) + 0.1
    network = Network((rng.standard_normal((3, 2)),), (rng.standard_normal(3),), "identity")
    return Problem(network, rng.standard_normal((9, 2)), y / y.sum(axis=1, keepdims=True), "features", tuple(range(9)),
                   map="critical", loss="cross_entropy")


# what must be refused


def test_a_kink_is_refused():
    problem = always_active()
    W, v = problem.network.weights
    b, c = problem.network.biases
    X = problem.X.copy()
    X[0] = 0.0
    network = Network((W, v), (np.array([b[0], 0.0, b[2]]), c), "relu")
    b = bound(replace(problem, network=network, X=X, groups=None), "modulus")
    assert b.lower is None and b.upper is None and "kink" in b.reason


def test_hard_labels_and_full_rank_leave_no_critical_point_near():
    problem = interpolating_tanh()
    labels = np.array([0, 1, 1])
    problem = replace(problem, y=None, labels=labels, loss="logistic", base="nearby")
    b = bound(problem, "modulus")
    assert b.lower is None and b.upper is None and "no critical point near" in b.reason
    tilted = bound(replace(problem, base="given"), "modulus")
    assert tilted.theorem == "M5a" and tilted.upper is not None


def test_weights_that_are_not_critical_and_cannot_be_tilted_are_refused():
    """Outputs that nothing depends on: no output tilt has the right rank, and H is singular."""
    network = Network((np.array([[1.0], [1.0]]), np.array([[0.0, 0.0]])), (None, None), "tanh")
    problem = Problem(network, np.array([[1.0], [2.0], [3.0]]), np.array([[0.0], [0.0], [0.0]]), "features", (0, 1, 2),
                      map="critical")
    b = bound(problem, "modulus")
    assert b.upper is None and "weight space needs a nonsingular Hessian" in b.reason


def test_an_unexplained_dimension_is_counted():
    """Two equal tanh units with equal output weights: the Hessian is singular for no reason in the table."""
    rng = np.random.default_rng(3)
    w = rng.standard_normal(2)
    network = Network((np.stack([w, w]), np.array([[0.7, 0.7]])), (None, None), "tanh")
    X = rng.standard_normal((8, 2))
    y = np.tanh(X @ w)[:, None] * 1.4
    b = bound(Problem(network, X, y, "features", tuple(range(8)), map="critical", base="nearby"), "modulus")
    assert b.upper is None and "unexplained" in b.reason or "singular" in b.reason


@pytest.mark.parametrize("change, words", [
    ({"merge_duplicates": True}, "merge_duplicates"), ({"level": 1.0}, "level"), ({"set": "sparse"}, "count"),
    ({"weight_norm": "function"}, "reference"),
    ({"parameter": "targets", "loss": "logistic", "y": None, "labels": np.array([0, 1])}, "targets"),
    ({"y": None}, "targets"),
])
def test_combinations_without_a_meaning_are_refused(change, words):
    with pytest.raises(InputError, match=words):
        toy(**change)


def test_nothing_moves_where_sample_weights_change_at_an_exact_fit():
    """M5a at a zero of all residuals: lip S = 0; with a tilt it is not."""
    problem = interpolating_tanh()
    outputs = np.tanh(problem.X @ problem.network.weights[0].T + problem.network.biases[0])
    y = outputs @ problem.network.weights[1].T + problem.network.biases[1]
    b = bound(replace(problem, y=y, parameter="sample_weights", base="nearby"), "modulus")
    assert b.theorem == "M5a" and (b.lower, b.upper) == (0.0, 0.0)


def test_weight_decay_leaves_no_symmetry_and_tilts_in_weight_space():
    b = bound(replace(always_active(), weight_decay=0.1), "modulus")
    assert b.theorem == "M5c" and b.upper <= b.lower * (1 + 1e-6)
    assert any("weight space" in h.statement for h in b.hypotheses)


@pytest.mark.parametrize(("feature", "words"), [
    (0.0, "a pre-activation that may be at a kink (row 1, layer 1, unit 1, 0) (second derivatives of relu): change"),
    (1e-12, "a pre-activation lies at a kink (row 1, layer 1, unit 1, 1e-12; 1 such in all), where relu has no second"),
    (0.5, "the weights are not at a critical point of the stated loss (squared, weight_decay = 0.1): its gradient"),
])
def test_a_kink_is_named_where_one_is_and_else_that_the_weights_were_stopped_early(feature, words):
    X = np.array([[1.0, 2.0], [3.0, feature], [2.0, 1.0], [-1.0, 1.0]])
    net = Network((np.eye(2), np.ones((1, 2))), (None, None), "relu")
    problem = Problem(net, X, X.sum(axis=1, keepdims=True) + 0.5, "targets", (0, 1), map="critical", base="nearby",
                      weight_decay=0.1)
    reason = bound(problem, "modulus").reason
    assert reason.startswith(words) and ("certify polish SPEC" in reason) == (feature == 0.5)
