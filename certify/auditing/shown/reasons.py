"""Why no more is proved, in brief: the ways that were tried or do not apply stand apart."""

from __future__ import annotations

import re
from typing import Final

WAYS: Final = re.compile(r"(?P<what>.*?) \((?P<ways>(?:tried )?[a-z_]+: .*; (?:tried )?[a-z_]+: .*)\)(?P<then>: .*)?",
                         flags=re.S)


def brief(reason: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """A reason without its list of ways, and these, each with what speaks against it.

    >>> brief("2 predictions are open (box: it is for one output; cells: the loss is squared; no): give more time")
    ('2 predictions are open: give more time', (('box', 'it is for one output'), ('cells', 'the loss is squared; no')))
    >>> brief("1 is open (tried box: 1 stays open; tried cells: no time): give more time")[0]
    '1 is open: give more time'
    >>> brief("there is no minimum (0 or 1)")
    ('there is no minimum (0 or 1)', ())
    """
    found = WAYS.fullmatch(reason)
    if found is None:
        return reason, ()
    each = (way.partition(": ") for way in re.split(r"; (?=(?:tried )?[a-z_]+: )", found["ways"]))
    return found["what"] + (found["then"] or ""), tuple((name, words) for name, _, words in each)
