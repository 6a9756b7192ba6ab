"""Claims by D1: which rule, which witness, which arrays; and what a claim by another theorem may not say instead."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from safetensors.numpy import save

from certify.check import table
from certify.check.reading.certificate import Base, read_certificate
from certify.check.reading.side import read_side
from certify.check.systems.critical_base import CONVEX, case_of, check_critical_base
from certify.check.systems.point import Ladder
from certify.check.theorems.head.reached import Move
from certify.check.theorems.head.rows.claims import Changes
from certify.format.canonical import encode
from certify.format.refusal import Invalid
from tests.families.sealing import seal
from tests.unit.problem.perturbations.test_whole_rows import BUDGET, checked, written

FLIPS = Path(__file__).resolve().parents[4] / "reports" / "audits" / "digits-last-layer" / "flip-2" / "certificate.json"


def claim(theorem: str, quantity: str = "stable_predictions", array: str | None = None) -> SimpleNamespace:
    """What is looked at of a claim."""
    witness = Changes(array) if theorem == "D1" else Move(array=array)
    return SimpleNamespace(theorem=theorem, quantity=quantity, witness=witness, where="claims[0]")


def test_a_claim_of_an_earlier_version_keeps_its_rule():
    problem = SimpleNamespace(map="critical", set="sparse", norm=2)
    rows = table.rows_of("critical")
    found = {label: next(row.module for row in rows if row.fits(claim(label), problem)) for label in ("D1", "Q6")}
    assert found == {"D1": "head.rows.claims", "Q6": "head.labels"}
    other = SimpleNamespace(map="critical", set="per_sample", norm=2)
    assert [row.module for row in rows if row.fits(claim("D1"), other)] == ["head.labels"]  # which refuses it


def test_each_theorem_is_refused_where_it_is_not_about_the_problem(tmp_path):
    flips = checked(written(tmp_path, "logistic", "labels", budget=BUDGET["labels"]))[0]
    assert case_of([claim("D1"), claim("Q6", "distance")], flips) == case_of([claim("Q6")], flips) == CONVEX
    for parameter, loss, training, refused in (
            ("deletions", "logistic", "", ("Q6",)), ("labels", "squared", "", ("Q6",)),
            ("labels", "logistic", "bias_decay = false", ("Q6",))):
        problem = checked(written(tmp_path, loss, parameter, training=training, budget=BUDGET[parameter]))[0]
        assert case_of([claim("D1")], problem) == CONVEX
        for label in refused:
            with pytest.raises(Invalid, match=f"{label} is stated"):
                case_of([claim("D1"), claim(label, "distance")], problem)
        with pytest.raises(Invalid, match="one case of M5"):
            case_of([claim("D1"), claim("M5c", "modulus")], problem)
    spec = written(tmp_path, "logistic", "sample_weights", budget='set = "sparse"\nradius = 1.0')
    with pytest.raises(Invalid, match="D1 is stated"):
        case_of([claim("D1")], checked(spec)[0])


def test_the_gradient_has_no_decay_of_biases_that_carry_none(tmp_path):
    problem = checked(written(tmp_path, "logistic", "deletions", training="bias_decay = false"))[0]
    plain = checked(written(tmp_path, "logistic", "deletions"))[0]
    ladders = [Ladder(p, lambda _: None, tilt=None) for p in (plain, problem)]
    decayed, free = (residual(ladder) for ladder in ladders)
    assert decayed != free
    with pytest.raises(Invalid, match="base.residual"):
        check_critical_base(Base(decayed, None, None, None, None), ladders[1], CONVEX)
    with pytest.raises(Invalid, match="one number is needed"):
        check_critical_base(Base(free, None, None, None, None), ladders[1], CONVEX)
    check_critical_base(Base(decayed, 8 * decayed, 8 * decayed, None, None), ladders[0], CONVEX)


def residual(ladder: Ladder) -> float:
    """`|∇F|` at the weights in the file by hand: one output, weights 1, bias ½, decay 1/8."""
    problem = ladder.problem
    X, y = np.array(problem.features), np.array(problem.labels)
    slopes = 1 / (1 + np.exp(-(X.sum(axis=1) + 0.5))) - y
    gradient = np.append(slopes @ X, slopes.sum()) / len(X) + 0.125 * np.array([1, 1, 0.5 * problem.bias_decay])
    return float(np.linalg.norm(gradient)) * (1 + 1e-12)


def test_a_claim_names_the_beginning_of_its_arrays():
    problem = SimpleNamespace(base="nearby", layers=())

    base = Base(None, 0.5, 0.5, None, None)

    def bytes_of(*names: str) -> bytes:
        return save({name: np.zeros(2) for name in names})

    one, two = "stable_predictions.changes.box", "stable_predictions.changes.tree"
    named = claim("D1", array="stable_predictions.changes")
    assert set(read_side((named,), base, problem, bytes_of(one, two))) == {one, two}
    assert read_side((claim("D1"),), base, problem, None) == {}
    for claims, data in (((named,), None), ((named,), bytes_of(one, "other")), ((claim("D1"),), bytes_of(one)),
                         ((named,), bytes_of("stable_predictions.changes")),
                         ((named,), bytes_of(one, "stable_predictions.changes2.box")),
                         ((claim("Q6", "distance", "distance.change"),), bytes_of("distance.change.box"))):
        with pytest.raises(Invalid, match=r"subject\.witness"):
            read_side(claims, base, problem, data)


def test_the_strict_reader_knows_the_witness():
    problem = SimpleNamespace(map="critical", set="sparse", norm=2)
    whole = json.loads(FLIPS.read_bytes())
    at = next(i for i, one in enumerate(whole["claims"]) if one["quantity"] == "stable_predictions")
    assert whole["claims"][at]["theorem"] == read_certificate(FLIPS.read_bytes()).claims[at].theorem == "Q6"
    whole["claims"][at] |= {"theorem": "D1", "witness": {"array": "stable_predictions.changes"}, "hypotheses": []}
    found = table.witnessed(read_certificate(encode(seal(whole))).claims[at], problem)
    assert found.theorem == "D1" and found.witness == Changes("stable_predictions.changes")
    for witness in ({"theta": 0.5}, {"array": "a", "reach": 1.0}, {"array": 1.0}):
        whole["claims"][at]["witness"] = witness
        with pytest.raises(Invalid):
            table.witnessed(read_certificate(encode(seal(whole))).claims[at], problem)
