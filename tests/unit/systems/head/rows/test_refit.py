"""D1: the refit lies within the stated distance of whatever weights are proposed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from flint import arb, arb_mat, ctx

from certify.finders.head.refits import Refitter
from certify.systems.head.rows import plainly
from certify.systems.head.rows.change import DELETED, NONE, Choices
from certify.systems.head.rows.losses import HEAD_LOSSES
from certify.systems.head.rows.refit import _change, enclose_refits, enclose_slopes
from tests.families.heads import drawn_head
from tests.families.other_heads import weights_of
from tests.oracles.head_refit import BITS, _slope, refit

LOSSES = ("squared", "logistic", "cross_entropy")


def drawn_choice(rng, head, relabels):
    rows = np.sort(rng.choice(head.n, size=2, replace=False))
    codes = [DELETED if not relabels else int(rng.choice([c for c in range(len(head.codes)) if c != head.label[i]]))
             for i in rows]
    return Choices(rows[None], np.array([codes]))


def truth(head, choices):
    gone = [int(i) for i, c in zip(choices.rows[0], choices.codes[0], strict=True) if i != NONE and c == DELETED]
    new = {int(i): head.codes[c].tolist() for i, c in zip(choices.rows[0], choices.codes[0], strict=True)
           if i != NONE and c != DELETED}
    with ctx.workprec(BITS):
        mu = arb(head.weight_decay) * (head.n - len(gone) if head.remaining else head.n)
        codes = {int(i): int(c) for i, c in zip(choices.rows[0], choices.codes[0], strict=True)
                 if i != NONE and c != DELETED}
        return refit(head.phi.tolist(), head.Y.tolist(), head.loss.name, mu, head.decayed.tolist(), gone, new,
                     weights_of(head, gone, codes))


def away(head, V, exact):
    """The distance to the exact refit; of a shifted loss with a free intercept to the nearest one."""
    with ctx.workprec(BITS):
        D = [[arb(x) - y for x, y in zip(*pair, strict=True)] for pair in zip(V.tolist(), exact, strict=True)]
        if head.loss.shifted and head.free_intercept:
            mean = sum((row[-1] for row in D), arb(0)) / len(D)
            D = [[*row[:-1], row[-1] - mean] for row in D]
        return sum((x * x for row in D for x in row), arb(0)).sqrt()


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("relabels", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_the_refit_lies_within_the_distance(loss, relabels, seed):
    rng = np.random.default_rng([seed, relabels, LOSSES.index(loss)])
    head = drawn_head(rng, loss, n=9, scale=float(10.0 ** rng.integers(-2, 2)),
                      remaining=bool(seed % 2) and not relabels)
    choices = drawn_choice(rng, head, relabels)
    exact = truth(head, choices)
    near = np.array([[float(x) for x in row] for row in exact])
    finite = 0
    for off in (0.0, 1e-12, 1e-6, 1e-2, 1.0):
        V = near + off * rng.normal(size=near.shape)
        bound = enclose_refits(head, choices, V[None])[0]
        assert away(head, V, exact) <= bound
        finite += np.isfinite(bound)
    assert finite >= 2


NOTHING = Choices(np.full((1, 0), NONE), np.full((1, 0), NONE))


def exact_gradient(head):
    """Its length at the given weights."""
    with ctx.workprec(BITS):
        phi, V = arb_mat(head.phi.tolist()), arb_mat(head.V.tolist())
        Z = (phi * V.transpose()).tolist()
        g = arb_mat([_slope(head.loss.name, z, y) for z, y in zip(Z, head.Y.tolist(), strict=True)])
        whole = g.transpose() * phi + V * (arb(head.weight_decay) * head.n)
        return sum((x * x for x in whole.entries()), arb(0)).sqrt()


@pytest.mark.parametrize("slopes", [enclose_slopes, plainly.enclose_slopes])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("size", [1.0, 1e-9, 1e7, 1e12, 1e100])
def test_gradients_of_long_columns_are_known_as_finely_as_a_checker_asks(slopes, loss, size):
    """An intercept beside incomes: its rounding is that of its own term, and not of a row as long as the income."""
    rng = np.random.default_rng(int(np.log10(size)) + 10)
    head = drawn_head(rng, loss, d=3, free=False)
    units = np.array([size, size, size * 10.0, 1.0])
    head = replace(head, phi=head.phi * units, V=head.V / units)
    found, true = float(slopes(head, NOTHING, head.V[None]).size[0]), exact_gradient(head)
    longest = float(np.linalg.norm(head.phi, axis=1).max())
    output = longest * np.linalg.norm(head.V[:, :-1]) + np.linalg.norm(head.V[:, -1])  # of V7, as a checker counts it
    assert true <= found
    assert found - float(true) <= 2.0**-32 * longest * (output + 2.0) + 2.0**-50 * float(true)


@pytest.mark.parametrize("slopes", [enclose_slopes, plainly.enclose_slopes])
@pytest.mark.parametrize("size", [1.0, 1e7, 1e100])
def test_what_outputs_in_floats_err_by_counts_where_targets_are_these(slopes, size):
    """All slopes are 0 in floats, and what is left of the gradient is rounding: it is not 0."""
    for seed in range(8):
        rng = np.random.default_rng(seed)
        units = np.array([size] * 30 + [1.0])
        head = drawn_head(rng, "squared", n=5, d=30, free=False, decay=1e-30)
        head = replace(head, phi=head.phi * units, V=rng.normal(size=(1, 31)) / units)
        head = replace(head, Y=head.phi @ head.V.T)
        found, true = float(slopes(head, NOTHING, head.V[None]).size[0]), exact_gradient(head)
        assert 0 < true <= found < 2.0**-36 * size * np.abs(head.phi).max()


def test_even_columns_hold_what_underflow_takes():
    rng = np.random.default_rng(7)
    head = drawn_head(rng, "squared", d=3, free=False)
    head = replace(head, phi=head.phi * np.array([1e-250, 1e300, 0.0, 1.0]))
    s, norms = head.even
    exact = [[arb(x) / arb(y) for x, y in zip(row, s.tolist(), strict=True)] for row in head.phi.tolist()]
    for row, norm in zip(exact, norms.tolist(), strict=True):
        assert sum((x * x for x in row), arb(0)).sqrt() <= norm
    assert (norms <= 4.0).all() and s.min() >= 2.0**-500
    for V in (np.full((1, 1, 4), 1e-320), np.full((1, 1, 4), 1e-200), rng.normal(size=(1, 1, 4))):
        true = sum((arb(x) ** 2 * arb(y) ** 2 for x, y in zip(V.ravel().tolist(), s.tolist(), strict=True)), arb(0))
        assert true.sqrt() <= float(head.even_lengths(V)[0])


@pytest.mark.parametrize("loss", LOSSES)
def test_it_is_tight_where_the_curvature_is_the_decay(loss):
    # far out along a direction that no row sees, the gradient is the decay alone: the bound is the distance
    rng = np.random.default_rng(5)
    head = drawn_head(rng, loss, d=3, free=False, decay=0.5)
    head.phi[:, 1] = 0.0
    choices = Choices(np.array([[0]]), np.array([[DELETED]]))
    exact = truth(head, choices)
    V = np.array([[float(x) for x in row] for row in exact])
    V[0, 1] += 0.25
    bound = enclose_refits(head, choices, V[None])[0]
    assert 0.25 * (1 - 1e-9) <= bound <= 0.25 * (1 + 1e-6)


def test_weights_that_are_no_numbers_prove_nothing():
    head = drawn_head(np.random.default_rng(0), "logistic")
    choices = Choices(np.array([[0], [1], [2]]), np.full((3, 1), DELETED))
    V = np.zeros((3, 1, 3))
    V[0, 0, 0], V[1, 0, 0] = np.nan, np.inf
    found = enclose_refits(head, choices, V)
    assert np.isinf(found[:2]).all() and np.isfinite(found[2])


def test_a_free_intercept_needs_a_ball_that_holds_the_refit():
    # far from the refit the curvature along the intercept dies out, and nothing is proved
    head = drawn_head(np.random.default_rng(1), "logistic", free=True)
    choices = Choices(np.array([[0]]), np.array([[DELETED]]))
    V = np.full((1, 1, 3), 300.0)
    assert np.isinf(enclose_refits(head, choices, V)[0])


def test_batches_agree_with_single_changes():
    rng = np.random.default_rng(2)
    head = drawn_head(rng, "cross_entropy", n=10)
    rows = np.array([[0, 3], [1, 2], [4, NONE]])
    codes = np.array([[(head.label[0] + 1) % 3, (head.label[3] + 1) % 3], [DELETED, DELETED], [DELETED, NONE]])
    V = rng.normal(size=(3, 3, 3))
    together = enclose_refits(head, Choices(rows, codes), V)
    alone = [enclose_refits(head, Choices(rows[i : i + 1], codes[i : i + 1]), V[i : i + 1])[0] for i in range(3)]
    assert np.allclose(together, alone, rtol=1e-9)


def test_outputs_that_overflow_prove_nothing_and_leave_the_others_alone():
    for free in (False, True):
        head = drawn_head(np.random.default_rng(0), "logistic", free=free, decay=0.1)
        choices = Choices(np.array([[0], [1]]), np.full((2, 1), DELETED))
        V = Refitter(head).solve(choices)
        V[0] = 1e308 * np.sign(head.phi[0])
        found = enclose_refits(head, choices, V)
        assert np.isinf(found[0]) and np.isfinite(found[1])


def test_the_curvature_of_the_logistic_loss_is_not_known_infinitely_far_away():
    Z, radius = np.array([[0.0], [0.0], [np.nan]]), np.array([np.inf, 1.0, 0.0])
    floor = HEAD_LOSSES["logistic"].floor(Z, radius, np.zeros_like(Z))
    assert floor[0] == floor[2] == 0.0 < floor[1] < 0.25


def test_the_curvature_of_a_softmax_is_below_its_least_probability_in_the_whole_ball():
    loss, rng, near = HEAD_LOSSES["cross_entropy"], np.random.default_rng(20261203), 0
    for _ in range(200):
        k = int(rng.integers(2, 6))
        Z, radius = rng.normal(size=(1, k)) * 10.0 ** rng.uniform(-2, 1.5), np.array([10.0 ** rng.uniform(-6, 1)])
        g, _ = loss.slopes(Z, np.eye(k)[rng.integers(k)][None])
        with ctx.workprec(200):  # all mass that one output can take from another moves there
            e = [(arb(z) - arb(Z.max())).exp() for z in Z[0]]
            least = min(e, key=lambda x: float(x.mid())) / sum(e, arb(0)) * (-2 * arb(radius[0])).exp()
            found = arb(float(loss.floor(Z, radius, g)[0]))
            assert not found > least
            near += bool(found > 0.99 * least)
    assert near > 50


def test_a_row_on_which_its_refit_rests_alone_is_solved_all_the_same():
    head = drawn_head(np.random.default_rng(0), "squared", n=1, d=1, free=True, decay=1e-300)
    V = Refitter(head).solve(Choices(np.array([[0]]), np.array([[1 - head.label[0]]])))
    assert V.shape == (1, 1, 2)


def test_the_slope_of_a_new_target_errs_by_its_own_size():
    head = drawn_head(np.random.default_rng(0), "squared", n=4, d=1, free=False)
    far = 1e20
    head.codes[1 - head.label[0]] = far
    choices = Choices(np.array([[0]]), np.array([[1 - head.label[0]]]))
    assert _change(head, choices, 0, np.full((4, 1, 1), 1 / 3)) >= 2.0**-53 * far
    assert _change(head, Choices(np.array([[0]]), np.array([[DELETED]])), 0, np.zeros((4, 1, 1))) == 0.0


@pytest.mark.parametrize("loss", LOSSES)
def test_a_slope_moves_with_its_target_and_its_curvature_is_no_more_than_it_is(loss):
    rng, of = np.random.default_rng(LOSSES.index(loss)), HEAD_LOSSES[loss]
    k = 3 if loss == "cross_entropy" else 1
    codes = np.eye(3) if k == 3 else np.array([[-1.0], [1.0]])
    Z = rng.normal(size=(200, k)) * 10.0 ** rng.integers(-3, 3, size=(200, 1))
    old, new = codes[rng.integers(len(codes), size=200)], codes[rng.integers(len(codes), size=200)]
    (g, error), (h, _) = of.slopes(Z, old), of.slopes(Z, new)
    assert np.abs(g + of.moves(old, new) - h).max() <= 2 * error + 2.0**-51 * (1 + np.abs(h).max())
    true = np.linalg.eigvalsh(of.guess_curvatures(Z, old))[:, k - 1 and 1]  # of a shifted loss the first is 0
    assert (of.curvatures(g, error) <= true + 1e-14).all()
    assert (np.abs(g) <= of.steepest).all()
