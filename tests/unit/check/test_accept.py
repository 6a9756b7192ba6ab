"""Honest certificates are accepted, and what is false by a hair is not."""

from __future__ import annotations

import copy
from types import SimpleNamespace

import numpy as np
import pytest
from flint import arb, arb_mat, ctx
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from certify.check.kernel import Finding, expect
from certify.check.linalg.definite import Truth
from certify.format.refusal import Invalid
from tests.effort import examples
from tests.families import emitter
from tests.families.check_cases import plain, random_case, run, seeds, solvable

QUIET = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much])


@settings(QUIET, max_examples=examples(120))
@given(seed=seeds)
def test_honest_certificates_are_accepted(seed, tmp_path):
    case = random_case(seed)
    exact = solvable(case)
    assume(exact is not None)
    result = run(emitter.emit(case, tmp_path, known=exact), tmp_path)
    assert result.verdict == "certified"
    assert result.gates == "met"


@settings(QUIET, max_examples=examples(120))
@given(seed=seeds, which=st.integers(0, 3), place=st.integers(0, 10**6))
def test_an_end_beyond_the_truth_by_1e_9_is_refused(seed, which, place, tmp_path):
    case = random_case(seed, rows="all", parameter="features")
    exact = solvable(case)
    assume(exact is not None)
    certificate = emitter.emit(case, tmp_path, known=exact)
    modulus, samples = certificate["claims"]
    assume(modulus["upper"] > 0)
    if which < 2:
        side = ("lower", "upper")[which]
        modulus[side] *= (1 + 1e-9, 1 - 1e-9)[which]
        modulus["lower" if which else "upper"] = 0.0 if which else modulus["upper"] * 2
        if which:
            modulus["witness"] = {}
    else:
        side = ("lower", "upper")[which - 2]
        values = samples[f"row_{side}"]
        i = place % len(values)
        assume(values[i] > 0)
        values[i] *= (1 + 1e-9, 1 - 1e-9)[which - 2]
        other = samples["row_upper" if side == "lower" else "row_lower"]
        other[i] = other[i] * 2 if side == "lower" else 0.0
        samples["lower"], samples["upper"] = max(samples["row_lower"]), max(samples["row_upper"])
    with pytest.raises(Invalid):
        run(certificate, tmp_path)


@settings(QUIET, max_examples=examples(60))
@given(seed=seeds, draw=seeds)
def test_no_witness_lifts_the_lower_end_over_the_truth(seed, draw, tmp_path):
    case = random_case(seed)
    exact = solvable(case)
    assume(exact is not None)
    certificate = emitter.emit(case, tmp_path, known=exact)
    claim, rng = certificate["claims"][0], np.random.default_rng(draw)
    assume(claim["upper"] > 0)
    claim["lower"] = claim["upper"] * (1 + 1e-12)
    claim["upper"] = claim["lower"]
    z = np.array(claim["witness"]["z"])
    choices = [z, z + 1e-9 * rng.normal(size=len(z)), rng.normal(size=len(z)), z * 0, np.ldexp(z, 500),
               np.eye(len(z))[rng.integers(len(z))], np.where(rng.random(len(z)) < 0.5, z, 0.0)]
    claim["witness"]["z"] = choices[rng.integers(len(choices))].tolist()
    claim["upper"] *= 2
    with pytest.raises(Invalid, match="lower|witness"):
        run(certificate, tmp_path)


def test_the_zero_vector_is_no_witness(tmp_path):
    certificate = emitter.emit(plain(), tmp_path)
    certificate["claims"][0]["witness"]["z"] = [0.0] * 8
    with pytest.raises(Invalid, match="zᵀQz = 0"):
        run(certificate, tmp_path)


@settings(QUIET, max_examples=examples(80))
@given(seed=seeds, draw=seeds)
def test_a_random_witness_is_worth_its_own_quotient(seed, draw, tmp_path):
    """Whatever z says exactly is accepted a hair below, and refused a hair above."""
    case = random_case(seed)
    exact = solvable(case)
    assume(exact is not None)
    certificate = emitter.emit(case, tmp_path, known=exact)
    claim = certificate["claims"][0]
    z = np.random.default_rng(draw).normal(size=len(exact.outputs) * case.widths[-1])
    with ctx.workprec(emitter.BITS):
        row = arb_mat([[arb(v) for v in z.tolist()]])
        value = (row * exact.Q * row.transpose())[0, 0] / (row * exact.K * row.transpose())[0, 0]
        assume(value > 1e-300)
        value = value.sqrt()
    claim["witness"] = {"z": z.tolist()}
    claim["lower"] = min(emitter.down(value, 1e-14), claim["upper"])
    run(certificate, tmp_path)
    claim["lower"] = emitter.up(value, 1e-14)
    if claim["lower"] <= claim["upper"]:
        with pytest.raises(Invalid, match="lower"):
            run(certificate, tmp_path)


def test_a_kernel_that_128_bits_cannot_factorise(tmp_path):
    """Two rows 2^-50 apart: the kernel's condition number is about 2^100, and the ladder has to be climbed."""
    case = plain(parameter="features")
    case.X[1] = case.X[0] + np.ldexp(1.0, -50)
    certificate = emitter.emit(case, tmp_path)
    assert certificate["claims"][0]["upper"] > 1e12
    assert run(certificate, tmp_path).verdict == "certified"
    certificate["claims"][0]["upper"] *= 1 - 1e-9
    certificate["claims"][0]["lower"] *= 1 - 1e-8
    with pytest.raises(Invalid, match="upper"):
        run(certificate, tmp_path)


@pytest.mark.parametrize("scale", [2.0**-300, 2.0**300])
def test_huge_and_tiny_numbers(scale, tmp_path):
    case = plain(activation="relu")
    case.weights[1] = case.weights[1] * scale
    case.biases[1] = case.biases[1] * scale
    certificate = emitter.emit(case, tmp_path)
    assert run(certificate, tmp_path).verdict == "certified"


def test_saturated_tanh(tmp_path):
    """At inputs near 40 the slope is 1e-34; computed as 1 − tanh² it would be lost at 128 bits."""
    case = plain()
    case.X = case.X + 40 * np.sign(case.X)
    exact = solvable(case)
    assert exact is not None
    assert run(emitter.emit(case, tmp_path, known=exact), tmp_path).verdict == "certified"


def test_one_neuron_by_hand(tmp_path):
    """f = wx + b at x = 3, w = 4: K = x² + 1 = 10, G = 4, so lip S = 4/√10."""
    case = emitter.Case([np.array([[4.0]])], [np.array([1.0])], "tanh", np.array([[3.0]]), np.array([[13.0]]))
    certificate = emitter.emit(case, tmp_path)
    result = run(certificate, tmp_path)
    for outcome in result.outcomes:
        assert outcome.claim.lower < 4 / 10**0.5 < outcome.claim.upper
    for claim in certificate["claims"]:
        claim["lower"] = claim["upper"] = 1.3
    with pytest.raises(Invalid, match="is stated, but"):
        run(certificate, tmp_path)


@pytest.mark.parametrize(("truth", "words"), [
    (Truth.UNDECIDED, "a: 1.0 is stated, but it is 2; that it is so was neither proved nor disproved"),
    (Truth.DISPROVED, "a: 1.0 is stated, but it is 2"),
])
def test_a_refusal_says_whether_the_claim_is_wrong_or_only_unproved(truth, words):
    with pytest.raises(Invalid) as refused:
        expect("a", 1.0, lambda _: Finding(truth, "it is 2"), [SimpleNamespace(precision=64)])
    assert str(refused.value) == words


def test_a_net_that_ignores_its_input_has_modulus_zero(tmp_path):
    case = plain()
    case.weights[0][:] = 0
    case = emitter.Case(case.weights, case.biases, "tanh", case.X[:1], case.y[:1])
    certificate = emitter.emit(case, tmp_path)
    assert [c["upper"] for c in certificate["claims"]] == [0.0, 0.0]
    assert run(certificate, tmp_path).verdict == "certified"
    wrong = copy.deepcopy(certificate)
    wrong["claims"][1] |= {"lower": 1e-300, "upper": 1e-300, "row_lower": [1e-300], "row_upper": [1e-300]}
    with pytest.raises(Invalid, match="row_lower"):
        run(wrong, tmp_path)


def test_merged_rows(tmp_path):
    case = plain(merge=True, rows=[1, 2])
    case.X[2] = case.X[0]
    certificate = emitter.emit(case, tmp_path)
    assert certificate["claims"][1]["rows"] == [0, 1]
    result = run(certificate, tmp_path)
    assert result.verdict == "certified"
    for name, value in (("merge_duplicates", False), ("groups", []), ("groups", [[0, 1]]), ("equations", 8)):
        wrong = copy.deepcopy(certificate)
        wrong["problem"][name] = value
        with pytest.raises(Invalid, match=r"problem\."):
            run(wrong, tmp_path)


def test_a_side_that_is_null_claims_nothing(tmp_path):
    gates = [{"quantity": "modulus", "max": 1.0}, {"quantity": "sample_modulus", "min": 0.5, "severity": "warn"}]
    case = plain(gates=gates)
    certificate = emitter.emit(case, tmp_path)
    for claim, gate in zip(certificate["claims"], gates, strict=True):
        claim |= {"lower": None, "upper": None, "witness": {}, "hypotheses": []}
        emitter.judge(claim, gate)
    certificate["claims"][1] |= {"rows": [], "row_lower": [], "row_upper": []}
    emitter.total(certificate)
    result = run(certificate, tmp_path)
    assert (result.verdict, result.gates) == ("inconclusive", "open")


def test_lower_ends_hold_where_the_kernel_is_singular(tmp_path):
    """Dead units make K singular: no upper end can be claimed, but z and single rows still prove lower ends."""
    case = plain(activation="relu", X=np.array([[1.0, 2.0, 1.5], [1.0, 2.5, 1.0], [2.0, 1.0, 1.0], [0.5, 1.0, 1.0]]))
    case.weights[0][:] = -np.abs(case.weights[0])
    case.weights[0][3] = np.abs(case.weights[0][3])
    case.biases[0][:] = -np.abs(case.biases[0])
    case.biases[0][3] = 1.0
    assert solvable(case) is None
    exact = emitter.truth(case)
    certificate = emitter.emit(plain(), tmp_path)
    template = emitter.emit(case, tmp_path, known=_fake(exact))
    certificate = template
    modulus, samples = certificate["claims"]
    z = [1.0] + [0.0] * 7
    with ctx.workprec(emitter.BITS):
        value = (exact.Q[0, 0] / exact.K[0, 0]).sqrt()
    honest = emitter.down(value, 1e-12)
    modulus |= {"lower": honest, "upper": None, "witness": {"z": z}, "hypotheses": [], "verdict": "inconclusive"}
    lows = [honest * 0.5, None, None, None]
    samples |= {"lower": honest * 0.5, "upper": None, "row_lower": lows, "row_upper": [None] * 4, "hypotheses": [],
                "verdict": "inconclusive"}
    emitter.total(certificate)
    assert run(certificate, tmp_path).verdict == "inconclusive"
    wrong = copy.deepcopy(certificate)
    wrong["claims"][0] |= {"upper": 1e300, "verdict": "certified"}
    with pytest.raises(Invalid, match="upper"):
        run(wrong, tmp_path)
    wrong = copy.deepcopy(certificate)
    wrong["claims"][0]["hypotheses"] = [{"name": "rank", "statement": "", "value": None, "holds": True}]
    with pytest.raises(Invalid, match="rank"):
        run(wrong, tmp_path)
    wrong["claims"][0]["hypotheses"][0]["holds"] = False
    with pytest.raises(Invalid, match="rank"):
        run(wrong, tmp_path)


def _fake(exact: emitter.Truth) -> emitter.Truth:
    """The same values with a kernel that can be inverted, to get a certificate to work on."""
    with ctx.workprec(emitter.BITS):
        N = exact.K.nrows()
        K = arb_mat([[exact.K[i, j] + (1 if i == j else 0) for j in range(N)] for i in range(N)])
    return emitter.Truth(exact.outputs, K, exact.Q, exact.smallest_input)


def test_a_relu_kink_at_the_data_proves_nothing(tmp_path):
    case = plain(activation="relu")
    case.weights[0][2] = 0.0
    case.biases[0][2] = 0.0
    exact = emitter.truth(case)
    certificate = emitter.emit(case, tmp_path, known=_fake(exact))
    for claim in certificate["claims"]:
        claim["hypotheses"] = []
    with pytest.raises(Invalid, match="no derivative"):
        run(certificate, tmp_path)
    certificate["claims"][0]["hypotheses"] = [{"name": "smooth", "statement": "", "value": 0.0, "holds": False}]
    with pytest.raises(Invalid):
        run(certificate, tmp_path)


def test_only_lower_gates(tmp_path):
    case = plain(gates=[{"quantity": "modulus", "min": 1e-3}, {"quantity": "modulus", "min": 1e6}])
    certificate = emitter.emit(case, tmp_path)
    result = run(certificate, tmp_path)
    assert [o.verdict for o in result.outcomes] == ["certified", "refuted"]
    assert (result.verdict, result.gates) == ("refuted", "failed")
