"""A: the certificate chooses what it speaks of: solution, tilt, merged rows, radii, window, reach."""

from __future__ import annotations

from tests.forgeries.forgery import FILES, GOLDEN, Forgery, Work, member


def _certified(work: Work) -> None:
    """As the ends alone would have it."""
    for claim in work.certificate["claims"]:
        claim |= {"verdict": "certified", "reason": ""}
        if claim["gate"]:
            claim["gate"]["state"] = "met"
    work.certificate |= {"verdict": "certified", "gates": "met"}


def _without_cap(work: Work) -> None:
    for name in ("within", "weights_length"):
        del work.certificate["problem"][name]
    _certified(work)


def _wider_cap(work: Work) -> None:
    work.certificate["problem"]["within"] = 1.0
    _certified(work)


def _keep(work: Work) -> None:
    del work


def _unmerged(work: Work) -> None:
    work.certificate["problem"]["merge_duplicates"] = False


def _weight_tilt(work: Work) -> None:
    work.certificate["base"] |= {"tilt": "weights", "shift_worst": None, "shift_worst_row": None}


def _radii(name: str, factor: float):
    def forge(work: Work) -> None:
        work.claim["witness"][name] *= factor

    return forge


def _reach(work: Work) -> None:
    work.claim["witness"]["reach"] /= 16


def _near_solution(work: Work) -> None:
    work.certificate["base"] |= {"distance": 1e-9, "radius": 1e-9}
    for claim in work.certificate["claims"]:
        for one in claim["hypotheses"]:
            if one["name"] == "solution":
                one["value"] = 1e-9
    _certified(work)


def _window(work: Work) -> None:
    work.certificate["problem"]["window"] /= 4


ROWS = (
    Forgery("a-far-solution", "claims about a solution further away than counts, without the member that says so",
            f"{GOLDEN}/nearby", _without_cap, "inconclusive .*too far, at most 1e-06 of it counts", 4),
    Forgery("a-own-cap", "the certificate allows its solution any distance", f"{GOLDEN}/nearby", _wider_cap,
            r"problem\.within: 1\.0 is stated, but spec, model and data give 1e-06"),
    Forgery("a-distance-understated", "the far solution is said to be near", f"{GOLDEN}/nearby", _near_solution,
            r"base\.|witness"),
    Forgery("a-rescaled-copy", "a network with rescaled layers, the same function, in the place of the given weights",
            f"{FILES}/rescaled-copy", _keep, "inconclusive .*too far, at most 1e-06 of it counts", 4),
    Forgery("a-rescaled-copy-gated", "the same, held against a threshold of the caller", f"{FILES}/rescaled-copy",
            _keep, "inconclusive .*modulus ≤ 1000.0 open", 4, ("--max", "modulus=1e3")),
    Forgery("a-merged", "equal rows count as one, which the spec does not say and the certificate chooses",
            f"{GOLDEN}/merged", _keep, "inconclusive .*equal rows count as one; nothing is decided.*--merge-dupl", 4),
    Forgery("a-merged-unsaid", "numbers of merged rows without saying so", f"{GOLDEN}/merged", _unmerged, "problem"),
    Forgery("a-tilt-of-another-kind", "the tilt in weight space in the place of one through the outputs",
            f"{GOLDEN}/critical", _weight_tilt, "tilt in weight space is not left alone by a symmetry field"),
    Forgery("a-weight-tilt", "a tilt in weight space, where there is one through the outputs",
            f"{FILES}/chosen-tilt", _keep, "inconclusive .*tilted in weight space.*nothing is decided.*--weight-t", 4),
    Forgery("a-long-tilt", "a tilt longer than the caller takes", f"{FILES}/weight-tilt", _keep,
            "inconclusive .*--max-tilt", 4, ("--max-tilt", "1e-6")),
    Forgery("a-tilt-understated", "a tilt that is said to be short", f"{FILES}/weight-tilt",
            member("base", "shift_norm", value=1e-9), r"base\.shift_norm: 1e-09 is stated"),
    Forgery("a-wider-radius-of-data", "the radius of data changes, four times as large", f"{FILES}/aubin",
            _radii("radius_u", 4), "upper"),
    Forgery("a-wider-radius-of-weights", "the radius of weights, four times as large", f"{FILES}/aubin",
            _radii("radius_w", 4), "upper"),
    Forgery("a-tiny-radii", "radii so small that the factor says nothing of use; the caller asks for larger ones",
            f"{FILES}/aubin", _radii("radius_u", 1e-9), "inconclusive .*--least-radius-u", 4,
            ("--least-radius-u", "1e-6")),
    Forgery("a-short-reach", "networks within less than the proved distance keep more labels", f"{FILES}/labels",
            _reach, r"witness\.reach: .* is stated"),
    Forgery("a-window", "another window than the spec's", f"{GOLDEN}/window", _window, r"problem\.window"),
    Forgery("a-fewer-changes", "fewer rows change than the spec says", f"{GOLDEN}/rows-deleted",
            member("problem", "count", value=1), r"problem\.count: 1 is stated, but spec, model and data give 2"),
    Forgery("a-radius", "a smaller budget than the spec's", f"{GOLDEN}/sparse",
            member("problem", "radius", value=0.5), r"problem\.radius"),
)
