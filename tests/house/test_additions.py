"""A new thing is new files and rows of tables: toys are added so to a copy of the package, and work."""

from __future__ import annotations

import json

import pytest

from tests.families import emitter
from tests.families.small import SPEC, gate, write
from tests.house.additions import ROOT, Copy

CERTIFICATE = str(ROOT / "tests" / "golden" / "0.1.0" / "boundary" / "certificate.json")


@pytest.fixture
def copy(tmp_path):
    return Copy(tmp_path)


def test_a_file_that_is_there_is_no_new_one(copy):
    with pytest.raises(ValueError, match="there already"):
        copy.file("report/exporters/html.py", "")
    with pytest.raises(ValueError, match="stands 0 times"):
        copy.entry("report/exporters/__init__.py", "no such line", "")


def test_an_exporter_is_a_file_and_a_row(copy):
    copy.file("report/exporters/toy.py", '''"""One word: the verdict."""

from certify.report.exporters.exporter import Exporter


def render(certificate):
    """The verdict alone."""
    return certificate["verdict"] + "\\n"


EXPORTER = Exporter("toy", ".txt", "text/plain", render)
''')
    copy.row("report/exporters/__init__.py", "    table,", "    toy,")
    copy.entry("report/exporters/__init__.py", "model_card.EXPORTER, cyclonedx.EXPORTER", ", toy.EXPORTER")
    done = copy.run("report", CERTIFICATE, "--format", "toy", "-o", str(copy.folder / "out.txt"))
    assert done.returncode == 0, done.stderr
    assert (copy.folder / "out.txt").read_text() == "certified\n"
    assert (copy.new, copy.rows) == (["report/exporters/toy.py"], ["report/exporters/__init__.py"])


QUANTITY = '''"""A toy: how many equations exact fits have to meet."""

from __future__ import annotations

from certify.report.quantities.quantity import Quantity
from certify.report.statements import say


def _sentence(claim, problem, rows):
    """One sentence."""
    return say("Exact fits have to meet {n} equations.", n=str(claim.upper))


TOY_COUNT = Quantity("toy_count", "Number of equations", _sentence)
'''
PROVER = '''"""T9: a toy theorem: exact fits have to meet as many equations as there are rows times outputs."""

from __future__ import annotations

from certify.format.theorems import T9
from certify.format.words import Rigour
from certify.problem.bound import Bound
from certify.problem.cost import BASE_MEMORY, Cost
from certify.theorems.fits import FitRule


class Count(FitRule):
    """T9."""

    theorem = T9

    def cost(self, problem):
        """Nothing to speak of."""
        return (Cost("count", BASE_MEMORY, 0.0, 0.1, "the count of the equations"),)

    def toy_count(self, at):
        """Both ends."""
        n = float(at.problem.equations)
        return Bound("toy_count", "T9", Rigour.PROVED, n, n, at.unit("toy_count"), at.counting())
'''
CHECKER = '''"""T9 in the checker."""

from __future__ import annotations

from certify.check.judgements import Equal
from certify.check.kernel import expect
from certify.check.reading.certificate import Witness
from certify.check.rule import Rule, always
from certify.check.theorems.modulus.kernel import RULE as KERNEL


def ends(claim, ladder, side):
    """Both ends are the number of equations."""
    for name, value in (("lower", claim.lower), ("upper", claim.upper)):
        def test(point, value=value):
            return Equal(value, point.problem.equations, f"there are {point.problem.equations} equations")
        expect(f"{claim.where}.{name}", value, test, ladder)


RULE = Rule(always("T9"), lambda claim, problem: ("equations",), lambda claim, problem: None, ends, KERNEL.hypotheses,
            Witness)
'''


def with_toy_theorem(copy):
    """A theorem, and the quantity it bounds: for exact fits, the number of their equations."""
    copy.row("format/quantities.py", "MODULUS = Quantity(", 'TOY_COUNT = Quantity("toy_count", _S, "equations")')
    copy.entry("format/quantities.py", "q.name: q for q in (", "\n    TOY_COUNT,")
    copy.entry("spec/literals.py", "Bounded = Literal[", '"toy_count", ')
    copy.row("format/theorems.py", "witness=Alone, rests=",
             'T9: Final = _fits("T9", (q.TOY_COUNT,), "toy.md#t9", _FITS)')
    copy.entry("format/theorems.py", "THEOREMS: Final = (M2,", " T9,")
    copy.file("format/texts/T9.md", "# T9. The number of equations\n\nExact fits meet as many equations.\n\n"
              "## Explanation\n\nThey are counted.\n")
    copy.file("theorems/toy.py", PROVER)
    copy.entry("theorems/__init__.py", "MappingProxyType({", '\n    t.T9: "toy:Count",')
    copy.file("check/theorems/toy.py", CHECKER)
    copy.entry("check/tables/interpolation.py", "ROWS = (", '\n    Row("toy", ("toy_count",)),')
    copy.entry("check/reading/certificate.py", 'QUANTITIES = ("modulus",', ' "toy_count",')
    copy.file("report/quantities/toy.py", QUANTITY)
    copy.row("report/quantities/__init__.py", "from certify.report.quantities.stable_predictions",
             "from certify.report.quantities.toy import TOY_COUNT")
    copy.entry("report/quantities/__init__.py", "for row in (", "\n    TOY_COUNT,")
    copy.file("report/templates/formulas/toy_count.html", "<mi>n</mi></math>")
    return copy


def forge(folder, change):
    """Change the first claim of the certificate in a folder, and seal it again."""
    path = folder / "certificate.json"
    found = json.loads(path.read_text(encoding="utf-8"))
    change(found["claims"][0])
    path.write_bytes(emitter.seal(found))


def test_a_theorem_and_a_quantity_are_new_files_and_rows(copy):
    """Proved, printed, set as a page, explained, and derived again by the checker; a false number is refused."""
    with_toy_theorem(copy)
    folder = copy.folder / "audit"
    folder.mkdir()
    spec = write(folder, SPEC + gate("toy_count", max=10))
    done, checked, explained = copy.runs(("run", spec, "-o", folder), ("check", folder / "certificate.json"),
                                         ("explain", "T9"))
    assert done.returncode == 0 and "toy_count ≤ 10.0 met" in done.stdout, done.stderr
    assert "Exact fits have to meet 10.0 equations." in (folder / "report.html").read_text(encoding="utf-8")
    assert checked.returncode == 0 and checked.stdout.startswith("certified toy_count ≤ 10.0 met"), checked
    assert explained.returncode == 0 and "They are counted." in explained.stdout, explained.stderr
    assert len(copy.new) == 5 and set(copy.rows) == {
        "format/quantities.py", "spec/literals.py", "format/theorems.py", "theorems/__init__.py",
        "check/tables/interpolation.py", "check/reading/certificate.py", "report/quantities/__init__.py"}
    forge(folder, lambda claim: claim.update(upper=9.0, lower=9.0))
    done = copy.run("check", str(folder / "certificate.json"))
    assert done.returncode == 2 and "there are 10 equations" in done.stdout, done.stdout + done.stderr


SHARED = '''"""A toy: `Σ t_i ≤ ε`, one budget that the rows' changes use up by their lengths."""

from __future__ import annotations

import numpy as np

from certify.network.layers.gradients import Norm
from certify.problem.sets.perturbation_set import Budget
from certify.rigor import fp


class Shared(Budget):
    """Lengths add up; the row that does most does best alone."""

    word = "shared"

    def at_once(self, rows, count):
        """One row."""
        return 1

    def support(self, low, high, count):
        """The largest."""
        return Norm(fp.exact(float(low.max())), fp.exact(float(high.max())))

    def supports(self, low, high, count):
        """The largest."""
        return low.max(axis=1), high.max(axis=1)

    def meeting(self, free, count):
        """No further than one row alone."""
        return np.ones_like(free)

    def size(self, sizes):
        """The sum."""
        return float(sizes.sum()) * fp.sum_up(len(sizes))

    def holds(self, sizes, most, count):
        """No theorem with changes of the budget is about it."""
        return False

    def lengths(self, u):
        """The sum of the rows' lengths."""
        return np.linalg.norm(u, axis=1).sum()
'''


def with_toy_set(copy):
    """A perturbation set for which the sublevel map has a modulus."""
    copy.row("format/words.py", 'GIVEN = "given", False, False, "of every row"',
             '    SHARED = "shared", True, True, "in total", ", together within one budget"')
    copy.entry("spec/literals.py", '"per_sample", "sparse", "given"', ', "shared"')
    copy.entry("format/theorems.py", '(q.MODULUS, q.SAMPLE_MODULUS), "sublevel.md#m6", (_SUBLEVEL, _OF_A_GRAPH',
               ", _SUBLEVEL.also(set=Set.SHARED)")
    copy.file("problem/sets/shared.py", SHARED)
    copy.row("problem/sets/table.py", "from certify.problem.sets.perturbation_set",
             "from certify.problem.sets.shared import Shared")
    copy.entry("problem/sets/table.py", "(Total(), PerSample(), Sparse()", ", Shared()")
    copy.entry("report/phrases/sets.py", '"given": _Given(),', ' "shared": Changes(),')
    return copy


def asking(copy, set_of_changes):
    """A folder with a spec that asks for the modulus of the sublevel map, which a run writes into; and the run."""
    folder = copy.folder / set_of_changes
    folder.mkdir()
    asked = f'[solution]\nmap = "sublevel"\n[perturbation]\nset = "{set_of_changes}"\n'
    return folder, ("run", write(folder, SPEC + asked + gate("modulus", max=99)), "-o", folder)


def modulus_of(folder, done):
    """The modulus that a run has proved."""
    assert done.returncode == 0, done.stdout + done.stderr
    claim, = json.loads((folder / "certificate.json").read_text(encoding="utf-8"))["claims"]
    assert claim["rigour"] == "proved" and claim["lower"] <= claim["upper"] <= claim["lower"] * 1.001
    return claim["upper"]


def test_a_perturbation_set_is_new_files_and_rows(copy):
    """Its modulus is proved: that of the row which does most, below that of a ball, below that of all rows."""
    with_toy_set(copy)
    assert copy.new == ["problem/sets/shared.py"] and set(copy.rows) == {
        "format/words.py", "spec/literals.py", "format/theorems.py", "problem/sets/table.py",
        "report/phrases/sets.py"}
    asked = dict(asking(copy, word) for word in ("shared", "total", "per_sample"))
    folder = next(iter(asked))
    *runs, plan, done = copy.runs(*asked.values(), ("run", folder / "certify.toml", "--plan"),
                                  ("check", folder / "certificate.json"))
    shared, total, per_sample = map(modulus_of, asked, runs)
    assert shared < total < per_sample <= 10 * shared
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "in total" in page
    assert "features of every row, together within one budget" in plan.stdout, plan.stdout + plan.stderr
    # until the checker has rows of its own for the word
    assert done.returncode == 2 and '"shared"' in done.stdout + done.stderr, done.stdout + done.stderr
    with_checked_toy_set(copy)
    done = copy.run("check", str(folder / "certificate.json"))
    assert done.returncode == 0 and done.stdout.startswith("certified modulus ≤ 99.0 met"), done.stdout + done.stderr
    forge(folder, lambda claim: claim.update(dict.fromkeys(("upper", "lower"), claim["lower"] * (1 - 1e-6))))
    done = copy.run("check", str(folder / "certificate.json"))
    assert done.returncode == 2 and "the quotient is" in done.stdout, done.stdout + done.stderr


CHECKED = '''"""A toy: `{u : Σ|u_i| ≤ r}`."""

from certify.check.words.sets.base import PerturbationSet


class Shared(PerturbationSet):
    """The row with the largest size does best alone."""

    share = "in total"

    def full(self, moving, count):
        """One row, and then no other."""
        return 1

    def gather(self, held, size):
        """Keep the largest."""
        held[:] = [size.max(other) for other in held] or [size]


SET = Shared()
'''


def with_checked_toy_set(copy):
    """The same set in the checker, written afresh."""
    copy.file("check/words/sets/shared.py", CHECKED)
    copy.entry("check/reading/spec.py", '"perturbation.set": ("total", "per_sample", "sparse", "given"', ', "shared"')
    copy.entry("check/reading/sections/perturbation.py", 'Goes({"map": "sublevel"}, {"set": ("total", "per_sample"',
               ', "shared"')


DOUBLED = '''"""A toy: twice the Euclidean norm of the weights."""

from fractions import Fraction

from certify.network.layer_scale import LayerScale
from certify.problem.norms.weight_norm import WeightNorm


class Doubled(WeightNorm):
    """`2|w|`."""

    word = "doubled"

    def scale(self, network, layers):
        """2 for every layer; given as its inverse square."""
        return LayerScale((Fraction(1, 4),) * network.depth)
'''


def with_toy_norm(copy):
    """A norm of the weights."""
    copy.row("format/words.py", 'FUNCTION = "function", "weight distance as',
             '    DOUBLED = "doubled", "twice the weight distance"')
    copy.entry("spec/literals.py", '"euclidean", "relative", "function"', ', "doubled"')
    copy.file("problem/norms/doubled.py", DOUBLED)
    copy.row("problem/norms/table.py", "from types", "from certify.problem.norms.doubled import Doubled")
    copy.entry("problem/norms/table.py", "(Euclidean, Relative, ReferenceRows", ", Doubled")
    copy.row("report/phrases/norms.py", "WEIGHT_NORMS: Final = {",
             '    "doubled": _counted("twice", " (counted twice)"),')
    return copy


@pytest.mark.parametrize("map_of", ["interpolation", "critical", "sublevel"])
def test_a_weight_norm_is_new_files_and_rows(copy, map_of):
    """Every solution map has its modulus in it, twice the Euclidean one."""
    with_toy_norm(copy)
    assert copy.new == ["problem/norms/doubled.py"] and set(copy.rows) == {
        "format/words.py", "spec/literals.py", "problem/norms/table.py", "report/phrases/norms.py"}
    found, runs = {}, {}
    for word in ("euclidean", "doubled"):
        folder = copy.folder / word
        folder.mkdir()
        training = "[training]\nweight_decay = 0.5\n" if map_of == "critical" else ""
        asked = f'{training}[solution]\nmap = "{map_of}"\n[weights]\nnorm = "{word}"\n' + gate("modulus", max=1e6)
        runs[word] = "run", write(folder, SPEC + asked), "-o", folder
    *ended, checked = copy.runs(*runs.values(), ("check", folder / "certificate.json"))
    for word, done in zip(runs, ended, strict=True):
        assert done.returncode == 0, done.stdout + done.stderr
        folder = copy.folder / word
        claim, = json.loads((folder / "certificate.json").read_text(encoding="utf-8"))["claims"]
        assert claim["rigour"] == "proved"
        found[word] = claim["lower"], claim["upper"]
    (a, b), (c, d) = found["euclidean"], found["doubled"]
    assert 2 * a <= d * (1 + 1e-12) and c <= 2 * b * (1 + 1e-12) and d <= 2 * b * (1 + 1e-4)
    assert "(counted twice)" in (folder / "report.html").read_text(encoding="utf-8")
    # until the checker has rows of its own for the word
    assert checked.returncode == 2 and '"doubled"' in checked.stdout + checked.stderr, checked
