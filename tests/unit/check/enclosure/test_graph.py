"""Graphs end to end: what `certify run` writes, `certify check` derives again; what was changed, it refuses."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from flint import arb, ctx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from certify.auditing.spec_run import run_audit
from certify.certificate import canonical_bytes, seal
from certify.check.enclosure.graph_gradients import GraphDescent
from certify.check.kernel import NotSmooth
from certify.check.main import main
from certify.check.reading.spec import read_spec
from certify.check.reading.subject import build_problem
from certify.cli.main import main as certify
from certify.format.errors import InputError, SpecError
from certify.inputs.graph_file import graph_bytes
from tests.effort import examples
from tests.oracles.graph import BITS, Builder, random_graph, truth
from tests.unit.network.graph.test_graph import idle_by_a_tie_alone, small_resnet, tied_below_a_rounding

SPEC = """version = 1
[model]
file = "model.safetensors"
graph = "graph.json"
[data]
file = "rows.npz"
features = "X"
targets = "y"
[training]
loss = "{loss}"
weight_decay = {decay}
[solution]
map = "sublevel"
{level}
[perturbation]
parameter = "{parameter}"
set = "{set}"
{gates}
"""


def write(folder, net, X, y, loss="cross_entropy", parameter="features", set="total", decay=0.0, level="", gates=""):
    tensors = dict(net.tensors) | {"n1.num_batches_tracked": np.array(7)}
    save_file({name: np.ascontiguousarray(a) for name, a in tensors.items()}, folder / "model.safetensors")
    (folder / "graph.json").write_bytes(graph_bytes(net.nodes, net.shape, net.output))
    np.savez(folder / "rows.npz", X=X, y=y)
    spec = folder / "certify.toml"
    spec.write_text(SPEC.format(loss=loss, decay=decay, level=level, parameter=parameter, set=set, gates=gates))
    return spec


def problem_of(folder):
    spec, model, data, graph = ((folder / name).read_bytes()
                                for name in ("certify.toml", "model.safetensors", "rows.npz", "graph.json"))
    return build_problem(read_spec(spec), model, data, False, graph)


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    """A small ResNet with a certificate."""
    folder = tmp_path_factory.mktemp("graph")
    rng = np.random.default_rng(5)
    net = small_resnet(rng)
    spec = write(folder, net, rng.normal(size=(3, net.widths[0])), np.array([0, 2, 1]))
    run_audit(spec)
    return folder


def claims(folder):
    return {c["quantity"]: c for c in json.loads((folder / "certificate.json").read_text())["claims"]}


def copied(audited, folder):
    for path in audited.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def resealed(folder, change):
    """The certificate with a change, with the digest of a forger."""
    certificate = json.loads((folder / "certificate.json").read_text())
    del certificate["digest"]
    change(certificate)
    (folder / "certificate.json").write_bytes(canonical_bytes(seal(certificate)))


def rebound(folder, name, role, content):
    """Another file, bound by the certificate."""
    import hashlib

    (folder / name).write_bytes(content)
    record = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    resealed(folder, lambda c: c["subject"][role].update(record))


def test_a_resnet_is_certified_and_checked(audited, capsys):
    found = claims(audited)
    for claim in found.values():
        assert claim["verdict"] == "certified" and claim["upper"] / claim["lower"] - 1 < 1e-6
        assert claim["theorem"] == "M6" and claim["rigour"] == "proved"
    assert main([str(audited / "certificate.json"), "--quiet"]) == 0
    assert capsys.readouterr().out.startswith("certified")


def test_the_report_says_what_the_network_is(audited):
    page = (audited / "report.html").read_text()
    for words in ("convolution", "frozen batch normalisation", "residual sum", "graph of the network", "3 × 8 × 8"):
        assert words in page


@pytest.mark.parametrize("parameter, set_, loss", [
    ("features", "per_sample", "cross_entropy"), ("targets", "total", "squared"),
    ("sample_weights", "total", "squared"),
    ("features", "total", "logistic"), ("sample_weights", "per_sample", "cross_entropy"),
])
def test_other_perturbations_and_losses(tmp_path, parameter, set_, loss):
    rng = np.random.default_rng(11)
    b = Builder(rng, (2, 4, 4))
    b.conv(3)
    b.norm()
    b.add("relu")
    b.add("max_pool", kernel=(2, 2), stride=(2, 2))
    b.linear(1 if loss == "logistic" else 3)
    net, X = b.network(), rng.normal(size=(4, 32))
    y = rng.normal(size=(4, 3)) if loss == "squared" else np.array([0, 1, 1, 0])
    spec = write(tmp_path, net, X, y, loss, parameter, set_, 0.01)
    run_audit(spec)
    assert all(c["verdict"] == "certified" for c in claims(tmp_path).values())
    assert main([str(tmp_path / "certificate.json"), "--quiet"]) == 0


def test_a_level_above_the_loss_and_persistence_of_sample_weights(tmp_path):
    rng = np.random.default_rng(12)
    b = Builder(rng, (1, 3, 3))
    b.conv(2)
    b.add("relu")
    b.linear(2)
    gate = '[[gate]]\nquantity = "persistence_radius"\nmin = 0.001\n[[gate]]\nquantity = "modulus"\nmax = 1.0'
    spec = write(tmp_path, b.network(), rng.normal(size=(3, 9)), np.array([0, 1, 1]), parameter="sample_weights",
                 level="level = 30.0", gates=gate)
    run_audit(spec)
    found = claims(tmp_path)
    assert found["modulus"]["upper"] == 0.0 and found["persistence_radius"]["lower"] > 0
    assert main([str(tmp_path / "certificate.json"), "--quiet"]) == 0


@given(st.integers(0, 2**32), st.sampled_from(["squared", "cross_entropy", "logistic"]))
@settings(max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_checkers_balls_contain_the_truth(tmp_path_factory, seed, loss):
    rng = np.random.default_rng(seed)
    net = random_graph(rng, 1 if loss == "logistic" else 3)
    X = rng.normal(size=(2, net.widths[0]))
    y = rng.normal(size=(2, 3)) if loss == "squared" else rng.integers(0, 2, size=2)
    folder = tmp_path_factory.mktemp("balls")
    write(folder, net, X, y, loss, decay=0.01)
    problem = problem_of(folder)
    assert problem.parameters == net.parameters("all")
    with ctx.workprec(128):
        descent = GraphDescent(problem, problem.graph)
        try:
            weights, rows, value = descent.weight_gradient, descent.row_sizes, descent.loss
        except NotSmooth:
            return
    exact = truth(net, X, loss, y if loss == "squared" else None, None if loss == "squared" else y, 0.01)
    with ctx.workprec(BITS):
        for found, true in ((weights, exact.weight_norm), (value, exact.loss), *zip(rows, exact.rows, strict=True)):
            assert found.overlaps(true) and found.rad() < arb(2) ** -60 * (1 + abs(true))


@pytest.mark.parametrize("row, what", [([1.0, 1.0, 0.0, 0.0], "tie"), ([0.0, 1.0, 0.0, 3.0], "relu")])
def test_a_kink_or_a_tie_leaves_the_claim_open_and_no_number_checks(tmp_path, row, what, capsys):
    b = Builder(np.random.default_rng(1), (1, 1, 4))
    b.add("max_pool" if what == "tie" else "relu", **({"kernel": (1, 2), "stride": (1, 2)} if what == "tie" else {}))
    b.linear(2)
    spec = write(tmp_path, b.network(), np.array([row]), np.array([1]))
    run_audit(spec)
    found = claims(tmp_path)["modulus"]
    assert found["verdict"] == "inconclusive" and "row 0, node n0, unit 0" in found["reason"]
    assert main([str(tmp_path / "certificate.json"), "--quiet"]) == 4  # nothing asked for was proved
    assert capsys.readouterr().out.startswith("inconclusive")
    resealed(tmp_path, lambda c: (c["claims"][0].update(lower=0.1, upper=9.0, verdict="certified"),
                                  c["claims"][0].update(hypotheses=[])))
    capsys.readouterr()
    assert main([str(tmp_path / "certificate.json"), "--quiet"]) == 2
    assert "node n0 at row 0" in capsys.readouterr().out


def test_a_weight_gradient_of_zero_leaves_the_claim_open(tmp_path):
    b = Builder(np.random.default_rng(1), (1, 2, 2))
    b.linear(1, bias=False)
    net = b.network()
    X = np.array([[1.0, 2.0, 3.0, 4.0]])
    spec = write(tmp_path, net, X, X @ net.tensors["n1.weight"].T, "squared")
    run_audit(spec)
    found = claims(tmp_path)["modulus"]
    assert found["verdict"] == "inconclusive" and "could not be proved different from 0" in found["reason"]


ATTACKS = {
    "upper end": lambda c: c["claims"][0].update(upper=c["claims"][0]["lower"]),
    "lower end": lambda c: c["claims"][0].update(lower=c["claims"][0]["upper"]),
    "row": lambda c: c["claims"][1]["row_upper"].__setitem__(0, c["claims"][1]["row_lower"][0] * (1 - 1e-6)),
    "margin": lambda c: next(h for h in c["claims"][0]["hypotheses"] if h["name"] == "smooth").update(value=1.0),
    "margin null": lambda c: next(h for h in c["claims"][0]["hypotheses"] if h["name"] == "smooth").update(value=None),
    "operations": lambda c: c["problem"]["graph"]["operations"].update(relu=99),
    "shape": lambda c: c["problem"]["graph"].update(shape=[192]),
    "parameters": lambda c: c["problem"].update(parameters=c["problem"]["parameters"] + 1),
    "widths": lambda c: c["problem"].update(widths=[192, 3], activation="relu", biases=[True]),
    "no graph": lambda c: c["subject"].pop("graph"),
    "graph digest": lambda c: c["subject"]["graph"].update(sha256="0" * 64),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_a_tampered_certificate_is_refused(audited, tmp_path, name, capsys):
    folder = copied(audited, tmp_path)
    resealed(folder, ATTACKS[name])
    assert main([str(folder / "certificate.json"), "--quiet"]) == 2
    assert capsys.readouterr().out.startswith("invalid")


CHANGES = {
    "stride": ('"stride": [2, 2], "padding": [1, 1]', '"stride": [2, 1], "padding": [1, 1]'),
    "eps": ('"eps": 1e-05', '"eps": 1e-03'),
    "skip": ('"op": "subsample"', '"op": "identity"'),
    "activation": ('"op": "relu"', '"op": "leaky_relu"'),
    "swapped tensors": ('"mean": "n1.running_mean", "var": "n1.running_var"',
                        '"mean": "n1.running_var", "var": "n1.running_mean"'),
    "unknown member": ('"op": "relu"', '"op": "relu", "groups": 2'),
    "twice": ('"op": "relu"', '"op": "relu", "op": "relu"'),
    "format": ("certify-graph/1", "certify-graph/2"),
    "infinite": ('"eps": 1e-05', '"eps": Infinity'),
    "unused tensor": ('"bias": "n1.bias"', '"bias": null'),
    "negative": ('"padding": [1, 1]', '"padding": [-1, 1]'),
    "truth": ('"padding": [1, 1]', '"padding": [true, 1]'),
}


@pytest.mark.parametrize("name", CHANGES)
def test_another_graph_is_refused_even_where_its_digest_is_bound(audited, tmp_path, name, capsys):
    folder = copied(audited, tmp_path)
    old = (folder / "graph.json").read_text()
    new = old.replace(*CHANGES[name], 1)
    assert new != old
    rebound(folder, "graph.json", "graph", new.encode())
    assert main([str(folder / "certificate.json"), "--quiet"]) == 2
    assert capsys.readouterr().out.startswith("invalid")


def test_a_changed_file_is_refused_by_its_digest(audited, tmp_path, capsys):
    folder = copied(audited, tmp_path)
    (folder / "graph.json").write_bytes((folder / "graph.json").read_bytes() + b" ")
    assert main([str(folder / "certificate.json"), "--quiet"]) == 2
    assert "graph file" in capsys.readouterr().out


def test_features_may_have_the_shape_of_images_and_no_other(audited, tmp_path, capsys):
    folder = copied(audited, tmp_path)
    with np.load(folder / "rows.npz") as data:
        X, y = data["X"], data["y"]
    np.savez(folder / "rows.npz", X=X.reshape(-1, 3, 8, 8), y=y)
    run_audit(folder / "certify.toml")
    for name, old in claims(audited).items():
        assert (claims(folder)[name]["lower"], claims(folder)[name]["upper"]) == (old["lower"], old["upper"])
    assert main([str(folder / "certificate.json"), "--quiet"]) == 0
    np.savez(folder / "rows.npz", X=X.reshape(-1, 8, 8, 3), y=y)
    with pytest.raises(InputError, match="shape"):
        run_audit(folder / "certify.toml")
    rebound(folder, "rows.npz", "data", (folder / "rows.npz").read_bytes())
    assert main([str(folder / "certificate.json"), "--quiet"]) == 2
    assert "its shape is (3, 8, 8, 3)" in capsys.readouterr().out


def test_bound_from_python(audited):
    import certify

    problem = certify.load_problem(audited / "certify.toml")
    bound = certify.bound(problem, "modulus")
    assert bound.upper == claims(audited)["modulus"]["upper"]


@pytest.mark.parametrize("old, new, words", [
    ('map = "sublevel"', 'map = "interpolation"',
     'given by a graph with solution.map = "interpolation"; use solution.map = "sublevel"'),
    ('map = "sublevel"', 'map = "sublevel"\nlayer = 1',
     'layer 1 of a graph, whose layers have no numbers; give "all" or "last"'),
    ('map = "sublevel"', 'map = "sublevel"\nlayer = "last"', 'use solution.layer = "all"'),
    ('graph = "graph.json"', 'graph = "graph.json"\nwidths = [192, 3]\nactivation = "relu"', "remove widths"),
    ('graph = "graph.json"', 'graph = "other.json"', "no such file"),
    ('set = "total"', 'set = "total"\n[[gate]]\nquantity = "persistence_radius"\nmin = 1.0',
     'bounds persistence_radius of a network given by a graph with perturbation.parameter = "features"'),
])
def test_what_is_not_built_is_refused_by_name(audited, tmp_path, capsys, old, new, words):
    folder = copied(audited, tmp_path)
    spec = folder / "certify.toml"
    text = spec.read_text().replace(old, new)
    level = 'map = "sublevel"\nlevel = 900.0' if "persistence" in new else 'map = "sublevel"'
    spec.write_text(text.replace('map = "sublevel"', level))
    assert certify(["run", str(spec), "--quiet"]) == 2 and words in capsys.readouterr().err


def test_the_plan_counts_the_operations(audited):
    done = subprocess.run([sys.executable, "-m", "certify", "run", str(audited / "certify.toml"), "--plan"],
                          capture_output=True, text=True)
    assert done.returncode == 0 and "7 conv2d" in done.stdout + done.stderr


def test_a_level_below_the_loss_at_a_tie_that_floats_do_not_see_is_no_certificate(tmp_path, capsys):
    """The loss is 2; that of the other entry, 2^-59 below the largest, would be 0."""
    net, X = tied_below_a_rounding()
    files = {"X": X, "y": -np.ones((1, 1)), "loss": "squared"}
    with pytest.raises(SpecError, match="below the loss 2"):
        run_audit(write(tmp_path, net, level="level = 1.0", **files))
    run_audit(write(tmp_path, net, level="level = 3.0", **files))
    assert main([str(tmp_path / "certificate.json"), "--quiet"]) == 0
    write(tmp_path, net, level="level = 1.0", **files)
    rebound(tmp_path, "certify.toml", "spec", (tmp_path / "certify.toml").read_bytes())
    resealed(tmp_path, lambda c: c["problem"].update(level=1.0))
    capsys.readouterr()
    assert main([str(tmp_path / "certificate.json"), "--quiet"]) == 2
    assert "the level exceeds the loss by -1.0" in capsys.readouterr().out


def test_the_winner_of_a_tie_is_not_0_because_it_is_off(tmp_path, capsys):
    """The loss is 100, and it would be log 2 were the maximum 0: a level of 1 is no certificate."""
    net, X = idle_by_a_tie_alone()
    run_audit(write(tmp_path, net, X, np.array([0]), parameter="sample_weights", level="level = 1.0"))
    assert all(claim["upper"] is None for claim in claims(tmp_path).values())
    stated = [{"name": "loss", "value": 0.7, "holds": True, "statement": ""},
              {"name": "interior", "value": 0.3, "holds": True, "statement": ""}]

    def forged(certificate):
        claim = certificate["claims"][0]
        claim.update(lower=0.0, upper=0.0, hypotheses=stated, reason="", verdict="certified")

    resealed(tmp_path, forged)
    capsys.readouterr()
    assert main([str(tmp_path / "certificate.json"), "--quiet"]) == 2
    assert "upper: 0.0 is stated, but the level exceeds the loss by nan" in capsys.readouterr().out
