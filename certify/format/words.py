"""Every word a spec or a certificate may use, once, each with what belongs to it.

A member is its word: it compares, prints and serialises as the string that stands in the file.

>>> str(Map.CRITICAL), Map("critical") is Map.CRITICAL, Parameter.FEATURES.moved
('critical', True, 'feature change')
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Activation(StrEnum):
    """The activation between the layers."""

    RELU = "relu"
    LEAKY_RELU = "leaky_relu"
    ELU = "elu"
    TANH = "tanh"
    SIGMOID = "sigmoid"
    SOFTPLUS = "softplus"
    GELU = "gelu"
    SILU = "silu"
    IDENTITY = "identity"


class Loss(StrEnum):
    """The loss of one row.

    Attributes:
        one_output: whether the network has one output.
        outputs_by_class: whether it has an output for each of two classes or more.
        of_heads: whether it is known of heads whose rows are left out or get other labels, and of nothing else.
        counts: whether its targets are numbers of which none is a label, so that only left out rows have a meaning.
        least_squares: whether its minimum without a penalty is the fit of plain least squares.
    """

    one_output: bool
    outputs_by_class: bool
    of_heads: bool
    counts: bool
    least_squares: bool

    def __new__(cls, word: str, one_output: bool = False, outputs_by_class: bool = False, of_heads: bool = False,
                counts: bool = False, least_squares: bool = False) -> Loss:
        """Python makes a member of its row."""
        self = str.__new__(cls, word)
        self._value_, self.one_output, self.outputs_by_class = word, one_output, outputs_by_class
        self.of_heads, self.counts, self.least_squares = of_heads, counts, least_squares
        return self

    SQUARED = "squared", False, False, False, False, True
    CROSS_ENTROPY = "cross_entropy", False, True
    LOGISTIC = "logistic", True
    ONE_VS_REST = "one_vs_rest", False, True, True
    SQUARED_HINGE = "squared_hinge", False, False, True
    HUBER = "huber", False, False, True, True
    POISSON = "poisson", False, False, True, True
    GAMMA = "gamma", False, False, True, True


LOGARITHMS: Final = (Loss.POISSON, Loss.GAMMA)
"""Losses whose output is the logarithm of what a target is, so that no threshold parts both alike."""


class Map(StrEnum):
    """The solution map: exact fits, critical points, or weights whose training loss stays below a level.

    Attributes:
        trains: whether the training loss enters, with a term for every row.
        stationary: whether its solutions are points where the gradient vanishes.
        levels: whether it is a set of weights below a level.
        solution: what a solution is called.
    """

    trains: bool
    stationary: bool
    levels: bool
    solution: str

    def __new__(cls, word: str, trains: bool = True, stationary: bool = False, levels: bool = False,
                solution: str = "solution") -> Map:
        """Python makes a member of its row."""
        self = str.__new__(cls, word)
        self._value_, self.trains, self.stationary, self.levels = word, trains, stationary, levels
        self.solution = solution
        return self

    INTERPOLATION = "interpolation", False
    CRITICAL = "critical", True, True, False, "critical point"
    SUBLEVEL = "sublevel", True, False, True


class Base(StrEnum):
    """Where the map is examined: at the weights in the file, or at an exact solution near them.

    Attributes:
        near: whether a solution has to be proved first.
    """

    near: bool

    def __new__(cls, word: str, near: bool = False) -> Base:
        """Python makes a member of its row."""
        self = str.__new__(cls, word)
        self._value_, self.near = word, near
        return self

    GIVEN = "given"
    NEARBY = "nearby", True


class WeightNorm(StrEnum):
    """How far weights lie apart.

    Attributes:
        distance: such a distance in words, the beginning of a unit.
        rows: whether it compares outputs at reference rows.
    """

    distance: str
    rows: bool

    def __new__(cls, word: str, distance: str = "", rows: bool = False) -> WeightNorm:
        """Python makes a member of its row."""
        self = str.__new__(cls, word)
        self._value_, self.distance, self.rows = word, distance, rows
        return self

    EUCLIDEAN = "euclidean", "weight distance"
    RELATIVE = "relative", "weight distance relative to each layer"
    FUNCTION = "function", "weight distance as the reference rows see it", True


class Parameter(StrEnum):
    """What of the data moves.

    Attributes:
        moved: one unit of its motion, in words.
        budget: how large a motion of it is, in words.
        sized: whether a motion has a size at all; a label becomes another or stays.
        leaves: whether a row that changes is left out.
        set: the set that a spec means by it without saying so; empty where it has to say it.
    """

    moved: str
    budget: str
    sized: bool
    leaves: bool
    set: str

    def __new__(
        cls, word: str, moved: str = "", budget: str = "", sized: bool = True, leaves: bool = False, set: str = "",
    ) -> Parameter:
        """Python makes a member of its row."""
        self = str.__new__(cls, word)
        self._value_, self.moved, self.budget = word, moved, budget
        self.sized, self.leaves, self.set = sized, leaves, set
        return self

    @property
    def discrete(self) -> bool:
        """Whether a row changes as a whole or not at all."""
        return not self.sized

    @property
    def relabels(self) -> bool:
        """Whether labels become others."""
        return self is Parameter.LABELS

    @property
    def weighs(self) -> bool:
        """Whether it is the one number by which a row counts in the training loss."""
        return self is Parameter.SAMPLE_WEIGHTS

    FEATURES = "features", "feature change", "feature distance"
    TARGETS = "targets", "target change", "target distance"
    SAMPLE_WEIGHTS = "sample_weights", "change of the sample weights", "change of the sample weights"
    LABELS = "labels", "label that changes", "labels that change", False
    DELETIONS = "deletions", "row left out", "rows left out", False, True, "sparse"


class Set(StrEnum):
    """The shape of the budget.

    Attributes:
        gauge: whether it is a ball of a norm, so that a modulus per unit of it has a meaning.
        sized: whether a radius belongs to it; one given change has its own size.
        share: whose the budget is, in words.
        moving: what follows the rows that move, in words; `{count}` stands for how many move at once.
    """

    gauge: bool
    sized: bool
    share: str
    moving: str

    def __new__(cls, word: str, gauge: bool = False, sized: bool = True, share: str = "", moving: str = "") -> Set:
        """Python makes a member of its row."""
        self = str.__new__(cls, word)
        self._value_, self.gauge, self.sized, self.share, self.moving = word, gauge, sized, share, moving
        return self

    TOTAL = "total", True, True, "in total"
    PER_SAMPLE = "per_sample", True, True, "of every row", ", each within its own budget"
    SPARSE = "sparse", False, True, "of every row", ", at most {count} at once"
    GIVEN = "given", False, False, "of every row", ", by the change in the file"


class Normalization(StrEnum):
    """What the losses of the rows are divided by where rows are left out: n as before, or the rows that are left."""

    FIXED = "fixed"
    REMAINING = "remaining"

    @property
    def follows(self) -> bool:
        """Whether a row that is left out no longer counts."""
        return self is Normalization.REMAINING


class Network(StrEnum):
    """How a spec names its network: widths and activation, code that builds it, or a graph file."""

    CHAIN = "chain"
    MODULE = "module"
    GRAPH = "graph"


class Layer(StrEnum):
    """Which layers move: all of several, the only one there is, the last of several, or another one."""

    ALL = "all"
    ONLY = "only"
    LAST = "last"
    INNER = "inner"


class Arithmetic(StrEnum):
    """Of the bounds."""

    FLOAT = "float"
    EXACT = "exact"


class Verdict(StrEnum):
    """What became of a claim. No tolerance turns one verdict into another."""

    CERTIFIED = "certified"
    REFUTED = "refuted"
    INCONCLUSIVE = "inconclusive"


class Rigour(StrEnum):
    """How a number is known, strongest first.

    >>> Rigour.PROVED.at_least(Rigour.ESTIMATED), Rigour.ESTIMATED.at_least(Rigour.PROVED)
    (True, False)
    """

    PROVED = "proved"
    CONDITIONAL = "conditional"
    ESTIMATED = "estimated"

    def at_least(self, other: Rigour) -> bool:
        """Whether a number of this rigour counts where `other` is asked for."""
        order = list(Rigour)
        return order.index(self) <= order.index(other)


class State(StrEnum):
    """What became of a threshold.

    Attributes:
        status: the exit status, where a threshold that counts ends so.
    """

    status: int

    def __new__(cls, word: str, status: int = 0) -> State:
        """Python makes a member of its row."""
        self = str.__new__(cls, word)
        self._value_, self.status = word, status
        return self

    MET = "met", 0
    FAILED = "failed", 3
    OPEN = "open", 4


class Severity(StrEnum):
    """Whether a threshold that is not met changes the exit status."""

    FAIL = "fail"
    WARN = "warn"


class Tilt(StrEnum):
    """How the loss is tilted so that the weights in the file are critical: through the outputs, or in weight space."""

    OUTPUT = "output"
    WEIGHTS = "weights"


class Summand(StrEnum):
    """Which bound gives the upper end under budgets of single rows."""

    WEIGHTS = "weights"
    ROWS = "rows"
    PAIRS = "pairs"


class By(StrEnum):
    """Which bound gives the upper end of a motion where rows change whole.

    Every choice refitted, norms, boxes, trees of deletions, sums of few vectors, or one box.
    """

    COUNTED = "counted"
    NORMS = "norms"
    BOXES = "boxes"
    TREES = "trees"
    SUMS = "sums"
    BENT = "bent"


ROW_NORMS: Final = (1, 2, "inf")
"""The norm of one row's change."""
DOWN: Final = "down"
"""The one direction that can be stated: sample weights only fall."""
BALANCED: Final = "balanced"
"""The one word of class weights: the rows of every label count as much together as those of any other."""
INVALID, INTERRUPTED = 2, 130
"""Exit statuses beside those of :class:`State`."""


def words(kind: type[StrEnum]) -> tuple[str, ...]:
    """The words of one kind, as plain strings, in the order of the format.

    >>> words(Base)
    ('given', 'nearby')
    """
    return tuple(str(word) for word in kind)
