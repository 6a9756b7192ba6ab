"""`certify init`: a commented spec to start from, filled in from the files that are there.

What changes the mathematics is never guessed: an activation or a loss that no file says is left out, with a comment
that names the words, and no spec is written about a file that is not there.
"""

from __future__ import annotations

import json
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from certify.auditing.facts import DataFacts, LossFacts, NetworkFacts, data_facts, loss_facts, network_facts
from certify.auditing.told import Told, require_words
from certify.cli.starter.found import TABLES, only_file, put, require_place, rows_to_predict
from certify.cli.starter.solution import asked_about
from certify.cli.starter.text import ESTIMATE, PROOF
from certify.format.errors import CertifyError, InputError
from certify.spec.text.paths import relative
from certify.spec.text.toml_text import value

NAME: Final = "certify.toml"
_COLUMN: Final = 33
"""Where comments start."""


@dataclass(frozen=True)
class Said:
    """What somebody says on the command line about the training; None: nothing."""

    activation: str | None = None
    loss: str | None = None
    weight_decay: float | None = None
    bias_decay: bool | None = None
    normalization: str | None = None

    @property
    def unusual(self) -> str:
        """The lines of what only questions about whole rows know."""
        return ("" if self.bias_decay is not False else _line(
            "bias_decay = false", "biases carry no weight decay, as in scikit-learn") + "\n") + (
            "" if self.normalization is None else _line(
                f'normalization = "{self.normalization}"', "fixed | remaining: what the loss is divided by where rows "
                "are left out: n, or the rows that are left") + "\n")


@dataclass(frozen=True)
class Written:
    """What `certify init` did.

    Attributes:
        path: the spec.
        notes: what is left to say by hand.
        fit: how well the network fits its data, or why nobody knows; "" while the activation is not known.
    """

    path: Path
    notes: tuple[str, ...]
    fit: str


def write_starter(
    folder: Path, model: Path | None = None, data: Path | None = None, estimate: bool = False,
    graph: Path | None = None, said: Said | None = None, force: bool = False,
) -> Written:
    """Write a commented spec into a folder.

    Model and data are taken from the arguments, else from the folder if it holds exactly one file of a format
    that can be read. Widths, an activation where the file says it, and names of arrays are read from them; a file
    beside the data that is called as rows to predict are, such as `new.npz`, is named for these.

    Args:
        folder: where the spec goes; it is made where model and data are named.
        model, data: the files, or None to look for them.
        estimate: for `certify estimate`; then the model may be any.
        graph: a graph file of `certify graph`, which describes the model.
        said: activation, loss, weight decay and what else of the training, where somebody names it.
        force: whether a spec that is there is replaced.

    Raises:
        InputError: there is a spec already, a file is missing, cannot be read or could be another, or a word is none.
    """
    from certify.spec.vocabulary import BUILT

    said = said or Said()
    _check(said, estimate, graph)
    path = folder / NAME
    require_place(path, force)
    model = model or only_file(folder, BUILT["model.file"], "model")
    named, data = data, data or only_file(folder, TABLES, "data")
    network = network_facts(model, graph, said.activation, estimate)
    rows = data_facts(data)
    outputs = network.widths[-1] if network.widths else 0
    _require_outputs(said.loss, outputs)
    loss = loss_facts(rows.y, outputs)
    features = rows.features if isinstance(rows.features, str) else list(rows.features)
    (kind, base), why = asked_about(network, rows)
    text = (ESTIMATE if estimate else PROOF).format(
        name=NAME, model=value(relative(model, folder)), data=value(relative(data, folder)),
        features=json.dumps(features, ensure_ascii=False).replace("\x7f", "\\u007f"),
        network=_network(network, said, graph and relative(graph, folder)), targets=_targets(rows),
        loss=_loss(loss, said), decay=_decay(said) + ("\n" + said.unusual).rstrip("\n"),
        **_predicted(folder, model, data, estimate),
        map=f"{f'map = {value(kind)}':<{_COLUMN}}", base=f"{f'base = {value(base)}':<{_COLUMN}}",
    )
    put(path, text, force)
    known = not estimate and not network.needs_activation
    plain = text.replace(said.unusual, "") if said.unusual else text
    fit = _fit(plain, folder, said.loss or loss.word or loss.likely) if known else ""
    taken = f"data is {data.name} (--data names others)" if named is None else ""
    notes = [*_notes(network, loss, said, model), why if not estimate else "", taken]
    return Written(path, tuple(filter(None, notes)), fit)


def _require_outputs(loss: str | None, outputs: int) -> None:
    """Refuse a loss that the number of outputs rules out; 0: not known."""
    if loss is None or outputs == 0:
        return
    from certify.problem.rules.training import against_outputs

    against = against_outputs(loss, outputs)
    if against is not None:
        raise InputError(f"init --loss {loss}", *against)


def _check(said: Said, estimate: bool, graph: Path | None) -> None:
    """Refuse words that are none, and a graph where nothing takes it."""
    require_words(Told(said.activation, said.loss, said.weight_decay, normalization=said.normalization), "init ")
    if estimate and said.unusual:
        raise InputError("init --estimate", "estimates know neither biases without decay nor another normalization",
                         "leave out --no-bias-decay and --normalization, or --estimate")
    if graph is not None and (estimate or said.activation is not None):
        other = "--estimate" if estimate else "--activation"
        raise InputError(f"init --graph with {other}", "a graph says its activations, and estimates take none",
                         f"leave out --graph or {other}")


def _network(network: NetworkFacts, said: Said, graph: str | None) -> str:
    """The lines that say which function the parameters belong to."""
    from certify.spec.vocabulary import ACTIVATIONS

    words = " | ".join(ACTIVATIONS)
    if graph is not None:
        return _line(f"graph = {value(graph)}", "the operations, from `certify graph`")
    if not network.widths:
        return _line('# factory = "nets:make"', "name yours: make() in nets.py beside this file returns the module")
    widths = f"widths = {list(network.widths)}"
    if network.activation is None:
        left = _line('# activation = "…"', "not guessed, as the model file does not say it: write the one it was "
                     f"trained with: {words}")
        return f"{widths}\n{left}"
    why = words if said.activation else "as the model file says"
    if len(network.widths) == 2 and not said.activation:
        why = "one layer has no activation: identity is exact"
    return f"{widths}\n" + _line(f'activation = "{network.activation}"', why)


def _predicted(folder: Path, model: Path, data: Path, estimate: bool) -> dict[str, str]:
    """The rows to predict that the spec would name: the file that lies there, else an example."""
    if estimate:
        return {}
    there = rows_to_predict(model, data)
    return {"evaluation": value("test.npz" if there is None else relative(there, folder))}


def _targets(rows: DataFacts) -> str:
    if rows.targets is None:
        return _line('# targets = "y"', "the data file has no other array")
    return f"targets = {value(rows.targets)}"


def _loss(loss: LossFacts, said: Said) -> str:
    if said.loss is not None:
        return _line(f'loss = "{said.loss}"', "squared | cross_entropy | logistic")
    if loss.word is not None:
        return _line(f'loss = "{loss.word}"', loss.why)
    return _line(f'# loss = "{loss.likely}"', f"not guessed: write the one it was trained with; {loss.why}; left out, "
                 "it is squared")


def _decay(said: Said) -> str:
    why = "a penalty λ/2·|w|² in the training loss; decoupled decay, as AdamW's, is none"
    return _line(f"weight_decay = {0.0 if said.weight_decay is None else float(said.weight_decay)!r}", why)


def _line(entry: str, comment: str) -> str:
    """An entry with its comment, which goes on below itself."""
    first, *rest = textwrap.wrap(comment, 118 - _COLUMN, break_on_hyphens=False)
    return "\n".join([f"{entry:<{_COLUMN - 1}} # {first}", *(" " * _COLUMN + f"# {words}" for words in rest)])


def _notes(network: NetworkFacts, loss: LossFacts, said: Said, model: Path) -> list[str]:
    """What is left to say by hand."""
    from certify.spec.vocabulary import ACTIVATIONS

    notes = []
    if network.needs_activation:
        notes.append(f"activation is left out, as {model.name} does not say it: write the one it was trained with into "
                     f"[model] ({', '.join(ACTIVATIONS)}); until then `certify run` refuses")
    if said.unusual:
        notes.append("bias_decay and normalization are for rows that are left out or get other labels, of the last "
                     "layer (certify explain deletions); until the spec asks about these `certify run` refuses")
    if said.loss is None and loss.word is None:
        notes.append(f"loss is left out: write the one it was trained with into [training]; {loss.why}")
    return notes


def _fit(text: str, folder: Path, loss: str) -> str:
    """How well the network fits with a loss, or why nobody knows."""
    from certify.inputs import load_data, read_graph_network, read_network
    from certify.network.graph.graph import GraphNetwork
    from certify.problem.fitting import fit
    from certify.spec.load import parse_spec

    try:
        spec = parse_spec(text.encode(), NAME)
        spec = spec.model_copy(update={"training": spec.training.model_copy(update={"loss": loss})})
        network = read_network(spec, folder) if spec.model.graph is None else read_graph_network(spec, folder)
        shape = network.shape if isinstance(network, GraphNetwork) else ()
        data = load_data(spec, folder, network.widths, shape)
    except CertifyError as error:
        return f"training loss not known with loss = \"{loss}\": {error}"
    return fit(network, data.X, loss, data.y, data.labels).sentence()
