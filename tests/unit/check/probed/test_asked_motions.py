"""The square of C that motions are first judged by: what is not known of C, and what is cut off of it, is counted."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from flint import arb, ctx, fmpz_mat

from certify.check.linalg.balls import ZERO
from certify.check.linalg.definite import Truth
from certify.check.linalg.fixed import Fixed
from certify.check.linalg.inverse import Inverse
from certify.check.probed import asked
from certify.check.probed.asked import WIDER, Asked

ROWS, COLUMNS, BITS = 6, 40, 40


def first(C: Fixed, width: int, size: int = 1):
    """The first matrix whose largest eigenvalue is `size²·‖C‖²`."""
    at = object.__new__(Asked)
    X = Fixed(fmpz_mat(np.diag([size] * ROWS).tolist()), 0, ZERO)
    vars(at).update(problem=SimpleNamespace(parameters=ROWS), width=width, _together=None, seen=None,
                    data=SimpleNamespace(structured=False, columns=C), inverse=Inverse(X, ZERO, ZERO))
    assert COLUMNS > WIDER * ROWS
    with ctx.workprec(128):
        return next(Asked.motions(at))


def columns(radius: float = 0.0) -> tuple[Fixed, np.ndarray]:
    """Of positive numbers: what is cut off of their products makes every eigenvalue that counts smaller."""
    whole = np.rint(np.random.default_rng(7).uniform(0.5, 1, (ROWS, COLUMNS)) * 2.0**BITS)
    return Fixed(fmpz_mat([[int(x) for x in row] for row in whole.tolist()]), BITS, arb(radius)), whole * 2.0**-BITS


@pytest.mark.parametrize("size", [1, 32])
def test_a_motion_of_columns_that_are_hardly_known_is_not_bounded_by_their_middle(size):
    """`‖XC‖` is as much larger as `‖X‖` times their radius, for one of them."""
    C, middle = columns(1e-3)
    found, norm = first(C, 60, size), float(np.linalg.norm(middle, 2))
    beyond = size * (norm + 1e-3)
    for end in (size * norm * (1 + 1e-9), beyond * (1 - 1e-9)):
        assert found.below(arb(end) ** 2) is Truth.UNDECIDED
    assert found.below(arb(beyond * 1.01) ** 2) is Truth.PROVED
    assert found.below(arb(size * (norm - 2e-2)) ** 2) is Truth.DISPROVED


@pytest.mark.parametrize("radius", [0.0, 1e-3])
def test_a_square_of_few_bits_is_not_taken_for_the_whole(radius, monkeypatch):
    """Ends between the largest eigenvalue of its first bits and that of the square itself are not decided by it."""
    monkeypatch.setattr(asked, "SPARE", 0)
    C, middle = columns(radius)
    monkeypatch.setattr(Asked, "reached_by", lambda self, Q: Q)
    Q = first(C, 8)
    cut = np.array(Q.mid.tolist(), dtype=object).astype(float) * 2.0**-Q.bits
    square = middle @ middle.T
    kept = np.linalg.eigvalsh(cut)[-1] ** 0.5
    true = np.linalg.norm(middle, 2) + radius
    assert kept * (1 + 1e-4) < np.linalg.norm(middle, 2)
    assert Q.radius >= np.linalg.norm(square - cut) + radius * (2 * np.linalg.norm(middle) + radius) * (1 - 1e-9) > 0
    found = asked.Largest(Q)
    for end in ((kept + true) / 2, true * (1 - 1e-9)):
        assert found.below(arb(end) ** 2) is Truth.UNDECIDED
    assert found.below(arb(true * 1.5) ** 2) is Truth.PROVED
