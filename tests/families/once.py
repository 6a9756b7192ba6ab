"""Files that several tests begin with: made once in a process, and written again for each of them."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def once(make: Callable[Concatenate[Path, P], T]) -> Callable[Concatenate[Path, P], T]:
    """What makes files in an empty folder and answers something, run once for the same arguments.

    It has to make the same of the same arguments: nothing that a test patches may matter to it.
    """
    kept: dict[str, tuple[T, dict[str, bytes]]] = {}

    @wraps(make)
    def again(folder: Path, *given: P.args, **named: P.kwargs) -> T:
        key = repr((given, sorted(named.items())))
        if key not in kept:
            answer = make(folder, *given, **named)
            files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
            kept[key] = deepcopy(answer), files
        answer, files = kept[key]
        for name, content in files.items():
            (folder / name).write_bytes(content)
        return deepcopy(answer)

    return again
