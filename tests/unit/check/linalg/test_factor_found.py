"""A factor of floats first, a sharper one where it leaves open, and more steps where what is left does."""

from __future__ import annotations

import numpy as np
import pytest
from flint import arb, arb_mat, ctx, fmpz_mat

from certify.check.kernel import CHANCE
from certify.check.linalg import applied, by_probes, proposals
from certify.check.linalg.applied import Applied
from certify.check.linalg.by_probes import FACTOR, NEAR, PLAIN, ByProbes, definite_by_proposal, factor_found
from certify.check.linalg.definite import Truth
from certify.check.linalg.fixed import Fixed, enclosed
from certify.check.linalg.probes import MOST
from certify.check.probed.hadamard import factored
from certify.check.systems import interpolation
from tests.unit.check.linalg.test_by_factor import drawn as drawn_system
from tests.unit.check.linalg.test_by_factor import system
from tests.unit.check.linalg.test_probes import applying, layers_of, orthogonal, symmetric

N = 60


@pytest.fixture(autouse=True)
def said(monkeypatch):
    """Where chance is allowed, and matrices are large from few rows on."""
    monkeypatch.setattr(by_probes, "LARGE", 10)
    token = CHANCE.set([])
    yield CHANCE.get()
    CHANCE.reset(token)


def spread(decades: float) -> arb_mat:
    """Definite, with a condition number of so many decades; each of its numbers is exact."""
    U = orthogonal(N, 1)
    half = np.rint((U * np.logspace(0, -decades / 2, N)) @ U.T * 2**30)
    whole = fmpz_mat([[int(x) for x in row] for row in half.tolist()])
    return arb_mat(whole * whole.transpose()) * arb(2) ** -60


def moving(K: arb_mat) -> tuple[dict[int, list[list[arb]]], float]:
    """One row that moves, and the modulus of it: `√(K⁻¹)₀₀`."""
    with ctx.workprec(400):
        return {0: [[arb(1)]]}, float((K.inv()[0, 0]).sqrt())


@pytest.mark.parametrize("decades", [1, 6])
def test_a_factor_of_floats_proves_what_is_well_conditioned(decades, said):
    with ctx.workprec(128):
        K = spread(decades)
        found = factor_found(enclosed(K, 120), {})
        R = found.definite.R
        assert found.definite.truth is Truth.PROVED and said == ["RKRᵀ − I"]
        assert max(abs(int(x)).bit_length() for x in found.factor.mid.entries()) <= PLAIN
        exact = R * K * R.transpose() - arb_mat(np.eye(N).tolist())
        norm = float(np.linalg.norm([[float(x) for x in row] for row in exact.tolist()], 2))
        assert norm <= float(found.definite.defect) < float(NEAR)


def test_where_no_factor_of_floats_is_near_a_sharper_one_is_asked(said):
    with ctx.workprec(128):
        K = enclosed(spread(13), 120)
        assert definite_by_proposal(K, {}, PLAIN) is None
        found = factor_found(K, {})
        assert found is not None and found.definite.truth is Truth.PROVED and found.sharper() is None
        assert max(abs(int(x)).bit_length() for x in found.factor.mid.entries()) > PLAIN


def test_a_factor_of_floats_that_is_not_near_enough_is_none(monkeypatch):
    with ctx.workprec(128):
        K = enclosed(spread(3), 120)
        assert definite_by_proposal(K, {}, PLAIN) is not None
        monkeypatch.setattr(by_probes, "NEAR", arb(2) ** -60)
        assert definite_by_proposal(K, {}, PLAIN) is None and definite_by_proposal(K, {}, FACTOR) is not None


def test_a_sharper_factor_decides_what_floats_leave_open(said):
    """Beyond the truth by less than what the factor of floats is off."""
    with ctx.workprec(200):
        K = spread(9)
        blocks, modulus = moving(K)
        found = factor_found(enclosed(K, 120), blocks)
        assert found.definite.defect > 1e-12
        near = arb(modulus) * (1 + found.definite.defect / 100)
        at = ByProbes(found, blocks, 120)
        alone = ByProbes(by_probes.Found(found.definite, found.factor, found.near), blocks, 120)
        assert alone.is_beyond(arb(modulus) * 1.01) and not alone.is_beyond(near)
        assert at.is_beyond(near) and said.count("RKRᵀ − I") == 2
        assert not at.is_beyond(arb(modulus) * (1 - arb(2) ** -45))
        least = np.linalg.eigvalsh([[float(x) for x in row] for row in K.tolist()])[0] ** 0.5
        assert at.is_above(float(least * 0.99)) and not at.is_above(float(least * 1.01))


def test_of_few_rows_the_sharp_factor_comes_at_once(monkeypatch, said):
    monkeypatch.setattr(by_probes, "LARGE", N)
    with ctx.workprec(128):
        found = factor_found(enclosed(spread(2), 120), {})
        assert found.sharpest is found and said == ["RKRᵀ − I"]
        monkeypatch.setattr(by_probes, "LARGE", N - 1)
        near = factor_found(enclosed(spread(2), 120), {})
        assert near.sharpest is near.sharpest is not near and len(said) == 3
        assert near.sharpest.definite.defect <= near.definite.defect / 100


def test_rows_have_the_sharp_factor(monkeypatch, said):
    """`(K⁻¹)ᵢᵢ` of a row is stated as sharply as its factor is: floats would not do."""
    monkeypatch.setattr(interpolation, "PROBED", 10)
    K, blocks = drawn_system(2)
    with ctx.workprec(128):
        at = system(K, blocks)[1]
        at.many.summed = None
        assert at.truth is Truth.PROVED and len(said) == 1
        assert at.definite.defect < arb(2) ** -55 < at.many.proposed.definite.defect and len(said) == 2


def test_a_sum_is_proposed_in_floats_too(said):
    with ctx.workprec(128):
        of = factored(layers_of(3))
        found = factor_found(of, {})
        R = found.definite.R
        assert said == ["RKRᵀ − I"] and float(found.definite.defect) < float(NEAR)
        exact = R * of.formed.balls() * R.transpose() - arb_mat(np.eye(24).tolist())
        assert sum((abs(x).lower() ** 2 for x in exact.entries()), arb(0)).sqrt() < found.definite.defect * 5
        thin = [(B * 0, B * 0, A) for _, B, A in layers_of(3)]
        assert factor_found(factored(thin), {}) is None


def test_what_is_not_definite_is_not_proved():
    with ctx.workprec(128):
        assert factor_found(arb_mat(symmetric([1e9] * 59 + [-3.0]).tolist()), {}) is None
        assert factor_found(arb_mat(np.ones((N, N)).tolist()), {}) is None


@pytest.mark.parametrize("wrong", ["twice", "above"])
def test_a_factor_of_floats_that_is_wrong_proves_nothing(wrong, monkeypatch):
    with ctx.workprec(128):
        K = enclosed(spread(2), 120)
        honest, *near = proposals.proposed("factor", K, PLAIN)
        mid = fmpz_mat(honest.mid)
        if wrong == "twice":
            mid[N - 1, 0] = mid[N - 1, 0] * 2 + (1 << 55)
        else:
            mid[0, N - 1] = 1
        monkeypatch.setattr(by_probes, "proposed", lambda *_: [Fixed(mid, honest.bits, arb(0)), *near])
        assert factor_found(K, {}) is None


def test_an_answer_of_one_word_has_its_own_length():
    assert proposals.read(b"[[9, 1]]\n" + bytes(8), 1, 1, 1)[0].mid == fmpz_mat(1, 1)
    assert proposals.read(b"[[9, 1]]\n" + bytes(16), 1, 1, 1) is None
    assert proposals.read(b"[[9, 1]]\n" + bytes(8), 1, 1, 2) is None
    whole = (3).to_bytes(8, "little") + (5).to_bytes(8, "little")
    assert proposals.read(b"[[9, 1]]\n" + whole, 1, 1)[0].mid[0, 0] == (3 << 60) + 5
    assert proposals.read(b"[[9, 1]]\n" + whole[8:], 1, 1, 1)[0].mid[0, 0] == 5


@pytest.mark.parametrize("seed", range(3))
def test_more_steps_where_what_is_left_is_nearly_as_large(seed, monkeypatch, said):
    """Eight steps bound what the vectors leave 1.6 times too large: as large as the largest eigenvalue."""
    values = np.r_[1e12, np.linspace(0.8e12, 0.7e12, 89)]
    M = symmetric(values, seed)
    found, U = np.linalg.eigh(M)
    top, V = float(found[-1]), U[:, -8:]
    near = Fixed(fmpz_mat(90, 8, [int(x) for x in np.rint(V.ravel() * 2.0**40)]), 40, arb(0))

    def asked(share: float) -> Truth:
        return Applied("M", 90, applying(M), applying(M), arb(0), near).by_vectors(arb(top * share))

    assert asked(1 + 1e-6) is Truth.PROVED and len(said) == 2
    assert asked(1 - 1e-6) is not Truth.PROVED and asked(0.9) is not Truth.PROVED
    monkeypatch.setattr(applied, "MORE", applied.POWER)
    assert asked(1 + 1e-6) is Truth.UNDECIDED


def test_what_is_left_is_bounded_again_once_and_not_lost(said):
    """Claims that stay open take no more draws, and where none is left the first bound stays."""
    values = np.r_[1e12, np.linspace(0.8e12, 0.7e12, 89)]
    M = symmetric(values, 1)
    found, U = np.linalg.eigh(M)
    near = Fixed(fmpz_mat(90, 8, [int(x) for x in np.rint(U[:, -8:].ravel() * 2.0**40)]), 40, arb(0))
    at = Applied("M", 90, applying(M), applying(M), arb(0), near)
    for share in (0.99999, 0.99998, 0.99997):
        assert at.by_vectors(arb(float(found[-1]) * share)) is not Truth.PROVED
    assert len(said) <= 2 and at.by_vectors(arb(float(found[-1]) * 1.00001)) is Truth.PROVED
    said += ["other"] * (MOST - 1 - len(said))
    last = Applied("M", 90, applying(M), applying(M), arb(0), near)
    assert last.by_vectors(arb(float(found[-1]) * 1.00001)) is Truth.UNDECIDED and len(said) == MOST
    assert last.by_vectors(arb(float(found[-1]) * 2)) is Truth.PROVED


def nearly_seen(seed: int) -> Applied:
    """The 20 largest eigenvalues lie in 0.9 to 1, the others at 0.01; columns are proposed that are some 5 % off."""
    rng = np.random.default_rng(seed)
    Q, _ = np.linalg.qr(rng.normal(size=(90, 90)))
    M = (Q * np.r_[np.linspace(1, 0.9, 20), np.full(70, 0.01)]) @ Q.T
    V, _ = np.linalg.qr(Q[:, :24] + 0.05 * rng.normal(size=(90, 24)) / np.sqrt(90))
    near = Fixed(fmpz_mat([[int(v * 2.0**40) for v in row] for row in V]), 40, arb(0))
    whole = applying((M + M.T) / 2 * 2.0**40, bits=40)
    return Applied("M", 90, whole, whole, arb(0), near)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("before", [None, 2.0], ids=["first", "a larger number first"])
def test_steps_that_ended_early_go_on_where_they_leave_open(seed, before, said):
    """A bound of three quarters of the number is near enough to end with, and at times too large to prove it."""
    at = nearly_seen(seed)
    assert before is None or (at.by_vectors(arb(before)) is Truth.PROVED and len(said) == 1)
    assert at.by_vectors(arb(1.02)) is Truth.PROVED and len(said) == 2
    assert at.by_vectors(arb(0.99)) is not Truth.PROVED and at.by_vectors(arb(1.02)) is Truth.PROVED
    assert len(said) == 2


def test_steps_that_ended_early_stay_where_no_draw_is_left(said):
    """The bound that is there is not lost, and a number that is none asks for no draw."""
    at = nearly_seen(0)
    assert at.by_vectors(arb(2)) is Truth.PROVED
    assert at.by_vectors(arb("inf")) is at.by_vectors(arb("nan")) is Truth.UNDECIDED and len(said) == 1
    said += ["other"] * (MOST - 1)
    assert at.by_vectors(arb(1.02)) is Truth.UNDECIDED and at.by_vectors(arb(2)) is Truth.PROVED and len(said) == MOST
