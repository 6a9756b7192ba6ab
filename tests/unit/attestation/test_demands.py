"""`certify verify --max` and `--min`: the verifier's thresholds, judged by the ends that were signed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.attestation.judged import Demand, judge
from certify.attestation.summary import read_summary
from certify.cli.main import main
from certify.format.words import State

from .conftest import GOLDEN, Place


@pytest.mark.parametrize(("asked", "state", "status"), [
    (("--max", "modulus=1e9"), "met", 0), (("--max", "modulus=1.0"), "failed", 3),
    (("--min", "modulus=1.0"), "met", 0), (("--min", "modulus=1e9"), "failed", 3)])
def test_demands_are_judged_as_the_check_judges_them(
    place: Place, asked: tuple[str, str], state: str, status: int, capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["check", str(place.certificate), "-q", *asked]) == place.verify(*asked, "--recheck") == status
    line = capsys.readouterr().out.splitlines()[-1]
    assert f" {state} (proved in [" in line and ", your threshold)" in line
    sign = asked[0][2:]
    own = f"{sign} modulus={float(asked[1][8:])!r}"
    assert f"[thresholds: yours ({own}), and on the rest the digest-bound spec;" in line
    assert place.verify(*asked, "--json") == status
    found = json.loads(capsys.readouterr().out)
    assert found["asked"] == [own]
    assert [one["state"] for one in found["claims"] if one["quantity"] == "modulus"] == [state]
    assert found["summary"] == place.statements()[0]["predicate"]  # as it was signed


def test_a_demand_between_the_ends_is_open(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """A certificate that states a wide end leaves it open, whatever the true number is."""
    statement = place.statements()[0]
    statement["predicate"]["claims"][0] |= {"lower": 1.0, "upper": 3.0}
    place.sign([statement])
    for asked in ("--max", "--min"):
        assert place.verify(asked, "modulus=2.5", "--signature-only") == 4
        assert " 2.5 open (" in capsys.readouterr().out
    assert place.verify("--max", "modulus=2.5", "--min", "modulus=3.5", "--signature-only") == 3


def test_a_demand_does_not_rest_on_laxer_thresholds_of_the_signer(
    place: Place, capsys: pytest.CaptureFixture[str],
) -> None:
    attest = ["attest", str(place.certificate), "--key", str(place.folder / "key"), "-q", "--max", "modulus=1e9"]
    assert main(attest) == place.verify() == 0
    line = capsys.readouterr().out.splitlines()[-1]
    assert "modulus ≤ 1000000000.0 met" in line and ", the signer's threshold)" in line
    assert main(["verify", str(place.file), "--key", str(place.folder / "key.pub")]) == 0
    assert "thresholds are the signer's command line" in capsys.readouterr().err
    assert place.verify("--max", "modulus=1.0") == 3
    line = capsys.readouterr().out
    assert "1000000000.0" not in line.split("[thresholds: yours (max modulus=1.0)")[0]


@pytest.mark.parametrize(("asked", "words"), [
    (("--max", "aubin=1.0"), "no claim on aubin was signed"), (("--max", "modulus=nan"), "is not a finite number"),
    (("--max", "speed=1"), "is not QUANTITY=VALUE"), (("--min", "modulus=0"), "an empty promise")])
def test_demands_about_nothing_are_refused(
    place: Place, asked: tuple[str, str], words: str, capsys: pytest.CaptureFixture[str],
) -> None:
    assert place.verify(*asked) == 2
    out, err = capsys.readouterr()
    assert words in out + err and (out + err).count("\n") == 1


@pytest.mark.parametrize("name", ["nearby", "values-of-coefficients", "twins", "rows-survived"])
def test_demands_on_other_kinds_of_claims(place: Place, tmp_path: Path, name: str) -> None:
    """Too far a solution decides nothing, a range answers by the side of its own gate, as in `certify check`."""
    certificate = GOLDEN.with_name(name) / "certificate.json"
    file = str(tmp_path / "one.jsonl")
    assert main(["attest", str(certificate), "--key", str(place.folder / "key"), "-q", "-o", file]) in (0, 3, 4)
    quantities = {one["quantity"] for one in json.loads(certificate.read_bytes())["claims"]}
    for quantity in sorted(quantities):
        for asked in (("--max", f"{quantity}=1.0"), ("--min", f"{quantity}=1.0"), ("--max", f"{quantity}=1e12"),
                      ("--min", f"{quantity}=1e12")):
            check = main(["check", str(certificate), "-q", *asked])
            verify = main(["verify", file, "--key", str(place.folder / "key.pub"), "--signature-only", "-q", *asked])
            assert verify == check, asked


@given(threshold=st.floats(1e-3, 1e3), side=st.sampled_from(["max", "min"]), lower=st.floats(0, 1e3),
       width=st.floats(0, 1e3))
def test_what_is_called_met_holds_of_every_number_between_the_ends(
    made: Place, threshold: float, side: str, lower: float, width: float,
) -> None:
    value = made.statements()[0]["predicate"]
    value["claims"] = [value["claims"][0] | {
        "lower": lower, "upper": lower + width, "threshold": None, "verdict": "certified", "state": None}]
    value |= {"verdict": "certified", "gates": "met"}
    value["policy"]["source"] = "none"
    found = judge(read_summary(value, "x"), [Demand(side, "modulus", threshold)])
    holds = [one <= threshold if side == "max" else one >= threshold for one in (lower, lower + width)]
    assert found.gates is (State.MET if all(holds) else State.OPEN if any(holds) else State.FAILED)
