"""D34: both ends of pulls on fine grids of slabs of any lengths, also where a deleted row rises more than it falls."""

from __future__ import annotations

import numpy as np
import pytest

from certify.rigor.fp import Array
from certify.systems.head.rows.boxes.trap import Centre, Slabs
from certify.theorems.head.rows.separate.ends import deleted, relabelled
from certify.theorems.head.rows.separate.outputs import centre_of
from tests.families.other_heads import other_head


def p(c: Centre, t: Array) -> Array:
    return np.asarray(c.sums.loss.margins(t, np.zeros_like(t)).p)


def cases(loss: str, relabels: bool) -> list[tuple[Centre, Slabs]]:
    """Centres, with and without weights, and slabs of which each end may be the longer one."""
    rng = np.random.default_rng([39, relabels])
    heads = [other_head(rng, loss, 9, 1, 3, k=3, free=False, decay=0.3, weights=weights) for weights in ("", "rows")]
    return [(centre_of(head, relabels, a), Slabs(*10.0 ** rng.uniform(-1.5, 0.7, size=(4, 9))))
            for head in heads for a in range(3)]


@pytest.mark.parametrize("loss", ["one_vs_rest", "squared_hinge"])
def test_deleted_rows_pull_between_their_ends_wherever_they_are_in_their_slabs(loss: str) -> None:
    for c, slabs in cases(loss, False):
        its, rows = deleted(c, np.arange(9), slabs), np.arange(9)
        for part in np.linspace(0.0, 1.0, 41):
            tau = -slabs.il + part * (slabs.il + slabs.ih)
            pull = c.kept * (p(c, c.at.t) - c.at.D * tau)
            assert (its.low[rows] <= pull + 1e-12).all() and (pull <= its.high[rows] + 1e-12).all()
        # and no end is far from what is reached
        assert np.allclose(its.low, c.kept * (c.at.p - c.at.D * slabs.ih), atol=1e-9)


@pytest.mark.parametrize("loss", ["one_vs_rest", "squared_hinge"])
def test_relabelled_rows_pull_between_their_ends_wherever_they_are_in_their_slabs(loss: str) -> None:
    for c, slabs in cases(loss, True):
        its, sec, t = relabelled(c, np.arange(9), slabs), c.sums.loss.secants(c.at, slabs.lo, slabs.hi), c.at.t
        for part in np.linspace(0.0, 1.0, 41):
            tau = -slabs.il + part * (slabs.il + slabs.ih)
            own = (p(c, -t - tau) - p(c, -t)) / np.where(tau == 0.0, 1.0, tau)  # the secant of the new label
            D = np.clip(own, sec.least, sec.most)
            pull = c.kept * (p(c, t) + p(c, -t) + (own - D) * tau)
            assert (its.low <= pull + 1e-12).all() and (pull <= its.high + 1e-12).all()
