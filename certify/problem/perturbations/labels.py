"""Labels that become others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from certify.problem.perturbations.codes import codes_of
from certify.problem.perturbations.moving import Moving

if TYPE_CHECKING:
    from certify.problem.statement import Statement


class Labels(Moving):
    """The one label of a row may become any other; a change has no size."""

    def width(self, inputs: int, outputs: int) -> int:
        """One."""
        return 1

    def require(self, problem: Statement) -> None:
        """Refuse targets that stand for no labels."""
        codes_of(problem)
