"""The PDF: PDF/A by its own metadata, whole, the same every time, and foreign text is text."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from certify.certificate import seal
from certify.certificate.canonical import canonical_bytes
from certify.cli.formats import formats
from certify.cli.main import main
from certify.format.errors import MissingPackage, SpecError
from certify.report.exporters import exporter
from certify.report.exporters.exporter import Exporter
from certify.report.model import View, build
from certify.report.pdf.document import SETTERS, document
from certify.report.sections import SECTIONS
from certify.report.statements import Report
from tests.families import report_samples as samples
from tests.families import report_samples_sublevel as sublevel
from tests.families.pages import HOSTILE

SHAPES = samples.SHAPES | sublevel.SHAPES
CODE = ' #eval("panic()") #panic("x") $ \\ `x` *b* @l 漢字 \U0001f600 ' + "w" * 300


def facts(report: Report) -> str:
    return json.dumps(document(report), ensure_ascii=False).replace("\u200b", "")


def streams(pdf: bytes) -> bytes:
    """Everything that is compressed in it, unpacked."""
    found = b""
    for one in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL):
        try:
            found += zlib.decompress(one)
        except zlib.error:
            found += one
    return found


def test_every_section_is_set() -> None:
    assert set(SETTERS) == {section.name for section in SECTIONS}


@pytest.mark.parametrize("name", SHAPES)
def test_the_facts_are_those_of_the_certificate(name: str) -> None:
    made = SHAPES[name]()
    said = facts(build(made))
    for file in made["subject"].values():
        assert file["sha256"] in said
    for claim in made["claims"]:
        assert claim["quantity"] in said and all(one["statement"] in said for one in claim["hypotheses"])
        if claim["verdict"] == "inconclusive":
            assert claim["reason"][1:] in said
    assert not re.search(r"compl(y|ies|ied|ian)|conform|fulfil", said, re.IGNORECASE) and "Maps to" in said
    assert made["digest"].removeprefix("sha256:") in said and "What is not claimed" in said
    assert ("certified" in said) == ("certified" in [claim["verdict"] for claim in made["claims"]])


@pytest.mark.parametrize("name", ["certified", "undecided_threshold", "estimated", "interior"])
def test_it_says_that_it_is_pdf_a_and_is_the_same_every_time(name: str) -> None:
    pytest.importorskip("typst")
    made = SHAPES[name]()
    pdf = exporter("pdf").content(made)
    assert pdf.startswith(b"%PDF-1.") and pdf == exporter("pdf").content(made)
    meta = streams(pdf) + pdf
    assert b"<pdfaid:part>2</pdfaid:part>" in meta and b"<pdfaid:conformance>A</pdfaid:conformance>" in meta
    assert b"/Marked true" in meta and b"/JavaScript" not in meta and b"/Launch" not in meta
    assert b"/FontFile" in meta


def test_foreign_text_is_text() -> None:
    pytest.importorskip("typst")
    made = samples.certified()
    made["environment"] = {HOSTILE: CODE}
    for file in made["subject"].values():
        file["path"] = CODE.strip()
    for claim in made["claims"]:
        claim["gate"]["rationale"] = HOSTILE + CODE
    pdf = exporter("pdf").content(seal(made))
    assert b"<pdfaid:part>2" in streams(pdf) + pdf
    if shutil.which("pdftotext"):
        text = subprocess.run(["pdftotext", "-layout", "-", "-"], input=pdf, capture_output=True, check=True).stdout
        assert b'#eval("panic()")' in text and b"<script>alert(1)" in text and b"\\u6f22" in text


def test_it_is_written_and_left_out_by_the_command(tmp_path: Path) -> None:
    pytest.importorskip("typst")
    path = tmp_path / "certificate.json"
    path.write_bytes(canonical_bytes(samples.rows_deleted()))
    assert main(["report", str(path), "--format", "pdf", "--redact", "--previous", str(path)]) == 0
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")
    said = facts(build(samples.rows_deleted(), None, View(redact=True)))
    assert "Left out: names of files" in said
    assert not any(file["path"] in said for file in samples.rows_deleted()["subject"].values())


def test_it_is_no_text_and_needs_its_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="no text to be printed; give pdf=FILE"):
        formats(["pdf"])
    found = importlib.util.find_spec
    monkeypatch.setattr(sys.modules[Exporter.__module__], "find_spec",
                        lambda name: None if name == "typst" else found(name))
    with pytest.raises(MissingPackage, match=r"typst is not installed; pip install 'certify\[pdf\]'"):
        formats([f"pdf={tmp_path / 'a.pdf'}"])
    path = tmp_path / "certificate.json"
    path.write_bytes(canonical_bytes(samples.certified()))
    assert main(["report", str(path), "--format", "pdf"]) == 2 and not (tmp_path / "report.pdf").exists()
