"""Rows that are left out or get other labels: prover, checker and the table of theorems accept the same specs.

The grid was kept before these words were there; here the combinations around them are asked, by the bytes of specs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import pytest

from certify.check.reading.spec import read_spec
from certify.format.errors import SpecError
from certify.format.question import Question
from certify.format.refusal import Invalid
from certify.format.support import applying, stating
from certify.spec import parse_spec
from certify.spec import question as of_prover
from certify.spec.nearest import nearest, refusal
from tests.effort import FULL
from tests.house import checker_question as of_checker
from tests.house.specs import spec_of
from tests.house.test_grid import toml

HEAD = Question("stable_predictions", map="critical", base="nearby", layer="last", loss="logistic", set="sparse",
                parameter="deletions", decay=True, count=True, evaluation=True)
TURNS: tuple[dict[str, object], ...] = (
    {}, {"base": "given"}, {"layer": "all"}, {"layer": "inner"}, {"layer": "only"}, {"map": "interpolation"},
    {"map": "sublevel"}, {"norm": 1}, {"radius": True}, {"decay": False}, {"down": True}, {"units": True},
    {"weight_norm": "relative"}, {"targets": False}, {"level": True},
)
SETS = ({"set": "sparse", "count": True}, {"set": "sparse", "count": False}, {"set": "per_sample", "count": False},
        {"set": "total", "count": False}, {"set": "total", "count": True},
        {"set": "given", "count": False, "change": True}, {"set": "given", "count": False, "change": False})
QUANTITIES = ("stable_predictions", "correct_predictions", "tolerated_changes", "distance", "prediction_change",
              "modulus", "first_order_distance")


def questions() -> Iterator[Question]:
    """Every combination."""
    for parameter, loss, quantity, undecayed, normalization, given, turn in product(
            ("deletions", "labels", "sample_weights"), ("squared", "cross_entropy", "logistic"), QUANTITIES,
            (False, True), ("fixed", "remaining"), SETS, TURNS):
        needs = quantity in ("stable_predictions", "correct_predictions", "tolerated_changes", "prediction_change")
        radius = {"radius": True} if parameter == "sample_weights" and given["set"] != "given" else {}
        yield replace(HEAD, parameter=parameter, loss=loss, quantity=quantity, undecayed=undecayed,
                      normalization=normalization, evaluation=needs, **{**radius, **given, **turn})


def content_of(at: Question) -> bytes:
    """The bytes of the spec that states a combination, its set included."""
    said = spec_of(at).model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    listed = {"rows": [0]} if at.set == "given" and not at.change else {}
    said["perturbation"] = {**said["perturbation"], "set": at.set, **listed}
    return toml(said)


def test_both_programs_accept_what_a_theorem_answers():
    asked = list(questions())
    answered = [at for at in asked if applying(at)]
    for at in answered if FULL else answered[::4]:
        content = content_of(at)
        assert of_prover.questions(parse_spec(content)) == of_checker.questions(read_spec(content)) == (at,)
    refused = [at for at in asked[::19] if not applying(at)]
    assert len(answered) > 150 and len(refused) > 700
    for at in refused if FULL else refused[::2]:
        content = content_of(at)
        with pytest.raises(SpecError):
            parse_spec(content)
        if at.layer != "only" or at.loss != "cross_entropy":  # which the checker refuses with the data
            with pytest.raises(Invalid):
                read_spec(content)


def test_what_is_suggested_works():
    for at in list(questions())[::61]:
        if not applying(at):
            near, why = nearest(at), refusal(at)
            assert near is not None and applying(near.question) == (near.theorem,)
            assert why is not None and near.remedy in why.remedy


def test_one_theorem_answers_and_an_earlier_certificate_may_state_the_other():
    labels = replace(HEAD, parameter="labels")
    assert [str(t) for t in applying(labels)] == [str(t) for t in applying(HEAD)] == ["D1"]
    assert str(stating(labels, "Q6")) == "Q6" and str(stating(labels, "D1")) == "D1"
    for other in (HEAD, replace(labels, loss="squared"), replace(labels, undecayed=True)):
        assert stating(other, "Q6") is None and str(stating(other, "D1")) == "D1"
    every = replace(labels, set="per_sample", count=False)
    assert str(stating(every, "Q6")) == "Q6" and stating(every, "D1") is None
    assert stating(replace(labels, base="given"), "Q6") is None
