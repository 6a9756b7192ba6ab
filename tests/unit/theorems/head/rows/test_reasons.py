"""Why predictions are left open is one short line without names of methods, and the names stand apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from certify.theorems.head.rows.claims import LAYERS, _reason, in_python, methods_of, plain, tried
from certify.theorems.head.rows.method import INEXACT, attempt
from certify.theorems.head.rows.searches.methods import CHECKED, CLASSES, STAGES
from certify.theorems.head.rows.survey import LONGER, Survey, asked_of, survey
from tests.families.heads import any_rows, drawn_head

RNG = np.random.default_rng(3)
LOSSES = ("logistic", "cross_entropy", "squared")
HEADS = {loss: drawn_head(np.random.default_rng(3), loss, n=60, N=8) for loss in LOSSES}


def open_survey(head, reasons, **more) -> Survey:
    return Survey(np.zeros(8, dtype=np.int64), {}, survey(head, any_rows(head, 1, False), 1e-9, methods=()).flips,
                  tuple(reasons), 3, **more)


@pytest.mark.parametrize("loss", HEADS)
def test_any_list_of_methods_gives_one_short_line(loss):
    head = HEADS[loss]
    for _ in range(20):
        reasons = [attempt(name, 8, "no bound could be enclosed", True) if RNG.random() < 0.5 else
                   f"{name}: the refit has a closed form with the squared loss; the loss is {loss}"
                   for name in RNG.permutation([one for one in CHECKED if one != "group_tree"]).tolist()]
        for more in ({"cut": True}, {}, {"cut": True, "more": LONGER, "fewer": 2}):
            found = open_survey(head, reasons, **more)
            said = _reason(found, head, any_rows(head, 5, False))
            assert said.startswith("8 predictions are neither proved to stay") and "\n" not in said
            assert len(said) <= 270 + len(in_python(head, any_rows(head, 5, False)))
            assert not any(f"{name}:" in said or f" {name} " in said for name in CLASSES) and "smaller count" in said
            assert methods_of(found) == tuple(reasons)
            assert any(tried(found).startswith(words) for words in STAGES.values())


def test_what_a_user_can_act_on_is_said_and_names_of_methods_are_not():
    head = HEADS["logistic"]
    reasons = ("group_tree: it is for groups of rows that are deleted", "every_choice: there are 3e+09 choices, and "
               "1e+06 can be refitted one by one")
    assert plain(open_survey(head, reasons)) == ("there are 3e+09 choices, and 1e+06 can be refitted one by one",)
    assert plain(open_survey(head, reasons, cut=True)) == ()  # more time is what helps
    rare = ("class 1 has 2 rows, and without them the free intercept has no finite minimum", *reasons)
    assert plain(open_survey(head, rare)) == rare[:1]
    assert "(class 1 has 2 rows, and" in _reason(open_survey(head, rare), head, any_rows(head, 5, False))


def test_nothing_is_said_where_none_is_open():
    head = HEADS["squared"]
    found = survey(head, any_rows(head, 1, False), 60.0)
    assert not found.undecided.any() and methods_of(found) == ()
    assert _reason(found, head, any_rows(head, 1, False)) == ""


@pytest.mark.parametrize("loss", HEADS)
def test_layers_before_the_last_one_are_named_and_exact_features_are_what_helps(loss):
    exact = HEADS[loss]
    head = replace(exact, phi_rad=np.full(exact.n, 1e-14), points_rad=np.full(len(exact.points), 1e-14))
    change = any_rows(head, 5, loss == "cross_entropy")  # bounds of deletions there know of the rounding
    asked = {name: [asked_of(name, one, change) for one in (exact, head)] for name in CHECKED}
    new = [f"{name}: {found}" for name, (before, found) in asked.items()
           if found == INEXACT and not isinstance(before, str)]
    assert new  # something applies to exact inputs alone
    for more in ({}, {"cut": True}):
        said = _reason(open_survey(head, new, **more), head, change)
        assert f": {LAYERS}; else: " in said and "give " in said.partition("else: ")[2] and len(said) <= 400
        assert LAYERS not in _reason(open_survey(exact, [attempt("box", 8, "", True)], **more), exact, change)
