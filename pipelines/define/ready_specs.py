"""Candidates ready to be named in `problem/model.py`, simplest first: `RECIPES = ready_specs("binary", …)`.

Each prepares its features itself: missing numbers are filled, or take a branch of their own; rare and
unseen categories count as one. What they are set to is a beginning, for some hundred thousand events;
copy the estimator into your own spec where you want another setting.
"""

# ruff: noqa: ARG001  every spec is asked with a schema, a seed and a number of threads

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from pipelines.core.errors import ConfigError
from pipelines.core.text import nearest_name
from pipelines.define.problem import ModelSpec
from pipelines.define.spaces import Space, integer, log_uniform, uniform

Task = Literal["binary", "regression"]
Make = Callable[[Mapping[str, str], int, int], Any]  # of a schema, a seed, a number of threads
MOST_CATEGORIES = 1000  # of a feature in linear models: the most frequent ones
RARE = 20  # events of a category, below which it counts with the other rare ones


def ready_specs(task: Task, *names: str) -> tuple[ModelSpec, ...]:
    """The candidates of these names, in this order; without names all of the task, simplest first.

    Raises ConfigError for a name that there is not.
    """
    known = READY[task]
    for name in names:
        if name not in known:
            raise ConfigError(f"ready_specs: no {name!r} for {task}; {nearest_name(name, known)}")
    return tuple(
        ModelSpec(name, known[name], SPACES[task].get(name, {})) for name in names or known
    )


def _linear(schema: Mapping[str, str], seed: int, threads: int) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    return make_pipeline(
        _one_hot(schema), LogisticRegression(C=0.1, max_iter=300, random_state=seed)
    )


def _ridge(schema: Mapping[str, str], seed: int, threads: int) -> Any:
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline

    return make_pipeline(_one_hot(schema), Ridge(alpha=10.0, solver="lsqr", random_state=seed))


def _naive_bayes(schema: Mapping[str, str], seed: int, threads: int) -> Any:
    """Of a number counts whether it is above the mean."""
    from sklearn.naive_bayes import BernoulliNB
    from sklearn.pipeline import make_pipeline

    return make_pipeline(_one_hot(schema), BernoulliNB(binarize=0.0))


def _tree(*, classifies: bool) -> Make:
    def decision_tree(schema: Mapping[str, str], seed: int, threads: int) -> Any:
        from sklearn.pipeline import make_pipeline
        from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

        kind = DecisionTreeClassifier if classifies else DecisionTreeRegressor
        return make_pipeline(
            _ordinal(schema), kind(max_depth=8, min_samples_leaf=100, random_state=seed)
        )

    return decision_tree


def _forest(*, classifies: bool) -> Make:
    def random_forest(schema: Mapping[str, str], seed: int, threads: int) -> Any:
        from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
        from sklearn.pipeline import make_pipeline

        kind = RandomForestClassifier if classifies else RandomForestRegressor
        forest = kind(
            100, max_depth=12, min_samples_leaf=20, random_state=seed, n_jobs=threads or -1
        )
        return make_pipeline(_ordinal(schema), forest)

    return random_forest


def _boosting(*, classifies: bool) -> Make:
    def gradient_boosting(schema: Mapping[str, str], seed: int, threads: int) -> Any:
        """As many trees as help on the last days of those learned from; then as many on all of them."""
        from xgboost import XGBClassifier, XGBRegressor

        return (XGBClassifier if classifies else XGBRegressor)(
            n_estimators=1000,
            early_stopping_rounds=30,
            learning_rate=0.08,
            max_depth=5,
            subsample=0.8,
            colsample_bytree=0.5,
            min_child_weight=20,
            max_bin=64,
            enable_categorical=True,
            random_state=seed,
            n_jobs=threads,
        )

    return gradient_boosting


def _perceptron(*, classifies: bool) -> Make:
    def perceptron(schema: Mapping[str, str], seed: int, threads: int) -> Any:
        from sklearn.neural_network import MLPClassifier, MLPRegressor
        from sklearn.pipeline import make_pipeline

        network = (MLPClassifier if classifies else MLPRegressor)(
            hidden_layer_sizes=(32,), alpha=1e-3, batch_size=512, max_iter=40, early_stopping=True,
            n_iter_no_change=4, random_state=seed,
        )  # fmt: skip
        return make_pipeline(_one_hot(schema), network)

    return perceptron


def _averaged(*, classifies: bool) -> Make:
    def averaged(schema: Mapping[str, str], seed: int, threads: int) -> Any:
        """The mean of a linear model's, a forest's and boosted trees' answers."""
        from sklearn.ensemble import VotingClassifier, VotingRegressor

        members = _members(schema, seed, threads, classifies=classifies)
        return VotingClassifier(members, voting="soft") if classifies else VotingRegressor(members)

    return averaged


def _stacked(*, classifies: bool) -> Make:
    def stacked(schema: Mapping[str, str], seed: int, threads: int) -> Any:
        """A linear model of their answers, learned on folds; four times as many fits as `averaged`."""
        from sklearn.ensemble import StackingClassifier, StackingRegressor
        from sklearn.linear_model import LogisticRegression, Ridge

        members = _members(schema, seed, threads, classifies=classifies)
        if classifies:
            return StackingClassifier(members, LogisticRegression(random_state=seed), cv=3)
        return StackingRegressor(members, Ridge(random_state=seed), cv=3)

    return stacked


def _members(
    schema: Mapping[str, str], seed: int, threads: int, *, classifies: bool
) -> list[tuple[str, Any]]:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.pipeline import make_pipeline

    boosting = HistGradientBoostingClassifier if classifies else HistGradientBoostingRegressor
    boosted = boosting(learning_rate=0.08, max_depth=5, early_stopping=False, random_state=seed)
    return [
        ("linear", (_linear if classifies else _ridge)(schema, seed, threads)),
        ("forest", _forest(classifies=classifies)(schema, seed, threads)),
        ("boosted", make_pipeline(_ordinal(schema), boosted)),
    ]


def _one_hot(schema: Mapping[str, str]) -> Any:
    """Scaled numbers with missing ones marked, categories one-hot: sparse, so that thousands fit in memory."""
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    scaled = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    columns = (scaled, _of(schema, "number")), (_words(), _of(schema, "category"))
    return make_column_transformer(*columns, sparse_threshold=1.0)


def _ordinal(schema: Mapping[str, str]) -> Any:
    """Numbers as they are, categories as the numbers of their frequent words: what trees split."""
    from sklearn.compose import make_column_transformer
    from sklearn.preprocessing import OrdinalEncoder

    numbered = OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-1,
        min_frequency=RARE, max_categories=MOST_CATEGORIES,
    )  # fmt: skip
    columns = ("passthrough", _of(schema, "number")), (numbered, _of(schema, "category"))
    return make_column_transformer(*columns)


def _words() -> Any:
    from sklearn.preprocessing import OneHotEncoder

    return OneHotEncoder(
        handle_unknown="infrequent_if_exist", min_frequency=RARE, max_categories=MOST_CATEGORIES
    )


def _of(schema: Mapping[str, str], kind: str) -> list[str]:
    return [name for name, found in schema.items() if found == kind]


def _of_every_task(*, classifies: bool) -> dict[str, Make]:
    """Those that there are for either task, simplest first."""
    return {
        "decision-tree": _tree(classifies=classifies),
        "random-forest": _forest(classifies=classifies),
        "gradient-boosting": _boosting(classifies=classifies),
        "perceptron": _perceptron(classifies=classifies),
        "averaged": _averaged(classifies=classifies),
        "stacked": _stacked(classifies=classifies),
    }


READY: Mapping[str, Mapping[str, Make]] = {
    "binary": {
        "logistic-regression": _linear,
        "naive-bayes": _naive_bayes,
        **_of_every_task(classifies=True),
    },
    "regression": {"ridge": _ridge, **_of_every_task(classifies=False)},
}


def _trees(step: str) -> dict[str, Space]:
    leaf = integer(5, 300, log=True)
    return {f"{step}__max_depth": integer(4, 20), f"{step}__min_samples_leaf": leaf}


BOOSTED = {
    "learning_rate": log_uniform(0.02, 0.3),
    "max_depth": integer(2, 8),
    "min_child_weight": integer(1, 100, log=True),
    "subsample": uniform(0.5, 1.0),
    "colsample_bytree": uniform(0.3, 1.0),
}
# What is searched of each where `tune.every_days`, or a person, says so; ensembles are too dear.
SPACES: Mapping[str, Mapping[str, Mapping[str, Space]]] = {
    "binary": {
        "logistic-regression": {"logisticregression__C": log_uniform(0.001, 10)},
        "naive-bayes": {"bernoullinb__alpha": log_uniform(0.01, 100)},
        "decision-tree": _trees("decisiontreeclassifier"),
        "random-forest": _trees("randomforestclassifier"),
        "gradient-boosting": BOOSTED,
        "perceptron": {"mlpclassifier__alpha": log_uniform(1e-5, 1)},
    },
    "regression": {
        "ridge": {"ridge__alpha": log_uniform(0.1, 1000)},
        "decision-tree": _trees("decisiontreeregressor"),
        "random-forest": _trees("randomforestregressor"),
        "gradient-boosting": BOOSTED,
        "perceptron": {"mlpregressor__alpha": log_uniform(1e-5, 1)},
    },
}
