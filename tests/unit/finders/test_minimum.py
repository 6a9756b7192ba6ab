"""The least loss: closed forms, gradients at rounding level, and what has no least."""

from __future__ import annotations

import numpy as np
import pytest

from certify.finders import minimum
from certify.finders.minimum import ROUNDING, Ended, minimise
from certify.network.layers.plain import PlainLoss
from certify.network.network import Network


def head(X, aims, word, decay, bias=True, **more):
    k = aims.shape[1]
    net = Network((np.zeros((k, X.shape[1])),), (np.zeros(k) if bias else None,), "identity")
    return PlainLoss(net, X, aims, word, (1,), decay, **more)


def cancer():
    data = pytest.importorskip("sklearn.datasets").load_breast_cancer()
    X = (data.data - data.data.mean(axis=0)) / data.data.std(axis=0)
    return X, np.where(data.target > 0, 1.0, -1.0)[:, None]


@pytest.mark.parametrize("bias_decay", [True, False])
def test_ridge_lands_on_the_closed_form(bias_decay):
    rng = np.random.default_rng(0)
    X, y, s = rng.normal(size=(200, 30)) * np.logspace(0, 3, 30), rng.normal(size=(200, 2)), rng.uniform(0.5, 2, 200)
    found = minimise(head(X, y, "squared", 0.1, bias_decay=bias_decay, shares=s))
    F = np.hstack([X, np.ones((200, 1))])
    D = np.diag([0.1] * 30 + [0.1 * bias_decay])
    V = np.linalg.solve(F.T @ (s[:, None] * F) / 200 + D, F.T @ (s[:, None] * y) / 200).T
    exact = np.concatenate([V[:, :30].ravel(), V[:, 30]])
    assert found.ended is Ended.CRITICAL
    assert np.abs(found.w - exact).max() <= 1e-12 * np.abs(exact).max()


@pytest.mark.parametrize("word", ["logistic", "squared_hinge", "one_vs_rest"])
def test_a_head_on_breast_cancer_ends_at_rounding(word):
    X, signs = cancer()
    found = minimise(head(X, signs, word, 1 / 569, bias_decay=False))
    assert found.ended is Ended.CRITICAL and found.gradient <= 1e-12


def test_features_as_they_come_end_at_rounding():
    data = pytest.importorskip("sklearn.datasets").load_breast_cancer()
    found = minimise(head(data.data, np.where(data.target > 0, 1.0, -1.0)[:, None], "logistic", 1 / 569))
    assert found.ended is Ended.CRITICAL and found.gradient <= ROUNDING * found.scale


def test_the_softmax_head_by_products_is_the_one_by_a_factorisation(monkeypatch):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 6))
    aims = np.eye(3)[np.argmax(X[:, :3] + rng.normal(size=(100, 3)), axis=1)]
    direct = minimise(head(X, aims, "cross_entropy", 0.01, bias_decay=False))
    monkeypatch.setattr(minimum, "DENSE", 0)
    products = minimise(head(X, aims, "cross_entropy", 0.01, bias_decay=False))
    assert direct.ended is products.ended is Ended.CRITICAL
    free = products.w[-1] - direct.w[-1]  # one number added to all biases changes nothing
    assert np.allclose(direct.w[:-3], products.w[:-3], rtol=0, atol=1e-10)
    assert np.allclose(direct.w[-3:] + free, products.w[-3:], rtol=0, atol=1e-10)


@pytest.mark.parametrize("dense", [0, 2000])
def test_a_network_ends_at_rounding(monkeypatch, dense):
    monkeypatch.setattr(minimum, "DENSE", dense)
    rng = np.random.default_rng(3)
    X, signs = cancer()
    net = Network((rng.normal(size=(4, 30)) / 6, rng.normal(size=(1, 4))), (np.zeros(4), np.zeros(1)), "tanh")
    told: list[float] = []
    found = minimise(PlainLoss(net, X, signs, "logistic", (1, 2), 1e-2), tell=lambda _, share: told.append(share))
    assert found.ended is Ended.CRITICAL and found.gradient <= ROUNDING * found.scale and min(found.steps) > 0
    assert told and max(told) < 1


def test_data_that_can_be_separated_have_no_least_without_decay():
    X, signs = np.array([[1.0], [2.0], [-1.0]]), np.array([[1.0], [1.0], [-1.0]])
    for word in ("logistic", "one_vs_rest"):
        assert minimise(head(X, signs, word, 0.0)).ended is Ended.ENDLESS
    assert minimise(head(X, np.eye(2)[[0, 0, 1]], "cross_entropy", 0.0)).ended is Ended.ENDLESS
    assert minimise(head(X, signs, "squared_hinge", 0.0)).ended is Ended.CRITICAL  # it is 0 from margin 1 on
    assert minimise(head(X, np.full((3, 2), 0.5), "cross_entropy", 0.0)).ended is Ended.CRITICAL  # soft targets
    mixed = np.array([[1.0], [-1.0], [-1.0]])
    assert minimise(head(X, mixed, "logistic", 0.0)).ended is Ended.CRITICAL


def test_counts_that_are_all_zero_have_no_least_without_decay():
    assert minimise(head(np.ones((3, 1)), np.zeros((3, 1)), "poisson", 0.0)).ended is Ended.ENDLESS


def test_data_of_which_a_part_can_be_separated_have_no_least_without_decay():
    X = np.array([[1.0, 0.0], [2.0, 0.0], [-1.0, 0.0], [0.0, 1.0]])  # the last row alone has the second feature
    signs = np.array([[1.0], [-1.0], [-1.0], [1.0]])
    assert minimise(head(X, signs, "logistic", 0.0)).ended is Ended.ENDLESS
    assert minimise(head(X, signs, "logistic", 1e-9)).ended is Ended.CRITICAL


def test_a_least_loss_at_a_kink_is_said():
    """The output `1 + 2relu(v) + 2relu(−w)` with target 0 is least, 1, where a unit is at its kink."""
    net = Network((np.array([[1.0], [-1.0]]), np.array([[2.0, 2.0]])), (None, np.ones(1)), "relu")
    found = minimise(PlainLoss(net, np.ones((1, 1)), np.zeros((1, 1)), "squared", (1,)))
    assert found.ended is Ended.KINK and found.kinks > 0 and found.value == pytest.approx(0.5)


def test_time_that_is_up_ends_the_search():
    X, signs = cancer()
    found = minimise(head(X, signs, "logistic", 0.01), seconds=0.0)
    assert found.ended is Ended.TIME and not found.w.any()


def test_the_loss_never_rises_and_a_critical_point_stays():
    X, signs = cancer()
    start = head(X, signs, "logistic", 0.01)
    first = minimise(start)
    assert first.value < start.at(start.given).value
    again = minimise(PlainLoss(start.network_at(first.w), X, signs, "logistic", (1,), 0.01))
    assert again.ended is Ended.CRITICAL and np.allclose(again.w, first.w, rtol=0, atol=1e-13)
