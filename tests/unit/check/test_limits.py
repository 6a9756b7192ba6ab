"""A check that ends in time: refused by an estimate, or ended; the same verdict where neither happens."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from certify.check import run as module
from certify.check.limits.cost import choices, cost_of, labels
from certify.check.limits.held import Limits, TooLarge
from certify.check.limits.numbers import size_of
from certify.check.main import main
from certify.check.reading.arrays import Array
from tests.families import emitter
from tests.families.check_cases import plain

ROOT = Path(__file__).resolve().parents[3]
AUDITS = ROOT / "reports" / "audits"
ROLES = ("spec", "model", "graph", "data", "reference", "change", "evaluation", "witness")


@pytest.fixture
def path(tmp_path) -> Path:
    return emitter.write(emitter.emit(plain(gates=[{"quantity": "modulus", "max": 1e3}]), tmp_path), tmp_path)


def checked(path, *flags, cwd=ROOT, **more):
    command = [sys.executable, "-m", "certify.check", str(path), "--quiet", *flags]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=120, **more)


@pytest.mark.parametrize("flags", [["--seconds", "100"], ["--memory", "4GB"], ["--seconds=100", "--memory=4e9"]])
@pytest.mark.parametrize("threshold, status", [("1e3", 0), ("1e-3", 3)])
def test_within_its_limits_a_check_says_what_it_says_without(flags, threshold, status, path, capsys):
    assert main([str(path), "--quiet", f"--max=modulus={threshold}"]) == status
    said = capsys.readouterr()
    assert main([str(path), "--quiet", f"--max=modulus={threshold}", *flags]) == status
    assert capsys.readouterr().out == said.out != ""


@pytest.mark.parametrize("flags, word", [
    (["--seconds", "0.01"], "ended after 0.01 s"), (["--memory", "1MB"], "memory"), (["--memory", "60MB"], "memory")])
def test_over_its_limits_it_is_inconclusive_in_one_line(flags, word, path):
    done = checked(path, *flags)
    assert (done.returncode, done.stderr) == (4, "")
    assert done.stdout.count("\n") == 1 and done.stdout.startswith("inconclusive ") and word in done.stdout
    found = json.loads(checked(path, *flags, "--json").stdout)
    assert found["verdict"] == "inconclusive" and word in found["reason"]


def test_what_is_invalid_stays_so(path):
    path.write_text(path.read_text().replace('"certified"', '"refuted"'))
    done = checked(path, "--seconds", "100")
    assert done.returncode == 2 and done.stdout.startswith("invalid ")


@pytest.mark.parametrize("flags", [["--seconds", "60"], ["--memory", "1GB"]])
def test_a_large_problem_is_refused_before_anything_is_derived(flags):
    start = time.perf_counter()
    done = checked(AUDITS / "breast-cancer-5000" / "features" / "certificate.json", *flags)
    assert done.returncode == 4 and done.stdout.startswith("inconclusive nothing was checked: it would take about ")
    assert flags[0] in done.stdout and time.perf_counter() - start < 30


def test_a_process_whose_parent_is_gone_ends_itself():
    code = "import time; from certify.check.limits.held import Limits, hold; hold(Limits(seconds=0.2)); time.sleep(60)"
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode < 0 and time.perf_counter() - start < 20


def test_the_process_takes_no_module_from_where_it_runs(path, tmp_path):
    """What lies in the folder of a caller whose own program does not look there is not imported."""
    (tmp_path / "certify").mkdir()
    (tmp_path / "certify" / "__init__.py").write_text("raise SystemExit(0)")
    code = f"import sys; sys.path[:] = {[str(ROOT), *(p for p in sys.path if p)]!r}; " \
           "from certify.check.main import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, str(path), "--quiet", "--seconds", "100", "--max", "modulus=1e-3"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 3 and done.stdout.startswith("refuted ")


@pytest.mark.parametrize("text", ["", "x", "4TB", "-1", "0", "1e30", "nan", "GB", "1_0"])
def test_sizes_that_are_none(text, path, capsys):
    assert main([str(path), f"--memory={text}"]) == 2
    assert "--memory" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "x", "-1", "0", "nan", "inf", "1e999", "1e300", "1e10", "1000001", "1_0"])
def test_seconds_that_are_none(text, path, capsys):
    """Also more of them than clocks of operating systems take."""
    assert main([str(path), f"--seconds={text}"]) == 2
    assert "--seconds" in capsys.readouterr().err


def test_as_many_seconds_as_may_be(path):
    assert checked(path, "--seconds=1000000").returncode == 0


def test_sizes():
    assert [size_of(text) for text in ("1", "2 kB", "0.5gb", "3e6")] == [1, 2000, 500_000_000, 3_000_000]


@pytest.mark.parametrize("folder, seconds", [
    ("toy/features", 0.3), ("wine/interpolation", 3), ("breast-cancer", 8), ("diabetes/boundary", 0.5),
    ("stock-logistic/deleted-1", 2.3), ("breast-cancer-logistic/last-layer-any-1", 1.2), ("default/features", 21),
])
def test_estimates_are_of_the_right_size(folder, seconds):
    """Processor seconds that were measured; within a factor of ten, as it says."""
    found = []

    def note(problem, claims, probed):
        found.append(cost_of(problem, claims, probed))
        raise TooLarge("enough")

    with pytest.raises(TooLarge):
        module.check(AUDITS / folder / "certificate.json", dict.fromkeys(ROLES), afford=note)
    assert seconds / 10 <= found[0].seconds <= seconds * 10 and found[0].megabytes > 30


def test_pairs_of_several_classes_are_estimated_by_their_hot_rows():
    found = []

    def note(problem, claims, probed, side=None):
        found.append((problem, claims))
        raise TooLarge("enough")

    with pytest.raises(TooLarge):
        module.check(AUDITS / "wine" / "interpolation" / "certificate.json", dict.fromkeys(ROLES), afford=note)
    name = "stable_predictions.rows.softmax_pairs.hot"
    sides = [{}, *({name: Array((h,), tuple(range(h)), "i")} for h in (0, 10, 20))]
    none, root, ten, twenty = (cost_of(*found[0], True, side).seconds for side in sides)
    assert none < root < ten < twenty and (twenty - root) == pytest.approx(2 * (ten - root)) and ten - root > 0.5


def test_choices_one_by_one_are_estimated_by_their_nodes():
    """Of MNIST 1/7 (13,007 rows of 784 columns) parts of a root took 240 s without triples; the rest is estimated."""
    name, start = "stable_predictions.rows.by_choice.parent", "stable_predictions.rows.by_choice."
    large = SimpleNamespace(features=[[0.0] * 784] * 13007, at_once=3)
    nodes = [(-1,), (-1, 0), (-1, 0, 0), (-1, 0, 0, 1)]
    root, one, two, last = (choices(large, {name: Array((len(x),), x, "i")}, start).seconds for x in nodes)
    assert 200 < root < 600 and 50 < one - root < 0.5 * root
    assert two - one == pytest.approx(one - root) and 0 < last - two < 0.2 * (two - one)
    choices(large, {name: Array((2,), (7, -9), "i")}, start)  # no tree: that is said when it is read


def test_wrong_labels_of_several_classes_are_estimated_by_their_choices():
    """Of digits (1,347 rows, ten classes, 650 weights) two matrices took 6.5 s and 480 choices 10.4 s."""
    start = "stable_predictions.rows.softmax_labels."
    digits = SimpleNamespace(features=[[0.0] * 64] * 1347, evaluation=[[0.0] * 64] * 450, outputs=10)
    parts = Array((2, 1347), (0.5,) * 2694, "f")
    weights = [Array((count, 650), (), "f") for count in (0, 480)]
    none, some = (labels(digits, {f"{start}parts": parts, f"{start}weights": one}, start).seconds for one in weights)
    assert 3 < none < 13 and 5 < some - none < 20
    labels(digits, {f"{start}parts": parts}, start)  # no weights: that is said when it is read


def test_no_limit_is_none():
    assert not Limits() and Limits(seconds=1.0) and Limits(memory=1)
