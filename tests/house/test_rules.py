"""Every row of the table of theorems has one rule in the prover, and every rule a row."""

from __future__ import annotations

import inspect
from importlib import import_module
from pathlib import Path

import pytest

import certify.theorems as rules
from certify.format.theorems import THEOREMS, Theorem
from certify.format.witnesses import FORMS, Form
from certify.problem.bound import SideArray
from certify.prove.prover import POINTS
from certify.theorems.rule import Rule

FOLDER = Path(rules.__file__).parent


def classes() -> set[type[Rule]]:
    """Every rule that can be made, in whichever file of the theorems."""
    for path in FOLDER.rglob("*.py"):
        import_module(".".join(["certify.theorems", *path.relative_to(FOLDER).with_suffix("").parts]).removesuffix(
            ".__init__"))
    found: set[type[Rule]] = set()
    waiting = [Rule]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        found |= set() if inspect.isabstract(kind) or not hasattr(kind, "theorem") else {kind}
    return {kind for kind in found if kind.__module__.startswith("certify.")}


def test_rows_and_rules_belong_to_one_another():
    assert set(rules.RULES) == set(THEOREMS) and len(set(rules.RULES.values())) == len(THEOREMS)
    assert {type(rules.rule_of(theorem)) for theorem in THEOREMS} == classes()


@pytest.mark.parametrize("theorem", THEOREMS, ids=lambda t: f"{t.label}-{t.quantities[0]}")
def test_a_rule_has_a_method_for_every_quantity_of_its_row_and_none_beside(theorem: Theorem):
    from certify.format.quantities import QUANTITIES

    rule = rules.rule_of(theorem)
    assert rule.theorem is theorem
    assert {name for name in QUANTITIES if hasattr(rule, name)} == {quantity.name for quantity in theorem.quantities}
    assert theorem.system in POINTS


def test_a_row_without_a_rule_is_no_rule():
    with pytest.raises(KeyError):
        rules.rule_of(Theorem("Z9", THEOREMS[0].system, (), "", (), ()))


def witness_fits(theorem: Theorem, witness: dict[str, object]) -> bool:
    """Whether a witness has the members of its theorem alone, and arrays where the format names arrays."""
    return set(witness) <= set(theorem.witness.members()) and all(
        isinstance(value, SideArray) == (FORMS[member] is Form.ARRAY) for member, value in witness.items())


def test_arrays_of_a_witness_are_the_members_that_the_format_names_so():
    theorem = next(theorem for theorem in THEOREMS if theorem.label == "Q4")
    right = {"layer": 1, "array": SideArray("change", 0), "constants": SideArray("constants", 0)}
    assert witness_fits(theorem, right) and not witness_fits(theorem, right | {"change": 0})
    assert not witness_fits(theorem, right | {"array": 0}) and not witness_fits(theorem, {"z": SideArray("z", 0)})
