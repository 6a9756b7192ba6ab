"""The one change that a file states: `{u}`."""

from __future__ import annotations

from certify.check.words.sets.base import PerturbationSet


class Given(PerturbationSet):
    """Neither radius nor choice."""

    single = True


SET = Given()
