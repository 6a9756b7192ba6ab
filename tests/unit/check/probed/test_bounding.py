"""A bound of an operator norm by a proposed factor: near the truth it is proved, and nothing below it is."""

from __future__ import annotations

import io
import json
from array import array
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from flint import arb, ctx, fmpz_mat

from certify.check.kernel import CHANCE
from certify.check.linalg.definite import Truth
from certify.check.linalg.fixed import Fixed
from certify.check.linalg.inverse import Inverse
from certify.check.linalg.probes import MATRICES, MOST, together
from certify.check.probed import answer, asked
from certify.check.probed.asked import SHARP, Asked, Told, most_of
from certify.check.probed.bounding import is_below
from certify.check.probed.point import Judged, Probed
from certify.check.systems import critical_nearby
from certify.check.systems.nearby import PRECISION
from certify.finders.proposals.motions import bounding
from tests.unit.check.probed.test_point import Case, path  # noqa: F401

BITS, STEP = 50, 1e-8


@pytest.fixture(autouse=True)
def said():
    """Where chance may decide."""
    token = CHANCE.set([])
    with ctx.workprec(128):
        yield CHANCE.get()
    CHANCE.reset(token)


def exact(M) -> Fixed:
    return Fixed(fmpz_mat([[int(x) for x in row] for row in np.rint(np.ldexp(M, BITS)).tolist()]), BITS, arb(0))


def drawn(seed: int, n: int = 40):
    """A matrix with several values near the largest, this number, and R for any bound."""
    rng = np.random.default_rng(seed)
    U, V = (np.linalg.qr(rng.normal(size=(n, n)))[0] for _ in range(2))
    top = float(2.0 ** rng.integers(-8, 9))
    X = (U * (top * np.minimum(1, 2 * np.sort(rng.uniform(size=n))))) @ V
    return X, top, lambda most: exact(bounding(X, most))


@pytest.mark.parametrize("seed", range(6))
def test_it_is_proved_near_the_truth_and_never_below(seed, said):
    X, top, factor = drawn(seed)
    most = top * (1 + STEP)
    assert is_below(exact(X), factor(most), most) and len(said) == 1
    for less in (top * (1 - STEP), top * (1 - 1e-14), top / 2, most * (1 - 3 * STEP)):
        assert not is_below(exact(X), factor(most), less)


@pytest.mark.parametrize("change", [
    lambda R: replace(R, mid=R.mid * 0), lambda R: replace(R, bits=R.bits + 1), lambda R: replace(R, bits=R.bits - 1),
    lambda R: replace(R, bits=-R.bits - 100), lambda R: replace(R, bits=10**6),
    lambda R: replace(R, radius=arb(1)), lambda R: replace(R, mid=R.mid.transpose()),
    lambda R: replace(R, mid=fmpz_mat([row[::-1] for row in R.mid.tolist()][:1] + R.mid.tolist()[1:])),
])
def test_another_factor_proves_nothing(change):
    X, top, factor = drawn(1)
    assert is_below(exact(X), factor(2 * top), 2 * top)
    assert not is_below(exact(X), change(factor(2 * top)), 2 * top)


@pytest.mark.parametrize("most", [0.0, -4.0, float("nan"), float("inf")])
def test_what_is_no_bound_is_none(most):
    X, top, factor = drawn(2)
    assert not is_below(exact(X), factor(2 * top), most)


def test_an_inverse_that_is_not_exact_is_not_bounded():
    X, top, factor = drawn(3)
    assert not is_below(replace(exact(X), radius=arb(2) ** -60), factor(2 * top), 2 * top)


def test_nothing_rests_on_chance_where_it_may_not(said):
    X, top, factor = drawn(4)
    said += ["another"] * MOST
    assert not is_below(exact(X), factor(2 * top), 2 * top)
    CHANCE.set(None)
    assert not is_below(exact(X), factor(2 * top), 2 * top)


def test_no_factor_is_proposed_of_what_is_no_bound():
    X, top, _ = drawn(5)
    assert bounding(X, top * (1 - STEP)) is None and bounding(X * float("nan"), top) is None
    assert bounding(X, top * (1 + STEP)) is not None


def point(X, most: float, R: Fixed, error: float = 0.0) -> Asked:
    """A point where X was proved an inverse up to that."""
    at = Asked.__new__(Asked)
    at.__dict__ |= {"inverse": Inverse(exact(X), arb(error), arb(3 * error)), "_told": Told(exact(X), R, most),
                    "_ranks": {}, "width": 60}
    return at


@pytest.mark.parametrize("error", [0.0, 0.25])
def test_rank_needs_a_bound_that_is_no_larger_than_what_it_needs(error, monkeypatch):
    """Only where `most·least ≤ 1 − ε`; else it is as without."""
    X, top, factor = drawn(0)
    most = top * (1 + STEP)
    monkeypatch.setattr(asked.Stationary, "rank", lambda self, least: Truth.UNDECIDED)
    for least, expected in (((1 - error) / most * (1 - 1e-12), Truth.PROVED), ((1 - error) / top, Truth.UNDECIDED),
                            ((1 - error) / most * (1 + 1e-12), Truth.UNDECIDED), (1 / top, Truth.UNDECIDED)):
        assert point(X, most, factor(most), error).rank(least) is expected
    other = point(X, most, exact(np.eye(len(X))), error)
    assert other.rank((1 - error) / most * (1 - 1e-12)) is Truth.UNDECIDED


@pytest.mark.parametrize("error", [0.0, 0.25])
def test_so_does_rank_where_one_pass_proved_the_point(error):
    X, top, factor = drawn(0)
    most = top * (1 + STEP)
    at = Probed.__new__(Probed)
    at.__dict__ |= {"_judgements": iter(()), "_judged": SimpleNamespace(error=arb(error)), "_most": most,
                    "_squared": None, "_answer":
                    SimpleNamespace(size=arb(10) ** 9, bands=[exact(X).mid], bits=BITS, bounding=factor(most))}
    for least, expected in (((1 - error) / most * (1 - 1e-12), Truth.PROVED), ((1 - error) / top, Truth.UNDECIDED),
                            ((1 - error) / most * (1 + 1e-12), Truth.UNDECIDED), (1 / top, Truth.UNDECIDED)):
        assert at.rank(least) is expected


def stated(*values, name="rank", holds=True):
    return SimpleNamespace(hypotheses=[SimpleNamespace(name=name, value=v, holds=holds) for v in values],
                           lower=None, upper=None, row_lower=(), row_upper=())


def test_the_bound_that_is_asked_for_is_that_of_the_largest_rank():
    problem = SimpleNamespace(parameters=10)
    assert most_of(problem, [stated(0.25, 0.5), stated(None), stated(9.0, name="smooth")]) == 2 * (1 - 2 * SHARP)
    for none in ([stated(0.5, holds=False)], [], [stated(0.0)]):
        assert most_of(problem, none) is None
    assert most_of(SimpleNamespace(parameters=10**6), [stated(0.5)]) is None


def test_an_answer_with_a_factor_has_it_first():
    def read(bits, matrices):
        body = b"".join(array("q", [x] * 9).tobytes() for x in matrices)
        return answer.read_inverse(io.BufferedReader(io.BytesIO(json.dumps(bits).encode() + b"\n" + body)), 3)

    X, R = read([4, 9], [7, 8])
    assert (R.bits, R.mid[0, 0], X.bits, X.mid[0, 0]) == (4, 7, 9, 8)
    assert read([9], [8])[1] is None
    assert read([4, 9], [7]) is read([4, 9, 9], [7, 8, 9]) is read([9], [7, 8]) is read([4, 9], [7, 8, 9]) is None


def test_a_point_is_proved_with_it_and_without(path, monkeypatch, said):  # noqa: F811
    """A stated rank of a real point: by the factor if there is one, and the same without."""
    monkeypatch.setattr(critical_nearby, "ASKED", 0)
    monkeypatch.setattr(asked, "WIDE", 0)
    case = Case(path)
    least = 0.9 / float(np.linalg.norm(np.array([[float(x) for x in row] for row in _inverse(case)]), 2))
    with ctx.workprec(PRECISION):
        claims = [stated(least)]
        _, known = critical_nearby.critical_point(case.problem, case.start, claims)
        assert isinstance(known, Asked) and known.rank(least) is Truth.PROVED
        assert said[1:] == ["XH − I", "R(c²I − XXᵀ)Rᵀ − I"] and known.rank(2 * least) is not Truth.PROVED
        _, known = critical_nearby.critical_point(case.problem, case.start)
        assert isinstance(known, Asked) and known.rank(least) is Truth.PROVED and said[3:] == ["XH − I"]


def _inverse(case: Case):
    with ctx.workprec(PRECISION):
        X = critical_nearby.critical_point(case.problem, case.start)[1].X
    return X.balls().tolist()


@pytest.mark.parametrize("matrices", [1, 2, 3, 19, 571, 2**20, MATRICES])
def test_as_many_vectors_as_keep_the_probability_of_one_bound(matrices):
    """One vector misses with less than `2^-4.5`, of N matrices some one with N times that to the k: at most `2^-76`."""
    k = together(matrices)
    assert matrices**2 * 2**152 <= 2 ** (9 * k) and matrices**2 * 2**152 > 2 ** (9 * (k - 1))


def test_rank_is_asked_again_with_more_vectors_where_they_prove_nothing():
    """The first error is too large for the bound that was asked for, the second is not."""
    X, top, factor = drawn(0)
    most = top * (1 + STEP)

    def judged(error: float) -> Judged:
        return Judged(arb(error), [], [], None, [])

    at, least = Probed.__new__(Probed), (1 - 2.0**-20) / most
    at.__dict__ |= {"_judgements": iter([judged(2.0**-12), judged(2.0**-30)]), "_judged": judged(2.0**-10),
                    "_most": most, "_squared": None, "_answer":
                    SimpleNamespace(size=arb(10) ** 9, bands=[exact(X).mid], bits=BITS, bounding=factor(most))}
    assert at.rank(least) is Truth.PROVED and at._judged.error == 2.0**-30
    assert at.rank(1 / top) is Truth.UNDECIDED, "it is false, and no vectors are left"


def test_no_norm_is_below_a_number_that_is_not_positive():
    """The factor proves what the number's square says, of which the sign is lost."""
    X, R = Fixed(fmpz_mat([[1]]), 4, arb(0)), Fixed(fmpz_mat([[round(2**20 / (0.25 - 2.0**-8) ** 0.5)]]), 20, arb(0))
    assert is_below(X, R, 0.5)
    assert not any(is_below(X, R, most) for most in (-0.5, 0.0, float("inf"), float("nan")))
