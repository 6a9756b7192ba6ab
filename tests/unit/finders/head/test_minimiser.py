"""Newton's method of a large table: Hessians with half the bits lead to the same minimiser, or are done without."""

from __future__ import annotations

import numpy as np
import pytest

from certify.finders.head import boxes
from certify.systems.head.rows.boxes import sums as tables
from certify.systems.head.rows.boxes.sums import Sums, sums


def drawn(spread: float, decay: float) -> Sums:
    rng = np.random.default_rng([int(spread), 5])
    S = rng.standard_normal((80, 6)) * 10.0 ** rng.uniform(-spread, 0.0, 6)
    return sums(S * np.sign(S @ rng.standard_normal(6) + 0.3 * rng.standard_normal(80))[:, None], np.full(6, decay))


@pytest.mark.parametrize(("spread", "decay"), [(0.0, 1.0), (1.0, 1e-2), (3.0, 1e-6)])
def test_half_the_bits_lead_to_the_same_minimiser(spread: float, decay: float, monkeypatch: pytest.MonkeyPatch) -> None:
    s = drawn(spread, decay)
    formed, rough = [], boxes._hessian

    def counted(of: Sums, weights: np.ndarray) -> np.ndarray:
        formed.append(len(formed))
        return rough(of, weights)

    monkeypatch.setattr(boxes, "_hessian", counted)
    w = boxes.minimiser(s, s.whole, np.zeros(6))
    assert not formed
    monkeypatch.setattr(tables, "VAST", 1)
    near = boxes.minimiser(s, s.whole, np.zeros(6))
    assert formed and np.allclose(s.S @ near, s.S @ w, rtol=0.0, atol=1e-7)


@pytest.mark.parametrize("matrix", [-np.eye(6), np.zeros((6, 6)), np.full((6, 6), np.nan)])
def test_a_matrix_that_leads_astray_is_formed_again_with_all_bits(matrix: np.ndarray, monkeypatch: pytest.MonkeyPatch,
                                                                  ) -> None:
    s = drawn(0.0, 1.0)
    w = boxes.minimiser(s, s.whole, np.zeros(6))
    monkeypatch.setattr(tables, "VAST", 1)
    monkeypatch.setattr(boxes, "_hessian", lambda of, weights: matrix - 2.0 * np.eye(6))
    assert np.allclose(boxes.minimiser(s, s.whole, np.zeros(6)), w, rtol=0.0, atol=1e-9)


def test_long_rows_have_all_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "VAST", 1)
    s = sums(1e30 * drawn(0.0, 1.0).S, np.ones(6))
    assert not s.halved and np.isfinite(boxes.minimiser(s, s.whole, np.zeros(6))).all()
