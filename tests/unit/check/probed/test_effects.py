"""What rows do to predictions, proposed by another process: the same answers as by products with C, no lie believed."""

from __future__ import annotations

import io
import json
from array import array
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from flint import arb, ctx, fmpz_mat
from safetensors.numpy import save

from certify.check.kernel import CHANCE
from certify.check.linalg.balls import norm
from certify.check.linalg.fixed import scale
from certify.check.main import main
from certify.check.probed import answer, effects
from certify.check.systems.critical_nearby import critical_point
from certify.check.systems.nearby import PRECISION
from certify.check.theorems.predictions.critical import Predictions
from certify.cli.main import main as certify
from tests.families import emitter
from tests.unit.check.probed.test_point import SPEC, N, trained

SETS = {"per_sample": 'set = "per_sample"\nnorm = "inf"\nradius = 0.01', "total": 'set = "total"\nradius = 0.01',
        "sparse": 'set = "sparse"\ncount = 3\nradius = 0.01'}


@pytest.fixture(scope="module", params=SETS)
def path(request, tmp_path_factory) -> Path:
    folder, rng = tmp_path_factory.mktemp("predictions"), np.random.default_rng(4)
    X, y = rng.normal(size=(N, 4)), (rng.random(N) < 0.5).astype(float)
    names = ("0.weight", "0.bias", "2.weight", "2.bias")
    (folder / "model.safetensors").write_bytes(save(dict(zip(names, trained(X, y), strict=True))))
    np.savez(folder / "data.npz", X=X, y=y)
    np.savez(folder / "new.npz", X=rng.normal(size=(9, 4)))
    spec = SPEC.replace('set = "total"', SETS[request.param])
    (folder / "spec.toml").write_text(f'{spec}[evaluation]\nfile = "new.npz"\nfeatures = "X"\n[[gate]]\n'
                                      'quantity = "first_order_prediction_change"\nmax = 100.0\n')
    assert certify(["run", str(folder / "spec.toml"), "--quiet"]) == 0
    return folder / "certificate.json"


@pytest.fixture(autouse=True)
def said(monkeypatch):
    """Where chance is allowed, and the pass is thought to take less time."""
    monkeypatch.setattr(effects, "LEAST", 0)
    token = CHANCE.set([])
    yield CHANCE.get()
    CHANCE.reset(token)


@pytest.fixture
def at(path):
    """The critical point, found without the pass."""
    from certify.check.reading.certificate import read_certificate
    from certify.check.reading.side import read_side
    from certify.check.reading.spec import read_spec
    from certify.check.reading.subject import build_problem
    from certify.check.systems.nearby import stated_centre
    from certify.check.table import witnessed

    certificate, read = read_certificate(path.read_bytes(), "file"), path.with_name
    problem = build_problem(read_spec(read("spec.toml").read_bytes()), read("model.safetensors").read_bytes(),
                            read("data.npz").read_bytes(), False, None, None, None, read("new.npz").read_bytes())
    claims = tuple(witnessed(claim, problem) for claim in certificate.claims)
    side = read_side(claims, certificate.base, problem, next(path.parent.glob("*witness.safetensors")).read_bytes())
    with ctx.workprec(PRECISION):
        yield critical_point(problem, stated_centre(problem, side))[1]


def exact(at, monkeypatch) -> list:
    """The changes by products with C."""
    with monkeypatch.context() as other:
        other.setattr(effects, "LEAST", 1 << 60)
        return Predictions(at).changes


def test_they_are_those_by_products_with_the_mixed_derivative(at, monkeypatch, said):
    truth = exact(at, monkeypatch)
    assert said == []
    found = Predictions(at).changes
    assert said == ["S − YC"]
    for x, y in zip(found, truth, strict=True):
        assert x.overlaps(y) and x.rad() < 1e-9 * x and y.rad() < 1e-9 * y


def one_number(found: answer.Effects) -> answer.Effects:
    values = np.frombuffer(found.values, dtype="<i8").copy()
    values[-3] += 1 << 45
    return replace(found, values=memoryview(values.tobytes()))


def times(factor: float):
    def change(found: answer.Effects) -> answer.Effects:
        values = np.rint(np.frombuffer(found.values, dtype="<i8") * factor).astype("<i8")
        return replace(found, values=memoryview(values.tobytes()))
    return change


@pytest.mark.parametrize("change", [
    one_number, times(0.0), times(-1.0), times(0.5), times(1 - 1e-6), times(1 + 1e-6),
    lambda found: replace(found, bits=[bits + 1 for bits in found.bits]),
    lambda found: replace(found, bits=[found.bits[0] - 20, *found.bits[1:]]),
])
def test_of_other_numbers_the_truth_is_still_within(change, at, monkeypatch):
    honest, truth = effects.asked_effects, exact(at, monkeypatch)
    monkeypatch.setattr(effects, "asked_effects", lambda *told: change(honest(*told)))
    found = Predictions(at).changes
    assert all(x.overlaps(y) for x, y in zip(found, truth, strict=True))
    assert any(x.rad() > 1e-9 * y for x, y in zip(found, truth, strict=True))


def test_without_an_answer_products_decide(at, monkeypatch, said):
    truth = exact(at, monkeypatch)
    monkeypatch.setattr(answer, "PROGRAM", "")
    assert [x.mid() for x in Predictions(at).changes] == [x.mid() for x in truth] and said == []


@pytest.mark.parametrize("factor", [1 - 1e-6, 1 + 1e-6])
def test_an_end_beyond_the_truth_is_refused(factor, path, capsys):
    assert main([str(path), "--quiet"]) == 0
    assert "1 bounds by random probes" in capsys.readouterr().out
    certificate = json.loads(path.read_text())
    claim = certificate["claims"][0]
    member = "row_upper" if factor < 1 else "row_lower"
    claim[member] = [x * factor for x in claim[member]]
    claim["lower"], claim["upper"] = max(claim["row_lower"]), max(claim["row_upper"])
    forged = path.with_name("forged.json")
    forged.write_bytes(emitter.seal(certificate))
    assert main([str(forged), "--quiet"]) == 2 and capsys.readouterr().out.startswith("invalid ")


def test_what_it_is_not_for(at, said):
    suited = effects._suited
    assert suited(at.problem, 9)
    for other in ({"activation": "elu"}, {"parameter": "sample_weights"}, {"weight_norm": "relative"}):
        assert not suited(replace(at.problem, **other), 9)
    CHANCE.set(None)
    assert effects.effects(at, None) is None


def answered(bits: object, tail: bytes = b"") -> io.BufferedReader:
    return io.BufferedReader(io.BytesIO(json.dumps(bits).encode() + b"\n" + array("q", range(24)).tobytes() + tail))


def test_an_answer_of_another_form_is_none():
    found = answer.read_effects(answered([9, 8]), 4, 2, 3)
    assert found is not None and found.row(1) == fmpz_mat(3, 4, list(range(12, 24)))
    for bits, tail in (([9], b""), ([9, 8, 7], b""), ([9.0, 8], b""), ([2000, 8], b""), ({}, b""), ([9, 8], b"x")):
        assert answer.read_effects(answered(bits, tail), 4, 2, 3) is None
    assert answer.read_effects(answered([9, 8]), 5, 2, 3) is None and answer.read_effects(answered([]), 4, 0, 3) is None


def test_numbers_beyond_doubles_are_infinite():
    """A traceback ended a check of predictions whose motions are that large."""
    assert answer._float(3, -1) == 1.5 and answer._float(1 << 2000, -10) == np.inf


def test_members_of_vectors_that_are_hardly_known_are_within(at, monkeypatch):
    """A vector that lies off the middle of its ball moves what a row does to it by up to `|C_i|` times as much."""
    given, plain, radius = [], effects.effects, 1e-5
    monkeypatch.setattr(effects, "effects", lambda at, Y: given.append(Y) or plain(at, Y))
    assert Predictions(at).changes
    wide = replace(given[0], radius=arb(radius))
    middle = [arb(x) * scale(wide.bits) for x in wide.mid.tolist()[0]]
    away, shares = np.random.default_rng(7).standard_normal((5, len(middle))), []
    for move in away * (0.999 * radius / np.linalg.norm(away, axis=1, keepdims=True)):
        true = at.data.row_forms([x + arb(float(v)) for x, v in zip(middle, move, strict=True)])
        for effect, row in zip(plain(at, wide), true, strict=True):
            off = norm([x - y for x, y in zip(row, effect.values[0], strict=True)])
            assert off.lower() <= effect.off
            shares.append(float(off / effect.off))
    assert max(shares) > 1e-2  # without the radius what is left is rounding
