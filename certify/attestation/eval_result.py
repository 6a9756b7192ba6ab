"""The predicate `eval-result` that is proposed to in-toto (attestation issue 565, pull request 575), from a summary.

It is a draft and not merged. The members are those of its text of 28 September 2026. What it has no place for (both
ends, an open threshold) stands in the summary; an open threshold is `passed: false`, with the verdict beside it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Literal

from pydantic import Field

from certify.attestation.summary import VERIFIER, File, Name, Number, Part, Seconds, Summary, read
from certify.format.canonical import Json, same
from certify.format.refusal import Invalid
from certify.format.words import Severity, State, Verdict

TYPE: Final = "https://in-toto.io/attestation/eval-result/v0.1"

ASSURANCES: Final = ("self_attested", "third_party", "reproduced")
"""What a signer may say of itself. The draft's fourth, enclave_attested, would need evidence that is not made here."""

EVALUATOR: Final = VERIFIER


class Evaluator(Part):
    """Who ran the evaluation."""

    id: Name


class Suite(Part):
    """What was asked: the program, and its version."""

    name: Literal["certify check"]
    version: str


class Passed(Part):
    """A threshold, and whether it is proved to hold."""

    metric: Name
    comparator: Literal["<=", ">="]
    threshold: str = Field(pattern=r"^-?[0-9]+(\.[0-9]+)?$")
    passed: bool
    verdict: Verdict
    severity: Severity


class Evidence(File):
    """The certificate."""

    media: Literal["application/json"] = Field(alias="mediaType")


class EvalResult(Part):
    """The predicate. `sampleSize` counts the rows of `dataset`, which are evaluation rows or else training rows."""

    evaluator: Evaluator
    time: Seconds = Field(alias="evaluatedAt")
    suite: Suite
    claims: list[Passed] = Field(min_length=1)
    size: int = Field(alias="sampleSize")
    model: File
    dataset: File
    assurance: Literal["self_attested", "third_party", "reproduced"] = Field(alias="assuranceLevel")
    profile: Literal["public-model"] = Field(alias="subjectProfile")
    evidence: list[Evidence]
    harness: Json


def decimal(value: Number) -> str:
    """A number as a decimal string: every digit of the shortest spelling of the double.

    >>> decimal(5.0), decimal(1e-7), decimal(130)
    ('5.0', '0.0000001', '130')
    """
    return format(Decimal(repr(value)), "f")


def has_thresholds(summary: Summary) -> bool:
    """Whether there is anything for this predicate to say: it needs one threshold at least."""
    return any(claim.threshold is not None for claim in summary.claims)


def eval_result(summary: Summary, evaluator: str, assurance: str) -> Json:
    """The predicate that says of each threshold of a summary whether it is proved to be met."""
    files = {one.role: {"name": one.name, "digest": one.digest.model_dump()} for one in summary.inputs}
    version = summary.verifier.version["certify"]
    # without a file of evaluation rows `evaluation_rows` counts coefficients
    separate = "evaluation" in files and "evaluation_rows" in summary.problem
    return {
        "evaluator": {"id": evaluator},
        "evaluatedAt": summary.time,
        "suite": {"name": "certify check", "version": version},
        "claims": [
            {"metric": claim.quantity, "comparator": claim.threshold.comparator,
             "threshold": decimal(claim.threshold.value), "passed": claim.state is State.MET,
             "verdict": str(claim.verdict), "severity": str(claim.threshold.severity)}
            for claim in summary.claims if claim.threshold is not None],
        "sampleSize": summary.problem["evaluation_rows" if separate else "n"],
        "model": files["model"],
        "dataset": files["evaluation" if separate else "data"],
        "assuranceLevel": assurance,
        "subjectProfile": "public-model",
        "evidence": [{**summary.certificate.model_dump(), "mediaType": "application/json"}],
        "harness": {"name": "certify check", "version": version, "digest": summary.verifier.digest.model_dump()},
    }


def require_same(value: object, summary: Summary, where: str) -> None:
    """Refuse a predicate that does not follow from the summary beside it.

    Raises:
        Invalid: it is malformed, or says something else.
    """
    found = read(EvalResult, value, where)
    if "certify" not in summary.verifier.version or "n" not in summary.problem:
        raise Invalid(where, "it is beside a summary without version or number of rows", "both are needed")
    follows = eval_result(summary, found.evaluator.id, found.assurance)
    assert isinstance(value, dict)
    for name, stated in value.items():
        if not same(stated, follows[name]):
            raise Invalid(f"{where}.{name}", "it says something else", "the summary beside it, signed too, decides")
