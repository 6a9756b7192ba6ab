"""Formats that programs read: what they make of every state, and that no foreign text leaves its place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import fromstring

import pytest

from certify.certificate import seal
from certify.format.errors import CertificateError
from certify.report.exporters import EXPORTERS
from certify.report.exporters.outcomes import fingerprint, outcomes
from tests.families import report_samples as samples
from tests.families import report_samples_sublevel as samples_sublevel

SHAPES = samples.SHAPES | samples_sublevel.SHAPES
PROGRAMS = ("sarif", "junit", "github", "badge", "model-card", "cyclonedx", "metrics")
HOSTILE = "a\n::error::b,%0A <script>]]> &amp; \"q\" 'r' --> \u202e| `x` {{y}}"


def rendered(name: str, made: Mapping[str, Any]) -> str:
    return EXPORTERS[name].render(made)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_is_set(shape: str) -> None:
    made = SHAPES[shape]()
    assert all(rendered(name, made) for name in ("github", "badge", "model-card", "cyclonedx", "metrics"))


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_same_certificate_gives_the_same_text(name: str) -> None:
    assert rendered(name, samples.certified()) == rendered(name, samples.certified())


@pytest.mark.parametrize("shape", SHAPES)
def test_junit_counts_what_it_holds(shape: str) -> None:
    made = SHAPES[shape]()
    suite = fromstring(rendered("junit", made))[0]
    cases = suite.findall("testcase")
    assert len(cases) == int(suite.get("tests", "")) == len(made["claims"])
    for kind, total in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        assert int(suite.get(total, "")) == sum(case.find(kind) is not None for case in cases)
    # a suite is red exactly where the command line ends with another status than 0
    from certify.prove.gates import exit_of

    red = int(suite.get("failures", "")) + int(suite.get("errors", "")) > 0
    assert red == (exit_of(made) != 0) or all(claim["gate"] is None for claim in made["claims"])


@pytest.mark.parametrize("shape", SHAPES)
def test_sarif_has_a_result_for_each_gate_that_is_not_met(shape: str) -> None:
    made = SHAPES[shape]()
    run = json.loads(rendered("sarif", made))["runs"][0]
    open_gates = [claim for claim in made["claims"] if claim["gate"] is not None and claim["gate"]["state"] != "met"]
    gateless = all(claim["gate"] is None for claim in made["claims"])
    expected = [c for c in made["claims"] if c["verdict"] != "certified"] if gateless else open_gates
    assert len(run["results"]) == len(expected)
    for result, claim in zip(run["results"], expected, strict=True):
        state = "failed" if claim["gate"] is None and claim["verdict"] == "refuted" else (
            "open" if claim["gate"] is None else claim["gate"]["state"])
        severe = claim["gate"] is None or claim["gate"]["severity"] == "fail"
        assert (result["kind"], result["level"]) == (
            ("fail", "error" if severe else "warning") if state == "failed" else ("open", "none"))
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
    assert len(run["properties"]["claims"]) == len(made["claims"])


def test_a_warning_is_no_error_anywhere() -> None:
    made = samples.two_gates_on_one_quantity()
    assert "::error" not in rendered("github", made) and "::warning" in rendered("github", made)
    suite = fromstring(rendered("junit", made))[0]
    assert suite.get("failures") == suite.get("errors") == "0" and suite.get("skipped") != "0"
    levels = {result["level"] for result in json.loads(rendered("sarif", made))["runs"][0]["results"]}
    assert levels == {"warning"}


def test_a_fingerprint_is_that_of_the_question_and_not_of_the_numbers() -> None:
    made, other = samples.refuted_gate(), samples.refuted_gate()
    for claim in other["claims"]:
        claim["lower"] = None if claim["lower"] is None else claim["lower"] * (1 + 2.0**-40)
        claim["upper"] = None if claim["upper"] is None else claim["upper"] * (1 + 2.0**-39)
    other["subject"]["model"]["sha256"] = "0" * 64
    marks = [one.fingerprint for one in outcomes(made).claims]
    assert marks == [one.fingerprint for one in outcomes(seal(other)).claims] and len(set(marks)) == len(marks)
    assert not set(marks) & {one.fingerprint for one in outcomes(samples.targets()).claims}


@pytest.mark.parametrize("name", PROGRAMS)
def test_foreign_text_stays_in_its_place(name: str) -> None:
    made = samples.inconclusive()
    for claim in made["claims"]:
        claim |= {"unit": HOSTILE, "reason": HOSTILE}
    made["subject"]["spec"]["path"] = HOSTILE
    made["subject"]["model"]["path"] = HOSTILE + ".npz"
    text = rendered(name, seal(made))
    if name in ("junit", "badge"):  # the others have no elements
        assert "<script>" not in text
    if name == "github":
        assert len(text.splitlines()) == len(made["claims"])
        assert all(line.startswith(("::error ", "::notice ", "::warning ")) for line in text.splitlines())
    elif name in ("junit", "badge"):
        fromstring(text.partition("?>\n")[2] or text)
    elif name in ("sarif", "cyclonedx", "metrics"):
        json.loads(text)
    else:
        front = text.split("---\n")[1]
        assert all(line.startswith(("model-index:", "- ", "  ")) for line in front.splitlines())


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_certificate_that_contradicts_itself_is_refused(name: str) -> None:
    with pytest.raises(CertificateError):
        rendered(name, samples.certified() | {"verdict": "refuted"})


@pytest.mark.parametrize("change", [
    {"fresh": {"rows": "added", "box": None}}, {"direction": "down"}, {"scale": [1.0, 2.0]}, {"pairs": [[0.0, 1.0]]},
    {"functionals": "rows of a file"}, {"normalization": "remaining"}, {"tau": 0.5},
    {"grouped": {"by": "city", "groups": 3, "largest": 2}}, {"row_weights": {"by": "w", "least": 1.0, "largest": 2.0}}])
def test_another_question_has_another_fingerprint(change: dict[str, Any]) -> None:
    problem = samples.certified()["problem"]
    assert fingerprint(problem | change, "modulus ≤ 1.0") != fingerprint(problem, "modulus ≤ 1.0")
    (one,) = change
    if one in ("grouped", "row_weights"):  # how many there are says the data, and not the question
        other = change[one] | {"largest": 7.0}
        assert fingerprint(problem | {one: other}, "q") == fingerprint(problem | change, "q")


def test_the_badge_says_the_state_and_the_proved_end() -> None:
    assert 'aria-label="certify: modulus in [' in rendered("badge", samples.certified())
    assert 'aria-label="certify: failed: ' in rendered("badge", samples.refuted_gate())
    assert 'aria-label="certify: open: ' in rendered("badge", samples.inconclusive())
