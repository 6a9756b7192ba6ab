"""Which changes of the data claims are about, on the verdict line, in the words of the spec.

The checker has these words of its own (`certify check` says them of what it compared): a test holds both together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from certify.format.canonical import show

MOST: Final = 60
"""Characters of a value that are shown."""

SILENT: Final = (("count", None), ("radius", None), ("relative", None), ("norm", 2), ("rows", "all"), ("layer", "all"),
                 ("scale", None), ("grouped", None), ("fresh", None), ("pairs", None), ("relabelled", None),
                 ("direction", None), ("class_weight", None), ("row_weights", None), ("normalization", None))
"""Members of a problem that are said after its parameter and set, and what is not worth a word.

The last three are what rows count once they are trained on again: class weights that follow the labels, weights that
stay with their rows, and what the loss is divided by are three questions of one count.
"""


def asked_changes(problem: Mapping[str, Any]) -> str:
    """Parameter, set where there is one (an estimate has none), and whatever else the spec says of the changes.

    >>> asked_changes({"parameter": "deletions", "set": "sparse", "count": 2, "norm": 2, "rows": [0, 3]})
    'deletions, sparse, count 2, rows [0,3]'
    """
    said = [str(problem[key]) for key in ("parameter", "set") if key in problem]
    for key, usual in SILENT:
        value = problem.get(key, usual)
        if value != usual:
            said.append(f"{key} {show(value, MOST)}")
    return ", ".join(said)
