"""Files of skops: the same estimator comes back, and types that are not known are refused by name, and never built."""

from __future__ import annotations

import csv
import importlib.util
import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("skops")
import skops.io as sio
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier, StackingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectKBest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process import kernels as gp
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier, TweedieRegressor
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import certify
from certify import from_sklearn
from certify.cli.main import main
from certify.format.errors import InputError, MissingPackage
from certify.inputs.sklearn.skops_file import estimator_of

X = np.random.default_rng(0).normal(size=(30, 3))
Y = (X[:, 0] > 0).astype(int)
REAL = X[:, 0] + 2.0

pytestmark = pytest.mark.filterwarnings("ignore")


def stored(folder: Path, content: Any) -> Path:
    path = folder / "model.skops"
    path.write_bytes(content if isinstance(content, bytes) else sio.dumps(content))
    return path


@pytest.mark.parametrize(("estimator", "y"), [
    (LogisticRegression(), Y), (LogisticRegression(), np.where(Y > 0, "yes", "no")), (Ridge(), REAL),
    (make_pipeline(StandardScaler(), LogisticRegression()), Y), (SGDClassifier(loss="log_loss"), Y),
    (GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=3, scoring="accuracy"), Y),
    *((GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=3, scoring=score), Y)
      for score in ("roc_auc", "f1", "neg_log_loss")),
    (MLPClassifier((4,), max_iter=3), Y), (MLPClassifier((4,), solver="sgd", max_iter=3), Y),
    (KernelRidge(kernel="rbf"), REAL), (TweedieRegressor(power=1), REAL),
    (GaussianProcessRegressor(gp.ConstantKernel() * gp.Matern() + gp.WhiteKernel(), alpha=0.1), REAL)])
def test_the_estimator_that_was_saved_comes_back(estimator: Any, y: Any, tmp_path: Path) -> None:
    estimator.fit(X, abs(y) if y is REAL else y)
    y = abs(y) if y is REAL else y
    found = estimator_of(stored(tmp_path, estimator))
    if estimator.predict(X).dtype.kind in "US":
        assert np.array_equal(found.predict(X), estimator.predict(X))
    else:  # kernels of one array with itself round otherwise
        assert np.allclose(found.predict(X), estimator.predict(X), rtol=1e-12)
    one, other = from_sklearn(found, X, y), from_sklearn(estimator, X, y)
    assert all(np.array_equal(a, b) for a, b in zip(one.network.arrays, other.network.arrays, strict=True))
    assert one.weight_decay == other.weight_decay


class Evil:
    """What a file must not be able to run."""

    def __reduce__(self) -> Any:
        return (pytest.fail, ("it was executed",))


def archive(**members: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        for name, text in members.items():
            file.writestr(name.replace("_json", ".json"), text)
    return content.getvalue()


RIDGE = Ridge().fit(X, REAL)


@pytest.mark.parametrize(("content", "said"), [
    (RandomForestClassifier(2).fit(X, Y),
     "decision trees, and forests of them, are not supported; nothing of it was loaded"),
    (make_pipeline(StandardScaler(), CalibratedClassifierCV(LogisticRegression(), cv=2)).fit(X, Y),
     r"which may run code; .*from_sklearn reads \('CalibratedClassifierCV' is none\)$"),
    (make_pipeline(SelectKBest(k=1), StandardScaler(), LogisticRegression()).fit(X, Y),
     "a pipeline with SelectKBest; apply it to X and X_eval before"),
    (GridSearchCV(KernelRidge(kernel=np.dot), {"alpha": [1.0, 2.0]}), "or call it in Python where you trust the file$"),
    (KernelRidge(kernel=np.dot), "it holds 'numpy.dot', which may run code"),
    (Evil(), "it holds '.*Evil', which may run code"),
    (pickle.dumps(RIDGE), r"a Python pickle \(which can run code; nothing in it was executed\)"),
    (b"", "no file of skops, or damaged"), (b"abc", "no file of skops, or damaged"),
    (sio.dumps(RIDGE)[:300], "no file of skops, or damaged"), (archive(x="1"), "no file of skops, or damaged"),
    (archive(schema_json="[]"), "no file of skops, or damaged"),
    (archive(schema_json='{"a": 1}'), "no file of skops, or damaged"),
    ({"weights": np.ones(3)}, "it holds a dict, which is no estimator"),
    (np.ones(3), "it holds a ndarray, which is no estimator"),
], ids=["forest", "calibrated", "chosen", "search", "function", "own class", "pickle", "empty", "text", "cut",
        "no schema", "list", "no protocol", "dict", "array"])
def test_anything_else_is_refused_in_one_line(content: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=said) as caught:
        estimator_of(stored(tmp_path, content))
    assert "\n" not in str(caught.value)


def test_a_schema_that_names_a_function_runs_nothing(tmp_path: Path) -> None:
    schema = zipfile.ZipFile(io.BytesIO(sio.dumps(RIDGE))).read("schema.json").decode()
    for module, name in (("os", "system"), ("builtins", "eval"), ("certify.inputs.model", "read_network")):
        content = archive(schema_json=schema.replace('"sklearn.linear_model._ridge"', f'"{module}"').replace(
            '"__class__": "Ridge"', f'"__class__": "{name}"'))
        with pytest.raises(InputError, match=f"it holds '{module}.{name}'|damaged"):
            estimator_of(stored(tmp_path, content))


def test_a_missing_file_and_a_missing_package_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="no such file"):
        estimator_of(tmp_path / "none.skops")
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "skops" else find(name, *a))
    with pytest.raises(MissingPackage, match=r"skops is not installed; pip install 'certify\[sklearn\]'"):
        estimator_of(stored(tmp_path, RIDGE))


def test_what_is_not_read_in_python_has_the_same_advice_as_a_file(tmp_path: Path) -> None:
    estimator = StackingClassifier([("a", LogisticRegression()), ("b", LogisticRegression(C=2.0))], cv=2).fit(X, Y)
    with pytest.raises(InputError) as in_python:
        from_sklearn(estimator, X, Y)
    with pytest.raises(InputError) as of_file:
        estimator_of(stored(tmp_path, estimator))
    remedy = "give one of model.estimators_ at a time"
    assert remedy in str(in_python.value) and remedy in str(of_file.value) and "nothing of it was loaded" in str(
        of_file.value)


def test_a_pipeline_of_texts_is_audited_from_a_column_of_texts_as_in_python(
    tmp_path: Path, capsys: pytest.CaptureFixture[str],
) -> None:
    texts = [f"{'good' if label else 'bad'} {word}, so" for label, word in zip(Y, "abcdefgh" * len(Y), strict=False)]
    texts[1] = ""  # a message without words is one, too
    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, Y)
    path, problem = stored(tmp_path, model), from_sklearn(model, texts, Y)
    found = certify.audit(problem, ask="rows deleted").answers
    np.savez(tmp_path / "train.npz", X=np.array(texts), y=Y)
    for name, head in (("train.csv", ["text", "y"]), ("more.csv", ["id", "text", "y"])):
        with (tmp_path / name).open("w", newline="") as file:
            rows = enumerate(zip(texts, Y, strict=True))
            csv.writer(file).writerows([head, *([i, *row][-len(head):] for i, row in rows)])

    def audit(*arguments: str) -> str:
        status = main(["audit", str(path), str(tmp_path / arguments[0]), *arguments[1:], "--ask", "rows deleted", "-q",
                       "-o", str(tmp_path / "o")])
        captured = capsys.readouterr()
        return captured.err if status == 2 else captured.out

    for data in (["train.npz"], ["train.csv"], ["more.csv", "--features", "text"]):
        said = audit(*data).splitlines()
        assert all(any(one.sentence in line for line in said) for one in found) and found
    assert "'id', 'text' beside the targets" in audit("more.csv") and "--features NAME" in audit("more.csv")
    np.savez(tmp_path / "train.npz", X=X, y=Y)
    assert "'X', which does not hold a text for every row" in audit("train.npz")
