"""Small problems of the kinds that no golden certificate has, proved anew: what forgeries and tampering start from."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from certify.cli.main import main as certify
from tests.families import emitter
from tests.families.check_cases import plain
from tests.families.prover_cases import edit
from tests.oracles.graph import Builder
from tests.unit.check.enclosure.test_graph import write as write_graph

NEAR = '[solution]\nmap = "critical"\nbase = "nearby"\n'
POINTS = '[evaluation]\nfile = "more.npz"\n{}[perturbation]\n'


def fit(**changes) -> emitter.Case:
    return plain(**({"X": np.array([[0.5, -1.0], [1.0, 0.25], [-0.75, 0.5]]), "y": np.zeros((3, 1)),
                     "weights": [np.random.default_rng(seed).normal(size=shape) for seed, shape in (
                         (7, (8, 2)), (8, (1, 8)))],
                     "biases": [np.zeros(8), np.zeros(1)], "rows": "all"} | changes))


def ridge(**changes) -> emitter.Case:
    """One linear layer at its exact minimum of squares with decay: strongly convex."""
    rng = np.random.default_rng(5)
    X, y = rng.normal(size=(8, 2)), rng.normal(size=(8, 1))
    w = np.linalg.solve(X.T @ X / 8 + 0.5 * np.eye(2), X.T @ y / 8).T
    return emitter.Case([w], [None], "identity", X, y, **changes)


def gates(*asked: str) -> list[dict]:
    return [{"quantity": q, side: float(v)} for q, side, v in (one.split() for one in asked)]


def more(folder: Path, width: int = 2) -> None:
    np.savez(folder / "more.npz", X=np.random.default_rng(11).normal(size=(4, width)))


def change(folder: Path, rows: int, width: int, size: float) -> None:
    np.savez(folder / "change.npz", u=size * np.random.default_rng(12).normal(size=(rows, width)))


def of_case(folder: Path, case: emitter.Case, edits: dict[str, str]) -> Path:
    emitter.write_files(case, folder)
    edit(folder, edits)
    return folder / "spec.toml"


def aubin(folder: Path) -> Path:
    return of_case(folder, fit(gates=gates("aubin max 1e6")), {"[perturbation]\n": "[aubin]\n[perturbation]\n"})


def sublevel_aubin(folder: Path) -> Path:
    case = fit(y=np.array([[0.5], [-0.5], [0.25]]), gates=gates("aubin max 1e6"))
    return of_case(folder, case, {"[solution]\n": '[solution]\nmap = "sublevel"\n',
                                  "[perturbation]\n": "[aubin]\n[perturbation]\n"})


def compensation(folder: Path) -> Path:
    return of_case(folder, fit(gates=gates("distance max 1e3")), {
        "[perturbation]\n": "[perturbation]\nradius = 0.01\n"})


def labels(folder: Path) -> Path:
    folder.mkdir(parents=True)
    more(folder)
    evaluation = POINTS.format("threshold = 0.125\n")
    return of_case(folder, fit(gates=gates("stable_predictions min 1")), {
        "[perturbation]\n": evaluation + "radius = 0.0001\n"})


def given(folder: Path) -> Path:
    folder.mkdir(parents=True)
    change(folder, 3, 2, 1e-3)
    return of_case(folder, fit(gates=gates("distance max 1")), {
        "[perturbation]\n": '[perturbation]\nset = "given"\nfile = "change.npz"\n'})


def critical(folder: Path) -> Path:
    case = ridge(gates=gates("modulus max 10", "sample_modulus max 10"))
    return of_case(folder, case, {"[solution]\n": NEAR, "[training]\n": "[training]\nweight_decay = 0.5\n"})


def critical_given(folder: Path) -> Path:
    folder.mkdir(parents=True)
    change(folder, 8, 2, 1e-3)
    case = ridge(gates=gates("distance max 1"))
    return of_case(folder, case, {"[solution]\n": NEAR, "[training]\n": "[training]\nweight_decay = 0.5\n",
                                  "[perturbation]\n": '[perturbation]\nset = "given"\nfile = "change.npz"\n'})


def first_order(folder: Path) -> Path:
    folder.mkdir(parents=True)
    more(folder)
    case = ridge(gates=gates("first_order_prediction_change max 10"))
    return of_case(folder, case, {"[solution]\n": NEAR, "[training]\n": "[training]\nweight_decay = 0.5\n",
                                  "[perturbation]\n": POINTS.format("") + 'set = "per_sample"\nradius = 0.1\n'})


def graph(folder: Path) -> Path:
    rng = np.random.default_rng(3)
    b = Builder(rng, (2, 3, 3))
    b.conv(2)
    b.add("tanh")
    b.add("flatten")
    b.linear(2)
    net = b.network()
    folder.mkdir(parents=True)
    return write_graph(folder, net, rng.normal(size=(3, net.widths[0])), np.array([0, 1, 1]))


SEEDS = {"aubin": aubin, "sublevel-aubin": sublevel_aubin, "compensation": compensation, "labels": labels,
         "given": given, "critical": critical, "critical-given": critical_given, "first-order": first_order,
         "graph": graph}


def prove(name: str, folder: Path) -> Path:
    """The folder of a seed with its certificate."""
    spec = SEEDS[name](folder)
    status = certify(["run", str(spec), "--quiet"])
    assert status in (0, 3, 4), (name, status)
    return folder
