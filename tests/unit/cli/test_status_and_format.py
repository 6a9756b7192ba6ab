"""Every exit status with every format: a format never changes the status, and its document says what the run says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from html import unescape
from pathlib import Path
from typing import Any, Final
from xml.etree.ElementTree import fromstring

import pytest

from certify.cli.formats import PLAIN
from certify.cli.main import main
from certify.report.exporters import EXPORTERS
from tests.families.small import SPEC, files, gate, tensors, write

BETWEEN: Final = gate(max=123.5)
"""A gate whose threshold becomes one between the two proved ends."""
BEFORE: Final = 4
"""Seed of an earlier model."""
SOON: Final = "\n[run]\ntime_limit = 1e-9\n"
CASES: Final = {
    "met": (0, SPEC + gate(max=1e6)),
    "no gate, all proved": (0, SPEC),
    "only a warning fails": (0, SPEC + gate(max=1e-6, severity="warn") + gate("sample_modulus", max=1e6)),
    "failed": (3, SPEC + gate(max=1e-6)),
    "failed beside an open one": (3, SPEC + gate(max=1e-6) + BETWEEN),
    "open": (4, SPEC + gate(max=1e6) + SOON),
    "open beside one that is met": (4, SPEC + gate(max=1e6) + BETWEEN),
    "no gate, nothing proved": (4, SPEC + SOON),
    "makes no sense": (2, SPEC + "\nnonsense = 1\n"),
    "no worse than before": (0, SPEC + gate(max_increase=2.0)),
    "worse than before": (3, SPEC + gate(max_increase=0.5)),
    "nothing before": (4, SPEC + gate(max_increase=1.0)),
    "failed, and somebody answers for it": (0, SPEC + gate(max=1e-6)),
    "failed, and nobody does any more": (3, SPEC + gate(max=1e-6)),
    "open, which warns": (0, SPEC + gate(max=1e6) + SOON),
    "open, which passes": (0, SPEC + gate(max=1e6) + SOON),
}
"""Situations, each with its status and its spec."""
OPTIONS: Final = {
    "no worse than before": ("--baseline", "before/certificate.json"),
    "worse than before": ("--baseline", "before/certificate.json"),
    "failed, and somebody answers for it": ("--suppressions", "suppress.toml"),
    "failed, and nobody does any more": ("--suppressions", "suppress.toml"),
    "open, which warns": ("--on-inconclusive", "warn"), "open, which passes": ("--on-inconclusive", "pass"),
}
OPEN: Final = ("open, which warns", "open, which passes")
"""No certificate knows what open gates do to the status, so that documents say that they are open."""
UNCHECKED: Final = {"no worse than before": 4, "worse than before": 4, "failed, and somebody answers for it": 3,
                    OPEN[0]: 4, OPEN[1]: 4}
"""Where `certify check` ends otherwise: it was given no baseline, and heeds neither suppressions nor that option."""


@dataclass(frozen=True)
class Said:
    """What a document says: its verdict, the state of the gates, and whether a job should be red; None: it does not."""

    verdict: str | None = None
    gates: str | None = None
    red: str | None = None


def text(document: str) -> Said:
    gates = re.search(r"\[gates (\w+)", document)
    return Said(document.split()[0], gates and gates[1])


def plain(document: str) -> Said:
    found = json.loads(document)
    return Said(found["verdict"], found["gates"])


def sarif(document: str) -> Said:
    run = json.loads(document)["runs"][0]
    kinds = {result["kind"] for result in run["results"] if result["level"] != "warning"
             and not any(one["status"] == "accepted" for one in result.get("suppressions", ()))}
    return Said(run["properties"]["verdict"], run["properties"]["gates"],
                "failed" if "fail" in kinds else "open" if kinds else "met")


def junit(document: str) -> Said:
    suite = fromstring(document)[0]
    known = {entry.get("name"): entry.get("value") for entry in suite[0]}
    red = "failed" if suite.get("failures") != "0" else "open" if suite.get("errors") != "0" else "met"
    return Said(known["verdict"], known["gates"], red)


def github(document: str) -> Said:
    return Said(red="red" if "::error " in document else "met")


def badge(document: str) -> Said:
    title = re.search("<title>certify: (?:(failed|open): )?([^<]*)", document)
    assert title
    return Said(red="open" if "nothing proved" in title[2] else title[1] or "met")


def markdown(document: str) -> Said:
    verdict, gates = re.search(r"## certify: (\w+)", document), re.search(r"\\\[gates (\w+)", document)
    assert verdict
    return Said(verdict[1], gates and gates[1])


def cyclonedx(document: str) -> Said:
    known = {entry["name"]: entry["value"] for entry in json.loads(document)["components"][0]["properties"]}
    return Said(known["certify:verdict"], known["certify:gates"])


def html(document: str) -> Said:
    assert document.rstrip().endswith("</html>")
    words = [unescape(word) for word in re.findall(r'<p class="word">([^<]*)', document)]
    return Said(words[0], words[1] if words[1] in ("met", "failed", "open") else None)


def pdf(document: str) -> Said:
    assert document.startswith("%PDF-") and document.rstrip().endswith("%%EOF")
    return Said()


def table(document: str) -> Said:
    assert document.startswith("claim,quantity,row,")
    return Said()


READ: Final[dict[str, Callable[[str], Said]]] = {
    "text": text, "json": plain, "html": html, "markdown": markdown, "csv": table, "sarif": sarif, "junit": junit,
    "github": github, "badge": badge, "model-card": markdown, "cyclonedx": cyclonedx, "metrics": plain, "pdf": pdf}
NAMES: Final = (*PLAIN, *EXPORTERS)
PRINTED: Final = [name for name in NAMES if name not in EXPORTERS or EXPORTERS[name].printed]


def read(name: str, path: Path) -> Said:
    """What a file says; bytes that are no text are read as if each were a letter."""
    return READ[name](path.read_text(encoding="latin-1" if name == "pdf" else "utf-8"))


STATES: Final = {0: "met", 3: "failed", 4: "open"}


pytest.importorskip("typst")  # of the format pdf


def answered(place: Path, spec: Path, case: str) -> str:
    """A file of suppressions of the one gate, whose fingerprint a report names."""
    assert main(["run", str(spec), "-q", "--format", f"sarif={place / 'first.sarif'}"]) == 3
    (result,) = json.loads((place / "first.sarif").read_bytes())["runs"][0]["results"]
    day = "2026-01-31" if "any more" in case else "9999-12-31"
    return (f'[[suppress]]\ngate = "{result["properties"]["asked"]}"\nowner = "a"\nreason = "b"\nexpires = {day}\n'
            f'fingerprint = "{result["partialFingerprints"]["certifyGate/v1"]}"\n')


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a situation: run once, every format into a file."""

    @cache
    def between() -> str:
        (claim,) = json.loads((folder("no gate, all proved") / "certificate.json").read_bytes())["claims"][:1]
        assert claim["lower"] < claim["upper"]
        return repr((claim["lower"] + claim["upper"]) / 2)

    @cache
    def folder(case: str) -> Path:
        place = tmp_path_factory.mktemp("case")
        spec = write(place, CASES[case][1].replace("123.5", between() if BETWEEN in CASES[case][1] else ""))
        asked = [part for name in NAMES for part in ("--format", f"{name}={place / 'out' / name}")]
        if "--baseline" in OPTIONS.get(case, ()):  # another model, of which less is asked
            (place / "before").mkdir()
            other = write(place / "before", SPEC + gate(max=1e6), tensors(BEFORE))
            assert main(["run", str(other), "-q"]) == 0
        if "--suppressions" in OPTIONS.get(case, ()):
            (place / "suppress.toml").write_text(answered(place, spec, case), encoding="utf-8")
        before = files(place)
        options = [str(place / one) if "." in one else one for one in OPTIONS.get(case, ())]
        assert main(["run", str(spec), "-q", *options, *asked]) == CASES[case][0]
        if CASES[case][0] == 2:
            assert files(place) == before
        return place

    return folder


def test_every_format_is_read_here() -> None:
    assert set(READ) == set(NAMES)


def decided(certificate: dict[str, Any]) -> str:
    """The state of all gates that count, those over time among them."""
    over_time = (certificate.get("over_time") or {"gates": []})["gates"]
    states = {certificate["gates"], *(gate["state"] for gate in over_time if gate["severity"] == "fail")}
    return next(state for state in ("failed", "open", "met") if state in states)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("case", [case for case, (status, _) in CASES.items() if status != 2])
def test_a_document_says_what_the_run_says(case: str, name: str, made: Callable[[str], Path]) -> None:
    folder, status = made(case), CASES[case][0]
    certificate = json.loads((folder / "certificate.json").read_bytes())
    said = read(name, folder / "out" / name)
    assert said.verdict in (None, certificate["verdict"])
    assert said.gates in (None, decided(certificate))
    state = "open" if case in OPEN else "failed" if name == "badge" and "answers" in case else STATES[status]
    assert said.red in (None, state, "red" if state != "met" else "met")


@pytest.mark.parametrize("name", PRINTED)
@pytest.mark.parametrize("case", ["met", "failed", "open", "makes no sense"])
def test_a_format_on_standard_output_keeps_the_status(
    case: str, name: str, made: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str],
) -> None:
    status, spec = CASES[case]
    capsys.readouterr()
    assert main(["run", str(write(tmp_path, spec)), "-q", "--format", name]) == status
    printed = capsys.readouterr().out
    if status == 2:
        assert printed == ""
    else:
        assert READ[name](printed) == read(name, made(case) / "out" / name)


@pytest.mark.parametrize("case", [case for case, (status, _) in CASES.items() if status != 2])
def test_the_checker_and_the_report_end_as_the_run(
    case: str, made: Callable[[str], Path], capsys: pytest.CaptureFixture[str],
) -> None:
    folder, status = made(case), CASES[case][0]
    assert main(["check", str(folder / "certificate.json")]) == UNCHECKED.get(case, status)
    for name in set(NAMES) - {"text", "json"}:  # of a certificate that is there
        again = folder / "again"
        assert main(["report", str(folder / "certificate.json"), "--format", name, "-o", str(again)]) == 0
        assert read(name, again) == read(name, folder / "out" / name)
    capsys.readouterr()


@pytest.mark.parametrize(("raised", "status"), [(KeyboardInterrupt(), 130), (MemoryError(), 2)])
def test_a_run_that_is_stopped_writes_no_document(
    raised: BaseException, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    spec = write(tmp_path)
    before = files(tmp_path)

    def stopped(*_: object) -> None:
        raise raised

    monkeypatch.setattr("certify.auditing.spec_run.prove", stopped)
    asked = [part for name in NAMES for part in ("--format", f"{name}={tmp_path / name}.out")]
    assert main(["run", str(spec), *asked]) == status
    assert files(tmp_path) == before and capsys.readouterr().out == ""
