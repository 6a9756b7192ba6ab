"""The section on changed rows: what it names, what it leaves to the certificate, and which lists it refuses."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

import pytest

from certify.certificate import read_certificate
from certify.format.errors import CertificateError
from certify.report.exporters.html import render
from certify.report.exporters.markdown import render as markdown
from certify.report.phrases.changed_rows import find_changed
from certify.report.plots import draw_shares
from certify.report.reading import open_certificate
from tests.families.report_samples import Json, certificate, certified, gate, rows_deleted


def text(made: Json) -> str:
    page = render(made)
    body = page[page.index("</style>") : page.index("<script>")]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def relabelled(count: int = 1) -> Json:
    """The same of labels, one of them changed."""
    made = rows_deleted()
    claim = made["claims"][0]
    claim["witness"] |= {"changed": [7, 41]}
    return certificate(claim, problem=made["problem"] | {"parameter": "labels", "count": count}, base=made["base"])


def test_it_names_what_flips_and_by_which_rows() -> None:
    said = text(rows_deleted())
    assert "when at most 2 of its 569 training rows are left out." in said
    assert "Which predictions stay Of the 5,000 evaluation rows 4,995 keep today’s label whenever at most 2" in said
    assert "gets another label when these training rows are left out 0 41 1 41, 43" in said
    assert "Training row 41 takes part in 2 of these 2 changes" in said
    assert "Undecided predictions 2, 3, 4 For these" in said
    assert "■ 4,995 stay ■ 3 undecided ■ 2 flip" in said
    assert "2 get another label after some such choice of rows, proved." in said
    assert "predictions that get another label for each of the 2 rows that may change" in said
    assert "1 gets another label after some such choice of rows, proved." in text(rows_deleted(flipped=1))


def test_words_of_labels() -> None:
    said = text(relabelled())
    assert "whenever any one training row gets another label" in said
    assert "when at most 1 of its 569 training rows gets another label." in said
    assert "gets another label when these training rows get other labels 0 7 1 41" in said


def test_many_rows_are_listed_up_to_a_limit() -> None:
    page = render(rows_deleted(undecided=2500, flipped=1200))
    assert "The first 20 of 1200 predictions that flip" in page
    assert "The first 1000 of 5000 predictions, those that flip" in page
    assert "and 2476 others" in page
    assert page.count("The certificate lists every one.") == 1 and len(page.encode()) < 400_000


def test_nothing_flips_and_all_is_decided() -> None:
    said = text(rows_deleted(undecided=0, flipped=0))
    assert "Of the 5,000 evaluation rows 5,000 keep" in said
    assert "Predictions that flip" not in said and "Undecided predictions" not in said


def test_a_prediction_that_todays_data_flip() -> None:
    """The given weights are not the minimum: no row need change."""
    made = rows_deleted(flipped=1)
    claim = made["claims"][0]
    claim["witness"]["changed"] = []
    made = certificate(claim, problem=made["problem"], base=made["base"])
    assert "none: training to the exact minimum on today’s data gives another label already" in text(made)
    assert "evaluation row 0 on today’s data already" in markdown(made)


def test_other_certificates_have_no_such_section() -> None:
    assert "Which predictions stay" not in text(certified())
    assert find_changed(open_certificate(certified())) == ()


def test_two_gates_on_one_claim_are_one_picture() -> None:
    made = rows_deleted()
    one = made["claims"][0]
    made = certificate(one, one | {"gate": gate("min", 200.0, "met")}, problem=made["problem"], base=made["base"])
    assert len(find_changed(open_certificate(made))) == 1


def test_the_bar_shows_every_part_to_scale() -> None:
    changed, = find_changed(open_certificate(rows_deleted(undecided=1000, flipped=1500)))
    bar = draw_shares(changed)
    assert re.findall(r'class="(\w+)" x="([\d.]+)%" width="([\d.]+)%"', bar) == [
        ("held", "0.00", "50.00"), ("open", "50.00", "20.00"), ("broken", "70.00", "30.00")]
    assert 'aria-label="of 5000 predictions 2500 stay, 1000 undecided, 1500 flip"' in bar


def test_markdown_names_them() -> None:
    said = markdown(rows_deleted())
    assert ("- 4995 predictions stay, 3 are undecided (evaluation rows 2, 3, 4), 2 flip (evaluation row 0 when "
            "training row 41 is left out; evaluation row 1 when training rows 41, 43 are left out)\n") in said
    assert "; 1188 others)" in markdown(rows_deleted(flipped=1200))


@pytest.mark.parametrize(("member", "value", "said"), [
    ("flipped", [0], "do not give the ends"), ("flipped", [1, 0], "in their order"), ("flipped", [0, 0], "their order"),
    ("flipped", [0, 5000], "in their order"), ("flipped", [0, 2], "in their order"), ("undecided", [2, 3], "the ends"),
    ("undecided", [2, 3, 9, 10], "the ends"), ("undecided", None, "set together"),
    ("changed", [1, 2, 3], "a line of rows"),
    ("changed", [1, 2, 3, 569], "no change"), ("changed", [1, 2, 3, 3], "no change"),
    ("changed", [1, 2, 4, 3], "no change"), ("changed", [1, 2, 3, 4, 5, 6], "no change"),
    ("changed", [1, 2, 3, -2], "greater than"),
    ("flipped", [0, -1], "greater than"), ("flipped", None, "set together"),
])
def test_lists_that_contradict_the_ends_are_refused(member: str, value: Any, said: str) -> None:
    made = rows_deleted()
    claim = made["claims"][0]
    claim["witness"][member] = value
    with pytest.raises(CertificateError, match=said):
        open_certificate(certificate(claim, problem=made["problem"], base=made["base"]))


def test_rows_that_may_not_change_are_refused() -> None:
    made = rows_deleted()
    problem = made["problem"] | {"rows": [7, 8, 40]}
    with pytest.raises(CertificateError, match="no change that is asked about"):
        open_certificate(certificate(made["claims"][0], problem=problem, base=made["base"]))


def test_a_page_about_free_intercepts_does_not_divide_the_gradient_by_the_decay() -> None:
    # along an intercept without decay the loss is not convex by the decay: Q6's distance is none there
    folder = Path(__file__).resolve().parents[4] / "reports" / "audits" / "stock-logistic" / "deleted-1"
    made = read_certificate(folder / "certificate.json")
    page = text(made)
    assert "divided by the weight decay" not in page and "theorem Q6" not in page
    assert "biases carry no weight decay" in page and "proved from weights" in page
    (convex,) = made["claims"][0]["hypotheses"]
    assert convex["name"] == "convex" and "strongly" not in convex["statement"]
