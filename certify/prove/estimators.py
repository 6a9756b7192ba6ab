"""A problem from a fitted scikit-learn estimator, without files."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any, Final

import numpy as np

from certify.format.errors import InputError
from certify.inputs.given import columns_of, given_data, given_numbers, given_rows, same_columns
from certify.inputs.sklearn.front import Front, front_of, needs_front
from certify.inputs.sklearn.kernels import READERS as KERNELS
from certify.inputs.sklearn.linear import linear, require_read
from certify.inputs.sklearn.read import Linear
from certify.inputs.sklearn.sparse import sparse_rows, takes
from certify.inputs.sklearn.targets import scaling_of
from certify.inputs.sklearn.wrapped import Prepared, of_targets, parted, prepared, search_of
from certify.problem.closeness import gradient_share, solved, steepest
from certify.problem.problem import Problem
from certify.problem.sample_weights import SampleWeights
from certify.prove.whole import whole_problem
from certify.rigor.fp import Array
from certify.systems.head.nearness import NOT_THESE

DIVIDES: Final = ("PoissonRegressor", "GammaRegressor", "TweedieRegressor", "MLPClassifier", "MLPRegressor")
"""Estimators that divide by the sum of the weights of rows, which rows that are left out change."""

CLOSED: Final = ("LinearRegression", "Ridge", "RidgeCV", "RidgeClassifier", "RidgeClassifierCV", "KernelRidge",
                 "GaussianProcessRegressor")
"""Estimators that solve a linear system."""

DIRECT: Final = ("auto", "svd", "cholesky", None)
"""Their solvers that iterate nothing."""

LOGISTIC, BY_SLOPE = ("LogisticRegression", "LogisticRegressionCV"), ("lbfgs", "newton-cg", "newton-cholesky")
"""Estimators, and those of their solvers that stop once no entry of the gradient is above `tol`."""

FOUND: Final = ("coef_", "dual_coef_", "alpha_")
"""Where they keep what they solved for."""

SLACK: Final = 1.01
"""How much more than `tol` such an entry may be here, where sums are rounded otherwise."""

UNWEIGHTED: Final = ("GaussianProcessRegressor",)
"""Estimators whose fit takes no weights of rows."""


def from_sklearn(estimator: Any, X: Any, y: Any = None, sample_weight: Any = None) -> Problem:
    """A fitted estimator with its training data as a problem about its rows.

    LogisticRegression (l2), LinearSVC (squared hinge), RidgeClassifier and Ridge, with CV or without: C and alpha are
    weights of a sum, so that n stays as it is when rows are deleted. PoissonRegressor, GammaRegressor,
    TweedieRegressor (powers 0, 1 and 2), SGDClassifier and SGDRegressor: means, divided by the rows that are left.
    OneVsRestClassifier of the first two. LinearRegression: no penalty, so that questions about deleted rows say why
    they have no answer, but for :func:`certify.prediction_change`. `class_weight`, also balanced, of whichever rows are
    left (an audit takes the weights that rows have today, and says so).

    MLPClassifier and MLPRegressor: `alpha/n` is the weight decay of the weights and the biases have none; of such a
    training the last layer is asked about. KernelRidge and GaussianProcessRegressor: ridge regressions on the features
    of their kernel as it was fitted, computed in float64; noise is the penalty, and the mean of y, where y was
    normalised, is left out of the outputs.

    A Pipeline with StandardScaler, MinMaxScaler, MaxAbsScaler, RobustScaler, OneHotEncoder, OrdinalEncoder or
    SimpleImputer before it, or a ColumnTransformer of them: these stay as they were fitted, and X and X_eval are given
    as they are, words and missing values too; of TfidfVectorizer, CountVectorizer or HashingVectorizer, given texts;
    sparse matrices, too: up to 5,000 rows or columns. GridSearchCV and its like: the best estimator. What a search or
    cross-validation chose stays, too, where a fit anew would choose again. A TransformedTargetRegressor that scales
    targets, or does nothing to them, around an estimator of the squared loss: one model in the units of the targets.

    A fit that is not where its solver ends on these rows is warned of: in closed form at the minimum, lbfgs and
    Newton's methods of LogisticRegression where no slope of the loss is above `tol`. It may have been fitted with a
    `sample_weight` that is not given here, to other rows, or with another penalty.

    Args:
        estimator: fitted; nothing of it is run but `get_params`, the `transform` of steps before it and kernels.
        X, y: the data it was fitted to, as arrays, tables or tensors, or X a Dataset or DataLoader of pairs.
        sample_weight: `(n,)` numbers above 0, where it was fitted with them.

    Raises:
        InputError: an estimator or an option that is not known, or data that do not fit it.

    >>> from sklearn.linear_model import LogisticRegression
    >>> X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0, 0, 1, 1])
    >>> problem = from_sklearn(LogisticRegression().fit(X, y), X, y)
    >>> str(problem.loss), problem.weight_decay, problem.bias_decay
    ('logistic', 0.25, False)
    """
    table, y = given_data(X, y)
    inner, steps = parted(estimator)
    if takes(steps, table):
        return _of_sparse(estimator, inner, steps, table, y, sample_weight)
    require_read(estimator)
    rows, prepare = _before(estimator, steps, table, y)
    read = scaling_of(of_targets(estimator)).of(linear(inner, y, len(rows)), type(inner).__name__)
    net, names = read.network, prepare.features if isinstance(prepare, Front) else columns_of(table)
    if read.features is None and net.widths[0] != rows.shape[1]:
        what = f"features after {prepare.words}" if isinstance(prepare, Front) else "columns"
        raise InputError("X", f"{rows.shape[1]} {what}", f"the estimator was fitted to {net.widths[0]}")
    if prepare is not None:
        warnings.warn(f"{prepare.words} before {type(inner).__name__}: answers are about refits with {prepare.kept}, "
                      "whichever rows change", stacklevel=2)
        rows = prepare(rows) if isinstance(prepare, Prepared) else rows
    if read.features is not None:
        if isinstance(prepare, Front):
            raise InputError("estimator", f"{type(inner).__name__} behind {prepare.words}", "fit it to the rows that "
                             "model[:-1].transform makes, and give these as X and X_eval: answers are then about "
                             "refits with these steps as they were fitted")
        before = () if prepare is None else prepare.steps
        read.features[1].require_rows(rows)
        prepare, names = Prepared((*before, read.features), np.shape(table)[1], names, of_rows=True,
                                  mean=read.mean), None
        rows = read.features[1](rows)
    return _told(estimator, inner, read, rows, sample_weight, names=names, prepare=prepare)


def _of_sparse(estimator: Any, inner: Any, steps: list[Any], X: Any, y: Any, sample_weight: Any) -> Problem:
    """The same of texts, or of a sparse matrix: columns in use alone, or coordinates in the span of the rows.

    Raises:
        InputError: as :func:`from_sklearn`; or more rows and columns than refits can be solved of.
    """
    prepare = sparse_rows(steps, X)
    rows = prepare.given(X, "X")
    if np.ndim(y) not in (1, 2) or len(rows) != len(y):
        raise InputError("X, y", f"{len(rows)} rows and targets of shape {np.shape(y)}", "give n rows and n targets")
    refusal = InputError("X", f"sparse rows of {type(inner).__name__}", "fit a linear estimator with a penalty, or "
                         "give X.toarray(), if it fits into memory")
    if type(inner).__name__ in KERNELS:
        raise refusal
    read = scaling_of(of_targets(estimator)).of(linear(inner, y, len(rows)), type(inner).__name__)
    if read.hidden or not read.weight_decay > 0:
        raise refusal
    if read.weights.shape[1] != prepare.columns:
        raise InputError("X", f"{prepare.columns} columns", f"the estimator was fitted to {read.weights.shape[1]}")
    read = replace(read, weights=prepare.of_weights(read.weights))
    for words in ((f"{prepare.words} before {type(inner).__name__}: answers are about refits with {prepare.kept}, "
                   "whichever rows change") if steps else "", prepare.told(len(rows))):
        if words:
            warnings.warn(words, stacklevel=3)
    return _told(estimator, inner, read, rows, sample_weight, names=None, prepare=prepare)


def _told(estimator: Any, inner: Any, read: Linear, rows: Array, sample_weight: Any, **more: Any) -> Problem:
    """The problem, with warnings of what a user should know of the fit."""
    classes = tuple(np.asarray(estimator.classes_).tolist()) if hasattr(estimator, "classes_") else None
    problem = whole_problem(read.network, rows, read.targets, read.labels, loss=read.loss,
                            weight_decay=read.weight_decay, bias_decay=read.bias_decay,
                            normalization=read.normalization, classes=classes,
                            weights=_weighed(read, _weights(sample_weight, inner, len(rows))), **more)
    beside = _beside_minimum(inner, problem, sample_weight is not None)
    said = f"{type(inner).__name__}: {read.said}" if read.said else ""
    for words in (*_kept(estimator, said), *((beside,) if beside else ())):
        warnings.warn(words, stacklevel=3)
    return problem if beside is None else replace(problem, ended=not beside)


def _beside_minimum(estimator: Any, problem: Problem, weighed: bool) -> str | None:
    """That a fit is not where its solver ends on these rows, and why; "" where it is, and None where nobody knows.

    A fit in closed form ends at the minimum but for rounding, and some solvers where every slope is at most `tol`, so
    that a small distance, too, says that something was not told.
    """
    name = type(estimator).__name__
    solver = getattr(estimator, "solver_", getattr(estimator, "solver", "auto"))
    closed = name in CLOSED and solver in DIRECT
    if not (closed or (name in LOGISTIC and solver in BY_SLOPE)):
        return None
    weights = next(getattr(estimator, one) for one in FOUND if hasattr(estimator, one))
    if gradient_share(problem) <= solved(np.asarray(weights)):
        return ""
    causes = [] if weighed or name in UNWEIGHTED else ["with sample weights (then give sample_weight; to an audit of "
                                                       "files --weights)"]
    if closed:
        ended = "these weights are not the minimum of its loss on these rows, where a fit in closed form ends"
    else:
        slope = steepest(problem, getattr(problem.prepare, "turn", None))
        if slope <= SLACK * estimator.tol:
            return ""
        ended = (f"its loss on these rows has a slope of {slope:.2g} at these weights, and {solver} ends where none is "
                 f"above tol={estimator.tol:g}")
        if np.max(estimator.n_iter_) >= estimator.max_iter:
            ended += f" (it stopped at max_iter={estimator.max_iter}: fit with more)"
    strength = next((one for one in ("alpha", "C") if hasattr(estimator, one)), "penalty")
    causes += ["to other rows", *([f"with another {strength}"] if problem.weight_decay else [])]
    if weighed:
        causes.insert(0, "with other sample weights")
    *first, last = causes
    return (f"{name}: {ended}: was it fitted {', '.join(first)}{' or ' if first else ''}{last}? Answers are "
            f"{NOT_THESE}")


def _kept(estimator: Any, said: str) -> tuple[str, ...]:
    """What a user should know of what a fit anew would not keep."""
    search = search_of(estimator)
    words = (f"{search}: answers are about refits with the options that it chose, whichever rows change, though a fit "
             "anew would choose again") if search else ""
    return tuple(one for one in (words, said) if one)


def _before(estimator: Any, steps: list[Any], table: Any, y: Any) -> tuple[Array, Prepared | Front | None]:
    """The rows, of a front of columns behind it, and what is done to rows before the estimator.

    Raises:
        InputError: rows or columns that do not fit.
    """
    front = front_of(steps, table) if needs_front(steps) else None
    rows = given_rows(table, "X") if front is None else front.given(table, "X")
    if np.ndim(y) not in (1, 2) or len(rows) != len(y):
        raise InputError("X, y", f"shapes {rows.shape} and {np.shape(y)}", "give (n, d) features and n targets")
    if front is not None:
        return rows, front
    same_columns(table, getattr(estimator, "feature_names_in_", None), "X")
    return rows, prepared(steps, rows.shape[1])


def _weights(given: Any, estimator: Any, n: int) -> Array | None:
    """Weights of the rows.

    Raises:
        InputError: no numbers above 0, or an estimator that divides by their sum.
    """
    if given is None:
        return None
    found = given_numbers(given, "sample_weight")
    if found.shape != (n,):
        raise InputError("sample_weight", f"shape {found.shape}", f"give one number for each of the {n} rows")
    if not (found > 0).all():
        at = int(np.flatnonzero(~(found > 0))[0])
        raise InputError(f"sample_weight, entry {at}", f"{found[at]!s}",
                         "give numbers above 0; leave out rows that do not count, and fit without them")
    if type(estimator).__name__ in UNWEIGHTED:
        raise InputError("sample_weight", f"weights of {type(estimator).__name__}, whose fit takes none",
                         "leave it out")
    if type(estimator).__name__ in DIVIDES:
        raise InputError("sample_weight", f"weights of {type(estimator).__name__}, which divides by their sum",
                         "fit without weights")
    if type(estimator).__name__ == "LinearRegression":
        raise InputError("sample_weight", "weights of LinearRegression, of which nothing is proved here, and without "
                         "them answers would be about another fit", "fit Ridge with a small alpha and these weights; "
                         "or, for certify.prediction_change, LinearRegression(fit_intercept=False) to X with a column "
                         "of ones and to y, every row and target multiplied by the root of its weight: the same "
                         "coefficients, and X_eval gets a column of ones")
    return found


def _weighed(read: Linear, rows: Array | None) -> SampleWeights | None:
    """The weights of rows and of labels.

    Raises:
        InputError: balanced weights beside those of rows.
    """
    if rows is None and read.by_label is None and not read.balanced:
        return None
    if rows is not None and read.balanced:
        raise InputError("sample_weight", "weights of rows beside class_weight='balanced'",
                         "fit with a class_weight dict, or multiply the weights and fit with class_weight=None")
    return SampleWeights(rows, read.by_label, read.balanced)
