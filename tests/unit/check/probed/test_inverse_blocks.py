"""Blocks of an inverse by a proposed one (W8): the exact ones lie between, whatever is proposed, and no K is definite
that is not."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
from flint import arb, arb_mat, ctx
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from certify.check.kernel import Finding
from certify.check.linalg.definite import Truth
from certify.check.linalg.large.whole_factor import WholeFactor
from certify.check.probed import inverse_blocks
from certify.check.probed.inverse_blocks import Inverse, inverse_of
from certify.check.systems import interpolation
from certify.check.systems.near import many
from certify.check.theorems.modulus import rows as by_rows
from certify.format.refusal import Invalid
from tests.effort import examples
from tests.families.check_cases import seeds
from tests.families.prover_cases import checked, forged, perturbed, prove

QUIET = settings(deadline=None, suppress_health_check=list(HealthCheck))


def drawn(seed: int, wide: float = 0.0) -> tuple[arb_mat, int]:
    """A definite matrix of whole numbers, some of it in balls, and the size of its blocks."""
    rng = np.random.default_rng(seed)
    size, many = int(rng.integers(1, 4)), int(rng.integers(1, 9))
    N = size * many
    J = rng.integers(-50, 51, size=(N, N + int(rng.integers(0, 4))))
    K = J @ J.T + np.diag(rng.integers(1, 10, size=N))
    radii = np.triu(rng.integers(0, 2, size=(N, N))) * wide
    return arb_mat([[arb(int(x), float(r)) for x, r in zip(*pair, strict=True)]
                    for pair in zip(K.tolist(), (radii + np.triu(radii, 1).T).tolist(), strict=True)]), size


def member(K: arb_mat, seed: int) -> arb_mat:
    """A symmetric matrix of the balls, at their ends."""
    rng, N = np.random.default_rng(seed), K.nrows()
    side = rng.integers(-1, 2, size=(N, N))
    ends = [[(x.mid(), x.upper(), x.lower())[side[min(i, j), max(i, j)]] for j, x in enumerate(row)]
            for i, row in enumerate(K.tolist())]
    return arb_mat(ends)


def holds(K: arb_mat, size: int, seed: int) -> bool:
    """Whether every block that is said lies around the exact one, in some directions; there must be one."""
    rng = np.random.default_rng(seed)
    with ctx.workprec(128):
        found = inverse_of(K)
    assert found is not None
    with ctx.workprec(600):
        exact = member(K, seed).inv()
        for start in range(0, K.nrows(), size):
            for P, lost in found.block(start, size):
                for _ in range(6):
                    v = arb_mat([[arb(float(x)) for x in rng.normal(size=size)]])
                    part = arb_mat([row[start:start + size] for row in exact.tolist()[start:start + size]])
                    truth, said = ((v * M * v.transpose())[0, 0] for M in (part, P))
                    if said.lower() > truth * (1 + lost) or (lost < 1 and said.upper() < truth * (1 - lost)):
                        return False
    return True


@settings(QUIET, max_examples=examples(100))
@given(seed=st.integers(0, 10**9), wide=st.sampled_from([0.0, 2.0**-60, 2.0**-30]), few=st.booleans())
def test_the_exact_blocks_lie_between(seed, wide, few):
    """By a good inverse, and by one of so few bits that what it lacks is seen."""
    K, size = drawn(seed, wide)
    with pytest.MonkeyPatch.context() as patch:
        if few:
            patch.setattr(inverse_blocks, "PLACES", 18)
            patch.setattr(inverse_blocks, "FINE", 30)
        with ctx.workprec(128):
            assume(inverse_of(K) is not None)
        assert holds(K, size, seed)


def test_they_are_sharp():
    K, size = arb_mat([[5, 1, 0], [1, 7, 2], [0, 2, 3]]), 3
    with ctx.workprec(128):
        ((P, lost),) = inverse_of(K).block(0, size)
        assert lost < 1e-20 and all(abs(x - y) < 1e-20 for x, y in zip(P.entries(), K.inv().entries(), strict=True))


CROOKED = arb_mat([[6, 2, 1, 0], [2, 9, 3, 1], [1, 3, 8, 2], [0, 1, 2, 5]])


@pytest.mark.parametrize("wrong", ["nothing is lost", "first order", "loose"])
def test_wrong_versions_are_seen(wrong, monkeypatch):
    """An inverse of few bits: what it lacks to second order, to first, and what K was cut by."""
    monkeypatch.setattr(inverse_blocks, "PLACES", 5)
    monkeypatch.setattr(inverse_blocks, "FINE", 7 if wrong == "loose" else 60)
    K = CROOKED if wrong != "loose" else CROOKED + arb_mat(4, 4, [arb(0.05 * (i % 5 == 0)) for i in range(16)])
    assert all(holds(K, 1, seed) for seed in range(4))
    honest = inverse_of

    def lying(K: arb_mat) -> inverse_blocks.Inverse:
        found = honest(K)
        if wrong == "nothing is lost":
            return replace(found, most=arb(0))
        if wrong == "loose":
            return replace(found, loose=arb(0))
        return replace(found, R=arb_mat(4, 4))

    monkeypatch.setitem(globals(), "inverse_of", lying)
    assert not all(holds(K, 1, seed) for seed in range(4))


@pytest.mark.parametrize("change", [lambda P: P * (1 + arb(2) ** -9), lambda P: P * arb("0.99"), lambda P: P + P * P])
def test_whatever_is_proposed_the_exact_blocks_lie_between(change, monkeypatch):
    honest = inverse_blocks.factor
    monkeypatch.setattr(inverse_blocks, "factor", lambda A, places, inverted: (
        (found := honest(A, places, inverted)) and (found[0], inverse_blocks.cut(change(found[1]), places))))
    if inverse_of(CROOKED) is not None:
        assert all(holds(CROOKED, size, 1) for size in (1, 2, 4))


@pytest.mark.parametrize("change", [
    lambda P: P * 0, lambda P: -P, lambda P: P * arb("nan"), lambda P: P * 3, lambda P: P * arb("inf"),
    lambda P: arb_mat([[x if i or j else arb(0) for j, x in enumerate(row)] for i, row in enumerate(P.tolist())])])
def test_of_a_proposal_far_off_nothing_is_said(change, monkeypatch):
    honest = inverse_blocks.factor
    monkeypatch.setattr(inverse_blocks, "factor", lambda A, places, inverted: (
        (found := honest(A, places, inverted)) and (found[0], change(found[1]))))
    assert inverse_of(CROOKED) is None


@pytest.mark.parametrize("x", ["nan", "inf", "-1", "0", "[1 +/- inf]", "[5 +/- 9]"])
def test_of_what_is_not_definite_nothing_is_said(x):
    K = arb_mat(CROOKED.tolist())
    K[2, 2] = arb(x)
    assert inverse_of(K) is None


def test_no_matrix_with_a_negative_eigenvalue_is_proved_whatever_is_proposed(monkeypatch):
    """Its exact inverse is no product of a factor and its transpose, and a product that lies is too far off."""
    K = arb_mat([[1, 2], [2, 1]])
    for P in ([[1, 0], [0, 1]], [[1, 0], [-1, 1]], [[3, 0], [2, 1]], [[1, 0], [-2, 1]]):
        monkeypatch.setattr(inverse_blocks, "factor", lambda A, places, inverted, P=P: (arb_mat(P), arb_mat(P)))
        assert inverse_of(K) is None
    assert inverse_of(arb_mat([[1, 1], [1, 1]])) is None


@settings(QUIET, max_examples=examples(18))
@given(seed=seeds, place=st.integers(0, 99), above=st.booleans())
def test_rows_are_proved_so_and_what_is_false_by_a_hair_is_refused(seed, place, above, tmp_path):
    perturbed(seed, tmp_path, set="per_sample", norm=2)
    certificate = prove(tmp_path)
    assume(certificate is not None)
    at = next(i for i, claim in enumerate(certificate["claims"]) if claim["quantity"] == "sample_modulus")
    claim = certificate["claims"][at]
    assume(claim["row_upper"] and all(x is not None for x in [*claim["row_upper"], *claim["row_lower"]]))
    place %= len(claim["rows"])
    low, high = claim["row_lower"], claim["row_upper"]
    assume(0 < low[place] and high[place] < low[place] * (1 + 1e-6))
    asked: list[Truth] = []

    def counted(*told: object) -> Finding:
        found = compared(*told)
        asked.append(found.truth)
        return found

    compared = by_rows.compared
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(by_rows, "MANY", 1)
        patch.setattr(by_rows, "LEAST", 0.0)
        patch.setattr(by_rows, "compared", counted)
        assert checked(certificate, tmp_path).verdict == certificate["verdict"]
        assert asked.count(Truth.PROVED) >= len(low)
        wrong = copy.deepcopy(high if above else low)
        wrong[place] *= 1 - 3e-6 if above else 1 + 3e-6
        others = [low[i] if i != place else wrong[i] * 0.5 for i in range(len(low))] if above else low
        change = {"row_upper": wrong, "row_lower": others} if above else {"row_lower": wrong, "row_upper": [
            2 * x if i == place else x for i, x in enumerate(high)]}
        change |= {"lower": max(change["row_lower"]), "upper": max(change["row_upper"])}
        with pytest.raises(Invalid, match="row_upper" if above else "row_lower"):
            checked(forged(certificate, at, **change), tmp_path)


@pytest.mark.parametrize("kind, outputs, asked", [("total", 1, WholeFactor), ("per_sample", 2, Inverse)])
def test_of_a_rank_too_large_what_is_known_says_no_and_that_counts(kind, outputs, asked, tmp_path, monkeypatch):
    """By a part in 1000: a factor or an inverse that is there proves nothing by being there."""
    perturbed(2, tmp_path, set=kind, norm=2, outputs=outputs)
    certificate, said, honest = prove(tmp_path), [], asked.is_above

    def heard(known: WholeFactor | Inverse, least: float) -> bool:
        said.append(honest(known, least))
        return said[-1]

    for module in (interpolation, many, by_rows):
        monkeypatch.setattr(module, "MANY", 1)
    monkeypatch.setattr(asked, "is_above", heard)
    assert checked(certificate, tmp_path).verdict == certificate["verdict"]
    wrong = copy.deepcopy(certificate)
    for hypothesis in (h for claim in wrong["claims"] for h in claim["hypotheses"] if h["name"] == "rank"):
        hypothesis["value"] *= 1 + 1e-3
    said.clear()
    with pytest.raises(Invalid, match="rank"):
        checked(wrong, tmp_path)
    assert said == [False]
