"""The tables of the report: every word of the format has its row, every section its file and its template."""

from __future__ import annotations

from pathlib import Path

import pytest

import certify.report as package
from certify.certificate.schema import Claim, Problem
from certify.report.exporters.html import environment
from certify.report.maps import MAPS
from certify.report.maps.solution_map import SolutionMap
from certify.report.model import build
from certify.report.phrases.losses import LOSSES
from certify.report.phrases.norms import NORMS, WEIGHT_NORMS
from certify.report.phrases.parameters import PARAMETERS
from certify.report.phrases.sets import SETS
from certify.report.quantities import QUANTITIES
from certify.report.section import Section
from certify.report.sections import SECTIONS
from certify.report.theorems import THEOREMS, Theorem
from tests.families import report_samples as samples

HOME = Path(package.__file__).parent


def words(part: type, member: str) -> set[object]:
    """The words that the format allows for a member."""
    found = set(part.model_json_schema()["properties"][member]["enum"])
    assert found  # no word at all would let every table pass
    return found


@pytest.mark.parametrize("table, part, member", [
    (MAPS, Problem, "map"), (PARAMETERS, Problem, "parameter"), (SETS, Problem, "set"), (NORMS, Problem, "norm"),
    (WEIGHT_NORMS, Problem, "weight_norm"), (LOSSES, Problem, "loss"), (QUANTITIES, Claim, "quantity"),
])
def test_every_word_of_the_format_has_its_row(table, part, member) -> None:
    assert set(table) == words(part, member)


def test_the_point_of_every_map_has_words_for_its_bases() -> None:
    assert isinstance(MAPS["critical"], SolutionMap) and THEOREMS.keys() == MAPS.keys()
    assert {word: set(one.points) for word, one in MAPS.items()} == {
        "interpolation": {"given", "nearby"}, "critical": {"given", "nearby"}, "sublevel": {"given"}}


def test_the_ends_of_every_theorem_are_said_of_both_sides_or_none_that_exists() -> None:
    for rows in THEOREMS.values():
        for label, theorem in rows.items():
            if type(theorem) is Theorem:
                assert theorem.ends.keys() <= {"upper", "lower"} and all(theorem.ends.values()), label


def test_quantities_are_pointwise_or_linear_or_at_their_own_size() -> None:
    for word, row in QUANTITIES.items():
        assert row.word == word and bool(row.pointwise) + bool(row.linear) + bool(row.at_size) == 1
        assert not (row.sized and row.unused)


def test_every_section_is_one_file_and_one_template() -> None:
    names = [section.name for section in SECTIONS]
    assert len(set(names)) == len(names)
    assert {path.stem for path in (HOME / "templates" / "sections").glob("*.html")} == set(names)
    assert {path.stem for path in (HOME / "sections").rglob("*.py")} == {*names, "__init__"}
    for section in SECTIONS:
        path, = (HOME / "sections").rglob(f"{section.name}.py")
        assert f"SECTION = Section(\"{section.name}\"" in path.read_text("utf-8")


@pytest.mark.parametrize("folder, table", [("formulas", QUANTITIES), ("maps", MAPS)])
def test_every_row_that_is_set_in_symbols_has_its_template(folder, table) -> None:
    assert {path.stem for path in (HOME / "templates" / folder).glob("*.html")} == set(table)


def test_every_template_can_be_read() -> None:
    found = environment().list_templates(extensions=["html"])
    assert len(found) > 25
    for name in found:
        environment().get_template(name)


def test_a_section_that_does_not_apply_has_no_content() -> None:
    placed = {one.section.name: one.content for one in build(samples.no_gate()).sections}
    assert placed["gates"] is None and placed["undecided"] is None and placed["rows"] and placed["says"].findings
    assert list(placed) == [section.name for section in SECTIONS]


def test_a_section_is_frozen() -> None:
    section = Section("name", "Title", lambda opened: opened)
    with pytest.raises(AttributeError):
        section.name = "other"  # type: ignore[misc]
    assert section.template == "sections/name.html" and section.applies(None)  # type: ignore[arg-type]
