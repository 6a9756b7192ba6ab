"""What losses say in floats, for finders and the line about the fit, against their enclosures."""

from __future__ import annotations

import numpy as np
import pytest

from certify.network.loss.hessian import enclose_loss_hessians
from certify.network.loss.losses import LOSSES, enclose_losses
from certify.rigor.arithmetic import DoubleDouble
from certify.rigor.ball import exact_points

CASES = [("squared", 3, "y"), ("logistic", 1, "labels"), ("cross_entropy", 3, "labels"), ("cross_entropy", 3, "y")]


@pytest.mark.parametrize(("word", "k", "kind"), CASES)
def test_values_slopes_and_curvatures_are_those_that_are_enclosed(word, k, kind):
    rng, loss, n = np.random.default_rng(4), LOSSES[word], 6
    f, y, labels = rng.standard_normal((n, k)), None, None
    if kind == "y":
        y = rng.random((n, k))
    else:
        labels = rng.integers(0, max(k, 2), n)
    assert loss.lacking(y, labels) is None
    terms = enclose_losses(word, exact_points(f, DoubleDouble()), y, labels, DoubleDouble())
    H = enclose_loss_hessians(word, terms, y, labels, DoubleDouble()).mid.hi
    aims = loss.aims(y, labels, k)
    values, hits = loss.rough(f, aims)
    total, slopes = loss.ascent(f, aims)
    assert np.allclose(values, terms.value, atol=1e-12) and 0 <= hits <= n
    assert np.isclose(total, terms.value.sum(), atol=1e-12)
    assert np.allclose(slopes, terms.slopes.mid.hi, atol=1e-12)
    assert np.allclose(loss.rough_slopes(f, aims), slopes, atol=1e-12)
    for a in range(k):
        for b in range(k):
            assert np.allclose(loss.rough_curvature(slopes, aims, a, b), H[:, a, b], atol=1e-12)


@pytest.mark.parametrize(("word", "y", "labels"), [
    ("squared", None, np.array([0])), ("logistic", np.ones((1, 1)), None), ("cross_entropy", None, None)])
def test_what_a_loss_cannot_read_is_named(word, y, labels):
    lacking = LOSSES[word].lacking(y, labels)
    assert lacking is not None and all(lacking)
