"""A factor in doubles proves what is definite, however large or small, and nothing else (section 9)."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from flint import arb, arb_mat, ctx

from certify.check.linalg.small import by_floats
from certify.check.linalg.small.by_floats import SHIFT, proved

C = 2.0**-SHIFT


@pytest.fixture(autouse=True)
def bits():
    with ctx.workprec(128):
        yield


def positive(rows: list[list[Fraction]]) -> bool:
    """Exactly."""
    A = [list(row) for row in rows]
    for j, row in enumerate(A):
        if row[j] <= 0:
            return False
        for other in A[j + 1:]:
            factor = other[j] / row[j]
            other[:] = [x - factor * y for x, y in zip(other, row, strict=True)]
    return True


def balls(rows: np.ndarray, radius: float = 0.0, power: int = 0) -> arb_mat:
    unit = arb(2) ** power
    return arb_mat([[arb(x, radius) * unit for x in row] for row in rows.tolist()])


@pytest.mark.parametrize("seed", range(30))
def test_what_is_proved_is_true_of_exact_numbers(seed):
    """Of matrices whose least value lies about 0, within some c of it."""
    rng = np.random.default_rng([4, seed])
    N = int(rng.integers(1, 9))
    Q = np.linalg.qr(rng.normal(size=(N, N)))[0]
    least = C * rng.choice([-1e3, -1, -1e-6, 0, 1e-6, 1, 10, 1e3, 1e12])
    A = Q @ np.diag([least, *rng.uniform(0.1, 1, N - 1)]) @ Q.T
    A = (A + A.T) / 2
    found = proved(balls(A))
    assert not found or positive([[Fraction(x) for x in row] for row in A.tolist()])
    assert found or least < 1e3 * C


@pytest.mark.parametrize("power", [0, 1100, -1100, 5000, -5000, 1 << 40])
def test_however_large_or_small(power):
    A = np.array([[2.0, 1.0, 0.5], [1.0, 3.0, 0.0], [0.5, 0.0, 1.0]])
    assert proved(balls(A, power=power)) and not proved(balls(-A, power=power))
    D = arb_mat([[arb(2) ** (power // 2) if i == j == 1 else arb(i == j) for i in range(3)] for j in range(3)])
    assert proved(D * balls(A) * D)
    assert not proved(D * balls(A - 3 * np.eye(3)) * D)


@pytest.mark.parametrize("bad", ["nan", "inf", "-inf"])
@pytest.mark.parametrize("place", [(0, 0), (1, 1), (1, 0)])
def test_what_is_no_number_proves_nothing(bad, place):
    A = balls(np.eye(2))
    A[place] = arb(bad)
    A[place[::-1]] = arb(bad)
    assert not proved(A)


def test_what_is_singular_or_wide_is_not_proved():
    for A in (np.zeros((2, 2)), np.ones((2, 2)), np.array([[1.0, 1.0], [1.0, 1.0 - 2.0**-52]]), np.diag([1.0, 0.0])):
        assert not proved(balls(A))
    assert proved(balls(np.eye(2), C / 4)) and not proved(balls(np.eye(2), C))


def near(radius: float) -> arb_mat:
    """Balls around a matrix of least value 1.2c, of which some are not definite from 0.6c on."""
    return balls(np.array([[1.0, 1 - 1.2 * C], [1 - 1.2 * C, 1.0]]), radius)


WRONG: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "half the norm": lambda patch: patch.setattr(
        by_floats, "frobenius", lambda M, norm=by_floats.frobenius: norm(M) / 2),
    "no radius": lambda patch: patch.setattr(
        by_floats, "frobenius", lambda M, norm=by_floats.frobenius: norm(M.mid())),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_versions_are_seen(what, monkeypatch):
    assert proved(near(0.1 * C)) and not proved(near(0.65 * C))
    WRONG[what](monkeypatch)
    assert proved(near(0.65 * C)), "a matrix of which members are not definite"
