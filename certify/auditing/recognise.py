"""From a model file and a data file to a subject; what no file says and nobody said is asked for by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from certify.auditing.doors import through_door
from certify.auditing.facts import data_facts, guessed, loss_facts, network_facts, of_target
from certify.auditing.missing import Unsaid, refuse
from certify.auditing.shown.given import Given
from certify.auditing.shown.owners import Owners, owners_of
from certify.auditing.store import KEPT
from certify.auditing.subject import Subject, threshold_notes, threshold_of
from certify.auditing.told import Told, of_owner, require_words
from certify.certificate.audit_folder import NUMBERED
from certify.format.errors import InputError
from certify.inputs import load_data, load_evaluated, read_graph_network, read_network
from certify.inputs.data import Data
from certify.inputs.formats.archive import Archive
from certify.inputs.formats.table import open_archive
from certify.inputs.groups import load_groups, load_weights
from certify.network.graph.graph import GraphNetwork
from certify.network.network import Network
from certify.problem.rules.training import against_outputs
from certify.prove.changed.group_labels import group_numbers
from certify.rigor.fp import Array
from certify.spec.load import parse_spec
from certify.spec.models import Spec
from certify.spec.sources import read_source, sha256_file
from certify.spec.text.toml_text import spec_text
from certify.spec.vocabulary import ACTIVATIONS

HERE: Final = Path()
"""From where files are named while they are read, so that messages name them as somebody gave them."""


def recognise(model: Path, data: Path, evaluation: Path | None, told: Told, folder: Path) -> Subject:
    """Read a model with its data.

    Args:
        model: a fully connected network in one of the formats of specs, or with `told.graph` any.
        data: the training data.
        evaluation: rows to predict; None: the training rows.
        told: what no file says.
        folder: of the specs that will be written; paths in their tables are relative to it.

    Raises:
        InputError: a file that cannot be read, or what nobody said: the option that says it and the values that fit.
    """
    require_words(told)
    named = {"model": model, "data": data} | ({} if evaluation is None else {"evaluation": evaluation})
    given = tuple((role, path.name, sha256_file(path)) for role, path in named.items())
    found = through_door(model, data, evaluation, told, folder)
    if found is None:
        found = _network(model, data, evaluation, told, folder).seen_from(folder)
    return replace(found, given=given)


def _network(model: Path, data: Path, evaluation: Path | None, told: Told, folder: Path) -> Subject:
    """A model that is a network of a spec as it is; its files are named as they were given."""
    facts = network_facts(model, told.graph, told.activation, False)
    rows = data_facts(data, told.targets, True, (told.groups, told.weights))
    features = list(told.features) or (rows.features if isinstance(rows.features, str) else list(rows.features))
    targets = told.targets or rows.targets
    if isinstance(features, list) and len(features) == 1 and not isinstance(rows.features, tuple):
        features = features[0]
    if isinstance(features, list):
        features = [name for name in features if name not in (targets, told.weights, told.groups)]
    rows_table = {"file": str(data), "features": features}
    names: dict[str, dict[str, Any]] = {
        "model": {"file": str(model)},
        "data": rows_table if targets is None else {**rows_table, "targets": targets}}
    activation = facts.activation
    if told.graph is not None:
        names["model"]["graph"] = str(told.graph)
    else:
        names["model"] |= {"widths": list(facts.widths), "activation": activation or ACTIVATIONS[0]}
    if told.loss is not None and (against := against_outputs(told.loss, facts.widths[-1])) is not None:
        raise InputError(f"--loss {told.loss}", *against)
    raw = _read_targets(data, targets, rows.y)
    loss = told.loss or loss_facts(raw, facts.widths[-1]).word
    try:
        network, found = _read(names, loss or "squared", targets=loss is not None)
    except InputError as error:
        raise of_owner(of_target(error, targets, told.targets), features) from None
    unsaid = Unsaid(facts.needs_activation, loss is None, told.weight_decay is None)
    if loss is None or told.weight_decay is None or facts.needs_activation:
        refuse(unsaid, network, found.X, raw, loss, told.bias_decay)
    decay = told.weight_decay
    subject = Subject(model.name, network, found.X, found.y, found.labels, loss, decay, told.bias_decay,
                      told.divided, names, HERE, len(found.X), evaluation is None, True, found.names)
    subject = replace(subject, threshold=threshold_of(subject, told.threshold, told.probability),
                      notes=guessed(targets, features if isinstance(features, str) else "", told) + told.unsaid
                      + threshold_notes(subject, told.threshold, told.probability))
    subject = replace(subject, read=Given(found.X, found.names, raw))
    if told.weights is not None:
        spec = _spec(names, loss)
        spec = spec.model_copy(update={"data": spec.data.model_copy(update={"weights": told.weights})})
        subject = replace(subject, weights=load_weights(spec, HERE, subject.n), weighing=told.weights,
                          notes=(*subject.notes, KEPT))
    if told.groups is not None:
        subject = _grouped(subject, told.groups, _spec(names, loss), folder)
    return _with_points(subject, evaluation, features, targets)


def _grouped(subject: Subject, name: str, spec: Spec, folder: Path) -> Subject:
    """The subject with whose each row is: by numbers of the file, or of a copy in which they stand for names."""
    archive = open_archive(read_source(Path(spec.data.file), "data"), "data")
    apart = name not in archive.names or name in (spec.data.targets, subject.weighing)
    numbered = None if apart else archive.renumbered(name)
    if numbered is None:
        spec = spec.model_copy(update={"perturbation": spec.perturbation.model_copy(update={"groups": name})})
        subject = replace(subject, grouping=name, groups=len(load_groups(spec, HERE, subject.n)))
        return replace(subject, owners=_owners(archive, name, subject.n))
    content, groups = numbered
    tables = {**subject.tables, "data": {**subject.tables["data"], "file": str(folder / NUMBERED)}}
    return replace(subject, tables=tables, grouping=name, groups=groups, beside={folder / NUMBERED: content},
                   owners=_owners(archive, name, subject.n))


def _owners(archive: Archive, name: str, n: int) -> Owners:
    """Whose each row is, by the names in a column."""
    labels = archive.read_written(name)
    return owners_of(name, group_numbers(labels, n).tolist(), labels.tolist())


def _with_points(subject: Subject, evaluation: Path | None, features: str | list[str], targets: str | None) -> Subject:
    """The subject with its evaluation rows, and whether their labels are known."""
    file = subject.tables["data"]["file"] if evaluation is None else str(evaluation)
    table: dict[str, Any] = {"file": file, "features": features}
    if targets is not None:
        table["targets"] = targets
    tables = {**subject.tables, "evaluation": table}
    if evaluation is None:
        return replace(subject, tables=tables, right=targets is not None)
    spec = _spec(tables, subject.loss)
    shape = subject.network.shape if isinstance(subject.network, GraphNetwork) else ()
    points, right = load_evaluated(spec, HERE, subject.network.widths, subject.names, labels=targets is not None,
                                   shape=shape)
    return replace(subject, tables=tables, points=len(points), right=right is not None, evaluated=points)


def _read(tables: Mapping[str, Mapping[str, Any]], loss: str, targets: bool = True,
          ) -> tuple[Network | GraphNetwork, Data]:
    """Network and data as a spec with these tables names them."""
    if not targets:
        unnamed = dict(tables["data"])
        unnamed.pop("targets", None)
        tables = {**tables, "data": unnamed}
    spec = _spec(tables, loss)
    network = read_network(spec, HERE) if spec.model.graph is None else read_graph_network(spec, HERE)
    shape = network.shape if isinstance(network, GraphNetwork) else ()
    return network, load_data(spec, HERE, network.widths, shape)


def _spec(tables: Mapping[str, Mapping[str, Any]], loss: str) -> Spec:
    """The tables as a spec; the map is one that takes any network."""
    solution = {"map": "sublevel" if "graph" in tables["model"] else "interpolation"}
    plain = {key: tables[key] for key in ("model", "data")} | {"solution": solution}
    spec = parse_spec(spec_text([], plain, []).encode(), "spec")
    more = {} if "evaluation" not in tables else {"evaluation": _evaluation(tables["evaluation"])}
    return spec.model_copy(update={"training": spec.training.model_copy(update={"loss": loss}), **more})


def _evaluation(table: Mapping[str, Any]) -> Any:
    from certify.spec.models import Evaluation

    features = table["features"]
    return Evaluation(file=table["file"], features=features if isinstance(features, str) else tuple(features),
                      targets=table.get("targets"))


def _read_targets(data: Path, name: str | None, known: Array | None) -> Array | None:
    """The targets as the file has them."""
    from certify.inputs.formats.table import open_archive
    from certify.spec.sources import read_source

    if name is None:
        return None
    archive = open_archive(read_source(data, "data"), "data")
    if name not in archive.names:
        raise InputError(f"--targets {name}", f"{data.name} holds {', '.join(archive.names[:20])}", "name one of these")
    return archive.read(name)
