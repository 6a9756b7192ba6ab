"""Certificates of logistic regressions of rows on disk that say, or bring, something else are refused in a line."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from certify.check.stored.main import cost_by_lengths
from certify.check.stored.run import check
from certify.format.refusal import Invalid
from tests.effort import examples
from tests.families.stored_logistic import ROLES, WITNESS, Logistic, bound_again, crowd, with_witness, written
from tests.families.stored_rows import resealed

PROBLEM = crowd(np.random.default_rng(2), 300, True, 8).near(np.array([3.0, -3.0, 2.0, -2.0, 0.01, -0.01, 0.02, 0.5]))


@cache
def flipping(j: int) -> list[int]:
    """The row whose deletion takes most from an evaluation row."""
    choices, w = PROBLEM.refits("deletions", 1)
    return list(choices[int(PROBLEM.margins(w)[j].argmin())])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return written(tmp_path, PROBLEM, "deletions", 1, [0, 1, 2, 3], [4], [flipping(4)])


def refused(path: Path, words: str) -> None:
    with pytest.raises(Invalid, match=words) as caught:
        check(path, path.read_bytes(), {}, lambda _: None)
    assert "\n" not in str(caught.value)


def test_what_is_tampered_with_below_is_accepted_as_it_is(path: Path) -> None:
    found = check(path, path.read_bytes(), {}, lambda _: None)
    assert found.stated.ends == (4, 7) and found.already == 0


@pytest.mark.parametrize(("keys", "value", "words"), [
    (("problem", "loss"), "squared", "subject|claim"), (("problem", "penalty"), PROBLEM.penalty * 64, "witness file"),
    (("problem", "penalty"), 0, "problem.penalty"), (("problem", "intercept"), "decayed", "witness file"),
    (("problem", "intercept"), "none", "witness file|model file"), (("problem", "change"), "labels", "witness file"),
    (("problem", "count"), 200, "claim.stays|witness file"), (("problem", "count"), 3, "witness file|evaluation row"),
    (("problem", "rows"), 299, "problem.rows"), (("problem", "columns"), 3, "problem.columns"),
    (("problem", "classes"), 3, "problem.classes"), (("problem", "evaluation_rows"), 9, "claim.upper|evaluation_rows"),
    (("claim", "theorem"), "D4", "claim.theorem"), (("claim", "lower"), 5, "claim.lower"),
    (("claim", "upper"), 8, "claim.upper"), (("claim", "stays"), [0, 1, 2, 6], "evaluation row 6"),
    (("claim", "flips"), [5], "evaluation row 5"), (("claim", "changed"), None, "claim.changed"),
    (("claim", "changed"), [[]], "evaluation row 4"), (("claim", "changed"), [[0, 1]], "claim.changed"),
    (("claim", "changed"), [[300]], "below 300"), (("subject", "witness", "sha256"), "0" * 64, "witness file"),
    (("subject", "witness", "bytes"), 1, "witness file"), (("subject", "witness", "path"), "nowhere", "no such"),
    (("subject", "witness", "path"), "model.safetensors", "witness file"),
])
def test_no_member_may_say_something_else(path: Path, keys: tuple[str, ...], value: object, words: str) -> None:
    def edit(top: dict[str, Any]) -> None:
        for key in keys[:-1]:
            top = top[key]
        top[keys[-1]] = value

    refused(resealed(path, edit), words)


def test_a_witness_is_needed_and_of_the_squared_loss_none_may_be_there(path: Path) -> None:
    def without(top: dict[str, Any]) -> None:
        del top["subject"]["witness"]

    def squared(top: dict[str, Any]) -> None:
        top["problem"]["loss"], top["claim"]["theorem"] = "squared", "D4"

    content = path.read_bytes()
    refused(resealed(path, without), "witness.*missing")
    path.write_bytes(content)
    refused(resealed(path, squared), "witness.*there")


@pytest.mark.parametrize("name", ["centre", "curvature", "distance"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e300, -1e300, 0.0])
def test_no_number_of_the_witness_may_be_another(path: Path, name: str, value: float) -> None:
    """Every number of the witness in turn; where it decides nothing that is stated the certificate may stand."""
    own = load_file(path.parent / WITNESS)
    for at in range(own[name].size):
        array = own[name].copy()
        array.ravel()[at] = value
        refused(with_witness(path, **{name: array}), "witness file|data file|evaluation row")


def test_numbers_of_the_witness_that_are_a_little_off_prove_nothing_false(path: Path) -> None:
    own = load_file(path.parent / WITNESS)
    refused(with_witness(path, distance=own["distance"] * 0.9), "no farther than its distance")
    refused(with_witness(path, **(own | {"curvature": own["curvature"] * (1 + 1e-4)})), "another one at its centre")
    skew = own["curvature"].copy()
    skew[0, 1] *= 1 + 1e-15
    refused(with_witness(path, **(own | {"curvature": skew})), "symmetric")
    refused(with_witness(path, **(own | {"curvature": -own["curvature"]})), "witness file")
    refused(with_witness(path, **(own | {"curvature": 0 * own["curvature"]})), "no inverse")
    refused(with_witness(path, **(own | {"centre": own["centre"] + 0.3})), "witness file|evaluation row")


@pytest.mark.parametrize(("name", "array"), [
    ("centre", np.zeros(2)), ("centre", np.zeros((3, 1))), ("curvature", np.eye(4)), ("distance", np.ones(2)),
    ("more", np.ones(1))])
def test_arrays_of_another_form_are_refused(path: Path, name: str, array: np.ndarray) -> None:
    refused(with_witness(path, **{name: array}), "witness file: it has arrays")


@pytest.mark.parametrize("role", ROLES)
def test_one_changed_byte_of_a_file_is_refused(path: Path, role: str) -> None:
    file = path.parent / ROLES[role]
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    refused(path, f"{role} file.*the certificate binds sha256")


def test_files_in_each_others_place_are_refused(path: Path) -> None:
    for one, other in (("model", "witness"), ("data", "evaluation"), ("labels", "data")):
        top = json.loads(path.read_bytes())["subject"]

        def swap(found: dict[str, Any], pair: tuple[str, str] = (one, other), top: dict[str, Any] = top) -> None:
            found["subject"] |= {pair[0]: top[pair[1]], pair[1]: top[pair[0]]}

        content = path.read_bytes()
        refused(resealed(path, swap), "file|problem")
        path.write_bytes(content)


@pytest.mark.parametrize("exponent", [499, 505, 511, 513, 1000])
@pytest.mark.parametrize("role", ["data", "evaluation"])
def test_huge_numbers_end_in_a_line_or_an_answer(path: Path, role: str, exponent: int) -> None:
    """Of a row that is so long that its curvature is 0, and of predictions so far out that nothing moves them."""
    array = (PROBLEM.X if role == "data" else PROBLEM.new).copy()
    array[0] = np.sign(array[0]) * 2.0**exponent
    np.save(path.parent / ROLES[role], array)
    bound_again(path, role)
    if role == "data":
        refused(path, "beyond 2|margin at the centre|witness file")
        return
    try:
        check(path, path.read_bytes(), {}, lambda _: None)
    except Invalid as refusal:
        assert "evaluation row 0" in str(refusal)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("role", ["data", "evaluation", "labels"])
def test_numbers_that_are_none_are_refused(path: Path, role: str, value: float) -> None:
    array = np.load(path.parent / ROLES[role]).astype(float)
    array.ravel()[-1] = value
    np.save(path.parent / ROLES[role], array)
    refused(bound_again(path, role), "finite")


def test_a_file_that_grows_between_two_readings_is_refused(path: Path) -> None:
    def replace(words: str) -> None:
        if words.startswith("the rows are read"):
            np.save(path.parent / ROLES["data"], np.where(PROBLEM.X == PROBLEM.X[7], 1e300, PROBLEM.X))

    with pytest.raises(Invalid, match="another file now|its bytes have another"):
        check(path, path.read_bytes(), {}, replace)


def test_scaled_problems_say_the_same(tmp_path: Path) -> None:
    """Columns 2^±200 times as large, the penalty with them."""
    X, new = PROBLEM.X, PROBLEM.new
    for scale in (2.0**-200, 2.0**200):
        same = Logistic(X * scale, PROBLEM.y, new * scale, PROBLEM.penalty * scale**2, True)
        weights = PROBLEM.weights() / [scale, scale, 1.0]
        by = np.array([scale, scale, 1.0])
        path = written(tmp_path, PROBLEM, "deletions", 1, [0, 1, 2, 3], [4], [flipping(4)])
        own = load_file(path.parent / WITNESS)
        np.save(tmp_path / ROLES["data"], same.X)
        np.save(tmp_path / ROLES["evaluation"], same.new)
        from safetensors.numpy import save_file
        save_file({"weight": weights[None, :2].copy(), "bias": weights[2:].copy()}, tmp_path / ROLES["model"])
        for role in ("data", "evaluation", "model"):
            bound_again(path, role)
        with_witness(path, centre=own["centre"] / by, curvature=own["curvature"] * np.outer(by, by))
        resealed(path, lambda top, same=same: top["problem"].update(penalty=same.penalty))  # type: ignore[misc]
        assert check(path, path.read_bytes(), {}, lambda _: None).stated.ends == (4, 7)


@pytest.mark.parametrize("seed", range(examples(30)))
def test_damaged_witness_files_are_read_or_refused(seed: int, path: Path) -> None:
    file, rng = path.parent / WITNESS, np.random.default_rng(seed)
    damaged = bytearray(file.read_bytes())
    for _ in range(int(rng.integers(1, 4))):
        damaged[int(rng.integers(0, len(damaged)))] = int(rng.integers(0, 256))
    file.write_bytes(damaged)
    bound_again(path, "witness")
    try:
        check(path, path.read_bytes(), {}, lambda _: None)
    except Invalid as refusal:
        assert "\n" not in str(refusal)


@pytest.mark.parametrize("exponent", [62, 66, 100, 500, 1000])
def test_a_centre_along_a_direction_without_rows_is_refused(exponent: int, tmp_path: Path) -> None:
    """Two equal columns: outputs are as they were, and features in whatever bits say nothing of them."""
    x = np.random.default_rng(0).standard_normal((200, 1))
    y = (x[:, 0] + np.random.default_rng(1).logistic(size=200) > 0).astype(int)
    problem = Logistic(np.hstack([x, x]), y, np.array([[2.0, 2.0], [-2.0, -2.0]]), 1.0, False)
    path = written(tmp_path, problem, "labels", 1, [0, 1])
    check(path, path.read_bytes(), {}, lambda _: None)
    away = load_file(path.parent / WITNESS)["centre"] + 2.0**exponent * np.array([1.0, -1.0])
    refused(with_witness(path, centre=away), "witness file: it has a centre, but the curvature of a row")


def test_rows_named_leave_one_of_the_other_class(tmp_path: Path) -> None:
    """Rows of the own class that go as well do not make up for it, but where they change sides."""
    x = np.r_[np.random.default_rng(0).standard_normal(300) - 1.0, 3.0, 2.5]
    problem = Logistic(x[:, None], (np.arange(302) >= 300).astype(int), np.array([[-3.0]]), 20.0, False)
    words = "the rows named leave no row of the other class"
    for named in ([300, 301], [0, 300, 301]):
        refused(written(tmp_path, problem, "deletions", 3, [], [0], [named]), words)
    refused(written(tmp_path, problem, "labels", 3, [], [0], [[300, 301]]), words)
    for change, named in (("labels", [0, 300, 301]), ("deletions", [0, 1, 300])):
        with pytest.raises(Invalid) as caught:
            path = written(tmp_path, problem, change, 3, [], [0], [named])
            check(path, path.read_bytes(), {}, lambda _: None)
        assert words not in str(caught.value)


def test_what_a_check_takes_is_said_with_all_that_is_held(path: Path) -> None:
    """The largest influences of every evaluation row, as many as rows may change, and the rows that are named."""
    stated = replace(check(path, path.read_bytes(), {}, lambda _: None).stated, rows=6000, evaluation_rows=1500)
    one, many = cost_by_lengths(replace(stated, count=1)), cost_by_lengths(replace(stated, count=3000))
    assert many.seconds > 1.5 * one.seconds and many.megabytes > one.megabytes + 1500 * 3000 * 64e-6
    assert stated.changed is not None
    named = cost_by_lengths(replace(stated, count=1, changed=(tuple(range(10**6)),)))
    assert named.megabytes > one.megabytes + 10**6 * 400e-6
