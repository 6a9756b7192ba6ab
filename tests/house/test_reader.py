"""The checker's reader reads what the frozen one reads, refuses what it refuses, and a witness of another theorem."""

from __future__ import annotations

import copy
import json
from dataclasses import fields
from types import SimpleNamespace

import pytest

from certify.check import table
from certify.check.reading.certificate import array_name, number, read_certificate, two_rows, vector, whole
from certify.check.reading.side import array_start
from certify.check.theorems.head.rows.claims import places as row_numbers
from certify.check.theorems.head.rows.moves.claims import by_word
from certify.check.theorems.modulus.set_quantities import summand
from certify.check.words.solutions import MAPS
from certify.format.canonical import encode
from certify.format.refusal import Invalid
from certify.format.theorems import THEOREMS
from certify.format.witnesses import FORMS, Form
from tests.effort import FULL, turn
from tests.families.sealing import require_exact, seal
from tests.house.test_certificates import CERTIFICATES as ALL
from tests.house.test_certificates import ROOT
from tests.oracles.certificate_reader import read_certificate as read_before

CERTIFICATES = [path for path in ALL if b'"theorem":"D1"' not in path.read_bytes()]
"""Those that the frozen reader can know: it is older than D1 and the members of its witness."""

READERS = {vector: Form.VECTOR, number: Form.NUMBER, whole: Form.WHOLE, two_rows: Form.ROWS, array_name: Form.ARRAY,
           array_start: Form.ARRAY, summand: Form.WORD, by_word: Form.WORD, row_numbers: Form.PLACES}
MODULES = {
    "M2": ("modulus.kernel",), "M4": ("modulus.rows",), "N1": ("modulus.row_budgets",), "N2": ("modulus.row_budgets",),
    "N3": ("modulus.given_change",), "N4": ("modulus.one_row",), "Q1": ("aubin.interpolation",),
    "Q4": ("distance.compensation",), "Q7": ("distance.given_change", "distance.critical_given_change"),
    "P1": ("predictions.first_order",), "P2": ("predictions.labels",), "S14": ("excess.window",),
    "M5": ("modulus.critical", "modulus.critical_sets", "modulus.critical_rows", "modulus.critical_one_row"),
    "Q6": ("head.claims", "head.labels"), "D22": ("head.rows.squared.targets",),
    "D1": ("head.rows.claims", "head.rows.moves.claims", "head.rows.moves.ranges", "head.rows.tolerance.claims"),
    "M6": ("modulus.sublevel", "persistence.radius"), "Q5": ("aubin.sublevel",),
}


def read(data: bytes) -> tuple[object, list[object]]:
    """The certificate with the witnesses of its claims, for the problem that it states."""
    found = read_certificate(data)
    problem = SimpleNamespace(**{"map": None, "set": None, "norm": None} | found.problem)
    return found, [table.witnessed(claim, problem) for claim in found.claims]


@pytest.mark.parametrize("path", CERTIFICATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_both_readers_read_the_same(path):
    old, (new, claims) = read_before(path.read_bytes()), read(path.read_bytes())
    assert {role: vars(file) for role, file in old.subject.items()} == {r: vars(f) for r, f in new.subject.items()}
    assert old.problem == new.problem and vars(old.base) == vars(new.base)
    assert (old.verdict, old.gates) == (new.verdict, new.gates)
    for before, after in zip(old.claims, claims, strict=True):
        for name in ("where", "quantity", "theorem", "rigour", "verdict", "lower", "upper", "unit", "gate", "reason",
                     "rows", "row_lower", "row_upper"):
            assert getattr(before, name) == getattr(after, name)
        assert [vars(h) for h in before.hypotheses] == [vars(h) for h in after.hypotheses]
        assert {name: getattr(before, name, None) for name in vars(after.witness)} == vars(after.witness)
        assert all(getattr(before, name, None) is None for name in set(FORMS) - set(vars(after.witness)))


def test_witnesses_hold_what_the_table_says():
    """Each member of the table is one of the checker's, and none other; the form is the table's."""
    assert {module for modules in MODULES.values() for module in modules} == {
        row.module for system in MAPS for row in table.rows_of(system)}
    for label, modules in MODULES.items():
        taken = [member for module in modules for member in fields(table.rule(module).witness)]
        known = {member for theorem in THEOREMS if theorem.label == label for member in theorem.witness.members()}
        assert {member.name for member in taken} == known, label
        assert all(READERS[member.metadata["form"]] is FORMS[member.name] for member in taken)


SMALL = min(CERTIFICATES, key=lambda path: path.stat().st_size)
GOLDEN = [path for path in CERTIFICATES if "golden" in path.parts and path.parent.name in (
    "per-sample", "critical", "window", "nearby")]


def places(value: object, path: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """Every member of a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, child in inner for place in places(child, (*path, key)))]


@pytest.mark.parametrize("path", [SMALL, *GOLDEN], ids=lambda path: path.parent.name)
def test_what_the_old_reader_refuses_the_new_one_refuses(path):
    """One member after the other is taken away, or becomes something else."""
    whole = json.loads(path.read_bytes())
    refused = 0
    for at, place in enumerate(places(whole)[1:]):
        if place[0] == "digest":
            continue
        holder = whole
        for key in place[:-1]:
            holder = holder[key]
        before = copy.copy(holder)
        for value in turn((None, True, -1, 0.5, "x", [], {}, 2**60, "gone"), at):
            if value == "gone":
                del holder[place[-1]]
            else:
                holder[place[-1]] = value
            try:
                sealed = encode(seal(whole))
            except Invalid:
                continue  # no certificate can be written that says this
            if fails(read_before, sealed):
                assert fails(read, sealed), (place, value)
                refused += 1
        if isinstance(holder, list):
            holder[:] = before
        else:
            holder |= before
    assert refused > (200 if FULL else 65)


VALUES = {Form.VECTOR: [0.5, 1], Form.NUMBER: 0.5, Form.WHOLE: 1, Form.ROWS: [0, 1], Form.ARRAY: "modulus.shape",
          Form.WORD: "weights", Form.PLACES: [0, -1]}


def kinds():
    """Of claims with the same theorem, words of the problem, open ends and members of the witness, the shortest."""
    found = {}
    for path in sorted(CERTIFICATES, key=lambda path: path.stat().st_size):
        if path.stat().st_size < 100_000:
            stated = json.loads(path.read_bytes())
            words = [stated["problem"].get(word) for word in ("map", "base", "set", "norm", "parameter", "weight_norm")]
            for number, claim in enumerate(stated["claims"]):
                key = [claim["quantity"], claim["theorem"], *words, claim["lower"] is None, claim["upper"] is None,
                       sorted(claim["witness"])]
                found.setdefault(repr(path if FULL else "") + repr(key), (path, number))
    return list(found.values())


@pytest.mark.parametrize(("part", "path", "number"), [(part, *kind) for part, kind in enumerate(kinds())],
                         ids=lambda part: str(part).removeprefix(f"{ROOT}/"))
def test_a_member_that_the_old_reader_refuses_the_new_one_refuses(part, path, number):
    """Every member of the format is added to a witness, of its form and of no form; one that is known is not."""
    whole = json.loads(path.read_bytes())
    claim = whole["claims"][number]
    stated = claim["witness"]
    for name, value in turn([*((name, VALUES[form]) for name, form in FORMS.items()), *((n, {}) for n in FORMS),
                             ("other", 1)], part):
        claim["witness"] = stated | {name: value}
        sealed = encode(seal(whole))
        if fails(read_before, sealed):
            assert fails(read, sealed), (claim["quantity"], name, value)


def fails(reader, data: bytes) -> bool:
    try:
        reader(data)
    except Invalid:
        return True
    return False


@pytest.mark.parametrize(("member", "value"), [("theta", 0.5), ("array", "modulus.shape"), ("multiplier", 1.0)])
def test_a_member_of_another_theorem_is_refused(member, value):
    path = ROOT / "reports" / "audits" / "breast-cancer" / "certificate.json"
    changed = json.loads(path.read_bytes())
    changed["claims"][0]["witness"][member] = value
    with pytest.raises(Invalid, match="modulus takes none here, or of equal_rows, z; equal_rows stands alone"):
        read(encode(seal(changed)))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**53 + 1, "\ud800", {1: 2}, (1,), {"\udfff": 1}])
def test_what_has_no_exact_form_is_not_written(value):
    with pytest.raises(Invalid):
        require_exact({"a": [value]})
