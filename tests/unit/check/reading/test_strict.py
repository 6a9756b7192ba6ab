"""What a certificate may not say even once, and what each reader refuses: one case for each refusal."""

from __future__ import annotations

import copy
import io
import zipfile

import numpy as np
import pytest

from certify.check.main import main
from certify.check.reading.arrays import read_arrays
from certify.check.reading.spec import read_spec
from certify.format.refusal import Invalid
from tests.families import emitter
from tests.families.check_cases import plain, run


def changed(certificate: dict, path: tuple, value: object) -> dict:
    result = copy.deepcopy(certificate)
    place = result
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return result


@pytest.mark.parametrize("path, value, match", [
    (("extra",), 1, "extra"), (("claims", 0, "extra"), None, "extra"), (("claims", 0, "rows"), [], "rows"),
    (("claims", 0, "witness", "equal_rows"), [0, 1], "witness"), (("claims", 1, "witness", "z"), [0.0] * 8, "witness"),
    (("claims", 0, "upper"), 2**53 + 2, "upper"), (("claims", 0, "upper"), 0.0, "lower"),
    (("claims", 0, "hypotheses", 1, "name"), "convex", "convex"), (("claims", 1, "gate"), {"max": 1e9}, "gate"),
    (("problem", "extra"), None, "extra"),
])
def test_members_that_do_not_belong(path, value, match, tmp_path):
    certificate = emitter.emit(plain(), tmp_path)
    with pytest.raises(Invalid, match=match):
        run(changed(certificate, path, value), tmp_path)


def test_the_modulus_of_a_net_that_moves_is_not_zero(tmp_path):
    certificate = emitter.emit(plain(), tmp_path)
    certificate["claims"][0] |= {"lower": 0.0, "upper": 0.0, "witness": {}}
    with pytest.raises(Invalid, match="Q is not proved zero"):
        run(certificate, tmp_path)


def test_the_verdict_of_one_claim_among_others(tmp_path):
    """The overall verdict alone would not give it away: another claim is refuted anyway."""
    gates = [{"quantity": "modulus", "max": 1e-3}, {"quantity": "modulus", "max": 1e-2, "severity": "warn"}]
    certificate = emitter.emit(plain(gates=gates), tmp_path)
    assert run(certificate, tmp_path).verdict == "refuted"
    for verdict in ("certified", "inconclusive"):
        with pytest.raises(Invalid, match=r"claims\[1\] \(modulus\)\.verdict"):
            run(changed(certificate, ("claims", 1, "verdict"), verdict), tmp_path)


@pytest.mark.parametrize("old, new", [
    ('file = "data.npz"', "file = 1"), ("version = 1", "version = 1\nrun = 1"),
    ("max = 2.0", "max = 2.0\nrationale = 3"),
])
def test_specs_of_the_wrong_type(old, new):
    text = emitter.spec_text(plain(gates=[{"quantity": "modulus", "max": 2.0}]))
    assert old in text
    with pytest.raises(Invalid, match="spec"):
        read_spec(text.replace(old, new, 1).encode())


def test_rows_beyond_the_data(tmp_path):
    certificate = emitter.emit(plain(rows=[0, 3]), tmp_path)
    (tmp_path / "spec.toml").write_text(emitter.spec_text(plain(rows=[0, 4])), encoding="utf-8")
    certificate["subject"]["spec"] = emitter.record(tmp_path / "spec.toml", "spec.toml")
    with pytest.raises(Invalid, match="row 4 is listed, but the data has 4 rows"):
        run(certificate, tmp_path)


def test_without_targets(tmp_path):
    certificate = emitter.emit(plain(y=None), tmp_path)
    assert certificate["base"]["residual"] is None
    assert run(certificate, tmp_path).verdict == "certified"


def test_labels_do_not_move(tmp_path):
    case = plain(loss="cross_entropy", y=np.array([0, 1, 1, 0]), parameter="targets")
    certificate = emitter.emit(plain(parameter="targets"), tmp_path)
    emitter.write_files(case, tmp_path)
    for role, name in (("spec", "spec.toml"), ("data", "data.npz")):
        certificate["subject"][role] = emitter.record(tmp_path / name, name)
    with pytest.raises(Invalid, match="class labels"):
        run(certificate, tmp_path)


def test_archives_with_strangers_in_them():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("data.pkl", b"x")
    with pytest.raises(Invalid, match="npy arrays"):
        read_arrays(buffer.getvalue(), "file")
    buffer = io.BytesIO()
    np.savez(buffer, a=np.asfortranarray(np.ones((2, 3, 4))))
    with pytest.raises(Invalid, match="Fortran"):
        read_arrays(buffer.getvalue(), "file")


def test_infinite_and_unknown_are_said(tmp_path, capsys):
    case = plain()
    case.X[3] = case.X[1]
    certificate = emitter.emit(plain(), tmp_path)
    emitter.write_files(case, tmp_path)
    certificate["subject"]["data"] = emitter.record(tmp_path / "data.npz", "data.npz")
    certificate["problem"]["groups"] = [[1, 3]]
    certificate["base"] = emitter.base(case, emitter.truth(case))
    unproved = [{"name": name, "statement": "", "value": None, "holds": False} for name in ("smooth", "rank")]
    modulus, samples = certificate["claims"]
    modulus |= {"lower": None, "upper": None, "witness": {"equal_rows": [1, 3]}, "hypotheses": [], "verdict": "refuted"}
    samples |= {"lower": None, "upper": None, "rows": [], "row_lower": [], "row_upper": [], "hypotheses": unproved,
                "verdict": "inconclusive"}
    path = emitter.write(emitter.total(certificate), tmp_path)
    assert main([str(path), "--quiet"]) == 0
    assert capsys.readouterr().out.startswith(
        "refuted modulus (infinite: rows 1 and 3 are equal); sample_modulus (nothing proved); changes: features, total")
