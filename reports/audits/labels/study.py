"""Count labels within R for several R, beside R itself, and write the table of the page.

    python reports/audits/labels/study.py

Every count is proved (P2); which R a change of the data needs is what the certificates say.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

import certify
from certify.theorems.predictions.within_distance import labels_within

HERE = Path(__file__).resolve().parent
SPECS = ("breast-cancer-rounded", "wide-relu-total")
FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
MARKS = ("<!-- counts: written by study.py -->", "<!-- end of counts -->")


def line(name: str) -> str:
    """R of the certificate, and the counts within multiples of it."""
    problem = certify.load_problem(HERE / name / "certify.toml")
    claim = json.loads((HERE / name / "certificate.json").read_text(encoding="utf-8"))["claims"][0]
    reach = claim["witness"]["reach"]
    found = [labels_within(problem.network, problem.evaluation, reach * factor) for factor in FACTORS]
    widest = np.sort(found[FACTORS.index(1.0)].changes)
    counts = " | ".join(str(int(labels.stable.sum())) for labels in found)
    return f"| `{name}` | {reach:.4g} | {counts} | {np.median(widest):.3g}, {widest[-1]:.3g} |"


def main() -> None:
    head = ["spec", "R", *(f"{factor:g} R" for factor in FACTORS), "a margin's change within R: median, largest"]
    table = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *map(line, SPECS)]
    page = (HERE / "README.md").read_text(encoding="utf-8")
    before, rest = page.split(MARKS[0])
    text = f"{before}{MARKS[0]}\n" + "\n".join(table) + f"\n{MARKS[1]}{rest.split(MARKS[1], 1)[1]}"
    (HERE / "README.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
