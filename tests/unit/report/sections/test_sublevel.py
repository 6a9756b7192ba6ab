"""The sublevel map, the persistence radius and exact solutions nearby: what is said, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import assume, given, settings

from certify.certificate import seal
from certify.format.errors import CertificateError
from certify.report.exporters.html import render
from certify.report.messages import verdict_line
from tests.effort import examples
from tests.families import report_samples_sublevel as samples
from tests.families.report_samples import Json, certified, equal_rows, gate
from tests.unit.report.exporters.test_html import Page
from tests.unit.report.test_numbers import positive, read


def text(made: Json) -> str:
    return Page(render(made)).text


def test_boundary_and_interior_in_plain_sentences() -> None:
    page = text(samples.boundary())
    assert (
        "If the training features move by a small amount δ in total, weights whose training loss on the moved data "
        "is no higher than today’s exist within about 0.8650·δ of these weights, and no factor below 0.8649 would do."
    ) in page
    assert "for row 0, the most sensitive, no factor below 0.3900 would do" in page
    assert "Today’s is at most 0.000410204." in page and "exact fit" not in page and "tangent kernel" not in page
    page = text(samples.interior())
    assert "the given weights themselves keep the training loss at or below 0.00164, as long as δ is small" in page
    assert "the factor is 0" in page and "Row by row" not in page and "a gate on persistence_radius answers it" in page


def test_rows_layers_losses_and_decay_are_said() -> None:
    page = text(samples.boundary_per_sample())
    assert "If the features of every one of the 3 listed training rows move by a small amount, at most δ each, " in page
    assert "reached by adjusting layer 2 alone" in page and "0.001/2 times the squared length of all weights" in page
    assert "log(1 + exp(−s·f))" in page and "the largest over the rows that may move" in page
    assert "δ=maxi|ui|" in page.replace(" ", "")
    page = text(samples.sample_weights())
    assert "If the sample weights change by a small amount δ in total, network weights whose training loss " in page
    assert "each times its sample weight" in page and "(1+ui)ℓ(" in page.replace(" ", "")


def test_radius_says_what_holds_what_fails_and_what_is_open() -> None:
    page = text(samples.persistence())
    assert (
        "However the training features move, up to 0.1249 in total, the given weights themselves keep the training "
        "loss at or below 0.00164. A move of at most 0.1440 in total was found that is proved to lift it higher. What "
        "happens in between is open."
    ) in page
    assert "proved: kept up to 0.1249" in page
    assert "proved: can be exceeded beyond 0.1440" in page and "witness.safetensors" in page
    assert "The persistence radius is not: it covers every move up to its size." in page
    page = text(samples.persistence_without_attack())
    assert "up to 0.1249 each" in page and "No move that lifts it higher was found" in page
    assert "can be exceeded" not in page
    page = text(samples.sample_weights_persistence())
    assert "However the sample weight of every training row changes, up to 0.9990 each" in page
    assert "Beyond 0.9991 each, there are changes that lift it higher." in page and "in between" not in page
    page = text(samples.persistence_unproved())
    assert "No bound was proved on how far the features may move" in page and "kept up to" not in page
    page = text(samples.persistence_nothing_below())
    assert "No size above 0 was proved" in page and "kept up to" not in page and "What smaller ones do is open." in page


def test_an_estimate_is_never_called_proved() -> None:
    page = text(samples.persistence_estimated())
    assert "By an estimate, without proof: however the training features move" in page
    assert "is proved to" not in page and "proved: kept" not in page and "estimated: kept up to 0.1249" in page


def test_units_of_the_features_are_said_with_the_numbers() -> None:
    page = text(samples.persistence_open())
    assert "up to 0.1249, counted in the units of the features, the given weights" in page
    assert "2.5 for feature 0; 1 for feature 2; feature 1 may not move" in page
    assert "the features of row 4, without feature 1" in page
    still = samples.sublevel(samples.modulus(), scale=[1.0, 0.0, 1.0])
    assert "counted in" not in text(still) and "Feature 1 may not move." in text(still)


def test_features_that_may_not_move_are_called_by_name() -> None:
    names = ["age", "<b>{sex}\u202e" + "x" * 60, "dose"]
    page = text(samples.sublevel(samples.modulus(), scale=[1.0, 0.0, 2.5], names=names))
    assert "Feature 1 “<b>{sex}\\u202e" in page and "x" * 33 not in page
    assert "1 for feature 0 “age”; 2.5 for feature 2 “dose”" in page


def test_nearby_names_the_distance_and_the_shift_is_gone() -> None:
    page = text(samples.nearby())
    assert "They are proved to exist, within 4.83 × 10⁻⁸ of the given weights." in page
    assert "within about 5.139·δ of today’s exact fit" in page and "theorem Q2" in page
    assert "length of the whole shift" not in page and "radius of the ball" in page and "witness.safetensors" in page
    page = text(samples.nearby_unproved())
    assert "No such fit was proved to exist." in page and "That there are such weights was not proved." in page
    assert "w∗ would be an exact fit" in page and "are proved to exist" not in page


def test_full_rank_without_a_number() -> None:
    page = text(samples.direct())
    assert "full row rank, by the upper end" in page and "proved without a number" in page
    assert "not verified" not in page


def test_verdict_lines() -> None:
    assert verdict_line(samples.interior()).endswith(
        "sample_modulus proved 0: the level lies above the loss; changes: features, total")
    assert verdict_line(samples.nearby()).endswith("; at an exact solution within 4.83e-8")
    assert verdict_line(samples.nearby_unproved()) == (
        "inconclusive modulus no bound proved; changes: targets, total; no exact solution proved nearby"
    )
    assert verdict_line(samples.persistence_without_attack()) == (
        "certified persistence_radius ≥ 0.1 met (proved in [0.12495, ∞)); changes: features, per_sample [gates met]"
    )
    for made in samples.SHAPES.values():
        content = made()
        assert ("certified" in verdict_line(content)) == (content["verdict"] == "certified")
    line = verdict_line(samples.persistence_estimated())
    assert "met (estimated)" in line and line.startswith("inconclusive") and "proved" not in line


@given(positive, positive)
@settings(max_examples=examples(40), deadline=None)
def test_numbers_of_a_radius_are_outward_in_words_and_picture(a: float, b: float) -> None:
    low, high = sorted((a, b))
    assume(0 < low < high)
    asked = gate("min", 0.0, "met")
    html = render(samples.sublevel(samples.radius(lower=low, upper=high, gate=asked), level=samples.LEVEL))
    page = Page(html)
    shown = [word for word, exact in page.titles if exact == repr(low)]
    assert len(shown) >= 2 and all(read(word) <= Fraction(low) for word in shown)
    shown = [word for word, exact in page.titles if exact == repr(high)]
    assert len(shown) >= 2 and all(read(word) >= Fraction(high) for word in shown)
    for word in re.findall(r"kept up to ([^<]+)<", html):
        assert read(word) <= Fraction(low)
    for word in re.findall(r"exceeded beyond ([^<]+)<", html):
        assert read(word) >= Fraction(high)


@given(positive)
@settings(max_examples=examples(40), deadline=None)
def test_loss_distance_and_hypotheses_are_outward(value: float) -> None:
    page = Page(render(samples.nearby(distance=value)))
    shown = [word for word, exact in page.titles if exact == repr(value)]
    assert len(shown) >= 2 and all(read(word) >= Fraction(value) for word in shown)
    line = verdict_line(samples.nearby(distance=value))
    assert read(line.split("within ")[1].replace("e", " × 10")) >= Fraction(value)
    bounds = [samples.LOSS | {"value": value}, samples.GRADIENT | {"value": value}]
    for name, below in (("loss", False), ("gradient", True)):
        page = Page(render(samples.sublevel(samples.modulus(hypotheses=[h for h in bounds if h["name"] == name]))))
        shown = [read(word) for word, exact in page.titles if exact == repr(value)]
        assert shown and all(word <= Fraction(value) if below else word >= Fraction(value) for word in shown)


def change(**more: object) -> Callable[[Json], object]:
    return lambda made: made["problem"].update(more)


NONSENSE: dict[str, tuple[Callable[[], Json], Callable[[Json], object]]] = {
    "radius without a level": (samples.persistence, change(level=None)),
    "radius of the interpolation map": (samples.persistence, change(map="interpolation", level=None)),
    "level of the interpolation map": (certified, change(level=1.0)),
    "sample weights with interpolation": (certified, change(parameter="sample_weights")),
    "few rows without their number": (certified, change(set="sparse")),
    "a modulus of few rows": (certified, change(set="sparse", count=2, radius=1.0)),
    "a number of rows for all of them": (certified, change(count=2)),
    "norm 1 of all rows together": (certified, change(norm=1)),
    "few rows with the sublevel map": (samples.boundary, change(set="sparse", count=2)),
    "nearby with the sublevel map": (samples.boundary, change(base="nearby")),
    "equal rows with the sublevel map": (equal_rows, change(map="sublevel")),
    "too few units": (certified, change(scale=[1.0])),
    "negative unit": (certified, change(scale=[-1.0] * 30)),
    "no distance of given weights": (certified, lambda made: made["base"].update(distance=None)),
    "a modulus at a fit that was not proved": (samples.nearby, lambda made: made["base"].update(distance=None)),
}


@pytest.mark.parametrize("name", NONSENSE)
def test_refuses_what_no_problem_has(name: str) -> None:
    make, spoil = NONSENSE[name]
    made = make()
    render(made)
    spoil(made)
    with pytest.raises(CertificateError) as refusal:
        render(seal(made))
    assert "\n" not in str(refusal.value) and str(refusal.value).startswith("certificate")
