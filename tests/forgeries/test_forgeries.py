"""Every forgery is refused, or decides nothing, with the reason, in one line that shows what it holds."""

from __future__ import annotations

import re
import resource

import pytest

from certify.check.main import main
from tests.forgeries.corpus import FORGERIES, README, table
from tests.forgeries.forgery import FILES, KINDS, ROOT

GROWTH = 256 << 10
"""Most that the process may grow by, in kB."""


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forgery_is_refused_with_the_reason(name, tmp_path, capsys):
    row = FORGERIES[name]
    path = row.make(tmp_path / name)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    status = main([str(path), "--quiet", *row.options])
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    out, err = capsys.readouterr()
    line = out.removesuffix("\n")
    assert status == row.status and re.search(row.words, line), f"{status}: {line[:500]}"
    assert not err and line.isprintable() and len(line) < 2000 and grown < GROWTH


@pytest.mark.parametrize("path", sorted((ROOT / FILES).glob("*/certificate.json")), ids=lambda path: path.parent.name)
def test_what_forgeries_start_from_is_honest(path, capsys):
    expected = 4 if path.parent.name in ("rescaled-copy", "chosen-tilt") else 0
    assert main([str(path), "--quiet"]) == expected, capsys.readouterr().out


@pytest.mark.parametrize("path", sorted((ROOT / KINDS).glob("*/certificate.json")), ids=lambda path: path.parent.name)
def test_a_certificate_of_every_kind_is_true(path, capsys):
    assert main([str(path), "--quiet"]) != 2, capsys.readouterr().out


def test_the_table_is_that_of_the_rows():
    assert README.read_text(encoding="utf-8") == table(), "python -m tests.forgeries writes it"


def test_there_are_forgeries_of_each_kind():
    assert {name[:2] for name in FORGERIES} == {f"{letter}-" for letter in "abcde"}
