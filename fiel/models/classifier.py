"""The CatBoost classifier: how a frame becomes its input, how a recipe is fitted, what its bytes are.

Equal recipes on equal rows give equal trees and equal bytes: seed and threads are part of the recipe, rows are sorted,
and the two fields of the artifact that name the moment (guid, time stamp) are blanked (docs/models.md).
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from catboost import CatBoostClassifier, Pool
from catboost.utils import get_gpu_device_count

from fiel.errors import CohortError, ProgramError, SchemaError
from fiel.models.calibration import Sigmoid
from fiel.models.embedded import FittedEmbedding, embedding_of_json, fit_embedding
from fiel.models.ensemble import summed
from fiel.models.metrics import Array
from fiel.models.recipe import Recipe
from fiel.models.sampling import prior_correction, sampled
from fiel.program import Training

NO_CATEGORY = "none"
"""What an empty category is called inside the model."""

_EMBEDDING = "fiel_embedding"
"""Where a model's file keeps its embedding."""

DEFAULT_PARAMS: dict[str, float] = {
    "depth": 4,
    "learning_rate": 0.06,
    "l2_leaf_reg": 6.0,
    "rsm": 0.5,
    "random_strength": 1.0,
}
"""The parameters before any search: small trees with strong regularisation, for cohorts of a few hundred rows."""


def base_recipe(features: list[str], schema: pl.Schema, training: Training) -> Recipe:
    """The recipe before any search: text columns are categories, everything else is a number."""
    categorical = tuple(name for name in features if schema[name] in (pl.String, pl.Enum))
    return Recipe(
        features=tuple(features),
        categorical=categorical,
        params=tuple(sorted((DEFAULT_PARAMS | dict(training.params)).items())),
        iterations=training.iterations,
        seed=training.seed,
        threads=training.threads,
        device=training.device,
        negatives_kept=training.negatives_kept,
    )


def model_input(frame: pl.DataFrame, features: list[str], categorical: list[str]) -> pl.DataFrame:
    """The columns that CatBoost gets, in order: categories as text (empty is `none`), numbers with NaN for empty.

    SchemaError names the columns that `frame` lacks.
    """
    missing = [name for name in features if name not in frame.columns]
    if missing:
        raise SchemaError(_lacking(missing))
    texts = set(categorical)
    return frame.select(
        pl.col(name).cast(pl.String).fill_null(NO_CATEGORY)
        if name in texts
        else pl.col(name).cast(pl.Float64).fill_null(float("nan"))
        for name in features
    )


def fit(recipe: Recipe, frame: pl.DataFrame, sigmoid: Sigmoid | None = None) -> CatBoostClassifier:
    """The model of `recipe` on the rows of `frame` (columns: customer_id, as_of, label and the features).

    Exactly `recipe.iterations` trees, no early stopping; the members of an ensemble have their own numbers and become
    one model. An embedding is fitted on the same rows and kept in the model's file. With `recipe.negatives_kept` the
    rows are drawn and the log odds corrected for it. `sigmoid` is folded into the trees, so the artifact predicts
    calibrated probabilities by itself. CohortError when the rows hold one class only.
    """
    rows = sampled(frame, recipe.negatives_kept, recipe.seed)
    embedding = fit_embedding(recipe.embedding, rows) if recipe.embedding else None
    inputs = pool(recipe, rows if embedding is None else embedding.add(rows))
    if recipe.members:
        models = [fitted(recipe.of_member(one), inputs, ignored(recipe, one.features)) for one in recipe.members]
        model = summed(models, [one.weight for one in recipe.members], recipe.bias)
    else:
        model = fitted(recipe, inputs)
    if embedding is not None:
        model.get_metadata()[_EMBEDDING] = embedding.to_json()
    if recipe.negatives_kept < 1:
        fold_in(model, prior_correction(recipe.negatives_kept))
    if sigmoid is not None:
        fold_in(model, sigmoid)
    _blank_the_moment(model)
    return model


def fitted(recipe: Recipe, rows: Pool, ignore: Sequence[str] = ()) -> CatBoostClassifier:
    """A single model of exactly `recipe.iterations` trees that does not use the features `ignore`."""
    model = _classifier(recipe, ignore)
    model.fit(rows)
    return model


def ignored(recipe: Recipe, used: Sequence[str]) -> list[str]:
    """The recipe's features that are not among `used`."""
    return [name for name in recipe.features if name not in set(used)]


def fit_with_early_stopping(
    recipe: Recipe, rows: Pool, judge: Pool, patience: int, ignore: Sequence[str] = ()
) -> CatBoostClassifier:
    """A model of at most `recipe.iterations` trees, cut where the log loss on `judge` was best."""
    model = _classifier(recipe, ignore)
    model.fit(rows, eval_set=judge, early_stopping_rounds=patience, use_best_model=True)
    return model


def in_order(frame: pl.DataFrame) -> pl.DataFrame:
    """The rows in the order in which CatBoost gets them: by time, then customer."""
    return frame.sort("as_of", "customer_id")


def pool(recipe: Recipe, frame: pl.DataFrame) -> Pool:
    """CatBoost's input for fitting, rows in order of time; CohortError when the rows hold one class only."""
    rows = in_order(frame)
    positives = int(rows["label"].sum())
    if not 0 < positives < rows.height:
        raise CohortError(
            f"the cohorts {rows['as_of'].min()!s} to {rows['as_of'].max()!s} hold one class only ({positives} of "
            f"{rows.height} rows reached the target): there is nothing to learn; wait for data or widen the population"
        )
    inputs = model_input(rows, list(recipe.features), list(recipe.categorical))
    return Pool(inputs, label=rows["label"].to_numpy(), cat_features=list(recipe.categorical))


def features_of(model: CatBoostClassifier) -> tuple[list[str], list[str]]:
    """The features of a fitted model in order, and which of them are categories."""
    names = list(model.feature_names_)
    return names, [names[place] for place in model.get_cat_feature_indices()]


def embedding_of(model: CatBoostClassifier) -> FittedEmbedding | None:
    """The embedding in the model's file; None for a model without one."""
    text = model.get_metadata().get(_EMBEDDING)
    return None if text is None else embedding_of_json(text)


def inputs_of(model: CatBoostClassifier) -> list[str]:
    """The features that a frame has to hold: all but those that the model's own embedding makes."""
    embedding = embedding_of(model)
    made = set() if embedding is None else set(embedding.names)
    return [name for name in model.feature_names_ if name not in made]


def with_embedding(model: CatBoostClassifier, frame: pl.DataFrame) -> pl.DataFrame:
    """`frame` with the columns of the model's embedding, where it has one and `frame` lacks them."""
    embedding = embedding_of(model)
    if embedding is None or all(name in frame.columns for name in embedding.names):
        return frame
    missing = [name for name in embedding.inputs if name not in frame.columns]
    if missing:
        raise SchemaError(_lacking(missing))
    return embedding.add(frame)


def _scoring_pool(model: CatBoostClassifier, frame: pl.DataFrame) -> Pool:
    names, categorical = features_of(model)
    return Pool(model_input(with_embedding(model, frame), names, categorical), cat_features=categorical)


def raw_scores(model: CatBoostClassifier, frame: pl.DataFrame) -> Array:
    """Log odds, one for each row of `frame`."""
    if frame.is_empty():
        return np.zeros(0)
    return np.asarray(model.predict(_scoring_pool(model, frame), prediction_type="RawFormulaVal"))


def predict(model: CatBoostClassifier, frame: pl.DataFrame) -> Array:
    """Probabilities of the target, one for each row of `frame`."""
    if frame.is_empty():
        return np.zeros(0)
    return np.asarray(model.predict(_scoring_pool(model, frame), prediction_type="Probability"))[:, 1]


def shap_values(model: CatBoostClassifier, frame: pl.DataFrame) -> Array:
    """What each feature adds to the log odds: rows x features; with the base value they sum to `raw_scores`."""
    if frame.is_empty():
        return np.zeros((0, len(model.feature_names_)))
    values = np.asarray(model.get_feature_importance(_scoring_pool(model, frame), type="ShapValues", thread_count=-1))
    return values[:, :-1]


def fold_in(model: CatBoostClassifier, sigmoid: Sigmoid) -> None:
    """Make `model` predict calibrated log odds by itself: leaves times scale, plus bias.

    The scale goes into the leaf values and not into CatBoost's own scale, because CatBoost gives no SHAP values for a
    model whose scale is not 1.
    """
    if sigmoid.is_identity:
        return
    _, bias = model.get_scale_and_bias()
    model.set_leaf_values(np.asarray(model.get_leaf_values()) * sigmoid.scale)
    model.set_scale_and_bias(1.0, float(bias) * sigmoid.scale + sigmoid.bias)


def model_bytes(model: CatBoostClassifier) -> bytes:
    """The artifact as bytes (CatBoost's native format): equal for equal trainings."""
    _blank_the_moment(model)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.cbm"
        model.save_model(str(path), format="cbm")
        return path.read_bytes()


def model_digest(model: CatBoostClassifier) -> str:
    """SHA-256 of `model_bytes`, in hex."""
    return hashlib.sha256(model_bytes(model)).hexdigest()


def check_device(device: str) -> None:
    """ProgramError when a GPU is asked for and there is none."""
    if device == "gpu" and get_gpu_device_count() == 0:
        raise ProgramError("field `training.device` is gpu, but CatBoost finds none here: set it to cpu")


def _lacking(columns: Sequence[str]) -> str:
    return (
        f"the model needs columns that the snapshot does not have: {', '.join(columns)}; "
        "build the features again with the groups that the model was trained on, or retrain"
    )


def _classifier(recipe: Recipe, ignore: Sequence[str] = ()) -> CatBoostClassifier:
    params = dict(recipe.params)
    if recipe.device == "gpu":
        params.pop("rsm", None)  # CatBoost samples columns on the CPU only
    return CatBoostClassifier(
        **params,
        ignored_features=list(ignore) or None,
        iterations=recipe.iterations,
        random_seed=recipe.seed,
        thread_count=recipe.threads,
        task_type=recipe.device.upper(),
        loss_function="Logloss",
        boosting_type="Plain",
        has_time=True,
        one_hot_max_size=16,
        max_ctr_complexity=1,
        border_count=64,
        allow_writing_files=False,
        verbose=False,
    )


def _blank_the_moment(model: CatBoostClassifier) -> None:
    metadata = model.get_metadata()
    metadata["model_guid"] = metadata["train_finish_time"] = "0"
    metadata["output_options"] = "{}"
