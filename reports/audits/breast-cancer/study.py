"""The table that matters: the paper's κ_h, M4, and the measured distance of the nearest re-solved solution.

For the ten rows where M4 and the paper's Theorem 2 differ most by their ratio, and the ten where they differ most by
their difference, row i is moved by t = 1e-2 … 1e-5 along its worst direction (any direction d moves the output by
g_i·d, so the gradient itself), the nearest weights that give all 569 rows their old outputs are found, and |w − w̄|/t
is compared with both. M4 is read from `certificate.json` beside this script, where `certify run` proved its ends.

Usage: `python study.py` writes `table.md`, `table.csv`, `distance.svg` and the table inside `README.md` (4 minutes).
"""

from __future__ import annotations

import sys
from pathlib import Path

import resolve
import tables
from rows import describe_rows, measure, proved_moduli

HERE = Path(__file__).resolve().parent
ROWS_SHOWN = 10


def main() -> int:
    """Measure and write everything; 1 if a re-solved problem did not converge."""
    net, w, X, y = resolve.load(HERE)
    proved = proved_moduli(HERE / "certificate.json", HERE / "model.safetensors")
    rows = describe_rows(net, w, X, y, proved)
    by_ratio = sorted(rows, key=lambda row: -row.ratio)[:ROWS_SHOWN]
    by_difference = sorted(rows, key=lambda row: row.paper - row.modulus)[:ROWS_SHOWN]
    ratio = measure(net, w, X, by_ratio, (1, -1))
    difference = measure(net, w, X, by_difference, (1,))
    tables.write_csv(HERE / "table.csv", [*ratio, *difference])
    tables.draw(HERE / "distance.svg", ratio)
    page = tables.page(rows, ratio, difference)
    (HERE / "table.md").write_text(page, encoding="utf-8")
    tables.insert(HERE / "README.md", tables.main_table(ratio))
    return 0 if all(m.found.status == "converged" for m in [*ratio, *difference]) else 1


if __name__ == "__main__":
    sys.exit(main())
