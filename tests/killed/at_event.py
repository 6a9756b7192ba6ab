"""`python tests/killed/at_event.py NUMBER FOLDER VERB …`: certify, killed as by `kill -9` before a change of a folder.

An audit hook of the interpreter sees every file that is opened for writing, renamed or removed and every folder that
is made or removed, before it happens. At change NUMBER the process kills itself; with 0 it never does, and says last
on standard error how many changes there were. The product knows nothing of this.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "shutil.copyfile")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def main(number: int, folder: str, arguments: list[str]) -> int:
    """Run `certify` and kill this process before change `number` of the folder."""
    root, seen, me = os.path.abspath(folder), [0], os.getpid()

    def hook(event: str, found: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = found
            if isinstance(path, int) or not flags & WRITING:
                return
        elif event in CHANGES:
            path = found[0]
        else:
            return
        if os.path.abspath(os.fsdecode(path)).startswith(root):
            seen[0] += 1
            if seen[0] == number and os.getpid() == me:
                os.kill(me, signal.SIGKILL)

    from certify.cli.main import main as certify

    sys.addaudithook(hook)
    status = certify(arguments)
    print(f"changes {seen[0]}", file=sys.stderr)
    return status


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1]), sys.argv[2], sys.argv[3:]))
