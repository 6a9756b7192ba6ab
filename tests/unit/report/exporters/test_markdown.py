"""The Markdown summary: what it says of small certificates, and that no foreign text becomes markup."""

from __future__ import annotations

import re

import pytest

from certify.certificate import seal
from certify.cli.main import main
from certify.format.errors import CertificateError, SpecError
from certify.report.exporters import EXPORTERS, exporter
from certify.report.exporters.markdown import _when, escaped, render
from certify.report.statements import Flip
from tests.families import report_samples as samples
from tests.families import report_samples_sublevel as samples_sublevel

SHAPES = samples.SHAPES | samples_sublevel.SHAPES
GOLDEN = """\
## certify: certified

certified modulus ≤ 20.0 met (proved in \\[5.13814, 5.13815\\]); sample\\_modulus ≤ 4.0 met (proved in \\[2.431338, \
2.4313382\\]); changes: features, total \\[gates met\\]

| claim | enclosure | unit | known by | verdict | gate |
| --- | --- | --- | --- | --- | --- |
| `modulus` | [5.13814, 5.13815] | weight distance per unit of feature change | proved, M2 | certified | ≤ 20.0: met |
| `sample_modulus` | [2.431338, 2.4313382] | weight distance per unit of feature change | proved, M4 | certified | \
≤ 4.0: met |

Certificate `DIGEST`. `certify check` derives every claim again from the original files.
"""
HOSTILE = ("a | b\n| c | <script>alert(1)</script> `x` [l](javascript:1) ![i](u) **b** https://e.org www.e.org $x$ "
           "&lt; \\|\u202e")


def test_the_summary_of_a_certified_release() -> None:
    made = samples.certified()
    assert render(made) == GOLDEN.replace("DIGEST", made["digest"])


def test_reasons_cautions_and_infinite_factors_are_said() -> None:
    text = render(samples.equal_rows())
    assert "| `modulus` | infinite |" in text and "≤ 20.0: failed |" in text
    assert "- refuted modulus: rows 3 and 17 have equal features\n" in text
    assert "| no bound proved |" in render(samples_sublevel.nearby_unproved())
    assert ", a warning only |" in render(samples.two_gates_on_one_quantity())


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_is_one_line_a_claim(name: str) -> None:
    made = SHAPES[name]()
    lines = render(made).splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert len(table) == 2 + len(made["claims"])
    assert {line.count("|") for line in table} == {7}
    assert lines[0] == f"## certify: {made['verdict']}" and lines[2].startswith(made["verdict"])


def test_foreign_text_opens_no_cell_no_line_and_no_element() -> None:
    made = samples.inconclusive()
    for claim in made["claims"]:
        claim |= {"unit": HOSTILE, "reason": HOSTILE}
    made["subject"]["model"]["path"] = "| <b>\n.pt"
    label = seal(made | {"claims": [made["claims"][0] | {"theorem": HOSTILE}, *made["claims"][1:]]})
    with pytest.raises(CertificateError, match="theorem"):  # a label is one of the table's
        render(label)
    text = render(seal(made))
    plain = re.sub(r"\\[\\`*_\[\]|~$#!.:=+)-]", "", text)  # what stays when all that is escaped is gone
    table = [line for line in plain.splitlines() if line.startswith("|")]
    assert len(table) == 4 and {line.count("|") for line in table} == {7}
    assert len(text.splitlines()) == len(render(samples.inconclusive()).splitlines()) + 1  # the .pt that is not read
    assert "<" not in text and "\u202e" not in text
    assert "](" not in plain and "**" not in plain and "://" not in plain and "www." not in plain


@pytest.mark.parametrize("text, shown", [
    ("a|b", r"a\|b"), ("a\\|b", r"a\\\|b"), ("a\r\nb\u2028c", "a b c"),
    ("<b>&amp;</b>", "&lt;b&gt;&amp;amp;&lt;/b&gt;"),
    ("# a", r"\# a"), ("1) a", r"1\) a"), ("HTTPS://a", r"HTTPS\://a"), ("WWW.a", r"WWW\.a"), ("@all", "@all"),
])
def test_escapes(text: str, shown: str) -> None:
    assert escaped(text) == shown


def test_a_malformed_certificate_gets_no_summary() -> None:
    with pytest.raises(CertificateError):
        render(samples.certified() | {"verdict": "refuted"})


def test_the_table_of_exporters_is_keyed_by_name() -> None:
    made = samples.certified()
    for name, one in EXPORTERS.items():
        assert exporter(name) is one and one.name == name and one.suffix.startswith(".") and "/" in one.media
        assert one.render(made) == one.render(made)
    with pytest.raises(SpecError, match="use html or markdown"):
        exporter("docx")


def test_the_command_line_writes_any_format(tmp_path, capsys) -> None:
    from certify.certificate import canonical_bytes

    made = samples.certified()
    path = tmp_path / "certificate.json"
    path.write_bytes(canonical_bytes(made))
    assert main(["report", str(path), "--format", "markdown"]) == 0
    assert (tmp_path / "report.md").read_text(encoding="utf-8") == render(made)
    assert main(["report", str(path), "--format", "html", "-o", str(tmp_path / "a.html")]) == 0
    assert (tmp_path / "a.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    capsys.readouterr()
    assert main(["report", str(path), "--format", "docx"]) == 2
    assert "there is no such format; use html or markdown" in capsys.readouterr().err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.html", "certificate.json", "report.md"]


@pytest.mark.parametrize(("flip", "said"), [
    (Flip(3, ()), "on today’s data already"),
    (Flip(3, (7,)), "when training row 7 is left out"),
    (Flip(3, (), fresh=True), "when new rows join that the witness file holds"),
    (Flip(3, (7,), fresh=True), "when new rows join that the witness file holds and training row 7 is left out"),
])
def test_a_flip_by_new_rows_is_said_to_be_one(flip: Flip, said: str) -> None:
    """It was said to be there on today's data already, and a row that is left out to do it alone."""
    assert _when(flip, ("are left out", "is left out")) == said
