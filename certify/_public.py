"""Where the public names of `certify` are."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from certify._version import __version__ as __version__
    from certify.cli.algorithm import algorithm_1 as algorithm_1
    from certify.estimation import estimate as estimate
    from certify.estimation import sensitivity as sensitivity
    from certify.problem.load import load_problem as load_problem
    from certify.problem.problem import Problem as Problem
    from certify.prove.prover import bound as bound
    from certify.prove.stability import stability as stability

PLACES = {
    "__version__": "certify._version",
    "Problem": "certify.problem.problem",
    "load_problem": "certify.problem.load",
    "algorithm_1": "certify.cli.algorithm",
    "bound": "certify.prove.prover",
    "estimate": "certify.estimation",
    "sensitivity": "certify.estimation",
    "stability": "certify.prove.stability",
}


def public(name: str) -> Any:
    """What a public name stands for."""
    return getattr(import_module(PLACES[name]), name)
