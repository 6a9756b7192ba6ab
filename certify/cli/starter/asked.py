"""`certify init --ask`: the spec of one question, as `certify audit` asks it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from certify.cli.starter import NAME
from certify.cli.starter.found import TABLES, only_file, put, require_place, rows_to_predict
from certify.format.errors import InputError

if TYPE_CHECKING:
    from certify.cli.starter import Said


def write_asked(folder: Path, model: Path | None, data: Path | None, evaluation: Path | None, graph: Path | None,
                said: Said, ask: str, force: bool = False) -> tuple[Path, Path, Path | None]:
    """Write the spec of a question into a folder, and prove nothing; which file, which data, which rows to predict.

    Args:
        folder: where the spec goes.
        model, data: the files, or None to look for them there.
        evaluation: rows to predict, or None: the one beside the data that is called so (`new.npz`), else these.
        graph: a graph file that describes the network.
        said: of the training.
        ask: the question, e.g. ``"5 rows deleted"``.
        force: whether a spec that is there is replaced.

    Raises:
        InputError: there is a spec already, something was not said, or the question cannot be asked of this model.
    """
    from certify.auditing.answering import draft
    from certify.auditing.phrases import asked_for
    from certify.auditing.questions.base import Options
    from certify.auditing.questions.counted import counted
    from certify.auditing.recognise import recognise
    from certify.auditing.told import Told
    from certify.spec.vocabulary import BUILT

    path = folder / NAME
    require_place(path, force)
    (question,), options = asked_for([ask], Options())
    told = Told(said.activation, said.loss, said.weight_decay, said.bias_decay is not False,
                said.normalization, graph=graph)
    model = model or only_file(folder, BUILT["model.file"], "model")
    data = data or only_file(folder, TABLES, "data")
    evaluation = rows_to_predict(model, data) if evaluation is None else evaluation
    subject = recognise(model, data, evaluation, told, folder)
    subject, options = counted(subject, options)
    reason = question.against(subject, options)
    if reason:
        raise InputError(f"init --ask {ask!r}", reason, "ask another question, or change what is said")
    put(path, draft(subject, question, options), force)
    return path, data, evaluation
