"""The fixed words of a report: what verdicts, theorems and terms mean, and what is not claimed."""

from __future__ import annotations

from certify.report.statements import Entry, Phrase, code, say

QUANTITIES = {
    "modulus": "Lipschitz modulus of the solution map",
    "sample_modulus": "Lipschitz modulus when one row moves alone",
}

ENDS = {
    ("M2", "upper"): "upper end by a verified factorisation",
    ("M2", "lower"): "lower end by a verified vector (the witness)",
    ("M4", "upper"): "from an enclosure of the inverse of the tangent kernel, row by row",
    ("M4", "lower"): "from an enclosure of the inverse of the tangent kernel, row by row",
}

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
NO_GATE_THAT_COUNTS = "Only thresholds of severity “warn” were set; they are reported but do not count."
WARN_ONLY = " Thresholds of severity “warn” are reported below but do not count."

LIMIT = say(
    "This is a statement about a limit. “About” becomes exact as δ shrinks to zero, and for a move of any given size "
    "it promises nothing: how soon the factor becomes accurate is not part of the claim.",
)

LIMIT_ALONE = say(
    "This is a statement about the limit of ever smaller moves; about a move of any given size it says nothing."
)

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


def not_claimed(parameter: str, some_rows: bool, layer: int | None) -> tuple[Entry, ...]:
    """What a reader may expect and the certificate does not say."""
    entries = [
        Entry(
            "Moves of a given size",
            say(
                "The modulus is the limit for ever smaller moves. Nothing is said about what a move of, say, "
                "δ = 0.01 does."
            ),
        ),
        Entry(
            "The network as it runs",
            say(
                "The claims are about the exact real-number function given by the parameters and data in the files. "
                "Rounding in the program that runs the network, in single or half precision for instance, is not "
                "covered."
            ),
        ),
        Entry(
            "What training would find",
            say(
                "The claims are about which exact fits exist. Whether a training procedure, run again on the moved "
                "data, ends near any of them is another question."
            ),
        ),
        Entry(
            "Other solutions",
            say(
                "In general there are infinitely many exact fits. The claims concern those closest to the given "
                "weights, not all of them."
            ),
        ),
        Entry(
            "Quality of the network",
            say("Neither its accuracy nor its behaviour on data outside the training set is examined."),
        ),
    ]
    if some_rows:
        text = "Rows that are not listed keep their {p}; nothing is said about moving them."
        entries.append(Entry("The other rows", say(text, p=parameter)))
    if layer is not None:
        text = "Only layer {h} may adjust. With every layer free the factor can only be the same or smaller."
        entries.append(Entry("The other layers", say(text, h=layer)))
    return tuple(entries)


GLOSSARY: tuple[Entry, ...] = (
    Entry("row", say("one training example; rows are counted from 0, in the order of the data file")),
    Entry("weights", say("the numbers that training has set: the weights and biases of the layers")),
    Entry("exact fit (interpolation)", say("the network gives exactly the target value on every training row")),
    Entry("solution map S", say("the set of all weights that fit exactly, as it depends on the training data")),
    Entry(
        "move (perturbation) u",
        say("a change of the training data; δ is its Euclidean length, taken over all rows that may move together"),
    ),
    Entry(
        "Lipschitz modulus",
        say(
            "the smallest factor between the size of a small move of the data and the distance to the nearest exact "
            "fit, in the worst direction and in the limit of small moves; infinite if there is no such factor"
        ),
    ),
    Entry("lower and upper end", say("two bounds with the true value between them; shown digits are rounded outward")),
    Entry("gate", say("a threshold in the specification, which the quantity has to meet")),
    Entry("witness", say("numbers kept in the certificate with which anyone can repeat the decisive step of a proof")),
    Entry(
        "tangent kernel K",
        say(
            "the matrix of inner products of the outputs’ derivatives with respect to the weights, "
            "over all pairs of rows"
        ),
    ),
    Entry(
        "proved",
        say("follows from a theorem whose hypotheses were verified by computation, with all rounding errors enclosed"),
    ),
)


def base_given(residual_known: bool) -> tuple[Phrase, ...]:
    """What base `given` means for an interpolation claim."""
    first = say(
        "Trained weights hardly ever fit their targets exactly. The claims here use base {g}: the targets are the "
        "network’s own outputs on the training rows. The given weights are then an exact fit, at distance 0, and how "
        "they were trained plays no part.",
        g=code("given"),
    )
    if residual_known:
        return (first, say("The price is a shift of the targets, away from those in the data file:"))
    missing = "The data file holds no numeric targets to compare with, so the size of the shift cannot be stated."
    return (first, say(missing))


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
