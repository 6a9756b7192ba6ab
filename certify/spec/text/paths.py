"""Paths as a spec in some folder names them."""

from __future__ import annotations

import os
from pathlib import Path


def relative(path: Path, folder: Path) -> str:
    """A path as seen from a folder: folders are resolved, the file's own name is kept.

    >>> relative(Path("/a/b/model.npz"), Path("/a/c"))
    '../b/model.npz'
    """
    try:
        return Path(os.path.relpath(path.parent.resolve() / path.name, folder.resolve())).as_posix()
    except ValueError:  # another drive
        return path.resolve().as_posix()
