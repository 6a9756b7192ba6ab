"""The page: every shape of certificate is set, safely, and says no more than the certificate."""

from __future__ import annotations

import re
import subprocess
import sys
import time

import pytest

from certify.certificate import seal
from certify.format.errors import CertificateError
from certify.report.exporters.html import render
from tests.families import report_samples as samples
from tests.families import report_samples_sublevel as samples_sublevel
from tests.families.pages import HOSTILE, Page, without_script

SHAPES = samples.SHAPES | samples_sublevel.SHAPES


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return {name: render(made()) for name, made in SHAPES.items()}


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_is_a_whole_page(pages: dict[str, str], name: str) -> None:
    html = pages[name]
    page = Page(html)
    assert html.startswith("<!DOCTYPE html>") and html.rstrip().endswith("</html>")
    assert len(page.ids) == len(set(page.ids)), "identifiers are unique on the page"
    assert len(html.encode()) < 400_000
    assert "None" not in page.text and "Undefined" not in page.text and "{{" not in html


@pytest.mark.parametrize("name", SHAPES)
def test_nothing_is_fetched_and_nothing_runs(pages: dict[str, str], name: str) -> None:
    html = without_script(pages[name])
    page = Page(html)
    assert not page.tags & {"script", "iframe", "object", "embed", "img", "form", "base"}
    without_names = re.sub(r'xmlns(:\w+)?="[^"]*"', "", html)
    assert not re.search(r"https?:|url\((?!#)|@import|javascript:", without_names)
    for name_, value in page.attributes:
        assert not name_.startswith("on"), name_
        if name_ in {"src", "href", "xlink:href"}:
            assert value.startswith("#") or value == "data:,", value
    assert ("http-equiv", "Content-Security-Policy") in page.attributes


@pytest.mark.parametrize("name", SHAPES)
def test_gates_hypotheses_digests_and_rows_are_all_there(pages: dict[str, str], name: str) -> None:
    made, text = SHAPES[name](), Page(pages[name]).text
    for claim in made["claims"]:
        assert claim["quantity"] in text
        for hypothesis in claim["hypotheses"]:
            assert hypothesis["statement"] in text and hypothesis["name"] in text
        if claim["gate"]:
            bound = "at most" if "max" in claim["gate"] else "at least"
            value = claim["gate"].get("max", claim["gate"].get("min"))
            assert f"{claim['quantity']} {bound} {repr(value).removesuffix('.0')}" in text
            assert claim["gate"]["state"] in text
            assert (claim["gate"]["rationale"] or "No reason was given") in text
        for row in claim["witness"].get("equal_rows", ()):
            assert re.search(rf"\b{row}\b", text)
        if any(claim.get("row_upper", ())):  # not of rows that are all 0 or all unproved
            assert set(re.findall(r"(?:<b>|<th scope=\"row\">)(\d+)<", pages[name])) == set(map(str, claim["rows"]))
        if claim["verdict"] == "inconclusive":
            assert claim["reason"][1:] in text
    for file in made["subject"].values():
        assert file["sha256"] in text and file["path"] in text
    assert made["digest"].removeprefix("sha256:") in text
    assert made["verdict"] in text and "What is not claimed" in text and "What may move" not in text


@pytest.mark.parametrize("name", SHAPES)
def test_the_word_certified_is_only_for_what_is(pages: dict[str, str], name: str) -> None:
    verdicts = [claim["verdict"] for claim in SHAPES[name]()["claims"]]
    word = re.search("certified", pages[name], re.IGNORECASE)
    assert bool(word) == ("certified" in verdicts)


def test_vocabulary_of_the_design(pages: dict[str, str]) -> None:
    for html in pages.values():
        assert not re.search(r"\b(confidence|score|safe|trusted model)\b", Page(html).text, re.IGNORECASE)


def test_plain_sentences(pages: dict[str, str]) -> None:
    text = Page(pages["certified"]).text
    assert "If the training features move by a small amount δ in total, a network that fits the moved data " in text
    assert "exactly exists within about 5.139·δ of these weights, and no factor below 5.138 would do." in text
    assert "Both thresholds hold. The command ends with status 0." in text
    assert "1 of 1" not in text
    assert "rows 3 and 17 have exactly the same features" in Page(pages["equal_rows"]).text
    assert "--merge-duplicates" in Page(pages["equal_rows"]).text
    assert "adjusting layer 2 alone" in Page(pages["undecided_threshold"]).text
    assert "No upper end was proved for row 5." in Page(pages["some_rows_unproved"]).text
    assert "met (estimated)" in Page(pages["estimated"]).text
    assert "By an estimate, without proof: if" in Page(pages["estimated"]).text


def test_most_sensitive_is_said_only_where_proved(pages: dict[str, str]) -> None:
    assert "the most sensitive, no factor" in Page(pages["certified"]).text
    assert "the most sensitive, no factor" not in Page(pages["undecided_threshold"]).text
    assert "The 10 most sensitive of" in Page(pages["certified"]).text
    assert "The 10 most sensitive of" not in Page(pages["some_rows_unproved"]).text


def test_commands_are_quoted_for_the_shell() -> None:
    made = samples.certified()
    made["subject"]["spec"]["path"] = "../a b/$(rm x).toml"
    text = Page(render(seal(made))).text
    assert "certify run -o . '../a b/$(rm x).toml'" in text
    assert "certify check certificate.json --max modulus=20.0 --max sample_modulus=4.0" in text


def test_the_check_command_leaves_warnings_to_the_specification() -> None:
    gates = samples.gate("max", 20.0, "met"), samples.gate("max", 5.0, "met", severity="warn")
    made = samples.certificate(samples.claim("modulus", gate=gates[0]), samples.claim("sample_modulus", gate=gates[1]))
    assert "certify check certificate.json --max modulus=20.0 This page" in " ".join(Page(render(made)).text.split())


def test_files_the_checker_does_not_read_are_named_beside_its_command() -> None:
    made = samples.certified()
    assert "does not read" not in Page(render(made)).text
    made["subject"]["model"]["path"], made["subject"]["data"]["path"] = "net.pt", "train.parquet"
    text = Page(render(seal(made))).text
    assert "It does not read .pt; save the model as .safetensors and run again" in text
    assert "It does not read .parquet; save the data as .npz or .safetensors or .csv and run again" in text


def test_foreign_text_stays_text() -> None:
    """Every string of the certificate that a spec or a file can set, replaced by markup."""
    made = samples.certified()
    made["certify_version"] = made["problem"]["activation"] = HOSTILE
    made["environment"] = {HOSTILE: HOSTILE, "list": [HOSTILE, {HOSTILE: 1}]}
    for file in made["subject"].values():
        file["path"] = HOSTILE
    for claim in made["claims"]:
        claim.update(unit=HOSTILE, reason=HOSTILE, verdict="inconclusive")
        claim["hypotheses"] = [{"name": HOSTILE, "statement": HOSTILE, "value": HOSTILE, "holds": True}]
        claim["gate"] |= {"rationale": HOSTILE, "state": "open"}
    html = without_script(render(seal(made | {"verdict": "inconclusive", "gates": "open"})))
    page = Page(html)
    assert "script" not in page.tags and not [name for name, _ in page.attributes if name.startswith("on")]
    assert html.count("</style>") == 1 and html.count("</title>") == 1
    assert "<script" not in html and "1234001234" not in page.text and "\u202e" not in html
    assert page.text.count("<script>alert(1)</script>") > 15
    made["claims"][0]["theorem"] = HOSTILE  # the one text of a claim that the table of theorems knows
    with pytest.raises(CertificateError, match="where M2 bounds it"):
        render(seal(made | {"verdict": "inconclusive", "gates": "open"}))


def test_same_certificate_same_bytes_whatever_the_settings() -> None:
    made = samples.certified()
    first = render(made)
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    assert render(made) == first
    assert dict(mpl.rcParams) == before, "global settings are left alone"
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red", "svg.fonttype": "path"}):
        assert render(made) == first


def test_a_fresh_process_gives_the_same_bytes() -> None:
    code = (
        "import hashlib, sys; from certify.report.exporters.html import render; assert 'matplotlib' not in sys.modules;"
        "from tests.families.report_samples import certified; h = render(certified()).encode();"
        "assert 'matplotlib.pyplot' not in sys.modules; print(hashlib.sha256(h).hexdigest())"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    import hashlib

    assert run.stdout.strip() == hashlib.sha256(render(samples.certified()).encode()).hexdigest()


def test_ten_thousand_rows_stay_small_and_quick() -> None:
    n = 10_000
    values = samples.row_values(n)
    made = samples.claim("sample_modulus", rows=list(range(n)), row_lower=values, row_upper=values)
    started = time.perf_counter()
    html = render(samples.certificate(made | {"lower": max(values), "upper": max(values)}))
    assert time.perf_counter() - started < 10
    assert len(html.encode()) < 400_000
    assert "The certificate holds the values of every row." in html


@pytest.mark.parametrize("value", [5e-324, 1e-300, 1e300, 1.7e308])
@pytest.mark.filterwarnings("error")
def test_extreme_rows_are_drawn_or_left_out(value: float) -> None:
    rows = list(range(20))
    ends = [min(value * (1 + i), 1.7e308) for i in rows]
    made = samples.claim("sample_modulus", rows=rows, row_lower=ends, row_upper=ends, lower=ends[-1], upper=ends[-1])
    Page(render(samples.certificate(made)))
