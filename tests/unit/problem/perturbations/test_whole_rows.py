"""Problems in which rows are left out or get other labels, from files and from Python; what they are refused for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from certify.certificate.build import problem_member
from certify.certificate.schema import Problem as Member
from certify.check.reading.spec import read_spec
from certify.check.reading.subject import build_problem, describe
from certify.check.systems.nearness import nearness
from certify.check.theorems.head.domain import DOMAINS
from certify.check.theorems.head.domain import code_rows as checked_codes
from certify.format.errors import InputError, SpecError
from certify.format.refusal import Invalid
from certify.network.network import Network
from certify.problem.load import load_problem
from certify.problem.perturbations.codes import code_rows, codes_of
from certify.problem.problem import Problem
from certify.report.normalization import fixed_note

SPEC = """version = 1
[model]
file = "model.safetensors"
widths = [2, {k}]
activation = "identity"
[data]
file = "data.npz"
features = "X"
targets = "y"
[training]
loss = "{loss}"
weight_decay = 0.125
{training}
[solution]
map = "critical"
base = "nearby"
[perturbation]
parameter = "{parameter}"
count = 2
{budget}
[evaluation]
file = "data.npz"
{threshold}
[[gate]]
quantity = "stable_predictions"
min = 1
"""
X = np.array([[0.0, 1.0], [1.0, 0.5], [2.0, -1.0], [-1.0, 0.25]])
TARGETS = {"logistic": np.array([0, 1, 1, 0]), "cross_entropy": np.array([0, 2, 1, 0]),
           "squared": np.array([0.5, -1.0, -1.0, 0.5])}
BUDGET = {"deletions": "", "labels": 'set = "sparse"'}


def written(folder: Path, loss: str, parameter: str, y: np.ndarray | None = None, training: str = "",
            budget: str = "") -> Path:
    """Files of a head, and its spec."""
    y = TARGETS[loss] if y is None else y
    k = 3 if loss == "cross_entropy" else 1 if y.ndim == 1 else y.shape[1]
    save_file({"weight": np.ones((k, 2)), "bias": np.full(k, 0.5)}, folder / "model.safetensors")
    np.savez(folder / "data.npz", X=X, y=y)
    threshold = "threshold = 0.0" if loss == "squared" and k == 1 else ""
    (folder / "spec.toml").write_text(SPEC.format(
        k=k, loss=loss, parameter=parameter, training=training, budget=budget, threshold=threshold), encoding="utf-8")
    return folder / "spec.toml"


def checked(spec: Path):
    """The problem as the checker reads it, and the member `problem` that it asks for."""
    read = read_spec(spec.read_bytes())
    data = (spec.parent / "data.npz").read_bytes()
    problem = build_problem(read, (spec.parent / "model.safetensors").read_bytes(), data, False, evaluation=data)
    near = nearness(read, problem, 0.5)
    return problem, describe(problem, read, False) | near.members


@pytest.mark.parametrize("loss", TARGETS)
@pytest.mark.parametrize("parameter", ["deletions", "labels"])
@pytest.mark.parametrize("training", ["", "bias_decay = false", 'bias_decay = true\nnormalization = "fixed"'])
def test_both_programs_read_the_same_problem(loss, parameter, training, tmp_path):
    spec = written(tmp_path, loss, parameter, training=training, budget=BUDGET[parameter])
    problem = load_problem(spec)
    other, member = checked(spec)
    assert (problem.parameter, problem.set, problem.count) == (parameter, "sparse", 2)
    assert problem.bias_decay == other.bias_decay == ("false" not in training)
    assert problem.normalization == other.normalization == "fixed"
    stated = problem_member(problem)
    assert stated == member and ("bias_decay" in stated) == (not problem.bias_decay) and "normalization" not in stated
    Member.model_validate(stated)
    assert DOMAINS["D1"](other) == "" and (DOMAINS["Q6"](other) == "") == (
        parameter == "labels" and problem.bias_decay and loss != "squared")


def test_the_set_of_labels_is_stated_and_that_of_deletions_implied(tmp_path):
    assert load_problem(written(tmp_path, "logistic", "deletions")).set == "sparse"
    assert load_problem(written(tmp_path, "logistic", "deletions", budget='set = "sparse"')).set == "sparse"
    with pytest.raises(SpecError, match="a count belongs to"):
        load_problem(written(tmp_path, "logistic", "labels"))


@pytest.mark.parametrize("budget", ['set = "total"', 'set = "per_sample"', 'set = "given"', "radius = 1.0",
                                    'direction = "down"', "columns = [0]", "norm = 1"])
def test_another_budget_of_deletions_is_refused_by_both(budget, tmp_path):
    spec = written(tmp_path, "logistic", "deletions", budget=budget)
    with pytest.raises(SpecError):
        load_problem(spec)
    with pytest.raises(Invalid):
        checked(spec)


def test_the_rows_that_are_left(tmp_path):
    training = 'normalization = "remaining"\nbias_decay = false'
    spec = written(tmp_path, "squared", "deletions", training=training)
    problem, (other, member) = load_problem(spec), checked(spec)
    assert problem.normalization == other.normalization == "remaining" and problem_member(problem) == member
    assert member["normalization"] == "remaining" and member["bias_decay"] is False
    assert "n − m of n = 4" in fixed_note(member, ["stable_predictions"])
    still = {**member, "normalization": None}
    said = fixed_note(still, ["stable_predictions"])
    assert "divided by n = 4, as where it is a sum" in said and "code whose loss is a mean" in said
    fitted = fixed_note({**still, "about": {"model": {"name": "lr.skops"}}}, ["stable_predictions"])
    assert fitted.endswith("as it is where lr.skops is fitted with the same settings to the rows that are left")
    for parameter, budget in (("labels", 'set = "sparse"'), ("sample_weights", 'set = "sparse"\nradius = 1.0')):
        spec = written(tmp_path, "squared", parameter, training='normalization = "remaining"', budget=budget)
        with pytest.raises(SpecError, match="normalization"):
            load_problem(spec)
        with pytest.raises(Invalid, match="normalization"):
            checked(spec)


def test_a_switch_that_is_none_is_refused_by_both(tmp_path):
    for training in ("bias_decay = 0", 'bias_decay = "no"', 'normalization = "n"'):
        spec = written(tmp_path, "squared", "deletions", training=training)
        with pytest.raises(SpecError):
            load_problem(spec)
        with pytest.raises(Invalid):
            checked(spec)


@pytest.mark.parametrize(("y", "codes", "label"), [
    ([0.5, -1.0, -1.0, 0.5], [[-1.0], [0.5]], [1, 0, 0, 1]),
    ([[1.0, 0, 0], [0, 0, 1], [0, 0, 1], [1, 0, 0]], [[0, 0, 1], [1, 0, 0]], [1, 0, 0, 1]),
    ([[1.0, -1], [-1, 1], [1, -1], [1, -1]], [[-1, 1], [1, -1]], [1, 0, 1, 1]),
    ([-0.0, 0.0, 1.0, 0.0], [[0.0], [1.0]], [0, 0, 1, 0]),
])
def test_targets_that_stand_for_labels(y, codes, label, tmp_path):
    spec = written(tmp_path, "squared", "labels", np.array(y), budget='set = "sparse"')
    problem, (other, _) = load_problem(spec), checked(spec)
    found = codes_of(problem)
    assert found.codes.tolist() == codes and found.label.tolist() == label
    assert [list(code) for code in checked_codes(other)] == codes and DOMAINS["D1"](other) == ""


@pytest.mark.parametrize(("y", "words"), [
    ([0.5, 1.0, 2.0, 0.5], "3 distinct targets"), ([0.5, 0.5, 0.5, 0.5], "all targets are the same"),
    ([[1.0, 0], [1, 0], [1, 0], [1, 0]], "all targets are the same"),
    ([[1.0, 0], [0, 1], [1, 1], [1, 0]], "each mark one output"),
    ([[1.0, 0], [0, 0], [0, 1], [1, 0]], "each mark one output"),
    ([[1.0, -1], [0, 1], [1, 0], [1, 0]], "each mark one output"),
    ([[0.5, 0], [0, 0.5], [0, 0.5], [0.5, 0]], "each mark one output"),
])
def test_targets_that_stand_for_none_are_refused(y, words, tmp_path):
    spec = written(tmp_path, "squared", "labels", np.array(y), budget='set = "sparse"')
    with pytest.raises(InputError, match=words):
        load_problem(spec)
    assert "stand for no labels" in DOMAINS["D1"](checked(spec)[0])
    with pytest.raises(InputError):
        code_rows(np.array(y).reshape(4, -1))


def test_a_problem_of_python_has_the_words_too():
    net = Network((np.array([[1.0, 2.0]]),), (np.array([0.5]),), "identity")
    given = {"map": "critical", "base": "nearby", "loss": "logistic", "labels": np.array([0, 1, 1, 0]), "y": None,
             "weight_decay": 0.1, "set": "sparse", "count": 1, "evaluation": X, "rows": (0, 1, 2, 3)}
    found = Problem(net, X, parameter="deletions", bias_decay=False, normalization="remaining", **given)
    assert not found.bias_decay and found.width == 1 and found.units is None
    assert codes_of(found).codes.tolist() == [[-1.0], [1.0]] and codes_of(found).label.tolist() == [0, 1, 1, 0]
    for more, words in (({"set": "total"}, "set"), ({"radius": 1.0}, "radius"), ({"weight_decay": 0.0}, "weight_decay"),
                        ({"map": "interpolation"}, "map|base|parameter"), ({"normalization": "n"}, "normalization")):
        with pytest.raises(InputError, match=words):
            Problem(net, X, **{"parameter": "deletions", "bias_decay": False, **given, **more})
    with pytest.raises(InputError, match="every weight that moves carries the decay"):
        Problem(net, X, parameter="sample_weights", bias_decay=False, **given | {"radius": 1.0})


def test_labels_of_probabilities_are_none(tmp_path):
    y = np.array([[1.0, 0, 0], [0, 0, 1], [0, 0.5, 0.5], [1, 0, 0]])
    spec = written(tmp_path, "cross_entropy", "labels", y, budget='set = "sparse"')
    with pytest.raises(InputError, match="without class labels"):
        load_problem(spec)
    assert "stand for no labels" in DOMAINS["D1"](checked(spec)[0])
