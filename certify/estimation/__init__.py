"""Estimates for networks too large to certify: the new solution set after a change of the data, with evidence.

Nothing here is proved; every result says `estimated`.
"""

from certify.estimation.estimate import Estimate, Member, estimate
from certify.estimation.options import EstimateOptions
from certify.estimation.subject import ModuleProblem, module_problem

__all__ = ["Estimate", "EstimateOptions", "Member", "ModuleProblem", "estimate", "module_problem"]
