"""The members of a certificate, each with its type: what `proofs/certificate-format.md` states, as data."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetPydanticSchema,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_core import core_schema

from certify.format import words as w
from certify.format.canonical import FORMAT
from certify.format.errors import CertificateError
from certify.format.labels import FROM_FILE
from certify.format.quantities import QUANTITIES
from certify.format.words import words


def one_of(words: tuple[str | int, ...]) -> GetPydanticSchema:
    """The type of these words, and of nothing else."""
    return GetPydanticSchema(lambda _, __: core_schema.literal_schema(list(words)))


Number = int | Annotated[float, Field(allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]
Size = Annotated[int, Field(ge=1)]
Pair = Annotated[list[Number], Field(min_length=2, max_length=2)]
Place = Annotated[int, Field(ge=-1)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Verdict = Annotated[str, one_of(words(w.Verdict))]
State = Annotated[str, one_of(words(w.State))]
Rigour = Annotated[str, one_of(words(w.Rigour))]


def _norm(value: Any) -> Any:
    """A truth value is no number, though Python takes True for 1."""
    return None if isinstance(value, bool | float) else value


class Part(BaseModel):
    """Base of all parts: strictly typed, no unknown member, none missing."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class File(Part):
    """A file: path relative to the certificate, SHA-256 and size of the bytes that were read."""

    path: Annotated[str, StringConstraints(min_length=1)]
    sha256: Sha256
    bytes: Count


class Subject(Part):
    """What the certificate is about: these very bytes."""

    spec: File
    model: File
    data: File
    graph: File | None = None
    reference: File | None = None
    change: File | None = None
    evaluation: File | None = None
    witness: File | None = None


class Graph(Part):
    """A network given by a graph file: shape of one row, and how many nodes there are of each operation."""

    shape: Annotated[list[Size], Field(min_length=1, max_length=3)]
    operations: Annotated[dict[str, Size], Field(min_length=1)]


class Grouped(Part):
    """Groups of rows that change as one: the name of their array, how many there are, rows of the largest."""

    by: str
    groups: Size
    largest: Size


class RowWeights(Part):
    """What rows count in the training loss: the name of their array, and the ends of its range."""

    by: str
    least: Number
    largest: Number


class Fresh(Part):
    """New rows: added, or in the place of others; the box of their features, null for the ranges of the data."""

    rows: Annotated[str, one_of(("added", "replaced"))]
    box: list[Pair] | None


class Made(Part):
    """A file that somebody gave, from which one that the certificate binds was made, as the spec states it."""

    name: Annotated[str, StringConstraints(pattern=r"^[^/\\\x00]+$")]
    sha256: Sha256


class About(Part):
    """What the spec tells a reader and nothing rests on: names of features, words of labels, files it was made from."""

    names: list[str] | None = None
    labels: list[str] | None = None
    behind: str | None = None
    model: Made | None = None
    data: Made | None = None
    evaluation: Made | None = None


class Problem(Part):
    """The mathematical problem, as far as scalars and short lists say it.

    A fully connected network has the members `widths`, `activation` and `biases`, a graph has `graph`.
    """

    map: Annotated[str, one_of(words(w.Map))]
    base: Annotated[str, one_of(words(w.Base))]
    layer: Literal["all", "last"] | Size
    parameter: Annotated[str, one_of(words(w.Parameter))]
    rows: Literal["all"] | list[Count]
    set: Annotated[str, one_of(words(w.Set))]
    norm: Annotated[int | str, one_of(w.ROW_NORMS), BeforeValidator(_norm)]
    weight_norm: Annotated[str, one_of(words(w.WeightNorm))]
    tau: Number | None = None
    reference_rows: Size | None = None
    evaluation_rows: Size | None = None
    functionals: Annotated[str, one_of((FROM_FILE,))] | Annotated[list[str], Field(min_length=1)] | None = None
    threshold: Number | None = None
    window: Number | None = None
    direction: Annotated[str, one_of((w.DOWN,))] | None = None
    relative: Literal[True] | None = None
    widths: Annotated[list[Size], Field(min_length=2)] | None = None
    activation: str | None = None
    biases: Annotated[list[bool], Field(min_length=1)] | None = None
    graph: Graph | None = None
    n: Size
    inputs: Size
    outputs: Size
    parameters: Size
    equations: Size
    scale: list[Number] | None
    loss: Annotated[str, one_of(words(w.Loss))]
    weight_decay: Number
    bias_decay: Literal[False] | None = None
    normalization: Annotated[str, one_of((str(w.Normalization.REMAINING),))] | None = None
    row_weights: RowWeights | None = None
    class_weight: Annotated[str, one_of((w.BALANCED,))] | Annotated[list[Number], Field(min_length=2)] | None = None
    level: Number | None
    merge_duplicates: bool
    groups: list[Annotated[list[Count], Field(min_length=2)]]
    radius: Number | None = None
    reparameterised: bool = False
    names: list[str] | None = None
    count: Size | None = None
    grouped: Grouped | None = None
    relabelled: Size | None = None
    pairs: Annotated[list[Pair], Field(min_length=1)] | None = None
    fresh: Fresh | None = None
    arrays: dict[str, list[str | list[str] | None]] | None = None
    within: Number | None = None
    weights_length: Number | None = None
    about: About | None = None

    @property
    def called(self) -> list[str] | None:
        """What the features are called: by the data file, else by the spec."""
        return self.names if self.names is not None or self.about is None else self.about.names

    @property
    def labels(self) -> list[str] | None:
        """What the labels are called, in their order, where the spec says it."""
        return None if self.about is None else self.about.labels

    @model_validator(mode="after")
    def _one_name_a_feature(self) -> Problem:
        if self.called is not None and len(self.called) != self.inputs:
            raise ValueError("one name for each input is needed, or null")
        if self.labels is not None and len(self.labels) != max(self.outputs, 2):
            raise ValueError("a word for each label is needed, or none")
        return self

    @model_validator(mode="after")
    def _one_threshold(self) -> Problem:
        if self.threshold is not None and (self.evaluation_rows is None or self.outputs != 1):
            raise ValueError("threshold belongs to evaluation rows and one output")
        return self

    @model_validator(mode="after")
    def _functionals_named(self) -> Problem:
        found, rows = self.functionals, self.evaluation_rows
        if found is not None and (rows is None or self.outputs != 1 or (
                not isinstance(found, str) and len(found) != rows)):
            raise ValueError("functionals belong to evaluation rows and one output, a name for each or none")
        return self

    @model_validator(mode="after")
    def _one_reference(self) -> Problem:
        if {self.tau is None, self.reference_rows is None} != {not w.WeightNorm(self.weight_norm).rows}:
            raise ValueError("tau and reference_rows belong to the function norm")
        return self

    @model_validator(mode="after")
    def _one_network(self) -> Problem:
        there = [getattr(self, name) is not None for name in ("widths", "activation", "biases")]
        if there != [self.graph is None] * 3:
            raise ValueError("either widths, activation and biases, or graph are needed")
        return self


class Base(Part):
    """The shift under which the given weights are exact, and how far they are from the certified solution."""

    residual: Number | None
    distance: Number | None
    radius: Number | None
    shift_worst: Number | None
    shift_worst_row: Count | None
    tilt: Annotated[str, one_of(words(w.Tilt))] | None = None
    shift_norm: Number | None = None
    shift_loss: Number | None = None


class Gate(Part):
    """A threshold and what became of it; exactly one of `max` and `min` is a member."""

    max: Number | None = None
    min: Number | None = None
    rigour: Rigour
    severity: Annotated[str, one_of(words(w.Severity))]
    rationale: str | None
    state: State

    @model_validator(mode="after")
    def _one_threshold(self) -> Gate:
        if len({"max", "min"} & self.model_fields_set) != 1 or (self.max is None) == (self.min is None):
            raise ValueError("exactly one of max and min is needed")
        return self


class Hypothesis(Part):
    """A hypothesis with its verified value."""

    name: str
    statement: str
    value: Number | str | None
    holds: bool


class Witness(Part):
    """What lets a checker repeat a step that needed a search: one member, or z, member, dual and array together."""

    z: list[Number] | None = None
    member: Annotated[str, one_of(words(w.Summand))] | None = None
    dual: list[Number] | None = None
    equal_rows: Annotated[list[Count], Field(min_length=2, max_length=2)] | None = None
    array: str | None = None
    layer: Size | None = None
    sigma: Number | None = None
    radius_u: Number | None = None
    radius_w: Number | None = None
    limit: Number | None = None
    pair: Annotated[list[Count], Field(min_length=2, max_length=2)] | None = None
    theta: Number | None = None
    reach: Number | None = None
    multiplier: Number | None = None
    point: list[Number] | None = None
    constants: str | None = None
    flipped: list[Count] | None = None
    undecided: list[Count] | None = None
    changed: list[Place] | None = None
    by: Annotated[str, one_of(words(w.By))] | None = None


BY_ROW = tuple(row.name for row in QUANTITIES.values() if row.per_row)
"""Quantities with ends for every row: those that may move, or the evaluation rows."""


class Claim(Part):
    """A claim; the three members about rows belong to quantities of :data:`BY_ROW`."""

    quantity: Annotated[str, one_of(tuple(QUANTITIES))]
    theorem: str
    rigour: Rigour
    verdict: Verdict
    lower: Number | None
    upper: Number | None
    unit: str
    gate: Gate | None
    reason: str
    hypotheses: list[Hypothesis]
    witness: Witness
    rows: list[Count] | None = None
    row_lower: list[Number | None] | None = None
    row_upper: list[Number | None] | None = None

    @model_validator(mode="after")
    def _rows(self) -> Claim:
        given = [self.rows, self.row_lower, self.row_upper]
        if self.quantity not in BY_ROW:
            if any(member is not None for member in given):
                raise ValueError(f"rows belong to {' and '.join(BY_ROW)}")
        elif len({-1 if member is None else len(member) for member in given}) != 1 or self.rows is None:
            raise ValueError("rows, row_lower and row_upper of one length are needed")
        return self


class OverTimeGate(Part):
    """A gate against a baseline: ends of the baseline as they were read, and what became of it."""

    claim: Count
    max_increase: Number | None = None
    max_decrease: Number | None = None
    severity: Annotated[str, one_of(words(w.Severity))]
    rationale: str | None
    lower: Number | None
    upper: Number | None
    state: State
    reason: str

    @model_validator(mode="after")
    def _one_side(self) -> OverTimeGate:
        if (self.max_increase is None) == (self.max_decrease is None):
            raise ValueError("exactly one of max_increase and max_decrease is needed")
        return self


class OverTime(Part):
    """The gates over time, and the certificate that they compare with; null where none was given."""

    baseline: File | None
    gates: Annotated[list[OverTimeGate], Field(min_length=1)]


class Suppressed(Part):
    """A gate that is not met, and who answers for it until a day; it changes an exit status, and no state."""

    gate: str
    fingerprint: Sha256
    owner: str
    reason: str
    expires: Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\d$")]
    expired: bool
    state: State


class Certificate(Part):
    """A whole certificate."""

    format: Annotated[str, one_of((FORMAT,))]
    certify_version: str
    created: Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]
    subject: Subject
    problem: Problem
    base: Base
    claims: Annotated[list[Claim], Field(min_length=1)]
    verdict: Verdict
    gates: State
    environment: dict[str, Any]
    over_time: OverTime | None = None
    suppressed: list[Suppressed] | None = None
    digest: Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]


def validate(certificate: object, name: str = "certificate") -> None:
    """Check that an object has the members of a certificate, each of its type.

    Args:
        certificate: what was parsed or built.
        name: how to call it in messages.

    Raises:
        CertificateError: naming the first member that is not as the format demands.
    """
    try:
        Certificate.model_validate(certificate)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        message = str(first["msg"])
        raise CertificateError(
            f"{name}: member {where or '(top)'}", message[:1].lower() + message[1:],
            "use the version of certify that wrote it",
        ) from None
