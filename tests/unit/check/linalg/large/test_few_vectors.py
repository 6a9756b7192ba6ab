"""What a few vectors say where their own forms are hardly known: nothing that is false of one matrix among all."""

from __future__ import annotations

import numpy as np
import pytest
from flint import arb, arb_mat

from certify.check.linalg.balls import ZERO
from certify.check.linalg.definite import Truth
from certify.check.linalg.large.few_vectors import Few


@pytest.mark.parametrize("square, truth", [(0.01, Truth.PROVED), (0.125, Truth.UNDECIDED), (0.45, Truth.UNDECIDED)])
def test_a_form_that_may_be_nearly_the_end_leaves_little_for_the_rest(square, truth):
    """Of `[[b, ν], [ν, ½]]`, `b` in ½ ± 0.45, by the first unit vector: some have an eigenvalue above 1, or none."""
    away, near = arb_mat([[square]]), arb(0.5, 0.45)
    few = Few(arb_mat([[1]]), arb_mat([[near]]), away, arb(0.5))
    worst = np.linalg.eigvalsh([[0.95, square**0.5], [square**0.5, 0.5]])[-1]
    assert few.below(arb(1), ZERO) is truth and (truth is Truth.PROVED) == (worst < 1)
    sharp = Few(arb_mat([[1]]), arb_mat([[0.5]]), away, arb(0.5))
    assert (sharp.below(arb(1), ZERO) is Truth.PROVED) == (square < 0.25)
