"""Labels of squared-loss heads on features as they come, incomes of 1e7 or times: honest flips are accepted."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from flint import arb, fmpq, fmpq_mat, fmpz_mat
from safetensors.numpy import load, save

from certify.check.linalg.balls import ZERO
from certify.check.linalg.fixed import Fixed
from certify.check.linalg.inverse import judged
from certify.check.main import main as check
from certify.check.theorems.head.rows.squared.refits import _lengths, _Refits
from certify.check.theorems.head.rows.squared.ridge import FEATURE_BITS, Ridge, whole_rows
from certify.cli.main import main as certify
from certify.format.canonical import digest, encode
from tests.families import emitter
from tests.families.prover_cases import edit

DECAY = 0.0625


def written(folder: Path, X: np.ndarray, y: np.ndarray, points: np.ndarray) -> Path:
    """A spec of one wrong label with its files, the weights those of the minimum in floats."""
    phi, n = np.c_[X, np.ones(len(y))], len(y)
    units = np.abs(phi).max(axis=0)
    rows = np.r_[phi / units, np.diag(np.sqrt(DECAY * n) / units)]
    w = np.linalg.lstsq(rows, np.r_[y, np.zeros(len(units))], rcond=None)[0] / units
    case = emitter.Case([w[None, :-1]], [w[-1:]], "identity", X, y[:, None], gates=[
        {"quantity": "stable_predictions", "min": 1.0}])
    emitter.write_files(case, folder)
    edit(folder, {"[solution]\n": '[solution]\nmap = "critical"\nbase = "nearby"\n',
                  "[training]\n": f"[training]\nweight_decay = {DECAY}\n",
                  "[perturbation]\n": '[evaluation]\nfile = "more.npz"\nthreshold = 0.0\n[perturbation]\n'
                                      'set = "sparse"\ncount = 1\n', 'parameter = "features"': 'parameter = "labels"'})
    np.savez(folder / "more.npz", X=points)
    assert certify(["run", str(folder / "spec.toml"), "-o", str(folder), "--quiet"]) in (0, 3, 4)
    return folder / "certificate.json"


def drawn(size: float, place: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of a size around a place, and points of which the first two lie near the boundary."""
    rng, y = np.random.default_rng(1), np.array([1.0, -1.0, 1.0, -1.0, 1.0, -1.0])
    X = rng.normal(size=(6, 2)) + 0.3 * y[:, None]
    return size * X + place, y, size * np.array([[0.05, 0.02], [-0.02, -0.05]]) + place


@pytest.mark.parametrize(("size", "place"), [(1.0, 0.0), (1e7, 0.0), (1e10, 0.0), (1.0, 1e6)])
def test_flips_of_long_columns_are_accepted_and_refused_with_other_weights(size, place, tmp_path, capsys):
    """All predictions flip and none stays, so that no method is named which would say how flips are seen."""
    X, y, points = drawn(size, place)
    path = written(tmp_path, X, y, points)
    assert json.loads(path.read_bytes())["claims"][0]["upper"] == 0.0
    assert check([str(path), "-q"]) == 3
    side = tmp_path / "witness.safetensors"
    held = dict(load(side.read_bytes()))
    name = next(name for name in held if name.endswith("flips.weights"))
    held[name] = held[name] * 0.0 + held[name.replace("flips.weights", "centre")]  # those of the labels as they are
    side.write_bytes(save(held))
    top = json.loads(path.read_bytes())
    top["subject"]["witness"] |= {"sha256": hashlib.sha256(side.read_bytes()).hexdigest(), "bytes": side.stat().st_size}
    top["digest"] = digest(top)
    path.write_bytes(encode(top))
    capsys.readouterr()
    assert check([str(path), "-q"]) == 2
    assert "that is not proved by its weights" in capsys.readouterr().out


@pytest.mark.parametrize(("place", "most"), [(0.0, 1 + 1e-9), (1e3, 1 + 1e-6), (1e6, 10.0)])
def test_lengths_in_the_metric_of_the_inverse(place, most):
    """Against `vᵀH⁻¹v` in rationals, of rows as they are; `‖H⁻¹‖^½|v|` is farther the farther they lie from 0."""
    rng = np.random.default_rng(3)
    phi = np.c_[rng.normal(size=(7, 2)) + place, np.ones(7)]
    system = Ridge(phi.tolist(), arb(DECAY), [True] * 3)
    inverse = (fmpq_mat(system.matrix.mid) / 4**FEATURE_BITS).inv()
    vectors = whole_rows([*phi.tolist(), [1.0, -2.0, 0.5]], system.shifts, FEATURE_BITS).mid
    for v, found in zip(vectors.tolist(), _lengths(system, vectors, FEATURE_BITS), strict=True):
        row = fmpq_mat(fmpz_mat([v])) / 2**FEATURE_BITS
        true, plain = arb((row * inverse * row.transpose())[0, 0]).sqrt(), arb((row * row.transpose())[0, 0]).sqrt()
        assert true <= found <= true * most
        assert found * (1 + place / 100) < plain * system.stretch


@pytest.mark.parametrize("bits", [5, 8, 12])
def test_lengths_by_a_coarse_inverse_are_no_shorter(bits):
    """Some `vᵀXv` are less than `vᵀH⁻¹v` then, by up to what the second term adds; none is less than it with that."""
    rng = np.random.default_rng(bits)
    phi = np.c_[rng.normal(size=(7, 2)), np.ones(7)]
    system = Ridge(phi.tolist(), arb(DECAY), [True] * 3)
    X = system.inverse.X
    drop = max(x.bit_length() for x in X.mid.entries()) - bits
    coarse = judged(system.matrix, Fixed(fmpz_mat(3, 3, [x >> drop for x in X.mid.entries()]), X.bits - drop, ZERO))
    assert coarse.X is not None
    vars(system)["inverse"] = coarse
    inverse = (fmpq_mat(system.matrix.mid) / 4**FEATURE_BITS).inv()
    vectors = whole_rows([*phi.tolist(), [0.0] * 3], system.shifts, FEATURE_BITS).mid
    forms = []
    for v, found in zip(vectors.tolist(), _lengths(system, vectors, FEATURE_BITS), strict=True):
        row = fmpq_mat(fmpz_mat([v])) / 2**FEATURE_BITS
        true = (row * inverse * row.transpose())[0, 0]
        forms.append((row * fmpq_mat(coarse.X.mid) * row.transpose())[0, 0] / 2**coarse.X.bits < true)
        assert arb(true).sqrt() <= found and (true > 0 or found == 0)
    assert any(forms)


@pytest.mark.parametrize("long", [1.0, 1e7, 1e14])
def test_weights_of_a_long_column_keep_their_bits(long):
    """They are short beside an intercept's, and outputs are made of them all the same; the gap holds the exact one."""
    rng = np.random.default_rng(4)
    phi, y = np.c_[long * (1.0 + 1e-6 * rng.normal(size=5)), np.ones(5)], [1.0, 1.0, -1.0, 1.0, -1.0]
    system = Ridge(phi.tolist(), arb(DECAY), [True, True])
    H, s = fmpq_mat(system.matrix.mid) / 4**FEATURE_BITS, system.shifts
    right = fmpq_mat(system.phi.mid).transpose() * fmpq_mat(fmpz_mat(5, 1, [-1, *map(int, y[1:])])) / 2**FEATURE_BITS
    near = H.inv() * right
    V = [float(arb(near[j, 0])) * 2.0 ** -s[j] for j in range(2)]
    head = SimpleNamespace(m=2, k=1, targets=[[t] for t in y], codes=SimpleNamespace(rows=[[-1.0], [1.0]]))
    found = _Refits(head, system, [((0, 0),)], [V])
    u = fmpq_mat(found.mid).transpose() / fmpq(2) ** found.bits
    rest = right - H * u
    assert arb((rest.transpose() * H.inv() * rest)[0, 0]).sqrt() <= found.gaps[0] < 1e-12
