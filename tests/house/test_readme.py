"""The README: its lines run, its specs are valid, its output is that of the committed certificate."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """Fenced blocks of the README in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.S | re.M)


def test_readme_starts_with_one_line_to_run_and_one_to_test():
    run, test = blocks("bash")[:2]
    assert run.count("\n") == 1 and run.endswith("certify run reports/audits/breast-cancer/certify.toml -o audit\n")
    assert test == "bash tests/run\n"
    assert f"line='{test.strip()}'" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_after_its_first_line_the_readme_has_the_environment_on_the_path():
    """Whoever pastes one block after the other finds `certify`, `python` and `pip` where the first line put them."""
    run, _, activate, *later = blocks("bash")
    assert activate == "source .venv/bin/activate\n" and ".venv/bin/certify" in run
    assert README.count(".venv/bin/") == run.count(".venv/bin/") + 1
    assert later and not any(".venv" in block for block in later)


def test_complete_spec_of_the_readme_is_valid(tmp_path):
    from certify.spec import load_spec

    path = tmp_path / "certify.toml"
    path.write_text(blocks("toml")[0], encoding="utf-8")
    assert load_spec(path).gate[0].max == 20.0


def test_every_spec_of_the_readme_is_valid():
    from certify.spec import parse_spec

    proofs, estimates = blocks("toml")[:-1], blocks("toml")[-1:]
    assert [bool(parse_spec(block.encode()).gate) for block in proofs] == [True] * 7
    assert [bool(parse_spec(block.encode(), verb="estimate").gate) for block in estimates] == [True]


def test_output_in_the_readme_is_that_of_the_committed_certificate():
    from certify.certificate import read_certificate
    from certify.check.main import Result, line_of
    from certify.check.reading.certificate import Witness
    from certify.check.reading.certificate import read_certificate as read
    from certify.check.reading.spec import Gate, read_spec
    from certify.check.verdicts import evaluate, overall, thresholds
    from certify.report.messages import verdict_line

    path = ROOT / "reports" / "audits" / "breast-cancer" / "certificate.json"
    said = [verdict_line(read_certificate(path)), "certificate audit/certificate.json", "report      audit/report.html"]
    assert blocks("text")[0].splitlines() == said
    certificate = read(path.read_bytes(), "certificate")
    gates = read_spec((path.parent / "certify.toml").read_bytes()).gates
    claims = tuple(replace(claim, witness=Witness()) for claim in certificate.claims)  # none is infinite
    outcomes = tuple(evaluate(*pair) for pair in thresholds(claims, gates, [Gate("modulus", "max", 5.2)]))
    source = "the command line and the digest-bound spec"
    assert blocks("text")[1].strip() == line_of(Result(certificate, outcomes, *overall(outcomes), source))


def test_commands_of_the_readme_leave_tracked_files_alone_and_fit_together(tmp_path, monkeypatch, capsys):
    from certify.cli.main import main
    from tests.families.small import write

    found = [re.search(r"(?:^|/)certify (.*)$", block, flags=re.M) for block in blocks("bash")]
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


def test_the_layout_table_of_the_readme_names_every_module():
    table = README.partition("## Project layout")[2]
    for path in sorted((ROOT / "certify").iterdir()):
        if path.name.startswith("_") or not (path.suffix == ".py" or (path / "__init__.py").exists()):
            continue
        assert (f"`certify/{path.name}" if path.is_dir() else f"{path.name}`") in table, path.name


def test_what_the_readme_says_of_predictions_is_what_is_printed(monkeypatch, capsys):
    block, = (block for block in blocks("python") if "stable_predictions" in block)
    said = re.findall(r"^print\(found\)  # (.*)$", block, flags=re.M)
    monkeypatch.chdir(ROOT)
    exec(compile(block, "README.md", "exec"), {})
    assert capsys.readouterr().out.splitlines()[:1] == said


@pytest.mark.parametrize("block", blocks("python"))
def test_python_of_the_readme_runs(block, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    exec(compile(block, "README.md", "exec"), {})
    assert capsys.readouterr().out.strip()
