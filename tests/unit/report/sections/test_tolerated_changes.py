"""What half of the rows tolerate is said in whole sentences, and nothing of 0 rows, which change nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from certify.certificate import read_certificate
from certify.report.quantities.tolerated_changes import TOLERATED_CHANGES
from certify.report.reading import open_certificate

OPENED = open_certificate(read_certificate(Path(__file__).parents[3] / "golden/0.2.0/rows-survived/certificate.json"))


def said(lower: float | None, upper: float | None, **more: object) -> str:
    (claim,) = [one for one in OPENED.claims if one.quantity == "tolerated_changes"]
    ends = {"lower": lower, "upper": upper}
    phrase = TOLERATED_CHANGES.sentence(claim.model_copy(update=ends | more), OPENED.problem, None)
    return "".join(span.text for span in phrase)


@pytest.mark.parametrize(("lower", "upper", "start", "end"), [
    (0, 2, "Fewer than half of the", "whichever 3 training rows are left out; of fewer it is open."),
    (0, 1, "Fewer than half of the", "whichever 2 training rows are left out; of fewer it is open."),
    (0, 0, "More than half of the", "when some one training row is left out."),
    (0, None, "Nothing was proved on how many", "of an evaluation row does."),
    (0, "asked", "Nothing was proved on how many", "of an evaluation row does."),
    (1, 2, "Half of the", "whichever training row is left out; of more than 2 fewer than half do."),
    (2, 2, "Half of the", "whichever 2 training rows are left out; of any larger number fewer than half do."),
    (2, "asked", "Half of the", "; up to {asked} it is open."),
])
def test_every_pair_of_ends_is_a_whole_sentence(lower, upper, start, end):
    asked = OPENED.problem.count
    assert asked is not None and asked > 2
    words = said(lower, asked if upper == "asked" else upper)
    assert words.startswith(start) and words.endswith(end.format(asked=asked)) and " 0 " not in words


def test_a_hypothesis_comes_before_the_sentence():
    assert said(1, 2, rigour="conditional").startswith("Under a hypothesis that was not proved: half of the")
