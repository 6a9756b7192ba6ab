"""A new thing is new files and rows of tables: toys are added so to a copy of the package, and work."""

from __future__ import annotations

import pytest

from tests.house.additions import ROOT, Copy

CERTIFICATE = str(ROOT / "tests" / "golden" / "0.1.0" / "boundary" / "certificate.json")


@pytest.fixture
def copy(tmp_path):
    return Copy(tmp_path)


def test_a_file_that_is_there_is_no_new_one(copy):
    with pytest.raises(ValueError, match="there already"):
        copy.file("report/exporters/html.py", "")
    with pytest.raises(ValueError, match="stands 0 times"):
        copy.entry("report/exporters/__init__.py", "no such line", "")


def test_an_exporter_is_a_file_and_a_row(copy):
    copy.file("report/exporters/toy.py", '''"""One word: the verdict."""

from certify.report.exporters.exporter import Exporter


def render(certificate):
    """The verdict alone."""
    return certificate["verdict"] + "\\n"


EXPORTER = Exporter("toy", ".txt", "text/plain", render)
''')
    copy.entry("report/exporters/__init__.py", "from certify.report.exporters import html, markdown", ", toy")
    copy.entry("report/exporters/__init__.py", "(html.EXPORTER, markdown.EXPORTER", ", toy.EXPORTER")
    done = copy.run("report", CERTIFICATE, "--format", "toy", "-o", str(copy.folder / "out.txt"))
    assert done.returncode == 0, done.stderr
    assert (copy.folder / "out.txt").read_text() == "certified\n"
    assert (copy.new, copy.rows) == (["report/exporters/toy.py"], ["report/exporters/__init__.py"])
