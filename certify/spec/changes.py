"""Where one given change may make class labels others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from certify.format.support import applying
from certify.format.theorems import Q7_CRITICAL
from certify.spec.question import questions

if TYPE_CHECKING:
    from certify.spec.models import Spec


def flips(spec: Spec) -> bool:
    """Whether class labels may change: to others, at finite size (`distance`), as nothing moves them a little."""
    return bool(spec.gate) and all(applying(question) == (Q7_CRITICAL,) for question in questions(spec))
