"""Certificates from real problems: complete, reproducible, and refused by the reader after any change."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.auditing.spec_run import run_audit
from certify.certificate import canonical_bytes, read_certificate, seal
from certify.certificate.read import parse_certificate
from certify.certificate.schema import validate
from certify.format.errors import CertificateError, InputError
from tests.effort import examples
from tests.families.small import SPEC, features, gate, write


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("audit")
    write(folder, SPEC + gate(max=1e6, rationale="ä reason") + gate("sample_modulus", min=1e-9, severity="warn"))
    run_audit(folder / "certify.toml")
    return folder


@pytest.fixture(scope="module")
def certificate(folder) -> dict:
    return read_certificate(folder / "certificate.json")


def test_members(folder, certificate):
    assert certificate["format"] == "certify/1"
    assert certificate["problem"] == {
        "map": "interpolation", "base": "given", "layer": "all", "parameter": "features", "rows": "all", "set": "total",
        "norm": 2, "weight_norm": "euclidean", "widths": [3, 8, 1], "activation": "tanh", "biases": [True, True],
        "n": 10, "inputs": 3, "outputs": 1, "parameters": 41, "equations": 10, "merge_duplicates": False, "groups": [],
        "scale": None, "loss": "squared", "weight_decay": 0.0, "level": None, "radius": None,
        "reparameterised": False, "names": None, "count": None,
    }
    import hashlib

    for role, name in (("spec", "certify.toml"), ("model", "model.safetensors"), ("data", "train.npz")):
        content = (folder / name).read_bytes()
        assert certificate["subject"][role] == {
            "path": name, "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    first, second = certificate["claims"]
    assert first["gate"] == {
        "max": 1e6, "rigour": "proved", "severity": "fail", "rationale": "ä reason", "state": "met"}
    assert second["gate"]["min"] == 1e-9 and second["gate"]["rationale"] is None
    assert second["rows"] == list(range(10)) and len(second["row_upper"]) == 10
    assert 0 < first["lower"] <= first["upper"] and len(first["witness"]["z"]) == 10
    assert second["upper"] == max(second["row_upper"]) <= first["upper"]
    assert (certificate["verdict"], certificate["gates"]) == ("certified", "met")


def test_exact_arithmetic_leaves_its_trace(tmp_path, certificate):
    spec = SPEC.replace('"tanh"', '"relu"') + '[run]\narithmetic = "exact"\n'
    X = features(3)
    run_audit(write(tmp_path, spec, X=X, y=np.sign(X[:, 0])))
    found = read_certificate(tmp_path / "certificate.json")
    assert found["environment"]["arithmetic"] == "exact rationals" and "arithmetic" not in certificate["environment"]
    assert "exact rationals" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_no_gate_gives_the_default_claims(tmp_path):
    claims = run_audit(write(tmp_path))["claims"]
    assert [c["quantity"] for c in claims] == ["modulus", "sample_modulus"] and all(c["gate"] is None for c in claims)
    claims = run_audit(write(tmp_path, SPEC + '[perturbation]\nparameter = "targets"\n'))["claims"]
    assert [c["quantity"] for c in claims] == ["modulus"]


def test_two_gates_on_one_quantity_are_two_claims(tmp_path):
    found = run_audit(write(tmp_path, SPEC + gate(max=1e6) + gate(max=1e-6)))
    assert [c["gate"]["state"] for c in found["claims"]] == ["met", "failed"]
    assert (found["verdict"], found["gates"]) == ("refuted", "failed")
    assert found["claims"][0]["upper"] == found["claims"][1]["upper"]


def test_same_input_same_bytes_at_a_fixed_time(tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    write(tmp_path)
    run_audit(tmp_path / "certify.toml", tmp_path / "a")
    run_audit(tmp_path / "certify.toml", tmp_path / "b")
    for name in ("certificate.json", "report.html"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    found = read_certificate(tmp_path / "a" / "certificate.json")
    assert found["created"] == "2023-11-14T22:13:20Z"
    assert found["subject"]["model"]["path"] == "../model.safetensors"


def test_paths_lead_from_the_certificate_to_the_file_through_links(tmp_path):
    (tmp_path / "store").mkdir()
    (tmp_path / "nets").mkdir()
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "out").symlink_to(tmp_path / "deep" / "er")
    write(tmp_path / "nets")
    (tmp_path / "nets" / "model.safetensors").rename(tmp_path / "store" / "blob")
    (tmp_path / "nets" / "model.safetensors").symlink_to(tmp_path / "store" / "blob")
    found = run_audit(tmp_path / "nets" / "certify.toml", tmp_path / "out")
    path = found["subject"]["model"]["path"]
    assert path == "../../nets/model.safetensors" and (tmp_path / "out" / path).is_file()


def test_listed_rows_and_merged_groups(tmp_path):
    X = np.vstack([features(), features()[:2]])
    spec = SPEC + "[perturbation]\nrows = [11, 3]\n"
    found = run_audit(write(tmp_path, spec, X=X, y=np.zeros(12)), merge_duplicates=True)
    problem = found["problem"]
    assert (problem["rows"], problem["groups"], problem["equations"]) == ([3, 11], [[0, 10], [1, 11]], 10)
    assert found["claims"][1]["rows"] == [1, 3] and problem["merge_duplicates"] is True


def test_reader_takes_what_was_written_and_nothing_else(folder, certificate):
    content = (folder / "certificate.json").read_bytes()
    assert canonical_bytes(certificate) == content
    for bad, words in (
        (content[:-1], "not in canonical form"), (content + b"\n", "not in canonical form"),
        (content.replace(b'","', b'", "', 1), "not in canonical form"), (content[:-9], "not JSON"), (b"", "not JSON"),
        (b"[]\n", "not a JSON object"), (b"{}\n", "format 'None'"), (b'{"format":"certify/9"}\n', "'certify/9'"),
        (b"\xff", "not UTF-8"), (b"NaN", "not JSON"), (b"[" * 100_000, "nested too deeply"), (b"9" * 9999, "not JSON"),
        (b'{"a":1e999}\n', "inf"), (b'{"a":' * 900 + b"1" + b"}" * 900, "nested too deeply|format"),
        (content.replace(b'"certified"', b'"refuted"', 1), "it was changed"),
    ):
        with pytest.raises(CertificateError, match=words) as caught:
            parse_certificate(bad, "certificate.json")
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="no such file"):
        read_certificate(folder / "no.json")


def places(value, path=()):
    yield path
    if isinstance(value, dict):
        for key in value:
            yield from places(value[key], (*path, key))
    elif isinstance(value, list):
        for i in range(min(len(value), 2)):
            yield from places(value[i], (*path, i))


def replaced(certificate, path, change):
    changed = copy.deepcopy(certificate)
    target = changed
    for part in path[:-1]:
        target = target[part]
    change(target, path[-1])
    return changed


LATER = ("radius", "reparameterised", "names", "count")  # certificates written before these existed lack them
BOOLEAN = ("merge_duplicates", "holds", "reparameterised")


def test_every_member_is_needed_and_typed(certificate):
    free = ("environment",)
    for path in places(certificate):
        if not path or path[0] in free and len(path) > 1 or path == ("digest",):
            continue
        if isinstance(path[-1], str) and path[:1] != ("environment",) and path[-1] not in ("z", *LATER):
            missing = replaced(certificate, path, lambda t, k: t.pop(k))
            with pytest.raises(CertificateError):
                validate(missing)
        for strange in ([[]], {"x": 1}, True):
            changed = replaced(certificate, path, lambda t, k, v=strange: t.__setitem__(k, v))
            if isinstance(strange, bool) and path[-1] in BOOLEAN or "biases" in path:
                continue
            if path == ("environment",) and isinstance(strange, dict):
                continue
            with pytest.raises(CertificateError):
                validate(changed)
    for path in (p for p in places(certificate) if p[:1] != ("environment",)):
        target = certificate
        for part in path:
            target = target[part]
        if isinstance(target, dict):
            with pytest.raises(CertificateError):
                validate(replaced(certificate, (*path, "new"), lambda t, k: t.__setitem__(k, 1)))


@given(st.data())
@settings(max_examples=examples(60))
def test_any_changed_byte_is_refused(folder, data):
    content = bytearray((folder / "certificate.json").read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] = data.draw(st.integers(0, 255).filter(lambda v: v != content[at]))
    with pytest.raises(CertificateError):
        parse_certificate(bytes(content))


def test_resealing_gets_past_the_reader_only(certificate):
    """The reader shows that a file is whole; that its claims are true is the checker's business."""
    changed = copy.deepcopy(certificate)
    changed["claims"][0]["lower"] *= 0.5
    assert parse_certificate(canonical_bytes(seal(changed)))["claims"][0]["lower"] != certificate["claims"][0]["lower"]
