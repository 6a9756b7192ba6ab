"""The training loss of a sublevel problem: the mean over rows, and what weights that learn cost."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from flint import arb

from certify.check.enclosure.gradients import total_loss


@pytest.mark.parametrize(("decay", "loss"), [(0.0, 2.0), (0.5, 2.0 + 0.25 * 14), (2.0, 16.0)])
def test_the_mean_and_half_of_the_decay_times_squares(decay, loss):
    layers = (SimpleNamespace(weights=(1.0,), biases=(-2.0,)), SimpleNamespace(weights=(3.0,), biases=None))
    problem = SimpleNamespace(weight_decay=decay, graph=None, layers=layers)
    assert total_loss(problem, [arb(1), arb(3)]) == loss
