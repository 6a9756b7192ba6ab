"""Suppressions and `--on-inconclusive`: they change the exit status, and never a verdict or the state of a gate."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest

from certify.certificate.canonical import canonical_bytes
from certify.certificate.read import read_certificate
from certify.cli.formats import PLAIN
from certify.cli.main import main
from certify.format.errors import CertifyError
from certify.gating import suppressions
from certify.gating.suppressions import read_suppressions, suppress, today
from certify.report.exporters import EXPORTERS
from certify.report.exporters.outcomes import outcomes
from tests.families.small import SPEC, files, gate, write

TODAY = today()
TOMORROW, YESTERDAY = TODAY + timedelta(days=1), TODAY - timedelta(days=1)
FAILS, OPEN = gate(max=1e-6), gate(max=1e6) + "\n[run]\ntime_limit = 1e-9\n"


@pytest.fixture(autouse=True)
def the_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """The day on which the tests began, also after midnight."""
    monkeypatch.setattr("certify.gating.policy.today", lambda: TODAY)


def entry(certificate: dict, expires: date = TOMORROW, **changed: str) -> str:
    """A suppression of the first gate."""
    one = outcomes(certificate).claims[0]
    members = {"gate": one.asked, "fingerprint": one.fingerprint, "owner": "Ann <b>", "reason": "cleaning | rows"}
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in (members | changed).items()]
    return "\n".join(["[[suppress]]", *lines, f"expires = {expires.isoformat()}", ""])


def prepared(folder: Path, more: str, **changed: object) -> tuple[Path, Path, dict]:
    spec = write(folder, SPEC + more)
    main(["run", str(spec), "-q"])
    certificate = read_certificate(folder / "certificate.json")
    path = folder / "suppress.toml"
    path.write_text(entry(certificate, **changed), encoding="utf-8")
    return spec, path, certificate


@pytest.mark.parametrize(("more", "before", "word"), [(FAILS, 3, "refuted"), (OPEN, 4, "inconclusive")])
def test_a_suppressed_gate_changes_the_status_and_nothing_else(tmp_path, capsys, more, before, word):
    spec, path, plain = prepared(tmp_path, more)
    assert main(["run", str(spec), "-q"]) == before
    capsys.readouterr()
    status = main(["run", str(spec), "-q", "--suppressions", str(path)])
    line = capsys.readouterr().out
    assert status == 0
    assert line.startswith(word) and f"suppressed by Ann <b> until {TOMORROW}: cleaning | rows" in line
    found = read_certificate(tmp_path / "certificate.json")
    for member in ("verdict", "gates", "problem", "subject"):
        assert found[member] == plain[member]
    assert [c["gate"]["state"] for c in found["claims"]] == [c["gate"]["state"] for c in plain["claims"]]
    assert main(["check", str(tmp_path / "certificate.json"), "-q"]) == before  # the checker heeds none


@pytest.mark.parametrize("expires", [TOMORROW, TODAY, YESTERDAY])
def test_every_format_shows_it_and_an_expired_one_fails_again(tmp_path, capsys, expires):
    spec, path, _ = prepared(tmp_path, FAILS, expires=expires)
    asked = [part for name in (*PLAIN, *EXPORTERS) for part in ("--format", f"{name}={tmp_path / 'out' / name}")]
    assert main(["run", str(spec), "-q", "--suppressions", str(path), *asked]) == (3 if expires == YESTERDAY else 0)
    said = f"expired on {expires}" if expires == YESTERDAY else f"until {expires}"
    assert said in capsys.readouterr().out
    assert (tmp_path / "out" / "pdf").read_bytes().startswith(b"%PDF")
    badge = (tmp_path / "out" / "badge").read_text(encoding="utf-8")
    assert (", 1 suppressed" in badge) == (expires != YESTERDAY)  # which decides nothing, so that the rest may be met
    told = {*PLAIN, *EXPORTERS} - {"csv", "badge", "pdf"}  # which hold rows, the numbers of one claim, and no text
    for name in told:
        text = (tmp_path / "out" / name).read_text(encoding="utf-8").replace("\\", "")
        assert (str(expires) if name == "json" else said) in text, name
    (result,) = json.loads((tmp_path / "out" / "sarif").read_bytes())["runs"][0]["results"]
    (stated,) = result["suppressions"]
    assert stated["status"] == ("rejected" if expires == YESTERDAY else "accepted") and stated["kind"] == "external"
    case = ElementTree.parse(tmp_path / "out" / "junit").getroot().find(".//testcase")
    assert (case.find("failure") is not None, case.find("skipped") is not None) == (
        (True, False) if expires == YESTERDAY else (False, True))
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert ("ends with status 3" in page) == (expires == YESTERDAY)  # else it ends with another one
    assert said in page and "Ann <b>" not in page and "Ann &lt;b&gt;" in page


def test_the_day_is_that_of_the_clock_and_of_no_variable(monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    assert suppressions.today() > date(2026, 1, 1)


def test_the_last_day_still_counts(tmp_path):
    _, path, certificate = prepared(tmp_path, FAILS)
    given = read_suppressions(path)
    for day, expired in ((TOMORROW, False), (TOMORROW + timedelta(days=1), True)):
        (found,) = suppress(certificate, given, day)["suppressed"]
        assert found["expired"] is expired


@pytest.mark.parametrize(("text", "said"), [
    ("[[suppress]]\n", "missing"), ("x = 1\n", "unknown key 'x'"), ("suppress = 1\n", "suppress is no list"),
    ("suppress = [1]\n", "it is no table"), ("[[suppress]\n", "not TOML"),
    (("owner", '"Ann <b>"', '""'), "give a text that is not empty"), (("owner", '"Ann <b>"', "3"), "not empty"),
    (("expires", str(TOMORROW), '"2027-01-31"'), "give a day"),
    (("expires", str(TOMORROW), "2027-01-31T00:00:00"), "a day"),
    (("expires", f"expires = {TOMORROW}", ""), "expires: missing"),
    (("reason", "reason", "reasons"), "unknown key 'reasons'"),
    (("gate", "modulus", "distance"), "its fingerprint is that of 'modulus ≤ 1e-06'"),
])
def test_what_is_not_whole_is_refused_and_nothing_is_written(tmp_path, capsys, text, said):
    spec, path, _ = prepared(tmp_path, FAILS)
    whole = path.read_text(encoding="utf-8")
    path.write_text(whole.replace(text[1], text[2]) if isinstance(text, tuple) else text, encoding="utf-8")
    before = files(tmp_path)
    assert main(["run", str(spec), "-q", "--suppressions", str(path)]) == 2
    assert said in capsys.readouterr().err and files(tmp_path) == before


def test_one_gate_has_one_suppression(tmp_path):
    _, path, _ = prepared(tmp_path, FAILS)
    path.write_text(path.read_text(encoding="utf-8") * 2, encoding="utf-8")
    with pytest.raises(CertifyError, match="two entries have the fingerprint"):
        read_suppressions(path)


def test_a_fingerprint_of_another_question_is_refused_and_one_of_another_spec_is_left_alone(tmp_path, capsys):
    spec, path, certificate = prepared(tmp_path, FAILS, fingerprint="0" * 64)
    assert main(["run", str(spec), "-q", "--suppressions", str(path)]) == 2
    assert outcomes(certificate).claims[0].fingerprint in capsys.readouterr().err
    path.write_text(entry(certificate, fingerprint="0" * 64, gate="distance ≤ 1.0"), encoding="utf-8")
    assert main(["run", str(spec), "-q", "--suppressions", str(path)]) == 3


def test_a_gate_that_is_met_needs_none(tmp_path):
    spec, path, _ = prepared(tmp_path, gate(max=1e6))
    assert main(["run", str(spec), "-q", "--suppressions", str(path)]) == 0
    assert "suppressed" not in read_certificate(tmp_path / "certificate.json")


@pytest.mark.parametrize(("more", "statuses"), [
    (FAILS, (3, 3, 3)), (OPEN, (4, 0, 0)), (gate(max=1e6), (0, 0, 0)), ("\n[run]\ntime_limit = 1e-9\n", (4, 0, 0))])
def test_open_gates_count_or_not_and_no_word_changes(tmp_path, capsys, more, statuses):
    spec = write(tmp_path, SPEC + more)
    said = set()
    for word, status in zip(("fail", "warn", "pass"), statuses, strict=True):
        assert main(["run", str(spec), "-q", "--on-inconclusive", word]) == status
        printed = capsys.readouterr()
        said.add(printed.out)
        assert ("not counted (--on-inconclusive warn)" in printed.err) == (word == "warn" and statuses[0] == 4)
    assert len(said) == 1
    assert main(["run", str(spec), "-q", "--on-inconclusive", "maybe"]) == 2


def test_every_exporter_takes_a_certificate_with_all_of_it(tmp_path):
    spec, path, _ = prepared(tmp_path, gate(max=1e-6, max_increase=1))
    assert main(["run", str(spec), "-q", "--suppressions", str(path)]) == 4
    content = read_certificate(tmp_path / "certificate.json")
    for name, exporter in EXPORTERS.items():
        if not exporter.printed:
            assert b"%PDF" in exporter.content(content)
            continue
        text = exporter.text(content, "").replace("\\", "")
        assert name == "csv" or "max_increase" in text or name == "badge", name
    assert canonical_bytes(content) == (tmp_path / "certificate.json").read_bytes()


def test_a_redacted_page_names_nobody(tmp_path):
    spec, path, _ = prepared(tmp_path, gate(max=1e-6, max_increase=1, rationale="Bob said so"))
    assert main(["run", str(spec), "-q", "--suppressions", str(path)]) == 4
    out = tmp_path / "redacted.html"
    assert main(["report", str(tmp_path / "certificate.json"), "-o", str(out), "--redact"]) == 0
    text = out.read_text(encoding="utf-8")
    assert "Suppressed gates" in text and "Ann &lt;" not in text and "cleaning" not in text and "Bob" not in text
