"""What would fit into the limits, in words."""

from __future__ import annotations

from collections.abc import Callable

from certify.problem.cost import BASE_MEMORY, Cost
from certify.problem.limits import Limits


def memory_wanted(limits: Limits) -> str:
    """How to have more memory.

    >>> memory_wanted(Limits(1 << 30, stated=True)), memory_wanted(Limits(1 << 30))
    ('raise memory_limit', 'use a machine with more memory')
    """
    return "raise memory_limit" if limits.stated else "use a machine with more memory"


def larger_limits(able: tuple[Cost, ...], limits: Limits) -> str:
    """Which of both limits to raise for everything."""
    return memory_wanted(limits) if max(cost.memory for cost in able) > limits.memory else "raise time_limit"


def fewer_rows(able: tuple[Cost, ...], limits: Limits, rows: Callable[[float], int]) -> str:
    """How many rows would fit, or which limit to raise.

    Args:
        able: the ways of computing.
        limits: memory and time.
        rows: rows that need a share of the memory beyond that of the program.
    """
    if not able:
        return "list fewer rows in the data, or ask for modulus"
    need = max([*(cost.memory for cost in able if cost.vital), min(cost.memory for cost in able)])
    if need > limits.memory:
        fit = rows(max((limits.memory - BASE_MEMORY) / (need - BASE_MEMORY), 0.0))
        return ", or ".join([*([f"use at most about {fit} rows"] if fit else []), memory_wanted(limits)])
    return "raise time_limit" if limits.seconds is not None else ""
