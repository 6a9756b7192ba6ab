"""The reader of the format reads what the old one reads, refuses what it refuses, and a witness of another theorem."""

from __future__ import annotations

import copy
import json

import pytest

from certify.check.reading.certificate import read_certificate as read_before
from certify.format.canonical import encode
from certify.format.certificate import read_certificate
from certify.format.refusal import Invalid
from certify.format.refusal import Invalid as Before
from tests.families.sealing import require_exact, seal
from tests.house.test_certificates import CERTIFICATES, ROOT


@pytest.mark.parametrize("path", CERTIFICATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_both_readers_read_the_same(path):
    old, new = read_before(path.read_bytes()), read_certificate(path.read_bytes())
    assert {role: vars(file) for role, file in old.subject.items()} == {r: vars(f) for r, f in new.subject.items()}
    assert old.problem == new.problem and vars(old.base) == vars(new.base)
    assert (old.verdict, old.gates) == (new.verdict, new.gates)
    for before, after in zip(old.claims, new.claims, strict=True):
        for name in ("where", "quantity", "rigour", "verdict", "lower", "upper", "unit", "gate", "reason"):
            assert getattr(before, name) == getattr(after, name)
        assert before.theorem == after.label and [vars(h) for h in before.hypotheses] == [
            vars(h) for h in after.hypotheses]
        members = after.theorem.witness.members()
        assert {name: getattr(before, name) for name in members} == vars(after.witness)
        other = {"z", "equal_rows", "array", "member", "dual", "layer", "sigma", "theta", "reach", "radius_u",
                 "radius_w", "limit", "pair", "multiplier", "point", "constants"} - set(members)
        assert all(getattr(before, name) is None for name in other)
        rows = after.rows or ()
        assert (before.rows, before.row_lower, before.row_upper) == (
            tuple(r.row for r in rows), tuple(r.lower for r in rows), tuple(r.upper for r in rows))


SMALL = min(CERTIFICATES, key=lambda path: path.stat().st_size)


def places(value: object, path: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """Every member of a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, child in inner for place in places(child, (*path, key)))]


def test_what_the_old_reader_refuses_the_new_one_refuses():
    """One member after the other is taken away, or becomes something else."""
    whole = json.loads(SMALL.read_bytes())
    refused = 0
    for place in places(whole)[1:]:
        if place[0] == "digest":
            continue
        for value in (None, True, -1, 0.5, "x", [], {}, 2**60, "gone"):
            changed = copy.deepcopy(whole)
            at = changed
            for key in place[:-1]:
                at = at[key]
            if value == "gone":
                del at[place[-1]]
            else:
                at[place[-1]] = value
            try:
                sealed = encode(seal(changed))
            except Invalid:
                continue  # no certificate can be written that says this
            if fails(read_before, Before, sealed):
                assert fails(read_certificate, Invalid, sealed), (place, value)
                refused += 1
    assert refused > 200


def fails(read, error, data: bytes) -> bool:
    try:
        read(data)
    except error:
        return True
    return False


@pytest.mark.parametrize(("member", "value"), [("theta", 0.5), ("array", "modulus.shape"), ("multiplier", 1.0)])
def test_a_member_of_another_theorem_is_refused(member, value):
    path = ROOT / "reports" / "audits" / "breast-cancer" / "certificate.json"
    changed = json.loads(path.read_bytes())
    changed["claims"][0]["witness"][member] = value
    with pytest.raises(Invalid, match="M2 takes equal_rows, z"):
        read_certificate(encode(seal(changed)))


def test_a_theorem_of_another_map_or_quantity_is_refused():
    path = ROOT / "reports" / "audits" / "breast-cancer" / "certificate.json"
    for label in ("M4", "M6", "Q6", "X1"):
        changed = json.loads(path.read_bytes())
        changed["claims"][0]["theorem"] = label
        with pytest.raises(Invalid, match=f'"{label}" is stated'):
            read_certificate(encode(seal(changed)))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**53 + 1, "\ud800", {1: 2}, (1,), {"\udfff": 1}])
def test_what_has_no_exact_form_is_not_written(value):
    with pytest.raises(Invalid):
        require_exact({"a": [value]})
