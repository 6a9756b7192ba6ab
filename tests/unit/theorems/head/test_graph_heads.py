"""The last layer of a graph whose rows change: claims against all refits on an oracle's features, and their checks."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from certify.auditing.spec_run import run_audit
from certify.check.main import main
from certify.check.reading.spec import read_spec
from certify.check.reading.subject import Problem, build_problem
from certify.format.errors import InputError, SpecError
from certify.format.refusal import Invalid
from certify.inputs.graph_file import graph_bytes
from certify.network.graph.graph import GraphNetwork
from certify.problem.load import load_problem
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.of_problem import head_of
from tests.families.graph_heads import NETWORKS, STAYS, rows, transformer, write
from tests.oracles.graph import Builder
from tests.oracles.head_changes import GONE, KEPT, Way, stays
from tests.unit.check.enclosure.test_graph import rebound, resealed
from tests.unit.network.graph.test_features import true_features

N = 6


def drawn(kind: str, seed: int = 4) -> tuple[GraphNetwork, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    net = NETWORKS[kind](rng)
    return net, rows(rng, net, N), np.arange(N) % 3, rows(rng, net, 5)


def with_true_features(head: Head, net: GraphNetwork, X: np.ndarray, points: np.ndarray) -> Head:
    """The same head with the nearest floats of features that an oracle computed."""
    def of(some: np.ndarray) -> np.ndarray:
        found = np.array([[float(v.mid()) for v in row] for row in true_features(net, some)])
        return np.hstack([found, np.ones((len(found), 1))])

    return replace(head, phi=of(X), points=of(points))


def claims(folder: Path) -> dict:
    return {c["quantity"]: c for c in json.loads((folder / "certificate.json").read_text())["claims"]}


def checked(folder: Path) -> int:
    return main([str(folder / "certificate.json"), "--quiet"])


@pytest.mark.parametrize("parameter", ["deletions", "labels"])
@pytest.mark.parametrize("kind", NETWORKS)
def test_predictions_that_stay_are_those_of_all_refits(kind, parameter, tmp_path) -> None:
    net, X, y, points = drawn(kind)
    spec = write(tmp_path, net, X, y, points, parameter=parameter, count=2)
    run_audit(spec)
    head = with_true_features(head_of(load_problem(spec)), net, X, points)

    def allowed(way: Way) -> bool:
        changed = [c for c in way if c is not KEPT]
        return len(changed) <= 2 and all((c == GONE) == (parameter == "deletions") for c in changed)

    truth = int(stays(head, allowed).sum())
    claim = claims(tmp_path)["stable_predictions"]
    assert claim["lower"] <= truth <= claim["upper"] and claim["lower"] == claim["upper"]  # tiny: all is decided
    assert checked(tmp_path) == (0 if truth >= 1 else 3)
    page = (tmp_path / "report.html").read_text()
    assert "the last layer" in page and "layer last" not in page


MOTION = '[[gate]]\nquantity = "distance"\nmax = 100.0\n[[gate]]\nquantity = "prediction_change"\nmax = 100.0\n'
TOLERATED = '[[gate]]\nquantity = "tolerated_changes"\nmin = 1\n'


@pytest.mark.parametrize(("loss", "training", "gates"), [
    ("cross_entropy", "", MOTION), ("cross_entropy", "", TOLERATED), ("cross_entropy", "bias_decay = false", STAYS),
    ("cross_entropy", 'normalization = "remaining"', STAYS), ("one_vs_rest", "", STAYS)])
def test_every_question_about_rows_is_answered_and_checked(loss, training, gates, tmp_path) -> None:
    net, X, y, points = drawn("transformer")
    run_audit(write(tmp_path, net, X, y, points, loss=loss, training=training, gates=gates, count=1))
    assert all(c["theorem"] == "D1" and c["lower"] is not None for c in claims(tmp_path).values())
    assert checked(tmp_path) in (0, 3, 4)


def test_one_listed_change_and_equal_rows(tmp_path) -> None:
    net, X, y, points = drawn("convolutions")
    X[3] = X[0]
    spec = write(tmp_path, net, X, y, X[:2])
    spec.write_text(spec.read_text().replace('set = "sparse"\ncount = 1', 'set = "given"\nrows = [0, 4]'))
    run_audit(spec)
    assert claims(tmp_path)["stable_predictions"]["lower"] is not None and checked(tmp_path) in (0, 3)
    head = head_of(load_problem(spec))
    assert (head.phi[3] == head.phi[0]).all() and (head.points == head.phi[:2]).all()


@pytest.fixture(scope="module")
def certified(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("head")
    net, X, y, points = drawn("transformer")
    run_audit(write(folder, net, X, y, points, decay=0.02))
    assert checked(folder) in (0, 3)
    return folder


@pytest.fixture
def forged(certified, tmp_path) -> Path:
    for path in certified.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def test_more_predictions_than_stay_are_refused(forged) -> None:
    resealed(forged, lambda c: c["claims"][0].update(lower=5.0, upper=5.0))
    assert checked(forged) == 2


@pytest.mark.parametrize(("op", "members"), [
    ("gelu", {"op": "silu"}), ("attention", {"scale": 0.9}), ("layer_norm", {"eps": 0.3}), ("attention", {"heads": 1})])
def test_features_of_another_graph_are_refused(forged, op, members) -> None:
    net = transformer(np.random.default_rng(4))
    top = json.loads(graph_bytes(net.nodes, net.shape, net.output))
    next(node for node in top["nodes"] if node["op"] == op).update(members)
    rebound(forged, "graph.json", "graph", json.dumps(top).encode())
    assert checked(forged) == 2


@pytest.mark.parametrize("frozen", [True, False])
def test_other_weights_are_refused(forged, frozen) -> None:
    from safetensors.numpy import load, save

    net = transformer(np.random.default_rng(4))
    tensors = load((forged / "model.safetensors").read_bytes())
    name = net.nodes[0].weight if frozen else net.last.weight
    tensors[name] = tensors[name] * 1.001
    rebound(forged, "model.safetensors", "model", save(tensors))
    assert checked(forged) == 2


@pytest.mark.parametrize(("old", "new"), [
    ('layer = "last"', 'layer = "all"'), ('layer = "last"', "layer = 1"),
    ('parameter = "deletions"', 'parameter = "features"\nradius = 0.1'),
    ('parameter = "deletions"', 'parameter = "sample_weights"\nradius = 0.1'),
    ('map = "critical"', 'map = "sublevel"'), ('base = "nearby"', 'base = "given"')])
def test_the_checker_refuses_what_the_last_layer_of_a_graph_is_not_asked(forged, old, new) -> None:
    content = (forged / "certify.toml").read_text().replace(old, new).encode()
    rebound(forged, "certify.toml", "spec", content)
    assert checked(forged) == 2


@pytest.mark.parametrize(("old", "new", "said"), [
    ('layer = "last"', 'layer = "all"', "last"), ('layer = "last"', "layer = 2", '"all" or "last"'),
    ('parameter = "deletions"\nset = "sparse"\ncount = 1', 'parameter = "features"\nset = "total"\nradius = 0.1',
     "no theorem"),
    ("min = 1", 'min = 1\n[[gate]]\nquantity = "modulus"\nmax = 1.0', "modulus")])
def test_the_prover_refuses_it_too(old, new, said, tmp_path) -> None:
    net, X, y, points = drawn("transformer")
    spec = write(tmp_path, net, X, y, points)
    spec.write_text(spec.read_text().replace(old, new))
    with pytest.raises((InputError, SpecError), match=said):
        run_audit(spec)


def test_new_rows_and_functionals_are_not_asked_of_a_graph(tmp_path) -> None:
    rng = np.random.default_rng(2)
    b = Builder(rng, (4,))
    b.linear(3)
    b.add("tanh")
    b.linear(1)
    X = rng.normal(size=(6, 4))
    spec = write(tmp_path, b.network(), X, np.array([1, -1] * 3), X[:4], loss="logistic")
    run_audit(spec)
    assert checked(tmp_path) in (0, 3)
    plain = spec.read_text()
    for old, new, said, refused in (
            ("count = 1", 'count = 1\nfresh = "added"', "one layer with one output", "no new row, with a graph"),
            ('file = "points.npz"', 'file = "points.npz"\nintercept = "t"', "one layer", "none but of one layer")):
        spec.write_text(plain.replace(old, new))
        with pytest.raises((InputError, SpecError), match=said):
            run_audit(spec)
        with pytest.raises(Invalid, match=refused):
            problem_of(tmp_path)


def problem_of(folder: Path) -> Problem:
    """The checker's, read from files."""
    spec, model, data, graph, points = ((folder / name).read_bytes() for name in (
        "certify.toml", "model.safetensors", "rows.npz", "graph.json", "points.npz"))
    return build_problem(read_spec(spec), model, data, False, graph, evaluation=points)


def test_last_names_the_last_layer_of_a_graph_alone(tmp_path) -> None:
    b = Builder(np.random.default_rng(0), (3,))
    b.linear(3)
    net = b.network()
    X = np.random.default_rng(1).normal(size=(6, 3))
    spec = write(tmp_path, net, X, np.arange(6) % 3, X)
    run_audit(spec)  # one layer, as a graph
    assert checked(tmp_path) in (0, 3)
    chain = spec.read_text().replace('graph = "graph.json"', 'widths = [3, 3]\nactivation = "tanh"')
    spec.write_text(chain)
    with pytest.raises(SpecError, match="give 1, the number of the last layer"):
        run_audit(spec)


@pytest.mark.parametrize("size", [5.0, 15.0])
def test_slopes_that_outgrow_the_outputs_are_no_reason_to_refuse(size, tmp_path) -> None:
    rng = np.random.default_rng(1)
    b = Builder(rng, (40,))
    b.linear(1)
    net, X = b.network(), rng.normal(size=(6, 40))
    weight = net.tensors["n0.weight"] * (size / np.abs(X @ net.tensors["n0.weight"][0]).max())
    net = GraphNetwork(net.nodes, net.tensors | {"n0.weight": weight}, net.shape, net.output)
    gates = MOTION.replace("100.0", "1e9")
    run_audit(write(tmp_path, net, X, np.array([0.0, 1.0, 2.0, 3.0, 1.0, 0.0]), X[:3], loss="poisson", gates=gates))
    assert checked(tmp_path) in (0, 3)
