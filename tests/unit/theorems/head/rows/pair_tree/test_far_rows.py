"""Far rows: what is said of all of them at once is more than any of them does, and hardly more than the one that does
most, though few products are formed."""

from __future__ import annotations

import numpy as np
import pytest

from certify.systems.head.rows.boxes.trap import centre
from certify.systems.head.rows.change import RowChange
from certify.theorems.head.rows.box_tree import oriented
from certify.theorems.head.rows.boxes.leaves import Base, base
from certify.theorems.head.rows.pair_tree import steps
from tests.families.logistic_heads import logistic_head


def drawn(seed: int, n: int = 300) -> tuple[Base, np.ndarray]:
    rng = np.random.default_rng([seed, 61])
    s, _ = oriented(logistic_head(rng, n, decay=1.0), RowChange(False, 2, tuple(range(n))))
    scale = 10.0 ** rng.uniform(-0.3, 0.6, n)
    s.S[:] *= scale[:, None]  # some rows are long, and most are not
    s.norms[:] *= scale * (1.0 + 1e-12)
    b = base(centre(s, s.whole, np.zeros(s.S.shape[1])))
    assert b is not None
    return b, rng.permutation(n)[: n - 40]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("at_once", "enough"), [(3, 4.0), (7, 1.02), (64, 1.02)])
def test_no_far_row_does_more(seed: int, at_once: int, enough: float, monkeypatch: pytest.MonkeyPatch) -> None:
    b, far = drawn(seed)
    monkeypatch.setattr(steps, "AT_ONCE", at_once)
    monkeypatch.setattr(steps, "ENOUGH", enough)
    S, p, own = b.c.sums.S.astype(np.longdouble), b.c.at.p[far], b.own[far]
    reach, most, across = steps._far(b, far, steps.lengths(b.X, b.off, b.c.sums.S, b.c.sums.norms))
    pull = p / (1.0 - own)
    K = np.abs(S @ b.X @ S[far].T) * pull
    other = K.copy()
    other[far, np.arange(len(far))] = 0.0
    rounding = 1.0 + 1e-9
    assert (K.max(axis=1) <= most * rounding).all() and (other.max(axis=1) <= across * rounding).all()
    assert (np.sqrt(np.einsum("ij,ij->i", S[far] @ b.X, S[far])) * pull).max() <= reach * rounding
    slack = steps.ENOUGH * K.max(axis=1) + b.off * b.c.sums.norms * float((b.c.sums.norms[far] * pull).max())
    assert (across <= slack * rounding).all()
    assert (most <= slack * rounding).all()


def test_nothing_is_said_where_a_row_takes_all_the_curvature() -> None:
    b, far = drawn(0)
    b.own[far[3]] = 1.0
    assert steps._far(b, far, np.ones(len(b.c.sums.S)))[0] == np.inf
