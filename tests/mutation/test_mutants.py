"""Mutants of the product: each changes the source, and a quick selection is killed (list: reports/studies/attacks/)."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.containment.registry import attacks
from tests.mutation.mutants import CONSTANTS, LOGIC
from tests.mutation.mutants_both import BOTH
from tests.mutation.mutants_graph import GRAPH
from tests.mutation.mutants_left_out import LEFT_OUT
from tests.mutation.mutants_listed import LISTED
from tests.mutation.mutants_motion import MOTION
from tests.mutation.mutants_norms import NORMS
from tests.mutation.mutants_packed import PACKED
from tests.mutation.mutants_pairs import PAIRS
from tests.mutation.mutants_rows import ROWS
from tests.mutation.mutants_second import SECOND
from tests.mutation.mutants_separate import SEPARATE
from tests.mutation.mutants_sequences import SEQUENCES
from tests.mutation.mutants_sets import SETS
from tests.mutation.mutants_streamed import STREAMED
from tests.mutation.mutants_training import TRAINING
from tests.mutation.mutants_vectors import VECTORS
from tests.mutation.run import check_all, mutated_source, workplace

ALL = (CONSTANTS + LOGIC + TRAINING + GRAPH + SEQUENCES + SETS + NORMS + SECOND + ROWS + PAIRS + PACKED + MOTION
       + LEFT_OUT + STREAMED + VECTORS + BOTH + SEPARATE + LISTED)

QUICK = {
    "dot_unit": "product_binary64@1",
    "row_norms (k+8)u": "norms_of_rows@1",
    "PAIR_ADD and PAIR_MULTIPLY": "elementwise_double_double@2",
    "affine: spectral·rad": "affine@1",
    "affine: product": "affine@12",
    "affine: unit·(|Wx| + |b|)": "affine@40",
    "activation: error of φ": "forward@2",
    "factor: 2r|G|": "feature_factor@1",
    "residual_norm: product": "residual_norm@0",
    "quadratic_form: error": "lambda_min@5",
    "up: nearest": "rounding@2",
    "congruence: ε without the error": "congruence*3",
    "modulus: θ itself, no Cholesky": "moduli@0",
}


pytestmark = pytest.mark.forks  # each mutant imports the package anew: 24 s after thousands of other tests, 10 alone


@pytest.fixture(scope="module")
def folder():
    with workplace() as place:
        yield place


def test_every_mutant_is_a_change_of_the_source():
    for mutant in ALL:
        assert mutated_source(mutant)[1]
    assert len({m.name for m in ALL}) == len(ALL)


def test_random_killers_are_attacks_under_the_name_they_had():
    """The name seeds the case: under another one it is another attack."""
    named = {part for m in ALL for killer in m.killers for part in killer.split("|") if "@" in part or "*" in part}
    assert len(named) > 100 and {re.split(r"[@*]", part)[0] for part in named} <= set(attacks())


def test_a_mutant_without_a_killer_says_why():
    assert [m.name for m in ALL if not m.killers and not m.note] == []


GROUPS = {"training": (TRAINING, 60), "graph": (GRAPH, 28), "sets": (SETS, 20), "second": (SECOND, 50),
          "packed": (PACKED, 18), "sequences": (SEQUENCES, 28), "pairs": (PAIRS, 24),
          "left out": (LEFT_OUT, 9), "streamed": (STREAMED, 14),
          "vectors": (VECTORS, 20), "both": (BOTH, 28), "separate": (SEPARATE, 9),
          "listed": (LISTED, 36)}
"""Mutants with a quick killer each, and how many there are at least."""
EACH = 24
"""Of so many one is taken in every run of the tests, the others by `-m long`."""


@pytest.mark.parametrize("group", GROUPS)
def test_every_group_has_so_many_mutants_with_a_killer(group):
    mutants, least = GROUPS[group]
    assert sum(bool(m.killers) for m in mutants) > least


def test_some_mutants_of_each_group_are_killed(folder):
    """All groups at once: what the product itself passes is then tried once, and imported once."""
    found = tuple(m for mutants, _ in GROUPS.values() for m in [m for m in mutants if m.killers][::EACH])
    assert len(found) >= len(GROUPS) and check_all(found, folder) == []


@pytest.mark.long
@pytest.mark.parametrize("part", range(1, EACH))
@pytest.mark.parametrize("group", GROUPS)
def test_the_other_mutants_of_each_group_are_killed(group, part, folder):
    assert check_all(tuple(m for m in GROUPS[group][0] if m.killers)[part::EACH], folder) == []


def quick():
    mutants = tuple(replace(m, killers=(QUICK[m.name],)) for m in ALL if m.name in QUICK)
    assert len(mutants) == len(QUICK)
    return mutants


def test_quick_mutants_are_killed(folder):
    assert check_all(quick()[::3], folder) == []


@pytest.mark.long
def test_every_quick_mutant_is_killed(folder):
    assert check_all(quick(), folder) == []


ROWS_QUICK = ("refit: σ without the mean of rows", "alternatives: one dropped",
              "contrasts: a rival dropped", "deletions: a child forgets its brothers' rows", "box: one row of k",
              "tree: a changed row keeps its label", "energy: averages give back twice", "cells: no changes",
              "softmax: one row of m", "check deletions: one fewer")
"""Of claims about changed rows one or two for each theorem; `python -m tests.mutation.run` takes all of them."""


def changed_rows():
    mutants = tuple(m for m in ROWS if m.name in ROWS_QUICK)
    assert len(mutants) == len(ROWS_QUICK)
    return mutants


def test_mutants_of_changed_rows_and_of_motions_are_killed(folder):
    assert check_all(changed_rows()[::3] + MOTION[::4], folder) == []


@pytest.mark.long
def test_more_mutants_of_changed_rows_and_of_motions_are_killed(folder):
    assert check_all(changed_rows() + MOTION, folder) == []
