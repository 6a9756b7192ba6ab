"""Whole certificates where random probes decide: the same answers as without, and the verdict says on what it rests."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from certify.check import main as module
from certify.check.main import main
from certify.check.systems import interpolation
from certify.cli.main import main as certify
from tests.families import emitter
from tests.families.check_cases import plain


@pytest.fixture(autouse=True)
def _few(monkeypatch):
    """Matrices are large from some rows on."""
    monkeypatch.setattr(interpolation, "PROBED", 20)


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    """48 equations; a gate on every quantity, each met."""
    folder, rng = tmp_path_factory.mktemp("many"), np.random.default_rng(3)
    gates = [{"quantity": name, "max": 1e6} for name in ("modulus", "sample_modulus")]
    emitter.write_files(plain(
        weights=[rng.normal(size=(40, 3)), rng.normal(size=(2, 40))], biases=[rng.normal(size=40), rng.normal(size=2)],
        X=rng.normal(size=(24, 3)), y=rng.normal(size=(24, 2)), gates=gates), folder)
    assert certify(["run", str(folder / "spec.toml"), "--quiet"]) == 0
    return folder / "certificate.json"


def test_the_verdict_is_the_same_and_says_so(path, capsys):
    status = main([str(path), "--quiet", "--exact"])
    exact = capsys.readouterr().out
    assert main([str(path), "--quiet"]) == status == 0
    found = capsys.readouterr().out
    words = re.search(r"; ([0-9]+) bounds by random probes, wrong with a probability below 2\^-64\]$", found.strip())
    assert words is not None and int(words[1]) >= 3 and "probes" not in exact
    assert found.replace(words[0], "]") == exact


def test_the_object_says_so_too(path, capsys):
    main([str(path), "--quiet", "--json"])
    found = json.loads(capsys.readouterr().out)["soundness"]
    assert found["mode"] == "probes" and found["error"] == "2^-64" and "RKRᵀ − I" in found["bounds"]
    main([str(path), "--quiet", "--json", "--exact"])
    assert json.loads(capsys.readouterr().out)["soundness"] == {"mode": "exact"}


def test_nothing_rests_on_chance_after_a_check(path, capsys):
    main([str(path), "--quiet"])
    assert module.CHANCE.get() is None


def forged(certificate, path: Path) -> Path:
    """Sealed again, beside the files it is about."""
    found = path.parent / "forged.json"
    found.write_bytes(emitter.seal(certificate))
    return found


@pytest.mark.parametrize("claim, member, change", [
    (0, "upper", lambda v: v * (1 - 1e-6)), (0, "lower", lambda v: v * (1 + 1e-6)),
    (1, "row_upper", lambda v: [v[0] * (1 - 1e-6), *v[1:]]), (1, "row_lower", lambda v: [v[0] * (1 + 1e-6), *v[1:]]),
])
def test_an_end_beyond_the_truth_is_refused(claim, member, change, path, capsys):
    certificate = json.loads(path.read_text())
    stated = certificate["claims"][claim]
    stated[member] = change(stated[member])
    if claim == 1 and member != "lower":
        stated["lower"], stated["upper"] = max(stated["row_lower"]), max(stated["row_upper"])
    assert main([str(forged(certificate, path)), "--quiet"]) == 2
    assert capsys.readouterr().out.startswith("invalid ")


def test_a_rank_beyond_the_truth_is_refused(path, capsys):
    certificate = json.loads(path.read_text())
    rank = next(one for one in certificate["claims"][0]["hypotheses"] if one["name"] == "rank")
    rank["value"] *= 1.01
    assert main([str(forged(certificate, path)), "--quiet"]) == 2 and "rank" in capsys.readouterr().out
