"""Texts and sparse matrices: every answer is that of training again on them, and what is too large is refused first."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import certify
from certify.inputs.sklearn import sparse
from certify.inputs.sklearn.sparse import SparseRows, sparse_rows

pytest.importorskip("sklearn")
from scipy.sparse import csc_matrix, csr_matrix
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

RNG = np.random.default_rng(4)
N, VOCABULARY = 24, 90


def drawn(count: int) -> tuple[list[str], np.ndarray]:
    """Texts of two topics that share most words."""
    y = RNG.integers(0, 2, count)
    texts = [" ".join(f"w{word}" for word in RNG.integers(30 * label, VOCABULARY - 30 * (1 - label), 12))
             for label in y]
    return texts, np.array(["cat", "dog"])[y]


TEXTS, LABELS = drawn(N)
NEW = [*drawn(6)[0], "words that nobody wrote before", TEXTS[0]]


def read(model: Any, X: Any, y: Any) -> certify.Problem:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return certify.from_sklearn(model, X, y)


@pytest.mark.parametrize("steps", [
    [TfidfVectorizer()], [CountVectorizer(), TfidfTransformer()], [HashingVectorizer(n_features=256)],
    [CountVectorizer(max_features=12)]], ids=["tfidf", "counts", "hashed", "few words"])
@pytest.mark.parametrize("estimator", [LogisticRegression(C=5.0, tol=1e-10, max_iter=5000), LinearSVC(tol=1e-10),
                                       RidgeClassifier()], ids=lambda e: type(e).__name__)
def test_refits_are_those_of_the_pipeline(steps: list[Any], estimator: Any) -> None:
    model = make_pipeline(*steps, estimator).fit(TEXTS, LABELS)
    problem = read(model, TEXTS, LABELS)
    used = len(np.unique(model[:-1].transform(TEXTS).indices))
    assert problem.inputs == min(N, used) and problem.classes == ("cat", "dog")
    found = certify.leave_one_out(problem, NEW)
    for gone in (0, 7, 23):
        kept = [row for row in range(N) if row != gone]
        X = model[:-1].transform(TEXTS)[kept]
        again = type(estimator)(**estimator.get_params())
        if isinstance(estimator, LogisticRegression | LinearSVC):
            again.set_params(tol=1e-12, max_iter=100_000)
        # dense rows: of sparse ones Ridge stops at tol, where it has a closed form for these
        truth = again.fit(X.toarray(), LABELS[kept]).decision_function(model[:-1].transform(NEW).toarray())
        short = 1e-9 if isinstance(estimator, RidgeClassifier) else 1e-4  # what solvers leave of the truth
        assert (found.lower[gone, :, 0] - short <= truth).all() and (truth <= found.upper[gone, :, 0] + short).all()
        assert np.abs(truth).max() > 0.1 and (found.upper - found.lower).max() < 1e-6


def test_deletions_of_texts_are_decided_as_every_refit_says() -> None:
    model = make_pipeline(TfidfVectorizer(), RidgeClassifier()).fit(TEXTS, LABELS)
    answer = certify.stable_predictions(read(model, TEXTS, LABELS), NEW, delete=1)
    X, points = model[0].transform(TEXTS), model[0].transform(NEW)
    today = model.predict(NEW)
    stays = np.all([RidgeClassifier().fit(X[np.arange(N) != i], LABELS[np.arange(N) != i]).predict(points) == today
                    for i in range(N)], axis=0)
    assert len(answer.undecided) == 0 and answer.proved.tolist() == np.flatnonzero(stays).tolist()


@pytest.mark.parametrize(("words", "turned"), [(None, True), (12, False)])
def test_an_audit_says_that_coordinates_are_rounded_where_they_are(words: int | None, turned: bool, tmp_path: Path,
                                                                   ) -> None:
    """Columns in use stay as they are; of more columns than rows what is proved is about a basis in floats."""
    model = make_pipeline(TfidfVectorizer(max_features=words), RidgeClassifier()).fit(TEXTS, LABELS)
    certify.audit(read(model, TEXTS, LABELS), NEW, ask="rows deleted", folder=tmp_path)
    for name in ("audit.json", "audit.html"):
        assert ("that rounding is not bounded" in (tmp_path / name).read_text(encoding="utf-8")) == turned


def test_a_sparse_matrix_is_its_dense_one_without_what_no_row_uses() -> None:
    dense = RNG.normal(size=(30, 6)) * (RNG.random((30, 6)) < 0.4)
    dense[:, 2] = 0.0
    dense[:, 4] = 0.0
    dense[:2, 4] = 1.0, -1.0  # it cancels in the sum, and is in use
    y = dense[:, 0] * 3 + RNG.normal(size=30)
    model = Ridge(0.3).fit(csr_matrix(dense), y)
    problem = read(model, csc_matrix(dense), y)
    assert (problem.X == dense[:, [0, 1, 3, 4, 5]]).all() and not problem.prepare.of_rows
    points = RNG.normal(size=(4, 6))
    one = certify.prediction_change(problem, csr_matrix(points), delete=1)
    other = certify.prediction_change(read(Ridge(0.3).fit(dense, y), dense, y), points, delete=1)
    assert np.allclose(one.lower, other.lower, rtol=1e-9) and np.allclose(one.upper, other.upper, rtol=1e-9)


def test_the_span_holds_the_rows_and_lengths_stay() -> None:
    dense = RNG.normal(size=(5, 9))
    dense[3] = dense[1]  # rows that are equal or depend on others leave fewer coordinates
    dense[4] = 2 * dense[0] - dense[2]
    made = sparse_rows([], csr_matrix(dense))
    assert made.turn is not None and made.turn.shape == (9, 3) and made.of_rows
    Z = made.given(csr_matrix(dense), "X")
    assert np.allclose(Z @ Z.T, dense @ dense.T, atol=1e-12)
    assert np.allclose(made.turn.T @ made.turn, np.eye(3), atol=1e-13)
    with pytest.raises(certify.InputError, match="no combination of the training rows"):
        made.of_weights(RNG.normal(size=(1, 9)))


def test_who_was_fitted_with_weights_is_told_by_the_slopes_of_the_words_themselves() -> None:
    model = make_pipeline(TfidfVectorizer(), LogisticRegression(C=50.0))
    heavy = np.where(np.arange(N) % 2 == 0, 3.0, 1.0)
    for weights, said in ((None, False), (heavy, True)):
        model.fit(TEXTS, LABELS, logisticregression__sample_weight=weights)
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            problem = certify.from_sklearn(model, TEXTS, LABELS)
        assert any("has a slope" in str(one.message) for one in heard) == said
        assert problem.ended is not said
        assert any("24 coordinates in the span of the rows" in str(one.message) for one in heard)


def test_new_rows_need_not_lie_in_the_span_and_are_refused() -> None:
    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(TEXTS, LABELS)
    with pytest.raises(certify.InputError):
        certify.stable_predictions(read(model, TEXTS, LABELS), NEW, add=1, within=[(-1.0, 1.0)] * N)


@pytest.mark.parametrize(("make", "X", "said"), [
    (lambda: make_pipeline(TfidfVectorizer(), StandardScaler(with_mean=False), LogisticRegression()), TEXTS,
     "a pipeline of texts with StandardScaler; apply its steps to X and X_eval before"),
    (lambda: LinearRegression(), csr_matrix(np.eye(N)), "sparse rows of LinearRegression; fit a linear estimator with"),
    (lambda: KernelRidge(), csr_matrix(np.eye(N)), "sparse rows of KernelRidge; fit a linear estimator with a penalty"),
])
def test_what_is_not_known_is_refused_in_one_line(make: Any, X: Any, said: str) -> None:
    y = LABELS if isinstance(make(), type(make_pipeline(Ridge()))) else np.arange(N) * 1.0
    model = make().fit(X, y)
    with pytest.raises(certify.InputError, match=said) as caught:
        certify.from_sklearn(model, X, y)
    assert "\n" not in str(caught.value)


def test_other_columns_numbers_and_texts_are_refused() -> None:
    X = csr_matrix(RNG.normal(size=(N, 4)))
    model = LogisticRegression().fit(X, LABELS)
    problem = read(model, X, LABELS)
    with pytest.raises(certify.InputError, match="X_eval: 5 columns; give 4"):
        certify.stable_predictions(problem, csr_matrix(np.ones((1, 5))), delete=1)
    bad = X.copy()
    bad.data[0] = np.nan
    with pytest.raises(certify.InputError, match="X"):
        certify.from_sklearn(model, bad, LABELS)
    text = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(TEXTS, LABELS)
    with pytest.raises(certify.InputError, match="one text; give a list"):
        certify.stable_predictions(read(text, TEXTS, LABELS), TEXTS[0], delete=1)


def test_what_is_too_large_is_refused_before_anything_dense_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SparseRows, "given", lambda *_: pytest.fail("rows were made"))
    monkeypatch.setattr(sparse, "_span", lambda *_: pytest.fail("a factor was made"))
    n = 20_000
    X = csr_matrix((np.ones(n), (np.arange(n), np.arange(n) * 2)), shape=(n, 50_000))
    model = Ridge().fit(csr_matrix(np.eye(3)), np.arange(3.0))
    with pytest.raises(certify.InputError, match="20000 sparse rows with 20000 columns in use; give at most 5000 "
                                                 "rows or 5000 columns, .*max_features=2000") as caught:
        certify.from_sklearn(model, X, np.arange(n) * 1.0)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("n", "p", "turned"), [(30, 6, False), (10, 40, True)])
@pytest.mark.parametrize("make", [csr_matrix, csc_matrix])
def test_arrays_with_sparse_rows_are_answered_as_with_dense_ones(make: Any, n: int, p: int, turned: bool) -> None:
    """Through refits: the exact minimum on the columns in use, whatever is left out, and names of those alone."""
    rng = np.random.default_rng(n)
    dense = rng.normal(size=(n, p)) * (rng.random((n, p)) < 0.4)
    dense[:, 2] = 0.0
    y, points = np.arange(n) % 2, rng.normal(size=(4, p))
    alpha = 0.5
    phi = dense - dense.mean(axis=0)
    w = np.linalg.solve(phi.T @ phi + alpha * np.eye(p), phi.T @ (2.0 * y - 1 - (2.0 * y - 1).mean()))
    b = (2.0 * y - 1).mean() - dense.mean(axis=0) @ w
    names = [f"word {j}" for j in range(p)]
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        problem = certify.from_arrays(w, b, make(dense), 2.0 * y - 1, loss="squared", names=names,
                                      weight_decay=alpha / n, bias_decay=False)
    assert [("in the span of the rows" in str(one.message)) for one in heard] == [True] * turned
    assert isinstance(problem.prepare, SparseRows) and problem.prepare.of_rows == turned
    assert problem.names == (None if turned else tuple(names[j] for j in range(p) if dense[:, j].any()))
    answer = certify.stable_predictions(problem, make(points), delete=1)
    today = points @ w + b > 0
    lost = np.zeros(4, dtype=bool)
    for gone in range(n):
        again = RidgeClassifier(alpha).fit(np.delete(dense, gone, 0), np.delete(y, gone))
        lost |= (again.decision_function(points) > 0) != today
    assert answer.proved.tolist() == np.flatnonzero(~lost).tolist() and len(answer.undecided) == 0


def test_arrays_with_sparse_rows_that_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = csr_matrix(np.eye(6)), np.arange(6) % 2
    given: dict[str, Any] = {"loss": "logistic", "weight_decay": 0.1}
    two = ([np.ones((2, 6)), np.ones((1, 2))], [np.zeros(2), np.zeros(1)])
    for weights, X_given, more, said in (
            ((np.ones(6), 0.0), X, {"weight_decay": 0.0}, "sparse rows of a fit without a penalty"),
            (two, X, {"activation": "tanh"}, "sparse rows of several layers"),
            ((np.ones(5), 0.0), X, {}, "weights of 6 inputs"),
            ((np.ones(6), 0.0), X, {"names": ["a"]}, "1 of them; give 6"),
            ((np.ones(6), 0.0), X * np.nan, {}, "finite"),
            ((np.ones(6), 0.0), csr_matrix(np.diag([1.0, 1, 1, 1, 1, 0])), {}, "weights: weights that are no comb")):
        with pytest.raises(certify.InputError, match=said):
            certify.from_arrays(*weights, X_given, y, **{**given, **more})
    monkeypatch.setattr(sparse, "ENTRIES", 20)  # before anything dense is made
    monkeypatch.setattr(csr_matrix, "toarray", lambda self: pytest.fail("a dense matrix was made"))
    with pytest.raises(certify.InputError, match="6 sparse rows with 6 columns in use; give at most"):
        certify.from_arrays(np.ones(6), 0.0, X, y, **given)
