"""The question how far predictions move when every target is off: how it is asked, answered, and refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import certify
from certify.auditing.phrases import asked_for
from certify.auditing.questions.base import Options
from certify.check.main import check
from certify.cli.explain import explain
from certify.format.errors import InputError
from certify.prove.changed.amounts import off_of

FILES = ("spec", "model", "graph", "data", "reference", "change", "evaluation", "witness")


@pytest.mark.parametrize(("phrase", "amount"), [
    ("every target is off by up to 2 %", "2%"), ("noise in targets", None), ("target noise 1500", "1500"),
    ("targets off by 0.5", "0.5"), ("each target may be off by 3 percent of itself", "3%"),
    ("errors in the targets of 5 %", "5%"), ("noisy targets", None),
])
def test_phrases_say_it(phrase: str, amount: str | None) -> None:
    (question,), options = asked_for([phrase], Options())
    assert question.slug == "targets-off" and options.targets_off == off_of(amount, "--targets-off")


@pytest.mark.parametrize(("phrase", "words"), [
    ("any 3 targets are off by 2 %", "not one amount"), ("targets off by 0 %", "not one amount"),
    ("targets off by 2 % tomorrow", "'tomorrow' means nothing"),
])
def test_others_are_refused(phrase: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        asked_for([phrase], Options())


def test_it_is_said_once() -> None:
    two = Options(targets_off=off_of("2%", "--targets-off"))
    with pytest.raises(InputError, match="another amount"):
        asked_for(["targets off by 3 %"], two)
    assert "targets-off" in {one.slug for one in asked_for([], two)[0]}
    assert "targets-off" not in {one.slug for one in asked_for([], Options())[0]}
    with pytest.raises(InputError, match="no question is about targets that are off"):
        asked_for(["rows deleted"], two)
    (noise,), _ = asked_for(["noise in age"], Options())
    assert noise.slug == "noise" and "certify.targets_off" in explain("target noise")


def test_an_audit_answers_and_its_certificate_is_checked(tmp_path: Path) -> None:
    from sklearn.linear_model import LogisticRegression, Ridge

    rng = np.random.default_rng(1)
    X, points = rng.normal(size=(20, 2)), rng.normal(size=(3, 2))
    y = X @ [1.0, 2.0] + 20.0
    problem = certify.from_sklearn(Ridge(alpha=2.0).fit(X, y), X, y)
    found = certify.audit(problem, points, targets_off="2%", ask="targets off", folder=tmp_path)
    (answer,) = found.answers
    each = certify.targets_off(problem, points, "2%")
    assert answer.lower is not None and answer.upper is not None and answer.verdict == "certified"
    assert answer.lower <= each.upper.max() and each.lower.max() <= answer.upper < answer.lower * (1 + 1e-6)
    assert "2 % of itself" in answer.sentence and answer.sentence.endswith(" (in the units of the targets)")
    certificate = json.loads((tmp_path / "certificate.json").read_text(encoding="utf-8"))
    assert certificate["problem"]["relative"] is True
    assert check(tmp_path / "certificate.json", dict.fromkeys(FILES)).gates == "met"
    assert "share of the size of that target" in (tmp_path / "report.html").read_text(encoding="utf-8")
    labels = certify.from_sklearn(LogisticRegression().fit(X, y > 20), X, y > 20)
    (skipped,) = certify.audit(labels, points, ask="noise in targets").skipped
    assert "labels wrong" in skipped.reason


@pytest.mark.parametrize("phrase", ["3 targets are off", "20% of the targets are off", "targets off by 2‰",
                                    "20 percent of targets are noisy", "how many targets off by 3 %"])
def test_how_many_targets_are_off_is_no_amount(phrase: str) -> None:
    with pytest.raises(InputError, match="how many targets"):
        asked_for([phrase], Options())
    with pytest.raises(InputError, match="not one amount"):
        asked_for(["targets off by 1e400"], Options())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("middle", [0.0, 50.0])
def test_a_mean_that_a_fit_takes_anew_is_refused(middle: float) -> None:
    """Far from the data such a process predicts the mean of its targets, which all move it by their whole amount."""
    from sklearn.gaussian_process import GaussianProcessRegressor

    X, far = np.array([[-1.0], [1.0]]), np.array([[1e3]])
    y = np.array([-1.0, 1.0]) + middle

    def fitted(targets: np.ndarray, normalize_y: bool = True) -> GaussianProcessRegressor:
        return GaussianProcessRegressor(alpha=0.5, optimizer=None, normalize_y=normalize_y).fit(X, targets)

    assert abs(fitted(y + 0.5).predict(far) - fitted(y).predict(far)) > 0.49
    problem = certify.from_sklearn(fitted(y), X, y)
    for by in (0.5, "2%"):
        with pytest.raises(InputError, match="without their mean"):
            certify.targets_off(problem, far, by)
        (skipped,) = certify.audit(problem, far, targets_off=by, ask="targets off").skipped
        assert "without their mean" in skipped.reason
    plain = certify.from_sklearn(fitted(y, False), X, y)
    assert certify.targets_off(plain, far, 0.5).upper[0] < 1e-9


def test_of_several_outputs_the_amount_is_of_a_row() -> None:
    """Each of two targets off by 0.5 is a row off by 0.5·√2, and moves a prediction by more than what is said."""
    from sklearn.linear_model import Ridge

    rng = np.random.default_rng(1)
    X = rng.normal(size=(9, 2))
    Y, points = np.column_stack([X[:, 0], X[:, 1] + 3.0]), rng.normal(size=(1, 2))
    model = Ridge(alpha=2.0).fit(X, Y)
    problem = certify.from_sklearn(model, X, Y)
    found = certify.targets_off(problem, points, 0.5)
    unit = np.array([(Ridge(alpha=2.0).fit(X, Y + np.outer(row, [1.0, 1.0])).predict(points)
                      - model.predict(points))[0, 0] for row in np.eye(9)])
    worst = Ridge(alpha=2.0).fit(X, Y + 0.5 * np.outer(np.sign(unit), [1.0, 1.0])).predict(points)
    assert np.linalg.norm(worst - model.predict(points)) > 1.4 * found.upper[0]
    assert "all of a row together" in repr(found)
    (answer,) = certify.audit(problem, points, targets_off=0.5, ask="targets off").answers
    assert "the targets of every training row, together" in answer.sentence
    assert "every training target may" not in answer.sentence
