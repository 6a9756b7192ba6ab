"""Upper bounds of the rows of Jacobians: never below the exact lengths, and hardly above them."""

from __future__ import annotations

import numpy as np
from flint import arb, arb_mat, ctx
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.check.linalg.balls import norm
from certify.check.lipschitz.row_norms import row_norms
from tests.effort import examples


def drawn(seed: int, wide: float = 2.0**-40):
    """Weights of up to four layers of very different sizes, slopes of either sign, some balls, some 0."""
    rng = np.random.default_rng(seed)
    widths, points = rng.integers(1, 6, size=rng.integers(2, 6)), int(rng.integers(0, 4))

    def number(x: float) -> arb:
        return arb(float(x), abs(float(x)) * wide * rng.integers(0, 2))

    layers = [arb_mat(int(m), int(d), [number(x) for x in rng.normal(size=m * d) * 10.0 ** rng.uniform(-30, 30, m * d)])
              for d, m in zip(widths, widths[1:], strict=False)]
    slopes = [[[number(x) * int(rng.integers(0, 4) > 0) for x in rng.normal(size=m)] for _ in range(points)]
              for m in widths[1:-1]]
    return layers, slopes, points


def member(x: arb, side: int) -> arb:
    """An exact number of a ball."""
    return x.mid() if side == 0 else x.lower() if side < 0 else x.upper()


@settings(max_examples=examples(150), deadline=None)
@given(seed=st.integers(0, 10**9), side=st.integers(-1, 1), width=st.sampled_from([2, 8, 26, 60]),
       wide=st.sampled_from([2.0**-10, 2.0**-40]))
def test_they_bound_the_lengths_of_every_member(seed, side, width, wide):
    (first, *others), slopes, points = drawn(seed, wide)
    with ctx.workprec(64):
        found = row_norms(first, others, slopes, points, width)
    with ctx.workprec(4000):
        for at in range(points):
            M = arb_mat([[member(x, side) for x in row] for row in first.tolist()])
            for h, W in enumerate([None, *others]):
                if W is not None:
                    D = [member(x, side) for x in slopes[h - 1][at]]
                    M = arb_mat([[member(x, side) for x in row] for row in W.tolist()]) * arb_mat(
                        [[d * x for x in row] for d, row in zip(D, M.tolist(), strict=True)])
                m = M.nrows()
                for bound, row in zip(found[h][at * m:(at + 1) * m], M.tolist(), strict=True):
                    assert bound >= norm(row).lower() and bound.rad() == 0


@settings(max_examples=examples(30), deadline=None)
@given(seed=st.integers(0, 10**9))
def test_of_exact_numbers_of_one_size_they_are_sharp(seed):
    rng = np.random.default_rng(seed)
    one = lambda m, d: arb_mat(m, d, [arb(float(x)) for x in rng.uniform(0.5, 1, size=m * d)])  # noqa: E731
    first, second = one(5, 3), one(4, 5)
    slopes = [[[arb(float(x)) for x in rng.uniform(0.5, 1, size=5)]]]
    found = row_norms(first, [second], slopes, 1, 60)
    D = arb_mat([[d * x for x in row] for d, row in zip(slopes[0][0], first.tolist(), strict=True)])
    for bound, row in zip(found[1], (second * D).tolist(), strict=True):
        assert norm(row).lower() <= bound <= norm(row) * (1 + arb(2) ** -48)


def test_of_what_is_not_known_nothing_is_said():
    first, second = arb_mat([[1, 2], [3, 4]]), arb_mat([[1, 1]])
    for x in (arb("inf"), arb("nan"), arb(0, "inf")):
        (bound,) = row_norms(first, [second], [[[x, arb(1)]]], 1, 60)[1]
        assert not bound < 1e300
        (bound,) = row_norms(arb_mat([[0, 0], [0, 0]]), [second], [[[x, arb(1)]]], 1, 60)[1]
        assert not bound < 1e300
