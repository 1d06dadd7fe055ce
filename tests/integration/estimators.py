"""Twenty-four estimators that people try, each as a model spec would build it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Build = Callable[[Mapping[str, str], int, int], Any]


def prepared(schema: Mapping[str, str], *, scaled: bool = False) -> Any:
    """Numbers without gaps, categories one-hot."""
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = [name for name, kind in schema.items() if kind == "number"]
    categories = [name for name, kind in schema.items() if kind == "category"]
    steps = [SimpleImputer(strategy="median"), *([StandardScaler()] if scaled else [])]
    return make_column_transformer(
        (make_pipeline(*steps), numbers),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), categories),
    )


def after_preparation(make: Callable[[int, int], Any], *, scaled: bool = False) -> Build:
    """A pipeline that ends with what `make` gives for a seed and a number of threads."""

    def build(schema: Mapping[str, str], seed: int, threads: int) -> Any:
        from sklearn.pipeline import make_pipeline

        return make_pipeline(prepared(schema, scaled=scaled), make(seed, threads))

    return build


def _logistic(seed: int, threads: int) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(random_state=seed)


def _naive_bayes(seed: int, threads: int) -> Any:
    from sklearn.naive_bayes import GaussianNB

    return GaussianNB()


def _svc(seed: int, threads: int) -> Any:
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.svm import LinearSVC

    return CalibratedClassifierCV(LinearSVC(random_state=seed), cv=2)


def _lda(seed: int, threads: int) -> Any:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    return LinearDiscriminantAnalysis()


def _sgd(seed: int, threads: int) -> Any:
    from sklearn.linear_model import SGDClassifier

    return SGDClassifier(loss="log_loss", random_state=seed)


def _tree(seed: int, threads: int) -> Any:
    from sklearn.tree import DecisionTreeClassifier

    return DecisionTreeClassifier(max_depth=5, random_state=seed)


def _forest(seed: int, threads: int) -> Any:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(20, max_depth=6, random_state=seed, n_jobs=threads)


def _extra(seed: int, threads: int) -> Any:
    from sklearn.ensemble import ExtraTreesClassifier

    return ExtraTreesClassifier(20, max_depth=6, random_state=seed, n_jobs=threads)


def _boosting(seed: int, threads: int) -> Any:
    from sklearn.ensemble import GradientBoostingClassifier

    return GradientBoostingClassifier(n_estimators=20, random_state=seed)


def _hist(seed: int, threads: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(max_iter=20, random_state=seed)


def _ada(seed: int, threads: int) -> Any:
    from sklearn.ensemble import AdaBoostClassifier

    return AdaBoostClassifier(n_estimators=10, random_state=seed)


def _bagging(seed: int, threads: int) -> Any:
    from sklearn.ensemble import BaggingClassifier

    return BaggingClassifier(n_estimators=5, random_state=seed, n_jobs=threads)


def _mlp(seed: int, threads: int) -> Any:
    from sklearn.neural_network import MLPClassifier

    return MLPClassifier((16, 8), max_iter=30, early_stopping=True, random_state=seed)


def _mlp_lbfgs(seed: int, threads: int) -> Any:
    from sklearn.neural_network import MLPClassifier

    return MLPClassifier((8,), solver="lbfgs", max_iter=30, random_state=seed)


def _neighbours(seed: int, threads: int) -> Any:
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier(15, n_jobs=threads)


def _calibrated(seed: int, threads: int) -> Any:
    from sklearn.calibration import CalibratedClassifierCV

    return CalibratedClassifierCV(_tree(seed, threads), method="isotonic", cv=3, n_jobs=threads)


def _voting(seed: int, threads: int) -> Any:
    from sklearn.ensemble import VotingClassifier

    parts = [("linear", _logistic(seed, threads)), ("forest", _forest(seed, threads))]
    return VotingClassifier(parts, voting="soft", n_jobs=threads)


def _stacking(seed: int, threads: int) -> Any:
    from sklearn.ensemble import StackingClassifier

    parts = [("forest", _forest(seed, threads)), ("xgboost", _xgboost(seed, threads))]
    return StackingClassifier(parts, _logistic(seed, threads), cv=3)


def _grid(seed: int, threads: int) -> Any:
    from sklearn.model_selection import GridSearchCV

    return GridSearchCV(_tree(seed, threads), {"max_depth": [2, 4]}, cv=3, scoring="neg_log_loss")


def _xgboost(seed: int, threads: int) -> Any:
    from xgboost import XGBClassifier

    return XGBClassifier(n_estimators=20, max_depth=3, random_state=seed, n_jobs=threads)


def _splines(seed: int, threads: int) -> Any:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import SplineTransformer

    return make_pipeline(SplineTransformer(n_knots=4), _logistic(seed, threads))


def _bins(seed: int, threads: int) -> Any:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import KBinsDiscretizer

    bins = KBinsDiscretizer(4, quantile_method="averaged_inverted_cdf", random_state=seed)
    return make_pipeline(bins, _logistic(seed, threads))


def _polynomial(seed: int, threads: int) -> Any:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import PolynomialFeatures

    return make_pipeline(PolynomialFeatures(2), _logistic(seed, threads))


def _xgboost_alone(schema: Mapping[str, str], seed: int, threads: int) -> Any:
    return _xgboost(seed, threads).set_params(enable_categorical=True)


ESTIMATORS: Mapping[str, Build] = {
    "logistic regression": after_preparation(_logistic, scaled=True),
    "naive Bayes": after_preparation(_naive_bayes),
    "calibrated linear SVC": after_preparation(_svc, scaled=True),
    "linear discriminant": after_preparation(_lda),
    "SGD": after_preparation(_sgd, scaled=True),
    "decision tree": after_preparation(_tree),
    "random forest": after_preparation(_forest),
    "extra trees": after_preparation(_extra),
    "gradient boosting": after_preparation(_boosting),
    "histogram boosting": after_preparation(_hist),
    "AdaBoost": after_preparation(_ada),
    "bagging": after_preparation(_bagging),
    "MLP": after_preparation(_mlp, scaled=True),
    "MLP with lbfgs": after_preparation(_mlp_lbfgs, scaled=True),
    "k nearest neighbours": after_preparation(_neighbours, scaled=True),
    "calibrated tree": after_preparation(_calibrated),
    "voting": after_preparation(_voting, scaled=True),
    "stacking": after_preparation(_stacking, scaled=True),
    "grid search": after_preparation(_grid),
    "XGBoost in a pipeline": after_preparation(_xgboost),
    "XGBoost": _xgboost_alone,
    "splines": after_preparation(_splines, scaled=True),
    "bins": after_preparation(_bins, scaled=True),
    "polynomials": after_preparation(_polynomial, scaled=True),
}
