"""The problem: network, data, perturbation and solution map, its norms, its limits, and the bound that answers it."""

from __future__ import annotations

from typing import Any

__all__ = ["Problem", "load_problem"]

_LAZY = {"Problem": "certify.problem.problem", "load_problem": "certify.problem.load"}


def __getattr__(name: str) -> Any:
    """Import public names on first use: a problem reads specs and files, which the floors below it must not."""
    if name in _LAZY:
        import importlib

        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'certify.problem' has no attribute '{name}'")
