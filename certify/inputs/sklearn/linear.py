"""Fitted classifiers and regressions of scikit-learn in the words of a problem, by the name of their class."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from certify.format.errors import InputError
from certify.format.words import Loss
from certify.inputs.sklearn.columns import require_step
from certify.inputs.sklearn.kernels import READERS as KERNELS
from certify.inputs.sklearn.mean_losses import READERS as MEANS
from certify.inputs.sklearn.networks import READERS as NETWORKS
from certify.inputs.sklearn.read import Linear, by_label, layer, numbers, real_targets, refuse, strength
from certify.inputs.sklearn.targets import scaling_of
from certify.inputs.sklearn.wrapped import of_targets, parted
from certify.rigor.fp import Array


def linear(estimator: Any, y: Any, n: int) -> Linear:
    """Read a fitted estimator.

    Args:
        estimator: one of `READERS`.
        y: the targets it was fitted to.
        n: number of training rows.

    Raises:
        InputError: another estimator, one that is not fitted, or options that are not known here.
    """
    name = _known(estimator)
    if not any(hasattr(estimator, attribute) for attribute in FITTED):
        raise InputError("estimator", f"{name} that is not fitted", "call fit first")
    if hasattr(estimator, "classes_") and np.ndim(y) == 2 and np.shape(y)[1] > 1:
        raise InputError("y", f"{np.shape(y)[1]} labels a row", "fit one estimator for each column, to y[:, j], and "
                         "ask about it; what holds one for each has it as estimators_[j]")
    try:
        return READERS[name](estimator, np.asarray(y), n)
    except AttributeError as error:
        if error.obj is not estimator:
            raise
        raise InputError("estimator", f"{name} without its '{error.name}'", "fit it, or save it, again") from None


def require_read(estimator: Any) -> None:
    """Refuse an estimator, or a step of a pipeline before it, that is not known here.

    That is said before the rows are read: words in them may be for such a step.

    Raises:
        InputError: with what would be read.
    """
    inner, steps = parted(estimator)
    _known(inner)
    scaling_of(of_targets(estimator))
    for step in steps:
        require_step(step)


def _known(estimator: Any) -> str:
    """The name of its class.

    Raises:
        InputError: it is none of `READERS`.
    """
    name = type(estimator).__name__
    if name in REFUSED:
        raise InputError("estimator", f"{name}, {REFUSED[name][0]}", REFUSED[name][1])
    if name not in READERS:
        raise InputError("estimator", name, f"use one of {', '.join(READERS)}; {EXPORT}")
    return name


def _logistic(estimator: Any, y: Array, n: int) -> Linear:
    p = estimator.get_params()
    C = _chosen(estimator, "C_") if hasattr(estimator, "C_") else p["C"]
    refuse(p, dual=(False,), warm_start=(False, True), refit=(True,))
    ratios = {r for r in np.ravel(getattr(estimator, "l1_ratio_", p.get("l1_ratio"))).tolist() if r}
    if p.get("penalty") not in ("l2", "deprecated") or ratios:
        ratio, penalty = max(ratios, default=p.get("l1_ratio")), p.get("penalty")
        if penalty == "deprecated":  # scikit-learn from 1.8 on says it by l1_ratio alone
            penalty = "l1" if ratio == 1 else "elasticnet"
        raise InputError("penalty", f"{penalty!r}, l1_ratio {ratio!r}", "fit with the l2 penalty (l1_ratio=0)")
    C, several = strength("C", C), len(estimator.classes_) > 2
    liblinear = p["solver"] == "liblinear"
    if liblinear and p["fit_intercept"] and p["intercept_scaling"] != 1:
        raise InputError("solver", f"liblinear with a scaled intercept ({p['intercept_scaling']!r}), whose "
                         "penalty is another", "fit with intercept_scaling=1, or use lbfgs")
    kind = p.get("multi_class", "auto")  # of older versions
    if kind == "multinomial" and not several:
        raise InputError("multi_class", f"{kind!r} with {len(estimator.classes_)} classes", "fit without multi_class")
    rest = several and (kind == "ovr" or liblinear)
    own, balanced = by_label(estimator, p, not rest)
    labels, (W, b) = numbers(estimator, y), layer(estimator)
    loss = Loss.ONE_VS_REST if rest else Loss.CROSS_ENTROPY if len(W) > 1 else Loss.LOGISTIC
    return Linear(W, b, loss, 1.0 / (n * C), liblinear, labels.astype(np.float64), None, by_label=own,
                  balanced=balanced, said=_said_of_chosen(estimator))


def _linear_svc(estimator: Any, y: Array, n: int) -> Linear:
    """`½|w̃|² + C Σ max(0, 1 − yz)²`, the intercept among the w̃: the squared hinge with `μ = 1/(2C)` (proofs/heads)."""
    p = estimator.get_params()
    loss = HINGES.get(p["loss"])
    if loss is None:
        raise InputError("loss", f"{p['loss']!r}, whose slope jumps", "fit with loss='squared_hinge'")
    refuse(p, penalty=("l2",), multi_class=("ovr",))
    if p["fit_intercept"] and p["intercept_scaling"] != 1:
        raise InputError("intercept_scaling", f"{p['intercept_scaling']!r}, which penalises the intercept by another "
                         "weight", "fit with intercept_scaling=1, or with fit_intercept=False and a column of its own")
    own, balanced = by_label(estimator, p, len(estimator.classes_) == 2)
    labels, (W, b) = numbers(estimator, y), layer(estimator)
    return Linear(W, b, loss, 1.0 / (2.0 * n * strength("C", p["C"])), True, labels.astype(np.float64),
                  None, by_label=own, balanced=balanced)


def _ridge_classifier(estimator: Any, y: Array, n: int) -> Linear:
    p = estimator.get_params()
    refuse(p, positive=(False,))
    own, balanced = by_label(estimator, p)
    labels = numbers(estimator, y)
    c = len(estimator.classes_)
    codes = np.array([[-1.0], [1.0]]) if c == 2 else 2.0 * np.eye(c) - 1.0
    W, b = layer(estimator)
    return Linear(W, b, Loss.SQUARED, _alpha(estimator) / n, False, None, codes[labels], by_label=own,
                  balanced=balanced, said=_said_of_chosen(estimator))


def _ridge(estimator: Any, y: Array, n: int) -> Linear:
    refuse(estimator.get_params(), positive=(False,))
    W, b = layer(estimator)
    return Linear(W, b, Loss.SQUARED, _alpha(estimator) / n, False, None, real_targets(y, n, len(W)),
                  said=_said_of_chosen(estimator))


def _least_squares(estimator: Any, y: Array, n: int) -> Linear:
    """No penalty: what needs one says so when it is asked."""
    refuse(estimator.get_params(), positive=(False,))
    W, b = layer(estimator)
    return Linear(W, b, Loss.SQUARED, 0.0, True, None, real_targets(y, n, len(W)), said=(
        "it has no penalty, without which a solution need not be stable when rows are left out; to ask about that, "
        "fit Ridge with an alpha above 0 (how far predictions move without any few rows certify.prediction_change "
        "says of it, too)"))


def _one_vs_rest(estimator: Any, y: Array, n: int) -> Linear:
    """One binary estimator a class: their losses add up."""
    parts, c = list(estimator.estimators_), len(estimator.classes_)
    kinds = {type(part).__name__ for part in parts}
    if len(kinds) != 1 or kinds - set(AGAINST):
        raise InputError("estimator", f"OneVsRestClassifier of {', '.join(sorted(kinds))}",
                         f"use one of {', '.join(AGAINST)} in it")
    labels = numbers(estimator, y)
    read = [linear(part, (labels == (1 if len(parts) == 1 else a)).astype(int), n) for a, part in enumerate(parts)]
    if c > 2 and any(one.by_label is not None or one.balanced for one in read):
        by_label(estimator, parts[0].get_params(), False)
    first = read[0]
    if c == 2:
        return first
    bias = None if first.bias is None else np.concatenate([one.bias for one in read if one.bias is not None])
    return Linear(np.vstack([one.weights for one in read]), bias, AGAINST[next(iter(kinds))], first.weight_decay,
                  first.bias_decay, labels.astype(np.float64), None, first.normalization)


def _alpha(estimator: Any) -> float:
    """The penalty, which has to be one number; that which was chosen where there were several."""
    chosen = hasattr(estimator, "alpha_")
    return strength("alpha", _chosen(estimator, "alpha_") if chosen else estimator.get_params()["alpha"])


def _said_of_chosen(estimator: Any) -> str:
    """What cross-validation chose stays, though a fit anew would choose again; "" where nothing was chosen."""
    for name in ("C_", "alpha_"):
        if hasattr(estimator, name):
            return (f"answers are about refits with {name[:-1]}={_chosen(estimator, name):g}, which cross-validation "
                    "chose: whichever rows change it stays, though a fit anew would choose again")
    return ""


def _chosen(estimator: Any, name: str) -> Any:
    """What cross-validation chose, where it is the same for all classes and targets."""
    values = np.unique(np.ravel(getattr(estimator, name)))
    if len(values) != 1:
        raise InputError(name, f"{len(values)} values", "fit the estimator without CV and with one of them")
    return float(values[0])


HINGES: Final[Mapping[str, str]] = MappingProxyType({"squared_hinge": Loss.SQUARED_HINGE})
"""By the option `loss` of LinearSVC."""

AGAINST: Final[Mapping[str, str]] = MappingProxyType({
    "LogisticRegression": Loss.ONE_VS_REST, "LinearSVC": Loss.SQUARED_HINGE})
"""The loss of several outputs, by the binary estimator of each."""

FITTED: Final = ("coef_", "estimators_", "coefs_", "dual_coef_", "X_train_")
"""Of which a fitted estimator has one."""

READERS: Final[Mapping[str, Callable[[Any, Array, int], Linear]]] = MappingProxyType({
    "LogisticRegression": _logistic, "RidgeClassifier": _ridge_classifier, "Ridge": _ridge, "LinearSVC": _linear_svc,
    "LogisticRegressionCV": _logistic, "RidgeClassifierCV": _ridge_classifier, "RidgeCV": _ridge,
    "OneVsRestClassifier": _one_vs_rest, "LinearRegression": _least_squares, **MEANS, **NETWORKS, **KERNELS})
"""By the name of the class."""

EXPORT: Final = ("or, of a model that ends in a linear layer trained with a penalty, give that layer and its inputs Z: "
                 "certify.from_arrays(W, b, Z, y, loss=…, weight_decay=…), from files numpy.savez('head.npz', coef=W, "
                 "intercept=b) for certify audit (docs/python.md, docs/audit.md)")
"""The next step with a model that is not read."""

REFUSED: Final[Mapping[str, tuple[str, str]]] = MappingProxyType({
    "HuberRegressor": ("which fits a scale together with the weights, so that its loss is not that of a head",
                       "fit Ridge, or train a head with the Huber loss of threshold 1"),
    "SVC": ("which is not supported: its loss has a kink, and with a kernel other than 'linear' it is no linear model",
            "fit LinearSVC with loss='squared_hinge'"),
    "LinearSVR": ("whose loss is 0 around each target, so that its minimum is not known here", "fit Ridge"),
    **dict.fromkeys(("Lasso", "LassoCV", "ElasticNet", "ElasticNetCV", "LassoLars", "LassoLarsCV"),
                    ("whose penalty is l1, at which coefficients come and go", "fit Ridge, or RidgeCV")),
    **dict.fromkeys(("LinearDiscriminantAnalysis", "QuadraticDiscriminantAnalysis", "GaussianNB", "MultinomialNB",
                     "BernoulliNB", "ComplementNB", "CategoricalNB", "NearestCentroid"),
                    ("which is fitted by means of classes, and minimises no loss", "fit LogisticRegression")),
    **dict.fromkeys(("KNeighborsClassifier", "KNeighborsRegressor"),
                    ("which keeps its rows and minimises no loss", "fit LogisticRegression or Ridge")),
    **dict.fromkeys(("RandomForestClassifier", "RandomForestRegressor", "ExtraTreesClassifier", "ExtraTreesRegressor",
                     "DecisionTreeClassifier", "DecisionTreeRegressor", "GradientBoostingClassifier",
                     "GradientBoostingRegressor", "HistGradientBoostingClassifier", "HistGradientBoostingRegressor",
                     "AdaBoostClassifier", "AdaBoostRegressor", "XGBClassifier", "XGBRegressor", "LGBMClassifier",
                     "LGBMRegressor", "CatBoostClassifier", "CatBoostRegressor"),
                    ("whose decision trees minimise no smooth loss", "fit LogisticRegression or Ridge")),
    **dict.fromkeys(("MultiOutputClassifier", "MultiOutputRegressor"),
                    ("which holds an estimator for each column of y", "give these one at a time, "
                     "model.estimators_[j] with y[:, j]")),
    "ClassifierChain": ("each of whose estimators takes the labels before it as features", "give these one at a time, "
                        "model.estimators_[0] with y[:, model.order_[0]]; the next ones were fitted to X with the "
                        "columns of y before them beside it, which then stay as they are when rows change"),
    "RegressorChain": ("each of whose estimators takes the targets before it as features", "give the first, "
                       "model.estimators_[0] with y[:, model.order_[0]], or fit Ridge to all targets"),
    "CalibratedClassifierCV": ("whose probabilities come from another fit behind its estimators, on parts of the rows",
                               "fit the estimator in it to X and y, and ask about that; --probability in an audit, or "
                               "threshold, says where labels part, but of its probabilities nothing is known"),
    **dict.fromkeys(("FixedThresholdClassifier", "TunedThresholdClassifierCV"),
                    ("which parts the labels of the estimator in it at another threshold", "give model.estimator_, and "
                     "the threshold: in an audit --probability P, in Python threshold=np.log(P / (1 - P)) of "
                     "LogisticRegression; of a threshold on decision_function that one itself")),
    **dict.fromkeys(("VotingClassifier", "VotingRegressor", "BaggingClassifier", "BaggingRegressor",
                     "StackingClassifier", "StackingRegressor"),
                    ("whose answer is made of those of several estimators", "give one of model.estimators_ at a time "
                     "with the rows and columns it was fitted to, as nothing is known of what they answer together; or "
                     "fit one LogisticRegression or Ridge")),
    "OneVsOneClassifier": ("whose estimators were fitted to two labels each", "fit OneVsRestClassifier, or "
                           "LogisticRegression; or give model.estimators_[j] with the rows of its two labels"),
    **dict.fromkeys(("SVR", "NuSVR"), ("whose loss is 0 around each target, so that its minimum is not known here",
                                       "fit Ridge, or with a kernel KernelRidge")),
    "NuSVC": ("whose loss has a kink", "fit LinearSVC with loss='squared_hinge'"),
    **dict.fromkeys(("Perceptron", "PassiveAggressiveClassifier"),
                    ("which stops where it is, and not at the minimum of a loss", "fit LogisticRegression")),
})
"""By the name of the class: why it is not one of them, and which is."""
