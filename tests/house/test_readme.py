"""The README and the pages it was split into: lines run, specs are valid, output is what is printed.

Every page is run as a whole in `test_docs.py`; here is what the README alone promises, and what pages say together.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.house import pages
from tests.house.pages import DOCS, ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
PLACE = "examples/breast-cancer"
AUDIT = f"audit {PLACE}/model.skops {PLACE}/train.csv --eval {PLACE}/new.csv"
"""The main job."""


def blocks(language: str, page: Path = pages.README) -> list[str]:
    """Fenced blocks of the README, or of another page, in one language."""
    return [block.text for block in pages.blocks(page, language)]


def test_readme_starts_with_one_line_to_run_and_one_to_test():
    run, test = blocks("bash")[:2]
    assert run.count("\n") == 1 and run.endswith(f".venv/bin/certify {AUDIT}\n")
    assert test == "bash tests/run\n"
    assert f"line='{test.strip()}'" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_after_its_first_line_the_readme_has_the_environment_on_the_path():
    """Whoever pastes one block after the other finds `certify`, `python` and `pip` where the first line put them."""
    run, _, activate, *later = blocks("bash")
    later += [block for page in pages.written()[1:] for block in blocks("bash", page)]
    assert activate == "source .venv/bin/activate\n" and ".venv/bin/certify" in run
    assert README.count(".venv/bin/") == run.count(".venv/bin/") + 1
    assert later and not any(".venv" in block for block in later)


def test_complete_spec_is_valid(tmp_path):
    from certify.spec import load_spec

    path = tmp_path / "certify.toml"
    path.write_text(blocks("toml", DOCS / "specs.md")[0], encoding="utf-8")
    assert load_spec(path).gate[0].max == 20.0


def test_every_spec_of_the_pages_is_valid():
    from certify.spec import parse_spec

    every = [block for page in pages.written() for block in blocks("toml", page)]
    estimates = blocks("toml", DOCS / "questions" / "estimates.md")
    proofs = [block for block in every if block not in estimates]
    assert len(proofs) >= 7 and len(estimates) == 1
    assert [bool(parse_spec(block.encode()).gate) for block in proofs] == [True] * len(proofs)
    assert [bool(parse_spec(block.encode(), verb="estimate").gate) for block in estimates] == [True]


def test_output_in_the_readme_is_that_of_the_audit(tmp_path, capsys):
    from certify.cli.main import main

    pytest.importorskip("skops")
    place = ROOT / PLACE
    told = ["audit", str(place / "model.skops"), str(place / "train.csv"), "--eval", str(place / "new.csv")]
    assert main([*told, "-o", str(tmp_path / "audit"), "-q"]) == 0
    said = pages.blocks(pages.README, "text")[0]
    assert pages.agree(said, capsys.readouterr().out)
    assert blocks("text", DOCS / "audit.md")[0] == said.text
    written = blocks("bash", DOCS / "audit.md")[0].split()[1:]
    assert written == ["audit", f"{PLACE}/model.skops", f"{PLACE}/train.csv", "--eval", f"{PLACE}/new.csv"]
    assert {"audit.html", "audit.json", "certificate.json", "certify.toml", "report.html"} <= {
        path.name for path in (tmp_path / "audit").iterdir()}


def test_output_of_a_page_is_that_of_the_committed_certificate():
    from certify.certificate import read_certificate
    from certify.check.main import Result, line_of
    from certify.check.reading.certificate import Witness
    from certify.check.reading.certificate import read_certificate as read
    from certify.check.reading.spec import Gate, read_spec
    from certify.check.verdicts import evaluate, overall, thresholds
    from certify.report.messages import verdict_line

    path = ROOT / "reports" / "audits" / "breast-cancer" / "certificate.json"
    said = [verdict_line(read_certificate(path)), "certificate audit/certificate.json", "report      audit/report.html"]
    assert blocks("text", DOCS / "questions" / "exact-fit.md")[0].splitlines() == said
    certificate = read(path.read_bytes(), "certificate")
    gates = read_spec((path.parent / "certify.toml").read_bytes()).gates
    claims = tuple(replace(claim, witness=Witness()) for claim in certificate.claims)  # none is infinite
    outcomes = tuple(evaluate(*pair) for pair in thresholds(claims, gates, [Gate("modulus", "max", 5.2)]))
    source = "the command line and the digest-bound spec"
    line = line_of(Result(certificate, outcomes, *overall(outcomes), source))
    assert blocks("text", DOCS / "checking.md")[0].strip() == line


def test_commands_of_the_pages_leave_tracked_files_alone_and_fit_together(tmp_path, monkeypatch, capsys):
    from certify.cli.main import main
    from tests.families.small import write

    lines = [*blocks("bash", DOCS / "questions" / "exact-fit.md"), *blocks("bash", DOCS / "checking.md")]
    found = [re.search(r"(?:^|/)certify (.*)$", block, flags=re.M) for block in lines]
    lines = [match[1].split() for match in found if match]
    run, check = (next(line for line in lines if line[0] == verb) for verb in ("run", "check"))
    assert "/audit/" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    monkeypatch.chdir(tmp_path)
    place = Path(run[1]).parent
    place.mkdir(parents=True)
    write(place)  # a small problem in the place of the audit, whose proof takes seconds
    assert main(run) == 0
    assert sorted(p.name for p in Path("audit").iterdir()) == ["certificate.json", "report.html"]
    assert sorted(p.name for p in place.iterdir()) == ["certify.toml", "model.safetensors", "train.npz"]
    assert main(check) == 3 and "modulus ≤ 5.2 failed (proved in" in capsys.readouterr().out


def test_the_layout_table_names_every_module():
    table = (DOCS / "layout.md").read_text(encoding="utf-8").partition("# Project layout")[2]
    for path in sorted((ROOT / "certify").iterdir()):
        if path.name.startswith("_") or not (path.suffix == ".py" or (path / "__init__.py").exists()):
            continue
        assert (f"`certify/{path.name}" if path.is_dir() else f"{path.name}`") in table, path.name


def test_output_in_the_readme_that_no_test_runs_there_is_that_of_a_page_that_runs():
    last = blocks("text")[-1]
    noise = pages.blocks(DOCS / "questions" / "noise.md", "text")
    assert last in [block.text for block in noise if block.title != "committed"]


def test_every_block_of_python_in_the_pages_is_run_by_the_page():
    """`test_docs.py` runs them, page by page; what the README had stands there still."""
    whole = "\n".join(block for page in pages.written() for block in blocks("python", page))
    for had in ("certify.load_problem(", "certify.bound(", "verify_positive_definite(A)", "truncated_hausdorff(",
                "toy.graphical_derivative(", "certify.Problem.from_module(", "certify.estimate("):
        assert had in whole
