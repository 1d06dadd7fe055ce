"""The types that a scikit-learn model may hold beyond those that skops vouches for itself.

skops loads a model without pickle: it rebuilds named types from numbers and texts, and refuses every
name that is not listed. Whoever writes a file may have a listed name called with arguments of his own
(as a constructor, or as the type of a list, of a mapping or of its keys), may set any attribute, and
may hand any state to `__setstate__`. So a name is listed only if none of that runs code which the file
chooses, starts a process, opens a connection or writes a file. What was read of each, in scikit-learn
1.9, SciPy 1.17 and XGBoost 3.2:

- `Tree`, `TreePredictor`, `KDTree`, `BallTree` (compiled): types and shapes of the arrays are checked,
  the indices in them are not. A false index reads beyond an array or never ends: that costs the
  process that scores, which has a deadline, a memory limit and no credentials. skops leaves `Tree` and
  `TreePredictor` out for this very reason, because it cannot know in which process it loads.
- distances of neighbours (compiled): parameters and a matrix. `PyFuncDistance`, which holds a function,
  is not listed.
- calibrators, optimizers of neural networks, splitters: Python classes whose `__init__` keeps its arguments;
  no `__setstate__` of their own.
- `Bunch`: a mapping whose `__setstate__` does nothing.
- scores for the selection of features: functions of arrays, which return numbers.
- `BSpline`, and NumPy's `asarray`, which it keeps: arrays; an array is made, nothing else.
- XGBoost's estimators keep their arguments. `Booster.__setstate__` hands bytes to XGBoost's own reader
  of UBJSON, the same that reads a model of form ubj, and never pickle; `Booster(model_file=…)` would
  read a local file as a model.

Not listed, on purpose: `functools.partial`, methods, scorers, whatever takes a function as an
argument and calls it, and everything outside these libraries.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.core.errors import RecipeError
from pipelines.training.estimators.fitting import forget_questions

_NAMES: Mapping[str, str] = {
    "numpy": "dtype",
    "sklearn.tree._tree": "Tree",
    "sklearn.ensemble._hist_gradient_boosting.predictor": "TreePredictor",
    "sklearn.neighbors._kd_tree": "KDTree KDTree64 KDTree32",
    "sklearn.neighbors._ball_tree": "BallTree BallTree64 BallTree32",
    "sklearn.metrics._dist_metrics": (
        "EuclideanDistance64 EuclideanDistance32 ManhattanDistance64 ManhattanDistance32 "
        "ChebyshevDistance64 ChebyshevDistance32 MinkowskiDistance64 MinkowskiDistance32"
    ),
    "sklearn.calibration": "_CalibratedClassifier _SigmoidCalibration _TemperatureScaling",
    "sklearn.neural_network._stochastic_optimizers": "AdamOptimizer SGDOptimizer",
    "sklearn.model_selection._split": (
        "KFold StratifiedKFold TimeSeriesSplit ShuffleSplit StratifiedShuffleSplit"
    ),
    "sklearn.feature_selection._univariate_selection": "f_classif f_regression chi2",
    "sklearn.feature_selection._mutual_info": "mutual_info_classif mutual_info_regression",
    "sklearn.utils._bunch": "Bunch",
    "scipy.interpolate._bsplines": "BSpline",
    "scipy._lib.array_api_compat.numpy._aliases": "asarray",
    "xgboost.core": "Booster",
    "xgboost.sklearn": "XGBClassifier XGBRegressor XGBRFClassifier XGBRFRegressor",
}
TRUSTED = frozenset(
    f"{module}.{name}" for module, names in _NAMES.items() for name in names.split()
)


def foreign(content: bytes) -> list[str]:
    """The types in a skops archive that neither skops nor Redeye trusts; the list that a file brings
    along is never read.
    """
    import skops.io

    return sorted(set(skops.io.get_untrusted_types(data=content)) - TRUSTED)


def archived(recipe: str, estimator: Any) -> bytes:
    """The estimator, fitted or not, as a skops archive; raises RecipeError when it holds a foreign type."""
    import skops.io
    from skops.io.exceptions import UnsupportedTypeException

    forget_questions(estimator)
    try:
        content: bytes = skops.io.dumps(estimator)
        found = foreign(content)
    except (UnsupportedTypeException, TypeError, ValueError, RecursionError) as error:
        raise _cannot_be_kept(recipe, str(error).strip().rstrip(".")) from error
    if found:
        raise _cannot_be_kept(recipe, f"it holds {', '.join(found)}")
    return content


def _cannot_be_kept(recipe: str, why: str) -> RecipeError:
    return RecipeError(
        f"recipe {recipe!r}: cannot be kept without pickle: {why}; build it from parts of scikit-learn "
        f"and XGBoost, and declare as a feature what a function of yours computes"
    )
