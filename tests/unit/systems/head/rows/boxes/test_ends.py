"""The ends that a box uses hold the inverses of all matrices that its Hessians may be, in prover and check."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from flint import arb, arb_mat, ctx

from certify.check.theorems.head.rows.boxes import fixed_rows
from certify.check.theorems.head.rows.boxes import trap as checked
from certify.systems.head.rows.boxes import trap as prover
from certify.systems.head.rows.boxes.slabs import secants
from certify.systems.head.rows.boxes.sums import sums
from tests.families.logistic_heads import refit

ROWS, UNSURE, DECAY, SLAB = 40, 0.1, 0.5, 0.01
"""With these ε is about 0.2."""


def drawn() -> tuple[np.ndarray, np.ndarray]:
    """Rows whose last column is another one, so that the decay alone holds a direction, and weights."""
    S = np.random.default_rng(3).standard_normal((ROWS, 3))
    S[:, 2] = S[:, 1]
    return S, refit(S, np.ones(ROWS), np.full(3, DECAY))


def least_of(A: np.ndarray) -> float:
    return float(np.linalg.eigvalsh((A + A.T) / 2)[0])


def inverse(S: np.ndarray, weights: np.ndarray, off: float) -> np.ndarray:
    return np.asarray(np.linalg.inv((S.T * weights) @ S + (DECAY + off) * np.eye(3)))


def require(mean: np.ndarray, half: np.ndarray, S: np.ndarray, least: np.ndarray, most: np.ndarray) -> None:
    for off in (-UNSURE, 0.0, UNSURE):
        assert least_of(mean + half - inverse(S, least, off)) > -1e-9
        assert least_of(inverse(S, most, off) - (mean - half)) > -1e-9
    # a share for another's would do too much or too little
    assert least_of(mean + half - 1.4 * inverse(S, least, -UNSURE)) < 0


def test_the_prover_has_both_ends() -> None:
    S, w = drawn()
    c = prover.centre(sums(S, np.full(3, DECAY), UNSURE), np.ones(ROWS), w)
    slabs = prover.Slabs(*np.full((4, ROWS), SLAB))
    found = prover.trap(c, slabs, np.arange(ROWS), 1)
    assert found is not None and found.off < 1e-10
    sec = secants(c.at, slabs.lo, slabs.hi)
    require(found.mean, found.half, S, sec.least, sec.most)
    assert least_of(found.top - inverse(S, sec.least, -UNSURE)) > -1e-9


def test_the_check_has_both_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    S, w = drawn()
    seen = []

    def kept(c: object, free: object, k: int, slabs: object, matrices: object, pulls: object, wide: int) -> None:
        seen.append(matrices)

    def floats(M: arb_mat) -> np.ndarray:
        return np.array([[float(M[i, j]) for j in range(3)] for i in range(3)])

    monkeypatch.setattr(checked, "_proved", kept)
    with ctx.workprec(64):
        s = replace(fixed_rows.sums(S.tolist(), [arb(DECAY)] * 3, False), unsure=arb(UNSURE))
        c = checked.centre(s, [], w.tolist())
        checked.box(c, list(range(ROWS)), 1, [[SLAB] * ROWS] * 4)
        ((mean, half, off, big),) = seen
        least, most = zip(*(checked._secants(c, j, arb(SLAB), arb(SLAB)) for j in range(ROWS)), strict=True)
        unit = 2.0**-fixed_rows.WEIGHT
        assert float(off) < 1e-10
        require(floats(mean), floats(half), S, np.array(least) * unit, np.array(most) * unit)
        assert float(big) >= 1 / (DECAY - UNSURE) * (1 - 1e-9)
