"""E: cousins in newer members: witnesses of heads, graphs, weights of rows, gates over time, evaluation rows."""

from __future__ import annotations

import json

import numpy as np

from tests.forgeries.forgery import FILES, GOLDEN, Forgery, Work, member


def _all_stay(work: Work) -> None:
    """Flipped rows are said to stay, and the number follows."""
    def change(arrays: dict[str, np.ndarray]) -> None:
        name = next(name for name in arrays if name.endswith(".status"))
        arrays[name][arrays[name] < 2] = arrays[name].max()

    work.arrays(change)
    work.claim["lower"] = work.claim["upper"] = 12.0


def _other_centre(work: Work) -> None:
    """A centre that is not the refit of the given data."""
    def change(arrays: dict[str, np.ndarray]) -> None:
        name = next(name for name in arrays if name.endswith(".centre"))
        arrays[name] = arrays[name] * 1.5

    work.arrays(change)


def _not_a_number(work: Work) -> None:
    def change(arrays: dict[str, np.ndarray]) -> None:
        name = next(name for name in arrays if name.endswith(".centre"))
        arrays[name][...] = np.nan

    work.arrays(change)


def _more_arrays(work: Work) -> None:
    work.arrays(lambda arrays: arrays.update({"note": np.zeros(3)}))


def _half(name: str, index: int = 0):
    def forge(work: Work) -> None:
        claim = work.certificate["claims"][index]
        claim[name] = claim[name] / 2

    return forge


def _graph(of: str, **changes: object):
    def forge(work: Work) -> None:
        top = json.loads(work.path("graph").read_bytes())
        for node in top["nodes"]:
            if node["op"] == of:
                node |= changes
        work.bind("graph", json.dumps(top).encode())
        work.certificate["problem"]["graph"]["operations"] = {
            op: sum(node["op"] == op for node in top["nodes"]) for op in sorted({node["op"] for node in top["nodes"]})}

    return forge


def _graph_twice(work: Work) -> None:
    text = work.path("graph").read_text()
    work.bind("graph", (text.rstrip()[:-1] + ', "shape": [1, 1, 1]}').encode())


def _evaluation(work: Work) -> None:
    """Other evaluation rows under the same name."""
    with np.load(work.path("evaluation")) as held:
        arrays = {name: np.roll(held[name], 1, axis=0) for name in held.files}
    np.savez(work.path("evaluation"), **arrays)
    work.bind("evaluation", work.path("evaluation").read_bytes())


def _weights(work: Work) -> None:
    """Rows with other weights."""
    with np.load(work.path("data")) as held:
        arrays = {name: held[name] * (4.0 if name not in ("X", "y") else 1.0) for name in held.files}
    np.savez(work.path("data"), **arrays)
    work.bind("data", work.path("data").read_bytes())


def _tight(work: Work) -> None:
    claim = work.claim
    claim["upper"] = claim["lower"] * (1 + 1e-12)


def _survived(work: Work) -> None:
    """A row that one change flips survives as many as are asked about."""
    for name in ("row_lower", "row_upper"):
        work.claim[name] = [max(work.claim[name])] * len(work.claim[name])


def _over_time(work: Work) -> None:
    work.certificate["over_time"] = {"baseline": None, "gates": [{
        "claim": 0, "max_increase": 0.0, "severity": "fail", "rationale": None, "lower": None, "upper": None,
        "state": "met", "reason": ""}]}


def _gated(state: str, baseline: dict | None):
    """A gate over time is put into spec and certificate."""
    def forge(work: Work) -> None:
        work.rewrite("spec", lambda old: old + b'[[gate]]\nquantity = "modulus"\nmax_increase = 0.0\n')
        claim = json.loads(json.dumps(work.claim)) | {"gate": None, "verdict": "certified"}
        work.certificate["claims"] = [claim]
        work.certificate["problem"]["arrays"] = {"data": ["X", "y", None]}
        work.certificate |= {"verdict": "certified", "gates": "met"}
        work.certificate["over_time"] = {"baseline": baseline, "gates": [{
            "claim": 0, "max_increase": 0.0, "severity": "fail", "rationale": None, "lower": None, "upper": None,
            "state": state, "reason": ""}]}

    return forge


ROWS = (
    Forgery("e-all-stay", "rows that a change flips are said to stay", f"{GOLDEN}/rows-deleted", _all_stay,
            "rows are stated to be flipped|status"),
    Forgery("e-labels-stay", "the same where labels change", f"{GOLDEN}/labels-wrong", _all_stay,
            "rows are stated to be flipped|status"),
    Forgery("e-classes-stay", "the same with three classes", f"{GOLDEN}/rows-deleted-classes", _all_stay, "invalid"),
    Forgery("e-new-rows-stay", "the same where rows join", f"{GOLDEN}/rows-added", _all_stay, "invalid"),
    Forgery("e-centre", "a middle that is not the refit", f"{GOLDEN}/rows-deleted-free-intercept", _other_centre,
            "invalid"),
    Forgery("e-not-a-number", "a middle that is no number", f"{GOLDEN}/rows-deleted", _not_a_number,
            "a finite number with an exact"),
    Forgery("e-more-arrays", "an array that nothing needs", f"{GOLDEN}/rows-deleted", _more_arrays,
            r"subject\.witness: its arrays are"),
    Forgery("e-weights-moved", "weights move less than some change moves them", f"{GOLDEN}/weights-moved",
            _half("upper"), r"lower: .* is stated, but"),
    Forgery("e-weights-moved-both", "the same with both ends", f"{GOLDEN}/weights-moved",
            lambda work: work.claim.update(lower=work.claim["lower"] / 2, upper=work.claim["upper"] / 2), "invalid"),
    Forgery("e-functional", "the value of a coefficient is said to be smaller", f"{GOLDEN}/values-of-coefficients",
            _tight, "invalid"),
    Forgery("e-coefficients", "functionals of other columns", f"{GOLDEN}/values-of-coefficients",
            member("problem", "functionals", value=["column 1"]), r"problem\.functionals"),
    Forgery("e-evaluation", "other evaluation rows under the spec's name", f"{GOLDEN}/rows-deleted", _evaluation,
            "invalid"),
    Forgery("e-row-weights", "rows that weigh more than the proof says", f"{GOLDEN}/weights-of-rows", _weights,
            r"problem\.row_weights"),
    Forgery("e-users", "fewer groups than the data hold", f"{GOLDEN}/one-user",
            member("problem", "grouped", "groups", value=2), r"problem\.grouped"),
    Forgery("e-survived", "all rows survive more changes than were looked at", f"{GOLDEN}/rows-survived",
            _survived, r"row_lower of row 9: 3 is stated, but 0"),
    Forgery("e-noise", "features move, and a row more stays", f"{GOLDEN}/noise", lambda work: work.claim.update(
        lower=work.claim["upper"]), "invalid"),
    Forgery("e-graph-activation", "another activation in the graph", f"{FILES}/graph", _graph("tanh", op="softplus"),
            "invalid"),
    Forgery("e-graph-stride", "another stride in the graph", f"{FILES}/graph", _graph("conv2d", padding=[0, 0]),
            "invalid"),
    Forgery("e-graph-twice", "a member of the graph is there twice", f"{FILES}/graph", _graph_twice, "graph"),
    Forgery("e-graph-upper", "half the modulus of a graph", f"{FILES}/graph", _half("upper"), "upper|lower"),
    Forgery("e-given-upper", "the nearest fit is said to be nearer than any is", f"{FILES}/given", _half("upper"),
            "is stated"),
    Forgery("e-compensation", "fits after a change are said to be nearer than any is", f"{FILES}/compensation",
            lambda work: work.claim.update(upper=work.claim["lower"]), "upper"),
    Forgery("e-first-order", "predictions are said to move less", f"{FILES}/first-order", _tight, "upper"),
    Forgery("e-critical", "half the modulus at a critical point", f"{FILES}/critical", _half("upper"), "lower|upper"),
    Forgery("e-critical-given", "a critical point nearer than the nearest", f"{FILES}/critical-given", _half("upper"),
            "is stated"),
    Forgery("e-sublevel-aubin", "a smaller factor for the same radii", f"{FILES}/sublevel-aubin", _half("upper"),
            "upper"),
    Forgery("e-over-time-unasked", "a gate over time that no spec has", f"{GOLDEN}/targets", _over_time,
            "the spec has 0 gates over time"),
    Forgery("e-over-time-null", "a member for gates over time, empty, that no spec has", f"{GOLDEN}/targets",
            member("over_time", value=None), "over_time: it is there"),
    Forgery("e-over-time-place", "a baseline that is named by what is no path", f"{GOLDEN}/targets",
            _gated("open", {"path": {"x": [10**400]}, "sha256": 0, "bytes": -1}), "over_time.baseline"),
    Forgery("e-over-time-met", "met, and compared with nothing", f"{GOLDEN}/targets", _gated("met", None),
            "over_time|claims"),
)
