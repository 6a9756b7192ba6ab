"""The objects that know how a budget is shared, by the word of a spec."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from certify.problem.sets.given import Given
from certify.problem.sets.per_sample import PerSample
from certify.problem.sets.perturbation_set import Budget, PerturbationSet
from certify.problem.sets.sparse import Sparse
from certify.problem.sets.total import Total

BUDGETS: Final[Mapping[str, Budget]] = MappingProxyType({
    budget.word: budget for budget in (Total(), PerSample(), Sparse())})
"""Those with a radius."""

SETS: Final[Mapping[str, PerturbationSet]] = MappingProxyType({**BUDGETS, Given.word: Given()})
"""Every word.

>>> [word for word, kind in SETS.items() if kind.by_row]
['per_sample', 'sparse']
"""
