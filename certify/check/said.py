"""One line for a reader: what cannot be printed of the names in it is left out."""

from __future__ import annotations

from typing import TextIO


def say(line: str, stream: TextIO) -> None:
    r"""Print it, whatever names of files are in it: no escape or new line of theirs reaches a terminal.

    >>> import sys
    >>> say("files: data a\n\x1b[32mcertified", sys.stdout)
    files: data a??[32mcertified
    """
    print("".join(c if c.isprintable() else "?" for c in line), file=stream, flush=True)
