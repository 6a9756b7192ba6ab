"""D1h: refits without a row lie within the stated distance of every step, whatever weights it comes from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from certify.prove.changed import each_row
from certify.prove.changed.each_row import each_left_out
from certify.systems.head.rows.change import DELETED, Choices
from certify.systems.head.rows.left_out import reference, steps
from certify.systems.head.rows.left_out.inverse import enclose_inverse
from certify.systems.head.rows.left_out.reduced import Reduced
from certify.systems.head.rows.left_out.reference import Reference
from certify.systems.head.rows.left_out.slopes import enclose_gradients
from certify.systems.head.rows.left_out.steps import Left, first_step, next_step, taken
from tests.families.heads import drawn_head
from tests.unit.systems.head.rows.test_refit import truth

LOSSES = ("logistic", "cross_entropy")


def drawn(seed, loss, **members):
    rng = np.random.default_rng([seed, 111, LOSSES.index(loss)])
    scale = float(10.0 ** rng.integers(-1, 2))
    return rng, drawn_head(rng, loss, n=12, d=3, scale=scale, remaining=bool(seed % 2), **members)


def refit_of(head, row):
    """Weights of the exact refit without a row, in floats; None where a label is lost and the intercept runs off."""
    left = np.delete(head.label, row)
    if len(set(left.tolist())) < max(head.k, 2):
        return None
    choices = Choices(np.array([[row]]), np.array([[DELETED]]))
    return np.array([[float(x) for x in one] for one in truth(head, choices)])


def differences(head, V):
    return V if head.k == 1 else V[:-1] - V[-1:]


def norm_of(at, row, D):
    """`|D|_(i)` in floats, the Hessian put together anew."""
    reduced = at.reduced
    z = reduced.phi @ at.V.T
    e = np.exp(np.c_[z, np.zeros(len(z))] - np.maximum(z.max(axis=1), 0.0)[:, None])
    s = (e / e.sum(axis=1, keepdims=True))[:, :-1]
    moved = reduced.phi @ D.T
    bend = (s * moved * moved).sum(axis=1) - (s * moved).sum(axis=1) ** 2
    pull = np.where(reduced.decayed, D, 0.0)
    return np.sqrt(np.delete(bend, row).sum() + reduced.mu[0] * np.einsum("aj,ab,bj->", pull, reduced.Q, pull))


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("seed", range(6))
def test_outputs_of_exact_refits_lie_within_the_ends(loss, seed):
    _, head = drawn(seed, loss)
    ends = each_left_out(head, np.arange(head.n), lambda share: None)
    assert ends is not None
    finite = 0
    for row in range(head.n):
        exact = refit_of(head, row)
        if exact is None:
            assert not np.isfinite(ends.low[row]).any()
            continue
        z = head.points @ exact.T
        z = z - z.mean(axis=1, keepdims=True) if head.k > 1 else z
        room = 1e-13 * np.abs(z).max()
        assert (ends.low[row] <= z + room).all() and (z - room <= ends.high[row]).all()
        finite += np.isfinite(ends.low[row]).all()
        if row in ends.wide:
            V = ends.V[ends.wide.tolist().index(row)]
            assert not np.isfinite(ends.low[row]).all() or np.abs(head.points @ (V - exact).T).max() < 1e9
    assert finite >= 4 or not head.free_intercept or seed in (1, 4, 6)


def stepped(at, head, row, rng, far):
    """Distances that are proved, and true ones, of a chain of steps from weights that far from the refit."""
    exact = refit_of(head, row)
    if exact is None:
        return
    left = Left.of(at, np.array([row]))
    want = differences(head, exact)
    one = first_step(at, left)
    d, near = taken(at, np.zeros((*at.V.shape, 1)), one)
    yield near[0], norm_of(at, row, at.V + d[..., 0] - want)
    d = (want - at.V)[..., None] + far * rng.standard_normal((*at.V.shape, 1)) / np.sqrt(at.V.size)
    found = enclose_gradients(at, np.array([row]), d)
    one = next_step(at, left, found)
    yield one.before[0], norm_of(at, row, at.V + d[..., 0] - want)
    yield one.near[0], norm_of(at, row, at.V + d[..., 0] - one.t[..., 0] - want)


def counted(loss, seeds, wrong=lambda at: at, off=0.0):
    """How many distances are finite, tight and false."""
    finite = tight = false = 0
    for seed in seeds:
        rng, head = drawn(seed, loss)
        reduced = Reduced.of(head)
        V = each_row.near_whole(reduced)
        at = Reference.of(reduced, V + off * rng.standard_normal(V.shape))
        if at is None:
            continue
        at = wrong(at)
        with np.errstate(all="ignore"):
            for row in range(0, head.n, 2):
                for far in (1e-1, 1e-4):
                    for near, true in stepped(at, head, row, rng, far):
                        finite += np.isfinite(near)
                        tight += near < 10 * true
                        false += true > near * (1 + 1e-6) + 1e-12
    return finite, tight, false


@pytest.mark.parametrize("loss", LOSSES)
def test_every_step_leads_as_near_as_is_said(loss):
    finite, tight, false = counted(loss, range(8))
    assert finite > 80 and tight > finite / 5 and not false


def test_weights_away_from_the_minimum_are_an_error_that_is_counted(monkeypatch):
    monkeypatch.setattr(reference, "CHORDS", 0)
    assert not counted("logistic", range(8), off=1e-5)[2]
    assert counted("logistic", range(8), lambda at: replace(at, near=0.0), off=1e-5)[2]


@pytest.mark.parametrize("wrong", ["rho", "ratio"])
def test_wrong_versions_are_caught(wrong, monkeypatch):
    """Curvature that never changes within a ball, or on the way to it."""
    plain = steps.next_step
    if wrong == "ratio":
        monkeypatch.setitem(globals(), "next_step",
                            lambda at, left, found: plain(at, left, replace(found, ratio=np.ones_like(found.ratio))))
    assert counted("logistic", range(12), lambda at: replace(at, rho=0.0) if wrong == "rho" else at)[2]


@pytest.mark.parametrize("seed", [2, 3])
def test_what_is_left_of_the_decay(seed):
    _, head = drawn(seed, "logistic")
    at = Reference.of(Reduced.of(head), each_row.near_whole(Reduced.of(head)))
    assert at.kept == 1.0 if seed == 2 else 11 / 12 * (1 - 1e-14) < at.kept < 11 / 12


def test_an_output_along_the_row_needs_what_the_row_held():
    """Weights that err along `A_i⁻¹c` fill `|c|_(i*)`; without the factor for the row the output is not enclosed."""
    caught = 0
    for seed in range(0, 12, 2):
        rng, head = drawn(seed, "logistic", free=False, decay=0.02)
        phi = np.hstack([np.diag(rng.uniform(1.0, 4.0, head.n)), np.full((head.n, 1), 1e-3)])
        head = replace(head, phi=phi, points=phi, points_rad=np.zeros(head.n), decayed=np.ones(head.n + 1, dtype=bool),
                       V=np.zeros((1, head.n + 1)))
        reduced = Reduced.of(head)
        at = Reference.of(reduced, each_row.near_whole(reduced))
        for row in range(head.n):
            exact = refit_of(head, row)
            left, c, P = Left.of(at, np.array([row])), reduced.phi[row], at.inverse.P
            way = P @ c / (1.0 - left.M[0, 0, 0] * (c @ P @ c))
            d = (exact - at.V + 1e-6 * way[None] / np.sqrt(c @ way))[..., None]
            one = next_step(at, left, enclose_gradients(at, np.array([row]), d))
            bound, error = np.sqrt(c @ P @ c) * one.before[0], abs(c @ (at.V + d[..., 0] - exact)[0])
            assert error <= bound * left.room[0] * (1 + 1e-6)
            caught += error > bound * 1.05
    assert caught


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("seed", range(4))
def test_lengths_in_the_dual_norm_are_no_less_and_hardly_more(loss, seed):
    _, head = drawn(seed, loss)
    reduced = Reduced.of(head)
    at = Reference.of(reduced, each_row.near_whole(reduced))
    q, m = at.V.shape
    H = np.array([[norm_of(at, [], e.reshape(q, m)) for e in np.eye(q * m)]])[0] ** 2
    both = [[norm_of(at, [], (e + f).reshape(q, m)) ** 2 - a - b for f, b in zip(np.eye(q * m), H, strict=True)]
            for e, a in zip(np.eye(q * m), H, strict=True)]
    inverse = np.linalg.inv(np.array(both) / 2)

    def size(c, x):
        v = np.outer(c, x).ravel()
        return np.sqrt(v @ inverse @ v)

    contrast = np.array([[size(c, x) for c in reduced.E] for x in reduced.points])
    assert (at.contrast >= contrast * (1 - 1e-6)).all() and (at.contrast <= contrast * 1.001).all()
    ends = np.vstack([np.eye(q), np.zeros(q)])
    assert at.rho >= (1 - 1e-6) * max(size(c - e, x) for x in reduced.phi for c in ends for e in ends)
    assert (at.kappa >= (1 - 1e-6) * np.array([max(size(c, x) for c in np.eye(q)) for x in reduced.phi])).all()
    last, others = at.flat
    assert last**2 >= (1 - 1e-6) * np.linalg.norm(inverse[m - 1 :: m, m - 1 :: m], 2)
    free = np.arange(q * m) % m != m - 1 if head.free_intercept else np.ones(q * m, dtype=bool)
    assert others**2 >= (1 - 1e-6) * np.linalg.norm(inverse[np.ix_(free, free)], 2)


def test_an_inverse_is_held_from_both_sides():
    rng = np.random.default_rng(0)
    B = rng.standard_normal((40, 25))
    H = B.T @ B + np.diag(10.0 ** rng.uniform(-3, 3, 25))
    found = enclose_inverse(H.copy(), 1e-9)
    assert found is not None and (found.P == found.P.T).all() and found.error < 1e-5
    values = np.linalg.eigvals(H @ found.P).real
    assert np.abs(values - 1).max() <= found.error and np.linalg.norm(H, 2) <= found.top
    assert np.linalg.norm(found.P, 2) <= found.size


@pytest.mark.parametrize("H", [np.diag([1.0, -1e-300]), np.diag([1.0, np.nan]), np.diag([1.0, np.inf]),
                               np.zeros((2, 2)), np.ones((2, 2)), np.diag([1.0, 1e-17])])
def test_what_is_not_positive_definite_has_none(H):
    assert enclose_inverse(H.copy(), 1e-16) is None


@pytest.mark.parametrize("wide", [np.nan, np.inf, 1e200])
def test_weights_that_are_no_start_prove_nothing(wide):
    _, head = drawn(2, "cross_entropy")
    reduced = Reduced.of(head)
    with np.errstate(all="ignore"):
        assert Reference.of(reduced, np.full((reduced.q, reduced.m), wide)) is None


@pytest.mark.parametrize("scale", [1e-150, 1e60, 1e140, 1e160])
def test_rows_of_odd_sizes_prove_nothing_or_what_is_true(scale):
    _, head = drawn(2, "cross_entropy", decay=0.1, free=False)
    head = replace(head, phi=head.phi * scale, points=head.points * scale)
    ends = each_left_out(head, np.arange(2), lambda share: None)
    if ends is not None and np.isfinite(ends.low[0]).all():
        z = head.points @ refit_of(head, 0).T
        z = z - z.mean(axis=1, keepdims=True)
        room = 1e-12 * np.abs(z).max()
        assert (ends.low[0] <= z + room).all() and (z - room <= ends.high[0]).all()


def test_moves_that_are_no_numbers_or_too_far_prove_nothing():
    _, head = drawn(2, "cross_entropy")
    reduced = Reduced.of(head)
    at = Reference.of(reduced, each_row.near_whole(reduced))
    rows = np.arange(4)
    d = np.zeros((reduced.q, reduced.m, 4))
    d[0, 0, 1], d[0, 0, 2], d[0, 0, 3] = np.nan, np.inf, 1e6
    with np.errstate(all="ignore"):
        found = enclose_gradients(at, rows, d)
        one = next_step(at, Left.of(at, rows), found)
    assert np.isfinite(found.error[0]) and not np.isfinite(found.error[1:]).any()
    assert not np.isfinite(one.near[1:]).any() and not np.isfinite(one.before[1:]).any()


def test_heads_of_another_form_are_not_asked():
    rng = np.random.default_rng(1)
    head = drawn_head(rng, "cross_entropy")
    assert Reduced.able(head) and not each_row.able(head)  # too small: solved one by one
    assert not Reduced.able(drawn_head(rng, "squared"))
    assert not Reduced.able(replace(head, phi_rad=np.full(head.n, 1e-9)))
    assert not Reduced.able(replace(head, points_rad=np.full(len(head.points), 1e-9)))


def test_columns_that_no_row_has_are_left_out_and_come_back():
    _, head = drawn(3, "cross_entropy")
    phi = np.insert(head.phi, 1, 0.0, axis=1)
    wider = replace(head, phi=phi, points=np.insert(head.points, 1, 5.0, axis=1), V=np.insert(head.V, 1, 1.0, axis=1),
                    decayed=np.insert(head.decayed, 1, True))
    reduced = Reduced.of(wider)
    assert reduced.m == head.m
    V = reduced.restored(np.ones((reduced.q, reduced.m)))
    assert V.shape == wider.V.shape and not V[:, 1].any() and np.abs(V.sum(axis=0)).max() < 1e-12
