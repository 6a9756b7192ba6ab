"""First-order changes of predictions: what is proved is re-derived, what says more or is forged is refused."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings

from certify.check.main import line_of
from certify.check.reading.spec import read_spec
from certify.check.words.row_norms.largest import Largest
from certify.check.words.sets.sparse import Sparse
from certify.format.refusal import Invalid
from certify.report.messages import verdict_line
from tests.effort import examples
from tests.families import emitter
from tests.families.check_cases import seeds
from tests.families.prover_cases import (
    checked,
    critical_set,
    edit,
    fit_predicted,
    forged,
    nearby,
    predicted,
    prove,
    settled,
    with_predictions,
)

QUIET = settings(deadline=None, suppress_health_check=list(HealthCheck))


@settings(QUIET, max_examples=examples(40))
@given(seed=seeds)
def test_what_the_prover_says_is_re_derived(seed, tmp_path):
    predicted(seed, tmp_path)
    certificate = prove(tmp_path)
    assume(certificate is not None)
    assert checked(certificate, tmp_path).verdict == certificate["verdict"]


@settings(QUIET, max_examples=examples(40))
@given(seed=seeds)
def test_so_is_what_it_says_of_exact_fits(seed, tmp_path):
    fit_predicted(seed, tmp_path)
    certificate = prove(tmp_path)
    assume(certificate is not None)
    assert checked(certificate, tmp_path).verdict == certificate["verdict"]


def fitted(tmp_path, kind: str, **fixed: Any) -> dict[str, Any]:
    """A certificate of exact fits with every end above 0 and a row at which they do not agree."""
    for seed in range(300):
        fit_predicted(seed, tmp_path, set=kind, **fixed)
        certificate = prove(tmp_path)
        claim = {} if certificate is None else certificate["claims"][0]
        if certificate is not None and all(claim.get("row_lower") or [0]) and "freedom" in {
                h["name"] for h in claim["hypotheses"]}:
            return certificate
    raise AssertionError("no such case")


@pytest.mark.parametrize(("kind", "norm"), [("total", 2), ("per_sample", "inf"), ("sparse", 1), ("given", 2)])
def test_ends_and_counts_of_exact_fits_that_say_more_are_refused(kind, norm, tmp_path):
    certificate = fitted(tmp_path, kind, **({} if kind in ("total", "given") else {"norm": norm}))
    assert checked(certificate, tmp_path).verdict == certificate["verdict"]
    claim = certificate["claims"][0]
    values = {h["name"]: h["value"] for h in claim["hypotheses"]}
    assert claim["theorem"] == "P1" and values["agreement"] >= 1  # the first row is one of the data
    for at in range(3):
        low, high = claim["row_lower"][at], claim["row_upper"][at]
        for key, value in (("row_upper", low * (1 - 1e-6)), ("row_lower", high * (1 + 1e-6))):
            changed = row(claim, key, at, value)
            if changed["lower"] <= changed["upper"]:
                with pytest.raises(Invalid, match=f"{key} of row {at}"):
                    checked(forged(certificate, 0, **changed), tmp_path)
    for name in ("agreement", "freedom"):
        more = hypotheses(claim, **{name: values[name] + 3})
        with pytest.raises(Invalid, match="proved of"):
            checked(forged(certificate, 0, hypotheses=more), tmp_path)
    for changed, words in (({"theorem": "M2"}, '"P1"'), ({"witness": {"equal_rows": [0, 1]}}, "takes none"),
                           ({"unit": "weight distance"}, "output change")):
        with pytest.raises(Invalid, match=words):
            checked(forged(certificate, 0, **changed), tmp_path)


def test_exact_fits_proved_nearby_are_re_derived_too(tmp_path):
    """Base nearby: everything over the ball that holds an exact fit; and an end below the truth is refused there."""
    decided = 0
    for seed in range(60):
        with_predictions(nearby(seed, tmp_path), tmp_path, seed)
        edit(tmp_path, {"[perturbation]\n": "[perturbation]\nradius = 0.5\n"})
        certificate = prove(tmp_path)
        if certificate is None or not all(certificate["claims"][0]["row_lower"] or [0]):
            continue
        assert certificate["problem"]["base"] == "nearby" and certificate["claims"][0]["theorem"] == "P1"
        assert checked(certificate, tmp_path).verdict == certificate["verdict"]
        claim = certificate["claims"][0]
        at = claim["row_upper"].index(claim["upper"])
        changed = row(claim, "row_upper", at, claim["row_lower"][at] * (1 - 1e-6))
        if changed["lower"] <= changed["upper"]:
            with pytest.raises(Invalid, match=f"row_upper of row {at}"):
                checked(forged(certificate, 0, **changed), tmp_path)
        decided += 1
        if decided == 6:
            break
    assert decided == 6


def test_critical_points_proved_nearby_are_re_derived_too(tmp_path):
    """The same of a ball that holds a critical point."""
    decided = 0
    for seed in range(80):
        case = critical_set(seed, tmp_path, set="sparse", relative=False, decay=0.125, n=6, base="nearby",
                            activation="tanh")
        if not settled(case, tmp_path):
            continue
        with_predictions(case, tmp_path, seed)
        certificate = prove(tmp_path)
        if certificate is None or certificate["claims"][0]["upper"] is None:
            continue
        assert certificate["base"]["tilt"] is None and certificate["base"]["distance"] is not None
        assert checked(certificate, tmp_path).verdict == certificate["verdict"]
        decided += 1
        if decided == 4:
            break
    assert decided == 4


def proved(tmp_path, kind: str = "sparse", **fixed: Any) -> dict[str, Any]:
    """A certificate with both ends above 0 of the first seed that gives one."""
    for seed in range(200):
        predicted(seed, tmp_path, set=kind, **{"decay": 0.125, "n": 5} | fixed)
        certificate = prove(tmp_path)
        if certificate is not None and all(certificate["claims"][0].get("row_lower") or [0]):
            return certificate
    raise AssertionError("no such case")


def row(claim: dict[str, Any], key: str, at: int, value: object) -> dict[str, Any]:
    """One end of a row changed, and the claim's own ends with it."""
    changed = claim[key][:at] + [value] + claim[key][at + 1:]
    ends = {"row_lower": claim["row_lower"], "row_upper": claim["row_upper"]} | {key: changed}
    numbers = {end: [v for v in ends[f"row_{end}"] if v is not None] for end in ("lower", "upper")}
    return {key: changed} | {end: max(values) for end, values in numbers.items()}


@pytest.mark.parametrize(("kind", "norm", "parameter"), [
    ("total", 2, "features"), ("per_sample", "inf", "features"), ("per_sample", 1, "features"),
    ("sparse", 2, "sample_weights"), ("sparse", "inf", "features"), ("given", 2, "features"),
    ("given", 2, "sample_weights"), ("sparse", 2, "targets")])
def test_an_end_of_any_row_that_says_more_is_refused(kind, norm, parameter, tmp_path):
    loss = {"loss": "squared"} if parameter == "targets" else {}
    certificate = proved(tmp_path, kind, norm=norm, parameter=parameter, **loss)
    assert checked(certificate, tmp_path).verdict == certificate["verdict"]
    claim = certificate["claims"][0]
    for at in range(3):
        low, high = claim["row_lower"][at], claim["row_upper"][at]
        assert high <= low * (1 + 1e-6)
        for key, value in (("row_upper", low * (1 - 1e-6)), ("row_lower", high * (1 + 1e-6))):
            changed = row(claim, key, at, value)
            if changed["lower"] <= changed["upper"]:
                with pytest.raises(Invalid, match=f"{key} of row {at}"):
                    checked(forged(certificate, 0, **changed), tmp_path)


def test_rows_and_members_that_do_not_belong_are_refused(tmp_path):
    certificate = proved(tmp_path)
    claim = certificate["claims"][0]
    none = {"rows": [], "row_lower": [], "row_upper": []}
    for changed, words in (
        ({"rows": [0, 2, 1]}, "evaluation rows are 0 to 2"),
        ({"upper": claim["upper"] * 2}, "largest ends of the rows"), ({"lower": 0.0}, "largest ends of the rows"),
        (none, "evaluation rows are"),
        ({"row_lower": [None, *claim["row_lower"][1:]]}, "both ends of every row"), ({"theorem": "M5c"}, '"P1"'),
        ({"theorem": "Q6"}, "last layer alone|P1"), ({"unit": "output change"}, "output change to first order"),
        ({"witness": {"z": [1.0]}}, "takes none"), ({"witness": {"theta": 1.0, "reach": 1.0}}, "takes none"),
        ({"quantity": "prediction_change", "theorem": "P1"}, "rows|only"),
        ({"rows": claim["rows"][:2], "row_lower": claim["row_lower"][:2], "row_upper": claim["row_upper"][:2]},
         "evaluation rows are"),
    ):
        with pytest.raises(Invalid, match=words):
            checked(forged(certificate, 0, **changed), tmp_path)
    open_ = {"lower": None, "upper": None, "hypotheses": []} | none
    for theorem in ("P1", "M5", "M5d"):
        assert checked(forged(certificate, 0, theorem=theorem, **open_), tmp_path).verdict == "inconclusive"


def hypotheses(claim: dict[str, Any], **values: object) -> list[dict[str, Any]]:
    """The claim's hypotheses with other values; a name that is not there is added."""
    found = [h | ({"value": values.pop(h["name"])} if h["name"] in values else {}) for h in claim["hypotheses"]]
    return found + [{"name": name, "statement": "", "value": v, "holds": True} for name, v in values.items()]


def test_hypotheses_are_counted_again(tmp_path):
    certificate = proved(tmp_path)
    claim = certificate["claims"][0]
    for changed, words in (({"agreement": 4}, "proved of 3"), ({"freedom": 1}, "proved of 0"),
                           ({"agreement": None}, "null"), ({"evaluation": 1.0}, "null"), ({"descent": 1}, "re-derive")):
        with pytest.raises(Invalid, match=words):
            checked(forged(certificate, 0, hypotheses=hypotheses(claim, **changed)), tmp_path)
    fewer = hypotheses(claim, agreement=1, freedom=0)
    assert checked(forged(certificate, 0, hypotheses=fewer), tmp_path).verdict == certificate["verdict"]


def test_one_number_more_for_every_output_leaves_no_row_to_agree(tmp_path):
    certificate = proved(tmp_path, "sparse", loss="cross_entropy", decay=0.0, activation="tanh", n=14)
    claim = certificate["claims"][0]
    values = {h["name"]: h["value"] for h in claim["hypotheses"]}
    assert (values["agreement"], values["freedom"]) == (0, 3)
    checked(certificate, tmp_path)
    with pytest.raises(Invalid, match="proved of 0"):
        checked(forged(certificate, 0, hypotheses=hypotheses(claim, agreement=1)), tmp_path)


def test_a_leaky_unit_below_zero_at_all_the_data_may_be_above_it_at_the_row(tmp_path):
    """It is neither dead nor its pre-activation anywhere it counts: its one field rescales it, on either side of 0."""
    rng = np.random.default_rng(0)
    X = np.round(rng.normal(size=(12, 2)), 2)
    X[:, 0] = np.abs(X[:, 0]) + 2.0
    case = emitter.Case(weights=[np.array([[-1.0, 0.1], [0.3, -1.0]]), np.array([[1.0, -0.7]])],
                        biases=[None, np.array([0.1])], activation="leaky_relu", X=X, rows="all", layer="all",
                        y=np.round(rng.normal(size=(12, 1)), 2), loss="squared", parameter="targets",
                        gates=[{"quantity": "first_order_prediction_change", "max": 2}])
    emitter.write_files(case, tmp_path)
    np.savez(tmp_path / "more.npz", X=np.array([[-9.0, 2.0], X[0]]))
    edit(tmp_path, {"[solution]\n": '[solution]\nmap = "critical"\n', "[perturbation]\n":
                    '[evaluation]\nfile = "more.npz"\nfeatures = "X"\n[perturbation]\nset = "total"\nradius = 0.5\n'})
    certificate = prove(tmp_path)
    values = {h["name"]: h["value"] for h in certificate["claims"][0]["hypotheses"]}
    assert (values["symmetry"], values["agreement"]) == (2, 2)
    assert checked(certificate, tmp_path).verdict == certificate["verdict"]


def test_the_evaluation_rows_are_bound_and_count(tmp_path):
    certificate = proved(tmp_path)
    path = tmp_path / "more.npz"
    (name, X), = np.load(path).items()
    np.savez(path, **{name: X * 2})
    with pytest.raises(Invalid, match="evaluation file .*binds sha256"):
        checked(certificate, tmp_path)
    moved = copy.deepcopy(certificate)
    moved["subject"]["evaluation"] = emitter.record(path, path.name)
    with pytest.raises(Invalid, match=r"row_\w+ of row"):
        checked(moved, tmp_path)


def test_more_evaluation_rows_than_data_with_a_unit_at_a_kink(tmp_path):
    """The unit is named by the evaluation row, whose number the data need not have."""
    certificate = proved(tmp_path, activation="relu")
    path = tmp_path / "more.npz"
    (name, X), = np.load(path).items()
    np.savez(path, **{name: np.vstack([X] * 4 + [0 * X])})
    moved = copy.deepcopy(certificate)
    moved["subject"]["evaluation"] = emitter.record(path, path.name)
    moved["problem"]["evaluation_rows"] = 15
    claim = moved["claims"][0]
    many = {"rows": list(range(15)), "row_lower": claim["row_lower"] * 5, "row_upper": claim["row_upper"] * 5}
    with pytest.raises(Invalid, match=r"row_\w+ of row|evaluation row 1[234]"):
        checked(forged(moved, 0, **many), tmp_path)


@pytest.mark.parametrize("owner, name, wrong", [
    (Largest, "dual", lambda norm, values: max(abs(v) for v in values)),
    (Sparse, "most", lambda budget, held, at_once: sum(held)),
], ids=["dual", "most"])
def test_a_checker_with_a_wrong_formula_refuses_what_is_right(owner, name, wrong, tmp_path, monkeypatch):
    certificate = proved(tmp_path, "sparse", norm="inf", parameter="features")
    if certificate["problem"]["inputs"] < 2 or certificate["problem"]["count"] > 3:
        certificate = next(c for c in (proved_at(tmp_path, s) for s in range(200)) if c is not None)
    monkeypatch.setattr(owner, name, wrong)
    with pytest.raises(Invalid, match="of row"):
        checked(certificate, tmp_path)


def proved_at(tmp_path, seed: int) -> dict[str, Any] | None:
    """Of a seed, if two features move and not all rows may."""
    predicted(seed, tmp_path, set="sparse", norm="inf", parameter="features", decay=0.125, n=5)
    certificate = prove(tmp_path)
    fits = certificate is not None and certificate["problem"]["inputs"] > 1 and certificate["problem"]["count"] < 2
    return certificate if fits and certificate is not None and certificate["claims"][0]["lower"] else None


@pytest.mark.parametrize(("old", "new", "words"), [
    ("[evaluation]\n", "[weights]\nnorm = \"relative\"\n[evaluation]\n", "euclidean"),
    ('[evaluation]\nfile = "more.npz"\nfeatures = "X"\n', "", "evaluation"),
    ('map = "critical"', 'map = "sublevel"', "first_order_prediction_change.*another quantity"),
    ("radius = ", "# radius = ", "radius"),
    ('quantity = "first_order_prediction_change"', 'quantity = "first_order_distance"', "evaluation"),
])
def test_specs_that_make_no_sense_are_invalid(old, new, words, tmp_path):
    proved(tmp_path, "total", parameter="features")
    edit(tmp_path, {old: new})
    with pytest.raises(Invalid, match=words):
        read_spec((tmp_path / "spec.toml").read_bytes())


def test_the_verdict_line_names_it(tmp_path):
    assert "first_order_prediction_change" in verdict_line(proved(tmp_path))


def test_both_verdict_lines_say_where_only_the_nearest_solution_is_meant(tmp_path):
    certificate = fitted(tmp_path, "total")
    agreed = next(h["value"] for h in certificate["claims"][0]["hypotheses"] if h["name"] == "agreement")
    assert agreed < 3
    assert f"at the nearest exact fit, others nearby proved to agree at {agreed} of 3 evaluation rows" in verdict_line(
        certificate)
    assert f"at the nearest solution, others nearby agree at {agreed} of 3 rows" in line_of(
        checked(certificate, tmp_path))
    silent = [h for h in certificate["claims"][0]["hypotheses"] if h["name"] != "agreement"]
    assert "agree at 0 of 3 rows" in line_of(checked(forged(certificate, 0, hypotheses=silent), tmp_path))
    everywhere = proved(tmp_path, "total", parameter="features")
    claim = everywhere["claims"][0]
    assert next(h["value"] for h in claim["hypotheses"] if h["name"] == "agreement") == len(claim["row_upper"])
    assert "nearest" not in verdict_line(everywhere) + line_of(checked(everywhere, tmp_path))
