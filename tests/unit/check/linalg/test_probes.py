"""Bounds by random probes: never below the truth, near it, and nothing proved by a proposal that is wrong."""

from __future__ import annotations

import sys
from fractions import Fraction

import numpy as np
import pytest
from flint import arb, arb_mat, ctx, fmpz, fmpz_mat

from certify.check.kernel import CHANCE
from certify.check.linalg import by_probes, inverse, probes, proposals
from certify.check.linalg.applied import VECTORS, Applied
from certify.check.linalg.by_probes import ByProbes, definite_by_proposal
from certify.check.linalg.definite import Truth, definiteness
from certify.check.linalg.fixed import Fixed, enclosed, longest
from certify.check.linalg.inverse import judged, proposed
from certify.check.linalg.probes import (
    DRAWN,
    LEAST,
    MOST,
    ROOM,
    SHARE,
    _beyond,
    bound_of,
    drawn,
    may_draw,
    residual,
    together,
)
from certify.check.probed.hadamard import energy, factored
from certify.check.systems import interpolation
from tests.families.proposed_here import both_ways
from tests.unit.check.linalg.test_by_factor import drawn as drawn_system
from tests.unit.check.linalg.test_by_factor import system, with_factor

STEP = 1e-7


@pytest.fixture(autouse=True)
def said(monkeypatch):
    """Where chance is allowed, and matrices are large from few rows on."""
    monkeypatch.setattr(inverse, "PROBED", 10)
    monkeypatch.setattr(interpolation, "PROBED", 10)
    token = CHANCE.set([])
    yield CHANCE.get()
    CHANCE.reset(token)


def applying(M: np.ndarray, bits: int = 0):
    exact = fmpz_mat([[int(x) for x in row] for row in M.tolist()])
    return lambda V: (exact * V, bits, arb(0))


def orthogonal(n: int, seed: int) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(n, n)))[0]


def symmetric(values, seed: int = 0) -> np.ndarray:
    """Integers with nearly these eigenvalues."""
    U = orthogonal(len(values), seed)
    M = (U * np.asarray(values)) @ U.T
    return np.rint((M + M.T) / 2)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("steps, factor", [(1, 400), (8, 2.5)])
def test_a_bound_lies_above_the_norm_and_near_it(seed, steps, factor):
    values = np.random.default_rng(seed).uniform(-1, 1, 40) * 10.0 ** np.random.default_rng(seed).integers(3, 12)
    M = symmetric(values, seed)
    true = np.abs(np.linalg.eigvalsh(M)).max()
    found = float(bound_of("M", 40, applying(M), steps))
    assert true <= found <= factor * true


@pytest.mark.parametrize("times, steps", [(100, 2), (5, 4), (2.5, 8), (0.5, 8)])
def test_a_bound_ends_where_it_is_enough_and_still_lies_above_the_norm(times, steps):
    M = symmetric(np.random.default_rng(1).uniform(-1, 1, 40) * 1e9, 1)
    true, asked = np.abs(np.linalg.eigvalsh(M)).max(), []

    def counted(V):
        asked.append(V)
        return applying(M)(V)

    found = float(bound_of("M", 40, counted, 8, enough=arb(times * true)))
    assert true <= found and len(asked) <= steps and (found < times * true) == (times > 2)


def test_few_vectors_are_drawn_first_of_many_rows_and_all_where_these_do_not_show_enough(monkeypatch, said):
    monkeypatch.setattr(by_probes, "MANY", 10)
    shares, real = [], by_probes.bound_of
    monkeypatch.setattr(by_probes, "bound_of", lambda *told, share=5: shares.append(share) or real(*told, share=share))
    with ctx.workprec(128):
        K = fixed(symmetric(np.linspace(1e6, 1e7, 40)))
        assert definite_by_proposal(K, {}).definite.defect < by_probes.FINE and shares == [by_probes.ROUGH]
        monkeypatch.setattr(by_probes, "bound_of", lambda *told, share=5: shares.append(share) or real(
            *told, share=share) * (1e6 if share > 5 else 1))
        monkeypatch.setattr(by_probes, "FINE", arb(2) ** -60)
        del shares[:], said[:]
        found = definite_by_proposal(K, {})
        assert shares == [by_probes.ROUGH, 5] and len(said) == 2 and found.definite.defect < arb(2) ** -40


def test_one_entry_of_one_unit_is_seen():
    for at in range(20):
        M = np.zeros((60, 60))
        M[at, (7 * at) % 60] = 1
        assert bound_of("M", 60, applying(M, bits=300)) >= arb(2) ** -300
    assert bound_of("0", 60, applying(np.zeros((60, 60)))) == 0
    assert bound_of("0", 60, applying(np.zeros((60, 60))), 3) == 0


def test_what_is_drawn_is_spread_over_all_it_may_be(said):
    values = [int(x) for x in drawn(3000).entries()]
    assert len(values) == 3000 * DRAWN and -(1 << ROOM) <= min(values) < max(values) < 1 << ROOM
    assert max(values) - min(values) > (2 << ROOM) * 0.99 and abs(np.mean(values)) < (1 << ROOM) * 0.02
    assert abs(np.std(values) - (1 << ROOM) / 3 ** 0.5) < (1 << ROOM) * 0.02
    assert drawn(5).entries() != drawn(5).entries()


def test_directions_are_missed_as_rarely_as_the_lemma_says():
    """`|⟨u, v⟩| < 2^35` for one vector: with a probability of at most √2/32, for the worst direction too."""
    for u in (np.r_[1, 1, np.zeros(8)] / 2 ** 0.5, np.r_[1, np.zeros(9)], np.ones(10) / 10 ** 0.5):
        seen = np.concatenate([u @ np.array(drawn(10).tolist(), dtype=float) for _ in range(1500)])
        assert np.mean(np.abs(seen) < 2.0 ** 35) < 2 ** 0.5 / 32 + 4 * (0.044 / seen.size) ** 0.5


def test_vectors_are_counted_for_shares_that_the_lemma_is_about_alone(said):
    """With other shares the probability that is stated would not be that of the bound."""
    assert together(1, SHARE) > together(1, LEAST) > 0
    for share in (SHARE - 1, LEAST + 1, 0, -1, 29):
        with pytest.raises(AssertionError, match="share"):
            together(1, share)
        with pytest.raises(AssertionError, match="share"):
            bound_of("M", 3, applying(np.eye(3)), share=share)


def test_no_more_bounds_than_the_probability_allows(said):
    said += ["one"] * (MOST - 1)
    assert may_draw(100)
    bound_of("M", 3, applying(np.eye(3)))
    assert not may_draw(100) and definite_by_proposal(fixed(np.eye(20)), {}) is None
    A = fixed(np.eye(20))
    assert residual(A, A) == arb("inf") and judged(A, A).X is None
    CHANCE.set(None)
    assert not may_draw(100)


def fixed(M: np.ndarray, bits: int = 60) -> Fixed:
    n = len(M)
    return Fixed(fmpz_mat(n, n, [int(x * 2 ** 30) << bits - 30 for x in M.ravel().tolist()]), bits, arb(0))


@pytest.mark.parametrize("spread", [1, 6, 11])
def test_a_proposed_factor_proves_what_is_definite(spread, said):
    U = orthogonal(60, 1)
    A = fixed((U * np.logspace(0, -spread / 2, 60)) @ U.T).mid
    with ctx.workprec(128):
        K = arb_mat(A * A.transpose()) * arb(2) ** -120
        found = definite_by_proposal(enclosed(K, 120), {}).definite
        assert found.truth is Truth.PROVED and said == ["RKRᵀ − I"]
        exact = found.R * K * found.R.transpose() - arb_mat(np.eye(60).tolist())
        size = sum((abs(x).upper() ** 2 for x in exact.entries()), arb(0)).sqrt()
        assert float(found.defect) < 1e-14 and size < found.defect * 2
        assert definiteness(K).truth is Truth.PROVED


def test_what_is_not_definite_is_not_proved():
    values = [1e9] * 59 + [-3.0]
    with ctx.workprec(128):
        assert definite_by_proposal(fixed(symmetric(values)), {}) is None
        assert definite_by_proposal(fixed(np.ones((40, 40))), {}) is None
        for radius in (arb(1), arb("inf")):
            assert definite_by_proposal(Fixed(fixed(np.eye(20)).mid, 60, radius), {}) is None


def test_a_proposal_that_is_wrong_proves_nothing(monkeypatch):
    K = arb_mat(symmetric([float(x) for x in range(1, 41)]).tolist())
    honest, *near = proposals.proposed("factor", enclosed(K, 120), 96)

    def lies(change):
        mid = fmpz_mat(honest.mid)
        change(mid)
        monkeypatch.setattr(by_probes, "proposed", lambda *_: [Fixed(mid, honest.bits, arb(0)), *near])
        return definite_by_proposal(enclosed(K, 120), {})

    def twice(mid):
        for j in range(40):
            mid[39, j] *= 2

    def above(mid):
        mid[0, 39] = fmpz(1)

    with ctx.workprec(128):
        assert lies(twice) is None and lies(above) is None
        assert lies(lambda mid: None) is not None


@pytest.mark.parametrize("said_by", [
    b"", b"{}\n", b"[[9, 1]]\n", b"[[9.5, 1]]\n" + bytes(16), b"[[true, 1]]\n" + bytes(16), b"\n" + bytes(16),
    b"[[-1, 1]]\n" + bytes(16), b"[[1, 1]]\n" + bytes(17), b"[]\n" + bytes(16), b"9" * 200 + b"\n" + bytes(16),
    b"[[1, 2]]\n" + bytes(32), b"[[1, 1], [1, 1]]\n" + bytes(32), b"[9]\n" + bytes(16), b"9\n" + bytes(16),
])
def test_an_answer_of_another_form_is_none(said_by):
    assert proposals.read(said_by, 1, 1) is None
    assert proposals.read(b"[[9, 1]]\n" + bytes(16), 1, 1)[0].mid == fmpz_mat(1, 1)


def test_without_the_other_program_the_checker_goes_its_own_way(monkeypatch, said):
    monkeypatch.setattr(proposals, "PROGRAM", "import sys; sys.exit('no numpy')")
    A = fixed(symmetric([float(x) for x in range(1, 31)]))
    X = proposed(A, 60)
    assert X is not None and judged(A, X).X is not None and said == ["XA − I"]
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert proposals.proposed("inverse", A, 60) is None


def test_a_process_says_what_is_said_without_one(monkeypatch):
    seen: list[str] = []
    monkeypatch.setattr(proposals, "answered", both_ways(seen))
    A = fixed(symmetric([float(x) for x in range(1, 31)]))
    assert proposals.proposed("inverse", A, 60) and proposals.proposed("factor", A, 60)
    with ctx.workprec(128):
        assert proposals.proposed_of_sum(factored(layers_of(5)), 96)
    assert seen == ["inverse", "factor", "sum"]


@pytest.mark.parametrize("seed", range(3))
def test_an_inverse_is_judged_as_by_the_whole_product(seed, said):
    values = np.random.default_rng(seed).choice([-1, 1], 40) * np.logspace(0, 5, 40)
    A = fixed(symmetric(values, seed))
    X = proposed(A, 60)
    found = judged(A, X)
    one = fmpz(1) << A.bits + X.bits
    exact = X.mid * A.mid - fmpz_mat([[one * (i == j) for j in range(40)] for i in range(40)])
    norm = np.linalg.norm(np.array([[float(x) for x in row] for row in exact.tolist()]) / float(one), 2)
    assert found.X is not None and norm <= float(found.error) <= 3 * norm + 1e-30 and said == ["XA − I"]


def test_an_inverse_that_is_none_is_refused():
    A = fixed(symmetric([float(x) for x in range(1, 31)]))
    X = proposed(A, 60)
    worse = Fixed(X.mid * 3, X.bits, arb(0))
    assert judged(A, X).X is not None and judged(A, worse).X is None
    one = fmpz_mat(X.mid)
    one[3, 5] += fmpz(1) << X.bits
    assert judged(A, Fixed(one, X.bits, arb(0))).X is None


@pytest.mark.parametrize("seed", range(4))
def test_the_largest_eigenvalue_without_the_matrix(seed):
    rng = np.random.default_rng(seed)
    values = np.sort(rng.uniform(-0.3, 1, 70))[::-1] ** 3 * 1e15
    M = symmetric(values, seed)
    top = np.linalg.eigvalsh(M)[-1]
    assert len(M) > VECTORS
    at = Applied("M", 70, applying(M, bits=20), applying(M, bits=20), arb(0))
    assert at.by_vectors(arb(float(top) * (1 + STEP)) * arb(2) ** -20) is Truth.PROVED
    assert at.by_vectors(arb(float(top) * (1 - STEP)) * arb(2) ** -20) is not Truth.PROVED
    assert at.by_vectors(arb(float(top) * 0.9) * arb(2) ** -20) is Truth.DISPROVED
    near = Applied("M", 70, applying(M, bits=20), applying(M, bits=20), arb(float(top) * 2.0 ** -20 * 0.1))
    assert near.by_vectors(arb(float(top) * 1.05) * arb(2) ** -20) is Truth.UNDECIDED
    assert near.by_vectors(arb(float(top) * 1.2) * arb(2) ** -20) is Truth.PROVED


def test_an_eigenvalue_that_no_vector_saw_counts():
    """One direction that the deterministic vectors were made orthogonal to: what is left of the matrix has it."""
    M = np.diag([0.0] * 30 + [5.0] * 20)

    class Blind(Applied):
        """Its first vectors see nothing of the large ones."""

    at = Blind("M", 50, applying(M), applying(M), arb(0))
    assert at.by_vectors(arb(4.9)) is not Truth.PROVED


def test_what_is_cut_off_on_the_way_is_in_the_error():
    """An apply that errs by as much as it says, in the worst way: the bound still lies above the norm."""
    M = symmetric(np.r_[1e6, np.zeros(39)], 2)
    true, shrunk = np.abs(np.linalg.eigvalsh(M)).max(), fmpz_mat([[int(x) for x in row] for row in (M * 0.9).tolist()])

    def apply(V):
        size = max(sum(float(x) ** 2 for x in column) for column in V.transpose().tolist()) ** 0.5
        return shrunk * V, 0, arb(0.11 * true * size)

    assert bound_of("M", 40, apply, 1) >= true
    assert float(bound_of("M", 40, lambda V: (shrunk * V, 0, arb(0)), 8)) < 2.5 * true


@pytest.mark.parametrize("lost", [[0.5], [0.1, 0.3, 0.0], [3.0], [0.9, 2.0]])
def test_errors_on_the_way_make_the_bound_larger(lost):
    """`longest < τ^k(s − Σ τ^-i d_i)`, by numbers."""
    least = 2.0 ** 35
    found = float(_beyond(arb(least), arb(least), [arb(d * least) for d in lost]))
    left = 1 - sum(d / found ** (i + 1) for i, d in enumerate(lost))
    assert left > 0 and found ** len(lost) * left > 1
    less = found / 1.05
    assert less ** len(lost) * (1 - sum(d / less ** (i + 1) for i, d in enumerate(lost))) < 1
    assert 1e9 < float(_beyond(arb(least), arb(least), [arb(1e9 * least)])) < 3e9  # far above what was seen


@pytest.mark.parametrize("wrong", ["nothing", "large", "other"])
def test_columns_that_are_proposed_badly_prove_nothing_that_is_false(wrong):
    M = symmetric(np.r_[1e12, np.linspace(1e11, 0, 59)], 3)
    top = float(np.linalg.eigvalsh(M)[-1])
    V = orthogonal(60, 5)[:, :8] * {"nothing": 0, "large": 1e6, "other": 1}[wrong]
    near = Fixed(fmpz_mat(60, 8, [int(x * 2 ** 40) for x in V.ravel()]), 40, arb(0))
    at = Applied("M", 60, applying(M), applying(M), arb(0), near)
    assert at.by_vectors(arb(top * 0.999)) is not Truth.PROVED


@pytest.mark.parametrize("k", [2, 3])
def test_a_system_is_decided_as_by_its_factor(k, said):
    K, blocks = drawn_system(k)
    with ctx.workprec(128):
        at = system(K, blocks)[1]
        at.many.summed = None
        found = at.factor
        assert isinstance(found, ByProbes) and said[0] == "RKRᵀ − I"
        CHANCE.set(None)
        other = with_factor(K, blocks)[1].factor
        ends = [e for e in np.linspace(0.2, 3, 12)]
        exact = [other.is_beyond(arb(e) * arb(float(np.sqrt(np.trace(sum(blocks)) / np.trace(K))))) for e in ends]
        CHANCE.set(said)
        probed = [found.is_beyond(arb(e) * arb(float(np.sqrt(np.trace(sum(blocks)) / np.trace(K))))) for e in ends]
    assert probed == exact


@pytest.mark.parametrize("k, layers, inputs", [(1, 1, 6), (3, 2, 2), (2, 3, 6)])  # fewer inputs than rows, too
@pytest.mark.parametrize("radius", [0, 1e-20])
@pytest.mark.parametrize("prec", [128, 256])
def test_a_sum_of_entrywise_products_lies_in_its_enclosure(k, layers, inputs, radius, prec):
    """Against the same with exact rationals, for members at the rims of the balls; formed, and times vectors."""
    rng = np.random.default_rng(k)
    drawn, made = [], []
    for _ in range(layers):
        B, A = rng.normal(size=(5 * k, 4)) * 10.0 ** rng.integers(-8, 9), rng.normal(size=(5, inputs))
        scale = Fraction(int(rng.integers(1, 9)), 8)
        member = [[[Fraction(x) + Fraction(radius) * int(rng.choice([-1, 1])) for x in row] for row in M.tolist()]
                  for M in (B, A)]
        made.append((scale, *member))
        balls = [arb_mat([[arb(x, radius) for x in row] for row in M.tolist()]) for M in (B, A)]
        drawn.append(balls)
    with ctx.workprec(prec):
        drawn = [(B if s == 1 else B * arb(float(s)), B, A) for (s, _, _), (B, A) in zip(made, drawn, strict=True)]
        of = factored(drawn)
        K, V = of.formed, fmpz_mat(5 * k, 3, [int(x) for x in rng.integers(-9, 10, 15 * k)])
        z = [arb(int(x)) for x in rng.integers(-9, 10, 5 * k)]
        form = energy(drawn, z)
    assert K.mid == K.mid.transpose()
    image, off, lengths, exact = of.times(V), Fraction(0), [Fraction(0)] * 3, Fraction(0)
    for r in range(5 * k):
        away = [Fraction(0)] * 3
        for c in range(5 * k):
            true = sum(s * sum(x * y for x, y in zip(B[r], B[c], strict=True))
                       * sum(x * y for x, y in zip(A[r // k], A[c // k], strict=True)) for s, B, A in made)
            off += (true - Fraction(int(K.mid[r, c]), 2 ** K.bits)) ** 2
            exact += int(z[r].unique_fmpz()) * true * int(z[c].unique_fmpz())
            away = [x + true * int(V[c, j]) for j, x in enumerate(away)]
        for j, x in enumerate(away):
            lengths[j] += (x - Fraction(int(image[r, j])) / Fraction(2) ** of.bits) ** 2
    for j, length in enumerate(lengths):
        square = sum(int(V[c, j]) ** 2 for c in range(5 * k))
        assert length <= Fraction(float(of.radius)) ** 2 * square * (1 + Fraction(1, 10**9))
    assert form.overlaps(arb(fmpz(exact.numerator)) / arb(fmpz(exact.denominator)))
    assert radius or form.rel_accuracy_bits() > 90
    assert of.radius <= K.radius and K.size <= of.reach * (1 + 1e-9) * arb(5 * k).sqrt() + K.radius
    assert off <= Fraction(float(K.radius)) ** 2
    assert radius or float(K.radius) <= 2.0 ** -84 * float(K.size)


def layers_of(seed: int, n: int = 12, k: int = 2):
    """Factors of a kernel that is definite."""
    rng = np.random.default_rng(seed)
    made = [[arb_mat(rng.normal(size=size).tolist()) for size in ((n * k, 9), (n, 20))] for _ in range(2)]
    return [(B, B, A) if h else (B * 3, B, A) for h, (B, A) in enumerate(made)]


@pytest.mark.parametrize("seed", range(3))
def test_a_sum_is_judged_as_the_matrix_is(seed, said):
    with ctx.workprec(128):
        of = factored(layers_of(seed))
        found, other = definite_by_proposal(of, {}), definite_by_proposal(of.formed, {})
        assert found.definite.truth is other.definite.truth is Truth.PROVED and said == ["RKRᵀ − I"] * 2
        assert float(found.definite.defect) < 1e-12
        exact = found.definite.R * of.formed.balls() * found.definite.R.transpose() - arb_mat(np.eye(24).tolist())
        assert sum((abs(x).lower() ** 2 for x in exact.entries()), arb(0)).sqrt() < found.definite.defect * 5
        thin = [(B * 0, B * 0, A) for _, B, A in layers_of(seed)]
        assert definite_by_proposal(factored(thin), {}) is None


@pytest.mark.parametrize("short", [8, 30, 100, 10**4])
def test_what_is_cut_on_the_way_through_a_sum_is_in_the_error(short, monkeypatch, said):
    """`(RÂRᵀ − I)V` against the same without a cut."""
    monkeypatch.setattr(by_probes, "SHORT", short)
    with ctx.workprec(128):
        of = factored(layers_of(5))
        R, *_ = proposals.proposed_of_sum(of, 96)
        V, turned = drawn(24), R.mid.transpose()
        image, bits, lost = by_probes._cut_short(R, of, turned, V)
        whole = 2 * R.bits + of.bits
        exact = R.mid * of.times(turned * V) - V * (fmpz(1) << whole)
    assert (short == 10**4) is (lost == 0)
    for j in range(DRAWN):
        off = sum((Fraction(int(image[r, j])) / Fraction(2) ** bits - Fraction(int(exact[r, j]), 2 ** whole)) ** 2
                  for r in range(24))
        assert off <= Fraction(float(lost)) ** 2


def test_a_factor_of_another_sum_proves_nothing(monkeypatch):
    with ctx.workprec(128):
        of, other = factored(layers_of(1)), factored(layers_of(2))
        told = proposals.proposed_of_sum(other, 96)
        monkeypatch.setattr(by_probes, "proposed_of_sum", lambda *_: told)
        assert definite_by_proposal(of, {}) is None and definite_by_proposal(other, {}) is not None


def test_the_constants_are_those_of_the_stated_probability():
    """One bound fails with less than 2^-71, all that a check may have with at most 2^-64, as W4 counts them."""
    missed = arb(2).sqrt() * (arb(2) ** -probes.SHARE + arb(probes.WIDEST).sqrt() / arb(2) ** probes.ROOM)
    assert missed ** probes.DRAWN < arb(2) ** -71
    assert probes.MOST * arb(2) ** -71 <= arb(2) ** -64
    assert 8 * probes.BYTES > probes.ROOM  # a byte more than the bits and the sign that are taken of them


def test_the_longest_number_may_be_below_zero():
    assert longest([fmpz(3), fmpz(-9), fmpz(1)]) == 4 and longest([fmpz(-1)]) == 1 and longest([]) == 0


@pytest.mark.parametrize("share, count", [(5, 16), (9, 9), (12, 7)])
def test_a_bound_that_need_not_be_near_is_seen_by_fewer_vectors(share, count, monkeypatch):
    """And is no less than what each of them sees for certain."""
    def least(rows: int, vectors: int) -> fmpz_mat:
        assert vectors == count
        return fmpz_mat(rows, vectors, [1 << ROOM - share] * vectors + [0] * ((rows - 1) * vectors))

    monkeypatch.setattr(probes, "drawn", least)
    found = bound_of("M", 3, applying(np.diag([8.0, 1.0, 1.0])), share=share)
    assert 8 <= found < 8 * (1 + arb(2) ** -10)
