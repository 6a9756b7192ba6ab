"""The one change in a file, which has a size of its own."""

from __future__ import annotations

from certify.problem.sets.perturbation_set import PerturbationSet


class Given(PerturbationSet):
    """One change of the data."""

    word = "given"
