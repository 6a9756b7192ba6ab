"""A budget for every row: `{u : |u_i| ≤ r for all i}`, in the norm of one row's change."""

from __future__ import annotations

from certify.check.words.sets.base import PerturbationSet

SET = PerturbationSet()
