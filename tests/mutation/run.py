"""Run the mutants of `tests.mutation.mutants` against their killers, or against every random attack.

    python -m tests.mutation.run            # every mutant with a killer must be killed, the product must not
    python -m tests.mutation.run --hunt 300 # mutants without a killer against 300 cases of every attack
    python -m tests.mutation.run --table    # the list of constants and killers in markdown

A mutant is a temporary copy of `certify` with one substitution, imported in place of the product in this process.
"""

from __future__ import annotations

import argparse
import importlib
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from tests.mutation.mutants import CONSTANTS, LOGIC, Mutant
from tests.mutation.mutants_both import BOTH
from tests.mutation.mutants_graph import GRAPH
from tests.mutation.mutants_left_out import LEFT_OUT
from tests.mutation.mutants_listed import LISTED
from tests.mutation.mutants_norms import NORMS
from tests.mutation.mutants_packed import PACKED
from tests.mutation.mutants_pairs import PAIRS
from tests.mutation.mutants_rows import ROWS
from tests.mutation.mutants_second import SECOND
from tests.mutation.mutants_separate import SEPARATE
from tests.mutation.mutants_sequences import SEQUENCES
from tests.mutation.mutants_sets import SETS
from tests.mutation.mutants_streamed import STREAMED
from tests.mutation.mutants_training import TRAINING
from tests.mutation.mutants_vectors import VECTORS

ROOT = Path(__file__).resolve().parents[2]
SEED = 20261125

KILLERS = tuple(f"tests.mutation.killers_{name}" for name in (
    "bounds", "training", "second", "packed", "aside", "rows", "streamed", "listed", "shares"))
"""The files of crafted attacks; each registers its own."""

PLACES: dict[str, str] = {}
"""The modules of the attacks that were found so far: for the next mutant each imports its own, not all there are."""


class Stale(AssertionError):
    """A mutant's text is not in the source any more: the product has changed, so must the mutant."""


def mutated_source(mutant: Mutant) -> tuple[Path, str]:
    """File inside the package and its text with the substitution made."""
    path = Path("certify") / mutant.file
    text = (ROOT / path).read_text(encoding="utf-8")
    if text.count(mutant.old) != mutant.times:
        raise Stale(f"mutant '{mutant.name}': {text.count(mutant.old)} occurrences of {mutant.old!r} in {path}")
    return path, text.replace(mutant.old, mutant.new)


def _forget() -> dict[str, object]:
    """Drop the product and all that imported it; returns what was dropped."""
    mine = [m for m in sys.modules if m.partition(".")[0] in ("certify", "tests")]
    return {m: sys.modules.pop(m) for m in mine if m != __name__ and not m.startswith("tests.mutation.mutants")}


@contextmanager
def imported(folder: Path) -> Iterator[None]:
    """The package `certify` in `folder` in place of the product's, for imports inside the block."""
    before = _forget()
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        _forget()
        sys.modules.update(before)  # type: ignore[arg-type]
        importlib.invalidate_caches()


def killer(name: str) -> Callable[[], None]:
    """The attack that a killer's name stands for; it raises where the truth lies outside.

    `name@case`, `name*N` (its first N cases), a crafted one, or `a|b`: either, where the case depends on the BLAS.
    """
    if "|" in name:
        several = [killer(one) for one in name.split("|")]

        def either() -> None:
            for attempt in several:
                attempt()

        return either
    attack, _, only = name.partition("@")
    attack, _, cases = attack.partition("*")
    if not cases and not only:
        for module in [PLACES[name]] if name in PLACES else KILLERS:
            importlib.import_module(module)
        crafted: Callable[[], None] = importlib.import_module("tests.mutation.killers").KILLERS[name]
        PLACES[name] = crafted.__module__
        return crafted
    one = importlib.import_module("tests.containment.attack").one
    drawn = f"{attack}@"
    if drawn not in PLACES:
        PLACES[drawn] = importlib.import_module("tests.containment.registry").named(attack).draw.__module__

    def run() -> None:
        for case in range(int(cases)) if cases else [int(only)]:
            one(attack, SEED, case, PLACES[drawn])

    return run


def verdict(name: str) -> str:
    """"contained", "violated" or the error that a killer met, with the modules that are imported now."""
    run = killer(name)
    violation = importlib.import_module("tests.containment.rigor").Violation
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            run()
    except violation:
        return "violated"
    except Exception as error:  # a mutant may break in any way; only a violation counts as a kill
        return f"{type(error).__name__}: {error}"
    return "contained"


@contextmanager
def workplace() -> Iterator[Path]:
    """A folder with a copy of the package, and what is compiled of it: a mutant then compiles one file alone."""
    dont = sys.dont_write_bytecode
    sys.dont_write_bytecode = True  # a stale compiled file would undo a mutant
    try:
        with tempfile.TemporaryDirectory() as folder:
            half = shutil.ignore_patterns("*.pyc.*")  # what another process is compiling just now
            shutil.copytree(ROOT / "certify", Path(folder) / "certify", ignore=half)
            yield Path(folder)
    finally:
        sys.dont_write_bytecode = dont


def outcomes(folder: Path, mutant: Mutant, killers: tuple[str, ...]) -> dict[str, str]:
    """Verdict of each killer on a mutant."""
    path, text = mutated_source(mutant)
    place = folder / path
    for compiled in place.parent.glob(f"__pycache__/{place.stem}.*"):  # no clock decides whether it is stale
        compiled.unlink()
    original = place.read_text(encoding="utf-8")
    place.write_text(text, encoding="utf-8")
    try:
        with imported(folder):
            return {name: verdict(name) for name in killers}
    finally:
        place.write_text(original, encoding="utf-8")


def check_all(mutants: tuple[Mutant, ...], folder: Path) -> list[str]:
    """What is wrong in a workplace: mutants that survive their killers, killers that the product does not pass."""
    wrong = []
    with imported(folder):
        for name in sorted({k for m in mutants for k in m.killers}):
            found = verdict(name)
            if found != "contained":
                wrong.append(f"the product itself: {name}: {found}")
    for mutant in mutants:
        for name, found in outcomes(folder, mutant, mutant.killers).items():
            if found != "violated":
                wrong.append(f"{mutant.name}: {name}: {found}")
    return wrong


def hunt(mutants: tuple[Mutant, ...], cases: int) -> None:
    """Print which random attacks kill which mutants."""
    from tests.containment.registry import attacks

    names = tuple(f"{name}*{cases}" for name in attacks())
    with workplace() as folder:
        for mutant in mutants:
            found = {}
            for name in names:
                found |= outcomes(folder, mutant, (name,))
                if found[name] == "violated":
                    break
            odd = {v for v in found.values() if v not in ("violated", "contained")}
            killers = [k.partition("*")[0] for k, v in found.items() if v == "violated"]
            print(mutant.name, killers, sorted(odd)[:1], flush=True)


def table(mutants: tuple[Mutant, ...]) -> str:
    """Markdown: mutant, killers or why there is none."""
    lines = ["| set to zero or changed | in | killed by |", "|---|---|---|"]
    for m in mutants:
        found = ", ".join(f"`{k}`" for k in m.killers) or f"**no killer**: {m.note}"
        lines.append(f"| {m.name} | `{m.file}` | {found} |")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="mutants (default: all)")
    parser.add_argument("--hunt", type=int, metavar="CASES")
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args(argv)
    if options.table:
        print("\n\n".join(map(table, (CONSTANTS, LOGIC, TRAINING, GRAPH, SEQUENCES, SETS, NORMS, SECOND, ROWS, PAIRS,
                                      PACKED, LEFT_OUT, STREAMED, VECTORS, BOTH, SEPARATE, LISTED))))
        return 0
    every = (CONSTANTS + LOGIC + TRAINING + GRAPH + SEQUENCES + SETS + NORMS + SECOND + ROWS + PAIRS + PACKED + LEFT_OUT
             + STREAMED + VECTORS + BOTH + SEPARATE + LISTED)
    mutants = tuple(m for m in every if not options.names or m.name in options.names)
    if options.hunt:
        hunt(tuple(m for m in mutants if options.names or not m.killers), options.hunt)
        return 0
    with workplace() as folder:
        wrong = check_all(tuple(m for m in mutants if m.killers), folder)
    print("\n".join(wrong) or f"{sum(bool(m.killers) for m in mutants)} mutants killed, "
          f"{sum(not m.killers for m in mutants)} listed without a killer")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
