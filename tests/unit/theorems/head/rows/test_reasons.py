"""Why predictions are left open is one short line without names of methods, and the names stand apart."""

from __future__ import annotations

import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from certify.systems.head.rows.change import DELETED, RowChange
from certify.systems.head.rows.changes.base import Change
from certify.systems.head.rows.changes.both import BothChange
from certify.systems.head.rows.changes.given import GivenRows
from certify.systems.head.rows.changes.groups import GroupChange
from certify.systems.head.rows.changes.new_rows import NewRows
from certify.systems.head.rows.changes.pairs import PairChange
from certify.systems.head.rows.weights import RowWeights
from certify.theorems.head.claims import helps
from certify.theorems.head.rows.claims import LAYERS, _reason, advice, in_python, methods_of, plain, tried
from certify.theorems.head.rows.method import INEXACT, Budget, attempt
from certify.theorems.head.rows.moves.claims import _short
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


SMALLEST = [RowChange(True, 1, (0, 1, 2)), RowChange(False, 1, (0, 1, 2)), GroupChange(False, 1, ((0, 1), (2, 3))),
            PairChange(1, (0, 1), frozenset({(0, 1)})), GivenRows((0, 3), (DELETED, DELETED)),
            BothChange(1, 1, tuple(range(20))), NewRows(1, 1, (0, 1), np.zeros(2), np.ones(2))]
"""Changes of which none has fewer rows, or groups, at once."""


@pytest.mark.parametrize("change", SMALLEST, ids=lambda change: change.words)
def test_no_smaller_count_than_one_is_advised(change: Change) -> None:
    head = HEADS["logistic"]
    for more in ({"cut": True}, {}, {"cut": True, "more": LONGER}, {"cut": True, "more": "it hardly helps"}):
        said = advice(open_survey(head, (), **more), head, change)
        assert not re.search("smaller count|fewer|e.g. of", said) and "train with more weight decay" in said
        assert ("give more time" in said) == (more == {"cut": True})
        assert ("one of the two changes alone" in said) == isinstance(change, BothChange)
    assert not re.search("smaller|fewer", _short(Budget(0.0), change, "so")) or isinstance(change, BothChange)
    assert _short(Budget(0.0), change, "so").endswith("more time (so)")


def test_fewer_at_once_are_advised_where_there_are_fewer() -> None:
    head, rows = HEADS["logistic"], tuple(range(20))
    found = open_survey(head, (), cut=True)
    for change in (RowChange(True, 2, rows), PairChange(2, rows, frozenset({(0, 1)})), BothChange(1, 2, rows),
                   BothChange(2, 1, rows), NewRows(2, 0, rows, np.zeros(2), np.ones(2))):
        assert "give more time, a smaller count, or train" in advice(found, head, change)
    assert "give more time, fewer groups at once, or" in advice(found, head, GroupChange(False, 2, ((0,), (2, 3))))
    assert "give a smaller count (so)" in _short(Budget(9.0), RowChange(False, 2, rows), "so")


@pytest.mark.parametrize(("parameter", "count", "said"), [
    ("features", None, "give a smaller radius, or train"), ("features", 1, "give a smaller radius, or train"),
    ("features", 2, "give a smaller radius or a smaller count, or train"), ("deletions", 1, "train"),
    ("deletions", 2, "give a smaller count, or train")])
def test_only_what_may_be_smaller_is_named(parameter: str, count: int | None, said: str) -> None:
    assert helps(SimpleNamespace(parameter=parameter, count=count)) == f"{said} with more weight decay"


@pytest.mark.parametrize("field", ["phi", "points", "weight_decay", "threshold", "weights"])
@pytest.mark.parametrize("size", [2.0**-310, 2.0**310])
def test_bounds_in_doubles_are_asked_about_ordinary_numbers_alone(field: str, size: float) -> None:
    head = drawn_head(np.random.default_rng(1), "logistic", n=8, free=False, decay=0.1)
    assert head.beyond == "" and not isinstance(asked_of("box_tree", head, any_rows(head, 1, False)), str)
    value = {"threshold": -size, "weights": RowWeights(np.full(8, size))}.get(field)
    strange = replace(head, **{field: getattr(head, field) * size if value is None else value})
    change = any_rows(strange, 1, False)
    assert isinstance(why := asked_of("box_tree", strange, change), str) and "between 1e-90 and 1e90" in why
    refits = "every_choice" if field == "weights" else "enumeration"
    assert not isinstance(asked_of(refits, strange, change), str)


@pytest.mark.parametrize("field", ["phi_rad", "points_rad"])
def test_inputs_that_are_hardly_known_are_left_to_refits(field: str) -> None:
    head = drawn_head(np.random.default_rng(1), "logistic", n=8, free=False, decay=0.1)
    assert replace(head, **{field: getattr(head, field) + 2.0**310}).beyond == "inputs are hardly known"
