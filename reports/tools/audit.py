"""Run and check every spec of these reports, each in a fresh process, and write what came of it into the tables.

    python reports/tools/audit.py                      # all; about 15 minutes on one core
    python reports/tools/audit.py wine diabetes        # some
    python reports/tools/audit.py default/leave-1      # one spec of a report
    python reports/tools/audit.py --tables             # no runs: the tables again, from claims.csv

Wall time and peak memory are those of the whole process (`certify run`, `certify check`), one thread. `claims.csv` has
one line a claim; the tables of the READMEs, between marks, are made from it. Folders whose inputs are missing are
skipped.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

REPORTS = Path(__file__).resolve().parents[1]
RECORD = REPORTS / "claims.csv"
COLUMNS = ("report", "spec", "quantity", "theorem", "lower", "upper", "verdict", "gate", "reason",
           "run_seconds", "run_megabytes", "check", "check_seconds", "check_megabytes")  # fmt: skip
BEGIN, END = "<!-- table: written by reports/tools/audit.py -->", "<!-- end of table -->"
MARKS = (BEGIN, END)
MEDIANS = ("<!-- medians: written by reports/tools/audit.py -->", "<!-- end of medians -->")
FINITE = ("<!-- finite: written by reports/tools/audit.py -->", "<!-- end of finite -->")
PERSISTENCE = ("<!-- persistence: written by reports/tools/audit.py -->", "<!-- end of persistence -->")
INPUTS = {"mnist-6x100": "model.safetensors", "resnet2b-cifar10": "model.safetensors",
          "resnet20-cifar10": "model.safetensors"}  # fmt: skip
"""Reports whose inputs are not in the repository, and the file that shows they were made."""

Line = dict[str, str]


def home(report: str) -> Path:
    """The folder of a report; its name says it alone, whatever it is sorted under.

    Raises:
        SystemExit: no folder has that name.
    """
    found = next((path for path in REPORTS.glob(f"*/{report}") if path.is_dir()), None)
    if found is None:
        raise SystemExit(f"{report}: no report has this name; name a folder of {REPORTS.name}/audits or estimates")
    return found


def specs(folder: str) -> list[Path]:
    report, _, rest = folder.partition("/")
    return sorted((home(report) / rest).rglob("certify.toml"))


def folders() -> list[str]:
    return sorted({path.relative_to(REPORTS).parts[1] for path in REPORTS.rglob("certify.toml")})


def measured(arguments: list[str]) -> tuple[str, str, float, float]:
    """Output, errors, wall seconds and peak megabytes of `python -m certify …`; one thread."""
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    start = time.perf_counter()
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", "certify", *arguments], stdout=out, stderr=err, env=environment, cwd=REPORTS.parent
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - start
        out.seek(0), err.seek(0)
        return out.read(), err.read(), seconds, usage.ru_maxrss / 1024


def audit(spec: Path) -> list[Line]:
    """One line a claim of the certificate that `certify run` writes and `certify check` reads."""
    where = Path(*spec.relative_to(REPORTS).parts[1:])
    name = str(where.parent.relative_to(where.parts[0])) if len(where.parts) > 2 else ""
    out, err, seconds, peak = measured(["run", "--quiet", "--json", str(spec)])
    if not out.startswith("{"):
        print(f"{where}: {(err.strip().splitlines() or ['no output'])[-1]}", file=sys.stderr)
        return []
    claims: list[dict[str, Any]] = json.loads(out)["claims"]
    said, wrong, check_seconds, check_peak = measured(["check", str(spec.with_name("certificate.json"))])
    verdict = (said.strip().splitlines() or [f"failed: {(wrong.strip().splitlines() or ['no output'])[-1]}"])[-1]
    print(f"{where}: {seconds:.1f} s, check {check_seconds:.1f} s: {verdict[:100]}", file=sys.stderr, flush=True)
    return [
        {"report": where.parts[0], "spec": name, "quantity": c["quantity"], "theorem": c["theorem"],
         "lower": _number(c["lower"]), "upper": _number(c["upper"]), "verdict": c["verdict"],
         "gate": _gate(c), "reason": c["reason"], "run_seconds": f"{seconds:.1f}", "run_megabytes": f"{peak:.0f}",
         "check": verdict.split()[0].rstrip(":"), "check_seconds": f"{check_seconds:.1f}",
         "check_megabytes": f"{check_peak:.0f}"}
        for c in claims
    ]  # fmt: skip


def _number(value: float | None) -> str:
    return "" if value is None else repr(value)


def _gate(claim: dict[str, Any]) -> str:
    if claim["gate"] is None:
        return ""
    side = "max" if "max" in claim else "min"
    return f"{'≤' if side == 'max' else '≥'} {claim[side]:g}, {claim['gate']}"


def load() -> list[Line]:
    if not RECORD.exists():
        return []
    with RECORD.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def store(lines: list[Line]) -> None:
    with RECORD.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)


def outward(lower: str, upper: str) -> str:
    """Both ends rounded outward to the digits that tell them apart, at least six.

    >>> outward("1.09989686", "1.09989687"), outward("0.5", "")
    ('1.09989686 – 1.09989687', '0.5 – not proved')
    """
    from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

    if not lower or not upper:
        return f"{lower or 'not proved'} – {upper or 'not proved'}"
    low, high = Decimal(lower), Decimal(upper)
    if low == high:
        return f"{low.normalize()}"
    digits = max(6, min(12, high.adjusted() - (high - low).adjusted() + 1))
    unit = Decimal(1).scaleb(high.adjusted() - digits + 1)
    ends = low.quantize(unit, ROUND_FLOOR), high.quantize(unit, ROUND_CEILING)
    return " – ".join(f"{end:f}" for end in ends)


def ratio(line: Line) -> str:
    if not line["lower"] or not line["upper"] or float(line["lower"]) == 0:
        return "exact" if line["lower"] == line["upper"] != "" else "—"
    excess = float(line["upper"]) / float(line["lower"]) - 1
    return f"{1 + excess:.3f}" if excess > 1e-3 else f"1 + {excess:.0e}"


def table(lines: list[Line], with_report: bool) -> str:
    head = [*(["report"] if with_report else []), "spec", "quantity", "theorem", "proved enclosure", "upper / lower",
            "verdict", "gate", "reason", "run", "check"]  # fmt: skip
    body = []
    for n, line in enumerate(lines):
        first = n == 0 or any(lines[n - 1][key] != line[key] for key in ("report", "spec"))
        run = f"{float(line['run_seconds']):.0f} s, {float(line['run_megabytes']):.0f} MB" if first else ""
        check = f"{line['check']}, {float(line['check_seconds']):.0f} s, {float(line['check_megabytes']):.0f} MB"
        body.append([
            *([line["report"]] if with_report else []), f"`{line['spec']}`" if line["spec"] else "", line["quantity"],
            line["theorem"], outward(line["lower"], line["upper"]), ratio(line), line["verdict"],
            line["gate"] or "none", line["reason"] or "—", run, check if first else "",
        ])  # fmt: skip
    rows = [head, ["---"] * len(head), *body]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def persistence(lines: list[Line]) -> str:
    """Certified and attacked radii side by side."""
    head = ["report", "budget", "proved radius", "proved attack", "attack / proved", "at most 3"]
    rows = ["| " + " | ".join(head) + " |", "|---|---|---:|---:|---:|---|"]
    for line in lines:
        if line["quantity"] != "persistence_radius":
            continue
        budget = "every row" if "per-row" in line["spec"] else "all rows together"
        ends = f"{float(line['lower'] or 0):.4g} | {float(line['upper'] or 'inf'):.4g}"
        times = float(line["upper"] or "inf") / max(float(line["lower"] or 0), 1e-300)
        rows.append(f"| {line['report']} | {budget} | {ends} | {times:.2f} | {'yes' if times <= 3 else '**no**'} |")
    return "\n".join(rows)


def apart(line: Line) -> float:
    """`upper / lower`; infinite where one of them is missing, trivial (0 below a positive end), or not finite."""
    if not line["lower"] or not line["upper"]:
        return math.inf
    low, high = float(line["lower"]), float(line["upper"])
    return 1.0 if low == high else high / low if low > 0 and math.isfinite(high) else math.inf


def medians(lines: list[Line]) -> str:
    """How far apart the ends are, quantity by quantity; failures count as infinitely far."""
    rows = ["| quantity | claims | without two ends | median upper / lower | largest finite |",
            "|---|---:|---:|---:|---:|"]  # fmt: skip
    for quantity in sorted({line["quantity"] for line in lines}):
        found = sorted(apart(line) for line in lines if line["quantity"] == quantity)
        middle = (found[(len(found) - 1) // 2] + found[len(found) // 2]) / 2
        finite = [x for x in found if math.isfinite(x)]
        rows.append(f"| {quantity} | {len(found)} | {len(found) - len(finite)} | {_ratio(middle)} | "
                    f"{_ratio(max(finite, default=math.inf))} |")
    return "\n".join(rows)


def _ratio(value: float) -> str:
    return "∞" if math.isinf(value) else f"{value:.3f}" if value > 1.001 else f"1 + {value - 1:.0e}"


def finite(lines: list[Line]) -> str:
    """Radii at finite size: what is certified, what an attack reaches, what no claim can pass."""
    attacks = _attacks()
    rows = ["| report | quantity | certified radius | attack | certified / attack | limit | the claim there |",
            "|---|---|---:|---:|---:|---:|---|"]  # fmt: skip
    for line in lines:
        where = home(line["report"]) / line["spec"] / "certificate.json"
        name, claim = f"{line['report']}, `{line['spec']}`", None
        if line["quantity"] in ("aubin", "distance") and where.exists() and line["upper"]:
            stated = json.loads(where.read_text(encoding="utf-8"))
            claim = next(c for c in stated["claims"] if c["quantity"] == line["quantity"])
        if line["quantity"] == "persistence_radius":
            low, high = float(line["lower"] or 0), float(line["upper"] or "inf")
            rows.append(f"| {name} | persistence_radius | {low:.4g} | {high:.4g} | {low / high:.3f} | none | "
                        "the loss stays below the level |")
        elif claim is not None and line["quantity"] == "aubin":
            radius = claim["witness"]["radius_u"]
            broken, limit = attacks.get((line["report"], line["spec"])), claim["witness"].get("limit")
            rows.append(f"| {name} | aubin | {radius:.4g} | {'not run' if broken is None else f'{broken:.4g}'} | "
                        f"{'—' if broken is None else f'{radius / broken:.3f}'} | "
                        f"{'none' if limit is None else f'{limit:.4g}'} | κ ≤ {float(line['upper']):.4g} |")
        elif claim is not None and stated["problem"]["set"] == "given":
            what = "critical point" if stated["problem"]["map"] == "critical" else "exact fit"
            rows.append(f"| {name} | distance | the one change | — | — | none | the nearest {what} at a distance of "
                        f"{outward(line['lower'], line['upper'])} |")
        elif claim is not None and stated["problem"]["map"] == "critical":
            asked = stated["problem"]
            size = "any other labels" if asked["radius"] is None else f"{asked['radius']:g}"
            most = f" ({asked['count']} row{'s' * (asked['count'] > 1)})" if asked["count"] else ""
            far, near = math.ceil(1e4 * float(line["upper"])) / 1e4, math.floor(1e4 * float(line["lower"])) / 1e4
            rows.append(f"| {name} | distance | {size}{most} | — | — | none | the one solution within {far:g}; "
                        f"one change moves it by {near:g} |")
        elif claim is not None and stated["problem"]["radius"] is not None:
            rows.append(f"| {name} | distance | {stated['problem']['radius']:g} | not run | — | see the report | "
                        f"an exact fit within {float(line['upper']):.4g} |")
    return "\n".join(rows)


def _attacks() -> dict[tuple[str, str], float]:
    """Where the attacks of reports/audits/aubin break the theorems' conditions, as its tables say."""
    page, found = (home("aubin") / "README.md").read_text(encoding="utf-8"), {}
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 10 and cells[0].split()[0] in ("tanh", "gelu"):
            found["aubin", cells[0].split()[0]] = float(cells[6])
        if len(cells) == 9 and cells[0].startswith("diabetes"):
            name = "aubin" if cells[2] == "2" else f"aubin-{cells[2]}"
            found["diabetes", name] = float(cells[7].split()[0])
    return found


def insert(path: Path, text: str, marks: tuple[str, str] = MARKS) -> None:
    """Put the table between the marks of a page, if it has them."""
    if not path.exists() or marks[0] not in path.read_text(encoding="utf-8"):
        return
    before, rest = path.read_text(encoding="utf-8").split(marks[0])
    path.write_text(f"{before}{marks[0]}\n{text}\n{marks[1]}{rest.split(marks[1], 1)[1]}", encoding="utf-8")


def write_tables(lines: list[Line]) -> None:
    for folder in {line["report"] for line in lines}:
        insert(home(folder) / "README.md", table([x for x in lines if x["report"] == folder], with_report=False))
    insert(REPORTS / "README.md", table(lines, with_report=True))
    insert(REPORTS / "README.md", persistence(lines), PERSISTENCE)
    insert(REPORTS / "README.md", medians(lines), MEDIANS)
    insert(REPORTS / "README.md", finite(lines), FINITE)


def main() -> int:
    parser = argparse.ArgumentParser(description="run and check the specs of the reports")
    parser.add_argument("report", nargs="*", help="names of reports, or of single specs; default all")
    parser.add_argument("--tables", action="store_true", help="only write the tables again")
    options = parser.parse_args()
    lines = load()
    for folder in [] if options.tables else options.report or folders():
        report = Path(folder).parts[0]
        needed = INPUTS.get(report)
        if needed and not (home(report) / needed).exists():
            print(f"{folder}: skipped, make its inputs with prepare.py", file=sys.stderr)
            continue
        found = [line for spec in specs(folder) for line in audit(spec)]
        kept = [x for x in lines if not Path(x["report"], x["spec"]).is_relative_to(folder)]
        lines = sorted(kept + found, key=lambda x: (x["report"], x["spec"]))
        store(lines)
    write_tables(lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
