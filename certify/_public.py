"""Where the public names of `certify` are."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from certify._version import __version__ as __version__
    from certify.auditing.python import audit as audit
    from certify.certificate.polished import polish as polish
    from certify.cli.algorithm import algorithm_1 as algorithm_1
    from certify.estimation import estimate as estimate
    from certify.estimation import sensitivity as sensitivity
    from certify.format.errors import InputError as InputError
    from certify.problem.closeness import closeness as closeness
    from certify.problem.load import load_problem as load_problem
    from certify.problem.problem import Problem as Problem
    from certify.prove.changed.coefficients import coefficients as coefficients
    from certify.prove.changed.leave_one_out import leave_one_out as leave_one_out
    from certify.prove.changed.rows_deleted import prediction_change as prediction_change
    from certify.prove.changed.signs import sign_survives as sign_survives
    from certify.prove.changed.targets_off import targets_off as targets_off
    from certify.prove.changed.tolerated import tolerated_changes as tolerated_changes
    from certify.prove.estimators import from_sklearn as from_sklearn
    from certify.prove.given_weights import from_arrays as from_arrays
    from certify.prove.modules import from_module as from_module
    from certify.prove.prover import bound as bound
    from certify.prove.rows import stable_predictions as stable_predictions
    from certify.prove.stability import stability as stability
    from certify.prove.stored.predictions import stored_predictions as stored_predictions

PLACES = {
    "__version__": "certify._version",
    "InputError": "certify.format.errors",
    "Problem": "certify.problem.problem",
    "load_problem": "certify.problem.load",
    "algorithm_1": "certify.cli.algorithm",
    "bound": "certify.prove.prover",
    "audit": "certify.auditing.python",
    "closeness": "certify.problem.closeness",
    "coefficients": "certify.prove.changed.coefficients",
    "estimate": "certify.estimation",
    "from_arrays": "certify.prove.given_weights",
    "from_module": "certify.prove.modules",
    "from_sklearn": "certify.prove.estimators",
    "polish": "certify.certificate.polished",
    "prediction_change": "certify.prove.changed.rows_deleted",
    "sensitivity": "certify.estimation",
    "sign_survives": "certify.prove.changed.signs",
    "leave_one_out": "certify.prove.changed.leave_one_out",
    "stability": "certify.prove.stability",
    "stable_predictions": "certify.prove.rows",
    "stored_predictions": "certify.prove.stored.predictions",
    "targets_off": "certify.prove.changed.targets_off",
    "tolerated_changes": "certify.prove.changed.tolerated",
}


def public(name: str) -> Any:
    """What a public name stands for; the error is the one of a module without it."""
    place = PLACES.get(name)
    if place is None:
        raise AttributeError(f"module 'certify' has no attribute '{name}'")
    return getattr(import_module(place), name)
