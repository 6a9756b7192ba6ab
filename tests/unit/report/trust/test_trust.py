"""The page of what a verdict rests on: only where the checker accepts, and nothing on it that is only stated."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from certify.cli.main import main
from certify.format.canonical import digest, encode
from certify.format.theorems import THEOREMS
from certify.report.trust.page import Checked, render
from certify.report.trust.words import HYPOTHESES

ROOT = Path(__file__).resolve().parents[4]
GOLDEN = ROOT / "tests/golden"
CERTIFICATES = sorted(GOLDEN.glob("*/*/certificate.json"))
CHECKED = Checked("certified", (("kernel and reading", 2, 10), ("theorems", 1, 5)), ("flint 1: balls",))


def certify(*arguments: str) -> int:
    return main(list(arguments))


def copy(name: str, folder: Path) -> Path:
    return Path(shutil.copytree(GOLDEN / name, folder / "copy")) / "certificate.json"


def reseal(path: Path, certificate: dict) -> None:
    path.write_bytes(encode({**certificate, "digest": digest(certificate)}))


def test_every_hypothesis_of_the_table_has_words():
    assert {name for theorem in THEOREMS for name in theorem.hypotheses} | {"weights", "bias"} == set(HYPOTHESES)


@pytest.mark.parametrize("path", CERTIFICATES, ids=lambda path: "-".join(path.parts[-3:-1]))
def test_every_golden_certificate_has_a_page_that_fits_a_screen(path):
    certificate = json.loads(path.read_bytes())
    page = render(certificate, CHECKED)
    for claim in certificate["claims"]:
        assert f"| {claim['theorem']} | " in page
        assert all(f"(`{one['name']}`)" in page for one in claim["hypotheses"])
    assert all(f"`{file['sha256'][:12]}`" in page for file in certificate["subject"].values())
    assert "3 files of `certify`, 15 lines (kernel and reading 10, theorems 5)" in page and "* flint 1: balls." in page
    assert len(page.splitlines()) <= 75
    proofs = {part.split("`")[0].split("#")[0] for part in page.split("`proofs/")[1:]}
    assert proofs and all((ROOT / "proofs" / name).exists() for name in proofs)


def test_the_page_has_the_verdict_and_the_lines_of_the_checker(tmp_path, capsys):
    path = copy("0.2.0/targets", tmp_path)
    assert certify("report", str(path), "--trusted") == 0
    page = (path.parent / "trust.md").read_text(encoding="utf-8")
    done = subprocess.run([sys.executable, "-m", "certify.check", str(path), "--trusted", "--json"], cwd=ROOT,
                          capture_output=True, text=True, check=False)
    found = json.loads(done.stdout)["trusted"]
    files = sum(len(ring["files"]) for ring in found["rings"])
    assert f"{files} files of `certify`, {found['lines']:,} lines" in page
    assert page.splitlines()[2].startswith("**certified ") and "python-flint " in page


def test_no_page_is_written_of_what_the_checker_refuses(tmp_path, capsys):
    path = copy("0.2.0/targets", tmp_path)
    certificate = json.loads(path.read_bytes())
    certificate["claims"][0]["upper"] *= 0.5
    certificate["claims"][0]["lower"] *= 0.25
    reseal(path, certificate)
    assert certify("report", str(path), "--trusted") == 2
    assert "the checker does not accept it: invalid " in capsys.readouterr().err
    assert not (path.parent / "trust.md").exists()


def test_no_page_is_written_where_a_file_is_missing(tmp_path, capsys):
    path = copy("0.2.0/targets", tmp_path)
    (path.parent / "data.npz").unlink()
    assert certify("report", str(path), "--trusted") == 2
    assert not (path.parent / "trust.md").exists()


def test_words_that_are_only_stated_are_refused_or_not_repeated(tmp_path, capsys):
    path = copy("0.2.0/targets", tmp_path)
    certificate = json.loads(path.read_bytes())
    certificate["environment"] = {"platform": "audited by the ministry"}
    reseal(path, certificate)
    assert certify("report", str(path), "--trusted") == 0
    assert "ministry" not in (path.parent / "trust.md").read_text(encoding="utf-8")
    certificate["claims"][0]["hypotheses"][0]["statement"] = "audited by the ministry"
    reseal(path, certificate)
    capsys.readouterr()
    assert certify("report", str(path), "--trusted") == 2
    assert "says something else" in capsys.readouterr().err


@pytest.mark.parametrize("more", [["--rows"], ["--redact"], ["--format", "pdf"], ["SECOND"], ["--index", "."]],
                         ids=" ".join)
def test_what_has_no_place_beside_it_is_refused(more, tmp_path, capsys):
    path = copy("0.2.0/targets", tmp_path)
    given = [] if "--index" in more else [str(path)]
    more = [str(path) if part == "SECOND" else part for part in more]
    assert certify("report", *given, "--trusted", *more) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("more", [["--trusted"], ["--format", "markdown"], []], ids=" ".join)
@pytest.mark.parametrize("name", ["certificate.json", "model.safetensors", "spec.toml"])
def test_no_report_is_written_over_a_file_that_it_is_about(more, name, tmp_path, capsys):
    path = copy("0.2.0/targets", tmp_path)
    before = (path.parent / name).read_bytes()
    assert certify("report", str(path), *more, "-o", str(path.parent / name)) == 2
    assert "is about this file; name another file" in capsys.readouterr().err
    assert (path.parent / name).read_bytes() == before


def test_the_page_says_what_coq_has_checked_and_of_what_it_has_checked_nothing():
    page = render(json.loads((GOLDEN / "0.2.0/targets/certificate.json").read_bytes()), CHECKED)
    assert "`Modulus.v`: `lmi_upper`, `lmi_modulus`" in page and "Coq has checked no part of M3" in page


def test_nothing_on_the_page_rests_on_a_random_draw(tmp_path, monkeypatch):
    path, honest, asked = copy("0.2.0/targets", tmp_path), subprocess.run, []

    def run(command, **options):
        asked.append(command)
        return honest(command, **options)

    monkeypatch.setattr(subprocess, "run", run)
    assert certify("report", str(path), "--trusted") == 0
    assert all("--exact" in command for command in asked) and asked
    assert "No proof depends on a random draw" in (path.parent / "trust.md").read_text(encoding="utf-8")
