"""Write the page of every certificate of these reports, or of some: `report.html` beside each `certificate.json`.

    python reports/tools/pages.py                                     # all, seconds
    python reports/tools/pages.py wine breast-cancer-logistic/changes

A page holds nothing that its certificate does not, so that three are kept in the repository, as samples, and the others
are made. `certify report CERT` writes one of them.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

REPORTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPORTS.parent))
from certify.certificate import read_certificate  # noqa: E402
from certify.report.exporters.html import render  # noqa: E402


def certificates(name: str) -> list[Path]:
    """The certificates of a report, or of a folder in one.

    Raises:
        SystemExit: there is none.
    """
    found = sorted(path for folder in REPORTS.glob(f"*/{name}") for path in folder.rglob("certificate.json"))
    if not found:
        raise SystemExit(f"{name}: no certificate lies in a report of this name")
    return found


def main(names: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="write the pages of the certificates again")
    parser.add_argument("report", nargs="*", default=["."], help="names of reports, or of folders in one; default all")
    for name in parser.parse_args(names).report:
        for path in certificates(name):
            path.with_name("report.html").write_text(render(read_certificate(path)), encoding="utf-8")
            print(path.with_name("report.html").relative_to(REPORTS.parent))
    return 0


if __name__ == "__main__":
    sys.exit(main())
