"""Softmax boxes and trees of inputs known up to radii: every head within them keeps what is proved, on both sides."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from flint import arb, arb_mat, ctx

from certify.check.linalg.balls import norm
from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows import softmax_box as box_check
from certify.check.theorems.head.rows import softmax_tree as tree_check
from certify.check.theorems.head.rows.head import Head as BallHead
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.softmax.nominal import against, nominal
from certify.theorems.head.rows.softmax_box import SoftmaxBox
from certify.theorems.head.rows.softmax_tree import SoftmaxTree
from tests.effort import FULL
from tests.families.heads import ball_head, drawn_head
from tests.oracles.head_changes import GONE, KEPT, Way, stays

METHODS = {"box": (SoftmaxBox(), box_check), "tree": (SoftmaxTree(), tree_check)}


def known_up_to(rng: np.random.Generator, true: Head, radius: float) -> Head:
    """The head with other midpoints, each as far from the true inputs as its radius says."""
    def moved(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        way = rng.normal(size=x.shape)
        way[:, -1] = 0.0
        way *= radius / np.linalg.norm(way, axis=1, keepdims=True)
        return x + way, np.full(len(x), radius * 1.0001)

    (phi, rad), (points, points_rad) = moved(true.phi), moved(true.points)
    return replace(true, phi=phi, phi_rad=rad, points=points, points_rad=points_rad)


def in_balls(head: Head, change: RowChange) -> BallHead:
    """The checker's head with balls for inputs."""
    found = ball_head(head, change)
    with ctx.workprec(64):
        def wide(rows: np.ndarray, rad: np.ndarray) -> list[list[arb]]:
            return [[*(arb(x, r) for x in row[:-1]), arb(row[-1])]
                    for row, r in zip(rows.tolist(), rad.tolist(), strict=True)]

        phi, evaluated = wide(head.phi, head.phi_rad), wide(head.points, head.points_rad)
        return replace(found, phi=arb_mat(phi), rows=phi, sizes=[norm(row).upper() for row in phi],
                       evaluated=arb_mat(evaluated), lengths=[norm(row).upper() for row in evaluated],
                       today=head.today.tolist())


@pytest.mark.parametrize(("kind", "relabels"), [("box", False), ("tree", False), ("tree", True)])
def test_what_is_proved_holds_of_the_true_inputs(kind: str, relabels: bool) -> None:
    method, checker = METHODS[kind]
    proved, confirmed = 0, 0
    for seed in range(4):
        if seed >= 2 and proved > 20 and confirmed > 15 and not FULL:
            break
        rng = np.random.default_rng([seed, relabels])
        true = drawn_head(rng, "cross_entropy", n=9, free=False, N=10, decay=1.0, apart=6.0 if relabels else 2.0)
        count = 1 + (kind == "tree" and not relabels and seed % 2)

        def allowed(way: Way, count: int = count) -> bool:
            changed = [c for c in way if c is not KEPT]
            return len(changed) <= count and all((c == GONE) != relabels for c in changed)

        truth = stays(true, allowed)
        for radius in (1e-15, 1e-9, 1e-5, 1e-3, 0.03):
            head, change = known_up_to(rng, true, radius), RowChange(relabels, count, tuple(range(9)))
            assert not method.able(head, change)
            part = method.prove(head, change, head.today >= 0, Budget(20.0))
            if part is None or not part.proved.any():
                continue
            assert not (part.proved & ~truth).any() and (head.today[part.proved] == true.today[part.proved]).all()
            proved += int(part.proved.sum())
            stored = {name: Array(a.shape, tuple(a.ravel().tolist()), a.dtype.kind)
                      for name, a in ((name, np.asarray(a)) for name, a in part.arrays.items())}
            with ctx.workprec(64):
                again = checker.proved(in_balls(head, change), stored, "claim", part.proved.tolist())
            assert not (np.array(again) & ~truth).any()
            confirmed += sum(again)
            assert radius > 1e-8 or again == part.proved.tolist()
    assert proved > 20 and confirmed > 15, (proved, confirmed)


def test_the_slack_holds_refits_of_nearby_inputs_apart() -> None:
    from certify.finders.head.refits import Refitter

    worst = 0.0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        true = drawn_head(rng, "cross_entropy", n=6, free=False)
        head = known_up_to(rng, true, float(10.0 ** rng.uniform(-4, -1)))
        plain = nominal(head)
        V, W = Refitter(true).V0, Refitter(plain.head).V0
        F, G = true.points @ V.T, plain.head.points @ W.T
        moved = np.abs((F[:, :, None] - F[:, None, :]) - (G[:, :, None] - G[:, None, :])).max(axis=(1, 2))
        assert (moved <= plain.slack).all()
        worst = max(worst, float((moved / plain.slack).max()))
    assert worst > 1e-3  # no idle bound


def test_what_nothing_is_known_of_is_refused() -> None:
    rng = np.random.default_rng(3)
    head = drawn_head(rng, "cross_entropy", free=False)
    near = known_up_to(rng, head, 1e-9)
    assert not against(near) and (nominal(head).slack == 0).all() and (nominal(near).slack > 0).all()
    free = replace(near, decayed=np.array([True, True, False]))
    assert "intercepts that carry the decay" in against(free)
    assert "one label a row" in against(replace(near, Y=near.Y * 0.5))
    assert "count alike" in against(replace(near, new=1))
    assert not against(replace(free, phi_rad=np.zeros(free.n), points_rad=np.zeros(len(free.points))))
