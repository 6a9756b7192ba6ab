"""A new thing is new files and rows of tables: toys are added so to a copy of the package, and work."""

from __future__ import annotations

import pytest

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
    copy.entry("report/exporters/__init__.py", "from certify.report.exporters import html, markdown", ", toy")
    copy.entry("report/exporters/__init__.py", "(html.EXPORTER, markdown.EXPORTER", ", toy.EXPORTER")
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
    copy.entry("check/table.py", "ROWS = (", '\n    Row("toy", "interpolation", ("toy_count",)),')
    copy.entry("check/reading/certificate.py", 'QUANTITIES = ("modulus",', ' "toy_count",')
    copy.entry("check/reading/spec.py", '"gate.quantity": (', '"toy_count", ')
    copy.file("report/quantities/toy.py", QUANTITY)
    copy.row("report/quantities/__init__.py", "from certify.report.quantities.stable_predictions",
             "from certify.report.quantities.toy import TOY_COUNT")
    copy.entry("report/quantities/__init__.py", "for row in (", "\n    TOY_COUNT,")
    copy.file("report/templates/formulas/toy_count.html", "<mi>n</mi></math>")
    return copy


def test_a_theorem_and_a_quantity_are_new_files_and_rows(copy):
    """Proved, printed, set as a page, explained, and derived again by the checker; a false number is refused."""
    with_toy_theorem(copy)
    folder = copy.folder / "audit"
    folder.mkdir()
    spec = write(folder, SPEC + gate("toy_count", max=10))
    done = copy.run("run", str(spec), "-o", str(folder))
    assert done.returncode == 0 and "toy_count ≤ 10.0 met" in done.stdout, done.stderr
    assert "Exact fits have to meet 10.0 equations." in (folder / "report.html").read_text(encoding="utf-8")
    done = copy.run("check", str(folder / "certificate.json"))
    assert done.returncode == 0 and done.stdout.startswith("certified toy_count ≤ 10.0 met"), done.stdout + done.stderr
    done = copy.run("explain", "T9")
    assert done.returncode == 0 and "They are counted." in done.stdout, done.stderr
    assert len(copy.new) == 5 and set(copy.rows) == {
        "format/quantities.py", "spec/literals.py", "format/theorems.py", "theorems/__init__.py", "check/table.py",
        "check/reading/certificate.py", "check/reading/spec.py", "report/quantities/__init__.py"}
    code = ("import json, pathlib, sys\n"
            "from certify.certificate import canonical_bytes, seal\n"
            "path = pathlib.Path(sys.argv[1])\n"
            "found = json.loads(path.read_text())\n"
            "found['claims'][0]['upper'] = found['claims'][0]['lower'] = 9.0\n"
            "path.write_bytes(canonical_bytes(seal(found)))\n")
    done = copy.python("-c", code, str(folder / "certificate.json"))
    assert done.returncode == 0, done.stderr
    done = copy.run("check", str(folder / "certificate.json"))
    assert done.returncode == 2 and "there are 10 equations" in done.stdout, done.stdout + done.stderr
