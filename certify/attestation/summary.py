"""The predicate of this project: a verification summary, all that a checker derived from the original files.

Its type is a name, not an address: nothing answers there. `schema/verification-summary-v1.json` is the schema that
follows from the classes below; what they do not name is refused.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from certify.format.canonical import Json, encode, show
from certify.format.refusal import Invalid
from certify.format.words import Severity, State, Verdict

TYPE: Final = "https://certify/attestation/verification-summary/v1"
VERIFIER: Final = "https://certify/check"
PROVED: Final = "proved"
SOUNDNESS: Final = ("every end was derived in balls and exact integers, none rests on plain floating point; claims are "
                    "about the exact real function that the files give")

STATES: Final = {Verdict.CERTIFIED: State.MET, Verdict.REFUTED: State.FAILED, Verdict.INCONCLUSIVE: State.OPEN}
"""What a verdict makes of a threshold."""

P = TypeVar("P", bound=BaseModel)
Number = int | float
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Name = Annotated[str, Field(min_length=1, max_length=4096)]
Seconds = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$")]


class Part(BaseModel):
    """What all parts share: frozen, nothing unknown, nothing converted."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Digest(Part):
    """The digest of a file, or of several."""

    sha256: Sha256


class File(Part):
    """A file by its name and digest."""

    name: Name
    digest: Digest


class Input(File):
    """A file that the certificate binds, with what it is for."""

    role: Literal["spec", "model", "graph", "data", "reference", "change", "evaluation", "witness"]


class Verifier(Part):
    """The program that derived the claims.

    Attributes:
        id: its name as a URI.
        version: of the program, and of what it computes with.
        digest: of its files, as a folder's.
    """

    id: Literal["https://certify/check"]
    version: dict[str, str]
    digest: Digest


class Folder(Part):
    """The folder that is a subject: what its digest was made of.

    Attributes:
        resources: the files, in the order in which their digests are hashed.
        ignored: what was left out, beside git's files.
    """

    name: Name
    resources: list[File] = Field(min_length=1)
    ignored: list[str]


class Threshold(Part):
    """What a claim was held against: `quantity <= value` or `quantity >= value`."""

    comparator: Literal["<=", ">="]
    value: Number
    severity: Severity


class Policy(Part):
    """What the caller of the checker chose.

    Attributes:
        source: where the thresholds come from, in words.
        asked: those of the command line, each as `max QUANTITY=VALUE` or `min QUANTITY=VALUE`.
        within: cap of the command line on the distance of the solution, or null.
    """

    source: str
    asked: list[str]
    within: Number | None


class Soundness(Part):
    """What the word proved means here."""

    mode: Literal["proved"]
    means: str


class Solution(Part):
    """The solution that the claims are about.

    Attributes:
        distance: proved distance from the given weights; null: none was proved.
        within: cap on it, as a share of the length of the weights; null: none.
        far: whether it is beyond the cap, so that nothing is decided.
        tilt: how the loss was tilted to make it exact; null: not at all.
        shift_norm: of the tilt, at most.
    """

    distance: Number | None
    within: Number | None
    far: bool
    tilt: str | None
    shift_norm: Number | None


class Claim(Part):
    """One quantity with both proved ends, and what follows for its threshold.

    Attributes:
        lower, upper: the ends; null where none was proved.
        infinite: whether equal rows prove that the quantity is infinite.
        scope: what has to be said beside the ends, because neither spec nor problem says it; often empty.
    """

    quantity: Name
    theorem: str
    rigour: Literal["proved"]
    lower: Number | None
    upper: Number | None
    infinite: bool
    scope: str
    unit: str
    threshold: Threshold | None
    verdict: Verdict
    state: State | None


class Summary(Part):
    """The predicate.

    Attributes:
        time: when it was derived, UTC.
        certificate: the file that was checked.
        inputs: the files it was checked against.
        problem: those members of the certificate's problem that are words, numbers, true, false or null.
    """

    verifier: Verifier
    time: Seconds = Field(alias="timeVerified")
    certificate: File
    inputs: list[Input] = Field(min_length=1)
    folder: Folder | None
    policy: Policy
    soundness: Soundness
    problem: dict[str, str | bool | Number | None]
    solution: Solution
    claims: list[Claim] = Field(min_length=1)
    verdict: Verdict
    gates: State

    def as_json(self) -> Json:
        """The predicate as plain JSON."""
        return self.model_dump(mode="json", by_alias=True)

    def digest_of(self, role: str) -> str:
        """The SHA-256 of an input."""
        return next(one.digest.sha256 for one in self.inputs if one.role == role)

    @property
    def status(self) -> int:
        """The exit status that follows, as that of `certify check`."""
        if all(claim.threshold is None and claim.verdict is Verdict.INCONCLUSIVE for claim in self.claims):
            return State.OPEN.status
        return self.gates.status


def read_summary(value: object, where: str) -> Summary:
    """A predicate as it has to be.

    Raises:
        Invalid: a member is missing, unknown or of another type, or verdicts contradict one another.
    """
    found = read(Summary, value, where)
    for place, claim in enumerate(found.claims):
        if claim.infinite and (claim.lower, claim.upper) != (None, None):
            raise Invalid(f"{where}.claims[{place}]", "infinite is stated", "then lower and upper are null")
        if claim.lower is not None and claim.upper is not None and claim.lower > claim.upper:
            raise Invalid(f"{where}.claims[{place}]", f"lower {claim.lower!r} is stated"[:200],
                          f"upper is {claim.upper!r}, which is below"[:200])
        at, follows_here = f"{where}.claims[{place}]", _follows(claim, found.solution.far)
        if claim.verdict is not follows_here:
            raise Invalid(f"{at}.verdict", f"{claim.verdict} is stated", f"the ends give {follows_here}")
        state = None if claim.threshold is None else STATES[follows_here]
        if claim.state is not state:
            raise Invalid(f"{at}.state", f"{claim.state} is stated", f"the verdict gives {state}")
    states = [claim.state for claim in found.claims
              if claim.threshold is not None and claim.threshold.severity is Severity.FAIL]
    gates = next((state for state in (State.FAILED, State.OPEN) if state in states), State.MET)
    verdicts = [claim.verdict for claim in found.claims]
    verdict = next((one for one in (Verdict.REFUTED, Verdict.INCONCLUSIVE) if one in verdicts), Verdict.CERTIFIED)
    for name, stated, follows in (("gates", found.gates, gates), ("verdict", found.verdict, verdict)):
        if stated is not follows:
            raise Invalid(f"{where}.{name}", f"{stated} is stated", f"the claims give {follows}")
    roles = [one.role for one in found.inputs]
    if len(set(roles)) < len(roles) or not {"spec", "model", "data"} <= set(roles):
        raise Invalid(f"{where}.inputs", show(roles), "each role once, and spec, model and data are needed")
    return found


def _follows(claim: Claim, far: bool) -> Verdict:
    """What the ends decide about the threshold, by the rule of the certificate format (V16)."""
    low = math.inf if claim.infinite else -math.inf if claim.lower is None else claim.lower
    high = math.inf if claim.upper is None else claim.upper
    if far:
        return Verdict.INCONCLUSIVE
    if claim.threshold is None:
        holds, fails = high < math.inf, low == math.inf
    elif claim.threshold.comparator == "<=":
        holds, fails = high <= claim.threshold.value, low > claim.threshold.value
    else:
        holds, fails = low >= claim.threshold.value, high < claim.threshold.value
    return Verdict.CERTIFIED if holds else Verdict.REFUTED if fails else Verdict.INCONCLUSIVE


def read(kind: type[P], value: object, where: str) -> P:
    """A part of a predicate from plain JSON.

    Raises:
        Invalid: with the first member that is wrong.
    """
    try:
        return kind.model_validate_json(encode(value))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, (where, *first["loc"])))
        raise Invalid(place[:200], show(first["input"], 60), first["msg"]) from None


def schema() -> dict[str, Any]:
    """The JSON schema of the predicate."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": TYPE,
            **Summary.model_json_schema(by_alias=True)}
