"""What a report on critical points says of cases in which the usual words would be false."""

from __future__ import annotations

import re

import numpy as np
import pytest

from certify.auditing.spec_run import run_audit
from tests.families.small import SPEC, features, gate, tensors, write

CRITICAL = """\
[training]
weight_decay = {decay}
loss = "{loss}"
[solution]
map = "critical"
base = "nearby"
layer = {layer}
"""


def page(folder, extra, spec=SPEC, model=None, y=None):
    X = features(4)
    run_audit(write(folder, spec + extra, model=model, X=X, y=np.sign(X[:, 0]) if y is None else y))
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", (folder / "report.html").read_text(encoding="utf-8")))


@pytest.mark.parametrize("budget, quantity", [
    ("", "modulus"), ("radius = 0.1\n", "first_order_distance"),
    ('set = "sparse"\ncount = 2\nradius = 0.1\n', "first_order_distance"),
])
def test_exact_fits_stay_under_any_sample_weights_and_no_witness_is_named(budget, quantity, tmp_path):
    t, X = tensors(), features(4)
    y = np.tanh(X @ t["0.weight"].T + t["0.bias"]) @ t["2.weight"].T + t["2.bias"]
    extra = CRITICAL.format(decay=0.0, loss="squared", layer='"all"') + '[perturbation]\nparameter = "sample_weights"\n'
    text = page(tmp_path, extra + budget + gate(quantity, max=1.0), y=y[:, 0])
    proof = text[text.index("Theorem M5a"):text.index("Unit:")]
    assert "both ends are 0" in proof and "witness" not in proof and "factorisation" not in proof


@pytest.mark.parametrize("widths, layer, other", [([3, 1], '"all"', False), ([3, 8, 1], "2", True)])
def test_layers_before_the_last_are_named_where_there_are_some(widths, layer, other, tmp_path):
    spec = SPEC.replace("[3, 8, 1]", str(widths))
    change = '[perturbation]\nparameter = "sample_weights"\nset = "sparse"\ncount = 1\nradius = 1.0\n'
    text = page(tmp_path, CRITICAL.format(decay=0.5, loss="squared", layer=layer) + change + gate("distance", max=99.0),
                spec, tensors(widths=tuple(widths)))
    assert ("Layers before the last" in text) == ("With the other layers as they are" in text) == other
    assert ("the training loss of this one layer is strongly convex: there is exactly one" in text) != other


@pytest.mark.parametrize("budget, words", [
    ('set = "sparse"\ncount = 2\n', "If the sample weights of at most 2 training rows fall, by at most 1 each"),
    ('set = "per_sample"\n', "If the sample weight of every training row falls by at most 1 each"),
    ('set = "total"\n', "If the sample weights fall by at most 1 in total"),
    ('set = "total"\nrows = [1]\n', "If the sample weight of training row 1 falls by at most 1"),
])
def test_weights_that_only_fall(budget, words, tmp_path):
    extra = CRITICAL.format(decay=9.0, loss="logistic", layer=2) + '[perturbation]\nparameter = "sample_weights"\n'
    text = page(tmp_path, extra + budget + 'radius = 1.0\ndirection = "down"\n' + gate("distance", max=99.0))
    assert words in text and "training rows fall." in text or "training row fall" in text or "row 1" in text


@pytest.mark.parametrize("budget, words", [
    ('set = "sparse"\ncount = 1\n', "If at most one training row gets another label, whichever it is, the one"),
    ('set = "sparse"\ncount = 2\n', "If at most 2 training rows get other labels, whichever they are, the one"),
    ('set = "per_sample"\n', "If any number of training rows get other labels, whichever they are, the one"),
    ('set = "sparse"\ncount = 1\nrows = [0, 2]\n', "If at most one training row of the 2 listed ones gets another"),
])
def test_labels_of_one_row_and_of_several(budget, words, tmp_path):
    extra = CRITICAL.format(decay=9.0, loss="logistic", layer=2) + '[perturbation]\nparameter = "labels"\n'
    assert words in page(tmp_path, extra + budget + gate("distance", max=99.0))


@pytest.mark.parametrize("loss, decay, words", [
    ("squared", 0.5, "It is proved that every critical point nearby changes them alike."),
    ("cross_entropy", 0.0, "alike is proved for 0 of the rows; at 4 it is proved that they do not: there the change to "
     "first order takes every value"),
])
def test_a_change_of_predictions_is_called_a_limit_and_says_which_solutions_agree(loss, decay, words, tmp_path):
    """Softmax without weight decay leaves every output free; the page names evaluation rows and calls it no bound."""
    k = 3 if loss == "cross_entropy" else 1
    X = features(4)
    spec = SPEC.replace("[3, 8, 1]", f"[3, {k}]")
    extra = CRITICAL.format(decay=decay, loss=loss, layer='"all"').replace("nearby", "given")
    extra += '[perturbation]\nparameter = "sample_weights"\nset = "sparse"\ncount = 2\nradius = 0.5\n'
    extra += '[evaluation]\nfile = "train.npz"\nfeatures = "X"\n' + gate("first_order_prediction_change", max=99.0)
    labels = np.arange(4) % 3 if loss == "cross_entropy" else np.sign(X[:, 0])
    text = page(tmp_path, extra, spec, tensors(widths=(3, k)), y=labels)
    some, many = "no output at the 4 evaluation rows", "the outputs of none of the 4 evaluation rows, taken together,"
    moved = many if k > 1 else some
    assert words in text and f"changes {moved} by more than" in text
    assert "This is a statement of first order" in text and "Evaluation row by row" in text
    assert "output change to first order" in text and "outside the training set, at the evaluation" in text


def test_changes_of_predictions_by_exact_fits_depend_on_the_fit_but_at_fitted_rows(tmp_path):
    X = features(4)
    extra = '[perturbation]\nset = "per_sample"\nnorm = "inf"\nradius = 0.1\n[evaluation]\nfile = "more.npz"\n'
    np.savez(tmp_path / "more.npz", X=np.vstack([X[:1], X[:2] + 1.0]))
    text = page(tmp_path, extra + 'features = "X"\n' + gate("first_order_prediction_change", max=99.0))
    assert "the nearest exact fit changes no output at the 3 evaluation rows by more than" in text
    assert "every exact fit nearby changes them alike is proved for 1 of the rows; at 2 it is proved that" in text
    assert "according to which exact fit is taken" in text and "inverse of the tangent kernel: to first order" in text
