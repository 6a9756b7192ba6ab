"""The predicate of this project: a verification summary, what a checker proved again from the original files.

Ends and distances are those that the certificate states. The checker proves that they hold, not that none is narrower.

Its type is a name, not an address: nothing answers there. `schema/verification-summary-v1.json` is the schema that
follows from the classes below; what they do not name is refused.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from certify.format.canonical import Json, encode, show
from certify.format.quantities import QUANTITIES
from certify.format.refusal import Invalid
from certify.format.words import Severity, State, Verdict

TYPE: Final = "https://certify/attestation/verification-summary/v1"
VERIFIER: Final = "https://certify/check"
PROVED: Final = "proved"
SOUNDNESS: Final = ("every end and distance is the one that the certificate states, and was proved again to hold, in "
                    "balls and exact integers, never in plain floating point; narrower ones may hold too; claims are "
                    "about the exact real function that the files give")

COMPARATORS: Final = {"max": "<=", "min": ">="}
"""How a threshold of each side compares."""

COMMAND: Final = "the command line"
STATES: Final = {Verdict.CERTIFIED: State.MET, Verdict.REFUTED: State.FAILED, Verdict.INCONCLUSIVE: State.OPEN}
"""What a verdict makes of a threshold."""

P = TypeVar("P", bound=BaseModel)
Number = int | float
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Name = Annotated[str, Field(min_length=1, max_length=4096)]
Length = Annotated[Number, Field(ge=0)]
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
    """A file that the certificate binds, with what it is for; named as it lies in the folder, or by its last name."""

    role: Literal["spec", "model", "graph", "data", "reference", "change", "evaluation", "witness"]


class Verifier(Part):
    """The program that proved the claims again.

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
        source: where the thresholds come from.
        asked: those of the command line, each as `max QUANTITY=VALUE` or `min QUANTITY=VALUE`.
        within: cap of the command line on the distance of the solution, or null.
    """

    source: Literal["none", "the digest-bound spec", "the command line", "the command line and the digest-bound spec"]
    asked: list[str]
    within: Length | None


class Soundness(Part):
    """What the word proved means here."""

    mode: Literal["proved"]
    means: str


class Solution(Part):
    """The solution that the claims are about.

    Attributes:
        distance: stated distance from the given weights, proved to be no less than the true one; null: none was.
        within: cap on it, as a share of the length of the weights; null: none.
        far: whether it is beyond the cap, so that nothing is decided.
        tilt: how the loss was tilted to make it exact; null: not at all.
        shift_norm: of the tilt, at most.
    """

    distance: Length | None
    within: Length | None
    far: bool
    tilt: Literal["output", "weights"] | None
    shift_norm: Length | None


class Claim(Part):
    """One quantity with both ends, and what follows for its threshold.

    Attributes:
        lower, upper: the ends, stated and proved to hold; null where none was.
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

    @property
    def demand(self) -> str:
        """The threshold as a policy writes it; empty where there is none."""
        if self.threshold is None:
            return ""
        side = next(side for side, sign in COMPARATORS.items() if sign == self.threshold.comparator)
        return f"{side} {self.quantity}={self.threshold.value!r}"


class Summary(Part):
    """The predicate.

    Attributes:
        time: when it was checked, UTC.
        certificate: the file that was checked.
        inputs: the files it was checked against.
        problem: what was asked of what, as spec, model and data give it; a very long list by count and digest.
    """

    verifier: Verifier
    time: Seconds = Field(alias="timeVerified")
    certificate: File
    inputs: list[Input] = Field(min_length=1)
    folder: Folder | None
    policy: Policy
    soundness: Soundness
    problem: dict[str, JsonValue]
    solution: Solution
    claims: list[Claim] = Field(min_length=1)
    verdict: Verdict
    gates: State

    def as_json(self) -> Json:
        """The predicate as plain JSON."""
        return self.model_dump(mode="json", by_alias=True)

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
        _require_claim(claim, found.solution.far, f"{where}.claims[{place}]")
    verdict, gates = overall(found.claims)
    for name, stated, follows_here in (("gates", found.gates, gates), ("verdict", found.verdict, verdict)):
        if stated is not follows_here:
            raise Invalid(f"{where}.{name}", f"{stated} is stated", f"the claims give {follows_here}")
    roles = [one.role for one in found.inputs]
    if len(set(roles)) < len(roles) or not {"spec", "model", "data"} <= set(roles):
        raise Invalid(f"{where}.inputs", show(roles), "each role once, and spec, model and data are needed")
    _require_names(found, where)
    policy, demands = found.policy, {claim.demand for claim in found.claims} - {""}
    if bool(policy.asked) is not (COMMAND in policy.source) or not set(policy.asked) <= demands:
        raise Invalid(f"{where}.policy", f"thresholds of {policy.source}, {show(policy.asked)}, are stated",
                      f"the claims have {show(sorted(demands))}")
    at = found.solution
    if (at.tilt is None) is not (at.shift_norm is None):
        raise Invalid(f"{where}.solution", f"tilt {at.tilt} is stated", "a tilt and its norm stand together")
    if at.far and (at.distance is None or at.within is None):
        raise Invalid(f"{where}.solution", "far is stated", "a distance and a cap are needed")
    try:
        datetime.strptime(found.time, "%Y-%m-%dT%H:%M:%SZ")  # noqa: DTZ007 — the Z is in the form
    except ValueError:
        raise Invalid(f"{where}.timeVerified", show(found.time), "there is no such time") from None
    return found


def _require_claim(claim: Claim, far: bool, at: str) -> None:
    """Refuse ends that contradict one another, and a verdict that they do not give."""
    if claim.infinite and (claim.lower, claim.upper) != (None, None):
        raise Invalid(at, "infinite is stated", "then lower and upper are null")
    row = QUANTITIES.get(claim.quantity)
    for end in (claim.lower, claim.upper):
        if end is not None and end < 0 and row is not None and not row.signed:
            raise Invalid(at, f"{end!r} is stated"[:200], f"no {claim.quantity} is below 0")
    if claim.lower is not None and claim.upper is not None and claim.lower > claim.upper:
        raise Invalid(at, f"lower {claim.lower!r} is stated"[:200], f"upper is {claim.upper!r}, which is below"[:200])
    follows_here = follows(claim, claim.threshold, far)
    if claim.verdict is not follows_here:
        raise Invalid(f"{at}.verdict", f"{claim.verdict} is stated", f"the ends give {follows_here}")
    state = None if claim.threshold is None else STATES[follows_here]
    if claim.state is not state:
        raise Invalid(f"{at}.state", f"{claim.state} is stated", f"the verdict gives {state}")


def _require_names(found: Summary, where: str) -> None:
    """Refuse ways to files: a file has its own name, and one of a folder that is a subject its place in there."""
    within = {} if found.folder is None else {one.name: one.digest for one in found.folder.resources}
    for name in within:
        if not all(map(_is_name, name.split("/"))):
            raise Invalid(f"{where}.folder.resources", show(name), "a path below the folder is needed")
    model = next(one for one in found.inputs if one.role == "model")
    if found.folder is not None and within.get(model.name) != model.digest:
        raise Invalid(f"{where}.folder.resources", f"the model is {show(model.name)}", "the folder has no such file")
    names = [one.name for one in (found.certificate, *found.inputs) if within.get(one.name) != one.digest]
    for name in (*names, *([] if found.folder is None else [found.folder.name])):
        if not _is_name(name):
            raise Invalid(f"{where}, a name", show(name), "the name of a file is needed, without a way to it")


def _is_name(text: str) -> bool:
    return text not in ("", ".", "..") and "/" not in text and "\0" not in text


def overall(claims: Iterable[Claim]) -> tuple[Verdict, State]:
    """The verdict over all claims, and the state of all thresholds that count (V17)."""
    claims = tuple(claims)
    states = [claim.state for claim in claims
              if claim.threshold is not None and claim.threshold.severity is Severity.FAIL]
    verdicts = [claim.verdict for claim in claims]
    return (next((one for one in (Verdict.REFUTED, Verdict.INCONCLUSIVE) if one in verdicts), Verdict.CERTIFIED),
            next((one for one in (State.FAILED, State.OPEN) if one in states), State.MET))


def follows(claim: Claim, threshold: Threshold | None, far: bool) -> Verdict:
    """What the ends of a claim decide about a threshold, by the rule of the certificate format (V16)."""
    low = math.inf if claim.infinite else -math.inf if claim.lower is None else claim.lower
    high = math.inf if claim.upper is None else claim.upper
    if far:
        return Verdict.INCONCLUSIVE
    if threshold is None:
        holds, fails = high < math.inf, low == math.inf
    elif threshold.comparator == "<=":
        holds, fails = high <= threshold.value, low > threshold.value
    else:
        holds, fails = low >= threshold.value, high < threshold.value
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
