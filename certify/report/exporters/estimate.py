"""Set an estimate as one self-contained HTML page, for readers who do not know the theory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from certify.format.digits import shortest
from certify.report.cautions import cautions
from certify.report.digits import typeset
from certify.report.exporters.html import environment
from certify.report.plots import NARROW, WIDE, draw_history

Json = Mapping[str, Any]
MOST_ROWS_NAMED = 12

NOT_PROVED = (
    "that the new weights are a solution: they are one to first order, and the losses above say how nearly",
    "that no other solution is nearer, or that training again would end at this one",
    "any number on this page: nothing bounds the errors of rounding, of the solver, or of leaving out higher orders",
    "anything about inputs other than the training rows",
)


@dataclass(frozen=True)
class Number:
    """A number as it is shown, and exactly."""

    text: str
    exact: str


def render(document: Json) -> str:
    """Return the page on an estimate; it needs no other file and runs no script.

    Every string of the document is foreign text: the template escapes all of them. The same document always gives
    the same bytes.

    Args:
        document: the content of ``estimate.json``.
    """
    from markupsafe import Markup

    result = document["result"]
    history = [h for h in result["history"] if h is not None]
    pictures = [Markup(draw_history(history, document["options"]["tolerance"], shape)) for shape in (WIDE, NARROW)]
    return environment().get_template("estimate.html").render(
        d=document, p=document["problem"], r=result, e=result["evidence"], number=_number, percent=_percent,
        title=_title(document["problem"]), rows=_rows(document["problem"]["rows"]), cautions=cautions(document),
        not_proved=NOT_PROVED, pictures=pictures, gates=[_gate(claim) for claim in document["claims"] if claim["gate"]],
        tone={"met": "yes", "failed": "no", "open": "maybe"}, seconds=_seconds, options=_options(document["options"]),
        iterations=len(history),
        steps_of_loss=document["options"]["corrector_steps"] is None and result["space"] == "outputs",
    )


MOVES = {"features": ("changes", "change", "changes"),
         "targets": ("gets a new target", "get new targets", "get new targets"),
         "sample_weights": ("counts differently", "count differently", "count differently")}
"""What one row does, several rows, and every row."""


def _title(problem: Json) -> str:
    count = len(problem["rows"])
    rows = "one row" if count == 1 else "every row" if count == problem["n"] else f"{count} rows"
    of_one, of_several, of_every = MOVES[problem["parameter"]]
    word = of_one if count == 1 else of_every if count == problem["n"] else of_several
    return f"Estimated new weights when {rows} of the training data {word}"


def _rows(rows: Sequence[int]) -> str:
    """Numbers of rows in words.

    >>> _rows([3]), _rows([0, 3, 5]), _rows(list(range(40)))[:12]
    ('row 3', 'rows 0, 3 and 5', 'rows 0, 1, 2')
    """
    if len(rows) == 1:
        return f"row {rows[0]}"
    if len(rows) > MOST_ROWS_NAMED:
        return f"rows {', '.join(map(str, rows[:MOST_ROWS_NAMED]))} and {len(rows) - MOST_ROWS_NAMED} more"
    return f"rows {', '.join(map(str, rows[:-1]))} and {rows[-1]}"


def _number(value: float | int | None, threshold: float | None = None) -> Number:
    if value is None:
        return Number("not finite", "no finite number")
    if isinstance(value, int):
        return Number(f"{value:,}".replace(",", "\u2009"), repr(value))
    return Number(typeset(shortest(value, threshold)), repr(value))


def _percent(part: float | None, whole: float | None) -> str:
    """A share in percent, or an empty string where there is none.

    >>> _percent(1.0, 8.0), _percent(1e-9, 1.0), _percent(0.0, 2.0), _percent(1.0, 0.0)
    ('12.5 %', 'less than 0.001 %', '0 %', '')
    """
    if part is None or not whole:
        return ""
    share = 100 * part / whole
    return "0 %" if share == 0 else "less than 0.001 %" if share < 1e-3 else f"{share:.3g} %" if share < 1e4 else (
        f"{part / whole:.3g} times as much")


def _seconds(seconds: float) -> str:
    """A time in words.

    >>> _seconds(0.0123), _seconds(75.2), _seconds(7200.0)
    ('0.012 s', '75 s', '120 min')
    """
    return f"{seconds / 60:.0f} min" if seconds >= 300 else f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.2g} s"


def _gate(claim: Json) -> dict[str, Any]:
    gate = claim["gate"]
    threshold = gate.get("max", gate.get("min"))
    state = "open" if gate["state"] == "open" else f"{gate['state']} (estimated)"
    return {
        "name": claim["quantity"], "relation": "at most" if "max" in gate else "at least",
        "threshold": _number(threshold), "value": _number(claim["upper"], threshold),
        "state": gate["state"], "words": state, "reason": claim["reason"],
        "rigour": gate["rigour"], "severity": gate["severity"], "rationale": gate["rationale"],
    }


def _options(options: Json) -> list[tuple[str, str]]:
    return [(name.replace("_", " "), "left to the program" if value is None else
             str(value).lower() if isinstance(value, bool) else str(value))
            for name, value in sorted(options.items())]
