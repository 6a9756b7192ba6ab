"""The section `[run]`: limits, which end a run early and change no claim."""

from __future__ import annotations

import re

from certify.check.reading.numbers import is_number
from certify.format.canonical import Json, show
from certify.format.refusal import Invalid


def check_limits(run: Json) -> None:
    """Their form is seen to, no more."""
    time, memory = run.get("time_limit", 1), run.get("memory_limit", 1)
    if not is_number(time, 0) or time == 0:
        raise Invalid("spec, run.time_limit", f"{show(time)} is stated", "seconds above 0 are needed")
    size = isinstance(memory, str) and re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,15})? ?([kKMGT]|[KMGT]i)?B", memory)
    if not size and not is_number(memory, 1):
        raise Invalid("spec, run.memory_limit", f"{show(memory)} is stated", 'bytes or a size as "8 GB" are needed')
