"""A row of zeros, which does nothing at a critical point without biases: its end is accepted, as that of others is."""

from __future__ import annotations

import json

import numpy as np
import pytest

from certify.check.main import main as check
from certify.cli.main import main as certify
from certify.format.canonical import digest, encode
from tests.families import emitter
from tests.families.prover_cases import edit


@pytest.mark.parametrize("norm", ["2", '"inf"'])
@pytest.mark.parametrize("parameter", ["sample_weights", "targets"])
def test_a_row_of_zeros_is_accepted(parameter, norm, tmp_path, capsys):
    X, y = np.array([[0.0, 0.0], [2.0, 0.5], [0.9, -1.0]]), np.array([[-0.7], [0.6], [1.4]])
    case = emitter.Case([np.array([[1.25, 0.5]])], [None], "identity", X, y, gates=[
        {"quantity": "sample_modulus", "max": 10.0}])
    emitter.write_files(case, tmp_path)
    edit(tmp_path, {"[solution]\n": '[solution]\nmap = "critical"\n',
                    "[training]\n": "[training]\nweight_decay = 0.1\n",
                    'parameter = "features"': f'parameter = "{parameter}"\nset = "per_sample"\nnorm = {norm}'})
    assert certify(["run", str(tmp_path / "spec.toml"), "-o", str(tmp_path), "--quiet"]) == 0
    path = tmp_path / "certificate.json"
    assert check([str(path), "-q"]) == 0
    top = json.loads(path.read_bytes())
    claim = top["claims"][0]
    assert claim["row_lower"][0] == 0.0 < claim["row_upper"][0] < 1e-13 < claim["row_lower"][1]
    claim["row_upper"][1] = claim["row_upper"][0]  # of a row that does something
    claim["lower"], claim["upper"] = (min(claim[end], claim["row_upper"][2]) for end in ("lower", "upper"))
    top["digest"] = digest(top)
    path.write_bytes(encode(top))
    capsys.readouterr()
    assert check([str(path), "-q"]) == 2 and "row" in capsys.readouterr().out
