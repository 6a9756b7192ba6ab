"""The public instances: table, files and results agree, other oracles know the same answers, scores count."""

from __future__ import annotations

import csv
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.oracles import squared_head
from tests.oracles.row_refits import GONE, Problem
from tests.oracles.row_refits_exact import sign

HERE = Path(__file__).resolve().parents[3] / "reports" / "instances"
CHANGED = {"deletions": "deleted", "labels": "relabelled", "features": "features moved", "targets": "targets moved",
           "sample_weights": "rows reweighted"}


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


ROWS = read(HERE / "instances.csv")
BY_NAME = {row["name"]: row for row in ROWS}


def numbers(path: Path) -> np.ndarray:
    return np.array([[float(v) for v in row.values()] for row in read(path)])


def program(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(HERE / name), *arguments], capture_output=True, text=True, check=False,
                          cwd=HERE.parents[1])


def test_the_table_is_what_the_files_ask():
    assert len(BY_NAME) == len(ROWS) > 90
    assert {row["spec"] for row in ROWS} == {str(path.relative_to(HERE)) for path in HERE.rglob("*.toml")}
    for row in ROWS:
        path = HERE / row["spec"]
        spec = tomllib.loads(path.read_text(encoding="utf-8"))
        (gate,), change = spec["gate"], spec["perturbation"]
        assert gate["quantity"] == row["quantity"] and repr(gate.get("max", gate.get("min"))) == row["threshold"]
        assert CHANGED[change["parameter"]] == row["changes"]
        assert str(change.get("count", change.get("radius", ""))) == row["at_most"]
        assert row["loss"] in ("none", spec["training"]["loss"])
        data = numbers(path.parent / "train.csv")
        assert (len(data), spec["model"]["widths"][0], spec["model"]["widths"][-1]) == tuple(
            int(row[key]) for key in ("rows", "inputs", "outputs"))
        if "evaluation" in spec:
            assert numbers(path.parent / spec["evaluation"]["file"]).shape == (1, int(row["inputs"]))
        assert (row["answer"] == "open") == (row["known_by"] == "") and row["answer"] in ("yes", "no", "open")


def test_there_are_easy_hard_and_open_ones_of_every_kind():
    answers = [row["answer"] for row in ROWS]
    assert min(map(answers.count, ("yes", "no"))) >= 30 and answers.count("open") >= 10
    assert {row["loss"] for row in ROWS} == {"squared", "logistic", "cross_entropy", "none"}
    assert {row["changes"] for row in ROWS} == set(CHANGED.values())
    assert {int(row["at_most"]) for row in ROWS if row["changes"] in ("deleted", "relabelled")} >= {1, 2, 3, 5, 6, 10}


def head(row: dict[str, str]) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Rows and the one to predict with a 1 behind, labels from 0, and λ."""
    path = HERE / row["spec"]
    spec = tomllib.loads(path.read_text(encoding="utf-8"))
    data, x = numbers(path.parent / "train.csv"), numbers(path.parent / spec["evaluation"]["file"])[0]
    label = data[:, -1].astype(int)
    label = (label + 1) // 2 if row["loss"] == "squared" else label
    return np.c_[data[:, :-1], np.ones(len(data))], np.r_[x, 1.0], label, spec["training"]["weight_decay"]


@pytest.mark.parametrize("name", [f"squared-deleted-12-2-{at}" for at in (0, 4)])
def test_another_oracle_knows_the_same_of_squared_heads(name):
    phi, e, label, decay = head(BY_NAME[name])
    n, Y = len(phi), (2.0 * label[:, None] - 1).tolist()
    mu = squared_head.Fraction(decay) * n
    margins = {}
    for gone in [(), *squared_head.combinations(range(n), 1), *squared_head.combinations(range(n), 2)]:
        left = [i for i in range(n) if i not in gone]
        W = squared_head.refit(phi[left].tolist(), [Y[i] for i in left], mu, [True] * phi.shape[1])
        margins[gone] = squared_head.margin(W, e.tolist(), 1)
    stays = len({m > 0 for m in margins.values()}) == 1
    assert BY_NAME[name]["answer"] == ("yes" if stays else "no")


@pytest.mark.parametrize("name", ["logistic-deleted-12-1-0", "logistic-deleted-12-1-11", "softmax-deleted-12-1-4",
                                  "logistic-relabelled-12-1-11"])
def test_another_oracle_knows_the_same_of_logistic_heads(name):
    row = BY_NAME[name]
    phi, e, label, decay = head(row)
    k = int(row["outputs"])
    arrays = load_file((HERE / row["spec"]).parent / "model.safetensors")
    W = np.c_[arrays["0.weight"], arrays["0.bias"]]
    codes = np.eye(k) if k > 1 else np.array([[-1.0], [1.0]])
    problem = Problem(phi=phi, Y=codes[label], codes=codes, label=label, loss=row["loss"], decay=decay,
                      decayed=np.ones(phi.shape[1], dtype=bool), remaining=False)
    z = W @ e
    today = int(z.argmax()) if k > 1 else int(z[0] > 0)
    changes = [()] + [((i, GONE if row["changes"] == "deleted" else 1 - label[i]),) for i in range(len(phi))]
    signs = [sign(problem, e, change, today, 0.0, W) for change in changes]
    assert 0 not in signs and row["answer"] == ("yes" if set(signs) == {1} else "no")


@pytest.mark.parametrize("only", ["squared-deleted-12", "line-logistic-relabelled-80", "fits"])
def test_the_program_makes_the_same_questions_again(only, tmp_path):
    done = program("make.py", "--only", only, "-o", str(tmp_path))
    assert done.returncode == 0, done.stderr
    made = read(tmp_path / "instances.csv")
    assert made and [(row["name"], row["answer"], row["known_by"]) for row in made] == [
        (row["name"], BY_NAME[row["name"]]["answer"], BY_NAME[row["name"]]["known_by"]) for row in made]
    for path in tmp_path.rglob("*.csv"):
        if path.parent != tmp_path:
            assert path.read_bytes() == (HERE / path.relative_to(tmp_path)).read_bytes()


def test_the_score_counts_right_wrong_late_and_silent_answers(tmp_path):
    two = ("--only", "squared-deleted-12-2-[04]")  # no, yes
    always = program("run.py", *two, "--command", "echo yes")
    silent = program("run.py", *two, "--command", "true {spec}")
    assert always.returncode == 1 and "1 right, 1 wrong, 0 open; 0 answers where" in always.stdout
    assert "score -140 of 20" in always.stdout
    assert silent.returncode == 0 and "0 right, 0 wrong, 2 open" in silent.stdout and "score 0 of 20" in silent.stdout
    open_one = program("run.py", "--only", "tanh-noise-2", "--command", "echo no", "-o", str(tmp_path / "a.csv"))
    assert "1 answers where nobody knows better; score 0 of 0" in open_one.stdout
    assert read(tmp_path / "a.csv")[0]["said"] == "no" and read(tmp_path / "a.csv")[0]["score"] == "0"


def test_certify_answers_through_the_runner():
    done = program("run.py", "--only", "relu-fit-5-0.5")
    assert done.returncode == 0 and " 0 wrong, 0 open" in done.stdout, done.stdout + done.stderr


def test_the_results_are_those_of_the_page():
    results = read(HERE / "results" / "certify.csv")
    assert [one["name"] for one in results] == [row["name"] for row in ROWS]
    assert all(one["answer"] == BY_NAME[one["name"]]["answer"] for one in results)
    scored = {"right": 10, "wrong": -150, "open": 0}
    counts = dict.fromkeys(scored, 0)
    for one in results:
        known = one["answer"] != "open"
        kind = "open" if one["said"] == "open" or not known else "right" if one["said"] == one["answer"] else "wrong"
        counts[kind] += known
        assert int(one["score"]) == scored[kind]
    page = " ".join((HERE / "README.md").read_text(encoding="utf-8").split())
    assert counts["wrong"] == 0
    assert f"{counts['right']} right, 0 wrong, {counts['open']} open" in page
    assert f"**{10 * counts['right']} of {10 * sum(counts.values())}**" in page
    beyond = [one["name"] for one in results if one["answer"] == "open" and one["said"] != "open"]
    assert f"{len(beyond)} answers where nobody else knows" in page
