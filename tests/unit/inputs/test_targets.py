"""What each loss takes as targets."""

from __future__ import annotations

import numpy as np
import pytest

from certify.format.errors import InputError
from certify.format.words import Loss, words
from certify.inputs.targets import TARGETS


def test_every_loss_has_its_targets():
    assert set(TARGETS) == set(words(Loss))


@pytest.mark.parametrize(("loss", "kind", "shape", "labels"), [
    ("squared", int, (3,), False), ("logistic", float, (3, 1), True), ("cross_entropy", int, (3,), True),
    ("cross_entropy", int, (3, 1), True), ("cross_entropy", int, (3, 2), False), ("cross_entropy", float, (3,), False),
])
def test_which_arrays_are_labels(loss, kind, shape, labels):
    assert TARGETS[loss].are_labels(np.zeros(shape, kind)) is labels


@pytest.mark.parametrize(("loss", "values", "allowed"), [
    ("logistic", [0, 1, 2], [True, True, False]), ("logistic", [-1, 0, 1], [True, False, True]),
    ("cross_entropy", [0, 1, 2, -1], [True, True, False, False]),
])
def test_which_labels_are_those_of_the_loss(loss, values, allowed):
    assert TARGETS[loss].allowed(np.array(values, float), 2)[0].tolist() == allowed


@pytest.mark.parametrize("row", [[0.5, 0.4], [1.5, -0.5]])
def test_a_row_that_is_no_probability_is_refused(row):
    y = np.array([[0.5, 0.5], row])
    with pytest.raises(InputError, match="row 1"):
        TARGETS["cross_entropy"].taken(y, "array 'y'")
    assert TARGETS["squared"].taken(y, "array 'y'") is y
