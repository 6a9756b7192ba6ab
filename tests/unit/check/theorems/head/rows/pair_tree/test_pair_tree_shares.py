"""What two rows that leave take of the curvature (D12), against the largest value of matrices of two rows."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from certify.check.theorems.head.rows.pair_tree.drops import Drops


def test_what_is_left_of_a_pair_is_at_least_what_its_curvature_leaves() -> None:
    """Pairs of steps, a step with any far row, and two far rows, however their directions lie to each other."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        size, single, far = rng.uniform(0.05, 0.5, 3), rng.random(3), rng.uniform(0.05, 0.5, 2)
        cross, rest = np.abs(np.outer(size, size)) * rng.uniform(0.5, 1.0, (3, 3)), 0.01
        np.fill_diagonal(cross, size**2)
        C, C_far, C_two = rng.random((3, 3)), rng.random(3), 0.3
        drops = object.__new__(Drops)
        drops.found = SimpleNamespace(
            single=single.tolist(), C=C.tolist(), C_far=C_far.tolist(), C_two=C_two, rest=rest, kappa=cross.tolist(),
            low=[1.0] * 5, long=[*size.tolist(), *far.tolist()], rows=[0, 1, 2], st=SimpleNamespace(far=[3, 4]))
        drops._share()

        def over(left: float, a: float, b: float, both: float) -> float:
            return left / (1.0 - float(np.linalg.eigvalsh([[a * a, both], [both, b * b]]).max()))

        for a in range(3):
            for b in range(a):
                exact = over(single[a] + single[b] + C[a, b], size[a], size[b], cross[a, b])
                assert exact <= drops.shares[a][b] and exact <= drops.most[a] and exact <= drops.most[b]
            for beta in far:
                assert over(single[a] + C_far[a] + rest, size[a], beta, size[a] * beta) <= drops.far[a]
        assert over(2.0 * rest + C_two, far[0], far[1], far[0] * far[1]) <= drops.two
