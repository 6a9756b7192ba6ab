"""The new solution set of a ResNet after some of its training images moved: the paper's Table 1 and beyond.

    python reports/estimates.py resnet56 --weights resnet56-4bfd9763.th --cifar FOLDER      # an hour or two
    python reports/estimates.py resnet56 --tables                                           # tables and pictures again

First 1000 training images, eval mode, loss cross-entropy; nothing is trained. Rows move along their loss gradient (unit
directions, one common step) until their mean loss reaches a target. What is measured, fixed in advance:

* rows 0; 0–9; 0–99; 0–499, to mean losses of 0.0041, 0.0045, 0.0045, 0.0045 (or ten times the loss they have, where
  that is more): the step that looks at the moved rows alone, and the one that holds the other rows too;
* 20 draws (seeds 0 … 19) of one row and of ten rows: moved rows alone; the first three draws of each also held;
* three members of the estimated set for the 500 rows (seeds 1, 2, 3).

Every result is written into `estimates.json` as soon as it is there; a second run goes on from it. Cost is wall time over
that of one gradient of the mean loss of all 1000 images, measured beside it. 2 threads.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
import cifar10  # noqa: E402

ROWS = 1000
CASES = ((1, 0.0041), (10, 0.0045), (100, 0.0045), (500, 0.0045))
DRAWS, HELD, MEMBERS = 20, 3, 3
GRID = 9


def summary(found: Any) -> dict[str, Any]:
    """What is kept of an estimate."""
    from dataclasses import asdict

    return asdict(found.evidence) | {
        "residual": found.residual, "status": found.status, "cost": found.cost.gradients,
        "gradient_seconds": found.cost.gradient_seconds, "products": found.cost.products,
        "history": list(found.history), "history_cost": list(found.history_cost),
    }


class Study:
    """One network's study, resumable."""

    def __init__(self, net: str, weights: Path, cifar: Path) -> None:
        from certify.estimation import module_problem

        self.folder = HERE / f"{net}-cifar10"
        self.module = cifar10.module(net, weights)
        self.X, self.y = cifar10.images(cifar, ROWS, net)
        self.problem = module_problem(self.module, self.X, self.y, loss="cross_entropy", map="critical", tell=self.say)
        self.prepared: Any = None
        self.path = self.folder / "estimates.json"
        self.record: dict[str, Any] = json.loads(self.path.read_text()) if self.path.exists() else {}

    def say(self, words: str) -> None:
        print(words, file=sys.stderr, flush=True)

    def done(self, key: str) -> bool:
        return key in self.record

    def keep(self, key: str, value: Any) -> None:
        self.record[key] = value
        scratch = self.path.with_suffix(".part")
        scratch.write_text(json.dumps(self.record, indent=1) + "\n")
        os.replace(scratch, self.path)
        self.say(f"{key}: {json.dumps(value)[:200]}")

    def move(self, rows: list[int], target: float) -> Any:
        import torch.nn.functional as F

        with_loss = float(F.cross_entropy(self.problem.function.all_outputs(self.problem.w, self.X[rows]).double(),
                                          self.y[rows]))
        return cifar10.moved_along_gradient(self.module, self.X, self.y, rows, max(target, 10 * with_loss))

    def estimate(self, rows: list[int], u: Any, **options: Any) -> Any:
        from certify.estimation import estimate

        found = estimate(self.problem, u, rows, prepared=self.prepared, **options)
        if options.get("hold") != "moved":
            self.prepared = found.rows
        return found

    def case(self, key: str, rows: list[int], target: float, held: bool) -> None:
        if self.done(key):
            return
        u = self.move(rows, target)
        fresh = self.prepared is None
        found = self.estimate(rows, u, hold="all" if held else "moved")
        start = found.start or found
        kept = {"rows": len(rows), "moved_by": float(u[0].norm()), "moved": summary(start)}
        if found.start is not None:
            kept |= {"all": summary(found), "kernel_made": fresh}
        self.keep(key, kept)

    def run(self) -> None:
        import torch

        for count, target in CASES[:3]:
            self.case(f"first {count}", list(range(count)), target, held=True)
        for count, target in CASES[:2]:
            for seed in range(DRAWS):
                drawn = torch.randperm(ROWS, generator=torch.Generator().manual_seed(seed))[:count].tolist()
                self.case(f"draw {seed} of {count}", sorted(drawn), target, held=False)
        count, target = CASES[3]
        self.case(f"first {count}", list(range(count)), target, held=True)
        for count, target in CASES[:2]:
            for seed in range(HELD):
                drawn = torch.randperm(ROWS, generator=torch.Generator().manual_seed(seed))[:count].tolist()
                self.case(f"held draw {seed} of {count}", sorted(drawn), target, held=True)
        self.landscape()

    def landscape(self) -> None:
        """Mean loss of the moved rows (every fifth) over the plane of the step and of a direction of the kernel."""
        import torch

        if self.done("landscape"):
            return
        rows, target = list(range(CASES[3][0])), CASES[3][1]
        u = self.move(rows, target)
        found = self.estimate(rows, u, tolerance=0.05)
        members = found.sample_members(MEMBERS, seed=1)
        v, away = found.step, members[0].step - found.step
        some = torch.arange(0, len(rows), 5)
        x, y = found.change.inputs(self.problem)[some], self.y[some]
        ticks = torch.linspace(-0.5, 1.5, GRID).tolist()

        def loss(a: float, b: float) -> float:
            f = self.problem.function.all_outputs(self.problem.w + a * v + b * away, x)
            return self.problem.loss.mean(f, y)

        grid = [[loss(a, b) for a in ticks] for b in ticks]
        unit, side = v / v.norm(), away / away.norm()
        places = [[float(m.step @ unit / v.norm()), float(m.step @ side / away.norm()), m.evidence.loss_after,
                   m.evidence.unmoved_output_change, m.evidence.distance] for m in members]
        self.keep("landscape", {"ticks": ticks, "grid": grid, "members": places, "step": summary(found)})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("net", choices=list(cifar10.NORMALISATION))
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--cifar", type=Path, default=Path(os.environ.get("CIFAR_FOLDER", "package")))
    parser.add_argument("--tables", action="store_true", help="no runs: tables and pictures from estimates.json")
    options = parser.parse_args()
    if not options.tables:
        import torch

        torch.set_num_threads(2)
        Study(options.net, options.weights, options.cifar).run()
    from estimate_tables import write

    write(HERE / f"{options.net}-cifar10")
    return 0


if __name__ == "__main__":
    sys.exit(main())
