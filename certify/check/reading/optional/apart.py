"""What is said where a certificate records other files than its spec names: the folders, and all files to be given."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from certify.format.canonical import show
from certify.format.refusal import Invalid

if TYPE_CHECKING:
    from certify.check.reading.files import Places


def other(places: Places, apart: Mapping[str, str]) -> Invalid:
    """The refusal.

    Args:
        places: of the files.
        apart: by role what the spec names, where that is not what is recorded.
    """
    role, file = next(iter(apart.items()))
    mine, its = places.found[role].parent, (places.found["spec"].parent / file.replace("\0", "")).parent
    same = os.path.realpath(mine) == os.path.realpath(its)
    here, there = ("", "") if same else (f" in folder {show(str(mine))}", f" in folder {show(str(its))}")
    beside = [one for one, path in places.found.items() if one == "witness" and not os.path.lexists(path)]
    roles = [*apart, *beside]
    return Invalid(f"subject.{role}.path", f"{show(places.subject[role].path)}{here} is recorded",
                   f"the spec names {show(file)}{there}; say which {'is' if len(roles) == 1 else 'are'} meant, with "
                   f"{' '.join(f'--{one} FILE' for one in roles)}")
