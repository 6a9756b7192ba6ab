"""Questions about rows from Python: what is answered, how it is shown, and what is refused in one line."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from certify import Problem, leave_one_out, stable_predictions, tolerated_changes
from certify.format.errors import InputError
from certify.network.network import Network
from certify.prove import rows_shown
from certify.prove.rows import StablePredictions
from certify.systems.head.rows.weights import RowWeights

X = np.array([[-2.0], [-1.5], [-1.0], [-0.5], [0.5], [1.0], [1.5], [2.0]])
POINTS = np.array([[-3.0], [-0.05], [0.02], [0.3], [3.0]])


def problem(loss: str = "logistic", **more: Any) -> Problem:
    """One feature, weights near the minimum."""
    y = np.sign(X)
    given: dict[str, Any] = {"y": y} if loss == "squared" else {"y": None, "labels": (y.ravel() + 1) / 2}
    net = Network((np.array([[1.0]]),), (np.zeros(1),), "identity")
    made = {"loss": loss, "weight_decay": 0.125, "map": "critical", "base": "nearby", "set": "sparse", "count": 1,
            **given, **more}
    return Problem(net, X, parameter="deletions", rows=tuple(range(8)), **made)


@pytest.fixture(scope="module")
def found() -> StablePredictions:
    return stable_predictions(problem(), POINTS, delete=2)


def test_every_evaluation_row_has_one_status(found: StablePredictions) -> None:
    assert found.lower == len(found.proved) and found.upper == 5 - len(found.attacked)
    assert sorted([*found.proved, *found.attacked, *found.undecided]) == list(range(5))
    rows = found.rows()
    assert [one.row for one in rows] == list(range(5)) and [one.label for one in rows] == [0, 0, 1, 1, 1]
    assert {one.row for one in rows if one.status == "flips"} == set(found.attacked.tolist()) != set()
    assert [one.margin for one in rows] == pytest.approx([3.0, 0.05, 0.02, 0.3, 3.0])
    for one in rows:
        witness = found.witness(one.row)
        assert one.changed == (() if witness is None else witness.rows) and len(one.changed) <= 2
        assert witness is None or (witness.targets is None and np.sign(witness.before) != np.sign(witness.after))


def test_it_is_shown_in_one_line_and_as_a_table(found: StablePredictions) -> None:
    line = f"any 2 rows deleted: {found.lower} of 5 predictions proved to stay, {len(found.attacked)} flipped, "
    assert repr(found) == f"StablePredictions({line}{len(found.undecided)} undecided)"
    page = found._repr_html_()
    assert f"<p>{line}" in page and page.count("<tr>") == 1 + 5 - found.lower and "<script" not in page
    rows = ", ".join(map(str, found.rows()[int(found.attacked[0])].changed))
    assert f"<td>flips</td><td>{rows}</td>" in page


def test_a_page_of_many_rows_stays_short() -> None:
    every = [rows_shown.Prediction(i, 0, 0.5, "undecided", ()) for i in range(50)]
    page = rows_shown.as_html(SimpleNamespace(already=np.arange(0), change=None, rows=lambda: every))
    assert page.count("<tr>") == 21 and "and 30 others; see to_frame()" in page


def test_to_frame_needs_pandas_and_says_so(found: StablePredictions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(InputError, match="to_frame: pandas is not installed; run pip install pandas"):
        found.to_frame()
    calls: list[Any] = []
    fake = SimpleNamespace(DataFrame=lambda data, index: calls.append((data, index)), Index=lambda data, name: data)
    monkeypatch.setitem(sys.modules, "pandas", fake)
    found.to_frame()
    (data, index), = calls
    assert index == [0, 1, 2, 3, 4] and list(data) == ["label", "margin", "status", "changed"]


def test_to_frame_with_pandas(found: StablePredictions) -> None:
    pytest.importorskip("pandas")
    frame = found.to_frame()
    assert frame.index.name == "row" and (frame.status == "stays").sum() == found.lower
    assert found.upper == (frame.status != "flips").sum()


def test_plot_draws_every_part(found: StablePredictions) -> None:
    axes = found.plot()
    assert found.plot(axes) is axes
    widths = [patch.get_width() for patch in axes.patches[:3]]
    assert widths == [found.lower, len(found.undecided), len(found.attacked)] and axes.get_xlim() == (0, 5)
    assert axes.get_legend().get_title().get_text() == "any 2 rows deleted"


@pytest.mark.parametrize(("points", "said"), [
    (np.array([[1.0], [np.nan]]), "X_eval, row 1, column 0: nan"), (np.array([[np.inf]]), "row 0, column 0: inf"),
    (np.ones((2, 3)), "X_eval: 3 columns; give 1"), (np.ones(3), r"X_eval: shape \(3,\)"), (np.ones((0, 1)), "shape"),
    (SimpleNamespace(toarray=None), "X_eval: a sparse matrix; give X_eval.toarray"),
    ([["a"]], "X_eval: numbers of type"),
    ([[1.0], [1.0, 2.0]], "X_eval: entries that are no numbers"), (np.ones((2, 1)) * 1j, "complex"),
    (np.ma.masked_equal([[1.0]], 1.0), "a masked array"), ([[2**53 + 1]], "beyond 2"), ([[None]], "nan|no numbers"),
])
@pytest.mark.parametrize("ask", [
    lambda points: stable_predictions(problem(), points, delete=1),
    lambda points: tolerated_changes(problem(), points, "relabel"), lambda points: leave_one_out(problem(), points),
], ids=["stable", "tolerated", "leave"])
def test_evaluation_rows_that_are_none_are_refused(ask: Any, points: Any, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        ask(points)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("given", "said"), [
    ({}, "no change; give delete, relabel, or both"), ({"delete": 0}, "from 1 on"),
    ({"delete": 1.0}, "from 1 on"), ({"delete": True}, "from 1 on"), ({"relabel": 9}, "9 of 8 rows that may change"),
    ({"delete": 1, "threshold": float("nan")}, "threshold: nan"),
])
def test_changes_that_are_none_are_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        stable_predictions(problem(), POINTS, **given)


def test_print_says_why_predictions_are_undecided_and_what_helps(found: StablePredictions) -> None:
    """In words: no name of a method."""
    open_ = replace(found.survey, status=np.zeros_like(found.survey.status), tried=2, cut=True, reasons=(
        "tried box: 3 predictions stay open", "cells: the loss is squared", "class 1 has 1 rows"))
    first, *lines = str(replace(found, survey=open_)).splitlines()
    assert first == repr(replace(found, survey=open_)) and "give more time" in lines[0]
    assert lines[1:] == ["  class 1 has 1 rows"]
    balanced = replace(found.head, weights=RowWeights(np.ones(found.head.n), None, True))
    assert "box" not in str(replace(found, survey=open_, head=balanced))
    stays = replace(found, survey=replace(open_, status=np.full_like(open_.status, 2)))
    assert str(stays) == repr(stays)


def test_as_many_rows_as_there_are() -> None:
    """All rows may go: nothing stays, and nothing is said to."""
    found = stable_predictions(problem(), POINTS, delete=8, seconds=5)
    assert found.lower == 0


@pytest.mark.parametrize(("given", "said"), [(("both",), "kind: 'both'"), (("delete", 0), "most: 0")])
def test_kinds_and_numbers_that_are_none_are_refused(given: tuple[Any, ...], said: str) -> None:
    with pytest.raises(InputError, match=said):
        tolerated_changes(problem(), POINTS, given[0], most=given[1] if len(given) > 1 else 3)


def test_one_real_output_has_no_label_without_a_threshold() -> None:
    """Targets 0 and 1 with the squared loss: 0 parts nothing."""
    zeros = problem("squared", y=(np.sign(X) + 1) / 2)
    for ask in (lambda **more: stable_predictions(zeros, POINTS, delete=1, **more),
                lambda **more: tolerated_changes(zeros, POINTS, "delete", most=1, **more)):
        with pytest.raises(InputError, match="threshold: none, and the targets"):
            ask()
        assert ask(threshold=0.5) is not None
    assert leave_one_out(zeros, POINTS).lower.shape == (8, 5, 1)
    assert stable_predictions(problem("squared"), POINTS, delete=1).head.threshold == 0.0


def test_constant_labels_cannot_become_others() -> None:
    constant = problem("squared", y=np.ones_like(X))
    with pytest.raises(InputError, match="all targets are the same"):
        stable_predictions(constant, POINTS, relabel=1)


def test_tables_are_rows(found: StablePredictions) -> None:
    """Whatever numpy reads as an array; columns of other names are refused."""
    class Table(list):  # noqa: D101
        columns = ("height",)

    again = stable_predictions(problem(), POINTS.tolist(), delete=2)
    assert again.proved.tolist() == found.proved.tolist()
    named = problem(names=("height",))
    assert stable_predictions(named, Table(POINTS.tolist()), delete=2).lower == found.lower
    with pytest.raises(InputError, match="column 0 is 'height', where the training data has 'width'"):
        stable_predictions(problem(names=("width",)), Table(POINTS.tolist()), delete=2)


def test_tolerated_changes_and_stable_predictions_agree(found: StablePredictions) -> None:
    tolerated = tolerated_changes(problem(), POINTS, "delete", most=2)
    assert (tolerated.lower <= tolerated.upper).all()
    assert (tolerated.lower[found.proved] >= 2).all() and (tolerated.upper[found.attacked] < 2).all()
    assert repr(tolerated).startswith("ToleratedChanges(median ") and "\n" not in repr(tolerated)


@pytest.mark.parametrize("i", [-1, 1000])
def test_a_witness_of_no_row_is_refused(i: int, found: StablePredictions) -> None:
    with pytest.raises(InputError, match="give a number from 0 to"):
        found.witness(i)
