"""certify: how far the solution set of a trained network can move when its training data moves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from certify._public import (  # noqa: I001  (packed: every line here is one that a verdict rests on)
        Problem, __version__, algorithm_1, audit, bound, closeness, coefficients, estimate, from_arrays, from_module,
        from_sklearn, leave_one_out, load_problem, polish, prediction_change, sensitivity, sign_survives, stability,
        stable_predictions, targets_off, tolerated_changes, InputError,
    )

__all__ = ["InputError", "Problem", "__version__", "algorithm_1", "audit", "bound", "closeness", "coefficients",
           "estimate", "from_arrays", "from_module", "from_sklearn", "leave_one_out", "load_problem", "polish",
           "prediction_change", "sensitivity", "sign_survives", "stability", "stable_predictions",
           "stored_predictions", "targets_off", "tolerated_changes"]


def __getattr__(name: str) -> Any:
    """Import public names on first use, so that `import certify` stays light."""
    from certify._public import public

    return public(name)


def __dir__() -> list[str]:
    """Public names, loaded or not."""
    return sorted({*globals(), *__all__})
