"""The machine-checked proofs in `proofs/formal/`: what is listed is there, and the build refuses what is no proof."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from certify.report.trust.formal import FORMAL as LINES

ROOT = Path(__file__).resolve().parents[2]
FORMAL = ROOT / "proofs" / "formal"


def build(folder: Path, limit: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["bash", str(folder / "build")], capture_output=True, text=True, timeout=limit, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FORMAL, tmp_path / "formal"))


def test_the_table_lists_the_theorems_whose_axioms_are_compared():
    lines = (FORMAL / "axioms.expected").read_text(encoding="utf-8").splitlines()
    names = [line.partition(": ")[0] for line in lines]
    assert len(names) == len(set(names)) and all(re.fullmatch(r"\w+\.\w+: \S.*", line) for line in lines)
    text = (ROOT / "proofs" / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+\.v)` \| (`[^|]*`) \|.*\| (closed|reals|analysis) \|$", text, flags=re.M)
    listed = {f"{file.removesuffix('.v')}.{name}": axioms for file, several, axioms in rows
              for name in re.findall(r"`(\w+)`", several)}
    assert set(listed) == set(names)
    for name, axioms in (line.split(": ", 1) for line in lines):
        kind = "closed" if axioms == "closed" else "analysis" if "boolp" in axioms else "reals"
        assert listed[name] == kind, name
        file, theorem = name.split(".")
        (path,) = FORMAL.glob(f"*/{file}.v")
        assert re.search(rf"^(Theorem|Corollary|Lemma|Definition) {theorem}\b", path.read_text("utf-8"), flags=re.M)


def test_the_page_of_a_certificate_says_of_them_what_the_table_says():
    text = (ROOT / "proofs" / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+\.v)` \| (`[^|]*`) \| ([^|]+?) \| (.*) \| [^|]* \| (?:closed|reals|analysis) \|$",
                      text, flags=re.M)
    table = [(tuple(of.split(", ")), file, tuple(re.findall(r"`(\w+)`", names)), part.replace("\\|", "|"))
             for file, names, of, part in rows if of.strip()]
    assert [(one.of, one.file, one.names, one.part) for one in LINES] == table and len(table) > 20


@pytest.mark.parametrize("word", ["Admitted.", "Axiom a : False.", "Parameter a : False.", "  admit."])
def test_the_build_refuses_a_file_with_a_gap(copy: Path, word: str):
    with (copy / "linear" / "Core.v").open("a", encoding="utf-8") as file:
        file.write(word + "\n")
    done = build(copy)
    assert done.returncode == 1 and "what is not proved" in done.stderr and word.strip() in done.stdout


def test_the_build_refuses_a_file_that_is_not_listed(copy: Path):
    (copy / "linear" / "More.v").write_text("Definition more := 0.\n", encoding="utf-8")
    done = build(copy)
    assert done.returncode == 1 and "_CoqProject" in done.stderr


def test_the_build_says_that_it_skipped_where_coq_is_absent(copy: Path, tmp_path: Path):
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("bash", "dirname", "grep", "sed", "sort", "find"):
        (tools / name).symlink_to(str(shutil.which(name)))
    done = subprocess.run(["bash", str(copy / "build")], capture_output=True, text=True, check=False, timeout=60,
                          env={"PATH": str(tools)})
    assert done.returncode == 0 and "skipped" in done.stdout


@pytest.mark.long
def test_every_file_is_proved():
    if shutil.which("coqc") is None:
        pytest.skip("the machine-checked proofs were skipped: coqc is not installed")
    done = build(FORMAL, 900)
    assert done.returncode == 0 and "axioms as expected" in done.stdout, done.stdout[-3000:] + done.stderr[-3000:]


@pytest.mark.long
def test_a_theorem_with_other_axioms_is_refused(copy: Path):
    if shutil.which("coqc") is None:
        pytest.skip("the machine-checked proofs were skipped: coqc is not installed")
    kept = ["linear/Euclid.v", "linear/Core.v"]
    for path in copy.rglob("*.v"):
        if path.relative_to(copy).as_posix() not in kept:
            path.unlink()
    project = copy / "_CoqProject"
    lines = [line for line in project.read_text("utf-8").splitlines() if line.startswith("-") or line in kept]
    project.write_text("\n".join(lines) + "\n", encoding="utf-8")
    expected = copy / "axioms.expected"
    for axioms, status in (("closed", 0), ("an_axiom", 1)):
        expected.write_text(f"Core.compensation: closed\nCore.zero_set_far: {axioms}\n", encoding="utf-8")
        done = build(copy, 300)
        assert done.returncode == status, done.stderr
    assert "are not those of axioms.expected" in done.stderr and "+Core.zero_set_far: closed" in done.stdout
