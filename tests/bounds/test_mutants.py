"""Every mutant of the kernels for training, nearby solutions and uncertain weights is killed by its attack."""

from __future__ import annotations

import pytest

from tests.mutants import CONSTANTS, LOGIC
from tests.mutants_training import TRAINING
from tests.mutate_constants import check_all, mutated_source

ALL = CONSTANTS + LOGIC + TRAINING


def test_every_mutant_is_a_change_of_the_source():
    for mutant in ALL:
        assert mutated_source(mutant)[1]
    assert len({m.name for m in ALL}) == len(ALL)


def test_a_mutant_without_a_killer_says_why():
    assert [m.name for m in ALL if not m.killers and not m.note] == []


@pytest.mark.parametrize("part", range(4))
def test_training_mutants_are_killed(part):
    mutants = tuple(m for m in TRAINING if m.killers)
    assert len(mutants) > 50
    assert check_all(mutants[part::4]) == []
