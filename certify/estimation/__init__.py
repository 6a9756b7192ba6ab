"""Estimates for networks too large to certify: the new solution set after a change of the data, with evidence.

Nothing here is proved; every result says `estimated`. It needs torch, which nothing else of `certify` does.
"""

import importlib.util

from certify.format.errors import MissingPackage

if importlib.util.find_spec("torch") is None:
    raise MissingPackage("estimates", "torch is not installed", "pip install 'certify[estimate]', or pip install torch")

from certify.estimation.estimate import Estimate, Member, estimate  # noqa: E402
from certify.estimation.model.subject import ModuleProblem, module_problem  # noqa: E402
from certify.estimation.options import EstimateOptions  # noqa: E402
from certify.estimation.retraining import Agreement, Retrained  # noqa: E402
from certify.estimation.sensitivity import Sensitivity, sensitivity  # noqa: E402

__all__ = [
    "Agreement",
    "Estimate",
    "EstimateOptions",
    "Member",
    "ModuleProblem",
    "Retrained",
    "Sensitivity",
    "estimate",
    "module_problem",
    "sensitivity",
]
