"""What a report says about norms of the weights and about the distance after one given change."""

from __future__ import annotations

import re

import numpy as np
import pytest

from certify.auditing.spec_run import run_audit
from tests.families.small import SPEC, features, write

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
    assert "and no exact fit lies nearer than" in text and "This is not a statement about a limit" in text
    assert "proved to exist (theorem Q2)" in text and "theorem F1" in text


def test_a_distance_in_the_relative_norm(tmp_path):
    text = page(tmp_path, '[weights]\nnorm = "relative"\n' + CHANGE)
    assert "of these weights (relative to each layer), and no exact fit lies nearer than" in text


def test_what_a_statement_of_first_order_leaves_out_is_listed(tmp_path):
    first = '[perturbation]\nset = "{}"\nradius = 0.1\n[[gate]]\nquantity = "first_order_distance"\nmax = 5.0\n'
    text = page(tmp_path, first.format("total"))
    left_out = text[text.index("What is not claimed"):text.index("The point examined")]
    assert "about what a move of the size given does to the network itself" in left_out
    assert "infinitely many exact fits" in left_out and "The modulus is the limit" not in left_out
    text = page(tmp_path, CHANGE)
    left_out = text[text.index("What is not claimed"):text.index("The point examined")]
    assert "does to the network itself" not in left_out
    assert "infinitely many exact fits" in left_out and "a training procedure, run again" in left_out


def test_explicit_radii_with_their_limit(tmp_path):
    text = page(tmp_path, '[aubin]\nradius_u = 1e-5\nradius_w = 1e-4\n[[gate]]\nquantity = "aubin"\nmax = 1e6\n', 3)
    assert "If the training features move by at most 1.000 × 10⁻⁵ in total, in two different ways, then for" in text
    assert re.search(r"exactly within \S+·δ of it, δ the length of what sets the two ways apart\. No factor b", text)
    assert re.search(r"The limit: for moves of up to \S+ in total no factor does, .* rows \d and \d", text)
    assert "This is not a statement about a limit" in text and "proved to serve within both radii" in text
    assert "inf{κ:S(u′)∩B" in text.replace(" ", "")


def test_a_factor_without_radii_says_so(tmp_path):
    text = page(tmp_path, '[aubin]\nradius_u = 1e3\n[[gate]]\nquantity = "aubin"\nmax = 1e6\n', 3)
    assert "No factor with explicit radii was proved. None below" in text and "onto one another" in text


ON_A_WINDOW = ('[solution]\nlayer = 2\n[perturbation]\nset = "given"\nfile = "u.npz"\nrows = [1]\n[window]\n'
               'radius = {}\n[[gate]]\nquantity = "excess"\nmax = 5.0\n[[gate]]\nquantity = "hausdorff"\nmax = 5.0\n')


def test_how_far_sets_of_exact_fits_lie_apart_on_a_window(tmp_path):
    text = page(tmp_path, ON_A_WINDOW.format(0.5), 3)
    start = ("If the training features move by the change in the file, every network (layer 2 alone adjusting) that "
             "fits {} data exactly and lies within 0.5 of these weights has one that fits {} exactly no further than ")
    assert start.format("the changed", "today’s") in text
    assert start.format("today’s or the changed", "the other") in text
    assert re.search(r"than \S+ away, and one such network lies at least \S+ from every one that fits today’s", text)
    assert re.search(r"than \S+ away, and one that fits today’s data, within 0.5, lies at least \S+ from every", text)
    assert "it is about this one change of the data" in text and "the ball of radius 0.5 around the given" in text
    formulas = text.replace(" ", "")
    assert "e(S(u)∩B,S(u¯))" in formulas and "max{e(S(u)∩B,S(u¯)),e(S(u¯)∩B,S(u))}" in formulas
    assert "a multiplier (the witness)" in text and "excess e(C, D)" in text


def test_a_window_that_the_changed_fits_miss(tmp_path):
    text = page(tmp_path, ON_A_WINDOW.format(1e-9), 3)
    assert "exactly lies within 1 × 10⁻⁹ of these weights. So none there lies apart" in text
