"""`certify.polish`: weights whose training is finished, and what that changed; an optimisation, nothing is proved."""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from certify.certificate.canonical import canonical_bytes
from certify.certificate.write import require_folder, write_together
from certify.finders.minimum import Ended, Minimum, minimise
from certify.format.errors import InputError
from certify.network.layers.plain import PlainLoss
from certify.network.network import Network
from certify.problem.closeness import described, plain_loss
from certify.problem.limits import limits_of
from certify.problem.progress import Progress, silent
from certify.rigor.fp import Array

if TYPE_CHECKING:
    from certify.problem.problem import Problem

WEIGHTS, SPEC, FIGURES = "polished.safetensors", "certify.toml", "polish.json"
FORMAT: Final = "certify-polish/1"
SECONDS: Final = 600.0
"""What polishing may take where the spec has no `run.time_limit`."""


@dataclass(frozen=True)
class Changed:
    """What became of the predictions at some rows.

    Attributes:
        rows: how many there are.
        labels: how many have another label; None where outputs are no labels.
        output: the largest change of an output, in Euclidean length.
    """

    rows: int
    labels: int | None
    output: float

    def words(self, kind: str) -> str:
        """In words.

        >>> Changed(426, 1, 0.25).words("training")
        '1 of 426 training predictions changed'
        """
        if self.labels is None:
            return f"outputs at {self.rows} {kind} rows changed by at most {self.output:.2g}"
        return f"{self.labels} of {self.rows} {kind} predictions changed"


@dataclass(frozen=True, eq=False)
class Polished:
    """Weights at a critical point of the stated loss, or as near to one as it went.

    Attributes:
        problem: the same problem with the new weights.
        layer: what was free: a layer's number, or ``"all"``.
        reached: whether the gradient is 0 to rounding.
        stopped: why it ended, in words.
        loss_before, loss: the training loss, with the weight decay of the free weights.
        gradient_before, gradient: length of its gradient by the free weights.
        scale: length of what adds up to that gradient; 1e-16 times it is rounding.
        distance: how far the free weights moved.
        length: of the free weights before.
        training, evaluation: what became of the predictions; None without evaluation rows.
        steps: of L-BFGS and of Newton's method.
        seconds: it took.
        kinks: pre-activations at a kink, to rounding.
    """

    problem: Problem
    layer: str | int
    reached: bool
    stopped: str
    loss_before: float
    loss: float
    gradient_before: float
    gradient: float
    scale: float
    distance: float
    length: float
    training: Changed
    evaluation: Changed | None
    steps: tuple[int, int]
    seconds: float
    kinks: int

    @property
    def share(self) -> float | None:
        """The distance as a share of the length of the free weights; None where that is 0."""
        return self.distance / self.length if self.length else None

    def sentence(self) -> str:
        """One line: what it reached, and what changed."""
        share = "" if self.share is None else f" ({self.share:.2g} of their length)"
        parts = [f"loss {self.loss_before:.6g} to {self.loss:.6g}",
                 f"gradient {self.gradient_before:.2g} to {self.gradient:.2g}",
                 f"the weights moved by {self.distance:.3g}{share}", self.training.words("training")]
        if self.evaluation is not None:
            parts.append(self.evaluation.words("evaluation"))
        start = "polished" if self.reached else f"not at a critical point: {self.stopped}"
        return f"{start}: {', '.join(parts)}" if self.reached else f"{start}; {', '.join(parts)}"

    def __repr__(self) -> str:
        return f"Polished({self.sentence()})"

    def as_json(self) -> dict[str, Any]:
        """What `polish.json` says, but for the files."""
        evaluation = None if self.evaluation is None else vars(self.evaluation)
        return {
            "format": FORMAT, "layer": self.layer, "objective": described(self.problem), "reached": self.reached,
            "stopped": self.stopped, "loss": {"before": self.loss_before, "after": self.loss},
            "gradient": {"before": self.gradient_before, "after": self.gradient, "scale": self.scale},
            "distance": {"absolute": self.distance, "relative": self.share, "weights_length": self.length},
            "changed_predictions": {"training": dict(vars(self.training)),
                                    "evaluation": None if evaluation is None else dict(evaluation)},
            "steps": {"quasi_newton": self.steps[0], "newton": self.steps[1]}, "at_kinks": self.kinks,
            "seconds": round(self.seconds, 2),
        }

    def save(self, folder: str | Path) -> Path:
        """Write the weights, the figures, and the spec that names them where the problem came from one.

        Args:
            folder: where; nothing that is there is replaced.

        Returns:
            The spec, or without one the weights.

        Raises:
            InputError: one of the files is there already, or the folder cannot be written to.
        """
        folder = Path(folder)
        require_new(folder)
        weights = _weights(self.problem)
        figures = self.as_json() | {"weights": {"file": WEIGHTS, "sha256": hashlib.sha256(weights).hexdigest()}}
        written = {folder / WEIGHTS: weights, folder / FIGURES: canonical_bytes(figures)}
        files = self.problem.files
        if files is not None:
            written[folder / SPEC] = _spec(files["spec"], folder, self.problem)
        write_together(written)
        return folder / (WEIGHTS if files is None else SPEC)


def polish(
    problem: Problem, layer: Literal["last", "all"] | None = None, seconds: float | None = None,
    progress: Progress | None = None,
) -> Polished:
    """Finish the training: lower the stated loss until its gradient is 0 to rounding. Nothing is proved.

    The last layer alone is a convex problem (Newton's method); on all layers the point depends on where it starts
    (L-BFGS, then Newton's method). Weight decay, `bias_decay` and weights of rows count as the problem states them.

    Args:
        problem: with a fully connected network; critical or sublevel map.
        layer: ``"last"`` or ``"all"``; default the layer of the problem.
        seconds: it may take; default the time limit of the spec, else ten minutes.
        progress: told the stage and the fraction done.

    Raises:
        InputError: a graph network, the interpolation map, no targets.

    >>> from certify import Problem
    >>> net = Network((np.array([[1.0]]),), (None,), "identity")
    >>> found = polish(Problem(net, np.ones((2, 1)), np.array([[1.0], [3.0]]), "targets", (0, 1), map="critical",
    ...                        base="nearby", weight_decay=1.0))
    >>> found.reached, found.problem.network.weights[0].tolist(), found.distance
    (True, [[1.0]], 0.0)
    """
    started = time.monotonic()
    _require(problem, layer)
    free: str | int = problem.layer if layer is None else layer
    assert isinstance(problem.network, Network)
    free = problem.network.depth if free == "last" else free
    loss = plain_loss(problem, free)
    limit = seconds if seconds is not None else limits_of(problem).seconds
    before = loss.at(loss.given)
    found = minimise(loss, SECONDS if limit is None else limit, progress or silent)
    network = loss.network_at(found.w)
    return Polished(
        replace(problem, network=network), free, found.ended is Ended.CRITICAL, _why(found, loss), before.value,
        found.value, float(np.linalg.norm(before.gradient)), found.gradient, found.scale,
        float(np.linalg.norm(found.w - loss.given)), float(np.linalg.norm(loss.given)),
        _changed(problem, network, problem.X, loss.aims),
        None if problem.evaluation is None or problem.functionals is not None else
        _changed(problem, network, problem.evaluation, loss.aims),
        found.steps, time.monotonic() - started, found.kinks)


def require_new(folder: Path) -> None:
    """Refuse a folder that holds one of the files that would be written: weights are never replaced.

    Raises:
        InputError: it does, or it cannot be written to.
    """
    require_folder(folder, (WEIGHTS, SPEC, FIGURES))
    for name in (WEIGHTS, SPEC, FIGURES):
        if os.path.lexists(folder / name):
            raise InputError(f"output folder {folder}", f"{name} is there already, and polish replaces nothing",
                             "name another folder with -o")


def _require(problem: Problem, layer: str | None) -> None:
    if layer not in (None, "last", "all"):
        raise InputError("layer", f"{layer!r}", "use 'last' or 'all'")
    if not isinstance(problem.network, Network):
        raise InputError("polish", "a graph network", "only fully connected networks can be polished so far: train on "
                         "with the loss and the weight decay of the spec")
    if not problem.solutions.trains:
        raise InputError(f'polish with map = "{problem.map}"', "its solutions are exact fits, not critical points",
                         'give map = "critical", with the loss and the weight decay of the training')


def _why(found: Minimum, loss: PlainLoss) -> str:
    """Why it ended, in words."""
    if found.ended is Ended.ENDLESS:
        return ("the loss has no minimiser: there is no weight decay and the data can be separated, so that the "
                "gradient falls while the weights grow for ever. Train with a weight decay and state it")
    if found.ended is Ended.KINK:
        return (f"the least loss lies at kinks of {loss.network.activation} ({found.kinks} pre-activations are 0), "
                "where no gradient vanishes. Polish the last layer alone (--layer last), or ask map = \"sublevel\", "
                "which takes any weights")
    return str(found.ended)


def _changed(problem: Problem, network: Network, X: Array, aims: Array) -> Changed:
    """What became of the predictions at some rows."""
    assert isinstance(problem.network, Network)
    before, after = (_outputs(net, X, aims) for net in (problem.network, network))
    far = float(np.sqrt(((after - before) ** 2).sum(axis=1)).max())
    if problem.row_loss.slides and problem.threshold is None and problem.classes is None:
        return Changed(len(X), None, far)
    edge = 0.0 if problem.threshold is None else problem.threshold
    labels = [f.argmax(axis=1) if f.shape[1] > 1 else f[:, 0] > edge for f in (before, after)]
    return Changed(len(X), int(np.sum(labels[0] != labels[1])), far)


def _outputs(network: Network, X: Array, aims: Array) -> Array:
    """`(n, k)` outputs; the aims do not matter."""
    blank = np.zeros((len(X), aims.shape[1]))
    loss = PlainLoss(network, X, blank, "squared", (network.depth,))
    return loss.at(loss.given).outputs()


def _weights(problem: Problem) -> bytes:
    """The new weights under canonical names, or where a factory is named under those of the model file."""
    from safetensors.numpy import save

    network = problem.network
    assert isinstance(network, Network)
    names = [str(2 * h) for h in range(network.depth)]
    if problem.spec is not None and problem.spec.model.factory is not None and problem.files is not None:
        from certify.inputs.model import read_network_and_names

        names = read_network_and_names(problem.spec, problem.files["spec"].parent)[1]
    arrays = {}
    for name, W, b in zip(names, network.weights, network.biases, strict=True):
        start = f"{name}." if name else ""
        arrays[f"{start}weight"] = np.array(W, order="C")
        if b is not None:
            arrays[f"{start}bias"] = np.array(b, order="C")
    return bytes(save(arrays))


def _spec(path: Path, folder: Path, problem: Problem) -> bytes:
    """The spec with the new model file, its other files as they are seen from the folder."""
    from certify.spec.sources import read_source
    from certify.spec.text.paths import relative
    from certify.spec.text.rewritten import rewritten

    spec = problem.spec
    assert spec is not None
    others = {("data", "file"): spec.data.file, ("perturbation", "file"): spec.perturbation.file,
              ("weights", "reference"): spec.weights.reference,
              ("evaluation", "file"): None if spec.evaluation is None else spec.evaluation.file}
    values = {place: relative(path.parent / name, folder) for place, name in others.items() if name is not None}
    return rewritten(read_source(path, "spec").content, values | {("model", "file"): WEIGHTS})
