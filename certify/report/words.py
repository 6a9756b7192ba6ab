"""The fixed words of a report: what verdicts, theorems and terms mean, and what is not claimed."""

from __future__ import annotations

from certify.report.statements import code, say

QUANTITIES = {
    "modulus": "Lipschitz modulus of the solution map",
    "sample_modulus": "Lipschitz modulus when one row moves alone",
    "first_order_distance": "Distance to the nearest exact fit, to first order",
    "distance": "Distance to the nearest exact fit",
    "aubin": "Factor with explicit radii (Aubin property)",
    "stable_predictions": "Labels of the evaluation rows that stay",
    "prediction_change": "Largest change of the outputs at the evaluation rows",
    "first_order_prediction_change": "Change of the outputs at the evaluation rows, to first order",
    "persistence_radius": "Persistence radius of the given weights",
    "excess": "How far exact fits near the weights stray (excess on a window)",
    "hausdorff": "How far both sets of exact fits lie apart (Hausdorff distance on a window)",
}

MOTION = "Distance from today’s solution to that of the changed data"

WEIGHT_NORMS = {
    "euclidean": "Euclidean",
    "relative": "relative to each layer: the length of the change of its weights and biases, as a multiple of the "
    "length of its weight matrix; over several layers the root of the sum of squares",
    "function": "as the reference rows see it: the length of the first-order change of their outputs, and τ times the "
    "Euclidean length of the change of the weights; the root of the sum of squares",
}
"""How the distance between weights is counted."""

MEASURE = {"euclidean": "", "relative": " (relative to each layer)", "function": " (as the reference rows see it)"}
"""What follows a distance between weights in a sentence."""

POINTWISE = ("modulus", "sample_modulus")
"""Quantities that are limits for ever smaller moves."""

LOSSES = {
    "squared": "half the squared distance between the outputs and the targets",
    "logistic": "log(1 + exp(−s·f)), f the output and s = ±1 the class",
    "cross_entropy": "the cross-entropy between the softmax of the outputs and the target",
}

ENDS = {
    ("M2", "upper"): "upper end by a verified factorisation",
    ("M2", "lower"): "lower end by a verified vector (the witness)",
    ("N1", "upper"): "upper end by one weight a row and a verified factorisation",
    ("N1", "lower"): "lower end by a verified vector (the witness), which names a worst move",
    ("N2", "lower"): "lower end by a verified vector (the witness), which names rows and their moves",
    ("Q7", "upper"): "upper end by an exact fit of the changed data, proved to exist (theorem Q2)",
    ("Q7", "lower"): "lower end by a combination of the outputs (the witness) that the weights cannot change fast "
    "enough (theorem F1)",
    ("P2", "lower"): "lower end by how far networks within that distance (the witness, proved as the upper end of a "
    "distance is) can change each margin of the outputs",
    ("Q4", "upper"): "upper end by one layer that gives all later ones the inputs they had (compensation)",
    ("Q4", "lower"): "lower end by one change within the budget and a combination of the outputs (the witness) that "
    "the weights cannot change fast enough (theorem F1)",
    ("Q1", "upper"): "upper end by a right inverse of the Jacobian that is proved to serve within both radii "
    "(contraction)",
    ("Q1", "lower"): "lower end by that of the modulus and a verified vector (the witness)",
    ("Q5", "upper"): "upper end by a direction (the witness) along which the training loss is proved to fall fast "
    "enough within both radii",
    ("Q5", "lower"): "lower end by that of the modulus",
    ("S14", "upper"): "upper end by a multiplier (the witness) for which a matrix is proved positive definite",
    ("S14", "lower"): "lower end by a point of one set within the window (the witness) and its distance from the other",
    ("N3", "upper"): "from an enclosure of the inverse of the tangent kernel",
    ("N3", "lower"): "from an enclosure of the inverse of the tangent kernel",
    ("N4", "upper"): "from an enclosure of the inverse of the tangent kernel, row by row",
    ("N4", "lower"): "from an enclosure of the inverse of the tangent kernel, row by row",
    ("M4", "upper"): "from an enclosure of the inverse of the tangent kernel, row by row",
    ("M4", "lower"): "from an enclosure of the inverse of the tangent kernel, row by row",
}

BOXED = {
    "upper": "upper end, row by row, by an ellipsoid around the changes of the row (theorem N4)",
    "lower": "lower end by one change of every row (the witness)",
}
"""How the ends of `sample_modulus` are known where the norm is inf and there are too many signs to try them all."""

ROW_BY_ROW = ", layer {layer}; how far its inputs move is proved row by row from the slopes within reach (LipSDP)"
"""What follows the upper end of Q4 where the side file holds the multipliers for it."""

MEMBERS = {
    "weights": "upper end by one weight a row and a verified factorisation",
    "rows": "upper end by adding up what each row can do alone",
    "pairs": "upper end by adding up what pairs of rows can do together",
}
"""How the upper end of N2 is known."""

RIGOUR = {
    "proved": "Proved, with every rounding error enclosed",
    "conditional": "Proved under a hypothesis that was not itself proved",
    "estimated": "An estimate; nothing is proved",
}

VERDICT_MEANING = {
    "refuted": "It is proved that at least one thing asked for does not hold. The certificate carries the evidence, "
    "and anyone can check it.",
    "inconclusive": "At least one thing asked for was neither proved nor disproved. It may hold and it may fail; "
    "nothing should be concluded from it until it is decided.",
}
ALL_PROVED = "Everything asked for is proved, with every rounding error of the computation enclosed."

NO_GATE = "No threshold was set, so there is nothing to meet or to fail."
NOTHING_PROVED = " Nothing of what was asked is proved. The command ends with status 4."
NO_GATE_THAT_COUNTS = "Only thresholds of severity “warn” were set; they are reported but do not count."
WARN_ONLY = " Thresholds of severity “warn” are reported below but do not count."

WHY_EQUAL = {
    "features": "As soon as one of them moves, the network has to give the same output at two nearby points, against "
    "its own slope there; weights that do so are not found within any fixed multiple of the move.",
    "targets": "As soon as their targets move apart, the network would have to give two outputs for one input, and no "
    "weights do that.",
}

MERGE_ADVICE = (
    say("Run {run} to treat equal rows as one row, or", run=code("certify run SPEC --merge-duplicates")),
    say("remove all but one of the equal rows from the data, and run again."),
)


def gates_meaning(state: str, decided: int, total: int) -> str:
    """What the state of the gates that count means, and with which status the command ends."""
    status = {"met": 0, "failed": 3, "open": 4}[state]
    several = {1: "The threshold", 2: "Both thresholds"}.get(total, f"All {total} thresholds")
    some = "The threshold" if total == 1 else f"{decided} of {total} thresholds"
    words = {
        "met": f"{several} {'holds' if total == 1 else 'hold'}.",
        "failed": f"{some} {'does' if decided == 1 else 'do'} not hold.",
        "open": f"{some} could not be decided.",
    }
    return f"{words[state]} The command ends with status {status}."
