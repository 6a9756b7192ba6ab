"""`run --format`: any format in files and on standard output; the exit status is that of the run."""

from __future__ import annotations

import json
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest

from certify.cli.formats import PLAIN
from certify.cli.main import main
from certify.problem.bound import Bound
from certify.report.exporters import EXPORTERS
from certify.systems.point import Point
from tests.families.small import SPEC, files, gate, write

GATES = {0: dict(max=1e6), 3: dict(max=1e-6)}


@pytest.mark.parametrize("status", GATES)
def test_every_format_of_every_status(tmp_path: Path, status: int, capsys: pytest.CaptureFixture[str]) -> None:
    spec = write(tmp_path, SPEC + gate(**GATES[status]))
    asked = [part for name in (*PLAIN, *EXPORTERS) for part in ("--format", f"{name}={tmp_path / 'out' / name}")]
    assert main(["run", str(spec), *asked]) == status
    printed = capsys.readouterr().out
    assert {path.name for path in (tmp_path / "out").iterdir()} == set((*PLAIN, *EXPORTERS))
    assert (tmp_path / "out" / "text").read_text(encoding="utf-8") == printed
    certificate = json.loads((tmp_path / "certificate.json").read_bytes())
    assert json.loads((tmp_path / "out" / "json").read_bytes())["verdict"] == certificate["verdict"]


def test_an_open_gate_keeps_its_status(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = write(tmp_path, SPEC + gate(max=1e6) + "\n[run]\ntime_limit = 1e-9\n")
    assert main(["run", str(spec), "--format", "junit", "-q"]) == 4
    assert 'type="inconclusive"' in capsys.readouterr().out


def test_one_format_is_printed_instead_of_the_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:
    spec = write(tmp_path, SPEC + gate(max=1e6))
    assert main(["run", str(spec), "--format", "github", "-q"]) == 0
    assert f"/{tmp_path.name}/certify.toml,line=1," in capsys.readouterr().out
    monkeypatch.chdir(tmp_path)  # a file is named as seen from here, wherever the certificate lies
    assert main(["run", "certify.toml", "-o", "deep/out", "--format", "github", "-q"]) == 0
    assert capsys.readouterr().out.startswith("::notice file=certify.toml,line=1,")
    assert main(["run", str(spec), "--json"]) == 0
    line = capsys.readouterr().out
    assert main(["run", str(spec), "--format", "json"]) == 0
    assert capsys.readouterr().out == line


@pytest.mark.parametrize(("asked", "said"), [
    (["--format", "docx=x"], "there is no such format"), (["--format", "sarif="], "no file is named"),
    (["--format", "sarif=a", "--format", "junit=a"], "sarif is written there too"),
    (["--json", "--format", "github"], "json is printed already"),
    (["--format", "junit=certificate.json"], "reads or writes this file itself"),
    (["--format", "junit=certify.toml"], "reads or writes this file itself"),
])
def test_what_makes_no_sense_is_refused_before_anything_is_proved(
    tmp_path: Path, asked: list[str], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:
    write(tmp_path)
    monkeypatch.chdir(tmp_path)
    before = files(tmp_path)
    assert main(["run", "certify.toml", *asked]) == 2
    assert said in capsys.readouterr().err and files(tmp_path) == before


def test_no_format_is_written_over_the_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = write(tmp_path)
    data = (tmp_path / "train.npz").read_bytes()
    assert main(["run", str(spec), "--format", f"csv={tmp_path / 'train.npz'}"]) == 2
    assert "reads or writes this file itself" in capsys.readouterr().err
    assert (tmp_path / "train.npz").read_bytes() == data


def test_junit_says_how_long_each_proof_took(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first gate on a quantity has the time of its proof, another none; a certificate alone has no time."""
    gates = gate(max=1e6) + gate(max=2e6) + gate("sample_modulus", max=1e6)
    spec, slow, real = write(tmp_path, SPEC + gates), {"modulus": 0.3, "sample_modulus": 0.1}, Point.bound

    def bound(self: Point, quantity: str) -> Bound:
        time.sleep(slow[quantity])
        return real(self, quantity)

    monkeypatch.setattr(Point, "bound", bound)
    assert main(["run", str(spec), "--format", f"junit={tmp_path / 'timed.xml'}", "--cache", str(tmp_path / "c")]) == 0
    suite = ElementTree.parse(tmp_path / "timed.xml").getroot()[0]
    first, second, third = (float(case.get("time", "nan")) for case in suite.findall("testcase"))
    assert first >= 0.3 and second == 0.0 and 0.1 <= third < first
    assert abs(float(suite.get("time", "nan")) - first - third) < 0.01
    for again in (["run", str(spec), "--cache", str(tmp_path / "c")], ["report", str(tmp_path / "certificate.json")]):
        out = tmp_path / f"{again[0]}.xml"
        asked = ["--format", f"junit={out}"] if again[0] == "run" else ["--format", "junit", "-o", str(out)]
        assert main([*again, *asked]) == 0
        root = ElementTree.parse(out).getroot()
        assert root.findall(".//testcase") and not any("time" in one.attrib for one in root.iter())
