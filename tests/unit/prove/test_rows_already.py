"""Predictions that flip with no change: no training row is blamed for them, whatever is asked."""

from __future__ import annotations

import csv
import json
import re

import numpy as np
import pytest

import certify
from certify.auditing.shown.predictions import ALREADY, FLIPS
from certify.cli.main import main
from certify.testing.asked import _lines

SKLEARN = pytest.importorskip("sklearn.linear_model")
RNG = np.random.default_rng(5)
Y = np.arange(40) % 3
X = np.round(RNG.normal(size=(40, 3)) + np.eye(3)[Y], 3)
NEW = np.round(RNG.normal(size=(40, 3)), 3)
SAID = "already when trained to the end on today's data"


def models():
    """Two and three labels, each fitted so roughly that the exact minimum gives some rows another one."""
    for y in (Y > 0, Y):
        fitted = SKLEARN.LogisticRegression(C=1.0, tol=1e-12, max_iter=10_000).fit(X, y.astype(int))
        exact = certify.from_sklearn(fitted, X, y.astype(int))
        coef, intercept = fitted.coef_.copy(), fitted.intercept_.copy()
        coef[0] += 0.2
        yield exact.network.weights[0], exact.network.biases[0], coef, intercept, y.astype(int)


def labels(W, b):
    F = NEW @ W.T + b
    return (F[:, 0] > 0).astype(int) if F.shape[1] == 1 else F.argmax(axis=1)


@pytest.mark.parametrize("asked", [{"delete": 1}, {"delete": 2}, {"relabel": 1}, {"relabel": 2}],
                         ids=lambda one: f"{one}")
def test_no_row_is_blamed_for_what_the_exact_minimum_flips(asked):
    """The truth is the label of weights that were fitted to the end."""
    seen = 0
    for W, b, coef, intercept, y in models():
        problem = certify.from_arrays(coef, intercept, X, y, loss="logistic" if len(coef) == 1 else "cross_entropy",
                                      weight_decay=1 / len(X), bias_decay=False)
        found = certify.stable_predictions(problem, NEW, seconds=5, **asked)
        truth = np.flatnonzero(labels(W, b) != labels(coef, intercept))
        assert len(truth) and set(found.already.tolist()) == set(truth.tolist()) <= set(found.attacked.tolist())
        for i in found.attacked.tolist():
            assert (found.witness(i).rows == ()) == (i in truth)
        assert re.search(r'flipped \((all of them |\d+ of them )?already', repr(found)) and SAID in repr(found)
        assert '<td>none: already when trained' in found._repr_html_()
        assert sum(line.endswith(SAID) for line in _lines(found)) == sum(i in truth for i in found.attacked[:10])
        seen += len(found.attacked) > len(truth)
    assert seen


def test_an_exact_fit_has_none():
    """A case where nothing may be called so: the weights are the minimum."""
    y = (Y > 0).astype(int)
    problem = certify.from_sklearn(SKLEARN.LogisticRegression(tol=1e-12, max_iter=10_000).fit(X, y), X, y)
    found = certify.stable_predictions(problem, NEW, relabel=1)
    assert len(found.attacked) and not len(found.already) and "already" not in repr(found) + found._repr_html_()


def test_an_audit_says_so_of_wrong_labels_and_a_check_accepts_it(tmp_path, capsys):
    _, _, coef, intercept, y = next(iter(models()))
    np.savez(tmp_path / "m.npz", coef=coef, intercept=intercept)
    for name, rows, more in (("d", X, [y]), ("n", NEW, [])):
        lines = [",".join("abcy"[: 3 + len(more)]), *(",".join(map(repr, one)) for one in zip(*rows.T.tolist(), *(
            part.tolist() for part in more), strict=True))]
        (tmp_path / f"{name}.csv").write_text("\n".join(lines) + "\n")
    out = tmp_path / "out"
    assert main(["audit", str(tmp_path / "m.npz"), str(tmp_path / "d.csv"), "--eval", str(tmp_path / "n.csv"), "--loss",
                 "logistic", "--weight-decay", repr(1 / 40), "--no-bias-decay", "--ask", "1 label wrong", "-q", "-o",
                 str(out)]) == 0
    said = re.search(rf"(\d+) of them {SAID}", json.loads((out / "audit.json").read_text())["answers"][0]["answer"])
    rows = list(csv.DictReader((out / "predictions.csv").open()))
    words = [row["any 1 label wrong"] for row in rows]
    assert said and words.count(ALREADY) == int(said[1]) > 0 and words.count(FLIPS) > 0
    assert all(bool(row["any 1 label wrong: training rows"]) == (word == FLIPS) for row, word in
               zip(rows, words, strict=True))
    page = (out / "report.html").read_text()
    assert "gives another label already" in page and "of them with no change at all" in page
    assert "none: already another at today" in (out / "audit.html").read_text()
    capsys.readouterr()
    assert main(["run", str(out / "certify.toml"), "-q", "--format", "csv", "-o", str(tmp_path / "run")]) == 0
    table = capsys.readouterr().out
    assert table.count(",flips already,") == words.count(ALREADY) and table.count(",flips,") == words.count(FLIPS)
    assert main(["check", str(out / "certificate.json")]) == 0
