"""What a report says about perturbation sets, on certificates that the prover wrote."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import numpy as np
import pytest

from certify.auditing.spec_run import run_audit
from certify.report.messages import advice
from tests.families.small import SPEC, features, gate, write

ASKED = gate("first_order_distance", max=100.0)


def page(folder: Path, lines: str, **arrays: np.ndarray) -> tuple[str, dict]:
    """The text of the report, without markup, and the certificate."""
    certificate = run_audit(write(folder, SPEC + lines), folder)
    text = (folder / "report.html").read_text(encoding="utf-8")
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", text)).split()), certificate


@pytest.mark.parametrize(("lines", "said"), [
    ('set = "per_sample"\nnorm = "inf"\n', "of every training row move by at most 0.5 each"),
    ('set = "sparse"\ncount = 2\n', "of at most 2 training rows move, by at most 0.5 each"),
    ('set = "sparse"\ncount = 1\nrows = [1, 4]\n', "at most 1 training row of the 2 listed"),
    ("", "the training features move by at most 0.5 in total"),
])
def test_sentence_names_the_set(tmp_path, lines, said):
    text, certificate = page(tmp_path, f"[perturbation]\nradius = 0.5\n{lines}{ASKED}")
    assert said in text and "to first order" in text and "it lies at least" in text
    assert "This is a statement of first order" in text and "does not use it" not in text
    assert not [line for line in advice(certificate) if "not used" in line]


def test_sentence_of_one_change(tmp_path):
    np.savez(tmp_path / "u.npz", u=0.01 * np.ones_like(features()))
    text, certificate = page(tmp_path, '[perturbation]\nset = "given"\nfile = "u.npz"\nradius = 1.0\n' + ASKED)
    assert "the training features move by the change in the file" in text and "change of the data" in text
    assert "u.npz" in text and certificate["subject"]["change"]["path"] == "u.npz"
    assert any("is taken as it is" in line for line in advice(certificate))


def test_modulus_per_sample_names_its_norm(tmp_path):
    text, certificate = page(tmp_path, '[perturbation]\nset = "per_sample"\nnorm = 1\n' + gate(max=100.0))
    assert "by a small amount, at most δ each" in text and "sum of absolute changes (norm 1)" in text
    assert certificate["claims"][0]["theorem"] == "N1"


def test_default_quantities_follow_the_set(tmp_path):
    for lines, names in (('set = "per_sample"\nnorm = 1\n', ["modulus"]),
                         ('set = "per_sample"\n', ["modulus", "sample_modulus"]),
                         ('set = "sparse"\ncount = 1\nradius = 1.0\n', ["first_order_distance"])):
        _, certificate = page(tmp_path, "[perturbation]\n" + lines)
        assert [claim["quantity"] for claim in certificate["claims"]] == names
        assert json.loads((tmp_path / "certificate.json").read_text())["verdict"] == "certified"


def test_equal_rows_have_no_first_order_distance(tmp_path):
    X = features()
    X[1] = X[0]
    spec = write(tmp_path, SPEC + "[perturbation]\nradius = 1.0\n" + ASKED, X=X, y=np.sign(X[:, 0]))
    certificate = run_audit(spec, tmp_path)
    text = html.unescape((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert certificate["verdict"] == "refuted" and "No finite bound works" in text


@pytest.mark.parametrize(("parameter", "lines", "said"), [
    ("sample_weights", 'set = "sparse"\ncount = 2\n', "If the sample weights of at most 2 training rows change, by "
     "at most 0.5 each, the nearest critical point of the training loss lies within"),
    ("features", 'set = "per_sample"\nnorm = "inf"\n',
     "of every training row move by at most 0.5 each, the nearest critical point"),
    ("features", "", "the training features move by at most 0.5 in total, the nearest critical point"),
])
def test_sentences_about_critical_points(parameter, lines, said, tmp_path):
    asked = f'[perturbation]\nparameter = "{parameter}"\nradius = 0.5\n{lines}{ASKED}'
    text, certificate = page(tmp_path, f'[solution]\nmap = "critical"\n{asked}')
    assert said in text and "exact fit" not in text.replace("that are exact fits", "")
    assert "of the given weights, to first order" in text and "there are such" in text
    assert certificate["claims"][0]["theorem"].startswith("M5")
