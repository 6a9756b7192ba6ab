"""Every loss of a head is known wherever one is looked up by its word, and both programs say the same of it."""

from __future__ import annotations

import pytest

from certify.check.reading.sections.whole_rows import NUMBERS
from certify.check.theorems.head.rows.codes import _BY_LOSS
from certify.check.theorems.head.rows.losses.base import row_loss
from certify.check.words.losses import LOSSES as CHECKED
from certify.check.words.losses import OF_HEADS
from certify.finders.head.floats import LOSSES
from certify.format.words import Loss
from certify.problem.fit import _MEANING
from certify.problem.perturbations.codes import _OF_LOSS
from certify.systems.head.rows.losses import HEAD_LOSSES


def test_tables_by_loss_have_all_losses() -> None:
    assert set(HEAD_LOSSES) == set(Loss) == set(_BY_LOSS) == set(_OF_LOSS) == set(_MEANING)
    assert set(CHECKED) == set(Loss)


def test_both_programs_know_which_losses_are_of_heads_alone_and_which_have_no_labels() -> None:
    assert set(OF_HEADS) == {loss for loss in Loss if loss.of_heads}
    assert set(NUMBERS) == {loss for loss in Loss if loss.counts}


def test_the_search_by_floats_has_those_that_have_no_search_of_their_own() -> None:
    assert set(LOSSES) == {name for name, loss in HEAD_LOSSES.items() if not (loss.targeted or loss.kinked)}


@pytest.mark.parametrize("name", HEAD_LOSSES)
def test_the_checker_says_of_a_loss_what_the_prover_does(name: str) -> None:
    prover, checker = HEAD_LOSSES[name], row_loss(name)
    assert prover.name == name
    for promise in ("shifted", "quadratic", "sigmoid"):
        assert getattr(prover, promise) == getattr(checker, promise), promise
