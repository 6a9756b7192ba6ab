"""What the table of losses refuses; their enclosures are attacked in tests/containment/."""

from __future__ import annotations

import flint
import numpy as np
import pytest

from certify.format.errors import InputError, SpecError
from certify.format.words import Loss, words
from certify.network.layers.moves import KINDS, Move
from certify.network.layers.objective import Objective
from certify.network.loss.losses import LOSSES, loss_ball, loss_named
from certify.network.network import Network

ONE = [flint.arb(2)]


def test_every_word_has_its_loss():
    assert set(LOSSES) == set(words(Loss)) and all(LOSSES[name].name == name for name in LOSSES)


def test_an_unknown_loss_is_refused_and_is_no_cross_entropy():
    with pytest.raises(InputError, match="use one of squared, cross_entropy, logistic"):
        loss_named("hinge")
    with pytest.raises(InputError, match="'hinge'"):
        Objective(Network((np.ones((1, 2)),), (None,), "identity"), np.ones((1, 2)), "hinge", labels=np.zeros(1, int))


@pytest.mark.parametrize(("loss", "target", "label", "found"), [
    ("squared", None, None, "no target"), ("squared", None, 0, "no target"),
    ("logistic", np.ones(1), None, "no labels"),
    ("logistic", None, None, "no target"), ("cross_entropy", None, None, "no target"),
])
def test_a_row_without_the_target_of_its_loss_is_refused(loss, target, label, found):
    with pytest.raises(SpecError, match=found):
        loss_ball(loss, ONE, target, label)


def test_what_moves_has_a_kind_and_labels_have_none():
    assert set(KINDS) == {"features", "targets", "sample_weights"}
    with pytest.raises(InputError, match="'labels'"):
        _ = Move("labels", (0,)).kind
