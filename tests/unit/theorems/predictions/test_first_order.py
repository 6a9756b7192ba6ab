"""P1: exact cases by hand, training again, wrong formulas that must be caught, agreement and freedom, refusals."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.format.errors import EnclosureError, InputError, SpecError
from certify.network.network import Network
from certify.problem.bound import Bound
from certify.problem.problem import Problem
from certify.problem.progress import silent
from certify.prove.prover import answer, bound
from certify.spec.convexity import FIRST_ORDER
from certify.systems.critical.point import CriticalPoint
from certify.theorems.predictions import critical as critical_predictions
from certify.theorems.predictions import first_order as prediction_changes
from certify.theorems.predictions import interpolation as fit_predictions
from certify.theorems.predictions.first_order import Budget, Effects, enclose_changes
from tests.containment import predictions as predictions_
from tests.containment.attack import attack
from tests.containment.rigor import Violation
from tests.effort import examples
from tests.families import critical as families
from tests.oracles import critical as oracle
from tests.unit.prove.test_critical import always_active, interpolating_tanh
from tests.unit.theorems.distance.test_critical_given_change import ridge

EVALUATION = np.array([[2.0], [-3.0]])


def test_random_attacks():
    cases = range(examples(24))
    _, tally, messages, _ = attack("prediction_changes", 5, cases)
    assert messages == [] and tally["decided"] > len(cases) / 3


def test_random_attacks_on_exact_fits():
    cases = range(examples(60))
    _, tally, messages, _ = attack("fit_predictions", 5, cases)
    assert messages == [] and tally["decided"] > len(cases) * 2 / 3


def asked(problem: Problem, **members: object) -> Bound:
    return bound(replace(problem, evaluation=EVALUATION, **members), FIRST_ORDER)


# by hand: f = wx, w* = 2/5; the slope of w* in s_i is (x_iy_i − w*x_i²)/7.5: 0.6, 0.4, −0.4 over 7.5


@pytest.mark.parametrize("members, exact", [
    ({"set": "total", "radius": 2.0}, 2 * (0.36 + 0.16 + 0.16) ** 0.5), ({"set": "per_sample", "radius": 1.0}, 1.4),
    ({"set": "sparse", "radius": 0.5, "count": 1}, 0.3), ({"set": "sparse", "radius": 1.0, "count": 2}, 1.0),
    ({"set": "given", "change": np.array([[1.0], [1.0], [2.0]])}, 0.2),
])
def test_a_ridge_regression_by_its_formula(members, exact):
    found = asked(ridge("sample_weights", np.zeros((3, 1))), **{"change": None} | members)
    assert found.theorem == "P1" and found.rows == (0, 1) and found.unit == "output change to first order"
    for low, high, x in zip(found.row_lower, found.row_upper, (2.0, 3.0), strict=True):
        assert low <= exact / 7.5 * x * (1 + 1e-14) and exact / 7.5 * x * (1 - 1e-14) <= high
        assert high - low < 1e-11
    assert (found.lower, found.upper) == (max(found.row_lower), max(found.row_upper))


@pytest.mark.parametrize("seed", range(4))
def test_training_again_after_ever_smaller_changes_tends_to_it(seed):
    """`(f(x, w(tu)) − f(x, w*))/t` in 50 digits, at t = 1e-3 and 1e-4: ten times nearer to what is enclosed."""
    rng = np.random.default_rng(seed)
    net = Network((rng.standard_normal((3, 2)), rng.standard_normal((1, 3))), (rng.standard_normal(3), np.zeros(1)),
                  "tanh")
    X = rng.standard_normal((8, 2))
    problem = families.descended(Problem(
        net, X, None, "features", tuple(range(8)), labels=(X[:, 0] > 0).astype(np.int64), map="critical",
        base="nearby", loss="logistic", weight_decay=0.01, evaluation=rng.standard_normal((3, 2))))
    u = rng.standard_normal((8, 2))
    proving = CriticalPoint(replace(problem, set="given", change=u), answer, silent)
    found = proving.bound(FIRST_ORDER)
    assert found.theorem == "P1" and found.lower > 0.01 and problem.evaluation is not None
    far = []
    with oracle.precision():
        here = oracle.nearest_critical(problem, oracle.System(oracle.replace_rows(problem)).weights())
        at = replace(problem, X=problem.evaluation, labels=np.zeros(3, dtype=np.int64), rows=(0,))
        before = [f[0].v for f in oracle.System(at).outputs(here)]
        for t in (1e-3, 1e-4):
            there = oracle.nearest_critical(replace(problem, X=problem.X + t * u), here)
            after = [f[0].v for f in oracle.System(at).outputs(there)]
            slopes = [abs(float(oracle.number(b - a))) / t for a, b in zip(before, after, strict=True)]
            far.append(max(max(low - s, s - high) for low, high, s in
                           zip(found.row_lower, found.row_upper, slopes, strict=True)))
    assert far[1] < far[0] / 5 and far[1] < 1e-2 * found.upper


# sums of exact numbers


@settings(max_examples=examples(60), deadline=None)
@given(st.data())
def test_ends_hold_the_exact_supremum(data):
    """Containment in rationals: norms 1 and inf, and two changes of sign by hand for `given`."""
    m, q = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 3))
    numbers = st.fractions(-8, 8, max_denominator=64).map(float)
    s = np.array(data.draw(st.lists(numbers, min_size=m * q, max_size=m * q))).reshape(1, m, q)
    norm, count = data.draw(st.sampled_from([1, "inf"])), data.draw(st.integers(1, m))
    radius = data.draw(st.sampled_from([0.1, 1.0, 3.0]))
    rows = [[abs(Fraction(v)) for v in row] for row in s[0].tolist()]
    duals = sorted((max(row) if norm == 1 else sum(row) for row in rows), reverse=True)
    truth = sum(duals[:count]) * Fraction(radius)
    cut = data.draw(st.integers(0, m))
    parts = [Effects(s[:, :cut], np.zeros((1, cut))), Effects(s[:, cut:], np.zeros((1, m - cut)))]
    parts = [part for part in parts if part.mid.shape[1]]
    low, high = enclose_changes(parts, Budget("sparse", norm, count, radius))
    assert Fraction(low[0]) <= truth <= Fraction(high[0]) and high[0] - low[0] <= 1e-9 * float(truth) + 1e-99
    u = np.array(data.draw(st.lists(numbers, min_size=m * q, max_size=m * q))).reshape(m, q)
    one = abs(sum(Fraction(a) * Fraction(b) for a, b in zip(s.ravel().tolist(), u.ravel().tolist(), strict=True)))
    low, high = enclose_changes(parts, Budget("given", 2, m, 1.0, u))
    assert Fraction(low[0]) <= one <= Fraction(high[0])


def test_a_radius_widens_both_ends():
    """`|s − mid| ≤ 1/2` in Euclidean length: norm inf meets it along the diagonal, √2/2 away."""
    for norm, half in ((1, 0.5), (2, 0.5), ("inf", 0.5**0.5)):
        size = {1: 4.0, 2: 5.0, "inf": 7.0}[norm]
        low, high = enclose_changes([Effects(np.array([[[3.0, -4.0]]]), np.full((1, 1), 0.5))],
                                    Budget("per_sample", norm, 1, 1.0))
        assert low[0] <= size - half and high[0] >= size + half and high[0] - low[0] < 2 * half + 1e-9


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e308])
def test_what_is_no_number_or_overflows_is_refused(bad):
    parts = [Effects(np.full((1, 2, 2), bad), np.zeros((1, 2)))]
    for budget in (Budget("per_sample", "inf", 2, 1.0), Budget("given", 2, 2, 1.0, np.ones((2, 2)))):
        with np.errstate(all="ignore"), pytest.raises(EnclosureError):
            enclose_changes(parts, budget)


# wrong formulas are caught by the attack that the right ones pass


RIGHT, SUPPORTS, EFFECTS = prediction_changes.enclose_changes, prediction_changes._supports, \
    prediction_changes.critical_effects


def smaller(J, inverse, C):
    """Effects that are too small by a billionth."""
    return (Effects(part.mid * (1 - 1e-9), part.rad) for part in EFFECTS(J, inverse, C))


WRONG = {
    "norms and duals exchanged": (prediction_changes, "_supports",
                                  lambda e, q: SUPPORTS(e, {1: "inf", "inf": 1}.get(q, q))),
    "an effect too small": (critical_predictions, "critical_effects", smaller),
    "all agree": (critical_predictions, "_agreed", lambda *a: np.ones(len(a[2].output.rad), dtype=bool)),
    "both ends doubled": (critical_predictions, "enclose_changes", lambda e, b: tuple(2 * v for v in RIGHT(e, b))),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_formulas_are_caught(wrong, monkeypatch):
    """On problems that tell them apart, on which the right ones pass."""
    caught, decided = 0, 0
    for seed in range(200):
        rng = np.random.default_rng([seed, 3])
        problem = replace(families.critical_problem(rng, "given"), weight_norm="euclidean", radius=1.0)
        problem = replace(problem, evaluation=rng.standard_normal((2, problem.inputs)))
        if wrong.startswith("norms"):
            problem = replace(problem, set="per_sample", norm=1 if seed % 2 else "inf", count=None)
            fits = problem.parameter == "features" and problem.inputs > 1
        else:
            fits = wrong != "all agree" or (problem.loss == "cross_entropy" and not problem.weight_decay)
        if not fits or predictions_.whole_problem(problem, rng) != "decided":
            continue
        decided += 1
        with monkeypatch.context() as patch:
            patch.setattr(*WRONG[wrong])
            try:
                predictions_.whole_problem(problem, rng)
            except Violation:
                caught += 1
        if decided == 5:
            break
    assert caught == decided == 5


# agreement and freedom


def _counts(found: Bound) -> tuple[object, object]:
    values = {h.name: h.value for h in found.hypotheses}
    return values["agreement"], values.get("freedom", 0)


def test_a_unit_that_is_always_active_at_the_data_need_not_be_so_elsewhere():
    """The bias shift past it leaves every training output alone, and moves the output where the unit is off."""
    problem = always_active(radius=0.1)
    W, b = problem.network.weights[0][0], problem.network.biases[0][0]
    off = -W * (b + 1.0) / float(W @ W)  # pre-activation −1
    found = bound(replace(problem, evaluation=np.vstack([problem.X[:2], off])), FIRST_ORDER)
    assert found.upper is not None and _counts(found) == (2, 1)


def test_one_number_more_for_every_output_is_free_under_softmax():
    rng = np.random.default_rng(3)
    net = Network((rng.standard_normal((3, 2)),), (rng.standard_normal(3),), "identity")
    problem = Problem(net, rng.standard_normal((9, 2)), None, "sample_weights", tuple(range(9)), radius=1.0,
                      labels=np.arange(9) % 3, loss="cross_entropy", map="critical",
                      evaluation=rng.standard_normal((2, 2)))
    found = bound(problem, FIRST_ORDER)
    assert found.upper is not None and _counts(found) == (0, 2)
    assert _counts(bound(replace(problem, weight_decay=0.1), FIRST_ORDER)) == (2, 0)


# exact fits: f = ⟨w, x⟩ with one row x = (2, 1) and w̄ = (1, 3)


def line(**members: object) -> Problem:
    net = Network((np.array([[1.0, 3.0]]),), (None,), "identity")
    return Problem(net, np.array([[2.0, 1.0]]), None, **{"parameter": "features", "rows": (0,), "map": "interpolation"}
                   | members)


@pytest.mark.parametrize("norm, size", [(1, 3.0), (2, 10**0.5), ("inf", 4.0)])
def test_the_nearest_exact_fit_of_a_line_by_its_formula(norm, size):
    """`f(z)` changes by `−⟨u, w̄⟩⟨z, x⟩/|x|²`; of rows in the span of x all fits agree, of others none do."""
    Z = np.array([[2.0, 1.0], [4.0, 2.0], [1.0, 0.0], [-1.0, 2.0]])
    found = bound(line(set="per_sample", norm=norm, radius=0.5, evaluation=Z), FIRST_ORDER)
    for z, low, high in zip(Z, found.row_lower, found.row_upper, strict=True):
        exact = 0.5 * size * abs(float(z @ [2.0, 1.0])) / 5
        assert low <= exact * (1 + 1e-14) and exact * (1 - 1e-14) <= high and high - low < 1e-10
    assert found.theorem == "P1" and _counts(found) == (1, 2)  # (4, 2) is in the span, which nothing here proves


def test_fitting_again_after_ever_smaller_changes_tends_to_it():
    """The fit nearest to w̄ of the row moved by tu, in exact numbers."""
    u, z = [Fraction(1), Fraction(-2)], [Fraction(3), Fraction(1)]
    found = bound(line(set="given", change=np.array([[1.0, -2.0]]), evaluation=np.array([[3.0, 1.0]])), FIRST_ORDER)
    x, w = [Fraction(2), Fraction(1)], [Fraction(1), Fraction(3)]
    for t in (Fraction(1, 10**4), Fraction(1, 10**6)):
        moved = [a + t * b for a, b in zip(x, u, strict=True)]
        missing = (sum(a * b for a, b in zip(x, w, strict=True)) - sum(a * b for a, b in zip(moved, w, strict=True)))
        step = [missing / sum(v * v for v in moved) * v for v in moved]
        slope = abs(sum(a * b for a, b in zip(step, z, strict=True))) / t
        assert Fraction(found.lower) - 20 * t <= slope <= Fraction(found.upper) + 20 * t
        assert found.upper - found.lower < 1e-10


def test_wrong_formulas_for_exact_fits_are_caught(monkeypatch):
    """The own kernel alone in place of all rows', and gradients that are called free wherever they are."""
    right = fit_predictions.fit_effects

    def diagonal(J, G, X, *others):
        found = right(J, G, replace(X, X=np.diag(np.diag(X.X))), *others)
        return replace(found, free=right(J, G, X, *others).free)

    for wrong in (diagonal, lambda *a: replace(right(*a), free=np.ones(len(a[1].rad), dtype=bool))):
        monkeypatch.setattr(fit_predictions, "fit_effects", wrong)
        violated = 0
        for case in range(60):
            violated += attack("fit_predictions", 5, range(case, case + 1))[1]["violated"]
            if violated > 5:
                break
        assert violated > 5


def test_what_stands_in_the_way_of_exact_fits():
    net = Network((np.array([[1.0], [2.0]]), np.array([[1.0, -1.0]])), (np.array([0.5, -1.0]), None), "relu")
    common = {"parameter": "features", "rows": (0, 1), "map": "interpolation", "radius": 0.1}
    kinked = Problem(net, np.array([[1.0], [2.0]]), None, evaluation=np.array([[3.0], [0.5]]), **common)
    found = bound(kinked, FIRST_ORDER)
    assert found.upper is None and "unit 1 of layer 1 at evaluation row 1" in found.reason
    equal = replace(kinked, X=np.array([[1.0], [1.0]]), evaluation=np.array([[3.0]]))
    found = bound(equal, FIRST_ORDER)
    assert (found.upper, found.refuted, dict(found.witness)) == (None, False, {}) and "equal features" in found.reason
    with pytest.raises(SpecError, match="all rows"):
        bound(replace(equal, merge_duplicates=True, rows=(0,)), FIRST_ORDER)
    for members, words in (({"evaluation": None}, "evaluation"), ({"radius": None}, "radius"),
                           ({"weight_norm": "relative"}, "euclidean")):
        with pytest.raises(SpecError, match=words):
            bound(replace(kinked, **members), FIRST_ORDER)


# refusals


def test_an_evaluation_row_at_a_kink_leaves_it_open():
    problem = always_active(radius=0.1)
    W, b = problem.network.weights[0][1], problem.network.biases[0][1]
    found = bound(replace(problem, evaluation=np.vstack([problem.X[:1], -W * b / float(W @ W)])), FIRST_ORDER)
    assert (found.lower, found.upper, found.rows) == (None, None, ())
    assert "layer 1 at evaluation row 1" in found.reason and "no derivative" in found.reason


def test_exact_fits_and_unexplained_kernels_are_left_open():
    found = bound(replace(interpolating_tanh(), radius=0.1, evaluation=np.ones((1, 2))), FIRST_ORDER)
    assert (found.theorem, found.upper) == ("M5a", None) and "first_order_distance" in found.reason
    proving = CriticalPoint(replace(always_active(radius=0.1), evaluation=np.ones((1, 2))), answer, silent)
    assert proving.settled.point is not None
    proving.settled = replace(proving.settled, theorem="M5d", reason="2 dimensions of its kernel are unexplained",
                              point=replace(proving.settled.point, inverse=None))
    found = proving.bound(FIRST_ORDER)
    assert found.upper is None and found.rows == () and "one number" in found.reason


@pytest.mark.parametrize("members, words", [
    ({"evaluation": None}, "evaluation"), ({"radius": None}, "radius"), ({"weight_norm": "relative"}, "euclidean"),
])
def test_what_makes_no_sense_is_refused(members, words):
    problem = replace(always_active(radius=0.1), evaluation=np.ones((1, 2)))
    with pytest.raises(SpecError, match=words):
        bound(replace(problem, **members), FIRST_ORDER)
    with pytest.raises((SpecError, InputError)):
        bound(replace(problem, map="sublevel"), FIRST_ORDER)
