"""certify: how far the solution set of a trained network can move when its training data moves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from certify._public import (
        Problem,
        __version__,
        algorithm_1,
        bound,
        estimate,
        load_problem,
        sensitivity,
        stability,
    )

__all__ = ["Problem", "__version__", "algorithm_1", "bound", "estimate", "load_problem", "sensitivity", "stability"]


def __getattr__(name: str) -> Any:
    """Import public names on first use, so that `import certify` stays light."""
    if name in __all__:
        from certify._public import public

        return public(name)
    raise AttributeError(f"module 'certify' has no attribute '{name}'")


def __dir__() -> list[str]:
    """Public names, loaded or not."""
    return sorted({*globals(), *__all__})
