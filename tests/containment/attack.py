"""Attack every kernel with random adversarial inputs and print one table.

    python -m tests.containment.attack --cases 10000 --whole 2000 --seed 20261125 [--jobs 2] [names …]

Every case has its own generator `default_rng([seed, kernel, case])`, so a violation is reproduced by
`python -m tests.containment.attack NAME --seed S --only CASE`. Exit status 1 if there was a violation or a crash.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from zlib import crc32

import numpy as np

from tests.containment.registry import attacks, named
from tests.containment.rigor import Violation


def attack(name: str, seed: int, cases: range) -> tuple[str, dict[str, int], list[str], float]:
    """Outcomes of the given cases of one attack, with the messages of its violations, and seconds."""
    warnings.simplefilter("ignore")
    tally, messages, start = {"decided": 0, "refused": 0, "violated": 0, "crashed": 0}, [], time.perf_counter()
    for case in cases:
        try:
            tally[one(name, seed, case)] += 1
        except Violation as violation:
            tally["violated"] += 1
            messages.append(f"{name} seed {seed} case {case}: {violation}")
        except Exception as crash:  # the product may refuse with its own errors only: anything else is a defect
            tally["crashed"] += 1
            messages.append(f"{name} seed {seed} case {case}: {type(crash).__name__}: {crash}")
    return name, tally, messages, time.perf_counter() - start


def one(name: str, seed: int, case: int, module: str = "") -> str:
    """One case: "decided" or "refused"; a violation raises. Of a known module that one alone is imported."""
    with np.errstate(all="ignore"):
        return named(name, module).draw(np.random.default_rng([seed, crc32(name.encode()), case]))


def versions() -> str:
    """What the table was measured with."""
    from certify.rigor.environment import self_test

    found = self_test()
    keys = ("python", "numpy", "scipy", "python_flint", "blas", "machine", "fma", "flush_to_zero", "threads")
    return ", ".join(f"{key} {found[key]}" for key in keys)


def main(argv: list[str] | None = None) -> int:
    """Run the attacks that are asked for and print the table in markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="attacks (default: all)")
    parser.add_argument("--cases", type=int, default=10000)
    parser.add_argument("--whole", type=int, help="cases of a slow attack, on whole problems (default: a fifth)")
    parser.add_argument("--seed", type=int, default=20261125)
    parser.add_argument("--only", type=int, help="one case, to reproduce a violation")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args(argv)
    known = attacks()
    names = options.names or list(known)
    whole = options.cases // 5 if options.whole is None else options.whole
    counts = [options.cases if (slow := known[name].slow) is None else whole // slow for name in names]
    cases = [range(c) if options.only is None else range(options.only, options.only + 1) for c in counts]
    print(f"<!-- seed {options.seed}; {versions()} -->")
    print("| kernel | cases | decided | refused | violations | crashes | seconds |")
    print("|---|---:|---:|---:|---:|---:|---:|", flush=True)
    wrong = 0
    with ProcessPoolExecutor(min(options.jobs, len(names))) as pool:
        for name, tally, messages, seconds in pool.map(attack, names, [options.seed] * len(names), cases):
            print(f"| {name} | {sum(tally.values())} | {tally['decided']} | {tally['refused']} | {tally['violated']} | "
                  f"{tally['crashed']} | {seconds:.0f} |", flush=True)
            wrong += tally["violated"] + tally["crashed"]
            for message in messages[:3]:
                print(message[:4000], file=sys.stderr, flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
