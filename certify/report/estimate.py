"""Set an estimate as one self-contained HTML page, for readers who do not know the theory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from certify.messages import shortest
from certify.report.digits import typeset
from certify.report.html import environment
from certify.report.plots import NARROW, WIDE, draw_history

Json = Mapping[str, Any]
MOST_ROWS_NAMED = 12
FAR_FROM_LINEAR = 0.25
"""First-order ratios further from 1 than this are pointed out."""

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
        title=_title(document["problem"]), rows=_rows(document["problem"]["rows"]), cautions=_cautions(document),
        not_proved=NOT_PROVED, pictures=pictures, gates=[_gate(claim) for claim in document["claims"] if claim["gate"]],
        tone={"met": "yes", "failed": "no", "open": "maybe"}, seconds=_seconds, options=_options(document["options"]),
        iterations=len(history),
    )


def _title(problem: Json) -> str:
    count = len(problem["rows"])
    rows = "one row" if count == 1 else "every row" if count == problem["n"] else f"{count} rows"
    word = {"features": "changes", "targets": "gets a new target" if count == 1 else "get new targets",
            "sample_weights": "counts differently" if count == 1 else "count differently"}[problem["parameter"]]
    word = "change" if word == "changes" and rows.endswith("rows") else word
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
    return [(name.replace("_", " "), str(value).lower() if isinstance(value, bool) else str(value))
            for name, value in sorted(options.items())]


def _cautions(document: Json) -> list[str]:
    """What speaks against the estimate, in whole sentences; empty where nothing was found."""
    result, options = document["result"], document["options"]
    e, found = result["evidence"], []
    before, after, aim = e["loss_before"], e["loss_after"], e["loss_predicted"]
    if None in (before, after, aim, e["loss_all_after"]):
        return ["A loss is not finite: the step leads to weights at which the network cannot be computed."]
    if abs(after - aim) > abs(before - aim):
        found.append("On the moved rows the loss at the new weights is further from what the theory predicts than at "
                     "the old ones. The change is too large for a first-order estimate, or the system was not solved "
                     "well enough: do not use these weights.")
    raised = document["problem"]["parameter"] == "features" and before > e["loss_original"]
    if raised and after > before:
        found.append("On the moved rows the loss at the new weights is higher than at the old ones: do not use these "
                     "weights.")
    if raised and aim >= before:
        found.append("Not even to first order does the step lower the loss on the moved rows. The change of the data "
                     "is too large for its linear part to say what it did: do not use these weights.")
    if raised and e["loss_all_after"] > e["loss_all_before"]:
        found.append("The change of the data raised the loss, and over all rows together the new weights do not mend "
                     "that: they do worse than the old ones.")
    ratios = dict(e["validity"])
    if ratios.get(1.0) is not None and abs(ratios[1.0] - 1) > FAR_FROM_LINEAR:
        found.append("At the full size of the change the network does not do what the first-order theory predicts (see "
                     "“Is the change small enough?”). A corrector step, or a smaller change, would help.")
    if e["data_error"] is not None and e["data_error"] > FAR_FROM_LINEAR:
        share = f"{e['data_error']:.2g}"
        found.append(f"The change of the data is far from linear: its effect differs by {share} times its linear part "
                     "from what the theory takes into account. A smaller change, or correctors, would help.")
    if e["gradient_left"] is not None and e["gradient_left"] > FAR_FROM_LINEAR:
        share = f"{e['gradient_left']:.2g}"
        found.append(f"At the new weights {share} times the gradient that the change causes is left: they are not near "
                     "a solution. A smaller change, a more exact solve, or correctors, would help.")
    if result["residual"] is None or result["residual"] > options["tolerance"]:
        found.append("The linear system was not solved to the tolerance asked for. A larger budget would help, unless "
                     "no weights answer the change exactly.")
    if result["moved_rows_only"]:
        found.append("Only the moved rows were looked at: nothing kept the other rows in place.")
    return found
