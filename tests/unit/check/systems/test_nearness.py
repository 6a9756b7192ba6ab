"""Base `nearby`: a certificate about another exact solution than the one near the weights decides nothing (V62)."""

from __future__ import annotations

import copy
import json
import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.check.main import check, main
from certify.check.run import Usage
from certify.check.systems.nearness import root_below
from certify.cli.main import main as certify
from certify.format.refusal import Invalid
from certify.problem.nearness import root_below as root_of_prover
from tests.effort import examples
from tests.families import emitter
from tests.families.check_cases import NO_FILES
from tests.families.prover_cases import edit, outputs, prove

NEARBY = {"[solution]\n": '[solution]\nmap = "critical"\nbase = "nearby"\n'}
FREE = ("within", "weights_length")


def deep_linear(scale: float = 1.0) -> emitter.Case:
    """Two linear layers of which the second undoes a scaling of the first: every such network is the same function."""
    rng = np.random.default_rng(3)
    weights = [rng.normal(size=(2, 2)) * scale, rng.normal(size=(1, 2)) / scale]
    case = emitter.Case(weights, [None, None], "identity", rng.normal(size=(5, 2)), np.zeros((5, 1)))
    case.y = outputs(case)
    return case


def audited(case: emitter.Case, folder: Path, changes: dict[str, str]) -> dict:
    """Files, spec and honest certificate of a problem."""
    folder.mkdir()
    emitter.write_files(case, folder)
    edit(folder, changes)
    certificate = prove(folder)
    assert certificate is not None
    return certificate


@pytest.fixture
def honest(tmp_path):
    return audited(deep_linear(), tmp_path / "honest", NEARBY)


@pytest.fixture
def copied(honest, tmp_path):
    """The claims of a rescaled copy, put over spec, model and data of the honest certificate: every number is true."""
    other = audited(deep_linear(2.0), tmp_path / "other", NEARBY)
    own, far = deep_linear(), deep_linear(2.0)
    gap = math.hypot(*(v for a, b in zip(own.weights, far.weights, strict=True) for v in (a - b).ravel()))
    forged = copy.deepcopy(honest)
    forged["claims"] = copy.deepcopy(other["claims"])
    forged["base"] |= {"radius": other["base"]["radius"], "distance": gap * (1 + 1e-9)}
    for claim in forged["claims"]:
        claim["hypotheses"] = [h for h in claim["hypotheses"] if h["name"] != "solution"]
    witness = tmp_path / "honest" / "witness.safetensors"
    witness.write_bytes((tmp_path / "other" / "witness.safetensors").read_bytes())
    forged["subject"]["witness"] = emitter.record(witness, witness.name)
    assert abs(forged["claims"][0]["upper"] - honest["claims"][0]["upper"]) > 0.1 * honest["claims"][0]["upper"]
    return forged


def without(certificate: dict) -> dict:
    """As a version of before the members wrote it."""
    old = copy.deepcopy(certificate)
    for member in FREE:
        del old["problem"][member]
    return old


def opened(certificate: dict) -> dict:
    """The same with every verdict as V62 wants it."""
    result = copy.deepcopy(certificate)
    for claim in result["claims"]:
        claim["verdict"] = "inconclusive"
    return emitter.total(result)


def test_the_honest_certificate_is_certified(honest, tmp_path, capsys):
    path = emitter.write(honest, tmp_path / "honest")
    assert honest["problem"]["within"] == 1e-6 and honest["verdict"] == "certified"
    assert main([str(path)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("certified ") and "at an exact critical point within " in out and "of their length" in out
    assert main([str(path), "--within", "1e-30"]) == 4
    assert "too far, at most 1e-30 of it counts" in capsys.readouterr().out
    assert main([str(emitter.write(without(honest), tmp_path / "honest"))]) == 0


def test_a_symmetric_copy_decides_nothing(copied, tmp_path, capsys):
    folder = tmp_path / "honest"
    with pytest.raises(Invalid, match=r"claims\[0\].*verdict"):
        check(emitter.write(copied, folder), NO_FILES)
    for certificate in (without(copied), opened(copied)):  # a forger leaves the members out, or says what is asked
        path = emitter.write(certificate, folder)
        bound = f"modulus={2 * copied['claims'][0]['upper']!r}"
        for flags in ([], ["--max", bound], ["--min", "modulus=1e-9"]):
            assert main([str(path), *flags]) == 4
            out = capsys.readouterr().out
            assert out.startswith("inconclusive ") and "too far, at most 1e-06 of it counts" in out
            assert "open" in out or not flags
        assert main([str(path), "--json", "--max", bound]) == 4
        said = json.loads(capsys.readouterr().out)
        assert (said["verdict"], said["gates"], said["claims"][-1]["gate"]) == ("inconclusive", "open", "open")
        assert said["base"]["within"] == 1e-6 and "too far" in said["claims"][-1]["reason"]
    assert main([str(path), "--within", "10"]) == 0  # the caller may want to know of any solution


def test_the_cap_is_not_the_certificate_s_to_say(copied, tmp_path):
    for changes in ({"within": 10.0}, {"within": None}, {"weights_length": 1e9}, {"weights_length": None}):
        for certificate in (copied, opened(copied)):
            forged = copy.deepcopy(certificate)
            forged["problem"] |= changes
            with pytest.raises(Invalid, match=rf"problem\.{next(iter(changes))}"):
                check(emitter.write(forged, tmp_path / "honest"), NO_FILES)


def test_no_page_repeats_a_verdict_at_a_far_solution(copied, honest, tmp_path):
    folder = tmp_path / "honest"
    for certificate, status in ((honest, 0), (opened(copied), 0), (copied, 2)):
        assert certify(["report", str(emitter.write(certificate, folder)), "-o", str(tmp_path / "page.html")]) == status


def test_old_certificates_may_not_say_that_nothing_is_decided(honest, tmp_path):
    with pytest.raises(Invalid, match="verdict"):
        check(emitter.write(without(opened(honest)), tmp_path / "honest"), NO_FILES)
    with pytest.raises(Invalid, match="verdict"):
        check(emitter.write(opened(honest), tmp_path / "honest"), NO_FILES)


def fitted(error: float) -> emitter.Case:
    rng = np.random.default_rng(1)
    case = emitter.Case([rng.normal(size=(4, 3)), rng.normal(size=(2, 4))], [rng.normal(size=4), rng.normal(size=2)],
                        "tanh", rng.normal(size=(3, 3)), np.zeros((3, 2)))
    case.y = outputs(case) + error
    return case


@pytest.mark.parametrize("words, gates, status", [
    ("", [], 4), ("within = 1e-2\n", [], 0), ("", [{"quantity": "modulus", "max": 1e6}], 4),
    ("within = 0.01\n", [{"quantity": "modulus", "max": 1e6}], 0),
    ("", [{"quantity": "modulus", "max": 1e-6}], 4), ("within = 0.01\n", [{"quantity": "modulus", "max": 1e-6}], 3),
])
def test_run_and_check_agree(words, gates, status, tmp_path, capsys):
    case = fitted(1e-3)
    case.gates = gates
    emitter.write_files(case, tmp_path)
    edit(tmp_path, {"[solution]\n": f'[solution]\nbase = "nearby"\n{words}'})
    assert certify(["run", str(tmp_path / "spec.toml")]) == status
    run = capsys.readouterr()
    assert "at an exact solution within" in run.out and ("counts)" in run.out) == (not words)
    assert ("set solution.within" in run.err) == (not words)
    assert main([str(tmp_path / "certificate.json")]) == status
    said = capsys.readouterr().out
    assert said.split()[0] == run.out.split()[0] and ("too far" in said) == (not words)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert ("solution.within" in page) == (not words)


def test_exactly_at_the_cap_counts_and_one_step_beyond_does_not(tmp_path):
    certificate = audited(fitted(1e-3), tmp_path / "a", {"[solution]\n": '[solution]\nbase = "nearby"\nwithin = 1.0\n'})
    path, near = tmp_path / "a" / "certificate.json", check(tmp_path / "a" / "certificate.json", NO_FILES).near
    assert near is not None and near.length == certificate["problem"]["weights_length"]
    share = near.distance / near.length
    while Fraction(share) * Fraction(near.length) < Fraction(near.distance):
        share = math.nextafter(share, 1)
    while Fraction(math.nextafter(share, 0)) * Fraction(near.length) >= Fraction(near.distance):
        share = math.nextafter(share, 0)
    assert check(path, NO_FILES, within=share).verdict == "certified"
    assert check(path, NO_FILES, within=math.nextafter(share, 0)).verdict == "inconclusive"


@pytest.mark.parametrize("words, verdict", [("", "certified"), ("within = 1e-9\n", "inconclusive")])
def test_a_head_has_one_solution_and_needs_no_cap(words, verdict, tmp_path, capsys):
    """Any distance counts unless the spec says otherwise; it is said, and from 1e-3 on with a word of caution."""
    rng = np.random.default_rng(2)
    X = rng.normal(size=(20, 2))
    case = emitter.Case([np.array([[1.0, -0.5]])], [np.array([0.3])], "identity", X, (X[:, :1] > 0).astype(float))
    folder = tmp_path / "head"
    certificate = audited(case, folder, {
        "[solution]\n": f'[solution]\nmap = "critical"\nbase = "nearby"\n{words}',
        "[training]\n": "[training]\nweight_decay = 0.1\n",
    })
    assert certificate["base"]["distance"] > 1e-3 and certificate["problem"]["within"] == (1e-9 if words else None)
    capsys.readouterr()
    assert main([str(folder / "certificate.json")]) == (4 if words else 0)
    out, err = capsys.readouterr()
    assert out.startswith(verdict) and "of their length" in out
    assert ("caution: the one solution" in err) == (not words)
    assert main([str(folder / "certificate.json"), "-q"]) == (4 if words else 0)
    assert ("caution: the one solution" in capsys.readouterr().err) == (not words)
    for more in ((), ("-q",)):  # a caution is no progress: it is said where little is said, too
        assert certify(["run", str(folder / "spec.toml"), *more]) == (4 if words else 0)
        assert ("caution: the one solution" in capsys.readouterr().err) == (not words)
    assert certify(["run", str(folder / "spec.toml"), "--json", "-q"]) == (4 if words else 0)
    assert len(json.loads(capsys.readouterr().out)["cautions"]) == (not words)


def test_within_belongs_to_base_nearby(tmp_path, capsys):
    case = fitted(0.0)
    emitter.write(emitter.emit(case, tmp_path), tmp_path)
    with pytest.raises(Usage, match="--within"):
        check(tmp_path / "certificate.json", NO_FILES, within=1.0)
    for value in ("0", "-1", "nan", "x"):
        assert main([str(tmp_path / "certificate.json"), "--within", value]) == 2
        assert "a finite number above 0" in capsys.readouterr().err
    for words, name in (("within = 1e-6\n", "base = \"given\""), ('base = "nearby"\nwithin = 0.0\n', "within"),
                        ('base = "nearby"\nwithin = "x"\n', "within"), ('base = "nearby"\nwithin = inf\n', "within")):
        emitter.write_files(case, tmp_path)
        edit(tmp_path, {"[solution]\n": "[solution]\n" + words})
        assert certify(["run", str(tmp_path / "spec.toml")]) == 2
        assert name in capsys.readouterr().err
        certificate = json.loads((tmp_path / "certificate.json").read_text())
        certificate["subject"]["spec"] = emitter.record(tmp_path / "spec.toml", "spec.toml")
        with pytest.raises(Invalid, match=r"solution\.within"):
            check(emitter.write(certificate, tmp_path), NO_FILES)


@settings(deadline=None, max_examples=examples(200))
@given(st.fractions(min_value=0) | st.floats(0, allow_infinity=False).map(lambda x: Fraction(x) ** 2))
def test_lengths_are_rounded_down_by_one_step_at_most(square):
    root = root_below(square)
    assert root == root_of_prover(square) and Fraction(root) ** 2 <= square
    above = math.nextafter(root, math.inf)
    assert above == math.inf or Fraction(above) ** 2 > square
