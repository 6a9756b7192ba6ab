"""What rows that go together do to each other's weights (D4d), against every few of them in rationals."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations, product

import numpy as np
import pytest
from flint import ctx, fmpq, fmpq_mat

from certify.check.theorems.head.rows.head import BITS
from certify.check.theorems.head.rows.squared.ridge import ridge_of
from certify.check.theorems.head.rows.squared_tree import sums
from certify.check.theorems.head.rows.squared_tree.root import root_of
from certify.check.theorems.head.rows.squared_tree.state import first, without
from tests.families.squared_heads import SmallHead, as_checked, as_head

N, DECAY = 7, 2


def alike(seed: int) -> SmallHead:
    """Rows of which two are nearly one, and two nearly opposite."""
    rng = np.random.default_rng([seed, 5])
    phi = np.c_[np.round(rng.standard_normal((N, 2)), 3), np.ones(N)]
    phi[1], phi[3, :2] = phi[0] + 2.0**-6, -phi[2, :2]
    label = np.arange(N) % 2
    codes = np.array([[-1.0], [1.0]])
    return SmallHead(phi, codes[label], codes, label, float(DECAY), np.ones(3, bool), np.array([[1.0, 0.5, 1.0]]),
                     np.ones(1, np.int64), 0.0)


def hat(phi: np.ndarray, gone: int | None) -> fmpq_mat:
    """`ΦH⁻¹Φᵀ`, without a row that is gone."""
    rows = [[fmpq(*float(x).as_integer_ratio()) for x in row] for row in phi.tolist()]
    left = fmpq_mat([row for i, row in enumerate(rows) if i != gone])
    H = left.transpose() * left + fmpq_mat(3, 3, [fmpq(DECAY * (a == b)) for a in range(3) for b in range(3)])
    return fmpq_mat(rows) * H.solve(fmpq_mat(rows).transpose())


@pytest.mark.parametrize("gone", [None, 0])
@pytest.mark.parametrize("k", [1, 2, 3])
def test_a_weight_is_off_by_at_most_the_comparison(k: int, gone: int | None) -> None:
    """`|x_S − r/D| ≤ ξ` where `(1 − K_SS)x_S = r_S`, for all S of k rows and residuals as large as allowed."""
    longest = Fraction(0)
    for seed in range(3):
        small = alike(seed)
        with ctx.workprec(BITS):
            twin = as_checked(small, as_head(small), tuple(range(N)), k, False)
            root = root_of(twin, ridge_of(twin), list(range(N)), [0], [0])
            state = first(root, [0])
            if gone is not None:
                after = without(state, [gone], 0)
                assert after is not None
                state = after
            sizes = [int(x) for x in np.random.default_rng(seed).integers(1 << 40, 1 << 44, N)]
            found = sums.terms(state, root.hat, () if gone is None else (gone,), sizes, k)
        assert found is not None
        K = hat(small.phi, gone)
        for S in combinations([i for i in range(N) if i != gone], k):
            form = fmpq_mat(k, k, [fmpq(a == b) - K[a, b] for a in S for b in S])
            for signs in product((-1, 1), repeat=k):
                r = [s * sizes[i] for i, s in zip(S, signs, strict=True)]
                x = form.solve(fmpq_mat(k, 1, r))
                for at, i in enumerate(S):
                    off = x[at, 0] - r[at] / (1 - K[i, i])
                    size = abs(Fraction(int(off.p), int(off.q)))
                    assert size <= found.xi[i] + 1
                    longest = max(longest, size / sizes[i])
    assert (longest > Fraction(1, 10)) is (k > 1)
