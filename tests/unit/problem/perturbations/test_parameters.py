"""What moves: every word has its object, and losses are met by what they read."""

from __future__ import annotations

import pytest

from certify.format.words import Parameter
from certify.network.loss.losses import LOSSES
from certify.problem.perturbations.parameters import FITS, MOVING


def test_every_word_has_an_object_that_agrees_with_the_format():
    assert set(MOVING) == {str(word) for word in Parameter}
    for word, moving in MOVING.items():
        row = Parameter(word)
        assert moving.word == word and moving.reweighs is row.weighs and moving.relabels is row.relabels
        assert moving.slides is (word in FITS) and MOVING[moving.given].given == moving.given


@pytest.mark.parametrize(("word", "loss", "suits"), [
    ("targets", "squared", True), ("targets", "logistic", False), ("labels", "squared", False),
    ("labels", "cross_entropy", True), ("features", "squared", True), ("sample_weights", "logistic", True)])
def test_targets_slide_where_they_are_numbers_and_labels_change_where_they_are_classes(word, loss, suits):
    assert MOVING[word].suits(LOSSES[loss].slides) is suits
