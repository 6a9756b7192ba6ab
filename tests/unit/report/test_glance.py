"""The first screen, the threat model and the table of frameworks: plain, and no more than the certificate says."""

from __future__ import annotations

import json
import re
from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.report.exporters.html import render
from certify.report.glance.asked import answers
from certify.report.glance.scales import _over, _under, factors, percent_down, percent_up
from certify.report.model import View, build
from certify.report.phrases.sets import SETS
from certify.report.phrases.threats import THREATS
from certify.report.quantities import QUANTITIES
from certify.report.reading import open_certificate
from certify.report.sections import SECTIONS
from certify.report.sections.reader.mapping import read
from certify.report.statements import Phrase
from tests.families import report_samples as samples
from tests.families import report_samples_sublevel as sublevel
from tests.families.pages import without_script

SHAPES = samples.SHAPES | sublevel.SHAPES


def words(phrase: Phrase) -> str:
    return "".join(span.text for span in phrase)


def content(made: samples.Json, name: str):
    return next(one.content for one in build(made).sections if one.section.name == name)


@given(st.floats(0, 1e6), st.floats(1e-3, 1e6))
def test_percentages_and_quotients_round_outward(part: float, whole: float) -> None:
    exact = 100 * Fraction(part) / Fraction(whole)
    low, high = (Fraction(shown.removesuffix(" %")) for shown in (percent_down(part, whole), percent_up(part, whole)))
    assert low <= exact <= high and high - low <= Fraction(1, 10)
    assert Fraction(_under(part, whole)) <= exact / 100 <= Fraction(_over(part, whole))


@pytest.mark.parametrize("name", SHAPES)
def test_every_claim_has_a_question_and_an_answer(name: str) -> None:
    made = SHAPES[name]()
    overview = content(made, "overview")
    assert len(overview.answers) == len(made["claims"]) and overview.unsaid and len(overview.rests) >= 2
    for one, claim in zip(overview.answers, made["claims"], strict=True):
        assert words(one.asked).endswith("?") and "{" not in words(one.asked) and words(one.said)
        unknown = words(one.said) == "nothing was proved"
        assert one.proved == (claim["rigour"] == "proved" and not unknown)
        if claim["rigour"] != "proved":
            assert "without proof" in words(one.said) or "not proved" in words(one.said)


@pytest.mark.parametrize("name", SHAPES)
def test_a_page_begins_with_its_question_its_model_and_the_answer(name: str) -> None:
    """And the answer says proved only where the claim's own line does."""
    made = SHAPES[name]()
    report, first = build(made), content(made, "overview").answers[0]
    said = words(report.answer)
    assert report.title == words(first.asked) and report.title.startswith("If ") and report.model in said
    assert words(first.said) in said and said.endswith(".") and (", proved." in said) == first.proved
    assert ("stand" in said) == (len(made["claims"]) > 1) and "Sensitivity of" not in render(made)
    page = without_script(render(made)).split("</header>")[0].split("<body>")[1]
    assert page.count("<h1>") == 1 and page.index("<h1>") < page.index('class="lead"') < page.index('class="subtitle"')


def test_the_model_is_the_bound_file_and_what_the_spec_says_it_was_made_from() -> None:
    made = samples.certified()
    made["problem"]["about"] = {"model": {"name": "made\u202e<b>.skops", "sha256": "0" * 64}}
    made = samples.seal(made)
    report = build(made)
    assert report.model == "model.safetensors (made from made\\u202e<b>.skops)"
    assert "<b>.skops" not in render(made) and "&lt;b&gt;.skops" in render(made)
    hidden = build(made, None, View(redact=True))
    assert "skops" not in hidden.model and "model" not in hidden.model


def test_every_quantity_asks_something() -> None:
    assert all(row.wonders and not row.wonders.endswith("?") for row in QUANTITIES.values())


def test_counts_are_shares_of_predictions_and_of_the_data() -> None:
    one, = content(samples.rows_deleted(), "overview").answers
    said = " | ".join(map(words, one.scale))
    assert "of the 5,000 evaluation rows at least" in said and "of the 569 training rows" in said
    assert words(one.said).startswith("between ") and " of 5,000" in words(one.said)


def test_the_length_of_the_weights_is_a_scale_where_the_certificate_holds_it() -> None:
    made = samples.certified()
    opened = open_certificate(made)
    claim = opened.claims[0]
    known = opened.problem.model_copy(update={"weights_length": 10.0})
    assert not [one for one in map(words, factors(claim, opened.problem)) if "length of the weights" in one]
    said, = [one for one in map(words, factors(claim, known)) if "length of the weights" in one]
    percent = Fraction(re.search(r"within ([0-9.]+) %", said)[1])  # type: ignore[index]
    assert 0 <= percent - 10 * Fraction(claim.upper or 0) <= Fraction(1, 10)
    relative = known.model_copy(update={"weight_norm": "relative"})  # already a multiple of a length
    assert not [one for one in map(words, factors(claim, relative)) if "length of the weights" in one]


def test_rows_that_move_alike_are_a_scale_of_one_budget() -> None:
    opened = open_certificate(samples.certified())
    claim, n = opened.claims[0], opened.problem.n
    said, = [one for one in map(words, factors(claim, opened.problem)) if one.startswith("row by row: if each")]
    far = Fraction(re.search(r"within ([0-9.]+)·a", said)[1])  # type: ignore[index]
    assert Fraction(claim.upper or 0) ** 2 * n <= far**2 <= Fraction(claim.upper or 0) ** 2 * n * Fraction(102, 100)
    for change in ({"set": "per_sample"}, {"rows": [1, 2]}, {"norm": 1}):
        other = opened.problem.model_copy(update=change)
        assert not [one for one in map(words, factors(claim, other)) if one.startswith("row by row: if each")]


def test_ends_that_say_nothing_are_no_proof() -> None:
    made = samples.rows_deleted()
    opened = open_certificate(made)
    claim, rows = opened.claims[0], opened.problem.evaluation_rows
    for lower, upper, proved in ((0, rows, False), (None, None, False), (0, 4, True), (4, rows, True)):
        one, = answers([claim.model_copy(update={"lower": lower, "upper": upper})], opened.problem)
        assert one.proved == proved and (words(one.said) == "nothing was proved") != proved


def test_an_estimate_has_no_scale() -> None:
    found = content(SHAPES["estimated"](), "overview").answers
    assert found and all(not one.scale for one in found if not one.proved)


def test_every_kind_of_change_has_a_threat() -> None:
    from certify.report.phrases.parameters import PARAMETERS

    assert set(THREATS) == set(PARAMETERS) and len({row.choice for row in SETS.values()}) == len(SETS)
    lines = {entry.term: words(entry.text) for entry in content(samples.rows_deleted(), "threat")}
    assert lines["how much"].startswith("at most ") and "erasure" in lines["who"]
    assert "how a change is measured" not in lines and "no new rows join" in lines["what stays out of their reach"]
    lines = {entry.term: words(entry.text) for entry in content(samples.certified(), "threat")}
    assert lines["how much"] == "ever smaller moves: the limit, and no stated size"


def test_frameworks_are_mapped_to_and_never_said_to_be_met() -> None:
    table = read()
    assert date.fromisoformat(table.date) and len(table.places) >= 9
    names = {section.name for section in SECTIONS}
    for place in table.places:
        assert set(place.sections) <= names and place.about and place.apart
    for made in (samples.certified(), samples.rows_deleted()):
        page = without_script(render(made))
        assert table.date in page and all(place.place in page for place in table.places)
        assert not re.search(r"compl(y|ies|ied|ian)|conform|fulfil|satisf(y|ies) (the|art)", page, re.IGNORECASE)
        assert "“Maps to” says no more than that" in page and "{poisoning}" not in page


def test_frameworks_name_only_sections_that_are_there() -> None:
    page = render(sublevel.SHAPES["interior"]())
    assert "Row by row" not in page and "Which predictions stay" not in page and "“Threat model”" in page


@pytest.mark.parametrize(("folder", "there", "never"), [
    ("rows-added", ("put rows into", "no row that is there: new ones join", "it joins or not; at most 1 row.",
                    "rows are inserted", "when these training rows join", "what may join: 1 row"),
     ("take rows out", "left out or not", "1 row is at most", "at most 1 rows")),
    ("deleted-and-relabelled", ("whoever assigns labels", "take rows out", "left out, with another label, or neither",
                                "gets another label, or stays; at most 2 rows"), ("left out or not",))])
def test_whoever_changes_whole_rows_is_named_for_what_they_do(folder: str, there: tuple[str, ...],
                                                             never: tuple[str, ...]) -> None:
    root = Path(__file__).parents[2] / "golden" / "0.2.0" / folder
    page = without_script(render(json.loads((root / "certificate.json").read_bytes())))
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page)).replace(" .", ".")
    assert not [words for words in there if words.rstrip(".") not in text]
    assert not [words for words in never if words in text]
