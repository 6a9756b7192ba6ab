"""`certify estimate` from end to end: files, the line, JSON, gates, exit statuses, refusals that write nothing."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import signal
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import certify
from certify.certificate.canonical import digest
from certify.cli.main import main
from tests.estimation.small import MODULE, SPEC, arrays, net, write
from tests.small import SPEC as CHAIN
from tests.small import files, gate, tensors
from tests.small import write as write_chain

WRITTEN = {"estimate.json", "new_parameters.safetensors", "estimate.html"}


@pytest.fixture
def call(capsys, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))

    def call(*arguments):
        sys.modules.pop(MODULE, None)
        status = main([str(a) for a in arguments])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    yield call
    sys.modules.pop(MODULE, None)


def document(folder):
    return json.loads((folder / "estimate.json").read_bytes())


# --- what is written ----------------------------------------------------------------------------------------------

def test_files_line_and_agreement_with_python(tmp_path, call):
    status, out, err = call("estimate", write(tmp_path), "-o", tmp_path / "out")
    assert status == 0 and {p.name for p in (tmp_path / "out").iterdir()} == WRITTEN
    assert out.startswith("estimated loss_after ") and "residual" in out and out.count("\n") == 1
    assert "certified" not in out + err and str(tmp_path / "out" / "estimate.html") in err
    e = document(tmp_path / "out")["result"]["evidence"]
    assert f"moved rows {e['loss_original']:.3g} before the change, {e['loss_before']:.3g} after it" in err

    found, data = document(tmp_path / "out"), arrays()
    assert found["digest"] == digest(found) and found["rigour"] == "estimated" and found["verdict"] == "inconclusive"
    problem = certify.Problem.from_module(net(), data["X"], data["y"])
    same = certify.estimate(problem, data["u"], rows=[5, 0])
    state = load_file(tmp_path / "out" / "new_parameters.safetensors")
    assert set(state) == set(net().state_dict())
    for name, tensor in same.state_dict().items():
        assert torch.allclose(state[name], tensor, rtol=1e-5, atol=1e-7), name
    assert found["result"]["evidence"]["loss_after"] == pytest.approx(same.loss_after, rel=1e-6)
    assert found["result"]["ended"] == same.ended == "solved directly"
    other = net(1)
    other.load_state_dict(state)  # strict
    assert other[0].weight.ne(net()[0].weight).any() and other[1].running_mean.eq(net()[1].running_mean).all()


def test_the_page_says_estimated_and_nothing_stronger(tmp_path, call):
    call("estimate", write(tmp_path, SPEC + gate("loss_after", max=9.0, rigour="estimated", rationale="<b>why</b>")))
    page = (tmp_path / "estimate.html").read_text(encoding="utf-8")
    assert page.count("estimated") > 8 and "Nothing on this page is proved" in page
    assert "certified" not in page and "<script" not in page and "&lt;b&gt;why" in page
    assert "met (estimated)" in page and "rows 5 and 0" in page.lower()


def test_same_bytes_again(tmp_path, call, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    spec = write(tmp_path)
    call("estimate", spec)
    first = files(tmp_path)["new_parameters.safetensors"]
    call("estimate", spec)
    assert files(tmp_path)["new_parameters.safetensors"] == first


def test_json_object(tmp_path, call):
    spec = write(tmp_path, SPEC + gate("loss_after", max=9.0, rigour="estimated") + gate("residual", max=9.0))
    status, out, err = call("estimate", spec, "--json", "--quiet")
    found = json.loads(out)
    assert (status, err) == (4, "")
    assert found["format"] == "certify/1" and found["rigour"] == "estimated"
    assert (found["verdict"], found["gates"]) == ("inconclusive", "open")
    assert set(found["base"]) == {"residual", "distance"} and found["base"]["distance"] == 0
    members = {"quantity", "theorem", "rigour", "verdict", "gate", "lower", "upper", "unit", "reason", "max"}
    for claim, state in zip(found["claims"], ("met", "open"), strict=True):
        assert members <= set(claim) and (claim["rigour"], claim["verdict"]) == ("estimated", "inconclusive")
        assert claim["gate"] == state and claim["lower"] == claim["upper"]
    assert "certified" not in out


@pytest.mark.parametrize("extra, status, words", [
    (gate("loss_after", max=9.0, rigour="estimated"), 0, "≤ 9.0 met (estimated) [gates met]"),
    (gate("loss_after", max=1e-9, rigour="estimated"), 3, "≤ 1e-09 failed (estimated) [gates failed]"),
    (gate("loss_after", max=9.0), 4, "≤ 9.0 open [gates open]"),
    (gate("loss_after", max=1e-9), 4, "≤ 1e-09 open [gates open]"),
    (gate("loss_after", max=9.0, rigour="conditional"), 4, "open"),
    (gate("residual", max=0.5, rigour="estimated"), 0, "residual"),
    (gate("residual", min=0.5, rigour="estimated"), 3, "≥ 0.5 failed"),
    (gate("loss_after", max=1e-9, rigour="estimated", severity="warn"), 0, "a warning only"),
    (gate("loss_after", max=9.0) + gate("residual", min=1.0, rigour="estimated"), 3, "open; residual"),
])
def test_gates(tmp_path, call, extra, status, words):
    found, out, err = call("estimate", write(tmp_path, SPEC + extra))
    assert found == status and words in out and out.startswith("estimated ") and "certified" not in out + err
    if status == 4:
        assert 'rigour = "estimated"' in err


def test_members_options_and_a_state_dict_of_torch(tmp_path, call):
    options = 'members = 2\nseed = 3\ncorrector_steps = 1\ntolerance = 1e-3\nbudget = 50\nhold = "moved"\n'
    spec = write(tmp_path, SPEC.replace(".safetensors", ".pt") + "[estimate]\n" + options)
    torch.save(net().state_dict(), tmp_path / "model.pt")
    status, _, err = call("estimate", spec)
    assert status == 0, err
    found = document(tmp_path)
    assert len(found["members"]) == 2 and found["options"]["seed"] == 3 and found["result"]["moved_rows_only"]
    new, *others = [load_file(tmp_path / name)
                    for name in ("new_parameters.safetensors", "member_1.safetensors", "member_2.safetensors")]
    for i, (other, said) in enumerate(zip(others, found["members"], strict=True), 1):
        content = (tmp_path / said["parameters"]["name"]).read_bytes()
        assert said["parameters"] == {"name": f"member_{i}.safetensors", "bytes": len(content),
                                      "sha256": hashlib.sha256(content).hexdigest()}
        old = net().state_dict()
        moved = sum(float((other[k] - old[k]).square().sum()) for k in other if "running" not in k and "num" not in k)
        assert moved**0.5 == pytest.approx(said["distance"], rel=1e-4)
        assert any(not torch.equal(other[name], new[name]) for name in new)
    assert "Only the moved rows" in (tmp_path / "estimate.html").read_text(encoding="utf-8")
    spec.write_text(SPEC + '[estimate]\nmembers = 2\nsolver = "minres_qlp"\n')
    assert call("estimate", spec)[0] == 0 and len(document(tmp_path)["members"]) == 2
    spec.write_text(SPEC + '[estimate]\nmembers = 2\nsolver = "minres_qlp"\ndamping = 0.1\n')
    assert call("estimate", spec)[0] == 0 and "one point" in document(tmp_path)["members_missing"]
    spec.write_text(SPEC + '[estimate]\nsolver = "minres_qlp"\n')
    assert call("estimate", spec)[0] == 0
    assert "<svg" in (tmp_path / "estimate.html").read_text(encoding="utf-8")  # the residual's history


def test_correctors_and_what_speaks_against_it_are_told_on_every_channel(tmp_path, call):
    """A change so large that first order says nothing of it, with and without correctors."""
    spec = write(tmp_path, u=9 * arrays()["u"])
    status, out, err = call("estimate", spec, "--json")
    assert status == 0 and "caution: " in err and len(json.loads(out)["cautions"]) == err.count("caution: ")
    assert "What speaks against it" in (tmp_path / "estimate.html").read_text(encoding="utf-8")
    assert document(tmp_path)["result"]["correctors"] == []
    spec.write_text(SPEC + "[estimate]\ncorrector_steps = 3\n", encoding="utf-8")
    assert call("estimate", spec)[0] == 0
    made = document(tmp_path)["result"]["correctors"]
    page = (tmp_path / "estimate.html").read_text(encoding="utf-8")
    assert made and all(set(one) == {"gradients", "left", "taken"} and one["gradients"] > 0 for one in made)
    assert ("of which first order knows nothing" in page) == made[0]["taken"]
    assert "Then came" in page and page.count("<tr><th scope=\"row\">", page.index("What each left")) >= len(made)


def test_a_small_change_has_nothing_against_it(tmp_path, call):
    _, out, err = call("estimate", write(tmp_path, u=arrays()["u"] / 50), "--json")
    assert json.loads(out)["cautions"] == [] and "caution" not in err


def test_the_words_on_ends_are_those_of_the_solvers():
    from certify.estimation.estimate import DIRECT
    from certify.estimation.krylov import Status
    from certify.report.cautions import _WHY

    assert set(_WHY) <= {DIRECT, *map(str, Status)}


@pytest.mark.parametrize("parameter, u, training", [
    ("sample_weights", np.array([-1.0, 0.5]), 'loss = "cross_entropy"'),
    ("targets", np.array([[0.1, -0.1, 0.0], [0.0, 0.0, 0.0]]), 'loss = "cross_entropy"'),
])
def test_other_parameters(tmp_path, call, parameter, u, training):
    y = np.full((12, 3), 1 / 3)
    spec = SPEC.replace('set = "given"', f'set = "given"\nparameter = "{parameter}"')
    status, _, err = call("estimate", write(tmp_path, spec, u=u, **({"y": y} if parameter == "targets" else {})))
    assert status == 0, err
    assert document(tmp_path)["problem"]["parameter"] == parameter


def test_widths_keep_the_names_of_the_file(tmp_path, call):
    model = {name.replace("0.", "first.").replace("2.", "second."): t for name, t in tensors().items()}
    spec = write_chain(tmp_path, CHAIN + '[perturbation]\nset = "given"\nrows = [1]\nfile = "u.npz"\n', model)
    np.savez(tmp_path / "u.npz", change=0.01 * np.ones((1, 3)))
    status, out, _ = call("estimate", spec)
    state = load_file(tmp_path / "new_parameters.safetensors")
    assert status == 0 and set(state) == set(model) and state["first.weight"].dtype == torch.float64
    assert document(tmp_path)["problem"]["map"] == "interpolation"
    csv = tmp_path / "rows.csv"
    data = np.load(tmp_path / "train.npz")
    csv.write_text("a,b,c,y\n" + "".join(f"{','.join(map(repr, x.tolist()))},{y}\n" for x, y in zip(
        data["X"], data["y"], strict=True)))
    spec.write_text(spec.read_text().replace("train.npz", "rows.csv").replace('features = "X"\n', ""))
    assert call("estimate", spec)[1] == out


def test_shared_parameters_are_written_under_each_name(tmp_path, call):
    spec = write(tmp_path, SPEC.replace(":make", ":Tied").replace("cross_entropy", "squared"),
                 X=np.ones((3, 4), np.float32) * np.arange(3)[:, None], y=np.ones((3, 4)), u=np.ones((2, 4)) / 9)
    spec.write_text(spec.read_text().replace("[5, 0]", "[2, 0]"))
    torch.manual_seed(0)
    space = {}
    exec((tmp_path / f"{MODULE}.py").read_text(), space)
    tied = space["Tied"]()
    save_file({name: t.clone() for name, t in tied.state_dict().items()}, tmp_path / "model.safetensors")
    assert call("estimate", spec)[0] == 0
    state = load_file(tmp_path / "new_parameters.safetensors")
    assert state["inner.weight"].equal(state["outer.weight"]) and not state["inner.weight"].equal(tied.inner.weight)


# --- what is refused ----------------------------------------------------------------------------------------------

def broken(name, value):
    return lambda data: data | {name: value(data[name])}


def put(array, index, value):
    array = np.array(array, dtype=float)
    array[index] = value
    return array


@pytest.mark.parametrize("old, new, change, words", [
    ("", "", broken("u", lambda u: u[:1]), ["change file u.npz: 1 row for 2 in perturbation.rows", "give 2 rows"]),
    ("rows = [5, 0]", 'rows = "all"', None, ['2 rows for rows = "all"', "give 12 rows"]),
    ("", "", broken("u", lambda u: u.reshape(2, 16)), ["shape (2, 1, 4, 4)"]),
    ("", "", broken("u", lambda u: put(u, (1, 0, 0, 2), np.nan)), ["'u' in change", "u.npz, entry 1, 0, 0, 2: nan"]),
    ("", "", broken("X", lambda X: put(X, (3, 0, 0, 0), np.inf)), ["'X' in data", "train.npz, entry 3, 0, 0, 0: inf"]),
    ("", "", broken("y", lambda y: put(y, 4, np.nan)), ["'y' in data file", "train.npz, entry 4: nan"]),
    ("", "", broken("X", lambda X: X[:, :, :3]), ["module", "rows of shape (1, 3, 4)"]),
    ("", "", broken("X", lambda X: X[:, 0, 0, 0]), ["shape (12,)"]),
    ("", "", broken("y", lambda y: y + 1), ["labels"]),
    ("", "", broken("y", lambda y: y.astype(float)), ["integer labels"]),
    ("", "", broken("y", lambda y: y[:5]), ["one target a row"]),
    ("[5, 0]", "[5, 12]", None, ["row 12 of 12", "0 … 11"]),
    ("[5, 0]", "[5, 5]", None, ["listed 2 times"]),
    ('set = "given"', 'set = "given"\nparameter = "targets"', None, ["class labels"]),
    ('set = "given"', 'set = "total"', None, ['set = "given"']),
    ('file = "u.npz"\n', "", None, ["perturbation.file", "missing"]),
    ('"u.npz"', '"nothing.npz"', None, ["no such file"]),
    ('"u.npz"', '"u.csv"', None, [".npz or .safetensors"]),
    ('array = "u"', 'array = "v"', None, ["no array named 'v'", "'u'"]),
    ('array = "u"', 'array = "u"\nscale = {a = 1.0}', None, ["perturbation.scale"]),
    (":make", ":number", None, ["returned a int", "torch.nn.Module"]),
    (":make", ":none", None, ["no callable 'none'"]),
    (":make", ":Tied", None, ["lacks", "'inner.weight'"]),
    ('"critical"', '"sublevel"', None, ['map = "critical"', "certify run"]),
    ('"critical"', '"critical"\nlayer = 2', None, ["layer"]),
    ('"critical"', '"critical"\nbase = "nearby"\nwithin = 0.1', None, ["solution.within"]),
    ('targets = "y"\n', "", None, ["data.targets"]),
    ("[training]", "[run]\ntime_limit = 9\n[training]", None, ["run.time_limit"]),
    ("[training]", '[estimate]\nsolver = "newton"\n[training]', None, ["estimate.solver", "'minres_qlp'"]),
    ("[training]", "[estimate]\ntolerance = 1\n[training]", None, ["below 1"]),
    ("[training]", "[estimate]\ntolerence = 1\n[training]", None, ["tolerence", "tolerance"]),
    ("[training]", '[gate]\nquantity = "loss_after"\n[training]', None, ["[[gate]]"]),
    ("[training]", gate("modulus", max=1) + "[training]", None, ["proved, not estimated", "certify run"]),
    ("[training]", gate("excess", max=1) + "[training]", None, ["is proved, not estimated", "use `certify run"]),
    ("[training]", '[estimate]\ndevice = "cuda"\n[training]', None, ["CUDA"]),
    ("[training]", '[estimate]\ndevice = "moon"\n[training]', None, ["device", "'moon'"]),
    ("safetensors", "onnx", None, ["model.file"]),
])
def test_one_line_and_nothing_written(tmp_path, call, monkeypatch, old, new, change, words):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert old in SPEC
    write(tmp_path, SPEC.replace(old, new, 1) if old else SPEC, **(change(arrays()) if change else {}))
    before = files(tmp_path)
    status, out, err = call("estimate", tmp_path / "certify.toml", "--quiet")
    assert (status, out, err.count("\n")) == (2, "", 1), err
    assert all(word in err for word in words), err
    assert {k: v for k, v in files(tmp_path).items() if "__pycache__" not in k} == before


def test_a_file_of_another_module(tmp_path, call):
    spec = write(tmp_path)
    state = net().state_dict()
    save_file(state | {"0.weight": torch.zeros(4, 1, 5, 5)}, tmp_path / "model.safetensors")
    assert "'0.weight' has shape (4, 1, 5, 5), the module's has (4, 1, 3, 3)" in call("estimate", spec)[2]
    save_file(state | {"9.weight": torch.zeros(1)}, tmp_path / "model.safetensors")
    assert "the module has no '9.weight'" in call("estimate", spec)[2]


def test_without_torch(tmp_path, call, monkeypatch):
    spec = write(tmp_path)
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "torch" else find(name, *a))
    for name in [name for name in sys.modules if name.startswith("certify.estimation")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr(certify, "estimation", raising=False)
    status, out, err = call("estimate", spec)
    assert (status, out) == (2, "") and "torch is not installed" in err and "certify[estimate]" in err
    for use in (lambda: certify.estimate, lambda: certify.Problem.from_module(None, None, None)):
        with pytest.raises(ImportError, match="torch is not installed"):
            use()


def test_each_verb_names_the_other(tmp_path, call):
    spec = write(tmp_path, SPEC + gate("loss_after", max=1.0, rigour="estimated"))
    status, out, err = call("run", spec)
    assert (status, out) == (2, "") and "use `certify estimate certify.toml`" in err
    spec = write_chain(tmp_path, CHAIN + "[estimate]\nseed = 1\n")
    assert "`certify estimate certify.toml`" in call("run", spec)[2]
    spec = write_chain(tmp_path, CHAIN + gate(max=1.0))
    assert "use `certify run certify.toml`" in call("estimate", spec)[2]
    spec = write_chain(tmp_path, CHAIN + gate(max=1.0) + gate("residual", max=1.0))
    assert "a spec for `certify estimate`" in call("run", spec)[2]


def test_no_verb_takes_an_estimate_for_a_certificate(tmp_path, call):
    call("estimate", write(tmp_path))
    status, out, err = call("report", tmp_path / "estimate.json")
    assert (status, out) == (2, "") and "an estimate, which is no certificate" in err
    status, out, _ = call("check", tmp_path / "estimate.json")
    assert status == 2 and out.startswith("invalid ")


def test_interrupt_leaves_everything_as_it_was(tmp_path, call, monkeypatch):
    from certify.estimation import estimate as _  # noqa: F401 — the module, not the function, is changed below

    spec = write(tmp_path)
    call("estimate", spec)
    before = files(tmp_path)
    module = sys.modules["certify.estimation.estimate"]

    def interrupted(*arguments):
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(module, "measure", interrupted)
    status, out, err = call("estimate", spec)
    assert (status, out) == (130, "") and "interrupted" in err
    assert files(tmp_path) == before


def told_by(tmp_path, monkeypatch, options=""):
    from certify.cli.estimates import run_estimate

    monkeypatch.setattr(sys, "path", list(sys.path))
    sys.modules.pop(MODULE, None)
    told = []
    run_estimate(write(tmp_path, SPEC + options), None, lambda stage, fraction: told.append((stage, fraction)))
    sys.modules.pop(MODULE, None)
    return told


@pytest.mark.parametrize("options", ["", "[estimate]\ncorrector_steps = 3\n", '[estimate]\nsolver = "minres_qlp"\n'])
def test_progress_never_goes_back_and_ends_at_one(tmp_path, monkeypatch, options):
    told = told_by(tmp_path, monkeypatch, options)
    fractions = [fraction for _, fraction in told]
    assert fractions == sorted(fractions) and fractions[-1] == 1.0 and len({stage for stage, _ in told}) > 4
    assert "evidence" in dict(told) and max(f for stage, f in told if stage.startswith("corrector") or "space" in stage
                                            or "kernel" in stage) < dict(told)["evidence"]


def test_training_again_tells_how_far_it_is(tmp_path, monkeypatch):
    """Every gradient moves the bar, and by about as much as every other: so the time left can be told."""
    told = told_by(tmp_path, monkeypatch, "[estimate]\nfine_tune = 30\nfrom_scratch = 60\nmembers = 1\n")
    fractions = [fraction for _, fraction in told]
    assert fractions == sorted(fractions) and fractions[-1] == 1.0
    for where, most in (("the given weights", 30), ("weights drawn anew", 60)):
        steps = [(stage, f) for stage, f in told if stage.startswith(f"training again from {where}")]
        assert steps[0][0].endswith(f"gradient 1 of {most}") and len(steps) >= 10
        moves = np.diff([f for _, f in steps])
        assert (moves > 0).all() and moves.max() < 1.01 * moves.min()
    assert dict(told)["the given weights"] > 0.9
