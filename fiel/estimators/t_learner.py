"""Uplift by two models, one of the treated and one of the others; and whether the features tell who was treated.

The T-learner (Künzel, Sekhon, Bickel and Yu 2019): uplift = P(outcome | control) - P(outcome | treated), so above zero
the treatment prevents the outcome. Whoever asks sees to it that customers are asked of models that have not seen them.
The models are CatBoost's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import polars as pl
from catboost import CatBoostClassifier

from fiel.errors import EstimatorError

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

NOT_FEATURES = ("label", "is_treated", "y", "t")


@dataclass(frozen=True)
class TLearner:
    """Two fitted models of the same features: `control` of customers left alone, `treated` of treated ones."""

    features: tuple[str, ...]
    control: CatBoostClassifier
    treated: CatBoostClassifier

    @classmethod
    def fit(cls, rows: pl.DataFrame, features: Sequence[str], *, seed: int, threads: int = 1) -> Self:
        """The models on `rows`: the features, customer_id, label 0 or 1, is_treated; the order of rows does not matter.

        EstimatorError: the outcome or the treatment is among the features, or an arm has one outcome only.
        """
        check_features(features)
        ordered = rows.sort("customer_id")
        models = []
        for arm, name in ((False, "control"), (True, "treated")):
            known = ordered.filter(pl.col("is_treated") == arm)
            outcome = known.get_column("label").to_numpy().astype(np.int64)
            if len(np.unique(outcome)) < 2:
                raise EstimatorError(f"all of the {len(known):,} {name} customers have one outcome: uplift needs both")
            models.append(_fitted(known.select(features), outcome, seed, threads))
        return cls(tuple(features), *models)

    def predict(self, rows: pl.DataFrame) -> Array:
        """Probability of the outcome for each row: without the treatment, with it (rows x 2)."""
        asked = rows.select(self.features)
        return np.column_stack([_asked(self.control, asked), _asked(self.treated, asked)])


def cross_fitted_treatment(
    features: pl.DataFrame, labels: pl.DataFrame, *, seed: int, folds: int = 5, threads: int = 1
) -> pl.DataFrame:
    """customer_id, is_treated, prob: how likely each customer's features made the treatment, from models of others.

    `features`: customer_id, numbers and texts, one row a customer (nulls are allowed); `labels`: customer_id, label 0
    or 1, is_treated. Customers without a label or a treatment are left out. The same whatever the order of the rows.
    With a coin's treatment nobody can tell, and `prob` ranks no better than chance. EstimatorError: the outcome or the
    treatment is among the features, or an arm has too few customers for the folds.
    """
    table, names = _table(features, labels)
    treated = table.get_column("is_treated").to_numpy().astype(np.int64)
    if min(treated.sum(), len(treated) - treated.sum()) < folds:
        raise EstimatorError(f"{int(treated.sum())} of {len(treated)} customers are treated: {folds} folds need more")
    fold = stratified_folds(treated, folds, seed)
    probs = np.empty(len(table))
    for held_out in range(folds):
        known = fold != held_out
        model = _fitted(table.filter(pl.Series(known)).select(names), treated[known], seed, threads)
        probs[~known] = _asked(model, table.filter(pl.Series(~known)).select(names))
    return table.select("customer_id", "is_treated").with_columns(prob=pl.Series(probs))


def stratified_folds(strata: npt.ArrayLike, folds: int, seed: int) -> Labels:
    """Fold 0 .. folds - 1 of each row: every stratum is shuffled and dealt out in turn."""
    groups = np.asarray(strata)
    draw = np.random.default_rng(seed)
    fold = np.empty(len(groups), dtype=np.int64)
    dealt = 0
    for group in np.unique(groups):
        rows = draw.permutation(np.flatnonzero(groups == group))
        fold[rows] = (np.arange(len(rows)) + dealt) % folds
        dealt += len(rows)
    return fold


def check_features(names: Sequence[str]) -> None:
    """EstimatorError unless there are features, and neither outcome nor treatment is among them."""
    wrong = [name for name in names if name.lower() in NOT_FEATURES]
    if wrong or not names:
        raise EstimatorError(f"features hold {', '.join(wrong) or 'no column'}: outcome and treatment are no features")


def _table(features: pl.DataFrame, labels: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """Features and labels of the customers who have both, sorted by customer; and the features' names."""
    names = [name for name in features.columns if name != "customer_id"]
    check_features(names)
    known = labels.filter(pl.col("label").is_not_null(), pl.col("is_treated").is_not_null())
    joined = known.select("customer_id", "label", "is_treated").join(features, on="customer_id", how="inner")
    if joined.get_column("customer_id").is_duplicated().any():
        raise EstimatorError("a customer stands twice in the features or labels: one row each")
    if joined.is_empty():
        raise EstimatorError("no customer has features, a label and a treatment")
    return joined.sort("customer_id"), names


def _fitted(rows: pl.DataFrame, outcome: Labels, seed: int, threads: int) -> CatBoostClassifier:
    """Shallow trees with few features each: the smaller arm has a hundred of the outcome, not thousands."""
    texts = [name for name, dtype in rows.schema.items() if dtype == pl.String]
    model = CatBoostClassifier(
        iterations=150, depth=3, learning_rate=0.04, l2_leaf_reg=10.0, rsm=0.3, border_count=32, random_seed=seed,
        thread_count=threads, cat_features=texts, allow_writing_files=False, verbose=False,
    )  # fmt: skip
    return model.fit(_plain(rows), outcome)


def _asked(model: CatBoostClassifier, rows: pl.DataFrame) -> Array:
    return np.asarray(model.predict_proba(_plain(rows))[:, 1], dtype=np.float64)


def _plain(rows: pl.DataFrame) -> pl.DataFrame:
    """Texts without nulls, which CatBoost refuses."""
    return rows.with_columns(pl.col(pl.String).fill_null(""))
