"""The norms of the weights and of one row's change: every word has its object, and it rounds outward."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from certify.format import words
from certify.format.errors import InputError
from certify.network.network import Network
from certify.problem.norms.function import Reference
from certify.problem.norms.row_norm import ROW_NORMS
from certify.problem.norms.table import WEIGHT_NORMS

NET = Network((np.array([[3.0, 4.0]]), np.array([[0.5]])), (np.zeros(1), None), "tanh")
SEEN = Reference(np.ones((3, 2)), 2.0**-3 + 2.0**-50)


def test_every_word_has_a_norm_and_the_format_says_which_has_rows():
    assert list(WEIGHT_NORMS) == [str(word) for word in words.WeightNorm]
    for word, norm in WEIGHT_NORMS.items():
        made = norm(SEEN if words.WeightNorm(word).rows else None)
        assert made.word == word and bool(made.rows) is words.WeightNorm(word).rows
        assert bool(made.stated()) is words.WeightNorm(word).rows


def test_layers_count_by_their_norm():
    assert WEIGHT_NORMS["euclidean"](None).scale(NET, (1, 2)).plain
    assert WEIGHT_NORMS["relative"](None).scale(NET, (1,)).squares == (25, 1)
    assert WEIGHT_NORMS["function"](SEEN).scale(NET, (1, 2)).plain


def test_a_layer_of_zeros_has_no_relative_size():
    net = Network((np.zeros((1, 2)), np.array([[0.5]])), (None, None), "tanh")
    with pytest.raises(InputError, match="all weights of layer 1 are 0"):
        WEIGHT_NORMS["relative"](None).scale(net, (1, 2))


def test_ends_in_the_function_norm_are_rounded_outward():
    lower, upper = WEIGHT_NORMS["function"](SEEN).lengths(1.1, 1.1)
    exact = Fraction(1.1) * Fraction(SEEN.tau)
    assert lower is not None and upper is not None and Fraction(lower) < exact < Fraction(upper)
    assert WEIGHT_NORMS["function"](SEEN).lengths(None, None) == (None, None)
    assert WEIGHT_NORMS["relative"](None).lengths(1.1, None) == (1.1, None)


def test_the_dual_of_a_row_norm_is_attained_and_its_ball_has_that_spread():
    assert tuple(ROW_NORMS) == words.ROW_NORMS
    rng = np.random.default_rng(2)
    for norm in ROW_NORMS.values():
        y = rng.standard_normal((4, 3))
        u = rng.standard_normal((2000, 3))
        u /= np.linalg.norm(u, ord=norm.order, axis=1, keepdims=True)
        assert (np.einsum("ij,kj->ki", y, u) <= norm.dual(y) + 1e-12).all()
        assert (np.sum(u * u, axis=1) <= norm.spread(3) + 1e-12).all()
    assert np.allclose(ROW_NORMS["inf"].dual(np.array([[1.0, -2.0]])), 3.0)
    assert np.allclose(ROW_NORMS[1].dual(np.array([[1.0, -2.0]])), 2.0)
