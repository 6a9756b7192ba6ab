"""D1e: refits lie within the stated distance of whatever weights are proposed, in a norm that goes with the rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from certify.finders.head.refits import Refitter
from certify.systems.head.rows.change import DELETED, NONE
from certify.systems.head.rows.refit import enclose_refits
from certify.systems.head.rows.root_curvature import RootCurvature
from tests.families.heads import drawn_head
from tests.unit.systems.head.rows.test_refit import LOSSES, drawn_choice, truth


def free_head(rng, loss, away):
    """A head with a free intercept, its rows around a place away from the origin."""
    head = drawn_head(rng, loss, n=9, scale=1.0)
    phi, points = head.phi.copy(), head.points.copy()
    shift = rng.standard_normal(phi.shape[1] - 1) * away
    phi[:, :-1] += shift
    points[:, :-1] += shift
    phi[:, -1] = points[:, -1] = 1.0
    decayed = np.ones(phi.shape[1], dtype=bool)
    decayed[-1] = False
    return replace(head, phi=phi, points=points, decayed=decayed)


def differences(head, V, exact):
    """`ΔU`, `Δβ` of the nearest refit in floats."""
    D = V - exact
    if head.loss.shifted:
        D[:, -1] -= D[:, -1].mean()
    return D[:, :-1], D[:, -1]


def length(root, D):
    """The norm of the theorem, from its words."""
    U, beta = D
    turned = np.einsum("abj,bj->a", root.G, U)
    if root.head.loss.shifted:
        turned = turned - turned.mean()
    return float(np.sqrt((U * U).sum() + ((beta + turned) ** 2).sum()))


def weakest(head, choices, exact):
    """The direction in which the sum curves least, of length 1: there distances fill what is said of them."""
    H = Refitter(head).hessians(choices, exact[None])[0]
    return np.linalg.eigh(H)[1][:, 0].reshape(exact.shape)


def cases(loss, seeds):
    """Heads, choices and their exact refits."""
    for seed in seeds:
        rng = np.random.default_rng([seed, 77, LOSSES.index(loss)])
        head = free_head(rng, loss, 10.0 ** rng.integers(-1, 3))
        choices = drawn_choice(rng, head, bool(seed % 2))
        left = np.ones(head.n, dtype=bool)
        left[choices.rows[0][(choices.rows[0] != NONE) & (choices.codes[0] == DELETED)]] = False
        if not head.loss.quadratic and len(set(head.label[left].tolist())) < max(head.k, 2):
            continue
        yield rng, head, choices, np.array([[float(x) for x in row] for row in truth(head, choices)])


@pytest.mark.parametrize("loss", LOSSES)
def test_refits_and_their_outputs_lie_within_what_is_said(loss):
    finite = tight = 0
    for rng, head, choices, exact in cases(loss, range(14)):
        root = RootCurvature.of(head, exact + 0.1 * rng.standard_normal(exact.shape) * (rng.random() < 0.5))
        for off in (1e-10, 1e-5, 1e-2, 0.3):
            V = exact + off * weakest(head, choices, exact) * rng.choice([-1.0, 1.0])
            near = root.distances(choices, V[None])
            if not np.isfinite(near[0]):
                continue
            finite += 1
            size = length(root, differences(head, V, exact))
            assert size <= near[0] * (1 + 1e-9) + 1e-13
            tight += near[0] <= 10 * size
            F, far = root.outputs(V[None], near)
            gap = F[0] - head.points @ exact.T
            room = far[0] + 1e-9
            if head.loss.shifted:  # all of one evaluation row up to a common number
                assert ((gap - room).max(axis=1) <= (gap + room).min(axis=1)).all()
            else:
                assert (np.abs(gap) <= room).all()
    assert finite > 12 and tight > finite / 8


def test_the_distance_of_the_rows_from_the_origin_does_not_matter():
    """Where that of D1b is longer by far, though its rounding is counted term by term (91 times here, not 100)."""
    rng = np.random.default_rng(3)
    head = free_head(rng, "logistic", 0.0)
    nothing = drawn_choice(rng, head, True)
    exact = np.array([[float(x) for x in row] for row in truth(head, nothing)])
    far = replace(head, phi=head.phi + 64.0 * (np.arange(head.m) < head.m - 1))
    moved = exact.copy()
    moved[:, -1] -= 64.0 * exact[:, :-1].sum(axis=1)
    here, there = (RootCurvature.of(h, w).distances(nothing, w[None])[0] for h, w in ((head, exact), (far, moved)))
    assert there < 1e-6 and enclose_refits(far, nothing, moved[None])[0] > 20 * there
    assert here < 1e-9


@pytest.mark.parametrize("wrong", [{"defect": 0.0}, {"s": 100.0}, {"fading": 0.0}])
def test_wrong_versions_are_caught(wrong, monkeypatch):
    """The oracle above sees a dropped defect, curvature that is not there, and curvature that never fades."""
    caught = 0
    for rng, head, choices, exact in cases("logistic", range(30)):
        root = RootCurvature.of(head, exact)
        if "fading" in wrong:
            monkeypatch.setattr(type(head.loss), "fading", 0.0)
            monkeypatch.setattr(type(head.loss), "drift", lambda self, D: np.zeros(D.shape[:-1]))
        elif "s" in wrong:
            root = replace(root, s=root.s * wrong["s"])
        else:
            root = replace(root, G=0 * root.G, size=0.0, defect=0.0)
        for off in (0.03, 0.3, 3.0, 30.0, 300.0):
            way = weakest(head, choices, exact) if rng.random() < 0.5 else rng.standard_normal(exact.shape)
            V = exact + off * way * rng.choice([-1.0, 1.0])
            near = root.distances(choices, V[None])[0]
            caught += bool(np.isfinite(near) and length(root, differences(head, V, exact)) > near * (1 + 1e-9))
        monkeypatch.undo()
    assert caught
