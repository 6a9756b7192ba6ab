"""Heads of the losses that only heads know, and heads with weights: every answer against all refits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from certify.systems.head.rows.weights import RowWeights
from certify.theorems.head.rows.searches.methods import CLASSES
from certify.theorems.head.rows.survey import asked_of, survey
from tests.families.heads import any_rows
from tests.families.other_heads import LABELLED, NUMBERS, other_head
from tests.oracles import head_rows

CASES = [(loss, weights) for loss in (*LABELLED, *NUMBERS) for weights in ("", "rows", "balanced", "both")
         if weights in ("", "rows") or loss in LABELLED]
CASES += [(loss, weights) for loss in ("logistic", "squared", "cross_entropy") for weights in ("rows", "balanced")]


@pytest.mark.parametrize(("loss", "weights"), CASES)
@pytest.mark.parametrize("seed", range(3))
def test_answers_are_those_of_every_refit(loss: str, weights: str, seed: int) -> None:
    rng = np.random.default_rng([seed, CASES.index((loss, weights))])
    relabels = loss not in NUMBERS and seed == 1
    head = other_head(rng, loss, n=9, N=5, free=seed == 2, weights=weights, remaining=seed == 0,
                      scale=float(10.0 ** rng.integers(-1, 2)), k=1 if loss == "squared" else None)
    change = any_rows(head, 1 + (seed == 0 and loss != "one_vs_rest"), relabels)
    found, truth = survey(head, change), head_rows.stays(head, change)
    assert not (found.proved & ~truth).any() and not (found.attacked & truth).any()
    assert not found.undecided.any(), found.reasons
    assert set(found.parts) <= {"every_choice"} | ({"label_sums"} if relabels else set()) or not weights


@pytest.mark.parametrize("loss", ["squared_hinge", "huber"])
def test_the_search_finds_what_is_there_to_find(loss: str) -> None:
    """With no time to refit every choice the search still flips most of what can be flipped."""
    flipped = there = 0
    for seed in range(4):
        head = other_head(np.random.default_rng(seed), loss, n=10, weights="rows" if seed % 2 else "")
        change = any_rows(head, 2, loss in LABELLED and seed % 2 == 1)
        found, truth = survey(head, change, methods=()), head_rows.stays(head, change)
        assert not (found.attacked & truth).any() and not found.proved.any()
        flipped, there = flipped + int(found.attacked.sum()), there + int((~truth).sum())
    assert there >= 8 and flipped >= 0.75 * there


def test_methods_for_rows_that_count_the_same_are_not_tried() -> None:
    head = other_head(np.random.default_rng(0), "logistic", weights="rows")
    change = any_rows(head, 1, False)
    words = {name: asked_of(name, head, change) for name in CLASSES}
    assert words.pop("every_choice") is change
    assert words.pop("box") == words.pop("box_tree") == change  # these carry weights too
    assert "follow the counts of the labels" in str(words.pop("by_counts"))
    assert "groups of rows" in str(words.pop("group_tree")) and "are for labels" in str(words.pop("step_sums"))
    assert "are for labels" in str(words.pop("label_sums")) and "4 changes" in str(words.pop("bent_box"))
    assert all("several outputs" in str(words.pop(name)) for name in ("separate_boxes", "separate_bent"))
    for name in ("both_squared", "both_sums", "both_refits"):
        assert "at once" in str(words.pop(name))
    for name in [name for name in words if name.startswith(("squared_", "both_"))]:  # of these most take weights
        assert "squared loss; the loss is logistic" in str(said := words.pop(name)) or "relabelled at once" in str(said)
    assert set(words.values()) == {"it is for rows that count the same, and these carry weights"}


def test_equal_weights_are_a_larger_sum() -> None:
    """Weights 2 are the loss twice: half the decay."""
    head = other_head(np.random.default_rng(3), "squared_hinge", free=False, decay=0.1)
    twice = replace(head, weights=RowWeights(np.full(head.n, 2.0)), weight_decay=0.2)
    change = any_rows(head, 1, True)
    assert np.array_equal(survey(head, change).status > 1, survey(twice, change).status > 1)
