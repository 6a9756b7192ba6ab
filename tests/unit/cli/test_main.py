"""The command line from end to end: exit statuses, one line, JSON, refusals that leave nothing behind."""

from __future__ import annotations

import json
import os
import pickle
import re
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from certify.certificate import canonical_bytes, seal
from certify.cli.main import main
from tests.families.small import SPEC, features, files, gate, tensors, write

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def call(capsys):
    def call(*arguments):
        status = main([str(a) for a in arguments])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call


def modulus(folder: Path) -> tuple[float, float]:
    claim = json.loads((folder / "certificate.json").read_bytes())["claims"][0]
    return claim["lower"], claim["upper"]


# --- run ---------------------------------------------------------------------------------------------------------

def test_certified(tmp_path, call):
    status, out, err = call("run", write(tmp_path, SPEC + gate(max=1e6)))
    assert status == 0
    assert out.startswith("certified modulus ≤ 1000000.0 met (proved in [") and out.endswith("[gates met]\n")
    assert out.count("\n") == 1
    assert str(tmp_path / "certificate.json") in err and str(tmp_path / "report.html") in err
    assert set(files(tmp_path)) == {"certify.toml", "model.safetensors", "train.npz", "certificate.json", "report.html"}


def test_gates_an_ulp_beside_the_ends(tmp_path, call):
    write(tmp_path)
    call("run", tmp_path / "certify.toml")
    lower, upper = modulus(tmp_path)
    for value, status, verdict in (
        (upper, 0, "certified"), (float(np.nextafter(upper, 0)), 4, "inconclusive"), (lower, 4, "inconclusive"),
        (float(np.nextafter(lower, 0)), 3, "refuted"), (1.01 * upper, 0, "certified"), (0.99 * lower, 3, "refuted"),
    ):
        found, out, _ = call("run", write(tmp_path, SPEC + gate(max=value)))
        assert (found, out.split()[0]) == (status, verdict)
        checked, said, _ = call("check", tmp_path / "certificate.json")
        assert (checked, said.split()[0]) == (status, verdict)


def test_warnings_and_missing_gates_never_change_the_status(tmp_path, call):
    status, out, _ = call("run", write(tmp_path, SPEC + gate(max=1e-9, severity="warn")))
    assert status == 0 and "failed" in out and "a warning only" in out and out.startswith("refuted")
    status, out, _ = call("run", write(tmp_path))
    assert status == 0 and out.startswith("certified modulus proved in [") and "gates" not in out


def test_the_claims_that_decided_the_verdict_stand_beside_it(tmp_path, call):
    spec = write(tmp_path, SPEC + gate("sample_modulus", max=1e6) + gate(max=1e-9))
    assert call("run", spec)[1].startswith("refuted modulus ≤ 1e-09 failed")
    certificate = tmp_path / "certificate.json"
    assert call("check", certificate)[1].startswith("refuted modulus ≤ 1e-09 failed")
    assert call("check", certificate, "--max", "modulus=1e6")[1].startswith("certified sample_modulus ≤")


def test_failed_beats_open(tmp_path, call):
    write(tmp_path)
    call("run", tmp_path / "certify.toml")
    lower, upper = modulus(tmp_path)
    between = float(np.nextafter(upper, 0))
    assert lower <= between
    status, out, err = call("run", write(tmp_path, SPEC + gate(max=between) + gate(max=1e-9)))
    assert status == 3 and "[gates failed]" in out
    assert "inconclusive modulus: max =" in err and "would be met" in err


def test_json_is_the_contract(tmp_path, call):
    spec = write(tmp_path, SPEC + gate(max=1e6) + gate("sample_modulus", min=1e6, severity="warn"))
    status, out, _ = call("run", spec, "--json")
    found = json.loads(out)
    assert status == 0 and out.count("\n") == 1
    assert set(found) == {"format", "verdict", "gates", "claims", "base", "cautions", "changes"}
    assert found["cautions"] == [] and found["changes"] == "features, total"
    assert (found["format"], found["verdict"], found["gates"]) == ("certify/1", "refuted", "met")
    assert set(found["base"]) == {"residual", "distance"} and found["base"]["distance"] == 0
    first, second = found["claims"]
    assert set(first) >= {"quantity", "theorem", "rigour", "verdict", "gate", "lower", "upper", "unit", "max", "reason"}
    assert (first["gate"], first["max"], second["gate"], second["min"]) == ("met", 1e6, "failed", 1e6)
    status, out, _ = call("run", write(tmp_path), "--json", "--quiet")
    assert [claim["gate"] for claim in json.loads(out)["claims"]] == [None, None]


def test_quiet_says_nothing_on_stderr(tmp_path, call):
    assert call("run", write(tmp_path), "-q")[2] == ""


def test_a_radius_is_accepted_carried_and_said_to_be_unused(tmp_path, call):
    text = SPEC + '[perturbation]\nset = "total"\nradius = 0.01\n' + gate(max=1e6)
    status, out, err = call("run", write(tmp_path, text))
    assert status == 0 and out.startswith("certified")
    note = "note: perturbation.radius = 0.01 is not used: modulus is a limit and says nothing about changes of " \
           "that size"
    assert [line for line in err.splitlines() if line.startswith("note")] == [note]
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "The radius in the specification" in page
    made = json.loads((tmp_path / "certificate.json").read_bytes())
    assert made["problem"]["radius"] == 0.01 and call("check", tmp_path / "certificate.json")[0] == 0
    for other in (0.02, None, 1):
        made["problem"]["radius"] = other
        (tmp_path / "certificate.json").write_bytes(canonical_bytes(seal(made)))
        status, out, _ = call("check", tmp_path / "certificate.json")
        assert status == 2 and out.startswith("invalid problem.radius")


ATTACKED = SPEC + '[solution]\nmap = "sublevel"\nlevel = 4.0\n' + gate("persistence_radius", min=1e-6)


@pytest.mark.parametrize("changed", ["nothing", "the file", "the certificate", "the name"])
def test_a_run_without_side_file_removes_the_one_of_the_certificate_it_replaces(tmp_path, call, changed):
    assert call("run", write(tmp_path, ATTACKED))[0] == 0
    witness, path = tmp_path / "witness.safetensors", tmp_path / "certificate.json"
    made = json.loads(path.read_bytes())
    assert made["subject"]["witness"]["path"] == witness.name
    if changed == "the file":
        witness.write_bytes(witness.read_bytes() + b" ")
    elif changed == "the certificate":
        path.write_bytes(path.read_bytes().replace(b"persistence", b"persistense"))
    elif changed == "the name":
        made["subject"]["witness"]["path"] = "other.safetensors"
        path.write_bytes(canonical_bytes(seal(made)))
    before = witness.read_bytes()
    assert call("run", write(tmp_path, SPEC + gate(max=1e6)))[0] == 0
    assert "witness" not in json.loads(path.read_bytes())["subject"]
    assert witness.exists() is (changed != "nothing") and (not witness.exists() or witness.read_bytes() == before)
    assert call("check", path)[0] == 0


def test_a_model_of_that_name_is_never_removed(tmp_path, call):
    assert call("run", write(tmp_path, ATTACKED))[0] == 0
    witness, path = tmp_path / "witness.safetensors", tmp_path / "certificate.json"
    made = json.loads(path.read_bytes())
    witness.write_bytes((tmp_path / "model.safetensors").read_bytes())
    made["subject"]["witness"] = made["subject"]["model"] | {"path": witness.name}
    path.write_bytes(canonical_bytes(seal(made)))
    assert call("run", write(tmp_path, SPEC.replace("model.safe", "witness.safe") + gate(max=1e6)))[0] == 0
    assert witness.read_bytes() == (tmp_path / "model.safetensors").read_bytes()


def test_run_says_when_the_checker_does_not_read_a_file(tmp_path, call):
    write(tmp_path)
    assert "does not read" not in call("run", tmp_path / "certify.toml")[2]
    table, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    columns = {name: features()[:, i] for i, name in enumerate("abc")} | {"y": np.sign(features()[:, 0])}
    parquet.write_table(table.table(columns), tmp_path / "train.parquet")
    text = SPEC.replace("train.npz", "train.parquet").replace('"X"', '["a", "b", "c"]')
    status, _, err = call("run", write(tmp_path, text))
    assert status == 0 and "note: certify check does not read .parquet; save the data as .npz" in err
    status, out, _ = call("check", tmp_path / "certificate.json")
    assert status == 2 and "does not read .parquet" in out


def test_a_torch_file_is_written_once_more_for_the_checker(tmp_path, call):
    write(tmp_path)
    (tmp_path / "tanh.pt").write_bytes((ROOT / "tests" / "families" / "files" / "tanh.pt").read_bytes())
    status, _, err = call("run", write(tmp_path, SPEC.replace("model.safetensors", "tanh.pt")))
    assert status == 0 and "does not read" not in err
    assert "note: the parameters of tanh.pt are written as tanh.canonical.safetensors, and the spec that names" in err
    assert call("check", tmp_path / "certificate.json")[0] == 0


def test_output_folder_is_made_and_the_certificate_checks_from_there(tmp_path, call):
    folder = tmp_path / "deep" / "er"
    assert call("run", write(tmp_path), "-o", folder, "-q")[0] == 0
    assert set(files(folder)) == {"certificate.json", "report.html"}
    assert call("check", folder / "certificate.json")[0] == 0


@pytest.mark.parametrize("extra, model", [
    ('[perturbation]\nparameter = "targets"\nrows = [1, 4]\n', None), ("[solution]\nlayer = 1\n", None),
    ("[perturbation]\nrows = [2]\n", {k: v.astype(np.float32) for k, v in tensors().items()}),
    ("", {k: v for k, v in tensors().items() if k != "2.bias"}),
])
def test_other_problems_run_and_check(tmp_path, call, extra, model):
    write(tmp_path, SPEC + extra, model)
    status, out, _ = call("run", tmp_path / "certify.toml", "-q")
    assert status == 0 and out.startswith("certified")
    status, out, _ = call("check", tmp_path / "certificate.json")
    assert status == 0 and out.startswith("certified")


def test_two_outputs_relu(tmp_path, call):
    spec = SPEC.replace("[3, 8, 1]", "[3, 40, 2]").replace("tanh", "relu")
    write(tmp_path, spec, tensors(widths=(3, 40, 2)), X=features(), y=np.zeros((10, 2)))
    status, out, err = call("run", tmp_path / "certify.toml")
    assert status == 0 and out.split()[0] in ("certified", "inconclusive")
    assert call("check", tmp_path / "certificate.json")[1].split()[0] == out.split()[0]


def test_equal_rows_refute_and_can_be_merged(tmp_path, call):
    X = np.vstack([features(), features()[3:4]])
    write(tmp_path, SPEC + gate(max=1e6), X=X, y=np.zeros(11))
    status, out, err = call("run", tmp_path / "certify.toml")
    assert status == 3 and out.startswith("refuted") and "rows 3 and 10 are equal" in out
    assert "--merge-duplicates" in err
    assert call("check", tmp_path / "certificate.json")[0] == 3
    status, out, err = call("run", tmp_path / "certify.toml", "--merge-duplicates")
    assert status == 0 and out.startswith("certified") and "equal rows count as one" in out
    assert "certify check --merge-duplicates decides it" in err
    assert call("check", tmp_path / "certificate.json")[0] == 4
    assert call("check", tmp_path / "certificate.json", "--merge-duplicates")[0] == 0


def test_loss_of_rank_is_inconclusive_with_the_reason(tmp_path, call):
    model = tensors()
    model["0.weight"][:] = model["0.weight"][0]
    model["0.bias"][:] = model["0.bias"][0]
    model["2.weight"][:] = model["2.weight"][0, 0]
    status, out, err = call("run", write(tmp_path, SPEC + gate(max=1e6), model))
    assert status == 4 and out.startswith("inconclusive") and out.endswith("[gates open]\n")
    assert "rank" in err and "wider network" in err
    assert call("check", tmp_path / "certificate.json")[0] == 4


# --- plan, report, init, explain ---------------------------------------------------------------------------------

def test_plan_computes_and_writes_nothing(tmp_path, call, monkeypatch):
    import certify.prove.prover

    monkeypatch.setattr(certify.prove.prover, "answer", lambda *_: pytest.fail("it computed"))
    X = np.vstack([features(), features()[3:4]])
    write(tmp_path, X=X, y=np.zeros(11))
    before = files(tmp_path)
    status, out, err = call("run", tmp_path / "certify.toml", "--plan")
    assert status == 0 and err == ""
    for words in ("n·k = 11 ≤ p = 41", "p = 41 (all layers)", "3 = 10", "memory", "time ", "not feasible", "GiB"):
        assert words in out
    status, out, _ = call("run", tmp_path / "certify.toml", "--plan", "--merge-duplicates")
    assert "n·k = 10 after merging" in out and "not feasible" not in out
    status, out, _ = call("run", tmp_path / "certify.toml", "--plan", "--json")
    found = json.loads(out)
    assert (found["equations"], found["parameters"], found["equal"]) == (11, 41, [[3, 10]])
    assert files(tmp_path) == before


@pytest.mark.parametrize("limit, words", [
    ('memory_limit = "100 MB"', "the congruence computation needs about 150 MiB, and memory_limit is 95 MiB"),
    ("time_limit = 1e-6", "of time_limit are left"),
])
def test_limits_leave_gates_open_and_are_planned(tmp_path, call, limit, words):
    write(tmp_path, SPEC + f"[run]\n{limit}\n" + gate(max=1e6))
    status, out, _ = call("run", tmp_path / "certify.toml", "--plan")
    assert status == 0 and "limit is" in out
    assert "not feasible: the congruence computation needs" in out
    status, out, err = call("run", tmp_path / "certify.toml")
    assert status == 4 and out.startswith("inconclusive") and out.endswith("[gates open]\n") and words in err
    assert set(files(tmp_path)) > {"certificate.json", "report.html"}
    assert modulus(tmp_path) == (None, None)
    status, out, _ = call("check", tmp_path / "certificate.json")
    assert status == 4 and out.startswith("inconclusive")


def test_report_is_written_again(tmp_path, call):
    call("run", write(tmp_path))
    page = (tmp_path / "report.html").read_bytes()
    (tmp_path / "report.html").unlink()
    assert call("report", tmp_path / "certificate.json")[0] == 0
    assert (tmp_path / "report.html").read_bytes() == page
    assert call("report", tmp_path / "certificate.json", "-o", tmp_path / "other" / "a.html")[0] == 0
    assert (tmp_path / "other" / "a.html").read_bytes() == page
    content = (tmp_path / "certificate.json").read_bytes()
    (tmp_path / "certificate.json").write_bytes(content.replace(b'"n":10', b'"n":11'))
    status, out, err = call("report", tmp_path / "certificate.json")
    assert (status, out) == (2, "") and "it was changed" in err and err.count("\n") == 1
    assert (tmp_path / "report.html").read_bytes() == page


def test_explain(call):
    assert call("explain", "M2")[1].startswith("M2: ")
    assert call("explain", "sample_modulus")[0] == 0
    status, out, err = call("explain", "modulos")
    assert (status, out) == (2, "") and "did you mean modulus" in err
    assert call("explain", "sample weights")[1].startswith("sample_weights: ")
    assert all(call("explain", word)[0] == 0 for word in ("agreement", "freedom", "reference"))  # words of the pages


def test_explain_alone_lists_every_label_and_word(call):
    from certify.cli.explain import WORDS
    from certify.format.texts import labels

    status, out, _ = call("explain")
    assert status == 0 and max(map(len, out.splitlines())) <= 120
    assert set(re.findall(r"\w+", out)) >= {*labels(), *WORDS}


# --- refusals: one line, status 2, nothing written, nothing executed ---------------------------------------------

class Trap:
    """Unpickling this would leave a file behind."""

    def __reduce__(self):
        return os.system, ("touch EXECUTED",)


X, Y = features(), np.zeros(10)
LATE = "rows = [0, 10]"
BAD = {
    "missing model": (lambda f: (f / "model.safetensors").unlink(), "no such file"),
    "missing data": (lambda f: (f / "train.npz").rename(f / "tran.npz"), "there is a 'tran.npz'"),
    "unknown key": (lambda f: write(f, SPEC.replace("widths", "width")), "did you mean 'widths'?"),
    "wrong widths": (lambda f: write(f, SPEC.replace("8", "9")), "(8, 3), widths [3, 9, 1] need (9, 3)"),
    "unknown activation": (lambda f: write(f, SPEC.replace("tanh", "swish")), "'relu', 'leaky_relu'"),
    "too many rows": (lambda f: write(f, X=features(50), y=np.zeros(50)), "keep at most 41 rows"),
    "nan": (lambda f: write(f, X=np.where(X == X[2, 1], np.nan, X), y=Y), "row 2, column 1: nan"),
    "large integers": (lambda f: write(f, X=X, y=np.full(10, 2**60 + 1)), "beyond 2^53"),
    "object array": (lambda f: write(f, X=np.array([[Trap()]]), y=Y), "an object array"),
    "pickle as data": (lambda f: (f / "train.npz").write_bytes(pickle.dumps(Trap())), "a Python pickle"),
    "pickle as model": (lambda f: (f / "model.safetensors").write_bytes(pickle.dumps(Trap())), "a Python pickle"),
    "cut model": (lambda f: os.truncate(f / "model.safetensors", 300), "cut short"),
    "empty data": (lambda f: write(f, X=X[:0], y=Y[:0]), "empty"),
    "bad TOML": (lambda f: write(f, SPEC + "a = = 1\n"), "line 10"),
    "rows": (lambda f: write(f, SPEC + f"[perturbation]\n{LATE}\n"), "row 10 of 10"),
    "no spec": (lambda f: (f / "certify.toml").unlink(), "no such file"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line_and_leaves_nothing(tmp_path, call, name, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path)
    (tmp_path / "certificate.json").write_text("old")
    spoil, words = BAD[name]
    spoil(tmp_path)
    before = files(tmp_path)
    for more in ((), ("--json",), ("--plan",), ("-o", "new")):
        status, out, err = call("run", "certify.toml", "-q", *more)
        assert (status, out) == (2, "")
        assert err.startswith("certify: ") and err.count("\n") == 1 and words in err
        assert files(tmp_path) == before and not (tmp_path / "new").exists()


def test_output_folder_is_tried_before_anything_is_read(tmp_path, call, monkeypatch):
    import certify.problem.load

    write(tmp_path)
    monkeypatch.setattr(certify.problem.load, "load_problem", lambda *_: pytest.fail("it went on"))
    before = files(tmp_path)
    for folder in (tmp_path / "train.npz", tmp_path / "train.npz" / "x"):
        status, out, err = call("run", tmp_path / "certify.toml", "-o", folder)
        assert (status, out) == (2, "") and "name a folder with -o" in err and err.count("\n") == 1
    if os.geteuid() != 0:  # root may write anywhere
        (tmp_path / "locked").mkdir(mode=0o500)
        status, _, err = call("run", tmp_path / "certify.toml", "-o", tmp_path / "locked")
        assert status == 2 and "not writable" in err
    assert files(tmp_path) == before


@pytest.mark.parametrize("arguments", [
    ["run"], ["run", "a", "b"], ["run", "a", "--fast"], ["nonsense"], ["estimate"], ["diff", "a", "b"], ["report"],
    ["check"], ["check", "a", "--max", "modulus=x"], ["explain", "M1", "M2"],
])
def test_usage_errors(call, arguments):
    status, out, err = call(*arguments)
    assert (status, out) == (2, "") and err


def test_names_from_outside_cannot_write_to_the_terminal(tmp_path, call):
    status, _, err = call("run", tmp_path / "a\x1b[31m\nb.toml")
    assert status == 2 and "\x1b" not in err and err.count("\n") == 1


# --- interruption, start-up --------------------------------------------------------------------------------------

def test_interrupt_while_proving_keeps_the_old_certificate(tmp_path, call, monkeypatch):
    from certify.systems.interpolation.point import InterpolationPoint

    call("run", write(tmp_path))
    before = files(tmp_path)

    def interrupted(self, quantity):
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(InterpolationPoint, "bound", interrupted)
    status, out, err = call("run", tmp_path / "certify.toml")
    assert (status, out) == (130, "") and "interrupted" in err
    assert files(tmp_path) == before


def test_interrupt_from_outside(tmp_path):
    rows, width = 1500, 60
    write(tmp_path, SPEC.replace("[3, 8, 1]", f"[3, {width}, {width}, 1]"), tensors(widths=(3, width, width, 1)),
          X=features(rows), y=np.zeros(rows))
    before = files(tmp_path)
    process = subprocess.Popen([sys.executable, "-m", "certify", "run", str(tmp_path / "certify.toml")], cwd=ROOT,
                               stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stderr.readline().strip()  # the first line of progress: it is under way
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130 and out == "" and "Traceback" not in err
    assert files(tmp_path) == before


@pytest.mark.benchmark
def test_help_starts_fast():
    times = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "certify", "--help"], cwd=ROOT, capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(times) < 0.5


def test_help_loads_no_numbers():
    """What makes a command line slow to start is what it imports: no numpy, no pydantic for a page of help."""
    code = ("import sys\nfrom certify.cli.main import main\nmain(['--help'])\n"
            "sys.exit(bool({'numpy', 'scipy', 'pydantic', 'flint'} & {*sys.modules}))")
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True).returncode == 0


def test_help_shows_only_what_is_built():
    done = subprocess.run([sys.executable, "-m", "certify", "--help"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and all(
        verb in done.stdout for verb in ("run", "estimate", "check", "report", "init", "explain"))
    assert "diff" not in done.stdout


def modules_after(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stderr.split())


def test_imports_are_lazy():
    heavy = {"torch", "scipy", "numpy", "cvxpy", "sympy", "matplotlib", "jinja2", "pydantic", "flint", "rich.progress"}
    assert not heavy & modules_after("import certify.cli.commands")
    assert not (heavy | {"typer"}) & modules_after("import certify, certify.cli.main")


def test_check_runs_without_the_rest(tmp_path, call):
    call("run", write(tmp_path))
    path = str(tmp_path / "certificate.json")
    found = modules_after(f"from certify.cli.main import main\nmain(['check', {path!r}, '--quiet'])")
    assert not {"typer", "pydantic", "scipy", "torch", "rich"} & found
    rest = {name for name in found if name.split(".")[0] == "certify"} - {"certify", "certify.cli", "certify.cli.main"}
    shared = ("certify.check", "certify.format")  # the ground floor is what prover and checker share
    assert rest and all(name.startswith(shared) for name in rest)


def test_version(call):
    from certify import __version__

    assert call("--version")[:2] == (0, f"certify {__version__}\n")
