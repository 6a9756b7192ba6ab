"""What is cut of whole numbers in W5 counts in full: nothing is proved where some vector truly sees `least`."""

from __future__ import annotations

from flint import arb, fmpz_mat

from certify.check.linalg.fixed import Fixed
from certify.check.probed.budgets import within
from certify.check.probed.budgets.weights import Weights
from certify.check.probed.budgets.within import Within

SHARE = (1 - arb(2) ** -30) ** 2
"""c²."""


def test_the_largest_weight_of_each_row():
    assert Weights(((3, 5), (8, 1)), (1, 0)).largest == [2.5, 8]


def test_a_vector_of_which_every_entry_is_cut_by_almost_a_unit(monkeypatch):
    """`R = r·11ᵀ` of 4 rows, no motions, `u = 1`: `Eu = (16r²c² − 1)u`, and the cut takes `4rc²h` of each entry."""
    monkeypatch.setattr(within, "PASS", 10)
    whole, u = 2**20 - 1, fmpz_mat(4, 1, [1] * 4)
    known = Within(Weights((), ()), Fixed(fmpz_mat(4, 4, [whole] * 16), 21, arb(0)), 30, u)
    r, h = arb(whole) / 2**21, arb(2) ** -9
    truth, lost = 2 * (16 * r * r * SHARE - 1), 8 * r * h
    assert not known.proved([], truth) and known.proved([], truth + 0.01 * lost)


def test_an_image_of_which_every_entry_is_cut_by_almost_a_unit():
    """`Y = 1ᵀ` of 4 columns, `R = u = 1`: `Eu = c² − 4e − 1`, and of e nothing is left."""
    weight, turned = 2**10 - 1, fmpz_mat(1, 4, [1] * 4)
    known = Within(Weights(((weight,) * 4,), (60,)), Fixed(fmpz_mat(1, 1, [1]), 0, arb(0)), 30, fmpz_mat(1, 1, [1]))
    known.add(0, turned.transpose(), turned, 0, turned.transpose() * turned, arb(2))
    truth, lost = 1 - SHARE + 4 * weight * arb(2) ** -60, 4 * arb(2) ** -50
    assert not known.proved([arb(0)], truth) and known.proved([arb(0)], truth + lost)
