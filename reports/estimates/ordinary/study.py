"""Estimate what deleting five rows does to the three ordinary models, with default options, and write a table.

    python study.py [NAME ...] [--write table.csv] [--option damping=0.01 ...]
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from models import DELETED, MODELS, trained

import certify

FIELDS = ("model", "base", "parameters", "residual", "damping", "undamped_residual", "converged", "loss_before",
          "loss_after", "loss_all_after", "gradient_left", "distance", "wall", "processor", "products", "status")


def lines(names: list[str], bases: list[str], options: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A line a model and base."""
    for name in names:
        module, X, y = trained(name)
        for base in bases:
            problem = certify.Problem.from_module(module, X, y, loss=MODELS[name].loss, base=base,
                                                  weight_decay=MODELS[name].penalty)
            wall, processor = time.perf_counter(), time.process_time()
            found = certify.estimate(problem, -np.ones(len(DELETED)), rows=DELETED, parameter="sample_weights",
                                     **options)
            wall, processor = time.perf_counter() - wall, time.process_time() - processor
            e = found.evidence
            yield {"model": name, "base": base, "parameters": problem.p, "residual": f"{found.residual:.2g}",
                   "damping": found.system.damping,
                   "undamped_residual": "" if found.system.undamped is None else f"{found.system.undamped:.2g}",
                   "converged": found.ended, "loss_before": f"{e.loss_before:.4g}",
                   "loss_after": f"{e.loss_after:.4g}", "loss_all_after": f"{e.loss_all_after:.4g}",
                   "gradient_left": "" if e.gradient_left is None else f"{e.gradient_left:.2g}",
                   "distance": f"{e.distance:.3g}", "wall": f"{wall:.1f}", "processor": f"{processor:.1f}",
                   "products": found.cost.products, "status": found.status}


def _option(text: str) -> tuple[str, Any]:
    name, _, value = text.partition("=")
    try:
        return name, float(value) if "." in value or "e" in value else int(value)
    except ValueError:
        return name, value


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--base", nargs="*", default=["given", "nearby"])
    parser.add_argument("--write", type=Path)
    parser.add_argument("--option", nargs="*", default=[], type=_option)
    asked = parser.parse_args()
    made = []
    for line in lines(asked.names or list(MODELS), asked.base, dict(asked.option)):
        print(*(f"{key}={value}" for key, value in line.items()), file=sys.stderr, flush=True)
        made.append(line)
    if asked.write:
        with asked.write.open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, FIELDS, lineterminator="\n")
            table.writeheader()
            table.writerows(made)


if __name__ == "__main__":
    main()
