"""The index of a folder: every certificate, its history with both ends, and what could not be read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from certify.auditing.history import collect as module
from certify.auditing.history.collect import collect
from certify.auditing.history.page import page, picture
from certify.certificate import seal
from certify.certificate.canonical import canonical_bytes
from certify.cli.main import main
from certify.format.errors import InputError
from tests.families import report_samples as samples
from tests.families.pages import Page, without_script


def write(folder: Path, made: samples.Json, created: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "certificate.json"
    path.write_bytes(canonical_bytes(seal(made | {"created": created}) if created else made))
    return path


@pytest.fixture
def audits(tmp_path: Path) -> Path:
    for day, (flipped, undecided) in enumerate(((0, 0), (40, 3), (7, 900))):
        write(tmp_path / f"run-{day}", samples.rows_deleted(flipped=flipped, undecided=undecided),
              f"2026-11-2{day}T00:00:00Z")
    write(tmp_path / "a&b <i>" / "deep", samples.certified(), "2026-10-01T00:00:00Z")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "certificate.json").write_text("{")
    write(tmp_path / ".hidden", samples.certified())
    (tmp_path / "link").symlink_to(tmp_path / "run-0")
    return tmp_path


def test_certificates_by_date_and_their_questions(audits: Path) -> None:
    found = collect(audits)
    assert [entry.place for entry in found.entries][:3] == [f"run-{day}/certificate.json" for day in (2, 1, 0)]
    assert len(found.entries) == 4 and [place for place, _ in found.unread] == ["broken/certificate.json"]
    series, = found.series
    assert [(one.lower, one.upper) for one in series.points] == [(5000, 5000), (4957, 4960), (4093, 4993)]
    assert not found.cut and found == collect(audits)


def test_the_page_shows_both_ends_and_fetches_nothing(audits: Path) -> None:
    assert main(["report", "--index", str(audits)]) == 0
    html = without_script((audits / "index.html").read_text("utf-8"))
    text = Page(html)
    assert "[4957, 4960]" in text.text and "broken" in text.text and "not JSON" in text.text
    links = [value for name, value in text.attributes if name == "href" and value != "data:,"]
    assert links and all(re.match(r"\./[\w.%/-]+$", link) for link in links)
    assert any("a%26b%20%3Ci%3E/deep/" in link for link in links) and "<i>" not in html
    assert str(audits) not in html and html.count('class="bar') == 3 and html.count('class="cap"') == 6
    levels = [int(level) for level in re.findall(r"<h([1-6])\b", html)]
    assert levels[0] == 1 and set(levels[1:]) == {2}


def test_links_are_seen_from_where_the_page_is(audits: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    (audits / "run-1" / "report.html").write_text("")
    out = audits / "pages"
    assert main(["report", "--index", str(audits), "-o", str(out / "all.html")]) == 0
    html = (out / "all.html").read_text("utf-8")
    assert 'href="./../run-1/report.html"' in html and 'href="./../run-0/certificate.json"' in html
    for link in re.findall(r'href="(\./[^"%]*)"', html):
        assert (out / link).exists()


def test_an_index_is_bounded_and_refuses_an_empty_folder(audits: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 2)
    found = collect(audits)
    assert found.cut and len(found.entries) + len(found.unread) == 2
    assert "There are more in this folder" in page(found, audits)
    monkeypatch.setattr(module, "LARGEST", 0)
    assert {why for _, why in collect(audits).unread} == {"larger than 0 MiB"}
    (audits / "empty").mkdir()
    with pytest.raises(InputError, match=r"no certificate\.json lies in it"):
        collect(audits / "empty")


def test_another_problem_is_no_later_version_of_this_one(audits: Path) -> None:
    made = samples.rows_deleted(flipped=1, undecided=1)
    made["subject"]["evaluation"] = made["subject"]["data"] | {"sha256": "0" * 64}
    write(audits / "other", made, "2026-11-25T00:00:00Z")
    made = samples.rows_deleted(flipped=1, undecided=1)
    made["problem"]["weight_norm"] = "relative"
    write(audits / "norm", made, "2026-11-26T00:00:00Z")
    series, = collect(audits).series
    assert len(series.points) == 3


def test_another_page_of_that_name_is_left_alone(audits: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (audits / "index.html").write_text("my site")
    assert main(["report", "--index", str(audits)]) == 2 and "another file of this name" in capsys.readouterr().err
    assert (audits / "index.html").read_text() == "my site"
    (audits / "index.html").unlink()
    assert [main(["report", "--index", str(audits)]) for _ in range(2)] == [0, 0]


@pytest.mark.parametrize("ends", [(None, 3.0), (2.0, None), (None, None), (1.7e308, 1.7e308), (-1.7e308, 1.7e308)])
def test_ends_that_are_open_or_extreme_are_drawn(ends: tuple[float | None, float | None], audits: Path) -> None:
    from dataclasses import replace

    series, = collect(audits).series
    lower, upper = ends
    made = replace(series, points=tuple(replace(one, lower=lower, upper=upper) for one in series.points))
    drawn = picture(made)
    assert "nan" not in drawn and "inf" not in drawn.replace("∞", "")
    assert drawn.count('class="cap"') == 3 * sum(end is not None for end in ends)


def test_the_rims_of_a_picture_are_rounded_outward() -> None:
    low, high = 1 / 3, 2 / 3
    point = module.Point("2026-11-28T00:00:00Z", low, high, "certified", True, "a", "0")
    drawn = str(picture(module.Series("m", (), "modulus", (point, point))))
    top, bottom = (float(text) for text in re.findall(r'<text x="0"[^>]*>([^<]*)<', drawn))
    assert bottom <= low and top >= high
