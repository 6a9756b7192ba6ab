"""Write every forgery into a folder, for other checkers, and the table of them beside it (without one: the table here).

    python -m tests.forgeries [FOLDER]
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tests.forgeries.corpus import FORGERIES, README, table

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?")
    into = parser.parse_args().folder
    if into is None:
        README.write_text(table(), encoding="utf-8")
    else:
        into.mkdir(parents=True)
        for name, row in FORGERIES.items():
            row.make(into / name)
        (into / "README.md").write_text(table(), encoding="utf-8")
