"""Ranges of functionals (V72): both ends against every refit, and certificates that say more than is proved."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import certify
from certify.auditing.spec_run import run_audit
from certify.check.main import check
from certify.check.reading.spec import Gate
from certify.check.run import Usage
from certify.format.errors import CertifyError
from certify.format.refusal import Invalid
from tests.families.functionals import FILE, Asked
from tests.unit.check.theorems.head.test_claims import NONE, forge

BOTH = (("functional", "min", -4.0), ("functional", "max", 0.0))
ASKED = [Asked(gates=BOTH), Asked(parameter="labels", evaluation=FILE, csv=False, gates=BOTH),
         Asked("squared", count=1, evaluation=FILE, csv=False, gates=BOTH),
         Asked("squared", "labels", 1, True, gates=BOTH), Asked(count=1, shift=60.0, decay=0.5, gates=BOTH)]


@pytest.mark.parametrize("asked", ASKED, ids=range(len(ASKED)))
def test_both_ends_are_those_of_all_refits(asked: Asked, tmp_path: Path) -> None:
    certificate = asked.run(tmp_path)
    values = asked.values(asked.count)
    smallest, largest = certificate["claims"]
    for claim, true, unit in ((smallest, values.min(axis=0), "smallest"), (largest, values.max(axis=0), "largest")):
        low, high, room = np.array(claim["row_lower"]), np.array(claim["row_upper"]), 1e-6 + 2e-3 * (asked.shift > 0)
        assert (low <= true + 1e-8).all() and (true - 1e-8 <= high).all()
        assert (true - low <= room).all() and (high - true <= room).all()
        assert claim["unit"] == f"{unit} value of a functional" and claim["witness"]["by"] == "counted"
        whole = (np.min, np.max)[unit == "largest"]
        assert (claim["lower"], claim["upper"]) == (whole(low), whole(high))
    assert (smallest["verdict"] == "certified") == (values.min() > -4.0)
    assert largest["verdict"] == "refuted" and values.max() > 0
    result = check(tmp_path / "certificate.json", NONE)
    assert result.verdict == certificate["verdict"] == "refuted"


def test_the_page_and_python_say_the_range(tmp_path: Path) -> None:
    asked = ASKED[0]
    certificate = asked.run(tmp_path)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "no change takes any of the 3 coefficients above" in page
    assert "The smallest value of each lies in: age [" in page
    assert "lower end by every choice of rows, each refitted and verified (theorem D2)" in page
    bound = certify.bound(certify.load_problem(tmp_path / "spec.toml"), "functional")
    smallest, largest = certificate["claims"]
    assert (bound.lower, bound.upper) == (smallest["lower"], largest["upper"]) and bound.unit == "value of a functional"
    assert list(bound.row_lower) == smallest["row_lower"] and list(bound.row_upper) == largest["row_upper"]
    assert bound.against("max").lower == largest["lower"] and bound.against("min").upper == smallest["upper"]


def test_thresholds_of_the_caller_are_held_against_their_own_side(tmp_path: Path) -> None:
    """The largest value says nothing of the smallest one."""
    asked = replace(ASKED[0], gates=(("functional", "max", 9.0),))
    certificate = asked.run(tmp_path)
    top = certificate["claims"][0]["upper"]
    path = tmp_path / "certificate.json"
    assert check(path, NONE, [Gate("functional", "max", top)]).verdict == "certified"
    assert check(path, NONE, [Gate("functional", "max", certificate["claims"][0]["lower"] - 1e-6)]).verdict == "refuted"
    with pytest.raises(Usage, match="no claim on functional"):
        check(path, NONE, [Gate("functional", "min", top - 1e-3)])


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("ranges")
    return folder, ASKED[0].run(folder)


FORGED = {"a higher reached end": (1, 0, 1e-3), "a lower proved end": (1, 0, -1e-3),
          "a higher proved end": (0, 1, 1e-3), "a lower reached end": (0, 2, -1e-3)}
"""Claim, functional, and by how much both of its ends are moved: one is then wrong, and the other says less."""


@pytest.mark.parametrize("wrong", FORGED)
def test_ends_beyond_what_is_proved_are_refused(wrong: str, honest: tuple[Path, dict[str, Any]]) -> None:
    folder, certificate = honest
    number, row, more = FORGED[wrong]
    claim = json.loads(json.dumps(certificate["claims"][number]))
    for member in ("row_lower", "row_upper"):
        claim[member][row] += more
    pick = max if number else min
    claim["lower"], claim["upper"] = pick(claim["row_lower"]), pick(claim["row_upper"])
    forge(folder, certificate, ("claims", number), claim)
    with pytest.raises(Invalid, match="row_(lower|upper) of row"):
        check(folder / "certificate.json", NONE)


@pytest.mark.parametrize("member, value", [
    ("lower", -9.0), ("upper", 99.0), ("rows", [0, 2, 1]), ("rows", [0, 1]), ("unit", "smallest value of a functional"),
    ("unit", "value of a functional"), ("row_lower", [None, 0.0, 0.0]), ("row_upper", [None] * 3)])
def test_members_of_another_form_are_refused(member: str, value: object, honest: tuple[Path, dict[str, Any]]) -> None:
    folder, certificate = honest
    forge(folder, certificate, ("claims", 1, member), value)
    with pytest.raises((Invalid, CertifyError)):
        check(folder / "certificate.json", NONE)


@pytest.mark.parametrize("witness", [{"by": "boxes"}, {"by": "norms"}, {"changed": [0]}, {"changed": None},
                                     {"array": "functional.none"}, {"by": None}])
def test_another_witness_is_refused(witness: dict[str, object], honest: tuple[Path, dict[str, Any]]) -> None:
    folder, certificate = honest
    own = certificate["claims"][1]["witness"] | witness
    forge(folder, certificate, ("claims", 1, "witness"), {key: v for key, v in own.items() if v is not None})
    with pytest.raises(Invalid):
        check(folder / "certificate.json", NONE)


def _arrays(folder: Path, certificate: dict[str, Any], change: dict[str, Any]) -> None:
    """The certificate with other arrays in the side file; None takes one away."""
    file = folder / "other.safetensors"
    arrays = load_file(folder / certificate["subject"]["witness"]["path"]) | {
        f"functional.rows.{name}": value for name, value in change.items()}
    save_file({name: value for name, value in arrays.items() if value is not None}, file)
    data = file.read_bytes()
    forge(folder, certificate, ("subject", "witness"),
          {"path": file.name, "sha256": sha256(data).hexdigest(), "bytes": len(data)})


def test_other_arrays_are_refused(honest: tuple[Path, dict[str, Any]]) -> None:
    folder, certificate = honest
    own = {name.removeprefix("functional.rows."): value for name, value in load_file(
        folder / certificate["subject"]["witness"]["path"]).items()}
    rows, weights = own["reached.rows"], own["counted.weights"]
    beyond = rows.copy()
    beyond[3] = [0, 0] if rows.shape[1] == 2 else 0
    near = own["reached.weights"]
    for change in ({"reached.rows": beyond}, {"reached.rows": rows[:3]}, {"reached.weights": near + 1e-3},
                   {"reached.codes": None}, {"counted.weights": weights[:-1]}, {"counted.weights": weights[:, :3]},
                   {"counted.weights": np.vstack([weights, weights[:1]])}, {"counted.weights": weights + 1e-3},
                   {"counted.weights": weights * np.nan}, {"counted.more": weights}, {"centre": np.zeros(2)}):
        _arrays(folder, certificate, change)
        with pytest.raises(Invalid):
            check(folder / "certificate.json", NONE)
    _arrays(folder, certificate, {})
    assert check(folder / "certificate.json", NONE).verdict == "refuted"


BOXED = replace(ASKED[0], count=2, decay=0.3)


@pytest.fixture
def boxed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, dict[str, Any]]:
    """As where choices are too many to be counted out."""
    monkeypatch.setattr("certify.theorems.head.rows.moves.ranges.ONE_BY_ONE", 0)
    return tmp_path, run_audit(BOXED.write(tmp_path))


def test_trees_of_boxes_bound_what_is_not_counted_out(boxed: tuple[Path, dict[str, Any]]) -> None:
    folder, certificate = boxed
    values = BOXED.values(2)
    smallest, largest = certificate["claims"]
    assert smallest["witness"]["by"] == largest["witness"]["by"] == "boxes"
    for j in range(3):
        assert smallest["row_lower"][j] <= values[:, j].min() <= smallest["row_upper"][j] + 1e-9
        assert largest["row_lower"][j] - 1e-9 <= values[:, j].max() <= largest["row_upper"][j]
        assert largest["row_upper"][j] - smallest["row_lower"][j] <= 3 * np.ptp(values[:, j])
    assert check(folder / "certificate.json", NONE).verdict == certificate["verdict"]
    own = load_file(folder / certificate["subject"]["witness"]["path"])
    start = "functional.rows.boxes."
    for name, value in (("bounds", own[start + "bounds"] * 0.5), ("which", own[start + "which"][::-1].copy()),
                        ("which", own[start + "which"] * 0), ("today", own[start + "today"] + 0.1), ("level", None),
                        ("bounds", -own[start + "bounds"]), ("column", own[start + "column"] * 2)):
        _arrays(folder, certificate, {f"boxes.{name}": value})
        with pytest.raises(Invalid):
            check(folder / "certificate.json", NONE)


def test_of_one_row_no_smaller_count_is_advised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("certify.theorems.head.rows.moves.ranges.ONE_BY_ONE", 0)
    monkeypatch.setattr("certify.theorems.head.rows.moves.ranges.proved", lambda *_: None)
    reason = run_audit(replace(BOXED, count=1).write(tmp_path))["claims"][0]["reason"]
    assert "give more time, or ask for the signs alone" in reason and "smaller count" not in reason


def test_what_is_not_bounded_is_left_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither counted out nor boxed: what is reached is still told, and may refute."""
    monkeypatch.setattr("certify.theorems.head.rows.moves.ranges.ONE_BY_ONE", 0)
    monkeypatch.setattr("certify.theorems.head.rows.moves.ranges.proved", lambda *_: None)
    certificate = run_audit(BOXED.write(tmp_path))
    smallest, largest = certificate["claims"]
    assert smallest["lower"] is None and smallest["verdict"] == "inconclusive"
    assert "give a smaller count" in smallest["reason"]
    assert largest["upper"] is None and largest["verdict"] == "refuted" and "by" not in largest["witness"]
    assert check(tmp_path / "certificate.json", NONE).verdict == "refuted"


@pytest.mark.parametrize("text, words", [
    (('evaluation]\ncoefficients = "all"', 'evaluation]\nfile = "more.npz"\nfeatures = "X"'), "evaluation.intercept"),
    (("quantity = \"functional\"\nmin = -4.0", "quantity = \"functional\""), "neither max nor min")])
def test_a_range_needs_functionals_and_a_side(text: tuple[str, str], words: str, tmp_path: Path) -> None:
    from certify.check.reading.spec import read_spec
    from certify.spec import parse_spec

    whole = ASKED[0].write(tmp_path).read_text(encoding="utf-8").replace(*text).encode()
    with pytest.raises(CertifyError, match=words):
        parse_spec(whole)
    with pytest.raises(Invalid):
        read_spec(whole)


def test_a_range_of_which_nothing_is_known_is_checked_in_the_unit_of_its_side(tmp_path: Path) -> None:
    """Five of ten rows may be all of one class, and then a free intercept has no minimum; weights allow no trees."""
    spec = Asked(count=5, gates=(("stable_predictions", "min", 1), *BOTH), csv=False, evaluation=FILE).write(tmp_path)
    spec.write_text(spec.read_text(encoding="utf-8").replace('targets = "y"', 'targets = "y"\nweights = "c"'),
                    encoding="utf-8")
    np.savez(tmp_path / "data.npz", **np.load(tmp_path / "data.npz"), c=np.ones(10))
    certificate = run_audit(spec)
    assert [(claim["lower"], claim["upper"], claim["unit"]) for claim in certificate["claims"][1:]] == [
        (None, None, "smallest value of a functional"), (None, None, "largest value of a functional")]
    assert check(tmp_path / "certificate.json", NONE).verdict == certificate["verdict"]
