"""The parts of a spec that are not looked at could not be wrong."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from itertools import combinations, product

import pytest

from certify.check.reading.certificate import QUANTITIES
from certify.check.reading.optional.parts import PARTS, WORDS_OF_PARTS, parts
from certify.check.reading.spec import PLAIN as PLAIN_WORDS
from certify.check.reading.spec import read_spec
from certify.format.refusal import Invalid
from tests.effort import FULL, some

PLAIN = b"""version = 1
[model]
file = "m.safetensors"
widths = [3, 4, 2]
activation = "tanh"
[data]
file = "d.npz"
targets = "y"
"""
GIVEN = (("count", 1), ("change", "u.npz"), ("array", "u"), ("graph", "g.json"), ("aubin", True), ("window", 0.5),
         ("columns", (0,)), ("weight_decay", 0.5), ("level", 1.0), ("threshold", 0.0))


def test_what_is_not_looked_at_is_not_wrong():
    plain, seen = read_spec(PLAIN), dict.fromkeys(PARTS, 0)
    chosen = [set(some) for size in (0, 1, 2) for some in combinations(QUANTITIES, size)]
    demands = {name: import_module(f"certify.check.reading.sections.{name}").demands for name in PARTS}
    names = ("map", "base", "set", "norm", "weight_norm", "parameter", "loss", "layer", "radius", "evaluation",
             "direction")
    for number, words in some(list(enumerate(product(
            ("interpolation", "critical", "sublevel"), ("given", "nearby"), ("total", "per_sample", "sparse", "given"),
            (2, "inf"), ("euclidean", "function"), ("features", "labels", "sample_weights"), ("squared", "logistic"),
            ("all", 2), (None, 0.0, 0.5), (None, "e.npz"), (None, "down")))), 7):
        more = dict(GIVEN[number % 3::3 + number % 4]) if number % 2 else {}
        spec = replace(plain, **dict(zip(names, words, strict=True)), **more)
        for quantities in (chosen[number % len(chosen)], chosen[(number + 7) % len(chosen)], set()):
            asked = parts(spec, quantities)
            for name in PARTS:
                if name not in asked:
                    seen[name] += 1
                    assert not any(wrong for wrong, *_ in demands[name](spec, quantities)), (name, spec, quantities)
    assert min(seen.values()) > (2000 if FULL else 280)


def test_a_plain_question_has_no_parts():
    """None of its words is one that a part is about, and whatever is asked with them alone asks for none."""
    assert not PLAIN_WORDS & set(WORDS_OF_PARTS)
    for parameter, loss, norm, quantity in product(("features", "targets"), ("squared", "cross_entropy", "logistic"),
                                                   ("euclidean", "relative"), ("modulus", "sample_modulus")):
        spec = read_spec(PLAIN + (
            f'[training]\nloss = "{loss}"\n[weights]\nnorm = "{norm}"\n[perturbation]\nparameter = "{parameter}"\n'
            f'set = "total"\n[[gate]]\nquantity = "{quantity}"\nmax = 1\n').encode())
        assert spec.plain and parts(spec, {quantity}) == ()


@pytest.mark.parametrize("more", [
    "[perturbation]\ncolumns = [0]\n", "[perturbation]\nscale = {0 = 2.0}\n",
    '[perturbation]\nset = "given"\nfile = "u.npz"\n[[gate]]\nquantity = "first_order_distance"\nmax = 1\n',
    '[weights]\nnorm = "function"\nreference = "r.npz"\n', '[about]\nnames = ["a", "b", "c"]\n'])
def test_what_a_problem_has_beside_it_is_not_passed_over(more):
    assert not read_spec(PLAIN + more.encode()).plain


@pytest.mark.parametrize("more", ['[solution]\nbase = "nearby"\n', '[perturbation]\nradius = 2.0\n',
                                  '[solution]\nmap = "sublevel"\nlevel = 0.5\n', "[aubin]\nradius_u = 0.5\n",
                                  '[perturbation]\nset = "per_sample"\nnorm = "inf"\n'])
def test_sizes_and_words_are_all_that_some_specs_have_beside_it(more):
    assert read_spec(PLAIN + more.encode()).plain


@pytest.mark.parametrize("more, demand", [
    ('[solution]\nbase = "nearby"\n', "data.targets"), ('[training]\nloss = "huber"\n', "training.loss"),
    ('[training]\nloss = "one_vs_rest"\n', "training.loss"), ('[weights]\nnorm = "function"\n', "weights.reference")])
def test_a_word_with_demands_is_not_plain_where_all_else_is(more, demand):
    """Each is broken here, and one that took the word for a plain one would not look."""
    question = PLAIN.replace(b'targets = "y"\n', b"")
    assert read_spec(question).plain
    with pytest.raises(Invalid, match=f"^spec, {demand}: "):
        read_spec(question + more.encode())
