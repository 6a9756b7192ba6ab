"""`python -m certify.testing.each VERB FILE …`: one verb on every file, as hooks before a commit call it."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str]) -> int:
    """Run the verb on each file, all of them whatever the others give.

    Args:
        arguments: the verb, then the files.

    Returns:
        The largest exit status.
    """
    from certify.cli.main import main as certify

    verb, *files = arguments
    return max((certify([verb, file]) for file in files), default=0)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
