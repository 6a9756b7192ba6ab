"""Four ways to take the system for the moved rows alone: which Jacobian, and which error of the outputs.

    python reports/tools/estimate_variants.py resnet56 --weights resnet56-4bfd9763.th --cifar FOLDER --rows 1 10 100

`J(x)` or `J(x + u)`, at the given or at the moved images; `−J_u u` or the error itself, `f(x) − f(x + u)`. All four are exact
to first order in the move. `J(x)` with `−J_u u` is the derivative of the solution set, theory E1. One line of Markdown each.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]
import cifar10  # noqa: E402
from estimates import CASES, Study  # noqa: E402


def variants(study: Study, count: int) -> list[str]:
    """Losses of the moved rows after each of the four steps, as lines of a table."""
    from certify.estimation.derivatives.jacobian import centred, input_derivative
    from certify.estimation.derivatives.kernel import kernel
    from certify.estimation.solvers.output_space import SHIFT_EXACT

    problem, rows = study.problem, list(range(count))
    u = study.move(rows, dict(CASES)[count])
    x, before = study.X[rows], study.outputs[rows]
    after = problem.function.all_outputs(problem.w, x + u)
    lines = []
    for where, at in (("J(x)", x), ("J(x + u)", x + u)):
        made = kernel(problem, at, True, None, 0, SHIFT_EXACT, lambda stage, done: None)
        for what, error in (("−J_u u", -input_derivative(problem, x, u)), ("f(x) − f(x + u)", before - after)):
            b = centred(error).reshape(1, -1)
            z = made.apply(b)
            z = z + made.apply(b - (z @ made.factor) @ made.factor.T)
            v = (z @ made.factor)[0]
            loss = problem.loss.mean(problem.function.all_outputs(problem.w + v, x + u), study.y[rows])
            lines.append(f"| {count} | `{where}` | `{what}` | {problem.loss.mean(before, study.y[rows]):.3g} | {loss:.3g} | "
                         f"{float(v.norm()):.3g} |")
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("net", choices=list(cifar10.NORMALISATION))
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--cifar", type=Path, required=True)
    parser.add_argument("--rows", type=int, nargs="+", default=[1, 10, 100])
    options = parser.parse_args()
    study = Study(options.net, options.weights, options.cifar, "given")
    print("| rows | Jacobian | error | loss on them: original | at the estimate | distance |\n|---:|---|---|---:|---:|---:|")
    for count in options.rows:
        print("\n".join(variants(study, count)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
