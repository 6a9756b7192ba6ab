"""The spec as frozen data: its sections and keys, each with its type.

These classes say what *can be said*. What makes sense together, and what this version can do, is decided in
:mod:`certify.spec.validity`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from certify.format.errors import SpecError
from certify.format.words import Parameter, Rigour, words
from certify.spec import literals
from certify.spec.values import (
    ByLabel,
    Bytes,
    Count,
    Exact,
    Finite,
    Integer,
    Listed,
    Name,
    Names,
    NonNegative,
    Pair,
    Plain,
    Positive,
)


class Section(BaseModel):
    """Base of all sections: frozen, strictly typed, no unknown key."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Model(Section):
    """`[model]`: the file that holds the parameters and the network they belong to.

    Attributes:
        file: path, relative to the spec.
        widths: widths of a plain fully connected network, inputs first.
        activation: the activation between its layers.
        factory: ``"package.module:callable"``, held against widths and activation, or against the graph.
        graph: path of a graph file, instead of widths and activation; relative to the spec.
    """

    file: Name
    widths: Annotated[tuple[Count, ...], Field(min_length=2), Listed] | None = None
    activation: literals.Activation | None = None
    factory: Name | None = None
    graph: Name | None = None


class Data(Section):
    """`[data]`: the training data.

    Attributes:
        file: path, relative to the spec.
        features: array name, or list of columns; default all but the targets.
        targets: array or column name.
        weights: array or column of numbers above 0: what every row counts in the training loss, `(1/n) Σ c_i ℓ_i`
            (scikit-learn's `sample_weight`; `class_weight` as the numbers of the rows). They stay with the rows.
    """

    file: Name
    features: Annotated[Name | Names, Listed] | None = None
    targets: Name | None = None
    weights: Name | None = None

    @property
    def aside(self) -> tuple[str, ...]:
        """Names of arrays or columns that are no features, where these are all the others."""
        return tuple(name for name in (self.targets, self.weights) if name is not None)


class Training(Section):
    """`[training]`: the loss the network was trained with.

    Attributes:
        loss: of a row.
        weight_decay: λ.
        bias_decay: whether biases (intercepts) carry it too.
        normalization: what the losses of the rows are divided by where rows are left out: ``"fixed"``: n, as before;
            ``"remaining"``: the number of rows that are left.
        class_weight: ``"balanced"`` (`n/(c·n_y)` of the rows left), or what a row of each label counts, in their order.
    """

    loss: literals.Loss = "squared"
    weight_decay: NonNegative = 0.0
    bias_decay: bool = True
    normalization: literals.Normalization = "fixed"
    class_weight: Annotated[literals.ClassWeight | ByLabel, Listed] | None = None


class Solution(Section):
    """`[solution]`: the solution map whose sensitivity is asked for.

    Attributes:
        map: which weights count as solutions.
        base: the given weights, or an exact solution near them.
        layer: the layer that adjusts, or all; of a graph ``"last"``: its last linear layer.
        level: of the sublevel map; default the loss at the given weights.
        within: base `nearby`: how far that solution may be, as a share of the length of the free weights; default
            1e-6, and any where there is one solution only (the last layer alone, with weight decay).
    """

    map: literals.Map = "interpolation"
    base: literals.Base = "given"
    layer: Literal["all", "last"] | Count = "all"
    level: Finite | None = None
    within: Positive | None = None


class Weights(Section):
    """`[weights]`: the norm in which a motion of the weights is measured.

    Attributes:
        norm: Euclidean, relative to the size of each layer, or as the outputs at reference rows see it.
        reference: the data file of these rows.
        tau: what a motion counts that no reference output sees; default 2^-10.
    """

    norm: literals.WeightNorm = "euclidean"
    reference: Name | None = None
    tau: Positive | None = None


class Perturbation(Section):
    """`[perturbation]`: what may move, and how far.

    Attributes:
        parameter: the part of the data that moves.
        rows: the rows that may move, counted from 0.
        columns: the features that may move; default all.
        scale: the unit of each feature.
        set, norm: the shape of the budget, ``"sparse"`` where rows are left out; the norm of one row's perturbation.
        radius, count: the budget (a modulus is per unit and does not use it); most rows that move at once (`sparse`).
        relative: whether the radius is a share of every target's own size.
        direction: ``"down"``: sample weights only fall (a convex last layer at finite size); default both ways.
        file, array: the one perturbation of `given`; of labels the new ones of the listed rows.
        groups: array or column of the data file that says which group every row belongs to: `count` is of groups.
        relabelled: beside `count` rows that are left out, how many others get another label.
        pairs: labels (a, b): a may become b, and nothing else changes.
        fresh: `count` rows are new: ``"added"``, or ``"replaced"``: at most as many are left out.
        box: for each feature the least and the largest value of a new row; default those of the training rows.
    """

    parameter: literals.Parameter = "features"
    rows: Annotated[Literal["all"] | Annotated[tuple[Integer, ...], Field(min_length=1)], Listed] = "all"
    columns: Annotated[tuple[Name | Integer, ...], Field(min_length=1), Listed] | None = None
    scale: dict[str, Positive] | None = None
    set: literals.Set = "total"
    norm: Annotated[literals.Norm, Plain] = 2
    radius: Positive | None = None
    relative: bool = False
    count: Count | None = None
    direction: literals.Direction | None = None
    file: Name | None = None
    array: Name | None = None
    groups: Name | None = None
    relabelled: Count | None = None
    pairs: Annotated[tuple[Pair, ...], Field(min_length=1), Listed] | None = None
    fresh: literals.Fresh | None = None
    box: Annotated[tuple[Pair, ...], Field(min_length=1), Listed] | None = None

    @model_validator(mode="before")
    @classmethod
    def _implied(cls, given: Any) -> Any:
        """The set that a parameter means without saying so."""
        stated = given.get("parameter") if isinstance(given, dict) else None
        implied = Parameter(stated).set if isinstance(stated, str) and stated in words(Parameter) else ""
        return given | {"set": given.get("set", implied)} if implied else given


class Window(Section):
    """`[window]`: the ball in which sets are compared."""

    radius: Positive


class Aubin(Section):
    """`[aubin]`: radii asked for; both missing means the best that can be found."""

    radius_u: Positive | None = None
    radius_w: Positive | None = None


class Evaluation(Section):
    """`[evaluation]`: data on which predictions are compared, or linear functionals of a head's weights.

    Attributes:
        file, features, targets: as of `[data]`.
        threshold: of one output: the label says whether it lies above (of the logistic loss these are log-odds).
        intercept: array or column of the file: what multiplies the intercept in each row, which is then a functional.
        coefficients: instead of a file: every weight of a one-layer head but its intercept, or those of these columns.
    """

    file: Name | None = None
    features: Annotated[Name | Names, Listed] | None = None
    targets: Name | None = None
    threshold: Finite | None = None
    intercept: Name | None = None
    coefficients: Annotated[Literal["all"] | Annotated[tuple[Name | Integer, ...], Field(min_length=1)],
                            Listed] | None = None


class Estimate(Section):
    """`[estimate]`: how estimates are computed; what is left out has the default of `EstimateOptions`.

    Attributes:
        solver: where and how the linear system is solved.
        damping: added to the diagonal of the system; left out: 0, or what is chosen where that is not solved.
        corrector_steps: Newton steps after the first-order step; left out: with base nearby while they help.
        hold: whether rows that do not move keep their outputs, or are not looked at.
        curvature: of the system in weight space.
        tolerance: relative residual at which the solver stops.
        budget: full-batch gradients that one solve may cost, about; a corrector solves again.
        line_search: whether to shorten the step while that lowers the loss on the moved rows.
        apart: whether the response and the step towards a critical point are solved for apart.
        preconditioner: of the dual solver.
        seed: of everything random.
        members: how many other members of the estimated set to look at.
        fine_tune: train on from the given weights, on the changed data, for so many gradients, and compare.
        from_scratch: the same from weights drawn anew by the seed.
        batch_statistics: of BatchNorm: those stored in the model, or those of the rows at hand.
        chunk: rows that pass through the network at once.
        device: where to compute.
    """

    solver: Literal["auto", "dual", "direct", "cg", "lsmr", "minres_qlp"] | None = None
    damping: NonNegative | None = None
    corrector_steps: Annotated[int, Field(ge=0, le=1000)] | None = None
    hold: Literal["all", "moved"] | None = None
    curvature: Literal["auto", "hessian", "gauss_newton"] | None = None
    tolerance: Annotated[float, Exact, Field(ge=0, lt=1, allow_inf_nan=False)] | None = None
    budget: Positive | None = None
    line_search: bool | None = None
    apart: bool | None = None
    preconditioner: Literal["auto", "nystrom", "none"] | None = None
    seed: Annotated[int, Field(ge=0, le=2**53)] | None = None
    members: Annotated[int, Field(ge=0, le=1000)] | None = None
    fine_tune: Annotated[int, Field(ge=0, le=10**6)] | None = None
    from_scratch: Annotated[int, Field(ge=0, le=10**6)] | None = None
    batch_statistics: Literal["frozen", "recomputed"] | None = None
    chunk: Count | None = None
    device: Name | None = None


class Run(Section):
    """`[run]`: arithmetic and limits. What a limit does not allow is left open, never guessed.

    Attributes:
        arithmetic: of the bounds; exact rationals for small piecewise linear problems.
        time_limit: seconds.
        memory_limit: bytes, or a size such as ``"8 GB"``; default what the machine has free.
    """

    arithmetic: literals.Arithmetic = "float"
    time_limit: Positive | None = None
    memory_limit: Bytes | None = None


class Made(Section):
    """`[about] model` and the like: a file that somebody gave, from which one that the spec names was made.

    Attributes:
        name: of the file, without the way to it.
        sha256: of its bytes.
    """

    name: Annotated[str, Field(min_length=1, pattern=r"^[^/\\\x00]+$")]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class About(Section):
    """`[about]`: what a reader is told, and nothing rests on.

    Attributes:
        names: what the features are called, in their order, where the file has no names for them.
        labels: what the labels are called, in their order: of one output below and above, of several one for each.
        behind: what stands before the features, which are then those names after it, e.g. a scaler.
        model, data, evaluation: the files that those of the spec were made from, each with `name` and `sha256`.
    """

    names: Annotated[Names, Listed] | None = None
    labels: Annotated[Names, Listed] | None = None
    behind: Name | None = None
    model: Made | None = None
    data: Made | None = None
    evaluation: Made | None = None

    def require(self, inputs: int, outputs: int) -> None:
        """Refuse names for another number of features, or words for another number of labels.

        Raises:
            SpecError: which, and how many are needed.
        """
        for key, called, count in (("names", self.names, inputs), ("labels", self.labels, max(outputs, 2))):
            if called is not None and len(called) != count:
                raise SpecError(f"about.{key}", f"{len(called)} of them", f"give {count}, or leave the key out")


class Gate(Section):
    """`[[gate]]`: a threshold on one quantity.

    Attributes:
        quantity: what is bounded.
        max, min: the threshold; exactly one of them, or neither beside one of the next two.
        max_increase, max_decrease: by how much it may have got worse since the baseline of `certify run --baseline`.
        rigour: the least rigour that counts.
        severity: whether a failed gate changes the exit status.
        rationale: why this threshold, for the report.
    """

    quantity: literals.Quantity
    max: Finite | None = None
    min: Finite | None = None
    max_increase: NonNegative | None = None
    max_decrease: NonNegative | None = None
    rigour: Annotated[Rigour, Field(strict=False)] = Rigour.PROVED
    severity: literals.Severity = "fail"
    rationale: str | None = None

    @property
    def held(self) -> Gate | None:
        """The gate where it has a threshold of its own; None where it only compares with a baseline."""
        return None if self.max is None and self.min is None else self

    @property
    def over_time(self) -> bool:
        """Whether it compares with a baseline."""
        return self.max_increase is not None or self.max_decrease is not None


class Spec(Section):
    """A whole spec, `version = 1`."""

    version: Annotated[Literal[1], Plain]
    model: Model
    data: Data
    training: Training = Training()
    solution: Solution = Solution()
    weights: Weights = Weights()
    perturbation: Perturbation = Perturbation()
    window: Window | None = None
    aubin: Aubin | None = None
    evaluation: Evaluation | None = None
    estimate: Estimate | None = None
    run: Run = Run()
    about: About | None = None
    gate: Annotated[tuple[Gate, ...], Listed] = ()


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a spec, for editors and other tools.

    >>> sorted(json_schema()["required"])
    ['data', 'model', 'version']
    """
    schema = Spec.model_json_schema()
    schema["title"] = "certify spec, version 1"
    return schema
