"""What decides trees of several classes: exact pushes of strays, and a choice itself at the last level."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from flint import arb, arb_mat, ctx

from certify.check.theorems.head.rows.changes.base import DELETED
from certify.check.theorems.head.rows.softmax import tree
from certify.check.theorems.head.rows.softmax.centre import Pull, softmax
from certify.check.theorems.head.rows.softmax.pushes import Seen, Source

K, M, N, POINTS = 3, 2, 4, 2


def balls(A: np.ndarray) -> arb_mat:
    return arb_mat([[arb(float(x)) for x in row] for row in A])


@pytest.mark.parametrize("slack", [0.0, 0.5, 3.0])
def test_an_exact_push_is_that_of_the_worst_stray(slack: float) -> None:
    """`(K(e_a − e_b))·(p − Aξ)` for `|ξ|_A ≤ slack`: every drawn ξ is below, and that along the block comes near."""
    for seed in range(4):
        rng = np.random.default_rng([seed, 9])
        phi, X, blocks = (rng.standard_normal(shape) for shape in ((N, M), (POINTS, M), (K, K, M, M)))
        p, z = rng.standard_normal((N, K)), rng.standard_normal((N, K))
        with ctx.workprec(80):
            s = [softmax([arb(float(x)) for x in line]) for line in z]
            c = SimpleNamespace(s=s, head=SimpleNamespace(rows=balls(phi).tolist(), m=M))
            sources = [Source(i, [Pull([arb(float(x)) for x in p[i]], arb(slack))], arb(1), arb(1)) for i in range(N)]
            seen = Seen(c, [[balls(block) for block in row] for row in blocks], balls(X), sources)
            for j, (a, b), i in ((j, pair, i) for j in range(POINTS) for pair in ((0, 1), (2, 0)) for i in range(N)):
                found = float(seen.pushes(j, a, b, arb(1), -1)[1](i))
                v = np.array([X[j] @ (blocks[a][t] - blocks[b][t]) @ phi[i] for t in range(K)])
                q = np.array([float(x) for x in s[i]])
                A = np.diag(q) - np.outer(q, q)
                worst = -v / np.sqrt(v @ A @ v)
                most = -np.inf
                for xi in (worst, *rng.standard_normal((20, K))):
                    most = max(most, v @ (p[i] - A @ (xi * (slack / np.sqrt(xi @ A @ xi)))))
                assert most <= found + 1e-9
                assert v @ p[i] < 0 or found <= most + 1e-9  # what p alone would take away is not counted


@pytest.mark.parametrize("kept", [True, False])
def test_a_choice_is_asked_about_itself_where_one_contrast_does_not_hold(
    monkeypatch: pytest.MonkeyPatch, kept: bool,
) -> None:
    """Its label comes back whichever row follows; one of two contrasts holds there, the other does not."""
    before, leaves = ((7, DELETED),), [(1, DELETED), (2, DELETED)]
    holds, fails = (SimpleNamespace(gap=arb(x), fixed=arb(0), blocking=lambda: [1, 2]) for x in (1, -1))
    monkeypatch.setattr(tree, "_box", lambda head, node: object())
    monkeypatch.setattr(tree, "margins", lambda found, live: [[holds, fails]])
    monkeypatch.setattr(tree, "labels_after", lambda head, changes, weights: [
        [0 if len(change) > 1 or kept else 1] for change in changes])
    node = SimpleNamespace(out=before, free=[1, 2], hot=[], box=0, weights=[0.0],
                           leaves={leaf: [0.0] for leaf in leaves})
    assert tree._last(SimpleNamespace(relabels=False, today=[0]), node, [0]) == ([] if kept else [0])
