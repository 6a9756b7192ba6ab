"""Base `nearby`: a solution is proved near the centre in the side file, or the certificate is refused."""

from __future__ import annotations

import copy
import io

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load, save

from certify.check.reading.spec import read_spec
from certify.check.reading.subject import build_problem
from certify.check.systems.nearness import nearness
from certify.format.refusal import Invalid
from tests.effort import examples
from tests.families import emitter
from tests.families.check_cases import plain, seeds
from tests.families.prover_cases import checked, edit, forged, nearby, outputs, prove
from tests.families.small import SPEC, tensors

QUIET = settings(deadline=None, suppress_health_check=list(HealthCheck))
HAIR = 1e-5
ANY = {'base = "nearby"\n': 'base = "nearby"\nwithin = 1e6\n'}
"""However far the solution is, it counts: what is tested are the proofs at it."""


@settings(QUIET, max_examples=examples(30))
@given(seed=seeds, any_distance=st.booleans())
def test_what_the_prover_says_is_re_derived(seed, any_distance, tmp_path):
    nearby(seed, tmp_path)
    if any_distance:
        edit(tmp_path, ANY)
    certificate = prove(tmp_path)
    assume(certificate is not None)
    assert checked(certificate, tmp_path).verdict == certificate["verdict"]


@settings(QUIET, max_examples=examples(15))
@given(seed=seeds, upper=st.booleans())
def test_a_modulus_beyond_the_truth_is_refused(seed, upper, tmp_path):
    nearby(seed, tmp_path)
    edit(tmp_path, ANY)
    certificate = prove(tmp_path)
    assume(certificate is not None)
    claim = certificate["claims"][0]
    assume(claim["lower"] and claim["upper"] < claim["lower"] * (1 + HAIR))
    low, high = claim["lower"], claim["upper"]
    change = {"lower": 0.0, "upper": low * (1 - 2 * HAIR), "witness": {}}
    if not upper:
        change = {"lower": high * (1 + 2 * HAIR), "upper": 1e9}
    with pytest.raises(Invalid, match="upper" if upper else "lower"):
        checked(forged(certificate, 0, **change), tmp_path)


@pytest.fixture
def solved(tmp_path):
    """A problem with a solution nearby, only layer 2 free."""
    case = plain(layer=2, X=np.random.default_rng(1).normal(size=(3, 3)), y=np.zeros((3, 2)))
    case.y = outputs(case) + 1e-3
    emitter.write_files(case, tmp_path)
    edit(tmp_path, {"[solution]\n": '[solution]\nbase = "nearby"\nwithin = 0.01\n'})
    certificate = prove(tmp_path)
    assert certificate is not None and certificate["base"]["radius"] is not None
    assert checked(certificate, tmp_path).verdict == "certified"
    return certificate


def test_base(solved, tmp_path):
    base = solved["base"]
    for change, good in (
        ({"distance": base["distance"] * (1 - 1e-9)}, False), ({"distance": 0.0}, False), ({"distance": None}, False),
        ({"radius": 0.0}, False), ({"radius": base["radius"] * 1e-9}, False), ({"radius": 1.0}, False),
        ({"radius": None}, False), ({"radius": None, "distance": None}, False),
        ({"shift_worst": 0.0, "shift_worst_row": 0}, False), ({"residual": base["residual"] * (1 - 1e-9)}, False),
        ({"residual": base["residual"] * 1.1}, False), ({"residual": None}, False),
        ({"radius": 1e-9, "distance": base["distance"] + 1e-9}, True),
    ):
        changed = copy.deepcopy(solved)
        changed["base"] |= change
        if good:
            for claim in changed["claims"]:
                claim["hypotheses"] = [h for h in claim["hypotheses"] if h["name"] != "solution"]
            checked(changed, tmp_path)
        else:
            with pytest.raises(Invalid):
                checked(changed, tmp_path)


def test_the_centre_has_to_be_one(solved, tmp_path):
    path = tmp_path / "witness.safetensors"
    honest = load(path.read_bytes())
    for name, change, match in (
        ("weight.2.hi", 1e-3, r"base\.radius|base\.distance"), ("weight.1.hi", 1e-9, "layer 1"),
        ("bias.1.lo", 1e-20, "layer 1"), ("bias.2.lo", 1e-5, r"base\.radius"), ("weight.2.hi", 1e3, "witness|base"),
    ):
        arrays = {key: value.copy() for key, value in honest.items()}
        arrays[name].flat[0] += change
        path.write_bytes(save(arrays))
        solved["subject"]["witness"] = emitter.record(path, path.name)
        with pytest.raises(Invalid, match=match):
            checked(solved, tmp_path)
    for arrays in ({k: v for k, v in honest.items() if k != "bias.2.lo"}, honest | {"x": np.zeros(1)},
                   honest | {"bias.2.hi": np.zeros(3)}):
        path.write_bytes(save(arrays))
        solved["subject"]["witness"] = emitter.record(path, path.name)
        with pytest.raises(Invalid, match="witness"):
            checked(solved, tmp_path)


def test_claims_need_the_solution(solved, tmp_path):
    with pytest.raises(Invalid, match="for interpolation with base given"):
        checked(forged(solved, 0, lower=None, upper=None, witness={"equal_rows": [0, 1]}), tmp_path)
    hypotheses = [{"name": "solution", "statement": "", "value": 0.0, "holds": True}]
    with pytest.raises(Invalid, match="solution"):
        checked(forged(solved, 0, hypotheses=hypotheses), tmp_path)
    without = copy.deepcopy(solved)
    without["base"] |= {"distance": None, "radius": None}
    del without["subject"]["witness"]
    with pytest.raises(Invalid, match="no solution is stated"):
        checked(without, tmp_path)


def test_what_could_not_be_proved_is_open(tmp_path):
    """Two equal rows with different targets: no solution exists, and none is claimed."""
    case = plain()
    case.X[1] = case.X[0]
    emitter.write_files(case, tmp_path)
    edit(tmp_path, {"[solution]\n": '[solution]\nbase = "nearby"\n'})
    certificate = prove(tmp_path)
    assert certificate is not None and certificate["base"]["distance"] is None
    assert checked(certificate, tmp_path).verdict == "inconclusive"


def test_merged_rows_need_equal_targets():
    rows = np.array([[1.0], [2.0], [1.0]])
    spec = read_spec(SPEC.replace("[3, 8, 1]", "[1, 4, 1]").encode() + b'[solution]\nbase = "nearby"\n')
    model = save(tensors(widths=(1, 4, 1)))

    def build(y, merge):
        buffer = io.BytesIO()
        np.savez(buffer, X=rows, y=np.array(y))
        problem = build_problem(spec, model, buffer.getvalue(), merge)
        assert nearness(spec, problem, 0.0) is not None  # the next step of every check
        return problem

    assert build([1.0, 2.0, 1.0], True).kept == (0, 1) and build([1.0, 2.0, 3.0], False).kept == (0, 1, 2)
    with pytest.raises(Invalid, match="rows 0 and 2 have equal features"):
        build([1.0, 2.0, 3.0], True)
