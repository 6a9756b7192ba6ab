"""`certify init --ask`: the spec of one question, as `certify audit` asks it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from certify.cli.starter import NAME, make, only_file, there_already
from certify.format.errors import InputError

if TYPE_CHECKING:
    from certify.cli.starter import Said


def write_asked(folder: Path, model: Path | None, data: Path | None, evaluation: Path | None, graph: Path | None,
                said: Said, ask: str) -> Path:
    """Write the spec of a question into a folder, and prove nothing.

    Args:
        folder: where the spec goes.
        model, data: the files, or None to look for them there.
        evaluation: rows to predict, or None: the training rows.
        graph: a graph file that describes the network.
        said: of the training.
        ask: the question, e.g. ``"5 rows deleted"``.

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
    if path.exists():
        raise there_already(path)
    (question,), options = asked_for([ask], Options())
    told = Told(said.activation, said.loss, said.weight_decay, said.bias_decay is not False,
                said.normalization, graph=graph)
    subject = recognise(model or only_file(folder, BUILT["model.file"], "model"),
                        data or only_file(folder, (".npz", ".csv", ".parquet"), "data"), evaluation, told, folder)
    subject, options = counted(subject, options)
    reason = question.against(subject, options)
    if reason:
        raise InputError(f"init --ask {ask!r}", reason, "ask another question, or change what is said")
    make(folder)
    try:
        with open(path, "x", encoding="utf-8") as handle:
            handle.write(draft(subject, question, options))
    except FileExistsError:
        raise there_already(path) from None
    except OSError as error:
        raise InputError(f"init {path}", f"cannot be written ({error.strerror})", "name another folder") from None
    return path
