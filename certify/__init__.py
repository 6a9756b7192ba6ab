"""certify: how far the solution set of a trained network can move when its training data moves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from certify._version import __version__
    from certify.cli.algorithm import algorithm_1
    from certify.estimation import estimate, sensitivity
    from certify.problem.load import load_problem
    from certify.problem.problem import Problem
    from certify.prove.prover import bound
    from certify.prove.stability import stability

_LAZY = {
    "__version__": "certify._version",
    "Problem": "certify.problem.problem",
    "load_problem": "certify.problem.load",
    "algorithm_1": "certify.cli.algorithm",
    "bound": "certify.prove.prover",
    "estimate": "certify.estimation",
    "sensitivity": "certify.estimation",
    "stability": "certify.prove.stability",
}

__all__ = ["Problem", "__version__", "algorithm_1", "bound", "estimate", "load_problem", "sensitivity", "stability"]


def __getattr__(name: str) -> Any:
    """Import public names on first use, so that `import certify` stays light."""
    if name in _LAZY:
        import importlib

        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'certify' has no attribute '{name}'")


def __dir__() -> list[str]:
    """Public names, loaded or not."""
    return sorted([*globals(), *_LAZY])
