"""C: free text under a passing check."""

from __future__ import annotations

import json

from tests.forgeries.forgery import GOLDEN, Forgery, Work, member

TANH = f"{GOLDEN}/tanh"
LIE = "ROBUST against every change of the data"


def _again(work: Work) -> None:
    work.claim["hypotheses"] = work.claim["hypotheses"] * 3


def _contradiction(work: Work) -> None:
    rank = next(one for one in work.claim["hypotheses"] if one["name"] == "rank")
    work.claim["hypotheses"] += [rank | {"value": None, "holds": False}]


def _counted(work: Work) -> None:
    one = work.claim["hypotheses"][0]
    one["statement"] = one["statement"].replace("(26 and 8)", "(2600 and 2582)")


def _deep(work: Work) -> None:
    value: object = {}
    for _ in range(50):
        value = [value]
    work.certificate["environment"]["machine"] = value


def _open_reason(work: Work) -> None:
    work.certificate["claims"][1]["reason"] = "\x1b[2J\x1b[Hcertified"


def _raw_number(work: Work) -> bytes:
    """A number of 4,000 digits in a member that nothing derives."""
    work.certificate["environment"]["machine"] = 10**4000
    return work.seal().read_bytes()


SUPPRESSED = {"gate": "modulus ≤ 4.0", "fingerprint": "0" * 16, "owner": "Ann", "reason": "why",
              "expires": "2027-01-31", "expired": False, "state": "failed"}


def _suppressed(**changes: object):
    return member("suppressed", value=[SUPPRESSED | changes])


ROWS = (
    Forgery("c-statement", "a hypothesis says what no theorem does", TANH,
            member("claims", 0, "hypotheses", 0, "statement", value=LIE), "statement|says something else"),
    Forgery("c-statement-of-another", "a hypothesis has the words of another", TANH,
            member("claims", 0, "hypotheses", 0, "statement", value="the level exceeds the training loss by at least"),
            '"counting" says something else'),
    Forgery("c-statement-longer", "true words, and a lie behind them", TANH, member(
        "claims", 0, "hypotheses", 1, "statement",
        value=f"the network is continuously differentiable everywhere (tanh). {LIE}"), "says something else"),
    Forgery("c-counted", "the numbers in the words are not the problem's", TANH, _counted, "says something else"),
    Forgery("c-repeated", "hypotheses are listed again and again", TANH, _again, "each is listed once"),
    Forgery("c-contradiction", "a hypothesis holds and does not hold", TANH, _contradiction, "each is listed once"),
    Forgery("c-reason", "a certified claim tells why it is more than that", TANH,
            member("claims", 0, "reason", value=LIE), "what is certified needs none"),
    Forgery("c-reason-escapes", "a reason that clears the screen and writes another verdict", TANH, _open_reason,
            "a text without control characters is needed"),
    Forgery("c-reason-long", "a reason of 30 MB", TANH, member("claims", 1, "reason", value="x" * 30_000_000),
            "it has 30000000 characters"),
    Forgery("c-reason-reversed", "a right-to-left override in a reason", TANH,
            member("claims", 1, "reason", value="\u202edeifitrec"), "a text without control characters"),
    Forgery("c-digits", "a date in other digits than 0 to 9", TANH,
            member("created", value="٢٠٢٦-11-28T10:00:00Z"), "created: .* is stated"),
    Forgery("c-month", "a month that there is not", TANH, member("created", value="2026-99-28T10:00:00Z"),
            "created: .* is stated, but .*a time that there is"),
    Forgery("c-day", "a day that there is not", TANH, member("created", value="2026-02-30T10:00:00Z"), "created"),
    Forgery("c-version", "a version with escapes", TANH, member("certify_version", value="\x1b[31m9"),
            "certify_version"),
    Forgery("c-version-long", "a version that is a text", TANH, member("certify_version", value=LIE * 9),
            "certify_version: it has"),
    Forgery("c-environment-number", "a number of 4,000 digits", TANH, _raw_number, "environment"),
    Forgery("c-environment-large", "an environment of 10 MB", TANH,
            member("environment", "machine", value="x" * 10_000_000), "environment: it has"),
    Forgery("c-environment-deep", "an environment of fifty levels", TANH, _deep, "nesting is too deep"),
    Forgery("c-environment-key", "an escape in the name of a member", TANH,
            member("environment", "\x1b]0;certified\x07", value=1), "environment: .*without control characters"),
    Forgery("c-suppressed-junk", "suppressions that are none", TANH, member("suppressed", value="all of it"),
            "suppressed: .*a list of 1 to"),
    Forgery("c-suppressed-escapes", "an owner with escapes", TANH, _suppressed(owner="\x1b[8mAnn"), "owner"),
    Forgery("c-suppressed-met", "a suppression of a gate that is met", TANH, _suppressed(state="met"), "state"),
    Forgery("c-suppressed-day", "a day that there is not", TANH, _suppressed(expires="2027-02-30"), "a day as"),
    Forgery("c-before", "words on what stands before the features, which the spec does not say", TANH,
            member("problem", "about", value={"behind": LIE}), r"problem\.about"),
    Forgery("c-marked", "markup and a lie, escaped as JSON allows", TANH, member(
        "claims", 0, "reason", value=json.dumps("<script>document.title='certified'</script>")),
        "what is certified needs none"),
)
