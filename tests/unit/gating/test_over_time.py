"""Gates over time: failed only where worse is proved, met only where the contrary is, and the checker agrees."""

from __future__ import annotations

import hashlib
import json
import math
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.certificate.canonical import canonical_bytes, seal
from certify.certificate.over_time import compared
from certify.check.over_time import compared as checked
from certify.cli.main import main
from certify.format.quantities import LARGER, QUANTITIES, SMALLER
from certify.spec.load import parse_spec
from tests.families.small import SPEC, features, gate, tensors, write

ends = st.one_of(st.floats(-1e6, 1e6), st.floats(allow_nan=False, allow_infinity=False),
                 st.integers(-2**53, 2**53))
enclosures = st.tuples(ends, ends).map(sorted).map(tuple)
side = st.sampled_from(["max_increase", "max_decrease"])


@given(enclosures, enclosures, side, st.floats(0, 1e9))
def test_the_state_is_what_every_pair_of_numbers_in_the_enclosures_shows(new, old, side, tolerance):
    """The largest and the smallest change that the ends allow, exactly: the oracle knows no case."""
    changes = [(Fraction(q) - Fraction(p)) * (1 if side == "max_increase" else -1) for q in new for p in old]
    worse = [change > Fraction(tolerance) for change in changes]
    truth = "failed" if all(worse) else "open" if any(worse) else "met"
    assert compared(new, old, side, tolerance) == truth == checked(new, old, side, tolerance)


@given(enclosures, side, st.floats(0, 1e9), st.booleans())
def test_what_has_no_end_decides_nothing_by_it(known, side, tolerance, first):
    open_ended = (known[0], math.inf) if side == "max_increase" else (-math.inf, known[1])
    nothing = (-math.inf, math.inf)
    for found in (compared, checked):
        assert found(nothing, known, side, tolerance) == found(known, nothing, side, tolerance) == "open"
        assert found(open_ended, known, side, tolerance) != "met"
        assert found((math.inf, math.inf), known, "max_increase", tolerance) == "failed"


def test_every_quantity_has_its_better_way_or_no_gate_over_time():
    for row in QUANTITIES.values():
        assert row.better in (LARGER, SMALLER, "") and (row.better == "") == row.signed


@pytest.mark.parametrize(("members", "said"), [
    (dict(max_decrease=1), "a smaller modulus is better"), (dict(max_increase=-1), "at least 0"),
    (dict(max_increase=1, max=1, min=1), "both max and min"), ({}, "neither max nor min"),
])
def test_a_tolerance_that_makes_no_sense_is_refused(members, said):
    with pytest.raises(Exception, match=said):
        parse_spec((SPEC + gate(**members)).encode())


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """One network at three weights: `a` has the largest modulus, `same` is `a` in another folder."""
    root = tmp_path_factory.mktemp("models")
    for name, seed in (("a", 0), ("b", 5), ("same", 0)):
        (root / name).mkdir()
        assert main(["run", str(write(root / name, SPEC + gate(max_increase=0.01), tensors(seed))), "-q"]) == 4
    return root


def ran(root: Path, new: str, old: str, out: str, *more: str) -> tuple[int, dict]:
    status = main(["run", str(root / new / "certify.toml"), "-q", "-o", str(root / out), "--baseline",
                   str(root / old / "certificate.json"), *more])
    return status, json.loads((root / out / "certificate.json").read_bytes())


@pytest.mark.parametrize(("new", "old", "status", "state"), [
    ("b", "a", 0, "met"), ("a", "b", 3, "failed"), ("same", "a", 0, "met")])
def test_worse_than_the_baseline_fails_and_the_checker_says_the_same(models, capsys, new, old, status, state):
    found, certificate = ran(models, new, old, "out")
    line, before = capsys.readouterr().out, str(models / old / "certificate.json")
    assert found == status and f"max_increase 0.01 {state} (baseline certificate.json says [" in line
    assert "read, not proved again" in line and line.startswith("certified ")  # the verdict is of the claims alone
    assert (certificate["verdict"], certificate["gates"]) == ("certified", "met")
    page = (models / "out" / "report.html").read_text(encoding="utf-8")
    assert certificate["over_time"]["baseline"]["sha256"] in page and "read, not proved again" in page
    assert ("Everything asked for is proved" in page) == (state == "met")
    assert all(re.search(rf"certify {verb}[^<]* --baseline \.\./", page) for verb in ("run", "check"))
    assert f"max_increase 0.01: {state}" in page and "No earlier certificate was given" not in page
    checks = main(["check", str(models / "out" / "certificate.json"), "-q", "--baseline", before])
    assert checks == status and f"max_increase 0.01 {state}" in capsys.readouterr().out
    assert main(["check", str(models / "out" / "certificate.json"), "-q"]) == 4
    assert "not checked (give --baseline)" in capsys.readouterr().out


def test_a_baseline_with_overlapping_ends_leaves_it_open(models, tmp_path):
    old = json.loads((models / "a" / "certificate.json").read_bytes())
    old["claims"][0]["lower"] = 1.0  # weaker, so as true
    (tmp_path / "old.json").write_bytes(canonical_bytes(seal(old)))
    path = models / "b" / "certify.toml"
    assert main(["run", str(path), "-q", "-o", str(tmp_path), "--baseline", str(tmp_path / "old.json")]) == 4
    assert main(["check", str(tmp_path / "certificate.json"), "-q", "--baseline", str(tmp_path / "old.json")]) == 4


def test_one_model_is_not_worse_than_itself_however_wide_the_ends_are(models, tmp_path):
    old = json.loads((models / "a" / "certificate.json").read_bytes())
    old["claims"][0]["lower"] = 1.0
    (tmp_path / "old.json").write_bytes(canonical_bytes(seal(old)))
    path = models / "same" / "certify.toml"
    assert main(["run", str(path), "-q", "-o", str(tmp_path), "--baseline", str(tmp_path / "old.json")]) == 0
    assert main(["check", str(tmp_path / "certificate.json"), "-q", "--baseline", str(tmp_path / "old.json")]) == 0


def test_what_is_proved_infinite_is_said_to_be_infinite_and_not_unproved(models, tmp_path):
    X = features()
    X[1] = X[0]
    spec = write(tmp_path, SPEC + gate(max_increase=0.01), X=X, y=np.sign(X[:, 0]))
    before = str(models / "a" / "certificate.json")
    assert main(["run", str(spec), "-q", "--baseline", before]) == 3
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Now: proved infinite." in page and "infinity against [" in page and "(-∞, ∞) against" not in page


def test_another_array_of_the_very_same_files_is_not_the_same_number(tmp_path, capsys):
    """The same bytes of model and data, of which another array is read: a wide baseline leaves it open."""
    X = features()
    spec = write(tmp_path, SPEC + gate(max_increase=0.0), X=X, y=np.sign(X[:, 0]), X2=X[::-1] / 3)
    assert main(["run", str(spec), "-q"]) == 4
    old = json.loads((tmp_path / "certificate.json").read_bytes())
    assert old["problem"]["arrays"] == {"data": ["X", "y", None]}
    old["claims"][0] |= {"lower": 0.0, "witness": {}}  # weaker, so as true
    before = tmp_path / "old.json"
    before.write_bytes(canonical_bytes(seal(old)))
    spec.write_text(spec.read_text(encoding="utf-8").replace('"X"', '"X2"'), encoding="utf-8")
    status = main(["run", str(spec), "-q", "-o", str(tmp_path / "out"), "--baseline", str(before)])
    found = json.loads((tmp_path / "out" / "certificate.json").read_bytes())
    held, upper = found["over_time"]["gates"][0], found["claims"][0]["upper"]
    assert upper > held["lower"] and status != 0 and held["state"] != "met"
    path = str(tmp_path / "out" / "certificate.json")
    assert main(["check", path, "-q", "--baseline", str(before)]) == status
    found["problem"]["arrays"]["data"][0] = "X"
    Path(path).write_bytes(canonical_bytes(seal(found)))
    capsys.readouterr()
    assert main(["check", path, "-q", "--baseline", str(before)]) == 2
    assert "problem.arrays" in capsys.readouterr().out


@pytest.mark.parametrize("change", [
    lambda member: member["gates"][0].update(state="met"),
    lambda member: member["gates"][0].update(upper=1e3),
    lambda member: member["gates"][0].update(max_increase=1e3, state="met"),
    lambda member: member["gates"][0].update(severity="warn"),
    lambda member: member["gates"][0].update(claim=1),
    lambda member: member["gates"].clear(),
    lambda member: member["baseline"].update(sha256="0" * 64),
    lambda member: member["baseline"].update(bytes=1),
    lambda member: member.update(baseline=None),
    lambda member: member["gates"][0].update(more=1),
    None,
])
def test_a_changed_comparison_is_invalid(models, capsys, change):
    _, certificate = ran(models, "a", "b", "tampered")
    if change is None:
        del certificate["over_time"]
    else:
        change(certificate["over_time"])
    path = models / "tampered" / "certificate.json"
    path.write_bytes(canonical_bytes(seal(certificate)))
    assert main(["check", str(path), "-q", "--baseline", str(models / "b" / "certificate.json")]) == 2
    assert capsys.readouterr().out.splitlines()[-1].startswith("invalid ")


def test_a_baseline_of_another_question_is_refused_before_anything_is_proved(models, tmp_path, capsys):
    other = write(tmp_path, SPEC + '[perturbation]\nparameter = "targets"\n' + gate(max_increase=0.01), tensors(5))
    args = ["run", str(other), "-q", "--baseline"]
    assert main([*args, str(models / "a" / "certificate.json")]) == 2
    assert "parameter is 'targets', of the baseline 'features'" in capsys.readouterr().err
    assert not (tmp_path / "certificate.json").exists()
    assert main([*args, str(tmp_path / "train.npz")]) == 2 and main([*args, str(tmp_path / "none.json")]) == 2
    assert main([*args, str(tmp_path / "certificate.json")]) == 2
    assert "the run writes this file itself" in capsys.readouterr().err
    plain = write(tmp_path, SPEC + gate(max=1e6))
    assert main(["run", str(plain), "-q", "--baseline", str(models / "a" / "certificate.json")]) == 2
    assert "no gate of the spec has max_increase or max_decrease" in capsys.readouterr().err


def test_the_checker_too_refuses_a_baseline_of_another_question(models, tmp_path, capsys):
    _, certificate = ran(models, "b", "a", "again")
    old = json.loads((models / "a" / "certificate.json").read_bytes())
    old["problem"]["merge_duplicates"] = True
    content = canonical_bytes(seal(old))
    certificate["over_time"]["baseline"] |= {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    (tmp_path / "old.json").write_bytes(content)
    path = models / "again" / "certificate.json"
    path.write_bytes(canonical_bytes(seal(certificate)))
    assert main(["check", str(path), "-q", "--baseline", str(tmp_path / "old.json")]) == 2
    assert "answers another question: merge_duplicates" in capsys.readouterr().out


def test_a_warning_over_time_never_changes_the_status(models, tmp_path):
    spec = write(tmp_path, SPEC + gate(max_increase=0.01, severity="warn") + gate(max=1e6))
    assert main(["run", str(spec), "-q", "--baseline", str(models / "b" / "certificate.json")]) == 0
    stated = json.loads((tmp_path / "certificate.json").read_bytes())["over_time"]["gates"]
    assert [one["state"] for one in stated] == ["failed"]


def test_a_gate_has_a_threshold_and_a_tolerance(models, tmp_path):
    spec = write(tmp_path, SPEC + gate(max=1e-6, max_increase=1e6))
    assert main(["run", str(spec), "-q", "--baseline", str(models / "b" / "certificate.json")]) == 3
    found = json.loads((tmp_path / "certificate.json").read_bytes())
    assert (found["gates"], found["over_time"]["gates"][0]["state"]) == ("failed", "met")
    before = str(models / "b" / "certificate.json")
    assert main(["check", str(tmp_path / "certificate.json"), "-q", "--baseline", before]) == 3


def test_the_first_screen_says_what_became_of_it(tmp_path):
    page = {}
    for name, more in (("alone", ()), ("held", ("--baseline", str(tmp_path / "before" / "certificate.json")))):
        for folder, seed in (("before", 5), ("now", 0)):
            (tmp_path / folder).mkdir(exist_ok=True)
            spec = write(tmp_path / folder, SPEC + gate(max_increase=0.01), tensors(seed))
            main(["run", str(spec), "-q", "--on-inconclusive", "pass", *(more if folder == "now" else ())])
        page[name] = (tmp_path / "now" / "report.html").read_text(encoding="utf-8")
    assert "No earlier certificate was given" in page["alone"] and "No earlier certificate" not in page["held"]
    first = page["held"].partition("what it rests on")[0]
    assert "modulus max_increase 0.01: failed. " in first and "read, not proved again" in first
