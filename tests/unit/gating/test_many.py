"""Several specs in one run: a line each, the worst status, and folders of their own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from certify.cli.gating.many import folders_of, specs_of
from certify.cli.main import main
from certify.format.errors import CertifyError
from tests.families.small import SPEC, files, gate, tensors, write

GATES = {"met": gate(max=1e6), "failed": gate(max=1e-6), "open": gate(max=1e6) + "\n[run]\ntime_limit = 1e-9\n"}


@pytest.fixture
def specs(tmp_path: Path) -> Path:
    for name, more in GATES.items():
        (tmp_path / name).mkdir()
        write(tmp_path / name, SPEC + more)
    (tmp_path / "wrong").mkdir()
    (tmp_path / "wrong" / "certify.toml").write_text("version = 2\n")
    return tmp_path


def run(root: Path, *names: str) -> int:
    return main(["run", *(str(root / name / "certify.toml") for name in names), "-q"])


@pytest.mark.parametrize(("names", "status"), [
    (["met", "met"], 0), (["met", "open"], 4), (["open", "failed", "met"], 3), (["failed", "wrong", "met"], 2)])
def test_the_worst_status_counts_and_every_spec_has_its_line(specs, capsys, names, status):
    names = list(dict.fromkeys(names)) if len(set(names)) > 1 else names
    assert run(specs, *names) == status
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    words = {"met": "certified", "failed": "refuted", "open": "inconclusive", "wrong": "invalid"}
    for line, name in zip(lines, dict.fromkeys(names), strict=True):
        assert line.startswith(f"{specs / name / 'certify.toml'}: {words[name]}")
        assert (specs / name / "certificate.json").exists() == (name != "wrong")


def test_a_folder_stands_for_the_specs_below_and_json_is_one_object(specs, capsys):
    (specs / ".hidden").mkdir()
    (specs / ".hidden" / "certify.toml").write_text("")
    assert main(["run", str(specs), "--json", "-q", "--cache", str(specs / "cache")]) == 2
    found = json.loads(capsys.readouterr().out)
    assert (found["format"], found["status"]) == ("certify-runs/1", 2)
    assert [(Path(one["spec"]).parent.name, one["status"]) for one in found["runs"]] == [
        ("failed", 3), ("met", 0), ("open", 4), ("wrong", 2)]
    assert main(["run", str(specs), "--json", "--cache", str(specs / "cache")]) == 2
    printed = capsys.readouterr()
    assert [one["from_cache"] for one in json.loads(printed.out)["runs"]] == [True, True, False, False]
    assert "4 specs, 2 from cache; exit status 2" in printed.err


def test_output_folders_are_never_shared(specs):
    other = specs / "met" / "other.toml"
    other.write_text((specs / "met" / "certify.toml").read_text())
    before = files(specs)
    assert main(["run", str(specs / "met" / "certify.toml"), str(other), "-q"]) == 2 and files(specs) == before
    given = [specs / name / "certify.toml" for name in GATES] + [other]
    found = folders_of(given, Path("out"))
    assert [path.as_posix() for path in found.values()] == ["out/met", "out/failed", "out/open", "out/other"]
    (specs / "none").mkdir()
    with pytest.raises(CertifyError, match="0 files certify.toml"):
        specs_of([specs / "met", specs / "none"])


@pytest.mark.parametrize("more", [
    ["--format", "sarif=x.sarif"], ["--format", "github"], ["--plan"], ["--baseline", "a/b.json"]])
def test_what_is_about_one_spec_is_refused(specs, more, capsys):
    before = files(specs)
    names = [str(specs / name / "certify.toml") for name in GATES]
    assert main(["run", *names, *more]) == 2 and files(specs) == before
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_each_spec_has_the_baseline_beside_it(tmp_path, capsys):
    for name, seed in (("a", 0), ("b", 5), ("c", 0)):
        (tmp_path / name).mkdir()
        write(tmp_path / name, SPEC + (gate(max=1e6) if name == "c" else gate(max_increase=0.01)), tensors(seed))
    assert main(["run", str(tmp_path), "-q"]) == 4
    (tmp_path / "a" / "baseline.json").write_bytes((tmp_path / "b" / "certificate.json").read_bytes())
    (tmp_path / "b" / "baseline.json").write_bytes((tmp_path / "a" / "certificate.json").read_bytes())
    capsys.readouterr()
    assert main(["run", str(tmp_path), "-q", "--baseline", "baseline.json"]) == 3
    a, b, c = capsys.readouterr().out.splitlines()
    assert "max_increase 0.01 failed" in a and "max_increase 0.01 met" in b and "max_increase" not in c


def test_a_baseline_that_lies_beside_no_spec_is_a_mistake_and_not_an_open_gate(tmp_path, capsys):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write(tmp_path / name, SPEC + gate(max_increase=0.01))
    asked = ["run", str(tmp_path), "-q", "--on-inconclusive", "pass", "--baseline", "basline.json"]
    assert main(asked) == 2
    assert "no such file lies beside any of the specs" in capsys.readouterr().err
