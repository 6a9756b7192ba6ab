"""Searches are untrusted: one that fails proposes nothing, and the claim is what the proof alone gives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from safetensors.numpy import save_file

from certify.auditing.spec_run import load, run_audit
from certify.finders import head_attack as convex_attack
from certify.finders import nearest_fit
from certify.format.errors import EnclosureError
from certify.network.lipschitz import of_outputs as output_steepness
from certify.problem.limits import Limits
from certify.problem.load import load_problem
from certify.problem.perturbations.factor import BlockFactor
from certify.prove.prover import answer, prover
from certify.rigor.finder import proposed
from certify.systems.head.point import HeadPoint
from certify.theorems.distance import budget as worst_distance
from certify.theorems.distance import given_change as distance
from certify.theorems.distance import layer_constants
from certify.theorems.modulus import critical_sets, direct, row_budgets
from tests.families.small import SPEC, gate, write
from tests.unit.check.theorems.head.test_claims import made

SINGULAR = """version = 1
[model]
file = "model.safetensors"
widths = [3, 2]
activation = "identity"
[data]
file = "data.npz"
features = "X"
targets = "y"
[training]
loss = "cross_entropy"
weight_decay = {decay}
[solution]
map = "critical"
base = "nearby"
[perturbation]
parameter = "sample_weights"
set = "sparse"
count = 1
radius = 1.0
[[gate]]
quantity = "distance"
max = 1.0
"""


def gives_up(*_: object, **__: object) -> None:
    raise np.linalg.LinAlgError("Singular matrix")


@pytest.mark.parametrize("error", [np.linalg.LinAlgError, FloatingPointError, EnclosureError("a", "b", "c")])
def test_what_fails_proposes_nothing(error: type[Exception] | Exception) -> None:
    def search() -> float:
        raise error

    assert proposed(search) is None
    assert proposed(lambda: 7) == 7


@pytest.mark.parametrize("error", [TypeError, ValueError, ZeroDivisionError, KeyboardInterrupt, MemoryError])
def test_a_defect_is_not_taken_for_a_search_that_failed(error: type[BaseException]) -> None:
    def search() -> float:
        raise error

    with pytest.raises(error):
        proposed(search)


@pytest.mark.parametrize("decay", [1e-7, 1e-11, 1e-14])
def test_a_hessian_that_is_singular_to_rounding_ends_no_run(tmp_path: Path, decay: float) -> None:
    """Softmax, inputs of the size 2^17 and next to no decay: Newton's matrix is singular in floats."""
    X = np.array([[1.0], [2.0], [-1.0]]) * 2.0**17
    save_file({"0.weight": np.zeros((2, 1))}, tmp_path / "model.safetensors")
    np.savez(tmp_path / "data.npz", X=X, y=np.array([0, 1, 0]))
    text = SINGULAR.format(decay=decay).replace("[3, 2]", "[1, 2]")
    (tmp_path / "spec.toml").write_text(text, encoding="utf-8")
    assert run_audit(tmp_path / "spec.toml")["gates"] == "open"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("searches")
    made(folder)
    return folder


@pytest.mark.parametrize("name", ["_starts", "_turned", "_best", "solved", "_hessian", "_passed"])
def test_an_attack_on_a_last_layer_that_fails_leaves_the_upper_end(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    problem = load_problem(folder / "spec.toml")
    whole = HeadPoint(problem, answer).bound("distance")
    monkeypatch.setattr(convex_attack.Search, name, gives_up)
    bound = HeadPoint(problem, answer).bound("distance")
    assert (bound.lower, bound.upper) == (0.0, whole.upper) and "z" not in bound.witness


def test_a_search_that_yields_nan_proves_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = load_problem(folder / "spec.toml")
    monkeypatch.setattr(convex_attack.Search, "_turned", lambda *_: (np.full((problem.n, 1), np.nan), 1.0))
    assert HeadPoint(problem, answer).bound("distance").lower == 0.0


ONE = '[perturbation]\nset = "given"\nfile = "change.npz"\n' + gate("distance", max=9.0)
MANY = '[perturbation]\nset = "sparse"\ncount = 2\nradius = 0.01\n' + gate("first_order_distance", max=9.0)
BUDGET = '[perturbation]\nset = "total"\nradius = 0.001\n' + gate("distance", max=9.0)
CRITICAL = '[training]\nloss = "squared"\nweight_decay = 0.5\n[solution]\nmap = "critical"\n'


@pytest.mark.parametrize(("more", "quantity", "module", "name"), [
    (ONE, "distance", distance, "propose_nearest"),
    (MANY, "first_order_distance", row_budgets, "propose_multipliers"),
    (CRITICAL + MANY, "first_order_distance", critical_sets, "propose_sums"),
    (BUDGET, "distance", worst_distance, "propose_change"),
    (BUDGET, "distance", worst_distance, "propose_nearest"),
])
def test_a_search_that_gives_up_ends_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: str, quantity: str, module: object, name: str
) -> None:
    """The proof goes on without it."""
    np.savez(tmp_path / "change.npz", u=np.full((10, 3), 1e-3))
    problem = load(write(tmp_path, SPEC + more), False).problem
    monkeypatch.setattr(module, name, gives_up)
    bound = prover(problem).bound(quantity)
    assert bound.upper is None or bound.upper > 0 and not bound.lower


@pytest.mark.parametrize(("module", "name", "call", "answer"), [
    (np.linalg, "eigh", lambda: direct.propose_vector(np.eye(2), BlockFactor(np.ones((2, 1, 1)), np.zeros(2))), None),
    (layer_constants, "propose_multipliers", lambda: layer_constants._proved(SimpleNamespace(mids=())), (0.0, ())),
    (np.linalg, "eigvalsh", lambda: output_steepness._root(np.eye(2)), float("inf")),
    (np.linalg, "lstsq", lambda: nearest_fit._solved(np.zeros((1, 1)), np.ones(1)), None),
])
def test_a_finder_whose_lapack_gives_up_says_none(
    monkeypatch: pytest.MonkeyPatch, module: object, name: str, call: Callable[[], object], answer: object
) -> None:
    monkeypatch.setattr(module, name, gives_up)
    assert call() == answer


def test_an_attempt_in_which_lapack_gives_up_ends_in_words() -> None:
    assert Limits(1 << 40).attempt("it", gives_up) == "it failed, as LAPACK gave up (Singular matrix)"
