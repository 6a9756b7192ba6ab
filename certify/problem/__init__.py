"""The problem: network, data, perturbation and solution map, its norms, its limits, and the bound that answers it."""

from __future__ import annotations

from typing import Any

__all__ = ["Problem", "load_problem"]


def __getattr__(name: str) -> Any:
    """Import public names on first use: a problem reads specs and files, which the floors below it must not."""
    if name in __all__:
        import importlib

        return getattr(importlib.import_module("certify.problem.problem"), name)
    raise AttributeError(f"module 'certify.problem' has no attribute '{name}'")
