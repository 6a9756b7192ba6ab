"""Certificates about rows on disk that were tampered with, and files that are not those they bind."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from certify.check.stored.run import check
from certify.format.refusal import Invalid
from tests.effort import examples
from tests.families.stored_rows import FILES, Small, bind_again, resealed, written

PROBLEM = Small(np.array([[3.0, 1.0], [2.5, 0.0], [-2.0, 1.0], [-3.0, 0.5], [2.0, -1.0], [-2.5, -1.0]]),
                np.array([1, 1, 0, 0, 1, 0]), np.array([[3.0, 0.0], [-3.0, 0.0], [0.1, 0.0]]), 2, 1.0, True)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    assert [(strict >= 1, loose < 1) for strict, loose in PROBLEM.tolerated()] == [
        (True, False), (True, False), (False, True)]
    return written(tmp_path, PROBLEM, "labels", 1, [0, 1], [2])


def refused(path: Path, words: str) -> None:
    with pytest.raises(Invalid, match=words) as caught:
        check(path, path.read_bytes(), {}, lambda _: None)
    assert "\n" not in str(caught.value)


def test_it_is_accepted_as_it_is(path: Path) -> None:
    assert check(path, path.read_bytes(), {}, lambda _: None).stated.ends == (2, 2)


def put(*keys: str, value: object) -> Callable[[dict[str, Any]], None]:
    def edit(top: dict[str, Any]) -> None:
        for key in keys[:-1]:
            top = top[key]
        top[keys[-1]] = value

    return edit


@pytest.mark.parametrize(("keys", "value", "words"), [
    (("format",), "certify-rows/2", "format"), (("created",), "yesterday", "created"),
    (("certify_version",), 1, "certify_version"), (("environment",), {"a": "\x1b[2J"}, "environment"),
    (("more",), 1, "more"), (("problem", "loss"), "hinge", "problem.loss"),
    (("problem", "loss"), "logistic", "subject: the member \"witness\" is missing"),
    (("problem", "penalty"), 0, "problem.penalty"), (("problem", "penalty"), 1e6, "claim"),
    (("problem", "penalty"), 2.0**1001, "penalty.*at most 2\\^1000"),
    (("problem", "penalty"), -1.0, "problem.penalty"), (("problem", "penalty"), True, "problem.penalty"),
    (("problem", "intercept"), "none", "model file"), (("problem", "intercept"), "maybe", "problem.intercept"),
    (("problem", "change"), "rows", "problem.change"), (("problem", "change"), "deletions", "claim"),
    (("problem", "count"), 0, "problem.count"), (("problem", "count"), 7, "problem.count"),
    (("problem", "count"), 3, "claim.stays"), (("problem", "count"), 1.0, "problem.count"),
    (("problem", "rows"), 5, "problem.rows"), (("problem", "columns"), 3, "problem.columns"),
    (("problem", "evaluation_rows"), 4, "claim.upper|problem.evaluation_rows"),
    (("problem", "classes"), 3, "problem.classes"),
    (("claim", "quantity"), "distance", "claim.quantity"), (("claim", "theorem"), "D4", "claim.theorem"),
    (("claim", "lower"), 3, "claim.lower"), (("claim", "lower"), 1, "claim.lower"),
    (("claim", "upper"), 1, "claim.upper"), (("claim", "upper"), 3, "claim.upper"),
    (("claim", "stays"), [0, 1, 2], "claim"), (("claim", "stays"), [1, 0], "stays"),
    (("claim", "stays"), [0, 3], "stays"), (("claim", "stays"), [0, 0], "stays"),
    (("claim", "stays"), [0, True], "stays"), (("claim", "stays"), None, "stays"),
    (("claim", "stays"), [-1, 0], "stays"), (("claim", "flips"), [1], "claim.flips"),
    (("claim", "changed"), [[1]], "claim.changed"), (("claim", "more"), 1, "more"),
    (("subject", "data", "sha256"), "0" * 64, "data file"), (("subject", "data", "bytes"), 5, "data file"),
    (("subject", "labels", "sha256"), "0" * 64, "labels file"),
    (("subject", "evaluation", "sha256"), "0" * 64, "evaluation file"),
    (("subject", "model", "sha256"), "0" * 64, "model file"), (("subject", "data", "path"), "nowhere.npy", "no such"),
    (("subject", "data", "path"), "/etc/passwd", "subject.data.path"), (("subject", "data", "path"), ".", "a folder"),
])
def test_no_member_may_say_something_else(path: Path, keys: tuple[str, ...], value: object, words: str) -> None:
    refused(resealed(path, put(*keys, value=value)), words)


def test_rows_in_the_wrong_list_are_refused(path: Path) -> None:
    def edit(top: dict[str, Any]) -> None:
        top["claim"] |= {"stays": [0, 2], "flips": [1]}

    refused(resealed(path, edit), "claim")


@pytest.mark.parametrize("member", ["format", "subject", "problem", "claim", "created", "environment"])
def test_no_member_may_be_missing(path: Path, member: str) -> None:
    refused(resealed(path, lambda top: top.pop(member)), member)


def test_another_spelling_or_digest_is_refused(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content.replace(b'"count":1', b'"count": 1'))
    refused(path, "canonical form")
    path.write_bytes(content.replace(b'"count":1', b'"count":2'))
    refused(path, "digest")
    path.write_bytes(json.dumps([1]).encode() + b"\n")
    refused(path, "an object is needed")


@pytest.mark.parametrize("role", FILES)
def test_one_changed_byte_of_a_file_is_refused_and_nothing_of_it_said(path: Path, role: str) -> None:
    file = path.parent / FILES[role]
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    refused(path, f"{role} file.*the certificate binds sha256")
    file.write_bytes(content[:-1])
    refused(path, f"{role} file.*bytes")


@pytest.mark.parametrize(("role", "array", "words"), [
    ("data", np.asfortranarray(np.arange(12.0).reshape(6, 2)), "columns before rows"),
    ("data", np.arange(12.0), "2 axes"), ("data", np.full((6, 2), np.nan), "row 0, column 0.*finite"),
    ("data", np.full((6, 2), 1e200), "beyond 2"), ("data", np.zeros((0, 2)), "none of them empty"),
    ("data", np.full((6, 2), 1j), "header|type"), ("labels", np.arange(5), "5 labels"),
    ("labels", np.ones(6), "1 classes"), ("labels", np.array([1.0, 0, 1, 0, np.nan, 0]), "entry 4.*finite"),
    ("labels", np.array([[1], [0]] * 3), "1 axes"), ("evaluation", np.ones((3, 3)), "3 columns"),
    ("evaluation", np.full((3, 2), np.inf), "row 0, column 0.*finite"), ("labels", np.arange(6), "problem.classes"),
    ("labels", np.array([0, 0, 1, 1, 2**53 + 2, 0]), r"labels.npy\", entry 4: 9007199254740994 is in it.*2\^53"),
])
def test_arrays_of_another_form_are_refused(path: Path, role: str, array: np.ndarray, words: str) -> None:
    np.save(path.parent / FILES[role], array)
    refused(bind_again(path, role), words)


def test_a_file_that_is_replaced_between_two_readings_is_refused(path: Path) -> None:
    """Every reading is held against the digest, and not the first alone."""
    file, readings = path.parent / FILES["data"], list[str]()

    def replace(words: str) -> None:
        readings.append(words)
        if words.startswith("the rows are read"):
            content = bytearray(file.read_bytes())
            content[-2] ^= 1
            file.write_bytes(content)

    with pytest.raises(Invalid, match="its bytes have another"):
        check(path, path.read_bytes(), {}, replace)
    assert len(readings) == 1


@pytest.mark.parametrize("header", [b"", b"\x93NUMPY\x01\x00\xff\xff{}", b"\x93NUMPY\x02\x00\xff\xff\xff\xff{",
                                    b"PK\x03\x04", b"\x93NUMPY\x01\x00\x10\x00{'descr': '|O'}   "])
def test_a_damaged_header_is_refused(path: Path, header: bytes) -> None:
    file = path.parent / FILES["data"]
    file.write_bytes(header + file.read_bytes()[len(header):])
    if header:
        refused(bind_again(path, "data"), "data file")


@pytest.mark.parametrize(("kind", "shape", "words"), [
    ("<U" + "9" * 5000, "(6,)", "its numbers are of type"), ("<U" + "9" * 4000, "(6,)", "its numbers are of type"),
    ("<U0", "(6,)", "its numbers are of type"), ("<U01", "(6,)", "its numbers are of type"),
    ("<U257", "(6,)", "its numbers are of type"), ("<i8", "(6)", "as numpy writes"),
    ("<i8", "(006,)", "as numpy writes"), ("<i8", "()", "1 axes"),
    ("<i8", "(" + "999999999999999999, " * 31 + ")", "1 axes")])
def test_other_headers_of_labels_are_refused_in_a_short_line(path: Path, kind: str, shape: str, words: str) -> None:
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    file = path.parent / FILES["labels"]
    file.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + PROBLEM.y.tobytes())
    with pytest.raises(Invalid, match=words) as caught:
        check(path, bind_again(path, "labels").read_bytes(), {}, lambda _: None)
    assert len(str(caught.value)) < 500 + len(str(path))


def test_residuals_that_no_word_holds_are_refused(path: Path) -> None:
    """Of rows that nearly depend on each other, whose weights are as large as the penalty is small."""
    a = 2.0**44
    problem = Small(np.array([[a + 1, a], [a, a - 1], [0.0, 0.0]]), np.array([1, 0, 1]), np.array([[1.0, 0.0]]), 2,
                    2.0**-108, False)
    problem = _Given(problem.X, problem.y, problem.new, 2, problem.penalty, False)
    refused(written(path.parent, problem, "deletions", 1, [0], [], []), "problem: .*residuals beyond 2\\^21")


class _Given(Small):
    def weights(self) -> np.ndarray:
        return np.array([[1.0, 1.0]])


def test_labels_may_be_words_or_numbers_of_any_kind(path: Path) -> None:
    for labels in (np.array(["no", "yes"])[PROBLEM.y], np.array(["n\xe4", "\U0001f600"])[PROBLEM.y].astype(">U3"),
                   PROBLEM.y.astype(bool), PROBLEM.y * 2.5 - 1, PROBLEM.y.astype(">i2")):
        np.save(path.parent / FILES["labels"], labels)
        bind_again(path, "labels")
        assert check(path, path.read_bytes(), {}, lambda _: None).stated.ends == (2, 2)


def test_rows_may_be_numbers_of_any_kind(path: Path) -> None:
    for kind in ("<f4", ">f8", "f2", "f4"):
        np.save(path.parent / FILES["data"], PROBLEM.X.astype(kind))
        bind_again(path, "data")
        assert check(path, path.read_bytes(), {}, lambda _: None).stated.ends == (2, 2)


@pytest.mark.parametrize("role", ["data", "labels", "evaluation"])
def test_damaged_arrays_are_read_or_refused(path: Path, role: str) -> None:
    """With a digest that fits: a header is damaged anywhere, and nothing else is raised."""
    file = path.parent / FILES[role]
    whole, rng, read = file.read_bytes(), np.random.default_rng(1), 0
    for _ in range(examples(120)):
        damaged = bytearray(whole)
        for _ in range(int(rng.integers(1, 4))):
            damaged[int(rng.integers(0, 100))] = int(rng.choice([0, 32, 39, 48, 57, 70, 85, 102, 255]))
        file.write_bytes(damaged[:int(rng.choice([len(damaged), len(damaged) - 1]))])
        bind_again(path, role)
        try:
            check(path, path.read_bytes(), {}, lambda _: None)
            read += 1
        except Invalid as refusal:
            assert "\n" not in str(refusal)
    assert read < 120
