"""The entry point of the command line. The verbs are in :mod:`certify.cli.commands`.

`certify check` is handed to the checker before anything else of `certify` is imported, so that what checks a
certificate shares no code with what wrote it.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence

INVALID, INTERRUPTED, UNREAD = 2, 130, 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    0: done, and no gate of severity `fail` failed or is open; 3: one failed; 4: one is open; 5: an estimate whose
    linear system was not solved; 2: usage or invalid input; 130: Ctrl-C; 141: nobody read what `check` printed to its
    end, as `| head` does. Status 1 is left to crashes.
    """
    arguments = sys.argv[1:] if argv is None else list(argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a locale without ≤ or ∞ is no reason to crash
    try:
        if arguments[:1] == ["check"]:
            from certify.check.main import main as check

            status = check(arguments[1:])
            sys.stdout.flush()  # here, and not when Python ends, so that a reader who left is met below
            return status
        return _verb(arguments)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left over goes there as Python ends
        return UNREAD
    except KeyboardInterrupt:
        print("certify: interrupted; files written earlier are as they were", file=sys.stderr)
        return INTERRUPTED
    except MemoryError:
        print("certify: out of memory; `certify run SPEC --plan` says how much is needed", file=sys.stderr)
        return INVALID


def _verb(arguments: list[str]) -> int:
    from certify.cli.commands import Interrupted, command
    from certify.cli.text import one_line
    from certify.format.errors import CertifyError

    try:
        command()(args=arguments, prog_name="certify")
    except SystemExit as leave:
        return leave.code if isinstance(leave.code, int) else int(leave.code is not None)
    except Interrupted:
        raise KeyboardInterrupt from None
    except CertifyError as error:
        print(f"certify: {one_line(str(error))}", file=sys.stderr)
        return INVALID
    return 0
