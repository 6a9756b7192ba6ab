"""D24: every part of what rows do, and of their own slabs, against the formulas of its page, on a few rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from certify.rigor import fp
from certify.systems.head.rows.boxes.bends import bends
from certify.systems.head.rows.boxes.pulls import Ratios, pulls
from certify.systems.head.rows.boxes.slabs import secants
from certify.systems.head.rows.boxes.sums import sums
from certify.systems.head.rows.boxes.trap import Slabs, centre
from certify.theorems.head.rows.bent_box import image
from certify.theorems.head.rows.bent_box.image import Bent, Linear, Taken, bent, linear
from tests.families.logistic_heads import refit

Array = np.ndarray
FREE, K = np.array([0, 2, 3]), 2
SLABS = Slabs(np.array([0.3, 0.5, 0.2, 0.4]), np.array([0.4, 0.1, 0.6, 0.3]), np.array([0.7, 0.0, 0.5, 0.6]),
              np.array([0.2, 0.0, 0.9, 0.5]))
LONG = replace(SLABS, il=np.array([4.0, 0.0, 0.5, 0.6]))


def setting(relabels: bool, gradient: float = 0.0, loose: float = 0.0, stretched: float = 1.0,
            wrong: float = 0.0, far: bool = False) -> Linear:
    """Four weighed rows, and what a centre, curvatures, an inverse and a Hessian are off by, as given.

    With `far` it is where a row of a long slab pulls harder back than forth.
    """
    S = np.array([[1.0, 1.0], [-0.5, 1.0], [0.8, -1.0], [-1.2, -1.0]])
    weights, decay = np.array([0.9, 0.5, 0.7, 1.0]), np.array([0.6, 0.3])
    s = sums(S, decay, 0.0, relabels, weights)
    c = centre(s, s.whole, np.array([3.0, 0.2]) if far else refit(S, weights, decay))
    c = replace(c, gradient=gradient, at=replace(c.at, D_off=np.full(4, loose)))
    at = linear(c, FREE, K)
    assert at is not None
    return replace(at, X=at.X * stretched, H_off=max(at.H_off, wrong))


def ends(b: Bent, e: Array) -> tuple[Array, Array, Array, float]:
    """x, the pulls and what else the changes of free rows do along e, and what is fixed: the formulas, in floats."""
    c, s, slabs, free = b.at.c, b.at.c.sums, b.slabs, b.at.free
    S, kept = s.S, c.kept
    H = (S.T * (kept * c.at.D)) @ S + np.diag(s.decay)
    low = np.linalg.inv((S.T * (kept * secants(c.at, slabs.lo, slabs.hi).least)) @ S + np.diag(s.decay))
    v = b.at.X @ e
    x, g = S @ v, bends(c.at, slabs.lo, slabs.hi) * kept
    beta = np.maximum(x * g[0], x * g[1])
    lam = max(0.0, float(np.linalg.eigvals(low @ ((S.T * beta) @ S)).real.max()))
    if s.relabels:
        size, back = kept[free], 0.0
    else:
        own = pulls(c.at, free, slabs.il[free], slabs.ih[free], None)
        size = np.maximum(own.forth, own.back) * kept[free]
        back = float((own.back * kept[free] / size).max())
    B = np.outer(size, size) * (S[free] @ low @ S[free].T)
    pairs = np.maximum(B, -back * B)
    q = np.diag(B) + np.max(pairs - np.diag(np.diag(pairs)), axis=1)
    root = np.sqrt(np.linalg.norm(low))
    gamma = root * c.gradient
    reach = root * (np.sqrt(np.sort(q)[-K:].sum()) + gamma)
    rest = 0.5 * lam * (1 + image.TINY) * q
    if not s.relabels:
        rest = rest + 0.5 * np.maximum(-beta[free], 0.0) * np.maximum(slabs.il, slabs.ih)[free] ** 2
    fixed = (0.5 * lam * (1 + 1 / image.TINY) * gamma**2 + np.linalg.norm(v) * c.gradient
             + float(kept * np.abs(x) @ (c.at.D_off * slabs.all().max(axis=0)))
             + (np.linalg.norm(H @ v - e) + b.at.H_off * np.linalg.norm(v)) * reach)
    return x[free], size * np.maximum(np.maximum(x[free], -back * x[free]), 0.0), rest, float(fixed)


@pytest.mark.parametrize("relabels", [False, True])
@pytest.mark.parametrize("off", [{}, {"gradient": 0.1}, {"gradient": 1e-9}, {"gradient": 1e-4}, {"loose": 0.01},
                                 {"stretched": 1.05}, {"wrong": 0.02}])
def test_what_changes_do_is_bounded_by_the_formulas(relabels: bool, off: dict[str, float]) -> None:
    b = bent(setting(relabels, **off), SLABS)
    assert b is not None
    E = np.concatenate([b.at.c.sums.S, np.array([[2.0, 0.1], [-0.3, 1.5]])])
    both = b.taken(E, True)
    assert both is not None
    for sign, found in zip((1.0, -1.0), both, strict=True):
        for j, e in enumerate(E):
            x, pull, rest, fixed = ends(b, sign * e)
            for got, true in ((found.pull[j], pull), (found.rest[j], rest), (found.fixed[j], np.array(fixed))):
                assert (got >= true * (1 - 1e-12)).all()
                assert (got <= true * 1.0003 + 1e-12).all()
            assert (found.least[j] <= x).all()
            assert np.allclose(found.least[j], x, atol=1e-12)


def test_a_row_may_pull_harder_back_than_forth() -> None:
    b = bent(setting(False, far=True), LONG)
    assert b is not None
    assert (b.pull.back > 1.2 * b.pull.forth).any()
    E = b.at.c.sums.S
    both = b.taken(E, True)
    assert both is not None
    for sign, found in zip((1.0, -1.0), both, strict=True):
        for j, e in enumerate(E):
            true = ends(b, sign * e)[1]
            assert (found.pull[j] >= true * (1 - 1e-12)).all()
            assert (found.pull[j] <= true * 1.0003 + 1e-6).all()


def test_a_wrong_inverse_counts_where_low_curvatures_are_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    """The inverse lies beyond the float one by a share that is wrong on purpose here, a hundredth."""
    at = setting(False)
    plain = bent(at, SLABS)
    monkeypatch.setattr(image, "judged", lambda H, unsure: (np.linalg.inv(H), 0.01, 1.0))
    wide = bent(at, SLABS)
    assert plain is not None
    assert wide is not None
    assert (wide.rho >= plain.rho / 0.99 * (1 - 1e-9)).all()


def test_own_slabs_of_changed_rows_by_the_formulas() -> None:
    b = bent(setting(False), SLABS)
    assert b is not None
    rng = np.random.default_rng(3)
    pull, rest, fixed = rng.uniform(0.1, 0.5, (4, 3)), rng.uniform(0.0, 0.1, (4, 3)), rng.uniform(0.0, 0.1, 4)
    least = np.ones((4, 3))
    least[2, 1] = -1e-9
    one, place = Taken(pull, rest, fixed, least, np.zeros(4)), np.array([0, -1, 1, 2])
    for falls in (True, False):
        stay, gone = b._apart(one, place, falls)
        for j, i in enumerate(place.tolist()):
            u = np.sort(np.delete(pull[j] + rest[j], i) if i >= 0 else pull[j] + rest[j])[::-1]
            assert np.isclose(stay[j], u[:K].sum() + fixed[j], rtol=1e-9)
            others = u[: K - 1].sum() + fixed[j] + (rest[j, i] if i >= 0 else 0.0)
            if i < 0:
                assert gone[j] == 0.0
            elif falls and least[j, i] < 0.0:
                assert gone[j] == np.inf
            elif falls:
                h = pull[j, i] / b.size[i]
                whole = (h * b.pull.first[i] + others) / (1 - h * b.pull.share[i])
                assert whole * (1 - 1e-12) <= gone[j] <= whole * (1 + 1e-6)
            else:
                assert (pull[j, i] + others) * (1 - 1e-12) <= gone[j] <= (pull[j, i] + others) * (1 + 1e-6)


def test_slabs_of_relabelled_rows_are_those_of_rows_that_stay() -> None:
    b = bent(setting(True), SLABS)
    assert b is not None
    assert b.slabs.il.tolist() == SLABS.lo.tolist()
    assert b.slabs.ih.tolist() == SLABS.hi.tolist()


def test_rows_that_count_otherwise_with_their_new_labels_are_refused() -> None:
    at = setting(True)
    ratios = Ratios(np.full(4, 0.5), np.full(4, 0.5))
    assert bent(replace(at, c=replace(at.c, sums=replace(at.c.sums, ratios=ratios))), SLABS) is None


@pytest.mark.parametrize("relabels", [False, True])
def test_half_the_weights_and_half_the_decay_have_the_same_slabs(relabels: bool) -> None:
    S, decay = setting(relabels).c.sums.S, np.array([2.0, 2.0])
    found = []
    for part in (None, 0.5):
        weights = None if part is None else np.full(4, part)
        s = sums(S, decay * (part or 1.0), 0.0, relabels, weights)
        at = linear(centre(s, s.whole, refit(S, np.ones(4), decay)), FREE, K)
        b = None if at is None else bent(at, SLABS)
        one = None if b is None else b.image()
        assert one is not None
        found.append(one.all())
    assert np.allclose(found[0], found[1], rtol=1e-6)
    assert fp.U < found[0][:2].min()
