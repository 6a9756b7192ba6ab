"""What a report says about norms of the weights and about the distance after one given change."""

from __future__ import annotations

import re

import numpy as np
import pytest

from certify.audit import run_audit
from tests.small import SPEC, features, write

CHANGE = '[perturbation]\nset = "given"\nfile = "u.npz"\nrows = [1]\n[[gate]]\nquantity = "distance"\nmax = 5.0\n'


def page(folder, extra, rows=6):
    X = features(rows)
    spec = write(folder, SPEC + extra, X=X, y=np.sign(X[:, 0]))
    np.savez(folder / "u.npz", u=np.full((1, 3), 1e-4))
    run_audit(spec)
    text = re.sub(r"<[^>]+>", "", (folder / "report.html").read_text(encoding="utf-8"))
    return re.sub(r"\s+", " ", text)


@pytest.mark.parametrize("extra, sentences", [
    ("", ["δ and the distance between weights are Euclidean lengths."]),
    ('[weights]\nnorm = "relative"\n',
     ["of these weights (relative to each layer)", "as a multiple of the length of its weight matrix"]),
    ('[weights]\nnorm = "function"\nreference = "train.npz"\n',
     ["of these weights (as the reference rows see it)", "first-order change of their outputs", "reference rows"]),
])
def test_the_norm_of_the_weights_is_said(extra, sentences, tmp_path):
    text = page(tmp_path, extra)
    assert all(sentence in text for sentence in sentences), text[:3000]


def test_a_distance_is_no_limit(tmp_path):
    text = page(tmp_path, CHANGE)
    assert "If the training features move by the change in the file, a network that fits the changed data " in text
    assert "and none lies nearer than" in text and "This is not a statement about a limit" in text
    assert "proved to exist (theorem Q2)" in text and "theorem F1" in text


def test_a_distance_in_the_relative_norm(tmp_path):
    text = page(tmp_path, '[weights]\nnorm = "relative"\n' + CHANGE)
    assert "of these weights (relative to each layer), and none lies nearer than" in text
