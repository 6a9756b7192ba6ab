"""The reports: files are what the pages say, tables are the certificates', tools do what they say."""

from __future__ import annotations

import csv
import hashlib
import html
import importlib.util
import json
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.effort import some

REPORTS = Path(__file__).parents[3] / "reports"
SPECS = sorted(REPORTS.glob("*/*/*/certify.toml"))
SAMPLES = ("audits/breast-cancer", "audits/breast-cancer-logistic/last-layer-any-5", "audits/wine/persistence-per-row")
"""Folders whose pages are kept in the repository; the others are made from their certificates."""
CHECKED_HERE = ("wine/boundary", "wine/persistence-per-row", "diabetes/boundary", "expansion/breast-cancer")


def named(spec: Path) -> str:
    return "/".join(spec.parts[-3:-1])


def script(name: str):
    """One of the reports' scripts as a module; they are no package."""
    path = REPORTS / name
    label = "report_" + re.sub(r"\W", "_", name)
    before = list(sys.path)
    try:
        module = importlib.util.module_from_spec(spec := importlib.util.spec_from_file_location(label, path))
        spec.loader.exec_module(module)
    finally:
        sys.path[:] = before
        sys.modules.pop("training", None)
    return module


@pytest.fixture(scope="module")
def audit():
    return script("tools/audit.py")


@pytest.fixture(scope="module")
def lines(audit):
    return audit.load()


ELSEWHERE = ("mnist-2000", "mnist-6x100", "resnet2b-cifar10", "resnet20-cifar10")
"""Reports whose inputs are not in the repository."""


def has_inputs(spec: Path) -> bool:
    needed = [spec.parents[1] / name for name in ("model.safetensors", "rows.npz")]
    return spec.parents[1].name not in ELSEWHERE or all(path.exists() for path in needed)


def test_pages_hold_the_digests_of_the_files():
    found = 0
    for page in REPORTS.glob("**/README.md"):
        for name, digest in re.findall(r"^\| `([\w.-]+)`[^|]*\| `([0-9a-f]{64})` \|$", page.read_text("utf-8"), re.M):
            if (page.parent / name).exists():
                assert hashlib.sha256((page.parent / name).read_bytes()).hexdigest() == digest, page.parent / name
                found += 1
    assert found >= 8


def test_committed_files_are_small():
    for path in REPORTS.rglob("*"):
        ignored = {*path.parts} & {*ELSEWHERE} and path.suffix in (".safetensors", ".npz")
        if path.is_file() and not ignored and "node_modules" not in path.parts:
            assert path.stat().st_size <= 1_000_000, path


def test_no_page_has_a_machine_path():
    for path in REPORTS.rglob("*"):
        if path.suffix in (".md", ".py", ".toml", ".json", ".csv") and "node_modules" not in path.parts:
            assert not re.search(r"/(tmp|root|home|work)/", path.read_text("utf-8")), path


@pytest.mark.parametrize("spec", SPECS, ids=named)
def test_spec_names_itself_and_its_problem_is_valid(spec):
    from certify.problem.load import load_problem

    # Certificates bind the line, and with it where the folders were before they were sorted into audits and estimates.
    assert spec.read_text("utf-8").startswith(f"# certify run reports/{'/'.join(spec.parts[-3:])}\n")
    if not has_inputs(spec):
        pytest.skip("inputs are not in the repository")
    problem = load_problem(spec)
    if problem.set == "given" and problem.rows != tuple(range(problem.n)):  # rows that are left out are named
        assert np.flatnonzero(problem.change.any(axis=1)).tolist() == list(problem.rows)
    else:
        assert problem.rows == tuple(range(problem.n))


@pytest.mark.parametrize("spec", [s for s in SPECS if "persistence" in str(s)], ids=named)
def test_level_is_105_percent_of_the_loss_rounded_up(spec):
    from certify.problem.load import load_problem
    from certify.rigor.arithmetic import Binary64
    from certify.systems.sublevel.descent import descend

    if not has_inputs(spec):
        pytest.skip("its inputs are not in the repository")
    problem = load_problem(spec)
    ends = descend(problem, Binary64()).loss
    level_above = script("tools/training.py").level_above
    assert problem.level == level_above(float(ends.lower)) == level_above(float(ends.upper))


def test_certificates_are_those_of_the_files_and_of_the_record(lines):
    assert {f"{x['report']}/{x['spec']}" for x in lines} >= {"/".join(s.parts[-3:-1]) for s in SPECS}
    for spec in SPECS:
        certificate = json.loads(spec.with_name("certificate.json").read_text("utf-8"))
        for what in certificate["subject"].values():
            path = spec.parent / what["path"]
            if path.exists():
                assert hashlib.sha256(path.read_bytes()).hexdigest() == what["sha256"], path
        where = [x for x in lines if [x["report"], x["spec"]] == list(spec.parts[-3:-1])]
        for line, claim in zip(where, certificate["claims"], strict=True):
            assert [line[key] for key in ("quantity", "verdict", "reason")] == [
                claim[key] for key in ("quantity", "verdict", "reason")
            ]
            for side in ("lower", "upper"):
                assert line[side] == ("" if claim[side] is None else repr(claim[side]))


def page_of(where: str) -> str:
    """The page of a certificate, as it is set today."""
    from certify.certificate import read_certificate
    from certify.report.exporters.html import render

    return render(read_certificate(REPORTS / where / "certificate.json"))


def test_sample_pages_are_what_their_certificates_say_today():
    """Sentences are mended where they were false; the pages that hold them have to follow. Pictures aside."""
    kept = [f"!/reports/{where}/report.html" for where in SAMPLES]
    lines = (REPORTS.parent / ".gitignore").read_text("utf-8").splitlines()
    assert [line for line in lines if "report.html" in line] == ["/reports/**/report.html", *kept]
    for where in SAMPLES:
        pages = (REPORTS / where / "report.html").read_text("utf-8"), page_of(where)
        old, new = (re.sub(r"<svg.*?</svg>", "", page, flags=re.S) for page in pages)
        assert old == new, where


def test_every_certificate_can_be_set_as_a_page_with_its_verdicts_and_reasons():
    found = sorted(REPORTS.rglob("certificate.json"))
    assert len(found) > 50
    for path in some(found):
        page = html.unescape(page_of(str(path.parent.relative_to(REPORTS)))).casefold()
        for claim in json.loads(path.read_text("utf-8"))["claims"]:
            reason = re.split("[:;]", claim["reason"])[0].casefold()  # a sentence of the page begins with a capital
            assert claim["verdict"] in page and claim["theorem"].casefold() in page and reason in page, path


def test_one_command_writes_the_pages(tmp_path, monkeypatch, capsys):
    tool = script("tools/pages.py")
    for where in SAMPLES:
        (tmp_path / "reports" / where).mkdir(parents=True)
        shutil.copy(REPORTS / where / "certificate.json", tmp_path / "reports" / where)
    monkeypatch.setattr(tool, "REPORTS", tmp_path / "reports")
    assert tool.main(["wine"]) == 0
    assert capsys.readouterr().out == "reports/audits/wine/persistence-per-row/report.html\n"
    assert tool.main([]) == 0
    written = {str(path.parent.relative_to(tmp_path / "reports")) for path in tmp_path.rglob("report.html")}
    assert written == {*SAMPLES}
    assert (tmp_path / "reports" / SAMPLES[0] / "report.html").read_text("utf-8") == page_of(SAMPLES[0])
    with pytest.raises(SystemExit, match="no certificate"):
        tool.main(["nowhere"])


def test_a_folder_says_what_it_holds():
    """Audits have a certificate, studies and benchmarks none, and no name is in two of them."""
    sorts = {path.name for path in REPORTS.iterdir() if path.is_dir()} - {"__pycache__"}
    assert sorts == {"audits", "studies", "estimates", "benchmarks", "instances", "tools"}
    folders = [path for sort in ("audits", "studies", "estimates") for path in (REPORTS / sort).iterdir()]
    assert len(folders) > 30 and len({path.name for path in folders}) == len(folders)
    for path in folders:
        if path.parent.name != "estimates":
            assert any(path.rglob("certificate.json")) == (path.parent.name == "audits"), path
    assert not [*(REPORTS / "benchmarks").rglob("certificate.json"), *(REPORTS / "tools").rglob("certificate.json")]


def test_links_between_pages_lead_somewhere():
    for page in REPORTS.rglob("*.md"):
        for link in re.findall(r"\]\(([^)#:\s]+)\)", page.read_text("utf-8")):
            assert (page.parent / link).exists(), (page, link)


def test_the_factor_of_a_layer_s_critical_points_is_not_called_an_upper_bound():
    """`‖H⁻¹C‖` may exceed `‖H_hh⁻¹C_h‖`: here 100 for 1. (Of fits and of levels it cannot.)"""
    H, C = np.array([[1.0, 0.99], [0.99, 1.0]]), np.array([1.0, -1.0])
    assert np.linalg.norm(np.linalg.solve(H, C)) > 100 * abs(C[0] / H[0, 0])
    page = page_of("audits/mnist-2000/last-layer-sample-weights")
    assert "may be smaller or larger" in page and "can only be the same or smaller" not in page


def test_tables_are_written_from_the_record(audit, lines):
    page = (REPORTS / "README.md").read_text("utf-8")
    assert audit.table(lines, with_report=True) in page
    assert audit.persistence(lines) in page
    assert audit.medians(lines) in page and audit.finite(lines) in page
    for folder in {x["report"] for x in lines} - {"breast-cancer"}:
        own = [x for x in lines if x["report"] == folder]
        assert audit.table(own, with_report=False) in (audit.home(folder) / "README.md").read_text("utf-8")


@pytest.mark.parametrize(
    "lower, upper", [("1.09989686", "1.09989687"), ("0.001903647292393812", "0.005298237093098041"), ("36.31", "36.32")]
)
def test_ends_are_printed_outward(audit, lower, upper):
    low, high = (float(x) for x in audit.outward(lower, upper).split(" – "))
    assert low <= float(lower) <= float(upper) <= high
    assert high - low <= 1.5 * (float(upper) - float(lower)) + 1e-5 * high


def test_medians_count_failures_as_infinitely_far(audit):
    ends = [("1.0", "2.0"), ("1.0", ""), ("0.0", "3.0"), ("1.0", "4.0"), ("0.0", "0.0")]
    made = [{"quantity": "q", "lower": low, "upper": high} for low, high in ends]
    assert audit.medians(made).splitlines()[-1] == "| q | 5 | 2 | 4.000 | 4.000 |"
    assert audit.medians(made[1:3]).splitlines()[-1] == "| q | 2 | 2 | ∞ | ∞ |"


@pytest.mark.parametrize("where", CHECKED_HERE)
def test_small_certificates_check(where, capsys):
    from certify.check.main import main

    assert main([str(REPORTS / "audits" / where / "certificate.json")]) == 0
    assert capsys.readouterr().out.strip().splitlines()[-1].startswith("certified")


@pytest.mark.parametrize("name", ["digits", "wine", "diabetes"])
def test_data_are_those_of_scikit_learn(name):
    pytest.importorskip("sklearn")
    X, y = script(f"audits/{name}/recipe.py").load_data()
    stored = np.load(REPORTS / "audits" / name / "train.npz")
    np.testing.assert_allclose(stored["X"].astype(float), X.astype(float), rtol=0, atol=1e-12)
    np.testing.assert_allclose(stored["y"].astype(float), y.astype(float), rtol=0, atol=1e-12)


def test_first_200_digits_are_the_first_of_all():
    some, every = (np.load(REPORTS / "audits" / "digits" / name) for name in ("first-200.npz", "train.npz"))
    for key in ("X", "y"):
        np.testing.assert_array_equal(some[key], every[key][:200])


def test_level_rule():
    level_above = script("tools/training.py").level_above
    assert level_above(2.0) == 2.1 and level_above(1.0) == 1.05 and level_above(0.00123456) == 0.0013
    for loss in np.random.default_rng(0).lognormal(-5, 3, 200):
        assert 1.05 * loss * (1 - 1e-15) <= level_above(loss) <= 1.05 * loss * 1.0101


def test_mnist_files_are_read_from_idx(tmp_path):
    prepare = script("audits/mnist-6x100/prepare.py")
    pixels = np.arange(2 * 784, dtype=np.uint16).astype(np.uint8)
    (tmp_path / "images").write_bytes(bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 28, 0, 0, 0, 28]) + pixels.tobytes())
    (tmp_path / "labels").write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 2, 7, 3]))
    np.testing.assert_array_equal(prepare.read_idx(tmp_path, "images"), pixels.reshape(2, 784))
    np.testing.assert_array_equal(prepare.read_idx(tmp_path, "labels"), [7, 3])
    assert prepare.inputs_of(pixels, "x/255").max() == 1 and prepare.inputs_of(pixels, "0 … 255").max() == 255


def test_ill_conditioned_table_is_met_and_repeats():
    from certify.rigor import enclose_sigma_min

    study = script("studies/ill-conditioned/study.py")
    with (REPORTS / "studies" / "ill-conditioned" / "table.csv").open(encoding="utf-8", newline="") as stream:
        found = list(csv.DictReader(stream))
    assert study.table(found) in (REPORTS / "studies" / "ill-conditioned" / "README.md").read_text("utf-8")
    for line in found:
        want, ratio = study.target(float(line["condition"])), float(line["upper"]) / float(line["lower"])
        assert np.isnan(want) or ratio <= want
    ends = enclose_sigma_min(study.synthetic((200, 400), 12))
    recorded = next(x for x in found if x["size"] == "200 × 400" and x["condition"] == "1e12")
    assert float(recorded["lower"]) <= ends.upper and ends.lower <= float(recorded["upper"])
    assert ends.upper <= 2 * ends.lower


def test_benchmark_parts_run():
    pytest.importorskip("torch")
    cost = script("benchmarks/cost.py")
    parts = cost.Parts(30, (4, 16, 16, 1))
    parts.threshold = 1.01 * parts.two_sided().upper
    for name in ("passes", "kernel", "bare", "cholesky", "gate", "jacobian"):
        assert cost.timed(getattr(parts, name))[0] > 0


def test_the_rescaling_table_is_the_csv_and_the_files_hold_the_same_function():
    study = script("studies/rescaling/study.py")
    with (REPORTS / "studies" / "rescaling" / "table.csv").open(encoding="utf-8", newline="") as stream:
        found = list(csv.DictReader(stream))
    assert study.table(found) in (REPORTS / "studies" / "rescaling" / "README.md").read_text("utf-8")
    assert {line["check"] for line in found} == {"certified"} and len(found) == 60
    folder = REPORTS / "studies" / "rescaling"
    tensors = {name: a.astype(float) for name, a in load_file(folder / "model.safetensors").items()}
    X = np.load(folder / "train.npz")["X"]

    def outputs(t):
        a = np.maximum(X @ t["0.weight"].T + t["0.bias"], 0)
        return np.maximum(a @ t["2.weight"].T + t["2.bias"], 0) @ t["4.weight"].T + t["4.bias"]

    for name in study.RESCALINGS:
        assert np.array_equal(outputs(study.rescaled(tensors, name)), outputs(tensors)), name
