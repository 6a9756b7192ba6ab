"""How well the network fits its data: right to the digits shown, words where there is no number, never a claim."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from certify.certificate import read_certificate, seal
from certify.cli.main import main
from certify.network.network import Network
from certify.problem.fit import Fit, recorded
from certify.problem.fitting import fit, fit_of, training_loss
from certify.problem.load import load_problem
from certify.report.exporters.html import render
from tests.families.small import SPEC, features, gate, tensors, write

NET = Network((np.array([[2.0, -1.0]]),), (np.array([0.5]),), "identity")
X = np.array([[1.0, 0.0], [0.0, 3.0], [1.0, 4.0]])  # outputs 2.5, −2.5, −1.5
CLASSES = np.array([1, 0, 1])


def logistic(margins):
    return sum(math.log1p(math.exp(-m)) for m in margins) / len(margins)


@pytest.mark.parametrize("labels", [CLASSES, 2 * CLASSES - 1])
def test_two_classes_as_0_and_1_or_as_signs(labels):
    found = fit(NET, X, "logistic", None, labels)
    assert found.value == pytest.approx(logistic([2.5, 2.5, -1.5]), rel=1e-3) and (found.right, found.rows) == (2, 3)
    assert "accuracy 66.7 % of 3 rows" in found.sentence()


def test_classes_of_several_outputs_and_rows_of_probabilities():
    net = Network((np.eye(2),), (None,), "identity")
    want = sum(math.log(math.exp(a) + math.exp(b)) - (a, b)[c] for (a, b), c in zip(X, CLASSES, strict=True)) / 3
    for y, labels in ((None, CLASSES), (np.eye(2)[CLASSES], None)):
        found = fit(net, X, "cross_entropy", y, labels)
        assert found.value == pytest.approx(want, rel=1e-3) and found.right == 1


def test_the_squared_loss_is_halved_and_says_so():
    found = fit(NET, X, "squared", np.array([[2.5], [-2.5], [0.5]]), None)
    assert (found.value, found.right) == (float(f"{2 / 3:.4g}"), None)
    assert found.sentence() == ("training loss 0.6667 (squared: mean of ½|f − y|²) on 3 rows with this network: "
                                "is this what you remember?")


def test_a_hidden_layer_and_many_rows_agree_with_numpy():
    t = tensors()
    net = Network((t["0.weight"], t["2.weight"]), (t["0.bias"], t["2.bias"]), "tanh")
    X = features(5000)
    f = np.tanh(X @ t["0.weight"].T + t["0.bias"]) @ t["2.weight"].T + t["2.bias"]
    assert fit(net, X, "squared", np.zeros((5000, 1)), None).value == pytest.approx(np.mean(f**2) / 2, rel=1e-3)
    some = fit(net, X, "squared", np.zeros((5000, 1)), None, most=7)
    assert some.value == pytest.approx(np.mean(f[:7] ** 2) / 2, rel=1e-3) and "first 7 of 5000 rows" in some.sentence()


@pytest.mark.parametrize("net, X, loss, y", [
    (NET, X * 1e300, "squared", np.zeros((3, 1))), (NET, X * 1e307, "squared", np.zeros((3, 1))),
    (Network((np.full((2, 2), 1e200), np.full((1, 2), 1e200)), (None, None), "tanh"), X * 1e200, "squared",
     np.zeros((3, 1))),
    (Network((np.eye(2) * 1e308,), (None,), "identity"), X, "cross_entropy", np.eye(2)[CLASSES]),
])
def test_an_overflow_is_said_and_is_no_number(net, X, loss, y):
    found = fit(net, X, loss, y, None)
    assert (found.value, found.right) == (None, None) and "overflow" in found.sentence()
    assert recorded(json.loads(json.dumps(found.as_json(), allow_nan=False))) == found


@pytest.mark.parametrize("loss", ["squared", "logistic", "cross_entropy"])
def test_no_targets(loss):
    found = fit(NET, X, loss, None, None)
    assert found.value is None and "no targets that the" in found.sentence()


def test_targets_of_another_kind():
    assert "targets of another kind" in fit(NET, X, "squared", None, CLASSES).sentence()
    assert "targets of another kind" in fit(NET, X, "logistic", np.zeros((3, 1)), None).sentence()


GOOD = Fit("logistic", 0.5, 2, 3, 3).as_json()


@pytest.mark.parametrize("change", [
    {"value": math.nan}, {"value": math.inf}, {"value": True}, {"value": "0.5"}, {"right": 4}, {"right": -1},
    {"right": 1.0}, {"rows": 0}, {"rows": 4}, {"of": "3"}, {"loss": "mse"}, {"loss": ["logistic"]}, {"trouble": None},
    {"stated": 1}, {"more": 1}, {1: 2},
])
def test_what_a_certificate_keeps_is_anybody_s(change):
    assert recorded(GOOD) == Fit("logistic", 0.5, 2, 3, 3)
    assert recorded(GOOD | change) is None


# --- where it is shown -------------------------------------------------------------------------------------------

SUBLEVEL = '[training]\nloss = "squared"\nweight_decay = 0.25\n[solution]\nmap = "sublevel"\n'


def test_plan_run_certificate_and_page_show_it(tmp_path, capsys):
    spec = write(tmp_path)
    words = fit_of(load_problem(spec)).sentence()
    assert "as the spec names no loss" in words
    assert main(["run", str(spec), "--plan"]) == 0 and words in capsys.readouterr().out
    assert main(["run", str(spec), "--plan", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["fit"]["loss"] == "squared"
    assert main(["run", str(spec)]) == 0
    captured = capsys.readouterr()
    assert words in captured.err.splitlines() and "remember" not in captured.out
    certificate = read_certificate(tmp_path / "certificate.json")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "today’s fit" in page and words in page and "no part of any claim" in page and "fit: loss" not in page
    del certificate["environment"]["fit"]  # a certificate of before has none
    assert "today’s fit" not in render(seal(certificate))
    assert main(["check", str(tmp_path / "certificate.json"), "-q"]) == 0
    capsys.readouterr()
    assert main(["run", str(spec), "-q"]) == 0 and capsys.readouterr().err == ""


def test_a_persistence_radius_without_a_level_is_told_todays_loss(tmp_path, capsys):
    spec = write(tmp_path, SPEC + SUBLEVEL + gate("persistence_radius", min=0.1))
    assert main(["run", str(spec)]) == 2
    err = capsys.readouterr().err
    problem = load_problem(write(tmp_path, SPEC + SUBLEVEL))
    today = training_loss(problem)
    squares = sum(float(np.sum(a * a)) for a in problem.network.arrays)
    assert today == pytest.approx(fit_of(problem).value + squares / 8)
    assert f"needs a level above the training loss at the weights, which is about {today:.4g} today" in err
    assert "give solution.level" in err and "½|f − y|²" in err and err.count("\n") == 1


def test_a_loss_of_one_output_is_no_number_of_several():
    """A logistic loss of two outputs would be a number about nothing; likewise classes of one output."""
    two = Network((np.eye(2),), (np.zeros(2),), "identity")
    one = Network((np.ones((1, 2)),), (np.zeros(1),), "identity")
    X, labels = np.eye(2), np.array([0, 1])
    assert "takes one output, and the network has 2" in fit(two, X, "logistic", None, labels).sentence()
    assert "an output for each class, and the network has one" in fit(one, X, "cross_entropy", None, labels).sentence()
    assert fit(one, X, "logistic", None, labels).value is not None
    assert fit(two, X, "cross_entropy", None, labels).value is not None


def test_labels_part_where_it_was_said():
    for labels in (CLASSES, 2 * CLASSES - 1):
        outputs = (X @ NET.weights[0].T + (0 if NET.biases[0] is None else NET.biases[0]))[:, 0]
        at = float(np.sort(outputs)[-1])  # none lies above the largest
        found = fit(NET, X, "logistic", None, labels, threshold=at)
        assert found.right == int((labels <= 0).sum()) != fit(NET, X, "logistic", None, labels).right
        assert f"labels parted at an output of {at:.4g} with this network" in found.sentence()
        assert recorded(found.as_json()) == found and recorded(found.as_json() | {"threshold": "0.3"}) is None
    assert "parted" not in fit(NET, X, "squared", np.zeros((3, 1)), None, threshold=0.5).sentence()
