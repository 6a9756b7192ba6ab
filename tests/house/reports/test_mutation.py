"""The page on errors made in the checker says what was recorded, and why what nothing noticed is so."""

from __future__ import annotations

import re

from reports.studies.mutation import sites, table
from tests.house.reports.test_killed import HERE

PAGE = HERE.parent / "mutation" / "README.md"


def test_the_tables_are_what_was_recorded():
    assert PAGE.read_text(encoding="utf-8").partition("<!-- table -->\n")[2] == "\n".join(table.lines()) + "\n"


def test_each_file_has_one_error_and_what_nothing_noticed_is_explained():
    known, why = table.records(), table.explained()
    assert len({one["file"] for one in known}) == len(known)
    missed = {one["file"] for one in known if not one["by"] and table.word(one) != "not applied"}
    assert set(why) == missed
    assert all(kind in table.CLASSES and re.search(r"\w", words) for kind, words in why.values())


def test_every_error_of_a_file_is_another_text_that_is_python(tmp_path):
    path = tmp_path / "some.py"
    path.write_text("LEAST = 3\n\n\ndef upper(x: float, y: float) -> float:\n    check(x)\n    if x < y and not y:\n"
                    "        return min(x, -y) + y\n    return any([x, y]) or x - 2.0\n", encoding="utf-8")
    text = sites.Text(path)
    found = sites.sites(text)
    for site in found:
        changed = text.replaced(site)
        assert changed != text.source and compile(changed, "mutant", "exec")
    assert {site.kind for site in found} == {"number", "a demand dropped", "condition", "comparison", "and, or", "sign",
                                             "min, max, any, all", "a part dropped", "half of a bound"}
    assert {site.within for site in found} == {"", "upper"}

