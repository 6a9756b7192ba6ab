"""`certify init`: a commented spec to start from, filled in from the files that are there."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

from certify.errors import InputError

NAME: Final = "certify.toml"
_TARGETS: Final = ("y", "Y", "target", "targets", "label", "labels")

_TEMPLATE: Final = '''\
# How far can the solution set of a trained network move when its training data moves?
#   certify run {name}           proves it, writes certificate.json and report.html
#   certify run {name} --plan    says what that needs
#   certify explain modulus            says what a word means; also sublevel, level, nearby, columns, scale, set, …
#   certify init --estimate            writes the other kind of spec: estimates for any torch module
version = 1

[model]
file = {model}
widths = {widths}
activation = "tanh"              # {activations}
# graph = "graph.json"           # instead of the two: a convolutional or residual network (certify graph writes it)

[data]
file = {data}
features = {features}
targets = {targets}

[training]
loss = {loss}# squared | cross_entropy | logistic; class numbers take one of the last two
weight_decay = 0.0               # as in training: critical and sublevel

[solution]
map = "interpolation"            # weights that give every row exactly its target; or
                                 # critical: weights at which the gradient of the training loss vanishes; or
                                 # sublevel: weights whose training loss is at most a level
base = "given"                   # targets are the network's own outputs: the weights above are an exact solution; or
                                 # nearby: the targets above, and an exact solution near the weights
layer = "all"                    # or 1, 2, …: that layer's parameters move, the others are frozen
# level = 0.1                    # sublevel: the loss that must not be exceeded; default today's

[perturbation]
parameter = "features"           # features | targets | sample_weights (critical, sublevel) | labels (last layer)
rows = "all"                     # or a list of row numbers, from 0
set = "total"                    # or per_sample: every row may move by as much; sparse: at most `count` rows; or
                                 # given: one change, from `file` (an array with a row for each row that moves)
# radius = 0.01                  # the size of the changes: for distance and the other quantities at finite size
# count = 3                      # sparse
# columns = ["age", "dose"]      # the features that may move; numbers from 0 where the data file has no names
# scale = {{age = 1.0, dose = 0.5}}  # their units: a move of size 1 is one unit

# [run]
# time_limit = 3600              # seconds; what is not proved by then is left open
# memory_limit = "8 GB"          # or a number of bytes; default what the machine has free

# [evaluation]                   # for stable_predictions and first_order_prediction_change: rows that are predicted
# file = "test.npz"
# features = "X"
# threshold = 0.5                # of one output: the label of a row is whether the output lies above it

# A gate turns the number into a decision: exit status 3 if it failed, 4 if it is open.
# [[gate]]
# quantity = "modulus"           # modulus | sample_modulus, in the limit of small changes, to first order also
                                 # first_order_distance; at finite size distance | aubin | persistence_radius (sublevel,
                                 # needs a level) | stable_predictions; certify explain WORD says which map each takes
# max = 20.0                     # or min
# severity = "fail"              # fail | warn
# rationale = "why this number"
'''


_ESTIMATE: Final = '''\
# Where would the weights of a network go if some of its training data changed? To first order; nothing is proved.
#   certify estimate {name}      writes estimate.json, new_parameters.safetensors and estimate.html
#   certify explain estimate           says what that is; also critical, hold, members, residual, budget, factory, …
version = 1

[model]
file = {model}
{network}

[data]
file = {data}
features = {features}
targets = {targets}

[training]
loss = {loss}# squared | cross_entropy | logistic; class numbers take one of the last two
weight_decay = 0.0

[solution]
map = "critical"                 # stay a critical point of the training loss; or interpolation: keep every output
base = "given"                   # or nearby: the step towards a critical point is part of the estimate

[perturbation]
parameter = "features"           # features | targets | sample_weights (critical; -1 leaves a row out)
rows = [0]                       # the rows that change, or "all"
set = "given"
file = "change.npz"              # the change of those rows, in their order: as many entries as the rows have
array = "u"

[estimate]
hold = "all"                     # or moved: look at the moved rows alone
corrector_steps = 0              # Newton steps after the first-order step
tolerance = 0.01                 # relative residual at which the solver stops
budget = 120                     # full-batch gradients that a solve may cost, about; a corrector solves again
# members = 3                    # other members of the estimated set to look at
# device = "cuda"

# A gate turns a number into a decision: exit status 3 if it failed, 4 if it is open.
# [[gate]]
# quantity = "loss_after"        # loss_after | residual
# max = 0.001
# rigour = "estimated"           # without this the gate asks for a proof, and stays open
'''


def write_starter(folder: Path, model: Path | None, data: Path | None, estimate: bool = False) -> Path:
    """Write a commented spec into a folder.

    Model and data are taken from the arguments, else from the folder if it holds exactly one file of a format
    that can be read. Widths and names of arrays are read from them.

    Args:
        folder: where the spec goes; it must exist.
        model, data: the files, or None to look for them.
        estimate: for `certify estimate`; then the model may be any.

    Returns:
        The path written.

    Raises:
        InputError: there is a spec already, or a file cannot be read.
    """
    from certify.spec.vocabulary import BUILT

    path = folder / NAME
    model = model or _only(folder, BUILT["model.file"])
    data = data or _only(folder, (".npz", ".csv", ".parquet"))
    widths = _widths(model, estimate) if model else [] if estimate else [30, 64, 64, 1]
    features, targets, classes = _arrays(data) if data else (_quoted("X"), "y", not widths)
    loss = "cross_entropy" if classes and (not widths or widths[-1] > 1) else "squared"
    network = f'widths = {widths}\nactivation = "tanh"' if widths else (
        'factory = "nets:make"            # make() in nets.py beside this file returns the torch module')
    text = (_ESTIMATE if estimate else _TEMPLATE).format(
        name=NAME, network=network, widths=widths,
        model=_quoted(_relative(model, folder) if model else "model.safetensors"),
        data=_quoted(_relative(data, folder) if data else "train.npz"), features=features,
        targets=_quoted(targets), loss=f"{_quoted(loss):<26}", activations=" | ".join(BUILT["model.activation"]),
    )
    try:
        with open(path, "x", encoding="utf-8") as handle:
            handle.write(text)
    except FileExistsError:
        raise InputError(f"init {path}", "there is one already", "edit it, or move it away") from None
    except OSError as error:
        raise InputError(f"init {path}", f"cannot be written ({error.strerror})", "name another folder") from None
    return path


def _only(folder: Path, endings: tuple[str, ...]) -> Path | None:
    found = sorted(path for path in folder.glob("*") if path.suffix.lower() in endings and path.is_file())
    return found[0] if len(found) == 1 else None


def _widths(model: Path, any_network: bool) -> list[int]:
    """Widths of a fully connected network; none for another, where any will do."""
    from certify.inputs.model import widths_of

    try:
        return widths_of(model)
    except InputError:
        if any_network and model.is_file():
            return []
        raise


def _arrays(data: Path) -> tuple[str, str, bool]:
    """Features as TOML, name of the targets, and whether several outputs make these class numbers.

    The names are the usual ones if they are there, else the first two arrays; one column of integers is of classes.

    Of a table the target is a column with a usual name or the last, and the features are all others.
    """
    from certify.inputs.archive import open_archive
    from certify.inputs.sources import read_source

    archive = open_archive(read_source(data, "data"), "data")
    names: tuple[str, ...] = archive.names
    if archive.table:
        target = next((name for name in names if name in _TARGETS), names[-1])
        return "[" + ", ".join(_quoted(name) for name in names if name != target) + "]", target, True
    usual = [name for name in names if name in ("X", "x", "features", "inputs")]
    wanted = [name for name in names if name in _TARGETS]
    features = next((name for name in (*usual, *names) if name not in wanted), "X")
    targets = next((name for name in (*wanted, *names) if name != features), "y")
    y = archive.read(targets) if targets in names else None
    return _quoted(features), targets, y is not None and y.dtype.kind in "iu" and y.size == len(y)


def _relative(path: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(path.parent.resolve() / path.name, folder.resolve())).as_posix()
    except ValueError:  # another drive
        return path.resolve().as_posix()


def _quoted(text: str) -> str:
    """A TOML basic string; its escapes are those of JSON."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
