"""Labels that become others."""

from __future__ import annotations

from certify.problem.perturbations.codes import Targeted, codes_of
from certify.problem.perturbations.moving import Moving


class Labels(Moving):
    """The one label of a row may become any other; a change has no size."""

    word, relabels = "labels", True

    @property
    def given(self) -> str:
        """As a change of targets."""
        return "targets"

    def suits(self, numbers: bool) -> bool:
        """Classes."""
        return not numbers

    def width(self, inputs: int, outputs: int) -> int:
        """One."""
        return 1

    def require(self, problem: Targeted) -> None:
        """Refuse targets that stand for no labels."""
        codes_of(problem)
