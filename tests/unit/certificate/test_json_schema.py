"""The published schema takes every committed certificate, and what it refuses the checker refuses as well."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest

from certify.certificate.json_schema import json_schema
from certify.check.run import check
from certify.format.canonical import digest, encode
from certify.format.refusal import Invalid
from certify.format.theorems import LABELS

ROOT = Path(__file__).resolve().parents[3]
CERTIFICATES = sorted(path for folder in ("reports", "tests") for path in (ROOT / folder).rglob("*.json")
                      if b'"format":"certify/1"' in path.read_bytes())
GOLDEN = ROOT / "tests/golden"
SCHEMA = json_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
FREE = ("environment", "suppressed", "about", "operations")
"""Objects that anything may stand in, or that the checker does not look at."""


def test_the_schema_is_one_and_the_published_one():
    VALIDATOR.check_schema(SCHEMA)
    assert json.loads((ROOT / "docs/reference/certificate.schema.json").read_text(encoding="utf-8")) == SCHEMA


def test_every_committed_certificate_is_valid():
    assert len(CERTIFICATES) > 140
    seen = set()
    for path in CERTIFICATES:
        certificate = json.loads(path.read_bytes())
        seen |= {claim["theorem"] for claim in certificate["claims"]}
        assert [error.json_path for error in VALIDATOR.iter_errors(certificate)] == [], path
    assert seen >= set(LABELS) - {"N4", "M5a", "M5d"}  # no committed one rests on these


def places(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The way to every object of a certificate."""
    if isinstance(value, dict) and not set(path) & set(FREE):
        yield path
        for key in value:
            yield from places(value[key], (*path, key))
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        yield from places(value[0], (*path, 0))


def at(certificate: dict, path: tuple[str | int, ...]) -> dict:
    for key in path:
        certificate = certificate[key]
    return certificate


def damaged(certificate: dict) -> Iterator[tuple[str, dict]]:
    """Without one member, with one more, and with one of another type: the structure alone is wrong."""
    for path in places(certificate):
        for key in (*at(certificate, path), None):
            changed = copy.deepcopy(certificate)
            if key is None:
                at(changed, path)["remark"] = "one more"
                yield f"{path} with one more", changed
                continue
            if (key, *path) == ("digest",) or key in FREE:
                continue
            at(changed, path)[key] = {"of": "another type"}
            yield f"{path} {key} of another type", changed
            optional = ("radius", "reparameterised", "names", "count", "within", "weights_length",  # absent before
                        "threshold")  # as the spec says
            if key not in optional and (not path or path[-1] != "witness"):
                changed = copy.deepcopy(certificate)
                del at(changed, path)[key]
                yield f"{path} without {key}", changed


def seal(certificate: dict) -> dict:
    return {**certificate, "digest": digest(certificate)}


def refused_by_the_checker(folder: Path, certificate: dict) -> bool:
    path = folder / "certificate.json"
    path.write_bytes(encode(seal(certificate)))
    try:
        check(path, {})
    except Invalid:
        return True
    return False


@pytest.mark.parametrize("name", ["0.2.0/targets", "0.2.0/rows-deleted-squared", "0.1.0/twins"])
def test_wrong_structure_is_refused_by_schema_and_checker(name, tmp_path):
    folder = shutil.copytree(GOLDEN / name, tmp_path / "copy")
    certificate = json.loads((folder / "certificate.json").read_bytes())
    assert not refused_by_the_checker(folder, certificate)
    count = 0
    for what, changed in damaged(certificate):
        assert not VALIDATOR.is_valid(seal(changed)), what
        assert refused_by_the_checker(folder, changed), what
        count += 1
    assert count > 100


def swap(key: str, value: object, *path: str | int):
    def change(certificate: dict) -> None:
        at(certificate, path)[key] = value

    change.__name__ = f"{'.'.join(map(str, path))}.{key}={value!r}"
    return change


@pytest.mark.parametrize("change", [
    swap("theorem", "M9", "claims", 0), swap("theorem", "M6", "claims", 0), swap("rigour", "conditional", "claims", 0),
    swap("quantity", "aubin", "claims", 0), swap("z", "1", "claims", 0, "witness"),
    swap("multiplier", 1.0, "claims", 0, "witness"), swap("equal_rows", [0, 1], "claims", 0, "witness"),
    swap("name", "gradient", "claims", 0, "hypotheses", 0), swap("rows", [0], "claims", 0),
    swap("tilt", None, "base"), swap("shift_worst_row", -1, "base"), swap("shift_worst_row", 2**53 + 2, "base"),
    swap("graph", {"shape": [2], "operations": {"linear": 1}}, "problem"), swap("tau", 1.0, "problem"),
    swap("threshold", 0.5, "problem"), swap("within", 1e-6, "problem"), swap("threshold", None, "problem"),
    swap("map", "minimal", "problem"), swap("n", 0, "problem"), swap("norm", 3, "problem"),
    swap("path", "/etc/passwd", "subject", "model"), swap("path", "a\\b", "subject", "model"),
    swap("sha256", "0" * 63 + "\n", "subject", "data"), swap("graph", None, "subject"), swap("claims", []),
    swap("created", "2026-01-01"), swap("verdict", "proved"), swap("format", "certify/2"),
], ids=lambda change: change.__name__)
def test_words_and_members_of_another_place_are_refused_by_schema_and_checker(change, tmp_path):
    folder = shutil.copytree(GOLDEN / "0.2.0/targets", tmp_path / "copy")
    certificate = json.loads((folder / "certificate.json").read_bytes())
    change(certificate)
    assert not VALIDATOR.is_valid(certificate) and refused_by_the_checker(folder, certificate)


@pytest.mark.parametrize("change", [swap("lower", 0.0, "claims", 0), swap("shift_worst_row", 3, "base")],
                         ids=lambda change: change.__name__)
def test_the_schema_does_not_say_what_is_true(change, tmp_path):
    certificate = json.loads((GOLDEN / "0.2.0/targets/certificate.json").read_bytes())
    change(certificate)
    assert VALIDATOR.is_valid(certificate)
