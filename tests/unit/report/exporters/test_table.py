"""A line a row: ends, or what becomes of a prediction; and nothing foreign in a cell."""

from __future__ import annotations

import csv
import io

from certify.report.exporters import exporter
from certify.report.exporters.table import HEAD, render
from tests.families.report_samples import certificate, claim, rows_deleted


def lines(made):
    found = list(csv.reader(io.StringIO(render(made))))
    assert tuple(found[0]) == HEAD
    return found[1:]


def test_predictions_have_a_status_and_rows():
    found = lines(rows_deleted())
    assert len(found) == 5000 and found[0] == ["0", "stable_predictions", "0", "", "", "flips", "41"]
    assert found[1][5:] == ["flips", "41 43"] and found[2][5:] == ["undecided", ""] and found[5][5:] == ["stays", ""]


def test_rows_with_ends_have_them_in_full():
    one = claim("sample_modulus")
    found = lines(certificate(claim("modulus"), one))
    assert [(int(line[2]), float(line[3]), float(line[4])) for line in found] == list(
        zip(one["rows"], one["row_lower"], one["row_upper"], strict=True))
    assert {tuple(line[:2]) for line in found} == {("1", "sample_modulus")}


def test_a_certificate_without_rows_is_a_header():
    assert lines(certificate(claim("modulus"))) == []
    assert exporter("csv").suffix == ".csv"
