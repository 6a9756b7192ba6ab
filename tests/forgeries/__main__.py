"""Write every forgery into a folder, and a table of what is forged and what the checker answers."""

from __future__ import annotations

import argparse
from pathlib import Path

from tests.forgeries.corpus import FORGERIES

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    into = parser.parse_args().folder
    into.mkdir(parents=True)
    lines = ["| forgery | what is forged | exit status | options | words |", "|---|---|---|---|---|"]
    for name, row in FORGERIES.items():
        row.make(into / name)
        words = row.words.replace("|", "\\|")
        lines.append(f"| `{name}` | {row.what} | {row.status} | {' '.join(row.options)} | `{words}` |")
    (into / "README.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
