"""D7: relabelled rows by the energy on the hyperplane where a label is lost."""

from certify.check.theorems.head.rows.energy.replay import proved

__all__ = ["proved"]
