"""The house rules that are easy to break unseen: the README's lines, its spec, the proofs' table."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """Fenced blocks of the README in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.S | re.M)


def test_readme_starts_with_one_line_to_run_and_one_to_test():
    run, test = blocks("bash")[:2]
    assert run.count("\n") == 1 and "certify run reports/breast-cancer/certify.toml" in run
    assert test == "bash tests/run\n"
    assert f"line='{test.strip()}'" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_complete_spec_of_the_readme_is_valid(tmp_path):
    from certify.spec import load_spec

    path = tmp_path / "certify.toml"
    path.write_text(blocks("toml")[0], encoding="utf-8")
    assert load_spec(path).gate[0].max == 20.0


@pytest.mark.parametrize("block", blocks("python"))
def test_python_of_the_readme_runs(block, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    exec(compile(block, "README.md", "exec"), {})
    assert capsys.readouterr().out.strip()


def test_proofs_table_lists_every_theorem_and_names_what_exists():
    table = (ROOT / "proofs" / "README.md").read_text(encoding="utf-8")
    sections = re.findall(r"^## [^\n]*\(\[(\w+\.md)\][^\n]*\n(.*?)(?=^## )", table, flags=re.S | re.M)
    assert {page for page, _ in sections} >= {"interpolation.md", "rounding.md"}
    for page, section in sections:
        text = (ROOT / "proofs" / page).read_text(encoding="utf-8")
        listed = ", ".join(re.findall(r"^\| ([A-Z]\d[^|]*) \|", section, flags=re.M)).split(", ")
        headed = ", ".join(re.findall(r"^## ((?:[A-Z]\d+(?:, )?)+)\.", text, flags=re.M)).split(", ")
        assert sorted(listed) == sorted(headed), page
    for path in re.findall(r"`((?:certify|tests)/[\w/.-]*)`", table):
        assert (ROOT / path).exists(), path
    attacks = (ROOT / "tests" / "attacks.py").read_text(encoding="utf-8")
    for names in re.findall(r"attacks? ((?:`\w+`(?:, )?)+)", table):
        for name in re.findall(r"\w+", names):
            assert f"def {name}(" in attacks, name
