"""certify: how far the solution set of a trained network can move when its training data moves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from certify._version import __version__
    from certify.cli.algorithm import algorithm_1
    from certify.estimation import estimate, sensitivity
    from certify.problem.load import load_problem
    from certify.problem.problem import Problem
    from certify.prove.estimators import from_sklearn
    from certify.prove.prover import bound
    from certify.prove.rows import leave_one_out, stable_predictions, tolerated_changes
    from certify.prove.stability import stability

_LAZY = {
    "__version__": "certify._version",
    "Problem": "certify.problem.problem",
    "load_problem": "certify.problem.load",
    "algorithm_1": "certify.cli.algorithm",
    "bound": "certify.prove.prover",
    "estimate": "certify.estimation",
    "from_sklearn": "certify.prove.estimators",
    "sensitivity": "certify.estimation",
    "leave_one_out": "certify.prove.rows",
    "stability": "certify.prove.stability",
    "stable_predictions": "certify.prove.rows",
    "tolerated_changes": "certify.prove.rows",
}

__all__ = ["Problem", "__version__", "algorithm_1", "bound", "estimate", "from_sklearn", "leave_one_out",
           "load_problem", "sensitivity", "stability", "stable_predictions", "tolerated_changes"]


def __getattr__(name: str) -> Any:
    """Import public names on first use, so that `import certify` stays light."""
    if name in _LAZY:
        import importlib

        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'certify' has no attribute '{name}'")


def __dir__() -> list[str]:
    """Public names, loaded or not."""
    return sorted([*globals(), *_LAZY])
