"""Single rows in the norm inf at a critical point whose motions are known up to a matrix: no more than is true (W5)."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from flint import arb, arb_mat

from certify.check.linalg.definite import Truth
from certify.check.probed.point import Judged, Probed
from certify.check.reading.arrays import Array
from certify.check.theorems.modulus import critical_one_row as rule
from certify.check.words.parameters import PARAMETERS
from certify.check.words.row_norms.base import norm_of

FEATURES, MOVABLE = 107, 7
"""More than are gone through by all signs may move, and many more may not."""

UNIT = 2.0**-10
KAPPA = MOVABLE * UNIT
SIGNS = Array((1, FEATURES), (1.0,) * MOVABLE + (1e4,) * (FEATURES - MOVABLE), "signs")
"""And weights: of features that may not move such that they hardly count."""


@pytest.fixture(autouse=True)
def nonsingular(monkeypatch):
    monkeypatch.setattr(rule, "nonsingular", lambda point: SimpleNamespace(truth=Truth.PROVED))


def point(Y: np.ndarray, off: float) -> SimpleNamespace:
    """A point with the motions Y of one row, which are off by so much."""
    known = object.__new__(Probed)
    known.__dict__.update(_judged=Judged(arb(0), [arb(off)], [arb_mat((Y.T @ Y).tolist())], None, []),
                          _judgements=iter(()))
    scale = (1.0,) * MOVABLE + (0.0,) * (FEATURES - MOVABLE)
    problem = SimpleNamespace(moves=PARAMETERS["features"], layers=[SimpleNamespace(inputs=FEATURES)], outputs=1,
                              scale=scale, row_norm=norm_of("inf"), moving=[0])
    return SimpleNamespace(problem=problem, of=lambda what: known, precision=60)


def motions() -> np.ndarray:
    """`A⁻¹C_i` with `κ_i = KAPPA`: features that may not move have no effect."""
    found = np.zeros((3, FEATURES))
    found[0, :MOVABLE] = UNIT
    return found


def test_what_motions_say_of_features_that_may_not_move_proves_nothing():
    """Motions that are off nowhere else, by as much as is said of them."""
    wrong = np.zeros((3, FEATURES))
    wrong[1, MOVABLE:] = 2.0**-6
    asked = point(motions() + wrong, float(np.linalg.norm(wrong)) * (1 + 1e-12))
    for end in np.geomspace(KAPPA * 1.001, 100 * KAPPA, 20):
        assert rule.row_lower(asked, 0, float(end), SIGNS).truth is not Truth.PROVED


def test_what_motions_are_off_by_counts_once_for_each_feature_that_may_move():
    """`√7 = 2.65` times."""
    asked = point(motions(), 1e-6)
    for times, truth in ((2.6, Truth.UNDECIDED), (2.7, Truth.PROVED)):
        assert rule.row_lower(asked, 0, KAPPA - times * 1e-6, SIGNS).truth is truth
        assert rule.row_upper(asked, 0, KAPPA + times * 1e-6, SIGNS).truth is truth


def test_motions_that_are_not_seen_may_still_be_as_long_as_they_are_off():
    nothing = np.zeros((3, FEATURES))
    for end, truth in ((MOVABLE**0.5 * 0.5, Truth.UNDECIDED), (10.0, Truth.PROVED)):
        assert rule.row_upper(point(nothing, 0.5), 0, end, SIGNS).truth is truth
