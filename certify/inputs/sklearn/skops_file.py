"""Fitted estimators from `.skops` files: every type in the file is named first, and none outside a list is built."""

from __future__ import annotations

import importlib.util
import io
import json
import zipfile
from pathlib import Path
from tokenize import TokenError
from typing import Any, Final

from certify.format.errors import InputError, MissingPackage
from certify.inputs.formats.archive import ZIP_ERRORS, available_memory, listed
from certify.inputs.sklearn.linear import READERS, REFUSED
from certify.inputs.sklearn.wrapped import SEARCHES, require_known
from certify.spec.sources import Source, read_source

_KERNELS: Final = ("CompoundKernel", "ConstantKernel", "DotProduct", "ExpSineSquared", "Exponentiation", "Matern",
                   "PairwiseKernel", "Product", "RBF", "RationalQuadratic", "Sum", "WhiteKernel")
_SPLITS: Final = ("GroupKFold", "KFold", "LeaveOneOut", "RepeatedKFold", "RepeatedStratifiedKFold", "ShuffleSplit",
                  "StratifiedKFold", "StratifiedShuffleSplit", "TimeSeriesSplit")
_SCORES: Final = {
    "classification": ("accuracy_score", "balanced_accuracy_score", "brier_score_loss", "f1_score", "jaccard_score",
                       "log_loss", "matthews_corrcoef", "precision_score", "recall_score"),
    "ranking": ("average_precision_score", "roc_auc_score"),
    "regression": ("explained_variance_score", "max_error", "mean_absolute_error", "mean_poisson_deviance",
                   "mean_squared_error", "median_absolute_error", "r2_score", "root_mean_squared_error")}
"""By which a search chose; none of them is called here."""

ALLOWED: Final = frozenset({
    *(f"sklearn.gaussian_process.kernels.{name}" for name in _KERNELS),
    *(f"sklearn.model_selection._split.{name}" for name in _SPLITS),
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    "sklearn._loss.loss.HalfTweedieLoss", "sklearn._loss.loss.HalfTweedieLossIdentity",
    "sklearn.metrics._scorer._PassthroughScorer", "sklearn.metrics._scorer._Scorer",
    "numpy.dtype", "sklearn.compose._column_transformer.make_column_selector",
    *(f"sklearn.metrics._{kind}.{name}" for kind, names in _SCORES.items() for name in names),
})
"""Types that skops does not trust by itself and that fitted estimators which are known here hold: plain numbers alone.

What skops trusts by itself are the estimators of scikit-learn, arrays and ufuncs of numpy and scipy, and numbers."""

TREES: Final = ("sklearn.tree.", "sklearn.ensemble.", "xgboost.", "lightgbm.", "catboost.")
"""How types that trees and forests hold begin."""

_DAMAGED: Final = "save the fitted estimator again with skops.io.dump"
_ERRORS: Final = (*ZIP_ERRORS, json.JSONDecodeError, TypeError, AttributeError, ImportError, RecursionError,
                  AssertionError, SyntaxError, TokenError)
"""What skops and scikit-learn raise for a damaged file, found by damaging valid ones."""


def estimator_of(path: str | Path) -> Any:
    """The fitted estimator in a `.skops` file, for :func:`certify.from_sklearn`; nothing is unpickled.

    Args:
        path: the file, written by `skops.io.dump`.

    Raises:
        InputError: it is missing, damaged, no file of skops, or holds types that are not known to be harmless.
        MissingPackage: skops is not installed.
    """
    return estimator_in(read_source(Path(path), "model"))


def estimator_in(source: Source) -> Any:
    """The same of a file that was read.

    Raises:
        InputError, MissingPackage: as :func:`estimator_of`.
    """
    asked = f"model file {source.path}"
    if importlib.util.find_spec("skops") is None:
        raise MissingPackage(asked, "skops is not installed", "pip install 'certify[sklearn]'")
    _require_archive(source.content, asked)
    from skops.io import get_untrusted_types, loads

    try:
        named = get_untrusted_types(data=source.content)
    except _ERRORS as error:
        raise InputError(asked, f"no file of skops, or damaged ({_short(error)})", _DAMAGED) from None
    strange = [name for name in named if name not in ALLOWED]
    if any(name.startswith(TREES) for name in strange):
        raise InputError(asked, f"it holds {listed(strange)}: decision trees, and forests of them, are not supported; "
                         "nothing of it was loaded", "fit a linear model or a network that from_sklearn reads, e.g. "
                         "LogisticRegression or Ridge")
    if strange:
        *steps, last = _classes(source.content) or [""]
        for step in steps:
            if step.isidentifier():
                require_known(step[:60], asked)
        raise InputError(asked, f"it holds {listed(strange)}, which may run code; nothing of it was loaded",
                         f"{_instead(last)}give an estimator of scikit-learn that from_sklearn reads{_in_python(last)}")
    try:
        found = loads(source.content, trusted=named)
    except _ERRORS as error:
        raise InputError(asked, f"damaged, or of another version of scikit-learn ({_short(error)})",
                         _DAMAGED) from None
    if not type(found).__module__.startswith("sklearn.") or not hasattr(found, "get_params"):
        raise InputError(asked, f"it holds a {type(found).__name__}, which is no estimator",
                         "save the fitted estimator with skops.io.dump")
    return found


def _classes(content: bytes) -> list[str]:
    """The names of the classes of an estimator that a file names, those of steps before it first; nothing is built."""
    found: list[str] = []
    try:
        held = json.loads(zipfile.ZipFile(io.BytesIO(content)).read("schema.json"))
        while held["__class__"] == "Pipeline":
            *before, (_, held) = (step["content"] for step in held["content"]["content"]["steps"]["content"])
            found += [str(step["__class__"]) for _, step in before if step["__class__"] not in ("str", "NoneType")]
        return [*found, str(held["__class__"])]
    except _ERRORS:
        return []


def _instead(name: str) -> str:
    """Why an estimator of this name is not read, and what to do, as from_sklearn says it; "" of another name.

    >>> _instead("SVR").partition(":")[0], _instead("Other")
    ('a SVR is one whose loss is 0 around each target, so that its minimum is not known here', '')
    """
    why, remedy = REFUSED.get(name, ("", ""))
    return f"a {name} is one {why}: {remedy}; " if why else ""


def _in_python(name: str) -> str:
    """What from_sklearn says in Python of the estimator that a file names."""
    if name in READERS or name in SEARCHES:
        return ", or call it in Python where you trust the file"
    return f" ({name[:60]!r} is none)" if name else ""


def _require_archive(content: bytes, asked: str) -> None:
    """Refuse what is no zip archive, and what would fill the memory.

    Raises:
        InputError: with what to do.
    """
    if content[:1] == b"\x80":
        raise InputError(asked, "a Python pickle (which can run code; nothing in it was executed)", _DAMAGED)
    try:
        members = zipfile.ZipFile(io.BytesIO(content)).infolist()
    except ZIP_ERRORS as error:
        raise InputError(asked, f"no file of skops, or damaged ({_short(error)})", _DAMAGED) from None
    size = sum(member.file_size for member in members)
    if size > available_memory() // 2 or (size > 256 << 20 and size > 500 * len(content)):
        raise InputError(asked, f"{len(content)} bytes that unpack to {size}",
                         "use a smaller file or a larger machine")


def _short(error: BaseException) -> str:
    """The first line of what another package says, and not much of it."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:120] or type(error).__name__
