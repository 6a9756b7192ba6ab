"""Signs of coefficients and of linear functionals, from spec to check, against every refit in floats."""

from __future__ import annotations

from math import comb
from pathlib import Path

import numpy as np
import pytest

from certify.auditing.comparison import compare
from certify.check.main import check
from certify.format.errors import InputError
from tests.families.functionals import FILE, Asked
from tests.unit.check.theorems.head.test_claims import NONE

ASKED = [Asked(loss=loss, parameter=parameter, count=count, bias_decay=decays, evaluation=evaluation, csv=csv)
         for loss, parameter, count, decays, evaluation, csv in (
             ("logistic", "deletions", 2, False, 'coefficients = "all"', True),
             ("logistic", "labels", 2, False, FILE, False),
             ("logistic", "labels", 1, True, 'coefficients = ["dose", 0]', True),
             ("squared", "deletions", 2, False, FILE, False),
             ("squared", "labels", 2, True, 'coefficients = "all"\nthreshold = 0.05', False))]
ASKED += [Asked(count=1, shift=60.0, decay=0.5, evaluation=FILE, csv=False),
          Asked("logistic", "labels", 1, shift=-80.0, decay=0.5)]


@pytest.mark.parametrize("asked", ASKED, ids=range(len(ASKED)))
def test_signs_ranges_and_numbers_of_rows_are_those_of_all_refits(asked: Asked, tmp_path: Path) -> None:
    certificate = asked.run(tmp_path)
    rows = asked.rows[[1, 0]] if "dose" in asked.evaluation else asked.rows
    level = 0.05 if "threshold" in asked.evaluation else 0.0
    every, n = np.array([rows @ w for w in asked.refits(asked.count)]) - level, len(asked.data[0])
    by_count = [every[: sum(comb(n, size) for size in range(m + 1))] for m in range(asked.count + 1)]
    assert len(by_count[-1]) == len(every)
    values = by_count[-1]
    assert (np.abs(values) > 1e-9).all()
    kept = [(np.sign(v) == np.sign(values[0])).all(axis=0) for v in by_count]
    stable, tolerated, moved = certificate["claims"]
    assert (stable["lower"], stable["upper"]) == (kept[-1].sum(), kept[-1].sum())
    assert stable["witness"]["flipped"] == np.flatnonzero(~kept[-1]).tolist()
    assert tolerated["row_lower"] == tolerated["row_upper"] == (np.sum(kept, axis=0) - 1).tolist()
    most = np.abs(values - values[0]).max()
    assert moved["lower"] <= most * (1 + 1e-6) and most * (1 - 1e-6) <= moved["upper"] <= most * (1 + 1e-3)
    what = "functional above 0.05" if level else "sign of the functional"
    assert [stable["unit"], tolerated["unit"], moved["unit"]] == [
        f"functionals ({what})", f"changed rows ({what})", "change of a functional"]
    assert check(tmp_path / "certificate.json", NONE).verdict == certificate["verdict"]


def test_the_names_of_coefficients_are_on_the_page(tmp_path: Path) -> None:
    asked = Asked(parameter="labels")
    certificate = asked.run(tmp_path)
    assert certificate["problem"]["functionals"] == ["age", "dose", "sex"]
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Which coefficients keep their sign" in page and "the weights of age, dose, sex" in page
    assert "Changed rows that each survives: age: " in page and "predictions that flip" not in page.lower()
    flipped = certificate["claims"][0]["witness"]["flipped"]
    assert flipped and all(f'<th scope="row">{("age", "dose", "sex")[j]}</th>' in page for j in flipped)


def test_rows_of_a_file_are_called_functionals(tmp_path: Path) -> None:
    certificate = Asked(parameter="labels", evaluation=FILE, csv=False).run(tmp_path)
    assert certificate["problem"]["functionals"] == "rows"
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Which functionals keep their sign" in page
    assert "rows of the evaluation file, each with what multiplies" in page


def test_functionals_are_not_compared_with_predictions(tmp_path: Path) -> None:
    """The same rows of the same file, once with what multiplies the intercept."""
    places = [tmp_path / name for name in ("predicted", "functional")]
    for place, evaluation in zip(places, (FILE.replace('\nintercept = "t"', ""), FILE), strict=True):
        place.mkdir()
        Asked(evaluation=evaluation, csv=False, count=1).run(place)
    assert compare(*[places[1]] * 2).compared
    with pytest.raises(InputError, match="no question that both answer"):
        compare(*places)
