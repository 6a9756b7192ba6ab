"""certify: how far the solution set of a trained network can move when its training data moves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from certify.algorithm import algorithm_1
    from certify.bounds import bound
    from certify.estimation import estimate, sensitivity
    from certify.problem import Problem, load_problem
    from certify.solutions import stability

_LAZY = {
    "Problem": "certify.problem",
    "load_problem": "certify.problem",
    "algorithm_1": "certify.algorithm",
    "bound": "certify.bounds",
    "estimate": "certify.estimation",
    "sensitivity": "certify.estimation",
    "stability": "certify.solutions",
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
